//! What a mapping can do, both ways: a standard made up for it, one document, and back.

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

use common::{Folder, canonical_json, check, installed, violations_text};
use messaging::{ProcedureName, Timestamp};
use standards::{Composition, Media, Options, Standards};

const STANDARD: &str = r#"id = "mine"
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

const MAPPING: &str = r#"[written]
"@produkthersteller" = "Amtsbote"
"stelle/nummer" = "4711"

[fields]
"applicant.natural_person" = { name_parts = "person/name" }
"applicant.natural_person.birth_date" = { date = ["person/geboren", "person/geborenIrgendwann"] }
"applicant.natural_person.given_names" = { join = "person/vorname", with = " ", split = true }
"applicant.contact.email" = "person/erreichbarkeit[kanal/code='01']/kennung"
"applicant.contact.phone" = "person/erreichbarkeit[kanal/code='02']/kennung"
"business_registration.register_entry" = { join = ["gericht", "nummer"], with = " | " }
"payment.amount_cents" = { cents = "betrag" }
"payment.reference" = "betrag/@zeichen"
"business_registration.procedure" = { from = "art", values = { "1" = "PROCEDURE_REGISTRATION", "2" = "PROCEDURE_CHANGE", "9" = "PROCEDURE_CHANGE" } }
"business_registration.activity" = { constant = "Handel" }
"business_registration.is_side_line" = "nebenerwerb"

[repeat."business_registration.owners"]
each = "person"
[repeat."business_registration.owners".fields]
"party.natural_person.family_name" = "name"

[repeat."business_registration.reasons"]
each = "grund"

[[repeat."business_registration.establishments"]]
each = "ort[@art='H']"
fields.kind = { constant = "KIND_HEAD_OFFICE" }
fields."address.city" = "name"
[repeat."business_registration.establishments".repeat.trades]
each = "gewerke/gewerk"

[[repeat."business_registration.establishments"]]
each = "ort[@art='Z']"
fields.kind = { constant = "KIND_BRANCH" }
fields."address.city" = "name"
fields."employees_full_time" = "beschaeftigte"
"#;

const XSD: &str = r#"<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns="urn:mine"
  targetNamespace="urn:mine" elementFormDefault="qualified">
<xs:complexType name="Code"><xs:sequence><xs:element name="code" type="xs:token" form="unqualified"/></xs:sequence>
  <xs:attribute name="listURI" type="xs:anyURI" use="required" fixed="urn:liste"/></xs:complexType>
<xs:complexType name="Betrag"><xs:simpleContent><xs:extension base="xs:decimal">
  <xs:attribute name="zeichen" type="xs:string"/></xs:extension></xs:simpleContent></xs:complexType>
<xs:element name="antrag"><xs:complexType><xs:sequence>
  <xs:element name="stelle"><xs:complexType><xs:sequence><xs:element name="nummer" type="xs:string"/></xs:sequence></xs:complexType></xs:element>
  <xs:element name="person" maxOccurs="3"><xs:complexType><xs:sequence>
    <xs:element name="name" type="xs:string"/>
    <xs:element name="vorname" type="xs:string" minOccurs="0" maxOccurs="9"/>
    <xs:choice minOccurs="0">
      <xs:element name="geboren" type="xs:date"/><xs:element name="geborenIrgendwann" type="xs:gYear"/>
    </xs:choice>
    <xs:element name="erreichbarkeit" minOccurs="0" maxOccurs="9"><xs:complexType><xs:sequence>
      <xs:element name="kanal" type="Code"/><xs:element name="kennung" type="xs:string"/>
    </xs:sequence></xs:complexType></xs:element>
  </xs:sequence></xs:complexType></xs:element>
  <xs:element name="gericht" type="xs:string" minOccurs="0"/>
  <xs:element name="art" type="xs:token"/>
  <xs:element name="nummer" type="xs:string" minOccurs="0"/>
  <xs:element name="nebenerwerb" type="xs:boolean"/>
  <xs:choice minOccurs="0" maxOccurs="unbounded">
    <xs:element name="grund" type="Code"/>
    <xs:element name="ort"><xs:complexType><xs:sequence>
      <xs:element name="gewerke" minOccurs="0"><xs:complexType><xs:sequence>
        <xs:element name="gewerk" type="Code" maxOccurs="unbounded"/></xs:sequence></xs:complexType></xs:element>
      <xs:element name="name" type="xs:string"/>
      <xs:element name="beschaeftigte" type="xs:int" minOccurs="0"/>
    </xs:sequence><xs:attribute name="art" type="xs:token" use="required"/></xs:complexType></xs:element>
  </xs:choice>
  <xs:element name="betrag" type="Betrag" minOccurs="0"/>
</xs:sequence>
<xs:attribute name="produkthersteller" type="xs:string" use="required"/>
</xs:complexType></xs:element></xs:schema>"#;

