//! What is meant to break the engine gets a clear error with a code, and the engine goes on.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::string_slice,
    reason = "helpers of tests are tests"
)]

mod common;

use std::fmt::Write as _;

use bytes::Bytes;
use common::{built_in, check, codes, example, violations_text};
use messaging::Timestamp;
use standards::{Busy, Document, Limits, Options, Severity, Standards};

/// Every document of the table is refused with exactly this code, and a good one passes after it.
fn refuses(rows: Vec<(Vec<u8>, &str)>) {
    let standards = built_in();
    for (bytes, code) in rows {
        let verdict = check(&standards, &bytes);
        let start = String::from_utf8_lossy(&bytes[..bytes.len().min(120)]).into_owned();
        let found = codes(&verdict);
        assert!(found.contains(&code), "{start}: {}", violations_text(&verdict));
        assert!(verdict.message.is_none(), "{start}");
        assert!(verdict.violations.iter().all(|v| !v.german.is_empty() && !v.english.is_empty()));
    }
    assert!(check(&standards, good().as_bytes()).is_acceptable());
}

fn good() -> String {
    example("neuzulassung-nordsachsen.xml")
}

fn with(from: &str, to: &str) -> Vec<u8> {
    let text = good();
    assert!(text.contains(from), "{from}");
    text.replacen(from, to, 1).into_bytes()
}

#[test]
fn what_is_no_document_is_refused() {
    refuses(vec![
        (Vec::new(), "AB-4001"),
        (b" \r\n\t".to_vec(), "AB-4001"),
        (b"Guten Tag".to_vec(), "AB-4009"),
        (b"%PDF-1.7".to_vec(), "AB-4009"),
        (b"PK\x03\x04".to_vec(), "AB-4009"),
        (b"<".to_vec(), "AB-4004"),
        (b"<?xml version=\"1.0\"?>".to_vec(), "AB-4004"),
        (format!("{}<zweite/>", good()).into_bytes(), "AB-4004"),
        (format!("{}Text", good()).into_bytes(), "AB-4004"),
        (with("</kfz:kfz.neuzulassung.0101>", ""), "AB-4004"),
        (with("Torgau", "Torgau\u{1}"), "AB-4004"),
        (with("Torgau", "Torgau & Umland"), "AB-4004"),
        (with("<kfz:ort>", "<kfz:ort a='1' a='1'>"), "AB-4004"),
        (with("<kfz:ort>", "<other:ort>"), "AB-4004"),
    ]);
}

#[test]
fn declarations_and_entities_are_refused() {
    let bomb = "<!DOCTYPE a [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;\">]>";
    let doctype = |declaration: &str| with("<kfz:kfz", &format!("{declaration}<kfz:kfz"));
    refuses(vec![
        (doctype("<!DOCTYPE a>"), "AB-4005"),
        (doctype(bomb), "AB-4005"),
        (doctype("<!DOCTYPE a SYSTEM \"file:///etc/passwd\">"), "AB-4005"),
        (with("Torgau", "&ort;"), "AB-4006"),
        (with("Torgau", "M&uuml;nchen"), "AB-4006"),
    ]);
}

#[test]
fn size_and_depth_are_bounded() {
    let deep = format!("{}{}", "<a>".repeat(100_000), "</a>".repeat(100_000));
    let attributes: String = (0..500).fold(String::new(), |mut all, n| {
        write!(all, " a{n}='1'").unwrap();
        all
    });
    let long = "x".repeat(1 << 20);
    refuses(vec![
        (with("<kfz:fahrzeug>", &format!("<kfz:fahrzeug>{deep}")), "AB-4007"),
        (with("produkt=\"Antragsportal\"", &format!("produkt=\"{long}\"")), "AB-4008"),
        (with("<kfz:ort>", &format!("<kfz:ort{attributes}>")), "AB-4008"),
        (with("<kfz:ort>", &format!("<{long}/><kfz:ort>")), "AB-4008"),
        (deep.into_bytes(), "AB-4020"),
        (format!("{}\"$schema\":", "{\"a\":".repeat(100_000)).into_bytes(), "AB-4007"),
    ]);
    let limits = Limits { document_bytes_max: 1_000, ..Limits::default() };
    let small = Standards::load(Options { workers: 1, limits, ..Options::default() }).unwrap();
    assert_eq!(codes(&check(&small, good().as_bytes())), ["AB-4008"]);
}

