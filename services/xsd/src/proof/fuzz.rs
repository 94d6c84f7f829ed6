//! Any bytes: no panic, no endless walk, and the same verdict whichever way bytes are looked at.

use std::sync::Arc;

use super::{chance::Chance, data::cases, differential::seeds};
use crate::{Acceptor, Cause, Limits, Reason, Scalar, Verdict};

/// Documents for each schema.
const DOCUMENTS: u64 = 4_000;

#[test]
fn any_bytes_get_the_same_verdict_in_both_ways() {
    for case in cases() {
        let corpus = seeds(case);
        let mut fast = Acceptor::new(Arc::clone(&case.tables), Limits::default());
        let mut scalar: Acceptor<Scalar> =
            Acceptor::with_lanes(Arc::clone(&case.tables), Limits::default());
        for seed in 0..DOCUMENTS {
            let mut chance = Chance::new(seed ^ 0xF0F0);
            let mut bytes = chance.one_of(&corpus).clone();
            for _ in 0..1 + chance.below(12) {
                let at = chance.below(bytes.len());
                match chance.below(5) {
                    0 => bytes.truncate(at.max(1)),
                    1 => bytes[at] = u8::try_from(chance.below(256)).unwrap(),
                    2 => bytes.insert(at, *chance.one_of(b"<>&;'\"/=!?-[] \n\r\tx:\0\xC3\xEF")),
                    3 => {
                        bytes.remove(at);
                        bytes.push(b' ');
                    }
                    _ => {
                        let from = chance.below(bytes.len());
                        let piece = bytes[from..(from + 30).min(bytes.len())].to_vec();
                        bytes.splice(at..at, piece);
                    }
                }
            }
            assert_eq!(fast.judge(&bytes), scalar.judge(&bytes), "{} {seed}", case.name);
            // What came before changes nothing.
            let mut fresh = Acceptor::new(Arc::clone(&case.tables), Limits::default());
            assert_eq!(fast.judge(&bytes), fresh.judge(&bytes), "{} {seed}", case.name);
        }
    }
}

#[test]
fn every_beginning_of_a_document_is_looked_at_without_harm() {
    let case = &cases()[0];
    let (_, document) = &case.documents[0];
    let mut acceptor = Acceptor::new(Arc::clone(&case.tables), Limits::default());
    assert_eq!(acceptor.judge(document), Verdict::Valid);
    for end in 0..document.trim_ascii_end().len() {
        assert_ne!(acceptor.judge(&document[..end]), Verdict::Valid, "{end}");
    }
}

fn everything(content: &str) -> Vec<u8> {
    format!("<r xmlns='urn:everything' xmlns:o='urn:other'>{content}</r>").into_bytes()
}

#[test]
fn limits_are_told_apart_from_violations() {
    let case = &cases()[0];
    let limits = Limits {
        bytes_max: 20_000,
        depth_max: 50,
        attributes_max: 10,
        name_bytes_max: 100,
        ids_max: 20,
        keys_max: 20,
        ..Limits::default()
    };
    let mut acceptor = Acceptor::new(Arc::clone(&case.tables), limits);
    let deep = |depth: usize| {
        everything(&format!("{}{}", "<nested>".repeat(depth), "</nested>".repeat(depth)))
    };
    let attributes = |count: usize| {
        let list: String = (0..count).map(|number| format!(" a{number}='1'")).collect();
        everything(&format!("<skip{list}/>"))
    };
    let ids = |count: usize| {
        let list: String = (0..count).map(|number| format!("<thing id='i{number}'/>")).collect();
        everything(&format!("<ids>{list}</ids>"))
    };
    let parts = |count: usize| {
        let list: String = (0..count).map(|number| format!("<part number='{number}'/>")).collect();
        everything(&format!("<index>{list}</index>"))
    };
    let name = |length: usize| everything(&format!("<skip><{0}/></skip>", "n".repeat(length)));
    let rows: [(Vec<u8>, Vec<u8>, Reason); 6] = [
        (deep(49), deep(50), Reason::Depth),
        (attributes(10), attributes(11), Reason::Size),
        (ids(20), ids(21), Reason::Size),
        (parts(20), parts(21), Reason::Size),
        (name(100), name(101), Reason::Size),
        (everything(&" ".repeat(19_000)), everything(&" ".repeat(20_000)), Reason::Size),
    ];
    for (within, beyond, reason) in rows {
        assert_eq!(acceptor.judge(&within), Verdict::Valid, "{reason:?}");
        assert_eq!(acceptor.judge(&beyond), Verdict::DontKnow(reason));
        assert_eq!(reason.cause(), Cause::Limit);
    }
}

#[test]
fn a_hostile_document_costs_no_square_of_its_size() {
    let case = &cases()[0];
    let mut acceptor = Acceptor::new(Arc::clone(&case.tables), Limits::default());
    // Each would take minutes if every part were compared with every other.
    let ids: String = (0..200_000).map(|number| format!("<thing id='i{number}'/>")).collect();
    let parts: String = (0..200_000).map(|number| format!("<part number='{number}'/>")).collect();
    let comments = "<!-- - -->".repeat(200_000);
    let hostile = [
        everything(&format!("<ids>{ids}</ids>")),
        everything(&format!("<index>{parts}</index>")),
        everything(&comments),
        everything(&format!("<values><string>{}</string></values>", "]]&gt;]".repeat(300_000))),
        everything(&format!("<values><base64>{}</base64></values>", "QUJD\n".repeat(300_000))),
    ];
    for document in hostile {
        assert_eq!(acceptor.judge(&document), Verdict::Valid);
    }
    for bytes in ["<".repeat(1 << 20), "<a ".repeat(1 << 18), "<!-".repeat(1 << 18)] {
        assert_ne!(acceptor.judge(bytes.as_bytes()), Verdict::Valid);
    }
}
