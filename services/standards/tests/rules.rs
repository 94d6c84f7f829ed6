//! The rules beside the schemas: code lists, what real senders do, and how severe a standard calls it.

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
    check, codes, published,
    standard::{RECOGNISE, install, load, toml},
    violations_text,
};
use standards::{Severity, Standards, Verdict, codelist::genericode};

/// A list of `codes`.
fn list(uri: &str, version: &str, codes: &[&str]) -> String {
    let row = |code: &&str| {
        format!("<Row><Value ColumnRef='c'><SimpleValue>{code}</SimpleValue></Value></Row>")
    };
    let rows: String = codes.iter().map(row).collect();
    format!(
        "<gc:CodeList xmlns:gc='urn:gc'><Identification><ShortName>farbe</ShortName>\
         <Version>{version}</Version><CanonicalUri>{uri}</CanonicalUri></Identification><ColumnSet>\
         <Column Id='c'/><Key><ColumnRef Ref='c'/></Key></ColumnSet><SimpleCodeList>{rows}\
         </SimpleCodeList></gc:CodeList>"
    )
}

/// A standard with two versions of the list `urn:farbe`, and `more` in its `standard.toml`.
fn with_lists(more: &str) -> (common::Folder, Standards) {
    let folder = install("1", &toml("1", "g2g-1.1", &format!("{RECOGNISE}\n{more}")));
    let lists = folder.0.join("mine/1/codelists");
    std::fs::create_dir(&lists).unwrap();
    for (version, codes) in [("1", &["rot"][..]), ("2", &["rot", "gelb"])] {
        let path = lists.join(format!("farbe_{version}.xml"));
        std::fs::write(path, list("urn:farbe", version, codes)).unwrap();
    }
    let standards = load(&[&folder]);
    (folder, standards)
}

fn coded(standards: &Standards, uri: &str, version: &str, code: &str) -> Verdict {
    let text = format!(
        "<m:antrag.0101 xmlns:m='urn:mine'><farbe listURI='{uri}' listVersionID='{version}'>\
         <code>{code}</code></farbe></m:antrag.0101>"
    );
    check(standards, text.as_bytes())
}

#[test]
fn a_code_must_be_in_the_list_and_version_it_names() {
    let (_folder, standards) = with_lists("");
    let rows: [(&str, &str, &str, &[&str], bool); 7] = [
        ("urn:farbe", "2", "gelb", &[], true),
        ("urn:farbe", "1", "gelb", &["AB-4140"], false),
        ("urn:farbe", "3", "gelb", &["AB-4141"], true),
        ("urn:unknown", "1", "gelb", &[], true),
        ("urn:farbe", "", "gelb", &["AB-4142"], true),
        ("", "", "gelb", &["AB-4142"], true),
        ("", "", "", &[], true),
    ];
    for (uri, version, code, expected, is_acceptable) in rows {
        let verdict = coded(&standards, uri, version, code);
        assert_eq!(codes(&verdict), expected, "{uri} {version}: {}", violations_text(&verdict));
        assert_eq!(verdict.is_acceptable(), is_acceptable);
    }
    let verdict = coded(&standards, "urn:farbe", "1", "a1");
    let violation = &verdict.violations[0];
    assert_eq!(violation.xoev_code, Some("S011"));
    assert!(violation.path.ends_with("/farbe/code"), "{}", violation.path);
    assert!(violation.german.contains("„a1“") && violation.german.contains("rot"));
    let verdict = coded(&standards, "urn:farbe", "1", "Müller");
    assert!(!violations_text(&verdict).contains("Müller"), "what may be a name is not repeated");
}

#[test]
fn what_an_unknown_version_of_a_list_means_is_chosen_per_list() {
    let rows = [
        ("unknown_version = \"accept\"", None),
        ("unknown_version = \"warn\"", Some(Severity::Warning)),
        ("unknown_version = \"reject\"", Some(Severity::Error)),
        ("unknown_version = \"reject\"\n\"urn:farbe\" = \"accept\"", None),
        ("\"urn:farbe\" = \"reject\"", Some(Severity::Error)),
        ("\"urn:other\" = \"reject\"", Some(Severity::Warning)),
    ];
    for (policy, expected) in rows {
        let (_folder, standards) = with_lists(&format!("[codelists]\n{policy}"));
        let verdict = coded(&standards, "urn:farbe", "9", "rot");
        assert_eq!(verdict.violations.first().map(|v| v.severity), expected, "{policy}");
        assert_eq!(verdict.is_acceptable(), expected != Some(Severity::Error));
    }
}

#[test]
fn what_real_senders_do_is_warned_of_and_not_refused() {
    let (_folder, standards) = with_lists("");
    let rows: [(&str, &[&str]); 6] = [
        ("<m:antrag.0101 xmlns:m='urn:mine' test='false'/>", &["AB-4136"]),
        ("<m:antrag.0101 xmlns:m='urn:mine' test='true'/>", &[]),
        ("<m:antrag.0101 xmlns:m='urn:mine'><a>M&amp;amp;M</a></m:antrag.0101>", &["AB-4135"]),
        ("<m:antrag.0101 xmlns:m='urn:mine'><a>M&amp;M</a></m:antrag.0101>", &[]),
        ("<m:antrag.0101 xmlns:m='urn:mine'><a>&amp;#252;</a></m:antrag.0101>", &["AB-4135"]),
        ("<m:antrag.0101 xmlns:m='urn:mine'><a>&lt;b></a></m:antrag.0101>", &[]),
    ];
    for (text, expected) in rows {
        let verdict = check(&standards, text.as_bytes());
        assert_eq!(codes(&verdict), expected, "{text}");
        assert!(verdict.is_acceptable(), "{text}");
    }
}

#[test]
fn a_standard_says_how_severe_a_rule_is() {
    let (_folder, standards) =
        with_lists("[rules]\n\"AB-4136\" = \"error\"\n\"AB-4140\" = \"warn\"");
    let verdict = check(&standards, b"<m:antrag.0101 xmlns:m='urn:mine' test='false'/>");
    assert!(!verdict.is_acceptable());
    let verdict = coded(&standards, "urn:farbe", "1", "gelb");
    assert_eq!(codes(&verdict), ["AB-4140"]);
    assert!(verdict.is_acceptable(), "let through, and told");
}

/// Every `.xoev("…")` of the engine, read from its source.
fn codes_attached(folder: &std::path::Path, found: &mut std::collections::BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            codes_attached(&path, found);
            continue;
        }
        let source = std::fs::read_to_string(&path).unwrap();
        let codes = source.split(".xoev(\"").skip(1).filter_map(|rest| rest.split('"').next());
        found.extend(codes.map(str::to_owned));
    }
}

#[test]
fn every_code_attached_is_one_of_xinneres() {
    let Some(data) = published() else { return };
    let list = data.join("xinneres/urn-de-xinneres-codeliste-fehlercodes_2.xml");
    let list = genericode::read(&std::fs::read_to_string(list).unwrap()).unwrap();
    let mut attached = std::collections::BTreeSet::new();
    let source = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    codes_attached(&source, &mut attached);
    assert!(attached.len() >= 6, "{attached:?}");
    for code in attached {
        assert!(list.contains(&code), "{code} is not in {} version {}", list.uri, list.version);
    }
}
