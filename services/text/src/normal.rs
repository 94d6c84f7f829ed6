//! Unicode normal form C: whether a text is in it, and the same document in it.
//!
//! A document is normalised piece by piece between its markup, never as a whole: `>` followed by
//! U+0338 would become `≯` and end no tag any more.

use std::borrow::Cow;

use unicode_normalization::{UnicodeNormalization as _, is_nfc};

/// Characters that are markup and compose with a mark after them.
const COMPOSING_MARKUP: [char; 3] = ['<', '>', '='];

/// The first byte of the first character that a text in NFC may not have anywhere, U+0300. Every character
/// below it stands for itself and composes with nothing before it (Unicode, `NFC_Quick_Check` and
/// `Canonical_Combining_Class`), and each of its bytes is smaller.
const FIRST_DOUBTED: u8 = 0xCC;

/// Whether `text` is in NFC.
#[must_use]
pub fn is_normal(text: &str) -> bool {
    let mut from = 0;
    while let Some(at) = doubted(text, from) {
        // With the character before it, which the doubted ones may compose with.
        let begin = text.get(..at).and_then(|before| before.char_indices().next_back());
        let begin = begin.map_or(at, |(begin, _)| begin);
        let rest = text.get(at..).unwrap_or_default();
        let end = rest.find(|character| character < '\u{300}').map_or(text.len(), |end| at + end);
        if !text.get(begin..end).is_some_and(is_nfc) {
            return false;
        }
        from = end;
    }
    true
}

/// Where the first character at or behind `from` begins that is not normal for certain.
fn doubted(text: &str, from: usize) -> Option<usize> {
    /// Bytes looked at together: a comparison of each, without a branch.
    const TOGETHER: usize = 64;
    let mut at = from;
    for block in text.as_bytes().get(from..)?.chunks(TOGETHER) {
        let is_free = block.iter().fold(true, |is_free, byte| is_free & (*byte < FIRST_DOUBTED));
        if !is_free {
            return block.iter().position(|byte| *byte >= FIRST_DOUBTED).map(|first| at + first);
        }
        at += block.len();
    }
    None
}

/// The XML document in NFC; `None` if it is already. Character references to non-ASCII characters
/// are resolved where needed, since `o&#x308;` is as little in NFC as what it stands for.
#[must_use]
pub fn normalise_xml(text: &str) -> Option<String> {
    let resolved = resolve_references(text);
    if is_normal(&resolved) {
        return None;
    }
    let normal = by_pieces(&resolved);
    (normal != resolved).then_some(normal)
}

/// The JSON document in NFC; `None` if it is already. Escapes are left as they are, whatever follows
/// them: the `n` of `\n` is no letter that could bear a mark.
#[must_use]
pub fn normalise_json(text: &str) -> Option<String> {
    if is_normal(text) {
        return None;
    }
    let mut normal = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, escape)) = rest.find('\\').map(|at| rest.split_at(at)) {
        normal.push_str(&by_pieces(before));
        let chars = if escape.starts_with("\\u") { 6 } else { 2 };
        let end = escape.char_indices().nth(chars).map_or(escape.len(), |(at, _)| at);
        let (escape, after) = escape.split_at(end);
        normal.push_str(escape);
        rest = after;
    }
    normal.push_str(&by_pieces(rest));
    (normal != text).then_some(normal)
}

fn by_pieces(text: &str) -> String {
    let mut normal = String::with_capacity(text.len());
    for piece in text.split_inclusive(COMPOSING_MARKUP) {
        let (piece, markup) = match piece.char_indices().next_back() {
            Some((at, last)) if COMPOSING_MARKUP.contains(&last) => piece.split_at(at),
            _ => (piece, ""),
        };
        normal.extend(piece.nfc());
        normal.push_str(markup);
    }
    normal
}

/// Resolves numeric references to characters beyond ASCII, outside CDATA sections, comments and
/// processing instructions, where they are no references.
fn resolve_references(text: &str) -> Cow<'_, str> {
    if !text.contains("&#") {
        return Cow::Borrowed(text);
    }
    let mut resolved = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['&', '<']) {
        let (before, found) = rest.split_at(at);
        resolved.push_str(before);
        let end = literal_end(found);
        let (taken, after) = found.split_at(end);
        match character(taken) {
            Some(character) => resolved.push(character),
            None => resolved.push_str(taken),
        }
        rest = after;
    }
    resolved.push_str(rest);
    Cow::Owned(resolved)
}

