//! Changes documents at random, repeatably: bytes, pieces of XML as pieces, values of JSON.

use std::ops::Range;

use quick_xml::{Reader, events::Event};

/// A generator of random numbers that are the same for the same seed (xorshift64*).
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        // Neighbouring seeds shall not begin alike, and zero would stay zero.
        let mixed = (seed ^ 0x9E37_79B9_7F4A_7C15).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        Self((mixed ^ (mixed >> 29)) | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// A number below `end`, which is not 0.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(end).unwrap()).unwrap()
    }

    fn text(&mut self, of: &[&'static str]) -> &'static str {
        of[self.below(of.len())]
    }

    /// One of them.
    pub(crate) fn one_of<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }
}

/// What people and their programs write where it does not belong.
const VALUES: &[&str] = &[
    "",
    " ",
    "0",
    "-1",
    "1",
    "00",
    "1.0",
    "1e3",
    "true",
    "TRUE",
    "abc",
    "2024-02-30",
    "2024-05-28",
    "2024-05-28Z",
    "2024-05-28T25:00:00",
    "24:00:00",
    "12345",
    "99999999999999999999999",
    "Müller",
    "Zoe\u{308}",
    "\u{a0}",
    "\u{2028}",
    "a\u{a0}b",
    "\u{41f}",
    "\u{1F600}",
    "&amp;",
    "&lt;a&gt;",
    "&#x41;",
    "&#0;",
    "&#x20;",
    "&ort;",
    "]]>",
    "<![CDATA[x]]>",
    "<![CDATA[ ]]>",
    "<!-- x -->",
    "<?a b?>",
    "QUJD REVG",
    "QUJD\n REVG",
    "QQ==",
    "QR==",
    "{}",
    "null",
    "..",
    "a:b",
    "xs:int",
    "e80fc86b-2c7f-54d6-a7e9-adc42891082b",
    "  x  ",
    "\t",
    "\r\n",
    "+1",
    "1.",
    ".5",
    "INF",
    "NaN",
];

/// Attributes that change what an element is.
const ATTRIBUTES: &[&str] = &[
    " xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:nil=\"true\"",
    " xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:nil=\"0\"",
    " xmlns:xs=\"http://www.w3.org/2001/XMLSchema\" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:type=\"xs:string\"",
    " xmlns:xs=\"http://www.w3.org/2001/XMLSchema\" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:type=\"xs:anyType\"",
    " xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:schemaLocation=\"urn:nobody http://127.0.0.1:9/a.xsd\"",
    " xmlns=\"urn:other\"",
    " xmlns=\"\"",
    " id=\"a\"",
    " version=\"1.0\"",
    " xml:lang=\"de\"",
    " a=\"1\" a=\"2\"",
    " b",
    " c='<'",
];

const JSON: &[&str] = &[
    "null",
    "true",
    "0",
    "-0",
    "1e400",
    "1E-400",
    "01",
    "123456789012345678901234567890",
    "\"\"",
    "\"\\ud800\"",
    "\"\\udc00\\ud800\"",
    "\"\\ud83d\\ude00\"",
    "\"\\u0000\"",
    "\"Zoe\\u0308\"",
    "\"\u{308}\"",
    "[]",
    "{}",
    "[[[[[[[[]]]]]]]]",
    "{\"a\":1,\"a\":2}",
    "\"2024-02-30\"",
    "\"a\\",
    "NaN",
    "{\"$schema\":\"x\"}",
    "\u{FEFF}",
    "'a'",
    ",",
    ":",
    "}",
    "]",
    "\"Müller\"",
    "/* */",
];

/// Changes `document` once.
pub(crate) fn mutate(document: &[u8], chance: &mut Chance) -> Vec<u8> {
    let Ok(text) = std::str::from_utf8(document) else { return bytes(document, chance) };
    match (text.trim_start().starts_with('<'), chance.below(8)) {
        (_, 0) => bytes(document, chance),
        (true, _) => xml(text, chance).into_bytes(),
        (false, _) => json(text, chance).into_bytes(),
    }
}

fn bytes(document: &[u8], chance: &mut Chance) -> Vec<u8> {
    let mut bytes = document.to_vec();
    if bytes.is_empty() {
        return vec![b'<'];
    }
    let at = chance.below(bytes.len());
    let end = at + chance.below((bytes.len() - at).min(64)) + 1;
    match chance.below(6) {
        0 => bytes[at] ^= 1 << chance.below(8),
        1 => bytes[at] = u8::try_from(chance.below(256)).unwrap(),
        2 => drop(bytes.drain(at..end)),
        3 => {
            let copy = bytes[at..end].to_vec();
            bytes.splice(at..at, copy);
        }
        4 => bytes.truncate(at),
        _ => drop(bytes.splice(at..at, *b"\xED\xA0\x80")),
    }
    bytes
}

