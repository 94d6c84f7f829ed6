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

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use common::{canonical_json, check, compare, schemas, violations_text};
use prost::Message as _;
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
        let read = wire::canonical::Application::decode(&*message.canonical).unwrap();
        assert_eq!(read.encode_to_vec(), message.canonical, "{}: other bytes", path.display());
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
    let canonical = |path: &Path| {
        let verdict = check(&standards, &std::fs::read(path).unwrap());
        verdict.message.unwrap().canonical
    };
    let examples = examples("valid");
    let twins = examples.iter().filter(|path| path.extension().is_some_and(|e| e == "json"));
    let twins: Vec<_> = twins.filter(|path| path.with_extension("xml").is_file()).collect();
    let standard = |path: &Path| path.ancestors().nth(3).unwrap().to_owned();
    let with_twins: BTreeSet<PathBuf> = twins.iter().map(|path| standard(path)).collect();
    let all: BTreeSet<PathBuf> = examples.iter().map(|path| standard(path)).collect();
    assert_eq!(with_twins, all, "every standard shows a message in both");
    for json in twins {
        let xml = json.with_extension("xml");
        assert_eq!(canonical(&xml), canonical(json), "{}", json.display());
    }
}
