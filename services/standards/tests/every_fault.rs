//! Every violation at once: also what lies behind an element that does not fit.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::string_slice,
    reason = "helpers of tests are tests"
)]

mod common;

use common::{built_in, check, example, violations_text};

/// The paths of what is told of an example with `changes`, by the last step, in order.
fn places(changes: &[(&str, &str)]) -> Vec<String> {
    let mut text = example("neuzulassung-nordsachsen.xml");
    for (from, to) in changes {
        assert!(text.contains(from), "{from}");
        text = text.replace(from, to);
    }
    let verdict = check(&built_in(), text.as_bytes());
    assert!(!verdict.is_acceptable());
    assert_eq!(verdict.violations_total, verdict.violations.len(), "{}", violations_text(&verdict));
    let last = |path: &str| path.rsplit(['/', ':']).next().unwrap_or_default().to_owned();
    verdict.violations.iter().map(|violation| last(&violation.path)).collect()
}

const BAD_DATE: (&str, &str) = ("1979-03-28", "1979-03-99");
const BAD_CODE: (&str, &str) = (">04860<", ">4860<");
const BAD_NUMBER: (&str, &str) = ("<kfz:kilometerstand>12<", "<kfz:kilometerstand>zwölf<");

#[test]
fn a_misspelt_element_hides_nothing_behind_it() {
    let near_the_root = ("kfz:identifikationVorgang>", "kfz:idVorgang>");
    let found = places(&[near_the_root, BAD_DATE, BAD_CODE, BAD_NUMBER]);
    assert_eq!(found, ["idVorgang", "geburtsdatum", "postleitzahl", "kilometerstand"]);
    let deeper = ("kfz:strasse>", "kfz:str>");
    let found = places(&[deeper, BAD_CODE, BAD_NUMBER]);
    assert_eq!(found, ["str", "postleitzahl", "kilometerstand"]);
}

#[test]
fn a_missing_element_hides_nothing_behind_it() {
    let missing = ("<kfz:strasse>Straße der Jugend</kfz:strasse>", "");
    assert_eq!(places(&[missing, BAD_CODE]), ["hausnummer", "postleitzahl"]);
}

#[test]
fn several_misfits_in_one_parent_are_all_told_and_each_once() {
    let changes = [
        ("<kfz:strasse>Straße der Jugend</kfz:strasse>", "<kfz:str>x</kfz:str>"),
        ("kfz:ort>", "kfz:stadt>"),
        ("<kfz:zusatz>Hinterhaus</kfz:zusatz>", "<kfz:zusatz>\u{442}</kfz:zusatz>"),
    ];
    assert_eq!(places(&changes), ["str", "zusatz", "stadt"]);
}

#[test]
fn an_element_in_the_wrong_place_is_told_and_its_siblings_are_judged() {
    // The number of the insurance comes before the vehicle; its own form is wrong too.
    let number =
        "<kfz:versicherungsbestaetigungsnummer>A1B2C3D</kfz:versicherungsbestaetigungsnummer>";
    let changes =
        [(number, ""), ("<kfz:fahrzeug>", &format!("{number}<kfz:fahrzeug>")), BAD_NUMBER];
    let found = places(&changes);
    assert!(found.contains(&"kilometerstand".to_owned()), "{found:?}");
    assert!(found.len() <= 3, "one fault of order is not a flood: {found:?}");
}

#[test]
fn what_is_put_in_to_read_on_is_never_told_of() {
    let missing = [
        ("<kfz:antragsteller>", "<kfz:antragsteller><!--"),
        ("</kfz:antragsteller>", "--></kfz:antragsteller>"),
        BAD_NUMBER,
    ];
    assert_eq!(places(&missing), ["antragsteller", "kilometerstand"]);
}

#[test]
fn every_element_the_schema_does_not_have_is_told_of() {
    let wrong: String = (0..100).map(|n| format!("<kfz:falsch{n}/>")).collect();
    let found = places(&[("<kfz:fahrzeug>", &format!("{wrong}<kfz:fahrzeug>")), BAD_NUMBER]);
    assert_eq!(found.len(), 101);
    assert_eq!(found.last().map(String::as_str), Some("kilometerstand"));
}

#[test]
fn what_fits_nowhere_ends_the_mending_within_its_bounds() {
    let known = "<kfz:anlage/>".repeat(5_000);
    let text = example("neuzulassung-nordsachsen.xml")
        .replace("<kfz:fahrzeug>", &format!("{known}<kfz:fahrzeug>"));
    let verdict = check(&built_in(), text.as_bytes());
    assert!(
        verdict.violations[0].path.ends_with("/kfz:anlage[1]"),
        "{}",
        violations_text(&verdict)
    );
}
