//! Valid documents are proven and never meet the validator; both judges agree, and say the same of
//! everything else about a document.

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
    check, installed, made_up,
    publications::{Shelf, examples, samples},
    published, violations_text,
};
use standards::{Options, Standards};

fn is_xml(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "xml")
}

#[test]
fn valid_examples_and_samples_never_meet_the_validator() {
    let data = published();
    let shelf = Shelf::of(data.as_deref(), 1);
    let mut paths = examples();
    paths.extend(data.iter().flat_map(|data| samples(data)));
    let (mut proven, mut others) = (0, String::new());
    for path in paths.iter().filter(|path| is_xml(path)) {
        let verdict = check(&shelf.standards, &std::fs::read(path).unwrap());
        match verdict.proof {
            Some("proven") => proven += 1,
            why if verdict.is_acceptable() => {
                let text = violations_text(&verdict);
                others.push_str(&format!("{} {why:?}\n{text}", path.display()));
            }
            _ => {}
        }
    }
    eprintln!("{proven} documents proven");
    assert!(proven > 40 && others.is_empty(), "{proven}\n{others}");
}

#[test]
fn where_a_document_goes_both_ways_they_agree_and_are_counted() {
    let data = published();
    let both = Shelf::checked_twice(data.as_deref(), 1, 1_000_000);
    let alone = Shelf::of(data.as_deref(), 1);
    let mut paths = examples();
    paths.extend(data.iter().flat_map(|data| samples(data)));
    for path in paths.iter().filter(|path| is_xml(path)) {
        let bytes = std::fs::read(path).unwrap();
        let (one, two) = (check(&alone.standards, &bytes), check(&both.standards, &bytes));
        assert_eq!(one, two, "{}", path.display());
    }
    let proofs = both.standards.proofs(|_, _| true);
    let unproven: u64 =
        proofs.iter().flat_map(|standard| &standard.unproven).map(|(_, count)| count).sum();
    let (proven, disagreements) = both.proven();
    assert!(proven > 30 && unproven > 0 && disagreements == 0, "{proofs:?}");
    assert!(proofs.iter().all(|standard| standard.tables_bytes < 1 << 20), "{proofs:?}");
    let ours = proofs.iter().filter(|standard| standard.standard.starts_with("amtsbote-"));
    assert!(ours.clone().count() > 5 && ours.clone().all(|s| s.not_compiled.is_empty()));
    let one = both.standards.proofs(|id, _| id == "amtsbote-kfz");
    assert_eq!(one.len(), 1);
}

const MINE: &str = r###"<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:mine"
    xmlns="urn:mine" elementFormDefault="qualified"><xs:element name="antrag"><xs:complexType><xs:sequence>
    <xs:element name="text" type="xs:string" minOccurs="0" maxOccurs="unbounded"/>
    <xs:element name="wort" type="xs:token" nillable="true" minOccurs="0"/>
    <xs:element name="zahl" type="xs:int" default="5" minOccurs="0"/>
    <xs:element name="mehr" minOccurs="0"><xs:complexType mixed="true"><xs:sequence>
    <xs:any processContents="skip" minOccurs="0" maxOccurs="unbounded"/></xs:sequence></xs:complexType></xs:element>
    </xs:sequence><xs:attribute name="art" type="xs:string"/><xs:attribute name="kurz" type="xs:token"/>
    </xs:complexType></xs:element></xs:schema>"###;

