//! What looks valid and is left to a full validator: schemas of one declaration, and a document each.

use std::sync::Arc;

use crate::{Acceptor, CompileLimits, Limits, Reason, Verdict, compile_text};

fn judged(declaration: &str, document: &str) -> Verdict {
    let schema = format!(
        "<xs:schema xmlns:xs='http://www.w3.org/2001/XMLSchema' xmlns:p='urn:p'>{declaration}\
         <xs:simpleType name='t'><xs:restriction base='xs:string'>\
         <xs:pattern value='[\\p{{P}}\\p{{N}} ]*'/></xs:restriction></xs:simpleType></xs:schema>"
    );
    let tables = compile_text(&schema, CompileLimits::default()).unwrap();
    Acceptor::new(Arc::new(tables), Limits::default()).judge(document.as_bytes())
}

#[test]
fn a_character_that_was_a_symbol_once_is_nothing_certain() {
    let element = "<xs:element name='r' type='t'/>";
    assert_eq!(judged(element, "<r>(5)</r>"), Verdict::Valid);
    for document in ["<r>§ 5</r>", "<r>¶</r>", "<r>\u{AD}</r>"] {
        assert_ne!(judged(element, document), Verdict::Valid, "{document}");
    }
}

/// The same text names something else where its prefix is bound to something else.
#[test]
fn a_fixed_name_is_not_compared_as_text() {
    let element = "<xs:element name='r'><xs:complexType>\
                   <xs:attribute name='q' type='xs:QName' fixed='p:a'/></xs:complexType></xs:element>";
    let doubt = Verdict::DontKnow(Reason::Construct);
    assert_eq!(judged(element, "<r xmlns:p='urn:other' q='p:a'/>"), doubt);
    assert_eq!(judged(element, "<r/>"), Verdict::Valid);
}

fn keyed(of: &str) -> String {
    format!(
        "<xs:element name='r'><xs:complexType><xs:sequence>\
         <xs:element name='k' maxOccurs='9' {of}/></xs:sequence></xs:complexType>\
         <xs:key name='key'><xs:selector xpath='k'/><xs:field xpath='.'/></xs:key></xs:element>"
    )
}

/// Structures 3.11.4, 4.2.3: not even where a value is given.
#[test]
fn a_field_of_a_key_that_may_be_nil_is_nothing_certain() {
    let document = "<r><k>a</k><k>b</k></r>";
    assert_eq!(judged(&keyed("type='xs:string'"), document), Verdict::Valid);
    let nillable = keyed("type='xs:string' nillable='true'");
    assert_eq!(judged(&nillable, document), Verdict::DontKnow(Reason::KeyUnsure));
}

#[test]
fn the_end_of_a_day_and_the_begin_of_the_next_may_be_one_key() {
    let document = "<r><k>24:00:00</k><k>00:00:00</k></r>";
    let doubt = Verdict::DontKnow(Reason::KeyUnsure);
    assert_eq!(judged(&keyed("type='xs:time'"), document), doubt);
}

#[test]
fn the_target_of_an_instruction_is_a_name_of_limited_length() {
    let element = "<xs:element name='r' type='xs:string'/>";
    let document = |length: usize| format!("<r><?{} x?></r>", "a".repeat(length));
    let most = Limits::default().name_bytes_max;
    assert_eq!(judged(element, &document(most)), Verdict::Valid);
    assert_eq!(judged(element, &document(most + 1)), Verdict::DontKnow(Reason::Size));
}
