//! Changes documents: pieces of XML as pieces, values, namespaces, bytes.

use std::ops::Range;

use super::chance::Chance;

/// What people and their programs write where it does not belong.
const VALUES: &[&str] = &[
    "",
    " ",
    "1",
    "0",
    "-1",
    "+1",
    "00",
    "1.0",
    "1.50",
    "true",
    "false",
    "TRUE",
    "2024-02-29",
    "2023-02-29",
    "2024-13-01",
    "2024-05-28T09:00:00",
    "2024-05-28T24:00:00",
    "2024-05-28T09:00:60Z",
    "2024-05-28Z",
    "2024-05-28+14:01",
    "24:00:00",
    "09:00:00.5",
    "99999999999999999999",
    "4294967296",
    "4294967295",
    "2147483648",
    "256",
    "-0",
    "1e5",
    "INF",
    "NaN",
    "+INF",
    "1.",
    ".5",
    ".",
    "abc",
    "a b",
    "a  b",
    " a ",
    "\ta\n",
    "a\r\nb",
    "äöü",
    "\u{130}",
    "\u{400}",
    "C\u{300}",
    "a\u{301}",
    "x\u{30b}",
    "\u{1E9E}",
    "&amp;",
    "&lt;",
    "&#65;",
    "&#x41;",
    "&foo;",
    "&#0;",
    "&#10;",
    "&#x1F;",
    "&",
    "]]>",
    ">",
    "urn:x:y",
    "http://a/b",
    "http://a b",
    "1a:b",
    ":",
    "%zz",
    "#a#b",
    "AAAA",
    "AAA=",
    "AAB=",
    "AA==",
    "AB==",
    "A",
    "AA AA",
    "AAAA\n AAAA",
    "id-1",
    "1id",
    "a:b",
    "xs:int",
    "\u{fffe}",
    "\u{1}",
    "\u{7f}",
    "\u{85}",
    "\u{a0}",
    "\u{2028}",
    "<!-- c -->1",
    "<![CDATA[1]]>",
    "<![CDATA[a&b]]>",
    "<![CDATA[ ]]>",
    "<?p x?>",
    "<?xml x?>",
    "<!-- -- -->",
    "00000001-0000-4000-8000-000000000001",
    "2024",
    "-2024",
    "02024",
    "--05",
    "--05--",
    "---31",
    "--02-30",
    "P1Y",
    "P",
    "PT",
    "de",
    "de-DE",
    "deutschland",
    "1 2 3",
    "x y",
    "2.0",
    "0000-01-01",
    "10000-01-01",
    "a|b",
    "axx",
    "xb",
    "straße",
];

const TAGS: &[&str] = &[
    " xsi:nil=\"true\"",
    " xsi:nil=\"false\"",
    " n1:nil=\"1\"",
    " xsi:type=\"Foo\"",
    " n1:type=\"n4:Person\"",
    " xsi:type=\"Person\"",
    " xsi:type=\"xs:string\"",
    " x=\"1\"",
    " xmlns:q=\"urn:q\"",
    " xmlns=\"urn:z\"",
    " xmlns=\"\"",
    " xml:lang=\"de\"",
    " xsi:foo=\"1\"",
    " xmlns:xsi=\"urn:no\"",
    " xmlns:n4=\"urn:other\"",
    " xmlns:n3=\"urn:everything\"",
    " xmlns:p=\"urn:other\"",
    " xmlns=\"urn:everything\"",
    " xmlns=\"urn:other\"",
    " xmlns:e=\"urn:other\"",
    " xsi:schemaLocation=\"a b\"",
    " id=\"ID1\"",
    " xmlns:xml=\"urn:x\"",
    " xmlns:xmlns=\"urn:x\"",
    " a='<'",
    " a=\"&amp;\"",
    "a=\"1\"",
    " :a=\"1\"",
    " a:=\"1\"",
    " g1:a=\"1\"",
    " xmlns:g1=\"urn:foreign\" xmlns:g2=\"urn:foreign\" g1:a=\"1\" g2:a=\"1\"",
];

const INSERTED: &[&str] = &[
    "x",
    " ",
    "<!-- c -->",
    "<?pi d?>",
    "<![CDATA[x]]>",
    "<![CDATA[]]>",
    "&amp;",
    "<x/>",
    "\r\n",
    "\u{a0}",
    "</x>",
    "<",
    "<b xmlns=\"\"/>",
    "<x:y xmlns:x=\"urn:unheard\"><z/></x:y>",
    "<!DOCTYPE a>",
];