const DOCUMENT: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<mine:antrag xmlns:mine="urn:mine" produkthersteller="Amtsbote">
  <mine:stelle>
    <mine:nummer>4711</mine:nummer>
  </mine:stelle>
  <mine:person>
    <mine:name>von der Łęcki</mine:name>
    <mine:vorname>Ásdís</mine:vorname>
    <mine:vorname>Anna-Lena</mine:vorname>
    <mine:geboren>1996-02-29</mine:geboren>
    <mine:erreichbarkeit>
      <mine:kanal listURI="urn:liste">
        <code>01</code>
      </mine:kanal>
      <mine:kennung>a@example.org</mine:kennung>
    </mine:erreichbarkeit>
    <mine:erreichbarkeit>
      <mine:kanal listURI="urn:liste">
        <code>02</code>
      </mine:kanal>
      <mine:kennung>030 1</mine:kennung>
    </mine:erreichbarkeit>
  </mine:person>
  <mine:gericht>Amtsgericht Döbeln &amp; Co</mine:gericht>
  <mine:art>2</mine:art>
  <mine:nummer>HRB 1</mine:nummer>
  <mine:nebenerwerb>false</mine:nebenerwerb>
  <mine:grund listURI="urn:liste">
    <code>1</code>
  </mine:grund>
  <mine:ort art="H">
    <mine:gewerke>
      <mine:gewerk listURI="urn:liste">
        <code>A</code>
      </mine:gewerk>
      <mine:gewerk listURI="urn:liste">
        <code>B</code>
      </mine:gewerk>
    </mine:gewerke>
    <mine:name>Döbeln</mine:name>
  </mine:ort>
  <mine:ort art="Z">
    <mine:name>Torgau</mine:name>
    <mine:beschaeftigte>3</mine:beschaeftigte>
  </mine:ort>
  <mine:ort art="Z">
    <mine:name>Oschatz</mine:name>
  </mine:ort>
  <mine:betrag zeichen="K-1">12.05</mine:betrag>
</mine:antrag>
"#;

fn standards(mapping: &str) -> (Standards, Folder) {
    let files = [("standard.toml", STANDARD), ("mapping.toml", mapping), ("mine.xsd", XSD)];
    let folder = installed(Path::new("/"), "mine", "1", &files);
    let options = Options { paths: vec![folder.0.clone()], workers: 1, ..Options::default() };
    (Standards::load(options).unwrap(), folder)
}

fn canonical(standards: &Standards, document: &str) -> bytes::Bytes {
    let verdict = check(standards, document.as_bytes());
    verdict
        .message
        .as_ref()
        .unwrap_or_else(|| panic!("{}", violations_text(&verdict)))
        .canonical
        .clone()
}

fn written(standards: &Standards, canonical: bytes::Bytes) -> Result<String, Vec<String>> {
    let (standard, version) = ("mine".to_owned(), "1".to_owned());
    let procedure = ProcedureName { standard, version, message_type: "antrag".to_owned() };
    let order = Composition { procedure, canonical, media: Media::Xml, now: Timestamp(0) };
    let written = standards.compose_blocking(order);
    written.map(|written| String::from_utf8(written.bytes.to_vec()).unwrap()).map_err(|error| {
        error.problems.into_iter().map(|p| format!("{} {}", p.field, p.path)).collect()
    })
}

#[test]
fn every_function_of_a_mapping_reads_and_writes() {
    let (standards, _folder) = standards(MAPPING);
    let canonical = canonical(&standards, DOCUMENT);
    let json = canonical_json(&canonical);
    for expected in [
        "\"name_prefix\": \"von der\"",
        "\"family_name\": \"Łęcki\"",
        "\"given_names\": \"Ásdís Anna-Lena\"",
        "\"email\": \"a@example.org\"",
        "\"phone\": \"030 1\"",
        "\"register_entry\": \"Amtsgericht Döbeln & Co | HRB 1\"",
        "\"amount_cents\": \"1205\"",
        "\"procedure\": \"PROCEDURE_CHANGE\"",
        "\"kind\": \"KIND_BRANCH\"",
        "\"employees_full_time\": 3",
    ] {
        assert!(json.contains(expected), "{expected}\n{json}");
    }
    assert_eq!(written(&standards, canonical).unwrap(), DOCUMENT);
    assert_eq!(standards.one_way(), []);
}

#[test]
fn generic_fields_keep_the_order_of_the_document() {
    let (standards, _folder) = standards("generic = \".\"\n");
    let turned = DOCUMENT.replace(
        "<mine:ort art=\"H\">",
        "<mine:grund listURI=\"urn:liste\">\n    \
        <code>2</code>\n  </mine:grund>\n  <mine:ort art=\"H\">",
    );
    let canonical = canonical(&standards, &turned);
    assert_eq!(written(&standards, canonical).unwrap(), turned);
    // Elements of both names in turn stay in turn.
    let late = turned.replacen(
        "  <mine:betrag",
        "  <mine:grund listURI=\"urn:liste\">\n    \
        <code>3</code>\n  </mine:grund>\n  <mine:betrag",
        1,
    );
    let canonical = self::canonical(&standards, &late);
    assert_eq!(written(&standards, canonical).unwrap(), late);
}

#[test]
fn a_value_that_nobody_can_take_apart_is_refused_and_its_line_is_named() {
    let mapping = MAPPING.replace("with = \" | \"", "with = \" \"");
    let (standards, _folder) = standards(&mapping);
    let named: Vec<String> = standards.one_way().into_iter().map(|line| line.field).collect();
    assert_eq!(named, ["business_registration.register_entry"]);
    let message = canonical(&standards, DOCUMENT);
    let told = written(&standards, message).unwrap_err();
    assert_eq!(told, ["business_registration.register_entry gericht"]);
    let alone = DOCUMENT.replace("  <mine:nummer>HRB 1</mine:nummer>\n", "");
    let alone = alone.replace("Amtsgericht Döbeln &amp; Co", "HRB1");
    let message = canonical(&standards, &alone);
    assert_eq!(written(&standards, message).unwrap(), alone);
}

#[test]
fn one_place_never_gets_two_values() {
    let mapping = MAPPING.replace(
        "\"payment.reference\" = \"betrag/@zeichen\"",
        "\"payment.reference\" = \"person/name\"",
    );
    let (standards, _folder) = standards(&mapping);
    let mut message = canonical(&standards, DOCUMENT).to_vec();
    // Payment.reference once more, of another value: the last one counts.
    message.extend([0x1A, 0x03, 0x12, 0x01, b'X']);
    let told = written(&standards, message.into()).unwrap_err();
    assert_eq!(told, ["payment.reference person/name"]);
}
