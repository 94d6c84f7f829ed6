//! Documents changed at random, from all examples and published samples: the engine never panics or
//! hangs, says the same twice, and what it takes is a document that others can read. What is proven valid
//! is judged and carried the same, byte for byte and place for place, as by the validator's way.
//!
//! `AMTSBOTE_FUZZ=1000000` tries more than the usual 20,000; `AMTSBOTE_FUZZ_SEED=4711` tries this one
//! again. What fails is written beside the temporary files, and its path is told.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_types,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::string_slice,
    reason = "helpers of tests are tests"
)]

mod common;

use std::{
    path::PathBuf,
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use common::{
    canonical_json, check,
    mutation::{Chance, mutate},
    publications::{Shelf, examples, samples},
    published, violations_text,
};
use quick_xml::events::Event;
use standards::{Severity, Standards, Verdict};

/// No document here is larger than 100 KB; one that takes this long would take forever.
const PATIENCE: Duration = Duration::from_secs(30);

/// What cannot be used as a document has a number: from it, its document follows.
fn document(seed: u64, corpus: &[Vec<u8>]) -> Vec<u8> {
    let mut chance = Chance::new(seed);
    let mut bytes = chance.one_of(corpus).clone();
    for _ in 0..=chance.below(4) {
        bytes = mutate(&bytes, &mut chance);
    }
    bytes
}

/// Why `verdict` cannot be right, if it cannot.
fn fault(bytes: &[u8], verdict: &Verdict) -> Option<String> {
    let has_error = verdict.violations.iter().any(|v| v.severity == Severity::Error);
    let is_cut = verdict.violations.len() < verdict.violations_total;
    if verdict.violations.iter().any(|v| v.code == "AB-9400") {
        return Some("the engine panicked".to_owned());
    }
    if verdict.violations.iter().any(|v| v.german.is_empty() || v.english.is_empty()) {
        return Some("a violation says nothing".to_owned());
    }
    let lines = bytes.split(|byte| *byte == b'\n').count();
    if verdict.violations.iter().any(|v| usize::try_from(v.line).unwrap() > lines) {
        return Some("a violation is behind the end of the document".to_owned());
    }
    let Some(message) = &verdict.message else {
        return (!has_error && !is_cut).then(|| "it is refused for no reason".to_owned());
    };
    if has_error || verdict.recognised.is_none() {
        return Some("it is taken in spite of an error, or as nobody knows what".to_owned());
    }
    canonical_json(&message.canonical);
    unreadable(message.normalised.as_deref().unwrap_or(bytes))
}

/// Why others cannot read a document that was taken.
fn unreadable(bytes: &[u8]) -> Option<String> {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => return Some(error.to_string()),
    };
    if text.trim_start_matches('\u{FEFF}').trim_start().starts_with(['{', '[']) {
        let read = serde_json::from_str::<serde_json::Value>(text.trim_start_matches('\u{FEFF}'));
        return read.err().map(|error| error.to_string());
    }
    let mut reader = quick_xml::NsReader::from_str(text);
    reader.config_mut().check_comments = true;
    loop {
        match reader.read_event() {
            Ok(Event::Eof) => return None,
            Ok(_) => {}
            Err(error) => return Some(error.to_string()),
        }
    }
}

/// Tries the document of `seed`.
///
/// # Panics
/// With what is wrong, and how to try it again.
fn try_one(standards: &Standards, corpus: &[Vec<u8>], seed: u64) -> bool {
    let bytes = document(seed, corpus);
    let begun = Instant::now();
    let verdict = check(standards, &bytes);
    let again = check(standards, &bytes);
    let mut fault = fault(&bytes, &verdict);
    if verdict != again {
        fault =
            Some(format!("it is judged otherwise the second time:\n{}", violations_text(&again)));
    }
    if begun.elapsed() > PATIENCE {
        fault = Some(format!("it took {:?}", begun.elapsed()));
    }
    if let Some(fault) = fault {
        let path = std::env::temp_dir().join(format!("fuzz-{seed}"));
        std::fs::write(&path, &bytes).unwrap();
        let said = violations_text(&verdict);
        panic!(
            "{fault}\n{said}\nthe document is {}; again: AMTSBOTE_FUZZ_SEED={seed} cargo test --workspace \
             --features amtsbote/test-switches,amtsbote/kafka-tls --test fuzz",
            path.display()
        );
    }
    verdict.is_acceptable()
}

#[test]
fn no_changed_document_hurts_the_engine() {
    let data = published();
    let mut paths: Vec<PathBuf> = examples();
    paths.extend(data.iter().flat_map(|data| samples(data)));
    let corpus: Vec<Vec<u8>> = paths.iter().map(|path| std::fs::read(path).unwrap()).collect();
    assert!(corpus.len() >= 10, "{paths:?}");
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    // Each document is judged twice, so half of them are enough for every one.
    let shelf = Shelf::checked_twice(data.as_deref(), threads, 500_000);
    let number = |name| std::env::var(name).ok().map(|value| value.parse::<u64>().unwrap());
    if let Some(seed) = number("AMTSBOTE_FUZZ_SEED") {
        eprintln!("taken: {}", try_one(&shelf.standards, &corpus, seed));
        return;
    }
    let count = number("AMTSBOTE_FUZZ").unwrap_or(20_000);
    let taken = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for first in 0..u64::try_from(threads).unwrap() {
            let (shelf, corpus, taken) = (&shelf, &corpus, &taken);
            scope.spawn(move || {
                for seed in (first..count).step_by(threads) {
                    let is_taken = try_one(&shelf.standards, corpus, seed);
                    taken.fetch_add(usize::from(is_taken), Ordering::Relaxed);
                }
            });
        }
    });
    let taken = taken.into_inner();
    let (proven, disagreements) = shelf.proven();
    eprintln!("{count} documents, {taken} of them taken; {proven} times proven");
    assert_eq!(disagreements, 0);
    assert!(proven * 50 > count, "{proven} of {count}");
    // Changes that leave nothing valid would find nothing behind the schema.
    assert!(u64::try_from(taken).unwrap() * 50 > count, "{taken} of {count}");
}
