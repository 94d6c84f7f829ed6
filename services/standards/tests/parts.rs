//! Standards share parts: XSDs and JSON Schemas that refer to files of another standard, by relative
//! path or inside the binary. What is remote is never fetched.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::string_slice,
    reason = "helpers of tests are tests"
)]

mod common;

use common::{Folder, check, codes, installed, schemas};
use standards::{LoadError, Options, Standards};

const STANDARD: &str = r#"id = "mine"
version = "1"
title = "Meins"
dialect = "g2g-1.1"
[recognise]
namespace = "urn:mine"
[xml]
entry = "mine.xsd"
[json]
schema = "urn:mine:json"
entry = "mine.json"
[[message]]
name = "mine.antrag.0001"
title = "Antrag"
domain = "mine"
"#;

/// A standard of two fields whose types are those of `basis`.
fn xsd(basis: &str) -> String {
    format!(
        r#"<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns="urn:mine" targetNamespace="urn:mine" elementFormDefault="qualified">
<xs:include schemaLocation="{basis}"/>
<xs:element name="mine.antrag.0001"><xs:complexType><xs:sequence>
<xs:element name="person" type="NatuerlichePerson"/><xs:element name="anschrift" type="Anschrift"/>
</xs:sequence></xs:complexType></xs:element></xs:schema>"#
    )
}

fn json(basis: &str) -> String {
    format!(
        r##"{{"type":"object","properties":{{"$schema":{{"const":"urn:mine:json"}},
"mine.antrag.0001":{{"type":"object","properties":{{"anschrift":{{"$ref":"{basis}#/$defs/anschrift"}}}}}}}}}}"##
    )
}

/// With its folder: schemas are read again by every further worker.
fn load(files: &[(&str, &str)]) -> (Result<Standards, LoadError>, Folder) {
    let folder = installed(&schemas(), "mine", "1", files);
    let options = Options { paths: vec![folder.0.clone()], workers: 1, ..Options::default() };
    (Standards::load(options), folder)
}

const XML: &str = r#"<mine.antrag.0001 xmlns="urn:mine"><person><familienname>Nowak</familienname>
<geburtsdatum>1990</geburtsdatum></person><anschrift><strasse>Am Markt</strasse>
<postleitzahl>02826</postleitzahl><ort>Görlitz</ort></anschrift></mine.antrag.0001>"#;
const JSON: &str = r#"{"$schema":"urn:mine:json","mine.antrag.0001":{"anschrift":
{"strasse":"Am Markt","postleitzahl":"02826","ort":"Görlitz"}}}"#;

#[test]
fn parts_of_another_standard_are_found_in_a_folder_and_in_the_binary() {
    // `data` in the folder of the standard leads to the repository's `schemas`.
    let places =
        [("data/./amtsbote-basis/1.0", "folder"), ("builtin:/amtsbote-basis/1.0", "binary")];
    for (place, what) in places {
        let (xsd, json) = (
            xsd(&format!("{place}/xsd/person.xsd")),
            json(&format!("{place}/json/basis.schema.json")),
        );
        let files = [
            ("standard.toml", STANDARD),
            ("mapping.toml", "generic = \".\""),
            ("mine.xsd", &xsd),
            ("mine.json", &json),
        ];
        let (loaded, _folder) = load(&files);
        let standards = loaded.unwrap_or_else(|error| panic!("{what}: {error}"));
        for (good, bad) in
            [(XML, XML.replace("02826", "2826")), (JSON, JSON.replace("02826", "2826"))]
        {
            let verdict = check(&standards, good.as_bytes());
            assert!(verdict.is_acceptable(), "{what}: {:?}", verdict.violations);
            let verdict = check(&standards, bad.as_bytes());
            assert_eq!(codes(&verdict).len(), 1, "{what}: {:?}", verdict.violations);
        }
    }
}

#[test]
fn a_remote_part_is_a_fault_at_start() {
    let basis = format!("{}/amtsbote-basis/1.0/xsd/person.xsd", schemas().display());
    let (xsd, json) = (xsd(&basis), json("https://example.org/basis.schema.json"));
    let files = [
        ("standard.toml", STANDARD),
        ("mapping.toml", "generic = \".\""),
        ("mine.xsd", &xsd),
        ("mine.json", &json),
    ];
    let (loaded, _folder) = load(&files);
    let error = loaded.unwrap_err();
    assert_eq!(error.faults.len(), 1, "{error}");
    assert!(error.faults[0].file.ends_with("mine.json"), "{error}");
    assert!(error.faults[0].message.contains("is remote"), "{error}");
}
