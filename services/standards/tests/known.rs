//! Standards whose descriptions we ship and whose schemas we do not: `schemas/known`. Installed
//! here as an operator would, with the published schemas; their publishers' samples are valid.

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
    fs,
    path::{Path, PathBuf},
};

use common::{
    Folder, canonical_json, check, compare, described, published, violations_text, with_known,
};
use serde_json::Value;
use standards::Standards;

const XDOMEA: [&str; 2] = ["2.3.0", "3.0.0"];

/// The schemas of one version of xdomea, in one that brings them all: not every version has it.
fn xdomea(data: &Path, version: &str) -> (Folder, Standards) {
    let mut all = format!(
        "<xs:schema xmlns:xs=\"http://www.w3.org/2001/XMLSchema\" \
         targetNamespace=\"urn:xoev-de:xdomea:schema:{version}\">\n"
    );
    for schema in files(&data.join("xdomea").join(version).join("xsd")) {
        let name = schema.file_name().unwrap().to_str().unwrap();
        all.push_str(&format!(
            "<xs:include schemaLocation=\"data/xdomea/{version}/xsd/{name}\"/>\n"
        ));
    }
    all.push_str("</xs:schema>\n");
    with_known(data, "xdomea", version, "entry = \"all.xsd\"", &[("all.xsd", &all)])
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn ours(version: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/xdomea").join(version)
}

fn canonical(verdict: &standards::Verdict) -> Value {
    let canonical = &verdict.message.as_ref().unwrap().canonical;
    serde_json::from_str(&canonical_json(canonical)).unwrap()
}

#[test]
fn every_published_sample_of_xdomea_is_valid_and_keeps_all_it_says() {
    let Some(data) = published() else { return };
    let mut count = 0;
    for version in XDOMEA {
        let (_folder, standards) = xdomea(&data, version);
        for path in files(&data.join("xdomea").join(version).join("samples")) {
            let text = fs::read_to_string(&path).unwrap();
            let verdict = check(&standards, text.as_bytes());
            let told = violations_text(&verdict);
            assert!(verdict.is_acceptable(), "{}\n{told}", path.display());
            let (_, process) = text.split_once("ProzessID>").unwrap();
            let process = process.split('<').next().unwrap();
            assert_eq!(verdict.header.case_reference.as_deref(), Some(process));
            let message = canonical(&verdict);
            assert_eq!(message["header"]["domain"], "eakte");
            for said in words(&text) {
                let is_kept = message.to_string().contains(&said);
                assert!(is_kept, "{}: `{said}` is lost", path.display());
            }
            count += 1;
        }
    }
    assert_eq!(count, 9);
}

/// The texts of a document, as they stand in JSON.
fn words(text: &str) -> BTreeSet<String> {
    let mut words = BTreeSet::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("<!--") {
        words.extend(texts(before));
        rest = after.split_once("-->").unwrap().1;
    }
    words.extend(texts(rest));
    words
}

fn texts(xml: &str) -> impl Iterator<Item = String> {
    let between = xml.split('>').filter_map(|part| Some(part.split_once('<')?.0.trim()));
    let said = between.filter(|text| !text.is_empty() && !text.contains('&'));
    said.map(|text| serde_json::to_string(text).unwrap().trim_matches('"').to_owned())
}

#[test]
fn records_of_xdomea_are_nested_as_sent_and_their_files_are_attachments() {
    let Some(data) = published() else { return };
    for version in XDOMEA {
        let (_folder, standards) = xdomea(&data, version);
        for path in files(&ours(version)) {
            if path.extension().is_none_or(|extension| extension != "xml") {
                continue;
            }
            let text = fs::read_to_string(&path).unwrap();
            let verdict = check(&standards, text.as_bytes());
            assert!(verdict.is_acceptable(), "{}\n{}", path.display(), violations_text(&verdict));
            let message = verdict.message.as_ref().unwrap();
            assert_eq!(message.attachments.len(), text.matches("<xdomea:Primaerdokument>").count());
            compare(&path, ".canonical.json", &canonical_json(&message.canonical));
        }
    }
}

#[test]
fn every_root_element_of_the_schemas_is_a_message_of_its_description() {
    let Some(data) = published() else { return };
    let rows = [
        ("xdomea", "2.3.0", "xdomea/2.3.0/xsd"),
        ("xdomea", "3.0.0", "xdomea/3.0.0/xsd"),
        ("xwasser", "1.0.0", "xwasser-1.0.0/xsd"),
    ];
    for (id, version, schemas) in rows {
        let mut roots = BTreeSet::new();
        for schema in files(&data.join(schemas)) {
            let text = fs::read_to_string(schema).unwrap();
            let names =
                text.split("element name=\"").skip(1).filter_map(|rest| rest.split('"').next());
            let is_message = |name: &&str| {
                let number = name.rsplit('.').next().unwrap_or_default();
                number.len() == 4 && number.bytes().all(|byte| byte.is_ascii_digit())
            };
            roots.extend(names.filter(is_message).map(str::to_owned));
        }
        assert!(roots.len() >= 12, "{id} {version}: {roots:?}");
        let description = described(id, version, "standard.toml");
        let messages = description.split("[[message]]\nname = \"").skip(1);
        let messages: BTreeSet<String> =
            messages.filter_map(|rest| Some(rest.split('"').next()?.to_owned())).collect();
        assert_eq!(messages, roots, "{id} {version}");
    }
}

#[test]
fn a_rejection_in_xwasser_is_an_answer() {
    let Some(data) = published() else { return };
    let (_folder, standards) = common::xwasser(&data, "");
    let path = data.join("xwasser-1.0.0/samples/administration_receipt.xml");
    let text = fs::read_to_string(path).unwrap();
    let (head, _) = text.split_once("</nachrichtenkopf.g2g>").unwrap();
    let head = head.replace("administration.quittung.0020", "administration.rueckweisung.0010");
    let rejection = format!(
        "{head}</nachrichtenkopf.g2g><xwas:rueckweisung>\
         <xwas:rueckweisungsgrund><xwas:grund><code>S100</code></xwas:grund></xwas:rueckweisungsgrund>\
         <xwas:rueckweisungsgrund><xwas:grund><code>S999</code></xwas:grund><xwas:grundSpezifisch>\
         <xwas:fehlerbeschreibung>Die Anlage ist leer.</xwas:fehlerbeschreibung>\
         </xwas:grundSpezifisch></xwas:rueckweisungsgrund>\
         </xwas:rueckweisung></xwas:administration.rueckweisung.0010>"
    );
    let verdict = check(&standards, rejection.as_bytes());
    assert!(verdict.is_acceptable(), "{}", violations_text(&verdict));
    let answer = &canonical(&verdict)["answer"];
    assert_eq!(answer["kind"], "KIND_REJECTION");
    assert_eq!(answer["reasons"][0]["code"]["code"], "S100");
    assert_eq!(answer["reasons"][1]["details"][0]["text"], "Die Anlage ist leer.");
}
