//! Text as it is meant: references resolved, line ends made one.

use crate::{
    faults::{Fault, is_planted},
    lanes::Lanes,
    simple::text,
    verdict::{Doubted, Reason},
};

/// Where a stretch stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Between tags.
    Content,
    /// Within quotes, where each white space is a space.
    Attribute,
}

/// Appends what `raw` means.
pub(crate) fn decode<L: Lanes>(raw: &[u8], place: Place, to: &mut Vec<u8>) -> Doubted<()> {
    if !text::is_xml::<L>(raw) {
        return Err(Reason::Characters);
    }
    let is_special = |byte: &u8| match place {
        Place::Content => matches!(byte, b'&' | b'\r' | b']'),
        Place::Attribute => matches!(byte, b'&' | b'\r' | b'\n' | b'\t'),
    };
    let mut rest = raw;
    while let Some(at) = rest.iter().position(is_special) {
        let (before, behind) = rest.split_at_checked(at).ok_or(Reason::Syntax)?;
        to.extend_from_slice(before);
        rest = match behind {
            [b'&', reference @ ..] => resolve(reference, to)?,
            [b'\r', b'\n', more @ ..] | [b'\r' | b'\n' | b'\t', more @ ..] => {
                to.push(if place == Place::Attribute { b' ' } else { b'\n' });
                more
            }
            [b']', b']', b'>', ..] => return Err(Reason::Syntax),
            [other, more @ ..] => {
                to.push(*other);
                more
            }
            [] => &[],
        };
    }
    to.extend_from_slice(rest);
    Ok(())
}

/// Appends the text of a section of CDATA, where only line ends are made one.
pub(crate) fn lines(section: &[u8], to: &mut Vec<u8>) {
    let mut rest = section;
    while let Some((first, more)) = rest.split_first() {
        rest = more;
        if *first == b'\r' {
            to.push(b'\n');
            rest = rest.strip_prefix(b"\n").unwrap_or(rest);
        } else {
            to.push(*first);
        }
    }
}

/// Whether `raw` means something else than it says.
pub(crate) fn must_be_decoded(raw: &[u8], place: Place) -> bool {
    raw.iter().any(|byte| match byte {
        b'&' | b'\r' => true,
        b']' => place == Place::Content,
        b'\n' | b'\t' => place == Place::Attribute,
        _ => false,
    })
}

/// Appends what the reference stands for that begins behind `&`; gives what comes behind it.
fn resolve<'t>(reference: &'t [u8], to: &mut Vec<u8>) -> Doubted<&'t [u8]> {
    /// `#1114111;` has nine; zeros before it only those mean who want to hide something.
    const LENGTH_MAX: usize = 12;
    let end = reference.iter().take(LENGTH_MAX).position(|byte| *byte == b';');
    let (name, rest) = end.and_then(|end| reference.split_at_checked(end)).ok_or(Reason::Entity)?;
    match name {
        b"amp" => to.push(b'&'),
        b"lt" => to.push(b'<'),
        b"gt" => to.push(b'>'),
        b"quot" => to.push(b'"'),
        b"apos" => to.push(b'\''),
        [b'#', number @ ..] => {
            let character = character(number).ok_or(Reason::Characters)?;
            to.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        }
        _ => return Err(Reason::Entity),
    }
    Ok(rest.get(1..).unwrap_or_default())
}

fn character(number: &[u8]) -> Option<char> {
    let (digits, radix) = match number {
        [b'x', digits @ ..] => (digits, 16),
        digits => (digits, 10),
    };
    // The standard library would take a sign.
    if !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let code = u32::from_str_radix(str::from_utf8(digits).ok()?, radix).ok()?;
    let is_xml = |c: &char| match c {
        '\t' | '\n' | '\r' => true,
        '\u{fffe}' | '\u{ffff}' => false,
        other => *other >= ' ' || is_planted(Fault::CharacterReferenceUnchecked),
    };
    char::from_u32(code).filter(is_xml)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lanes::Vector;

    fn check(place: Place, raw: &str, expected: Result<&str, Reason>) {
        let mut to = Vec::new();
        let found = decode::<Vector>(raw.as_bytes(), place, &mut to);
        let found = found.map(|()| str::from_utf8(&to).unwrap());
        assert_eq!(found, expected, "{raw:?}");
    }

    #[test]
    fn references_and_line_ends_are_resolved() {
        let content = Place::Content;
        check(content, "a&amp;b&lt;&gt;&quot;&apos;", Ok("a&b<>\"'"));
        check(content, "&#65;&#x41;&#xE4;&#x10FFFF;", Ok("AAä\u{10FFFF}"));
        check(content, "a\r\nb\rc\n\td", Ok("a\nb\nc\n\td"));
        check(content, "a]b]]c>", Ok("a]b]]c>"));
        check(Place::Attribute, "a\r\nb\rc\n\td", Ok("a b c  d"));
        check(Place::Attribute, "a]]>b&#10;", Ok("a]]>b\n"));
        for raw in ["&#0;", "&#x1;", "&#xD800;", "&#x110000;", "&#;", "&#x;", "&#+65;", "&#xFFFE;"]
        {
            check(content, raw, Err(Reason::Characters));
        }
        for raw in ["&", "&amp", "& amp;", "&foo;", "&#0000000000065;", "&AMP;"] {
            check(content, raw, Err(Reason::Entity));
        }
        check(content, "a]]>b", Err(Reason::Syntax));
        check(content, "a\u{1}", Err(Reason::Characters));
    }
}