/// Elements, in the order of their start tags: the start tag, and the whole.
struct Parts {
    elements: Vec<(Range<usize>, Range<usize>)>,
    texts: Vec<Range<usize>>,
    /// With the space before it; and its value.
    attributes: Vec<(Range<usize>, Range<usize>)>,
}

fn parts(document: &[u8]) -> Parts {
    let mut parts = Parts { elements: Vec::new(), texts: Vec::new(), attributes: Vec::new() };
    let (mut open, mut at): (Vec<usize>, usize) = (Vec::new(), 0);
    let find = |from: usize, byte: u8| {
        document.get(from..)?.iter().position(|other| *other == byte).map(|place| from + place)
    };
    while let Some(begin) = find(at, b'<') {
        let Some(end) = find(begin, b'>').map(|end| end + 1) else { break };
        match document.get(begin + 1) {
            Some(b'/') => {
                if let Some(number) = open.pop() {
                    parts.elements[number].1.end = end;
                }
            }
            Some(b'!' | b'?') => {}
            _ => {
                parts.attributes.extend(attributes(document, begin..end));
                parts.elements.push((begin..end, begin..end));
                if document[end - 2] != b'/' {
                    open.push(parts.elements.len() - 1);
                    if let Some(next) = find(end, b'<') {
                        parts.texts.push(end..next);
                    }
                }
            }
        }
        at = end;
    }
    parts
}

fn attributes(document: &[u8], tag: Range<usize>) -> Vec<(Range<usize>, Range<usize>)> {
    let (mut found, mut at) = (Vec::new(), tag.start);
    while let Some(equals) = document[at..tag.end].iter().position(|byte| *byte == b'=') {
        let equals = at + equals;
        let is_quote = |byte: &u8| matches!(byte, b'"' | b'\'');
        let Some(open) = document[equals..tag.end].iter().position(is_quote) else { break };
        let open = equals + open;
        let quote = document[open];
        let Some(close) = document[open + 1..tag.end].iter().position(|b| *b == quote) else {
            break;
        };
        let close = open + 1 + close;
        let is_space = |at: &usize| document[*at].is_ascii_whitespace();
        let begin = (tag.start..equals).rev().skip_while(is_space).find(is_space);
        found.push((begin.unwrap_or(equals)..close + 1, open + 1..close));
        at = close + 1;
    }
    found
}

/// `document` with something changed; `others` are what pieces are taken from.
pub(super) fn mutate(document: &[u8], others: &[Vec<u8>], chance: &mut Chance) -> Vec<u8> {
    let parts = parts(document);
    if parts.elements.is_empty() {
        return document.to_vec();
    }
    let put = |range: Range<usize>, new: &[u8]| {
        [&document[..range.start], new, &document[range.end..]].concat()
    };
    let (tag, element) = chance.one_of(&parts.elements).clone();
    let (_, other) = chance.one_of(&parts.elements).clone();
    let inside = tag.end - if document[tag.end - 2] == b'/' { 2 } else { 1 };
    match chance.below(24) {
        0 | 1 => put(element, b""),
        2 | 3 => put(element.end..element.end, &document[element]),
        4 => swap_neighbours(document, &parts, &element),
        5 => put(other.end..other.end, &document[element]),
        6..=9 if !parts.texts.is_empty() => {
            put(chance.one_of(&parts.texts).clone(), chance.one_of(VALUES).as_bytes())
        }
        10 | 11 if !parts.attributes.is_empty() => {
            put(chance.one_of(&parts.attributes).1.clone(), chance.one_of(VALUES).as_bytes())
        }
        12 if !parts.attributes.is_empty() => put(chance.one_of(&parts.attributes).0.clone(), b""),
        13 if !parts.attributes.is_empty() => {
            let (whole, value) = chance.one_of(&parts.attributes).clone();
            let (_, from) = chance.one_of(&parts.attributes).clone();
            match chance.below(3) {
                0 => put(whole.end..whole.end, &document[whole]),
                1 => put(inside..inside, &document[whole]),
                _ => put(value, &document[from]),
            }
        }
        14 => bytes(document, chance),
        15 => digits(document, chance),
        16 => put(tag.end..tag.end, chance.one_of(INSERTED).as_bytes()),
        17 | 18 => put(inside..inside, chance.one_of(TAGS).as_bytes()),
        19 if !parts.texts.is_empty() => {
            let from = chance.one_of(&parts.texts).clone();
            put(chance.one_of(&parts.texts).clone(), &document[from])
        }
        20 if !parts.texts.is_empty() => {
            let text = chance.one_of(&parts.texts);
            let at = text.start + chance.below(text.len() + 1);
            put(at..at, chance.one_of(VALUES).as_bytes())
        }
        21 => names(document, &tag, chance),
        22 => namespaces(document, &parts, chance),
        _ => {
            let from = chance.one_of(others);
            let pieces = self::parts(from).elements;
            match pieces.is_empty() {
                true => document.to_vec(),
                false => put(element, &from[chance.one_of(&pieces).1.clone()]),
            }
        }
    }
}

