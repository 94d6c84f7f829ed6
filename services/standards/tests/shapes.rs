//! Shapes in a mapping: what a repetition becomes, under a name, also within itself; and paths of
//! any depth.

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
    canonical_json, check, installed,
    standard::{ANY, RECOGNISE, toml},
    violations_text,
};
use serde_json::Value;
use standards::{Options, Standards};

const MAPPING: &str = r#"[fields]
"record_filing.procedure" = { constant = "PROCEDURE_CASE_FILE" }
[repeat.attachments]
each = "**/datei"
fields.name = "name"
fields.title = "../titel"
[repeat."record_filing.records"]
each = "akte"
shape = "akte"
[shape.akte]
fields.title = "titel"
[shape.akte.repeat.records]
each = "akte"
shape = "akte"
"#;

/// The canonical message of `document`, or what is wrong with the mapping: `line: key: message`.
fn canonical(mapping: &str, document: &str) -> Result<Value, Vec<String>> {
    let standard = toml("1", "g2g-1.1", RECOGNISE);
    let files = [("standard.toml", &*standard), ("mapping.toml", mapping), ("mine.xsd", ANY)];
    let folder = installed(Path::new("/"), "mine", "1", &files);
    let options = Options { paths: vec![folder.0.clone()], workers: 1, ..Options::default() };
    let standards = Standards::load(options).map_err(|error| {
        let fault = |f: &standards::LoadFault| format!("{}: {}: {}", f.line, f.key, f.message);
        error.faults.iter().map(fault).collect::<Vec<_>>()
    })?;
    let verdict = check(&standards, document.as_bytes());
    let told = violations_text(&verdict);
    let message = verdict.message.unwrap_or_else(|| panic!("{told}"));
    Ok(serde_json::from_str(&canonical_json(&message.canonical)).unwrap())
}

fn document(body: &str) -> String {
    format!("<m:antrag.0101 xmlns:m=\"urn:mine\">{body}</m:antrag.0101>")
}

#[test]
fn a_shape_within_itself_is_followed_as_deep_as_lists_may_nest() {
    let body = (0..10).rev().fold(String::new(), |within, depth| {
        format!("<akte><titel>{depth}</titel>{within}</akte>")
    });
    let message = canonical(MAPPING, &document(&body)).unwrap();
    let mut titles = Vec::new();
    let mut records = &message["record_filing"]["records"];
    while let Some(record) = records.get(0) {
        titles.push(record["title"].as_str().unwrap());
        records = &record["records"];
    }
    assert_eq!(titles, ["0", "1", "2", "3", "4", "5", "6", "7"]);
}

#[test]
fn a_path_of_any_depth_finds_all_in_the_order_of_the_document() {
    let file = |name: &str| format!("<datei><name>{name}</name></datei>");
    let body = format!(
        "<akte><titel>A</titel>{}<akte>{}<anlage>{}</anlage></akte>{}</akte>{}",
        file("a"),
        file("b"),
        file("c"),
        file("d"),
        file("e")
    );
    let message = canonical(MAPPING, &document(&body)).unwrap();
    let names = message["attachments"].as_array().unwrap();
    let names: Vec<&str> = names.iter().map(|file| file["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["a", "b", "c", "d", "e"]);
    let titled =
        message["attachments"].as_array().unwrap().iter().filter(|file| file["title"] == "A");
    assert_eq!(titled.count(), 2, "what stands around the file is its title");
}

#[test]
fn faults_of_shapes_are_told_once_with_line_and_key() {
    let mapping = MAPPING.replace("fields.title = \"titel\"", "fields.titel = \"titel\"").replace(
        "each = \"akte\"\nshape = \"akte\"\n[",
        "each = \"akte\"\nshape = \"akte\"\nfields.id = \"id\"\n[",
    );
    let mapping =
        format!("{mapping}[shape.vorgang]\nfields.title = \"t\"\n[[repeat.\"payment.x\"]]\n");
    let found = canonical(&mapping, "").unwrap_err();
    let expected = [
        "10: repeat.record_filing.records.fields: unknown key",
        "12: shape.akte.fields.titel: `amtsbote.canonical.v1.Record` has no field `titel`",
        "16: shape.vorgang: no repetition has this shape",
        "18: repeat.payment.x: `amtsbote.canonical.v1.Payment` has no field `x`",
    ];
    assert_eq!(found, expected);
    let mapping = MAPPING.replace("[shape.akte", "[shape.mappe");
    let found = canonical(&mapping, "").unwrap_err();
    let is_told = |fault: &String| fault.contains("there is no shape `akte`");
    assert!(found.iter().any(is_told), "{found:?}");
}
