//! Published schemas and messages, installed from outside: XWasser 1.0.0 with the publisher's own
//! samples.

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

use common::{check, codes, published, violations_text, xwasser};
use standards::{Severity, Standards, Verdict};

fn sample(standards: &Standards, data: &Path, name: &str) -> Verdict {
    let path = data.join("xwasser-1.0.0/samples").join(name);
    check(standards, &std::fs::read(path).unwrap())
}

/// Rules broken, without warnings.
fn errors(verdict: &Verdict) -> Vec<String> {
    let errors = verdict.violations.iter().filter(|v| v.severity == Severity::Error);
    errors.map(|violation| violation.rule.clone().unwrap_or_default()).collect()
}

#[test]
fn valid_samples_of_xwasser_pass_with_their_dirt_told() {
    let Some(data) = published() else { return };
    let (_folder, standards) = xwasser(&data, "");
    for name in ["administration_receipt.xml", "olb_report_minimal.xml"] {
        let verdict = sample(&standards, &data, name);
        assert!(verdict.is_acceptable(), "{name}\n{}", violations_text(&verdict));
        assert_eq!(codes(&verdict), ["AB-4130", "AB-4131"], "{name}");
        assert!(verdict.violations.iter().all(|v| v.severity == Severity::Warning && v.line > 0));
        assert!(verdict.header.is_test, "{name}");
        let case = verdict.header.case_reference.as_deref();
        assert_eq!(case, Some("5e08e073-4e06-438d-9444-1275f6cbf061"), "{name}");
        assert!(verdict.header.authority.is_some() && verdict.header.author.is_some());
        let canonical = common::canonical_json(&verdict.message.unwrap().canonical);
        assert!(canonical.contains("vorgangsID"), "{canonical}");
    }
}

#[test]
fn refused_samples_of_xwasser_get_all_their_reasons_at_once() {
    let Some(data) = published() else { return };
    let (_folder, standards) = xwasser(&data, "");
    let rows: [(&str, &[&str]); 4] = [
        ("quality_report_minimal.xml", &["cvc-id.1", "cvc-id.1"]),
        ("quality_report_maximal.xml", &["cvc-id.1"]),
        ("monitoring_plan_minimal_test_result.xml", &["cvc-id.1"]),
        (
            "monitoring_plan_minimal.xml",
            &["cvc-attribute.4", "cvc-attribute.4", "cvc-complex-type.2.4", "cvc-id.1"],
        ),
    ];
    for (name, expected) in rows {
        let verdict = sample(&standards, &data, name);
        let mut errors = errors(&verdict);
        errors.sort();
        assert_eq!(errors, expected, "{name}\n{}", violations_text(&verdict));
        assert!(verdict.message.is_none() && verdict.header.own_id.is_some(), "{name}");
        let places = verdict.violations.iter().map(|v| (v.line, v.column)).collect::<Vec<_>>();
        assert!(places.is_sorted(), "{name}: {places:?}");
    }
}

#[test]
fn an_operator_lets_dangling_references_through_by_configuration() {
    let Some(data) = published() else { return };
    let (_folder, standards) = xwasser(&data, "[rules]\n\"cvc-id.1\" = \"warn\"\n");
    let verdict = sample(&standards, &data, "quality_report_minimal.xml");
    assert!(verdict.is_acceptable(), "{}", violations_text(&verdict));
    assert_eq!(codes(&verdict).iter().filter(|code| **code == "AB-4103").count(), 2);
}

#[test]
fn another_version_of_xwasser_is_answered_with_the_one_taken() {
    let Some(data) = published() else { return };
    let (_folder, standards) = xwasser(&data, "");
    let path = data.join("xwasser-1.0.0/samples/administration_receipt.xml");
    let text = std::fs::read_to_string(path).unwrap();
    for (from, to) in [("V1_0_0", "V2_0_0"), (" version=\"1.0.0\"", " version=\"1.1.0\"")] {
        let verdict = check(&standards, text.replace(from, to).as_bytes());
        assert_eq!(codes(&verdict), ["AB-4021"], "{to}");
        assert_eq!(verdict.violations[0].xoev_code, Some("V000"));
        assert!(verdict.violations[0].german.contains("1.0.0"));
    }
}

#[test]
fn a_file_in_base64_may_have_line_breaks_and_must_be_base64() {
    let Some(data) = published() else { return };
    let (_folder, standards) = xwasser(&data, "");
    let path = data.join("xwasser-1.0.0/samples/olb_report_minimal.xml");
    let text = std::fs::read_to_string(path).unwrap();
    let with = |content: &str| {
        assert!(text.contains("PERVTU1ZIC8+"));
        check(&standards, text.replace("PERVTU1ZIC8+", content).as_bytes())
    };
    let verdict = with("PERV\n   TU1Z\r\n IC8+");
    assert!(verdict.is_acceptable(), "{}", violations_text(&verdict));
    assert_eq!(errors(&with("PERV\n TU1Z IC8")).len(), 1);
    assert_eq!(errors(&with("PERV$TU1ZIC8+")).len(), 1);
}
