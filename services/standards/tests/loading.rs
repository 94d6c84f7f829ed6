//! Faults of a standard are found at start: all of them, with file, line and key.

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

use common::installed;
use standards::{Options, Standards};

const GOOD: &str = r#"id = "mine"
version = "1"
title = "Meins"
dialect = "g2g-1.1"
[recognise]
namespace = "urn:mine"
[xml]
entry = "mine.xsd"
[[message]]
name = "antrag"
title = "Antrag"
domain = "mine"
"#;

const XSD: &str = r#"<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:mine">
<xs:element name="antrag" type="xs:string"/></xs:schema>"#;

/// What is said of a standard with these files; `file:line: key: message`.
fn faults(standard: &str, mapping: &str, xsd: &str) -> Vec<String> {
    let files = [("standard.toml", standard), ("mapping.toml", mapping), ("mine.xsd", xsd)];
    let folder = installed(Path::new("/"), "mine", "1", &files);
    let options = Options { paths: vec![folder.0.clone()], workers: 1, ..Options::default() };
    let Err(error) = Standards::load(options) else { return Vec::new() };
    let short = |file: &str| file.rsplit('/').next().unwrap_or_default().to_owned();
    let line = |f: &standards::LoadFault| {
        format!("{}:{}: {}: {}", short(&f.file), f.line, f.key, f.message)
    };
    error.faults.iter().map(line).collect()
}

#[test]
fn a_sound_standard_is_listed_beside_the_built_in_one() {
    let files = [("standard.toml", GOOD), ("mapping.toml", "generic = \".\""), ("mine.xsd", XSD)];
    let folder = installed(Path::new("/"), "mine", "1", &files);
    let options = Options { paths: vec![folder.0.clone()], workers: 1, ..Options::default() };
    let list = Standards::load(options).unwrap().list();
    let find = |id: &str| list.iter().find(|standard| standard.id == id).unwrap();
    let kfz = find("amtsbote-kfz");
    assert_eq!((kfz.source.as_str(), kfz.message_types.len()), ("built-in", 4));
    assert_eq!(list.last().unwrap().id, "mine", "in order");
    assert_ne!(find("mine").source, "built-in");
}

#[test]
fn every_fault_is_told_at_once_with_line_and_key() {
    let standard = GOOD
        .replace("title = \"Meins\"", "titel = \"Meins\"")
        .replace("g2g-1.1", "g2g-9")
        .replace("domain = \"mine\"", "domain = \"Mine!\"");
    let found = faults(&standard, "generic = \".\"", XSD);
    let expected = [
        "standard.toml:1: title: is missing",
        "standard.toml:3: titel: unknown key",
        "standard.toml:4: dialect: no dialect `g2g-9`; there are: g2g-1.1, xdatenfelder-3, xdomea-2, \
         xdomea-4, xinneres-4, xjustiz-3, xkfz-5",
    ];
    assert_eq!(found, expected);
    let standard = GOOD.replace("domain = \"mine\"", "domain = \"Mine!\"");
    let found = faults(&standard, "generic = \".\"", XSD);
    assert!(found[0].starts_with("standard.toml:12: message.domain: "), "{found:?}");
}

#[test]
fn validity_code_list_policy_and_kinds_are_checked_at_start() {
    let wrong = "[validity]\nfrom = \"1.5.2026\"\nwarn_days = 400\n\
        [codelists]\nunknown = \"warn\"\n\"urn:x\" = \"maybe\"\n[rules]\n\"AB-4140\" = \"warning\"\n[xml]";
    let standard = GOOD.replace("[xml]", wrong) + "kind = \"letter\"\n";
    let found = faults(&standard, "generic = \".\"", XSD);
    let expected = [
        "standard.toml:8: validity.from: a day as `2026-11-01` is expected",
        "standard.toml:9: validity.warn_days: 0 to 366 days are expected",
        "standard.toml:11: codelists.unknown: is neither `unknown_version` nor the URI of a list",
        "standard.toml:12: codelists.urn:x: `accept`, `warn` or `reject` is expected",
        "standard.toml:14: rules.AB-4140: `error` or `warn` is expected",
        "standard.toml:21: message.kind: one of application, status, question, decision, receipt, \
         rejection is expected",
    ];
    assert_eq!(found, expected);
    let days = "[validity]\nfrom = \"2026-05-01\"\nuntil = \"2026-04-01\"\n[xml]";
    let found = faults(&GOOD.replace("[xml]", days), "generic = \".\"", XSD);
    assert_eq!(found, ["standard.toml:7: validity.until: is before `from`"]);
}

#[test]
fn a_mapping_is_checked_against_the_canonical_message() {
    let mapping = r#"[fields]
"applicant.shoe_size" = "a"
"vehicle_registration.vehicle.mileage_km" = { date = "a" }
"vehicle_registration.procedure" = { constant = "PROCEDURE_FLYING" }
"attachments" = "a"
"applicant.address.city" = "a//b"
[message."other"]
"#;
    let found = faults(GOOD, mapping, XSD);
    let lines: Vec<_> = found.iter().map(|f| f.split(": ").next().unwrap()).collect();
    let expected = [
        "mapping.toml:1",
        "mapping.toml:2",
        "mapping.toml:3",
        "mapping.toml:4",
        "mapping.toml:5",
        "mapping.toml:6",
        "mapping.toml:7",
    ];
    assert_eq!(&lines[lines.len() - 6..], &expected[1..], "{found:?}");
}

#[test]
fn a_mandatory_field_that_is_not_mapped_fails_at_start() {
    let mapping = "[fields]\n\"vehicle_registration.vehicle.make\" = \"a\"\n";
    let expected = "mapping.toml:1: vehicle_registration.procedure: \
        is mandatory and not mapped for `antrag`";
    assert_eq!(faults(GOOD, mapping, XSD), [expected]);
}

#[test]
fn two_standards_never_claim_the_same_root() {
    let standard = GOOD
        .replace("urn:mine", "urn:de:amtsbote:kfz:1.0")
        .replace("name = \"antrag\"", "name = \"kfz.neuzulassung.0101\"");
    let found = faults(&standard, "generic = \".\"", XSD);
    assert!(found[0].contains("is claimed by") && found.len() == 1, "{found:?}");
}

#[test]
fn an_import_that_cannot_be_read_offline_fails_at_start() {
    let import = "<xs:import namespace=\"urn:x\" schemaLocation=\"https://example.org/x.xsd\"/>";
    let xsd = XSD.replace("<xs:element", &format!("{import}<xs:element"));
    let found = faults(GOOD, "generic = \".\"", &xsd);
    assert!(found[0].contains("https://example.org/x.xsd"), "{found:?}");
    assert!(faults(GOOD, "generic = \".\"", "<xs:schema").len() == 1);
}
