//! Standards whose descriptions we ship and whose schemas we do not: `schemas/known`. Imported here
//! as an operator does; their publishers' samples are valid and lose nothing.

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
    canonical_json, check, compare, described, published, schemas, violations_text, xdomea, xwasser,
};
use serde_json::Value;

const XDOMEA: [&str; 2] = ["2.3.0", "3.0.0"];

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

/// What a rejection may say, all of it; `p` stands for the namespace of its standard.
const REJECTION: &str = r#"<p:rueckweisung><p:rueckweisendeStelle>
<p:pruefinstanz>Clearingstelle der Landkreise</p:pruefinstanz>
<p:kommunikation><kanal listURI="urn:de:xoev:codeliste:erreichbarkeit" listVersionID="4.1"><code>01</code></kanal>
<kennung>clearing@example.org</kennung></p:kommunikation>
<p:kommunikation><kanal listVersionID="4.1"><code>02</code></kanal><kennung>+49 3421 555 0900</kennung>
<zusatz>werktags</zusatz></p:kommunikation></p:rueckweisendeStelle>
<p:rueckweisungsgrund><p:grund><code>S100</code></p:grund></p:rueckweisungsgrund>
<p:rueckweisungsgrund>
<p:grund listURI="urn:xoev-de:xgewerbeordnung:codeliste:rueckweisungsgruende" listVersionID="1"><code>S999</code><name>Sonstiges</name></p:grund>
<p:grundSpezifisch><p:fehlercode listURI="urn:example:gruende" listVersionID="2026"><code>17</code></p:fehlercode></p:grundSpezifisch>
<p:grundSpezifisch><p:fehlerbeschreibung>Die Anlage ist leer.</p:fehlerbeschreibung></p:grundSpezifisch>
<p:grundSpezifisch/></p:rueckweisungsgrund>
<p:transportinformationen><p:nachrichtenId>47-11</p:nachrichtenId><p:betreff>Befund</p:betreff>
<p:sendezeitpunkt>2026-11-02T09:20:10</p:sendezeitpunkt><p:ergaenzendeHinweise>Eingang am Abend</p:ergaenzendeHinweise>
</p:transportinformationen><p:nachricht>PGEv
Pg==</p:nachricht></p:rueckweisung>"#;

#[test]
fn a_rejection_in_xwasser_is_an_answer_and_would_be_one_of_our_own() {
    let Some(data) = published() else { return };
    let (_folder, standards) = xwasser(&data, "");
    let path = data.join("xwasser-1.0.0/samples/administration_receipt.xml");
    let text = fs::read_to_string(path).unwrap();
    let (head, _) = text.split_once("</nachrichtenkopf.g2g>").unwrap();
    let head = head.replace("administration.quittung.0020", "administration.rueckweisung.0010");
    let body = REJECTION.replace("p:", "xwas:");
    let rejection =
        format!("{head}</nachrichtenkopf.g2g>{body}</xwas:administration.rueckweisung.0010>");
    let example = schemas().join("amtsbote-antwort/1.0/examples/valid/rueckweisung-unlesbar.xml");
    let text = fs::read_to_string(example).unwrap();
    let (head, _) = text.split_once("<antw:rueckweisung>").unwrap();
    let body = REJECTION.replace("p:", "antw:");
    let our_own = format!("{head}{body}</antw:antwort.rueckweisung.0905>");

    let answers = [rejection, our_own].map(|document| {
        let verdict = check(&standards, document.as_bytes());
        assert!(verdict.is_acceptable(), "{}", violations_text(&verdict));
        canonical(&verdict)["answer"].clone()
    });
    let parts = |answer: &Value, names: &[&str]| -> Vec<Value> {
        names.iter().map(|name| answer[*name].clone()).collect()
    };
    let names = ["kind", "reasons", "rejecting_authority", "transport"];
    assert_eq!(parts(&answers[0], &names), parts(&answers[1], &names));
    assert_eq!(answers[0]["original"]["document"], answers[1]["original"]["document"]);
    let [answer, _] = answers;
    assert_eq!(answer["kind"], "KIND_REJECTION");
    assert_eq!(answer["reasons"][0]["code"]["code"], "S100");
    assert_eq!(answer["reasons"][1]["details"][1]["text"], "Die Anlage ist leer.");
    assert_eq!(answer["rejecting_authority"]["channels"][1]["note"], "werktags");
}
