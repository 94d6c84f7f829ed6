//! Characters and white space of values.

use crate::{
    characters,
    codec::coded,
    lanes::{self, Lanes, WIDTH},
};

/// What a type does to white space before its value is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WhiteSpace {
    /// Nothing.
    Preserve,
    /// Makes each a space.
    Replace,
    /// The same, then one of many and none at the ends.
    Collapse,
}

coded!(WhiteSpace = Preserve, Replace, Collapse);

/// White space as XML has it; Unicode has more.
#[inline(always)]
pub(crate) fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\n' | b'\t' | b'\r')
}

/// Without white space at the ends.
#[inline]
pub(crate) fn trim(mut text: &[u8]) -> &[u8] {
    while let [first, rest @ ..] = text
        && is_space(*first)
    {
        text = rest;
    }
    while let [rest @ .., last] = text
        && is_space(*last)
    {
        text = rest;
    }
    text
}

/// `text` after `mode`; `buffer` is used where it has to change.
#[inline]
pub(crate) fn normalise<'t>(text: &'t [u8], mode: WhiteSpace, buffer: &'t mut Vec<u8>) -> &'t [u8] {
    match mode {
        WhiteSpace::Preserve => text,
        WhiteSpace::Replace if !text.iter().any(|byte| matches!(byte, b'\t' | b'\n' | b'\r')) => {
            text
        }
        WhiteSpace::Replace => {
            buffer.clear();
            buffer.extend(text.iter().map(|byte| if is_space(*byte) { b' ' } else { *byte }));
            buffer
        }
        WhiteSpace::Collapse => {
            let text = trim(text);
            if is_collapsed(text) {
                return text;
            }
            buffer.clear();
            for word in words(text) {
                if !buffer.is_empty() {
                    buffer.push(b' ');
                }
                buffer.extend_from_slice(word);
            }
            buffer
        }
    }
}

/// The pieces between white space.
pub(crate) fn words(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|byte| is_space(*byte)).filter(|word| !word.is_empty())
}

/// Whether trimmed `text` has single spaces only.
fn is_collapsed(text: &[u8]) -> bool {
    let (mut is_clean, mut was_space) = (true, false);
    for byte in text {
        let is_now = *byte == b' ';
        let is_other = matches!(byte, b'\n' | b'\t' | b'\r');
        is_clean &= !(is_other || (is_now && was_space));
        was_space = is_now;
    }
    is_clean
}

/// How many characters `text` has, which is UTF-8.
#[inline]
pub(crate) fn count_chars(text: &[u8]) -> usize {
    text.iter().filter(|byte| **byte & 0xC0 != 0x80).count()
}

/// Whether `text` is UTF-8 of characters that XML allows.
pub(crate) fn is_xml<L: Lanes>(text: &[u8]) -> bool {
    let (mut controls, mut others) = (0, 0);
    let mut chunks = text.chunks_exact(WIDTH);
    for chunk in &mut chunks {
        let lanes: L = lanes::load(chunk, 0);
        others |= lanes.is_within(0x80, 0xFF).bits();
        let is_control = lanes.is_within(0, 0x08).or(lanes.is_within(0x0B, 0x0C));
        controls |= is_control.or(lanes.is_within(0x0E, 0x1F)).bits();
    }
    let mut is_ascii = others == 0;
    for byte in chunks.remainder() {
        is_ascii &= byte.is_ascii();
        controls |= u32::from(*byte < 0x20 && !is_space(*byte));
    }
    controls == 0 && (is_ascii || is_xml_unicode(text))
}

/// The same of text that is not ASCII: two characters that UTF-8 has are none of XML's.
fn is_xml_unicode(text: &[u8]) -> bool {
    let is_forbidden = |window: &[u8]| matches!(window, [0xEF, 0xBF, 0xBE | 0xBF]);
    str::from_utf8(text).is_ok() && !(text.contains(&0xEF) && text.windows(3).any(is_forbidden))
}

/// Whether `text` is certainly a name without colon.
pub(crate) fn is_ncname(text: &[u8]) -> bool {
    let Some(first) = text.first() else { return false };
    if text.is_ascii() {
        return (first.is_ascii_alphabetic() || *first == b'_') && text.iter().all(is_name_byte);
    }
    let Ok(text) = str::from_utf8(text) else { return false };
    let mut characters = text.chars();
    characters.next().is_some_and(characters::begins_name)
        && characters.all(characters::continues_name)
}

/// Whether `text` is certainly made of what names are made of.
pub(crate) fn is_nmtoken(text: &[u8]) -> bool {
    let is_token = |text: &str| text.chars().all(|c| c == ':' || characters::continues_name(c));
    !text.is_empty() && str::from_utf8(text).is_ok_and(is_token)
}

fn is_name_byte(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lanes::{Scalar, Vector};

    #[test]
    fn white_space_is_handled_as_each_type_wants() {
        let rows = [
            (WhiteSpace::Preserve, " a\t b ", " a\t b "),
            (WhiteSpace::Replace, " a\t\n b\r", " a   b "),
            (WhiteSpace::Replace, " a ", " a "),
            (WhiteSpace::Collapse, " a\t\n b\r", "a b"),
            (WhiteSpace::Collapse, "a  b", "a b"),
            (WhiteSpace::Collapse, "a\u{a0} b", "a\u{a0} b"),
            (WhiteSpace::Collapse, " \n ", ""),
        ];
        for (mode, text, expected) in rows {
            let mut buffer = Vec::new();
            let found = normalise(text.as_bytes(), mode, &mut buffer);
            assert_eq!(found, expected.as_bytes(), "{mode:?} {text:?}");
        }
    }

    #[test]
    fn what_xml_forbids_is_found_anywhere() {
        let bad: [&[u8]; 8] = [
            b"\0",
            b"\x08",
            b"\x0B",
            b"\x1F",
            b"\xFF",
            b"\xC3",
            "\u{fffe}".as_bytes(),
            b"\xED\xA0\x80",
        ];
        for filler in ["", "0123456789abcdefgh", "ä", "0123456789abcdeä\t\n\r\u{7f}\u{85}"] {
            assert!(is_xml::<Vector>(filler.as_bytes()) && is_xml::<Scalar>(filler.as_bytes()));
            for piece in bad {
                let text = [filler.as_bytes(), piece, filler.as_bytes()].concat();
                assert!(!is_xml::<Vector>(&text), "{text:?}");
                assert!(!is_xml::<Scalar>(&text), "{text:?}");
            }
        }
    }

    #[test]
    fn names_are_those_of_every_edition() {
        for name in ["a", "_", "Straße", "Größe-1.2", "čas", "ID_0"] {
            assert!(is_ncname(name.as_bytes()) && is_nmtoken(name.as_bytes()), "{name}");
        }
        for name in ["", "1a", "-a", "a:b", "a b", "\u{2126}\u{2070}", "a\u{d7}"] {
            assert!(!is_ncname(name.as_bytes()), "{name}");
        }
        assert!(is_nmtoken(b"1a:-") && !is_nmtoken(b"") && !is_nmtoken(b"a b"));
    }
}
