//! Puts parentheses around the alternatives of patterns before the validator reads them: it anchors
//! a pattern without grouping it, and would take `axx` for `a|b`.

use quick_xml::{NsReader, events::Event, name::ResolveResult};

const XSD: &str = "http://www.w3.org/2001/XMLSchema";

/// The text of a schema with every pattern grouped whose alternatives are not. What is no schema
/// stays as it is: the validator says what is wrong with it.
pub(crate) fn grouped(schema: &str) -> String {
    let mut grouped = String::with_capacity(schema.len());
    let mut copied = 0;
    let mut reader = NsReader::from_str(schema);
    let mut begin = 0;
    while let Ok(event) = reader.read_event() {
        let end = usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX);
        let element = match event {
            Event::Start(element) | Event::Empty(element) => element,
            Event::Eof => break,
            _ => {
                begin = end;
                continue;
            }
        };
        let (namespace, local) = reader.resolver().resolve_element(element.name());
        let is_pattern = local.as_ref() == "pattern"
            && matches!(namespace, ResolveResult::Bound(found) if found.0 == XSD);
        if is_pattern && let Some((from, to)) = pattern(schema, begin, end) {
            for piece in [schema.get(copied..from), Some("("), schema.get(from..to), Some(")")] {
                grouped.push_str(piece.unwrap_or_default());
            }
            copied = to;
        }
        begin = end;
    }
    grouped.push_str(schema.get(copied..).unwrap_or_default());
    grouped
}

/// Where the value of the tag at `begin..end` is, if it is to be grouped.
fn pattern(schema: &str, begin: usize, end: usize) -> Option<(usize, usize)> {
    let tag = schema.get(begin..end)?;
    // The name is known to be there; attributes follow as `name = "value"`.
    let mut at = tag.find(char::is_whitespace)?;
    loop {
        let (name, value) = tag.get(at..)?.split_once('=')?;
        let space = value.len() - value.trim_start().len();
        let from = at + name.len() + "=".len() + space;
        let quote = value.trim_start().chars().next()?;
        let (from, value) = (from + quote.len_utf8(), tag.get(from + quote.len_utf8()..)?);
        let to = from + value.find(quote)?;
        if name.trim() == "value" {
            let pattern = quick_xml::escape::unescape(tag.get(from..to)?).ok()?;
            return has_open_alternation(&pattern).then_some((begin + from, begin + to));
        }
        at = to + quote.len_utf8();
    }
}

/// Whether `pattern` has a `|` that is in no group. What is not balanced has none: it is no pattern,
/// and parentheses would hide that.
fn has_open_alternation(pattern: &str) -> bool {
    let (mut groups, mut classes, mut found) = (0_usize, 0_usize, false);
    let mut characters = pattern.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => {
                characters.next();
            }
            '[' => classes += 1,
            ']' => classes = classes.saturating_sub(1),
            _ if classes > 0 => {}
            '(' => groups += 1,
            ')' if groups == 0 => return false,
            ')' => groups -= 1,
            '|' if groups == 0 => found = true,
            _ => {}
        }
    }
    found && groups == 0 && classes == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alternatives_are_grouped_and_nothing_else_changes() {
        let rows = [
            ("<x:pattern value=\"a|b\"/>", "<x:pattern value=\"(a|b)\"/>"),
            ("<x:pattern id='value=' value='a|b'/>", "<x:pattern id='value=' value='(a|b)'/>"),
            ("<x:pattern\n value = 'a>|b'\n/>", "<x:pattern\n value = '(a>|b)'\n/>"),
            ("<x:pattern value='a|b'></x:pattern>", "<x:pattern value='(a|b)'></x:pattern>"),
            ("<x:pattern value='ä&#124;b'/>", "<x:pattern value='(ä&#124;b)'/>"),
            ("<x:pattern value=\"(a|b)|c\"/>", "<x:pattern value=\"((a|b)|c)\"/>"),
            ("<x:pattern value='a|'/><x:b/>", "<x:pattern value='(a|)'/><x:b/>"),
        ];
        for (schema, expected) in rows {
            assert_eq!(grouped(&within(schema)), within(expected));
        }
        for schema in [
            "<x:pattern value=\"(a|b)\"/>",
            "<x:pattern value='[|]\\|[\\]|]'/>",
            "<x:pattern value='[a-z-[|]]'/>",
            "<x:pattern value='a)|(b'/>",
            "<x:length value='a|b'/>",
            "<pattern value='a|b'/>",
            "pattern value=\"a|b\"",
            "<!-- <x:pattern value='a|b'/> --><![CDATA[<x:pattern value='a|b'/>]]>",
            "<x:pattern value=",
        ] {
            assert_eq!(grouped(&within(schema)), within(schema));
        }
    }

    fn within(schema: &str) -> String {
        format!("<x:schema xmlns:x='{XSD}'>{schema}</x:schema>")
    }
}
