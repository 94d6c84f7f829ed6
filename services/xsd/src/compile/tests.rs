//! Tables of small schemas.

use std::sync::Arc;

use crate::{Acceptor, CompileLimits, FileFault, Limits, Reason, Tables, Verdict, compile_text};

fn schema(content: &str) -> String {
    format!("<xs:schema xmlns:xs='http://www.w3.org/2001/XMLSchema'>{content}</xs:schema>")
}

fn tables(content: &str) -> Tables {
    compile_text(&schema(content), CompileLimits::default()).unwrap()
}

fn judge(tables: &Tables, document: &str) -> Verdict {
    Acceptor::new(Arc::new(tables.clone()), Limits::default()).judge(document.as_bytes())
}

const COUNTED: &str = "<xs:element name='r'><xs:complexType><xs:sequence minOccurs='2' maxOccurs='3'>\
    <xs:element name='a' minOccurs='0' maxOccurs='2'/><xs:element name='b'/></xs:sequence></xs:complexType>\
    </xs:element>";

#[test]
fn counts_are_exact() {
    let tables = tables(COUNTED);
    for (content, is_valid) in [
        ("<b/><b/>", true),
        ("<b/>", false),
        ("<a/><b/><a/><a/><b/><b/>", true),
        ("<a/><a/><a/><b/><b/>", false),
        ("<b/><b/><b/><b/>", false),
        ("<b/><b/><a/>", false),
    ] {
        let verdict = judge(&tables, &format!("<r>{content}</r>"));
        assert_eq!(verdict.is_valid(), is_valid, "{content} {verdict:?}");
    }
}

#[test]
fn what_would_be_too_large_is_not_compiled_and_never_proven() {
    let limits = CompileLimits { states_max: 3, ..CompileLimits::default() };
    let small = compile_text(&schema(COUNTED), limits).unwrap();
    assert_eq!(judge(&small, "<r><b/><b/></r>"), Verdict::DontKnow(Reason::Construct));
    assert!(!small.unknown().is_empty());
    let pattern = "<xs:element name='p'><xs:simpleType><xs:restriction base='xs:string'>\
        <xs:pattern value='(ab)*'/></xs:restriction></xs:simpleType></xs:element>";
    let limits = CompileLimits { pattern_bytes_max: 10, ..CompileLimits::default() };
    let small = compile_text(&schema(pattern), limits).unwrap();
    assert_eq!(judge(&small, "<p>ab</p>"), Verdict::DontKnow(Reason::ValueUnsure));
    assert_eq!(judge(&tables(pattern), "<p>ab</p>"), Verdict::Valid);
    assert_eq!(judge(&tables(pattern), "<p>aba</p>"), Verdict::DontKnow(Reason::Value));
}

#[test]
fn tables_in_a_file_are_the_same_and_nothing_else_is_taken_for_them() {
    let (tables, hash) = (tables(COUNTED), [7; 32]);
    let file = tables.to_file(&hash);
    assert_eq!(Tables::from_file(&file, &hash).unwrap(), tables);
    assert_eq!(Tables::from_file(&file, &[8; 32]), Err(FileFault::OtherSchemas));
    assert_eq!(Tables::from_file(b"xsd", &hash), Err(FileFault::NotTables));
    assert_eq!(Tables::from_file(b"", &hash), Err(FileFault::NotTables));
    let mut newer = file.clone();
    newer[8] ^= 0xFF;
    assert_eq!(Tables::from_file(&newer, &hash), Err(FileFault::Version));
    for at in (24..file.len()).step_by(7) {
        let mut damaged = file.clone();
        damaged[at] ^= 0x10;
        assert!(Tables::from_file(&damaged, &hash).is_err(), "{at}");
        assert!(Tables::from_file(&file[..at], &hash).is_err(), "{at}");
    }
}

#[test]
fn tables_are_the_same_each_time() {
    let hash = [0; 32];
    let all = include_str!("../proof/schemas/other.xsd");
    let made = || compile_text(all, CompileLimits::default()).unwrap().to_file(&hash);
    assert_eq!(made(), made());
}

#[test]
fn a_schema_that_is_wrong_is_told() {
    assert!(compile_text("<a/>", CompileLimits::default()).is_err());
    assert!(
        compile_text(&schema("<xs:element name='a' type='b'>"), CompileLimits::default()).is_err()
    );
}
