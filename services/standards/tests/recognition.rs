//! Which standard and which version a document is of, and when that version is taken.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::string_slice,
    reason = "helpers of tests are tests"
)]

mod common;

use common::{
    check, codes,
    standard::{RECOGNISE, check_at, install, load, toml},
    violations_text,
};
use standards::{Options, Severity};

const DOCUMENT: &str = "<m:antrag.0101 xmlns:m='urn:mine'/>";

#[test]
fn a_version_is_taken_on_its_days_and_the_answer_says_which_is() {
    // The cut-over days of XInneres: 1 May and 1 November, at midnight in Germany.
    let validity = |days: &str| format!("{RECOGNISE}\n[validity]\n{days}");
    let only = install(
        "1",
        &toml("1", "g2g-1.1", &validity("from = \"2026-05-01\"\nuntil = \"2026-10-31\"")),
    );
    let standards = load(&[&only]);
    let rows = [
        ("2026-04-30T21:59:59Z", Some("AB-4023"), false),
        ("2026-04-30T22:00:00Z", None, true),
        ("2026-10-01T12:00:00Z", None, true),
        ("2026-10-02T12:00:00Z", Some("AB-4025"), true),
        ("2026-10-31T22:59:59Z", Some("AB-4025"), true),
        ("2026-10-31T23:00:00Z", Some("AB-4024"), false),
    ];
    for (now, code, is_acceptable) in rows {
        let verdict = check_at(&standards, DOCUMENT, now);
        let found = codes(&verdict);
        assert_eq!(found.first().copied(), code, "{now}: {}", violations_text(&verdict));
        assert_eq!(verdict.is_acceptable(), is_acceptable, "{now}");
        assert!(verdict.recognised.is_some(), "{now}: it is refused as what it is");
    }
    let verdict = check_at(&standards, DOCUMENT, "2026-12-01T00:00:00Z");
    let violation = &verdict.violations[0];
    assert_eq!(violation.xoev_code, Some("V000"));
    assert!(violation.german.contains("seit Ablauf des 31.10.2026"), "{}", violation.german);
}

#[test]
fn versions_in_one_namespace_are_told_apart_by_what_the_document_says() {
    let recognise = |accepts: &str| {
        format!("{RECOGNISE}\nversion = \"kopf/@version\"\naccepts = [\"{accepts}\"]")
    };
    let first = install("1", &toml("1", "g2g-1.1", &recognise("3.5")));
    let second = install("2", &toml("2", "g2g-1.1", &recognise("3.6")));
    let standards = load(&[&first, &second]);
    let of = |version: &str| {
        format!("<m:antrag.0101 xmlns:m='urn:mine'><kopf version='{version}'/></m:antrag.0101>")
    };
    for (version, expected) in [("3.5", "1"), ("3.6", "2"), ("3.5", "1")] {
        let verdict = check(&standards, of(version).as_bytes());
        assert!(verdict.is_acceptable(), "{}", violations_text(&verdict));
        assert_eq!(verdict.recognised.unwrap().procedure.version, expected);
    }
    let verdict = check(&standards, of("3.7").as_bytes());
    assert_eq!(codes(&verdict), ["AB-4021"]);
    assert!(verdict.violations[0].german.contains("3.5, 3.6"), "{}", verdict.violations[0].german);
}

#[test]
fn a_document_is_what_it_is_however_many_other_roots_came_before() {
    let standards = load(&[&install("1", &toml("1", "g2g-1.1", RECOGNISE))]);
    // More than are remembered, and each again when it is long forgotten.
    for prefix in (0..60).map(|number| format!("m{}", number % 40)) {
        for (namespace, code) in [("urn:mine", None), ("urn:yours", Some("AB-4020"))] {
            let text = format!("<{prefix}:antrag.0101 xmlns:{prefix}='{namespace}'/>");
            let found = codes(&check(&standards, text.as_bytes()));
            assert_eq!(found.first().copied(), code, "{text}");
        }
    }
}

#[test]
fn two_versions_that_one_document_could_be_of_are_an_error_at_start() {
    let recognise = format!("{RECOGNISE}\naccepts = [\"1\", \"2\"]");
    let first = install("1", &toml("1", "g2g-1.1", &recognise));
    let second = install("2", &toml("2", "g2g-1.1", &recognise.replace("\"1\", ", "")));
    let paths = vec![first.0.clone(), second.0.clone()];
    let error = standards::Standards::load(Options { paths, workers: 1, ..Options::default() });
    let error = error.unwrap_err();
    assert_eq!(error.faults.len(), 1, "{error}");
    assert!(error.to_string().contains("is claimed by"), "{error}");
}

#[test]
fn a_reload_takes_what_is_there_now_and_keeps_what_was_there_on_any_fault() {
    let folder = install("1", &toml("1", "g2g-1.1", RECOGNISE));
    let standards = load(&[]);
    assert_eq!(codes(&check(&standards, DOCUMENT.as_bytes())), ["AB-4020"]);
    let found = standards.reload(std::slice::from_ref(&folder.0)).unwrap();
    assert_eq!((found.added, found.removed), (vec!["mine 1".to_owned()], Vec::new()));
    assert!(check(&standards, DOCUMENT.as_bytes()).is_acceptable());

    let path = folder.0.join("mine/1/standard.toml");
    let good = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, good.replace("g2g-1.1", "g2g-9")).unwrap();
    assert!(standards.reload(std::slice::from_ref(&folder.0)).is_err());
    assert!(check(&standards, DOCUMENT.as_bytes()).is_acceptable(), "what was there stays");

    let strict = good.replace("[xml]", "[rules]\n\"AB-4131\" = \"error\"\n[xml]");
    std::fs::write(&path, strict).unwrap();
    let found = standards.reload(std::slice::from_ref(&folder.0)).unwrap();
    assert!(found.added.is_empty() && found.removed.is_empty());
    let info = standards.list().into_iter().find(|standard| standard.id == "mine").unwrap();
    assert_eq!(info.rules, [("AB-4131".to_owned(), Severity::Error)]);

    let found = standards.reload(&[]).unwrap();
    assert_eq!(found.removed, ["mine 1"]);
    assert_eq!(codes(&check(&standards, DOCUMENT.as_bytes())), ["AB-4020"]);
}
