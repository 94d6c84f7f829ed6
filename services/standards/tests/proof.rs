//! Valid documents are proven and never meet the validator; both judges agree, and say the same of
//! everything else about a document.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::string_slice,
    reason = "helpers of tests are tests"
)]

mod common;

use std::path::Path;

use common::{
    check,
    publications::{Shelf, examples, samples},
    published, violations_text,
};
use standards::{Options, Standards};

const EVERY: u32 = 1_000_000;

fn is_xml(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "xml")
}

#[test]
fn valid_examples_and_samples_never_meet_the_validator() {
    let data = published();
    let shelf = Shelf::of(data.as_deref(), 1);
    let mut paths = examples();
    paths.extend(data.iter().flat_map(|data| samples(data)));
    let (mut proven, mut others) = (0, String::new());
    for path in paths.iter().filter(|path| is_xml(path)) {
        let verdict = check(&shelf.standards, &std::fs::read(path).unwrap());
        match verdict.proof {
            Some("proven") => proven += 1,
            why if verdict.is_acceptable() => {
                let text = violations_text(&verdict);
                others.push_str(&format!("{} {why:?}\n{text}", path.display()));
            }
            _ => {}
        }
    }
    eprintln!("{proven} documents proven");
    assert!(proven > 40 && others.is_empty(), "{proven}\n{others}");
}

#[test]
fn where_both_judge_they_agree_and_are_counted() {
    let standards = |cross_check_ppm| {
        Standards::load(Options { workers: 1, cross_check_ppm, ..Options::default() }).unwrap()
    };
    let (alone, both) = (standards(0), standards(EVERY));
    let examples: Vec<_> = examples().into_iter().filter(|path| is_xml(path)).collect();
    for path in &examples {
        let bytes = std::fs::read(path).unwrap();
        assert_eq!(check(&alone, &bytes), check(&both, &bytes), "{}", path.display());
    }
    let proofs = both.proofs();
    let proven: u64 = proofs.iter().map(|standard| standard.proven).sum();
    let unproven: u64 =
        proofs.iter().flat_map(|standard| &standard.unproven).map(|(_, count)| count).sum();
    assert!(proven > 30 && unproven > 0, "{proofs:?}");
    assert!(proofs.iter().all(|standard| standard.disagreements == 0), "{proofs:?}");
    assert!(proofs.iter().all(|standard| standard.not_compiled.is_empty()), "{proofs:?}");
    assert!(proofs.iter().all(|standard| standard.tables_bytes < 1 << 20), "{proofs:?}");
}

#[test]
fn a_text_that_is_not_normal_goes_the_old_way() {
    let standards = Standards::load(Options { workers: 1, ..Options::default() }).unwrap();
    let path = examples().into_iter().find(|path| is_xml(path)).unwrap();
    let text = std::fs::read_to_string(path).unwrap();
    let place = text.find("ö").or(text.find("ü")).or(text.find("ä"));
    let Some(at) = place else { panic!("an example has an umlaut") };
    let letter = text[at..].chars().next().unwrap();
    let base = match letter {
        'ö' => "o\u{308}",
        'ü' => "u\u{308}",
        _ => "a\u{308}",
    };
    let changed = text.replacen(letter, base, 1);
    assert_eq!(check(&standards, changed.as_bytes()).proof, Some("not_normal"));
}