/// Attributes and content of `antrag`, and the places of a warning, line and column, if there is one.
type Written = (&'static str, &'static str, &'static [(u32, u32)]);

/// All ways that XML has to write something.
const WAYS_TO_WRITE: &[Written] = &[
    ("", "", &[]),
    ("", "<text>J&#246;rg S&#xF6;ren &lt;&amp;&gt;&quot;&apos;</text>", &[]),
    ("", "<text><![CDATA[Jörg & <Sören>]]></text><text><![CDATA[]]></text>", &[]),
    ("", "<text>Jörg<!-- Rufname --> <![CDATA[Sö]]>ren<?kein Teil?>&#33;</text>", &[]),
    ("", "<text>Jörg\r\nSören\rMax\n\tTom&#13;&#10;Ede</text>", &[]),
    ("", "<text>Jörg<![CDATA[\r\n\r]]>Sören</text>", &[]),
    ("", "\r\n<text\r\n> a </text\n>\r<!-- <a> --><wort>\t b  c\r\n</wort> <?p?>", &[]),
    ("", "<text>Jörg &amp;amp; Sören</text>", &[(1, 1)]),
    (
        "",
        "\n <text>a</text><text>ä<![CDATA[\r\n&amp;]]>b</text>\n<text>&amp;#65;</text>",
        &[(2, 16), (4, 1)],
    ),
    (" art=' a\r\nb\tc&#9;d&#x26;amp; \"x\" ' kurz='\n a  b '", "", &[]),
    (" kurz='&lt;' art=\"ä'\u{1F600}\"", "<zahl/><mehr/>", &[]),
    ("", "<wort xmlns:i='http://www.w3.org/2001/XMLSchema-instance' i:nil='true'/>", &[]),
    ("", "<wort xmlns:j='http://www.w3.org/2001/XMLSchema-instance' j:nil=' 0 '>x</wort>", &[]),
    (
        "",
        "<p:text xmlns:p='urn:mine'>a</p:text><q:text xmlns:q='urn:mine'>b</q:text><text>c</text>",
        &[],
    ),
    ("", "<text xmlns='urn:mine' xmlns:p='urn:p'>a</text><text>b</text>", &[]),
    (
        "",
        "<mehr>x<a xmlns=''>1<b/>2</a>y<p:a xmlns:p='urn:a' p:c='&amp;'><p:d xmlns:p='urn:b'>z</p:d></p:a></mehr>",
        &[],
    ),
    ("", "<mehr>nur &amp;lt; Text<!-- c --> und <![CDATA[mehr]]></mehr>", &[(1, 1)]),
];

#[test]
fn however_a_document_is_written_both_ways_say_and_carry_the_same() {
    let [standard, mapping] = made_up(("mine", "1"), "urn:mine", ("mine.xsd", None), &["antrag"]);
    let files = [(standard.0, &*standard.1), (mapping.0, &*mapping.1), ("mine.xsd", MINE)];
    let folder = installed(Path::new(env!("CARGO_MANIFEST_DIR")), "mine", "1", &files);
    let paths = vec![folder.0.clone()];
    let options = Options { paths, workers: 1, cross_check_ppm: 1_000_000, ..Options::default() };
    let standards = Standards::load(options).unwrap();
    let mut proven = 0;
    for (attributes, content, warned) in WAYS_TO_WRITE {
        for prefix in ["", "\u{FEFF}", "<?xml version='1.0' encoding='UTF-8'?>"] {
            let text = format!("{prefix}<antrag xmlns='urn:mine'{attributes}>\n{content}</antrag>");
            let verdict = check(&standards, text.as_bytes());
            assert!(verdict.is_acceptable(), "{}\n{text}", violations_text(&verdict));
            assert_eq!(verdict.proof, Some("proven"), "{text}");
            proven += 1;
            let proofs = standards.proofs(|id, _| id == "mine");
            assert_eq!((proofs[0].proven, proofs[0].disagreements), (proven, 0), "{text}");
            let escaped = verdict.violations.iter().filter(|v| v.code == "AB-4135");
            let places: Vec<_> = escaped.map(|v| (v.line - 1, v.column)).collect();
            assert_eq!(places, *warned, "{}\n{text}", violations_text(&verdict));
        }
    }
}

#[test]
fn a_text_that_is_not_normal_goes_the_old_way() {
    let standards = Standards::load(Options { workers: 1, ..Options::default() }).unwrap();
    let path = examples().into_iter().find(|path| is_xml(path)).unwrap();
    let text = std::fs::read_to_string(path).unwrap();
    let place = text.find("ö").or(text.find("ü")).or(text.find("ä"));
    let Some(at) = place else { panic!("an example has an umlaut") };
    let letter = text[at..].chars().next().unwrap();
    let base = match letter {
        'ö' => "o\u{308}",
        'ü' => "u\u{308}",
        _ => "a\u{308}",
    };
    let changed = text.replacen(letter, base, 1);
    assert_eq!(check(&standards, changed.as_bytes()).proof, Some("not_normal"));
}