/// How much of `text`, which begins with `&` or `<`, is taken over at once.
fn literal_end(text: &str) -> usize {
    let closed_by = |end: &str| text.find(end).map_or(text.len(), |at| at + end.len());
    if text.starts_with("<![CDATA[") {
        closed_by("]]>")
    } else if text.starts_with("<!--") {
        closed_by("-->")
    } else if text.starts_with("<?") {
        closed_by("?>")
    } else if text.starts_with("&#") {
        // A reference is short; without its end it is not well-formed and stays as it is.
        text.char_indices().take(12).find(|(_, c)| *c == ';').map_or(1, |(at, _)| at + 1)
    } else {
        1
    }
}

fn character(reference: &str) -> Option<char> {
    let number = reference.strip_prefix("&#")?.strip_suffix(';')?;
    let (digits, radix) = number.strip_prefix('x').map_or((number, 10), |hex| (hex, 16));
    // The parser would take a sign.
    let number = digits.chars().all(|digit| digit.is_digit(radix)).then_some(digits)?;
    let number = u32::from_str_radix(number, radix).ok()?;
    char::from_u32(number).filter(|character| !character.is_ascii() && *character >= '\u{A0}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Option<&str>) {
        assert_eq!(normalise_xml(text).as_deref(), expected, "{text}");
    }

    #[test]
    fn text_in_nfc_stays_as_it_is() {
        check("<a b='Löbau'>Mužakow &#xFC; C\u{300}</a>", None);
    }

    #[test]
    fn decomposed_text_is_composed() {
        check("<a>Lo\u{308}bau</a>", Some("<a>Löbau</a>"));
        check("<a b='u\u{308}'/>", Some("<a b='ü'/>"));
    }

    #[test]
    fn references_are_text_too() {
        check("<a>Lo&#x308;bau &lt;</a>", Some("<a>Löbau &lt;</a>"));
        check("<a>Lo&#776;bau</a>", Some("<a>Löbau</a>"));
        check("<a><![CDATA[o&#x308;]]></a>", None);
    }

    #[test]
    fn a_mark_after_an_escape_leaves_the_escape_as_it_is() {
        for text in [r#"{"a":"x\n~"}"#, r#"{"a":"\u0041~"}"#, r#"{"a":"\\~"}"#, r#"{"a":"\"#] {
            let text = text.replace('~', "\u{303}");
            assert_eq!(normalise_json(&text), None, "{text}");
        }
        let both = "{\"a\":\"o\u{308}\\n\u{303}o\u{308}\"}";
        let normal = "{\"a\":\"ö\\n\u{303}ö\"}";
        assert_eq!(normalise_json(both).as_deref(), Some(normal));
    }

    #[test]
    fn what_is_no_reference_is_not_resolved() {
        check("<a>o&#x+308;o&#+776;</a>", None);
    }

    #[test]
    fn markup_never_composes() {
        let text = "<a>\u{338}u\u{308}</a>";
        assert_eq!(normalise_xml(text).unwrap(), "<a>\u{338}ü</a>");
    }

    #[test]
    fn what_is_normal_is_found_out_like_character_by_character() {
        let characters: Vec<char> =
            "aü<ŋ–\u{300}\u{308}\u{323}\u{345}\u{1100}\u{1161}\u{11a8}가\u{212a}\u{9c7}\u{9be}"
                .chars()
                .collect();
        let mut texts = vec![String::new()];
        for length in 1..=4 {
            let longer = |text: &String| {
                characters.iter().map(|character| format!("{text}{character}")).collect::<Vec<_>>()
            };
            texts = texts.iter().flat_map(longer).collect();
            for text in &texts {
                assert_eq!(is_normal(text), is_nfc(text), "{text:?}");
                // Across the border of what is looked at together.
                let late = format!("{}{text}{}", "a".repeat(62), "ü".repeat(length));
                assert_eq!(is_normal(&late), is_nfc(&late), "{late:?}");
            }
        }
    }

    #[test]
    fn a_mark_after_markup_alone_changes_nothing() {
        check("<a>\u{338}</a>", None);
    }
}
