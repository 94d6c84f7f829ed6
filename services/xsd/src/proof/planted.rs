//! Faults planted in the acceptor: each makes a document pass that is not valid, and is found by it.

use std::sync::Arc;

use super::{data::cases, judges::Full};
use crate::{
    Acceptor, Limits, Verdict,
    faults::{self, Fault},
};

/// A fault, a document that finds it, and the same document as it would be right.
const PLANTED: &[(Fault, &str, &str)] = &[
    (Fault::EndNotChecked, "<order><first/></order>", "<order><first/><third/><last/></order>"),
    (
        Fault::OrderUnchecked,
        "<order><first/><first/><third/><last/></order>",
        "<order><first/><second/><third/><last/></order>",
    ),
    (
        Fault::LengthOffByOne,
        "<facets><line>1234567890</line></facets>",
        "<facets><line>123456789</line></facets>",
    ),
    (
        Fault::BoundIgnored,
        "<facets><smaller>8</smaller></facets>",
        "<facets><smaller>7</smaller></facets>",
    ),
    (
        Fault::ReferenceUnchecked,
        "<ids><thing id='a'/><to>b</to></ids>",
        "<ids><thing id='b'/><to>b</to></ids>",
    ),
    (
        Fault::IdTwice,
        "<ids><thing id='a'/><thingId> a </thingId></ids>",
        "<ids><thing id='a'/><thingId> b </thingId></ids>",
    ),
    (
        // The second `p:nested` is written as the first one was.
        Fault::GuessWithoutBindings,
        "<p:nested xmlns:p='urn:everything'><p:nested/><p:nested xmlns:p='urn:nobody'/></p:nested>",
        "<p:nested xmlns:p='urn:everything'><p:nested/><p:nested xmlns:p='urn:other'/></p:nested>",
    ),
    (
        Fault::KeyUnchecked,
        "<index><part number='1'/><part number='1.0'/></index>",
        "<index><part number='1'/><part number='1.1'/></index>",
    ),
    (
        Fault::KeyReferenceUnchecked,
        "<index><part number='1'/><use of='2'/></index>",
        "<index><part number='1'/><use of='01'/></index>",
    ),
    (
        Fault::WhiteSpaceKept,
        "<facets><someMixture>1 2</someMixture></facets>",
        "<facets><someMixture>12</someMixture></facets>",
    ),
    (Fault::RequiredUnchecked, "<shortStep/>", "<shortStep at='2024-05-28T09:00:00'/>"),
    (
        Fault::FixedUnchecked,
        "<presets><fixed>so be</fixed></presets>",
        "<presets><fixed>so  be it</fixed></presets>",
    ),
    (
        Fault::NilUnchecked,
        "<order i:nil='false'><first/><third/><last/></order>",
        "<order><first/><third/><last/></order>",
    ),
    (
        Fault::AbstractUnchecked,
        "<subject><name/></subject>",
        "<subject i:type='Person'><name/></subject>",
    ),
    (
        Fault::WildcardOpen,
        "<strict><e:shortStep at='2024-05-28T09:00:00'/></strict>",
        "<strict><o:number>1</o:number></strict>",
    ),
    (Fault::EndTagUnchecked, "<mixed><b>a</c></mixed>", "<mixed><b>a</b></mixed>"),
    (
        Fault::CharacterReferenceUnchecked,
        "<values><string>&#1;</string></values>",
        "<values><string>&#10;</string></values>",
    ),
];

fn document(content: &str) -> Vec<u8> {
    format!(
        "<r xmlns='urn:everything' xmlns:e='urn:everything' xmlns:o='urn:other' \
         xmlns:i='http://www.w3.org/2001/XMLSchema-instance'>{content}</r>"
    )
    .into_bytes()
}

#[test]
fn every_fault_that_is_planted_is_found() {
    let case = &cases()[0];
    let schemas = case.schemas();
    let full = Full::new(&schemas);
    for (fault, wrong, right) in PLANTED {
        let judge = |planted, content: &str| {
            // A new one for each: what it guesses comes from the documents before.
            let mut acceptor = Acceptor::new(Arc::clone(&case.tables), Limits::default());
            faults::with(planted, || acceptor.judge(&document(content)))
        };
        let (wrong_bytes, right_bytes) = (document(wrong), document(right));
        assert!(!full.is_valid(&wrong_bytes), "{fault:?}");
        assert!(full.is_valid(&right_bytes), "{fault:?} {:?}", full.problems(&right_bytes));
        assert_eq!(judge(None, right), Verdict::Valid, "{fault:?}");
        assert_ne!(judge(None, wrong), Verdict::Valid, "{fault:?}");
        if *fault == Fault::WhiteSpaceKept {
            // It makes the acceptor know less, and is found by what it must know.
            let spaced = "<values><int> 1 </int></values>";
            assert_eq!(judge(None, spaced), Verdict::Valid);
            assert_ne!(judge(Some(*fault), spaced), Verdict::Valid);
            continue;
        }
        assert_eq!(judge(Some(*fault), wrong), Verdict::Valid, "{fault:?} is not found");
    }
}