/// Where things are in an XML document.
#[derive(Default)]
struct Parts {
    /// Elements that are closed, with both tags.
    elements: Vec<Range<usize>>,
    /// Start tags, without what closes them.
    tags: Vec<Range<usize>>,
    texts: Vec<Range<usize>>,
    /// Values of attributes, without quotes.
    values: Vec<Range<usize>>,
    /// Attributes with the space before them.
    attributes: Vec<Range<usize>>,
}

fn parts(text: &str) -> Parts {
    let mut parts = Parts::default();
    let mut reader = Reader::from_str(text);
    let (mut open, mut begin) = (Vec::new(), 0);
    while let Ok(event) = reader.read_event() {
        let end = usize::try_from(reader.buffer_position()).unwrap();
        match event {
            Event::Start(_) => {
                open.push(begin);
                parts.tag(text, begin..end - 1);
            }
            Event::Empty(_) => {
                parts.elements.push(begin..end);
                parts.tag(text, begin..end - 2);
            }
            Event::End(_) => parts.elements.extend(open.pop().map(|begin| begin..end)),
            Event::Text(_) => parts.texts.push(begin..end),
            Event::Eof => break,
            _ => {}
        }
        begin = end;
    }
    parts
}

impl Parts {
    fn tag(&mut self, text: &str, tag: Range<usize>) {
        let mut at = tag.start;
        while let Some((equals, quote)) =
            text[at..tag.end].match_indices(['=']).find_map(|(n, _)| {
                let quote = text[at + n + 1..].chars().next().filter(|c| matches!(c, '"' | '\''));
                quote.map(|quote| (at + n, quote))
            })
        {
            let Some(length) = text[equals + 2..tag.end].find(quote) else { break };
            let name = text[at..equals].rfind(char::is_whitespace).map_or(at, |n| at + n);
            self.values.push(equals + 2..equals + 2 + length);
            self.attributes.push(name..equals + 3 + length);
            at = equals + 3 + length;
        }
        self.tags.push(tag);
    }
}

fn xml(text: &str, chance: &mut Chance) -> String {
    let parts = parts(text);
    let pick = |ranges: &[Range<usize>], chance: &mut Chance| match ranges.len() {
        0 => 0..0,
        _ => chance.one_of(ranges).clone(),
    };
    let mut changed = text.to_owned();
    let element = pick(&parts.elements, chance);
    match chance.below(12) {
        0 => changed.replace_range(element, ""),
        1 => changed.insert_str(element.end, &text[element]),
        2 => changed.insert_str(element.start, &text[pick(&parts.elements, chance)]),
        3 => changed.replace_range(element, &text[pick(&parts.elements, chance)]),
        4 | 5 => changed.replace_range(pick(&parts.texts, chance), chance.text(VALUES)),
        6 => changed.replace_range(pick(&parts.texts, chance), &text[pick(&parts.texts, chance)]),
        7 => changed.replace_range(pick(&parts.values, chance), chance.text(VALUES)),
        8 => changed.replace_range(pick(&parts.attributes, chance), ""),
        9 => changed.insert_str(pick(&parts.tags, chance).end, chance.text(ATTRIBUTES)),
        10 => changed.insert_str(element.end, chance.text(VALUES)),
        _ => changed
            .replace_range(pick(&parts.attributes, chance), &text[pick(&parts.attributes, chance)]),
    }
    changed
}

/// Where values, strings and members of a JSON text are, roughly.
fn json(text: &str, chance: &mut Chance) -> String {
    let mut tokens: Vec<Range<usize>> = Vec::new();
    let (mut at, bytes) = (0, text.as_bytes());
    while at < bytes.len() {
        let begin = at;
        at += 1;
        if bytes[begin] == b'"' {
            while at < bytes.len() && bytes[at] != b'"' {
                at += if bytes[at] == b'\\' { 2 } else { 1 };
            }
            at = (at + 1).min(bytes.len());
        } else if bytes[begin].is_ascii_alphanumeric() {
            while at < bytes.len() && bytes[at].is_ascii_alphanumeric() {
                at += 1;
            }
        }
        while !text.is_char_boundary(at) {
            at += 1;
        }
        if !bytes[begin].is_ascii_whitespace() {
            tokens.push(begin..at);
        }
    }
    if tokens.is_empty() {
        return "{".to_owned();
    }
    let mut changed = text.to_owned();
    let token = chance.one_of(&tokens).clone();
    match chance.below(6) {
        0 => changed.replace_range(token, ""),
        1 | 2 => changed.replace_range(token, chance.text(JSON)),
        3 => changed.insert_str(token.start, chance.text(JSON)),
        4 => changed.replace_range(token, &text[chance.one_of(&tokens).clone()]),
        _ => {
            let end = tokens[chance.below(tokens.len())].end.max(token.end);
            changed.insert_str(token.end, &text[token.start..end]);
        }
    }
    changed
}
