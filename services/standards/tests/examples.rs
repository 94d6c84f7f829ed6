//! Every built-in standard's examples are its tests: what is valid becomes the canonical message
//! written beside it, what is not gets exactly the violations written beside it.
//!
//! `AMTSBOTE_BLESS=1` writes what is now; read the difference before committing it.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::string_slice,
    reason = "helpers of tests are tests"
)]

mod common;

use std::path::{Path, PathBuf};

use common::{canonical_json, check, schemas, violations_text};
use standards::{Options, Standards};

fn examples(kind: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let folders = |path: &Path| {
        let entries = std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path());
        entries.filter(|path| path.is_dir()).collect::<Vec<_>>()
    };
    for standard in folders(&schemas()) {
        for version in folders(&standard) {
            let Ok(files) = std::fs::read_dir(version.join("examples").join(kind)) else {
                continue;
            };
            found.extend(files.map(|file| file.unwrap().path()));
        }
    }
    found.retain(|path| {
        let name = path.file_name().unwrap().to_str().unwrap();
        !name.ends_with(".canonical.json") && !name.ends_with(".expected")
    });
    found.sort();
    found
}

/// Compares with the file beside `path`, or writes it.
fn compare(path: &Path, ending: &str, now: &str) {
    let mut beside = path.as_os_str().to_owned();
    beside.push(ending);
    let beside = PathBuf::from(beside);
    if std::env::var_os("AMTSBOTE_BLESS").is_some() {
        std::fs::write(&beside, now).unwrap();
    }
    let expected = std::fs::read_to_string(&beside).unwrap_or_default();
    assert_eq!(now, expected, "{}", beside.display());
}

#[test]
fn valid_examples_become_the_canonical_message_beside_them() {
    let standards = Standards::load(Options { workers: 1, ..Options::default() }).unwrap();
    let examples = examples("valid");
    assert!(examples.len() >= 8, "{examples:?}");
    for path in examples {
        let verdict = check(&standards, &std::fs::read(&path).unwrap());
        assert!(verdict.is_acceptable(), "{}\n{}", path.display(), violations_text(&verdict));
        assert!(verdict.violations.is_empty(), "{}\n{}", path.display(), violations_text(&verdict));
        let message = verdict.message.unwrap();
        assert!(message.normalised.is_none(), "{} is UTF-8 in NFC", path.display());
        compare(&path, ".canonical.json", &canonical_json(&message.canonical));
    }
}

#[test]
fn invalid_examples_get_the_violations_beside_them() {
    let standards = Standards::load(Options { workers: 1, ..Options::default() }).unwrap();
    let examples = examples("invalid");
    assert!(examples.len() >= 5, "{examples:?}");
    for path in examples {
        let verdict = check(&standards, &std::fs::read(&path).unwrap());
        assert!(!verdict.is_acceptable(), "{}", path.display());
        compare(&path, ".expected", &violations_text(&verdict));
    }
}

#[test]
fn xml_and_json_of_the_same_message_become_the_same() {
    let standards = Standards::load(Options { workers: 1, ..Options::default() }).unwrap();
    let folder = schemas().join("amtsbote-kfz/1.0/examples/valid");
    let canonical = |name: &str| {
        let verdict = check(&standards, &std::fs::read(folder.join(name)).unwrap());
        verdict.message.unwrap().canonical
    };
    let xml = canonical("neuzulassung-nordsachsen.xml");
    assert_eq!(xml, canonical("neuzulassung-nordsachsen.json"));
}
