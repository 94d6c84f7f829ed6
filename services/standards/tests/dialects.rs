//! Header dialects: the same header from each, and what one lacks stays empty.

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
    check,
    standard::{RECOGNISE, install, load, toml},
    violations_text,
};

/// Own id, case, reference, reader, author, whether it is a test.
type Said<'s> =
    (Option<&'s str>, Option<&'s str>, Option<&'s str>, Option<&'s str>, Option<&'s str>, bool);

fn reads(dialect: &str, root: &str, content: &str, expected: Said<'_>) {
    let folder = install("1", &toml("1", dialect, RECOGNISE));
    let standards = load(&[&folder]);
    let text = format!("<m:antrag.0101 xmlns:m='urn:mine' {root}>{content}</m:antrag.0101>");
    let verdict = check(&standards, text.as_bytes());
    assert!(verdict.is_acceptable(), "{dialect}: {}", violations_text(&verdict));
    let header = &verdict.header;
    let found: Said<'_> = (
        header.own_id.as_deref(),
        header.case_reference.as_deref(),
        header.refers_to.as_deref(),
        header.authority.as_deref(),
        header.author.as_deref(),
        header.is_test,
    );
    assert_eq!(found, expected, "{dialect}");
}

#[test]
fn every_dialect_gives_the_same_header() {
    let message = "<identifikation.nachricht><nachrichtenUUID>u-1</nachrichtenUUID>\
        <nachrichtentyp><code>0101</code></nachrichtentyp>\
        <erstellungszeitpunkt>2026-05-01T09:00:00.000+02:00</erstellungszeitpunkt>\
        </identifikation.nachricht>";
    let case = "<identifikationVorgang><vorgangsID>v-1</vorgangsID></identifikationVorgang>";
    let g2g = format!(
        "<nachrichtenkopf.g2g>{message}<leser><kennung>svb:1</kennung></leser>\
         <autor><kennung>lap:2</kennung></autor><referenzUUID>u-0</referenzUUID>\
         </nachrichtenkopf.g2g>{case}"
    );
    let all = (Some("u-1"), Some("v-1"), Some("u-0"), Some("svb:1"), Some("lap:2"), true);
    reads("g2g-1.1", "test='true'", &g2g, all);

    let party = |name: &str, prefix: &str, key: &str| {
        format!(
            "<{name}><behoerdenkennung><praefix><code>{prefix}</code></praefix><kennung>\
             <code>{key}</code></kennung></behoerdenkennung></{name}>"
        )
    };
    let (reader, author) = (party("leser", "svb", "1"), party("autor", "lap", "2"));
    let xinneres = format!(
        "<nachrichtenkopf>{message}{reader}{author}<referenzUUID>u-0</referenzUUID>\
         </nachrichtenkopf>{case}"
    );
    reads("xinneres-4", "test='true'", &xinneres, all);

    let xjustiz = "<nachrichtenkopf xjustizVersion='3.6'><aktenzeichen.absender>v-1\
        </aktenzeichen.absender><erstellungszeitpunkt>2026-05-01T09:00:00.000+02:00\
        </erstellungszeitpunkt><auswahl_absender><absender.sonstige>Portal</absender.sonstige>\
        </auswahl_absender><auswahl_empfaenger><empfaenger.gericht><code>F1114</code>\
        </empfaenger.gericht></auswahl_empfaenger><eigeneNachrichtenID>u-1</eigeneNachrichtenID>\
        <fremdeNachrichtenID>u-0</fremdeNachrichtenID></nachrichtenkopf>";
    let court = (Some("u-1"), Some("v-1"), Some("u-0"), Some("xjustiz:F1114"), None, false);
    reads("xjustiz-3", "", xjustiz, court);
}

#[test]
fn what_a_dialect_lacks_stays_empty() {
    for key in ["Kennung", "Behoerdenschluessel"] {
        let party = |name: &str, prefix: &str, code: &str| {
            format!(
                "<{name}><Behoerdenkennung><{key}><code>{code}</code></{key}><Praefix>\
                 <code>{prefix}</code></Praefix></Behoerdenkennung></{name}>"
            )
        };
        let (reader, author) = (party("Empfaenger", "dms", "1"), party("Absender", "lap", "2"));
        let xdomea = format!(
            "<Kopf><ProzessID>v-1</ProzessID><Nachrichtentyp><code>0101</code></Nachrichtentyp>\
             <Erstellungszeitpunkt>2026-05-01T09:00:00.000Z</Erstellungszeitpunkt>{author}{reader}\
             </Kopf>"
        );
        let expected = (None, Some("v-1"), None, Some("dms:1"), Some("lap:2"), false);
        reads("xdomea-2", "", &xdomea, expected);
    }

    let xdomea_4 = "<nachrichtenkopf><identifikation.nachricht><nachrichtenUUID>u-1\
        </nachrichtenUUID></identifikation.nachricht><ProzessID>v-1</ProzessID><leser>\
        <NameInstitution>Archiv</NameInstitution></leser></nachrichtenkopf>";
    reads("xdomea-4", "", xdomea_4, (Some("u-1"), Some("v-1"), None, None, None, false));

    let authority = |kind: &str, key: &str| {
        format!(
            "<referenz{kind}><strassenverkehrsBehoerde><behoerdeKreisschluessel>{key}\
             </behoerdeKreisschluessel><behoerdeZusatzziffer>0</behoerdeZusatzziffer>\
             <behoerdeNebenstelle>01</behoerdeNebenstelle></strassenverkehrsBehoerde></referenz{kind}>"
        )
    };
    let (author, reader) = (authority("Absender", "14626"), authority("Empfaenger", "14730"));
    let xkfz = format!(
        "<kopf><nachrichtentyp><code>0101</code></nachrichtentyp><nachrichtenid>n 1</nachrichtenid>\
         {author}{reader}</kopf>"
    );
    let expected = (Some("n 1"), None, None, Some("svb:14730001"), Some("svb:14626001"), false);
    reads("xkfz-5", "", &xkfz, expected);

    let fields = "<header><nachrichtID>0a1b</nachrichtID></header>";
    reads("xdatenfelder-3", "", fields, (Some("0a1b"), None, None, None, None, false));
}