fn swap_neighbours(document: &[u8], parts: &Parts, element: &Range<usize>) -> Vec<u8> {
    let next = parts.elements.iter().map(|(_, whole)| whole).find(|w| w.start >= element.end);
    let Some(next) = next else { return document.to_vec() };
    [
        &document[..element.start],
        &document[next.clone()],
        &document[element.end..next.start],
        &document[element.clone()],
        &document[next.end..],
    ]
    .concat()
}

fn bytes(document: &[u8], chance: &mut Chance) -> Vec<u8> {
    let mut changed = document.to_vec();
    for _ in 0..=chance.below(3) {
        let at = chance.below(changed.len());
        changed[at] = match chance.below(4) {
            0 => b'0' + u8::try_from(chance.below(10)).unwrap(),
            1 => *chance.one_of(b"<>&\"'/=: ]-!?"),
            2 => u8::try_from(chance.below(256)).unwrap(),
            _ => changed[chance.below(changed.len())],
        };
    }
    changed
}

fn digits(document: &[u8], chance: &mut Chance) -> Vec<u8> {
    let mut changed = document.to_vec();
    let places: Vec<usize> =
        (0..document.len()).filter(|at| document[*at].is_ascii_digit()).collect();
    if !places.is_empty() {
        changed[*chance.one_of(&places)] = b'0' + u8::try_from(chance.below(10)).unwrap();
    }
    changed
}

/// Changes the prefix of a start tag, or its name, without its end tag.
fn names(document: &[u8], tag: &Range<usize>, chance: &mut Chance) -> Vec<u8> {
    let prefix = *chance.one_of(&["", "p:", "n3:", "n4:", "e:", "o:", "q:", "a"]);
    let name = &document[tag.start + 1..tag.end];
    let colon = name.iter().position(|byte| *byte == b':' || byte.is_ascii_whitespace());
    let old = colon.filter(|at| name[*at] == b':').map_or(0, |at| at + 1);
    let end = name.iter().position(|b| matches!(b, b'>' | b'/' | b' ' | b'\n')).unwrap_or(0);
    let local = name[old.min(end)..end].to_vec();
    let begin = tag.start + 1;
    // With its end tag where that comes soon, so that the name alone is wrong.
    let mut changed =
        [&document[..begin], prefix.as_bytes(), &local, &document[begin + end..]].concat();
    let closing = [b"</", &name[..end], b">"].concat();
    let after = begin + end;
    if let Some(at) = changed
        .windows(closing.len())
        .position(|window| window == closing)
        .filter(|at| *at > after.saturating_sub(old))
    {
        let new = [b"</", prefix.as_bytes(), &local, b">"].concat();
        changed.splice(at..at + closing.len(), new);
    }
    changed
}

/// Gives a declaration of a namespace the value of another, or moves one.
fn namespaces(document: &[u8], parts: &Parts, chance: &mut Chance) -> Vec<u8> {
    let is_declaration = |(whole, _): &&(Range<usize>, Range<usize>)| {
        document[whole.clone()].trim_ascii().starts_with(b"xmlns")
    };
    let declared: Vec<_> = parts.attributes.iter().filter(is_declaration).cloned().collect();
    if declared.is_empty() {
        return document.to_vec();
    }
    let ((whole, value), (_, from)) =
        (chance.one_of(&declared).clone(), chance.one_of(&declared).clone());
    if chance.is_one_in(2) {
        return [&document[..value.start], &document[from], &document[value.end..]].concat();
    }
    // The same declaration once more, deeper.
    let (tag, _) = chance.one_of(&parts.elements);
    let at = tag.end - if document[tag.end - 2] == b'/' { 2 } else { 1 };
    let moved = [b" ", document[whole].trim_ascii(), b" "].concat();
    [&document[..at], &moved, &document[at..]].concat()
}
