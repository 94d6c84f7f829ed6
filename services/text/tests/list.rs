//! The table of DIN 91379 is made from the published list, and is what the list says.
//!
//! `AMTSBOTE_BLESS=1` writes what is now; read the difference before committing it.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a test fails by panicking, and says what it did not test"
)]

mod common;

use std::{collections::BTreeMap, fmt::Write as _, path::Path};

use common::published;

const LINE_CHARACTERS_MAX: usize = 100;
const HEAD: &str = "\
//! The characters of DIN 91379, list 1.3, as text. Made by `tests/list.rs` from the published list
//! (String-Latin/DIN-91379-Characters-and-Sequences, CC BY 4.0, see `NOTICE`); not edited by hand.

/// The Latin letters and sequences: on each line a search form, then what it stands for.
";

/// Its line of the published list: group, code points.
type Line = (String, String);

fn lines(file: &Path) -> Vec<Vec<String>> {
    let list = std::fs::read_to_string(file).unwrap();
    list.lines().map(|line| line.split("; ").map(str::to_owned).collect()).collect()
}

/// `0043 0306` as text: the characters in the list itself are for illustration only.
fn characters(code_points: &str) -> String {
    let character = |point| char::from_u32(u32::from_str_radix(point, 16).unwrap()).unwrap();
    code_points.split(' ').map(character).collect()
}

fn letters(data: &Path, out: &mut String) {
    let mut by_form = BTreeMap::<String, Vec<String>>::new();
    for line in lines(&data.join("latin_list_search_form_1.3.txt")) {
        assert_eq!(line[0], "bll");
        by_form.entry(characters(&line[5])).or_default().push(characters(&line[2]));
    }
    out.push_str("pub(super) const LETTERS: &str = \"\\\n");
    for (form, letters) in by_form {
        let mut width = usize::MAX;
        for letter in letters {
            if LINE_CHARACTERS_MAX / 2 < width {
                out.push_str(if width == usize::MAX { "" } else { "\n" });
                out.push_str(&form);
                width = 0;
            }
            out.push(' ');
            out.push_str(&letter);
            width += 2;
        }
        out.push('\n');
    }
    assert_eq!(out.pop(), Some('\n'));
    out.push_str("\";\n");
}

/// A string literal: marks and blanks by number, since alone they cannot be read.
fn literal(text: &str) -> String {
    let mut literal = String::new();
    for character in text.chars() {
        match character {
            '"' | '\\' => write!(literal, "\\{character}").unwrap(),
            '\t' | '\n' | '\r' => write!(literal, "{}", character.escape_default()).unwrap(),
            ' ' | '\u{A0}' | '\u{300}'..'\u{370}' => {
                write!(literal, "\\u{{{:X}}}", u32::from(character)).unwrap();
            }
            other => literal.push(other),
        }
    }
    literal
}

/// As rustfmt would have it: on a line of its own where it is long, on several where it is longer.
fn constant(out: &mut String, comment: &str, name: &str, value: &str) {
    let name = format!("pub(super) const {name}: &str =");
    let width = |literal: &str| literal.chars().count() + 3;
    let (one, characters) = (literal(value), value.chars().collect::<Vec<_>>());
    write!(out, "\n/// {comment}\n{name}").unwrap();
    if name.len() + width(&one) < LINE_CHARACTERS_MAX {
        writeln!(out, " \"{one}\";").unwrap();
    } else if 4 + width(&one) <= LINE_CHARACTERS_MAX {
        writeln!(out, "\n    \"{one}\";").unwrap();
    } else {
        let parts = characters.chunks(10).map(|part| literal(&part.iter().collect::<String>()));
        writeln!(out, " \"\\\n{}\";", parts.collect::<Vec<_>>().join("\\\n")).unwrap();
    }
}

fn made(data: &Path) -> String {
    let mut out = HEAD.to_owned();
    letters(data, &mut out);
    let list: Vec<Line> = lines(&data.join("latin_list_1.3.txt"))
        .into_iter()
        .map(|line| (line[0].clone(), characters(&line[2])))
        .collect();
    for (group, name, comment) in [
        ("bnlreq", "N1", "Non-letters N1."),
        ("bnl", "N2", "Non-letters N2."),
        ("bnlopt", "N3", "Non-letters N3."),
        ("bnlnot", "N4", "Non-letters N4."),
        ("dc", "MARKS", "Combining marks."),
        ("gl", "GREEK", "Greek letters, extended."),
        ("cl", "CYRILLIC", "Cyrillic letters, extended."),
        ("enl", "EXTENDED", "Non-letters E1, extended."),
    ] {
        let of_group = list.iter().filter(|(of, _)| of == group);
        let value: String = of_group.map(|(_, text)| text.as_str()).collect();
        constant(&mut out, comment, name, &value);
    }
    let deprecated = lines(&data.join("latin_list_deprecated_1.3.txt"));
    let deprecated: Vec<String> = deprecated.iter().map(|line| characters(&line[2])).collect();
    out.push_str("\n/// Entries that are valid and not to be used for new texts.\n");
    let value = deprecated.join(" ").replace('\u{30D}', "\\u{30D}");
    writeln!(out, "pub(super) const DEPRECATED: &str = \"{value}\";").unwrap();
    out
}

#[test]
fn the_checked_in_list_is_the_published_one() {
    let Some(data) = published() else { return };
    let made = made(&data.join("din-91379"));
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/din91379/list.rs");
    if std::env::var_os("AMTSBOTE_BLESS").is_some() {
        std::fs::write(&file, &made).unwrap();
    }
    let checked_in = std::fs::read_to_string(&file).unwrap();
    assert!(checked_in == made, "list.rs is not what the published list says");
}

#[test]
fn the_letters_with_a_search_form_are_the_letters_of_the_list() {
    let Some(data) = published() else { return };
    let data = data.join("din-91379");
    let of = |file: &str| -> Vec<String> {
        let letters = lines(&data.join(file)).into_iter().filter(|line| line[0] == "bll");
        let mut letters: Vec<String> = letters.map(|line| line[2].clone()).collect();
        letters.sort();
        letters
    };
    assert_eq!(of("latin_list_1.3.txt"), of("latin_list_search_form_1.3.txt"));
}