#[test]
fn a_wrong_encoding_is_told_and_nothing_is_replaced() {
    let latin: Vec<u8> = good().chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect();
    let declared = |label: &str| {
        let text = String::from_utf8_lossy(&latin).replace("UTF-8", label);
        text.into_bytes()
    };
    let text = good().replace("encoding=\"UTF-8\"", "encoding=\"UTF-16\"");
    refuses(vec![
        (latin.clone(), "AB-4003"),
        (text.into_bytes(), "AB-4003"),
        (declared("EBCDIC-DE"), "AB-4002"),
        (b"\xFF\xFE<\0".to_vec(), "AB-4004"),
        (b"\xFF\xFE<".to_vec(), "AB-4003"),
    ]);
}

#[test]
fn every_encoding_we_read_is_delivered_as_utf_8() {
    let standards = built_in();
    let text = good().replace("encoding=\"UTF-8\"", "encoding=\"ISO-8859-1\"");
    let latin: Vec<u8> = text.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect();
    let wide = good().replace("encoding=\"UTF-8\"", "encoding=\"UTF-16\"");
    let wide: Vec<u8> =
        std::iter::once(0xFEFF).chain(wide.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    for bytes in [latin, wide] {
        let verdict = check(&standards, &bytes);
        let message = verdict.message.expect("it is valid in its encoding");
        assert_eq!(message.normalised.unwrap(), good().as_bytes());
    }
}

#[test]
fn unknown_namespaces_versions_and_messages_are_told_apart() {
    let known = "urn:de:amtsbote:kfz:1.0";
    refuses(vec![
        (good().replace(known, "urn:nobody").into_bytes(), "AB-4020"),
        (b"<a/>".to_vec(), "AB-4020"),
        (good().replace(known, "urn:de:amtsbote:kfz:0.9").into_bytes(), "AB-4021"),
        (with(" version=\"1.0\">", " version=\"1.1\">"), "AB-4021"),
        (good().replace("neuzulassung.0101", "unbekannt.0199").into_bytes(), "AB-4022"),
        (b"{}".to_vec(), "AB-4020"),
        (br#"{"$schema":"urn:de:amtsbote:kfz:2.0:json","x":{}}"#.to_vec(), "AB-4021"),
        (br#"{"$schema":"urn:de:amtsbote:kfz:1.0:json","x":{}}"#.to_vec(), "AB-4022"),
        (br#"{"a":1,"a":2}"#.to_vec(), "AB-4031"),
        (b"{\"a\":".to_vec(), "AB-4030"),
    ]);
}

#[test]
fn a_document_wrong_in_30_places_gets_all_30_told_in_order() {
    let attachment = "<kfz:anlage><kfz:bezeichnung>Anlage</kfz:bezeichnung>\
        <kfz:dateiname>a.pdf</kfz:dateiname><kfz:mimeType>text/html</kfz:mimeType></kfz:anlage>\n";
    let end = "</kfz:kfz.neuzulassung.0101>";
    let bytes = with(end, &format!("{}{end}", attachment.repeat(30)));
    let verdict = check(&built_in(), &bytes);
    assert_eq!(verdict.violations_total, 30, "{}", violations_text(&verdict));
    for (number, violation) in verdict.violations.iter().enumerate() {
        let path = format!("/kfz:kfz.neuzulassung.0101/kfz:anlage[{}]/kfz:mimeType", number + 1);
        assert_eq!((violation.code, &violation.path), ("AB-4102", &path));
        assert!(violation.german.contains("application/pdf"), "{}", violation.german);
        assert_eq!((violation.xoev_code, violation.column), (Some("X001"), 90));
    }
    assert!(verdict.violations.windows(2).all(|pair| pair[0].line < pair[1].line));
}

#[test]
fn the_report_is_capped_and_says_how_many_there_are() {
    let limits = Limits { violations_max: 10, ..Limits::default() };
    let standards = Standards::load(Options { workers: 1, limits, ..Options::default() }).unwrap();
    let wrong = "<kfz:anlage><kfz:bezeichnung>1</kfz:bezeichnung><kfz:dateiname>a</kfz:dateiname>\
        <kfz:mimeType>text/html</kfz:mimeType></kfz:anlage>";
    let wrong = wrong.repeat(25);
    let end = "</kfz:kfz.neuzulassung.0101>";
    let verdict = check(&standards, &with(end, &format!("{wrong}{end}")));
    assert_eq!(verdict.violations.len(), 10);
    assert_eq!(verdict.violations_total, 25);
    assert!(!verdict.is_acceptable());
}

#[test]
fn text_that_is_valid_only_after_nfc_is_warned_of_and_repaired() {
    let standards = built_in();
    for wrong in ["Do\u{308}beln", "Do&#x308;beln"] {
        let bytes = with("Döbeln", wrong);
        let verdict = check(&standards, &bytes);
        assert_eq!(codes(&verdict), ["AB-4120"], "{}", violations_text(&verdict));
        let warning = &verdict.violations[0];
        assert_eq!(warning.severity, Severity::Warning);
        assert!(warning.path.ends_with("/kfz:geburtsort"), "{}", warning.path);
        let message = verdict.message.unwrap();
        assert_eq!(message.normalised.unwrap(), good().as_bytes());
        assert_eq!(
            message.canonical,
            check(&standards, good().as_bytes()).message.unwrap().canonical
        );
    }
}

#[test]
fn no_value_that_can_be_personal_is_repeated() {
    let secret = "GEHEIM4711";
    let rows = [
        ("Müller-Großmann</kfz:familienname>", format!("{secret}</kfz:familienname>")),
        ("1979-03-28", secret.to_owned()),
        ("<code>m</code>", format!("<code>{secret}</code>")),
        ("DE02120300000000202051", format!("DE {secret}")),
        ("04860", secret.to_owned()),
        ("<kfz:ort>", format!("{secret}<kfz:ort>")),
    ];
    let standards = built_in();
    for (from, to) in rows {
        let verdict = check(&standards, &with(from, &to));
        assert!(!verdict.violations.is_empty(), "{from}");
        assert!(!format!("{verdict:?}").contains(secret), "{from}: {verdict:?}");
    }
}

#[test]
fn cross_checks_are_warnings() {
    let rows = [
        ("<code>0101</code>", "<code>0104</code>", "AB-4130"),
        ("07.312+01:00", "07", "AB-4131"),
        (
            "  </nachrichtenkopf.g2g>",
            "    <referenzUUID>e80fc86b-2c7f-54d6-a7e9-adc42891082b</referenzUUID>\n  </nachrichtenkopf.g2g>",
            "AB-4132",
        ),
    ];
    let standards = built_in();
    for (from, to, code) in rows {
        let verdict = check(&standards, &with(from, to));
        assert_eq!(codes(&verdict), [code], "{}", violations_text(&verdict));
        assert!(verdict.is_acceptable());
    }
}

#[test]
fn the_queue_is_bounded_and_every_queued_document_is_answered() {
    let limits = Limits { queue_max: 2, ..Limits::default() };
    let standards = Standards::load(Options { workers: 1, limits, ..Options::default() }).unwrap();
    let document = || Document { bytes: Bytes::from(good()), media_type: None, now: Timestamp(0) };
    let (release, gate) = std::sync::mpsc::channel::<()>();
    let (started, is_started) = std::sync::mpsc::channel();
    let (answer, answers) = std::sync::mpsc::channel();
    // Holds the one worker until the queue has been filled.
    standards
        .check(document(), move |_| {
            started.send(()).unwrap();
            gate.recv().unwrap();
        })
        .unwrap();
    is_started.recv().unwrap();
    let mut taken = 0;
    let mut refused = 0;
    for _ in 0..5 {
        let answer = answer.clone();
        match standards.check(document(), move |verdict| answer.send(verdict).unwrap()) {
            Ok(()) => taken += 1,
            Err(Busy) => refused += 1,
        }
    }
    assert_eq!((taken, refused), (2, 3));
    release.send(()).unwrap();
    drop((answer, standards));
    assert_eq!(answers.iter().filter(standards::Verdict::is_acceptable).count(), 2);
}

#[test]
fn a_panic_in_an_answer_leaves_the_worker_alive() {
    let standards = built_in();
    let document = || Document { bytes: Bytes::from(good()), media_type: None, now: Timestamp(0) };
    standards.check(document(), |_| panic!("the caller's fault")).unwrap();
    assert!(standards.check_blocking(document()).is_acceptable());
}

#[test]
fn names_invented_without_end_do_not_fill_the_memory_of_a_worker() {
    let standards = built_in();
    for round in 0..2 {
        let invented: String = (0..30_000).fold(String::new(), |mut all, n| {
            write!(all, "<e{round}x{n}/>").unwrap();
            all
        });
        let end = "</kfz:kfz.neuzulassung.0101>";
        let verdict = check(&standards, &with(end, &format!("{invented}{end}")));
        assert!(!verdict.is_acceptable());
    }
    assert!(check(&standards, good().as_bytes()).is_acceptable());
}

#[test]
fn a_value_of_800_000_characters_is_judged_in_passing() {
    let standards = built_in();
    for character in ["ä", "\u{41f}", "k\u{35f}h"] {
        let long = character.repeat(800_000);
        let verdict = check(&standards, &with("Müller-Großmann", &long));
        assert!(codes(&verdict).contains(&"AB-4102"), "{}", violations_text(&verdict));
        let json = example("neuzulassung-nordsachsen.json").replace("Müller-Großmann", &long);
        assert_eq!(codes(&check(&standards, json.as_bytes())).first(), Some(&"AB-4032"));
    }
}

#[test]
fn locations_that_a_document_names_are_never_followed() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let place = format!("http://{}/kfz.xsd", listener.local_addr().unwrap());
    let hints = format!(
        " xmlns:i=\"http://www.w3.org/2001/XMLSchema-instance\" \
         i:schemaLocation=\"urn:de:amtsbote:kfz:1.0 {place} urn:other {place}\" \
         i:noNamespaceSchemaLocation=\"{place}\" version=\"1.0\">"
    );
    let standards = built_in();
    let verdict = check(&standards, &with(" version=\"1.0\">", &hints));
    assert!(verdict.is_acceptable(), "{}", violations_text(&verdict));
    let linked = with("<kfz:kfz", &format!("<?xml-model href=\"{place}\"?><kfz:kfz"));
    assert!(check(&standards, &linked).is_acceptable());
    let asked = listener.accept().map(|_| ()).map_err(|error| error.kind());
    assert_eq!(asked, Err(std::io::ErrorKind::WouldBlock), "nobody asked for the schema");
}

#[test]
fn types_that_a_document_claims_are_those_of_the_schema_or_none() {
    let claim = |element: &str, kind: &str| {
        let claim = format!(
            "<kfz:{element} xmlns:i=\"http://www.w3.org/2001/XMLSchema-instance\" \
             xmlns:x=\"http://www.w3.org/2001/XMLSchema\" xmlns:o=\"urn:other\" i:type=\"{kind}\">"
        );
        with(&format!("<kfz:{element}>"), &claim)
    };
    refuses(vec![
        (claim("ort", "x:string"), "AB-4104"),
        (claim("ort", "x:anyType"), "AB-4104"),
        (claim("ort", "o:Ort"), "AB-4104"),
        (claim("ort", "kfz:NiemandKenntDies"), "AB-4104"),
        (claim("ort", "unbound:Ort"), "AB-4104"),
        (claim("fahrzeug", "x:int"), "AB-4104"),
    ]);
}

#[test]
fn json_that_programs_understand_differently_is_refused() {
    let wrap = |member: &str| {
        let text = example("neuzulassung-nordsachsen.json");
        let at = text.rfind("\n  }").unwrap();
        format!("{},\n    {member}{}", &text[..at], &text[at..]).into_bytes()
    };
    let deep = format!("\"x\": {}{}", "[".repeat(300), "]".repeat(300));
    refuses(vec![
        (wrap("\"x\": {\"a\": 1, \"a\": 1}"), "AB-4031"),
        (wrap("\"x\": {\"a\": 1, \"\\u0061\": 2}"), "AB-4031"),
        (wrap("\"x\": 1, \"x\": 2"), "AB-4031"),
        (wrap("\"x\": 1e400"), "AB-4030"),
        (wrap("\"x\": -1e99999999999999999999"), "AB-4030"),
        (wrap("\"x\": \"\\ud800\""), "AB-4030"),
        (wrap("\"x\": \"\\udc00\\ud800\""), "AB-4030"),
        (wrap("\"x\": NaN"), "AB-4030"),
        (wrap("\"x\": 1, /* */ \"y\": 2"), "AB-4030"),
        (wrap("\"x\": \"\u{1}\""), "AB-4030"),
        (wrap(&deep), "AB-4007"),
        (wrap("\"x\": 1"), "AB-4032"),
    ]);
}

#[test]
fn a_document_of_64_mib_is_read_and_one_byte_more_is_not() {
    let standards = built_in();
    let comment = |bytes: usize| {
        let text = good();
        let fill = "ä".repeat((bytes - text.len() - "<!---->".len()) / 2);
        let fill = format!("{text}<!--{fill}-->");
        let more = " ".repeat(bytes - fill.len());
        format!("{fill}{more}").into_bytes()
    };
    assert!(check(&standards, &comment(64 << 20)).is_acceptable());
    assert_eq!(codes(&check(&standards, &comment((64 << 20) + 1))), ["AB-4008"]);
}

#[test]
fn many_errors_in_a_json_array_cost_no_square_of_them() {
    // With a walk over the items per violation this would take minutes.
    let text = example("neuzulassung-nordsachsen.json");
    let at = text.rfind("\n  }").unwrap();
    let items = vec!["{\"x\": 1}"; 30_000].join(",");
    let wrong = format!("{},\n    \"anlage\": [{items}]{}", &text[..at], &text[at..]);
    let verdict = check(&built_in(), wrong.as_bytes());
    assert!(verdict.violations_total >= 30_000, "{}", verdict.violations_total);
    assert_eq!(verdict.violations.len(), 1_000);
}
