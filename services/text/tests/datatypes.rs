//! The datatypes of DIN 91379 against the patterns of its schema, and against our own schema: the
//! same judgement of many texts that are valid, nearly valid, and neither.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a test fails by panicking, and says what it did not test"
)]

mod common;

use std::path::{Path, PathBuf};

use common::{Texts, Types, published};
use text::{Datatype, is_normal, search_form};

/// Half of them valid, half of them changed.
const TEXTS: usize = 20_000;
/// Fewer where our own schemas are many and differ little.
const TEXTS_OF_OURS: usize = 4_000;
const OFFICIAL: &str = "xoev-basisnachricht/din-norm-91379-datatypes.xsd";

/// Calls `check` with `count` texts and says how many of them are of the datatype.
fn with_texts(datatype: Datatype, count: usize, mut check: impl FnMut(&str)) -> usize {
    let mut texts = Texts::of(datatype, 91_379 + datatype as u64);
    let mut allowed = 0;
    for number in 0..count {
        let text = if number % 2 == 0 { texts.valid() } else { texts.mutated() };
        allowed += usize::from(datatype.allows(&text));
        check(&text);
    }
    allowed
}

fn shown(text: &str) -> String {
    text.escape_unicode().to_string()
}

#[test]
fn the_table_judges_as_the_patterns_of_the_norm_do() {
    let Some(data) = published() else { return };
    let types = Types::read(&data.join(OFFICIAL));
    for datatype in Datatype::ALL {
        let key = types.named(&format!("datatype{datatype}")).unwrap();
        let allowed = with_texts(datatype, TEXTS, |text| {
            let (ours, theirs) = (datatype.allows(text), types.allows(key, text));
            assert_eq!(ours, theirs, "datatype {datatype}: {}", shown(text));
        });
        let refused = TEXTS - allowed;
        assert!(TEXTS / 2 <= allowed, "{allowed} of datatype {datatype}");
        assert!(TEXTS / 6 < refused, "{refused} not of datatype {datatype}");
    }
}

#[test]
fn every_text_of_a_datatype_is_in_nfc_and_its_faults_are_where_they_are_said_to_be() {
    for datatype in Datatype::ALL {
        with_texts(datatype, TEXTS, |text| match datatype.check(text) {
            Ok(()) => assert!(is_normal(text), "{}", shown(text)),
            Err(fault) => {
                let (before, after) = text.split_at(fault.at.bytes);
                assert!(datatype.allows(before), "{}", shown(text));
                assert_eq!(before.chars().count(), fault.at.characters);
                assert!(after.chars().zip(fault.sequence.characters()).all(|(a, b)| a == b));
            }
        });
    }
}

#[test]
fn every_text_of_a_normative_datatype_has_an_ascii_search_form_that_is_its_own() {
    for datatype in [Datatype::A, Datatype::B, Datatype::C] {
        with_texts(datatype, TEXTS, |text| {
            let form = search_form(text);
            assert!(form.is_ascii() || !datatype.allows(text), "{}", shown(text));
            assert_eq!(search_form(&form), form, "{}", shown(text));
        });
    }
}

#[test]
fn our_own_schema_allows_what_the_table_allows() {
    let mut found = Vec::new();
    find(&PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../schemas"), &mut found);
    assert!(!found.is_empty(), "no din-91379.xsd below schemas/");
    for schema in found {
        let types = Types::read(&schema);
        for datatype in Datatype::ALL {
            let key = types.named(&format!("DIN91379-Datentyp-{datatype}")).unwrap();
            with_texts(datatype, TEXTS_OF_OURS, |text| {
                // Ours are never empty, and where line ends are no part of a value, they are blanks
                // before the pattern sees them.
                let seen = match datatype {
                    Datatype::C | Datatype::E => text.to_owned(),
                    _ => text.replace(['\t', '\n', '\r'], " "),
                };
                let expected = !seen.is_empty() && datatype.allows(&seen);
                let theirs = types.allows(key, text);
                assert_eq!(theirs, expected, "{} {datatype}: {}", schema.display(), shown(text));
            });
        }
    }
}

fn find(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            find(&path, found);
        } else if path.ends_with("din-91379.xsd") {
            found.push(path.canonicalize().unwrap());
        }
    }
}
