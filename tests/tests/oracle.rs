//! The oracle of the crash test itself: it notices each kind of broken promise, and nothing else.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use axum::body::Bytes;
use tests::{
    crash::{Oracle, Promise, Sent},
    documents,
    receiver::Arrival,
};
use uuid::Uuid;

const CONCURRENCY: usize = 2;

/// What came, one word each: own id's case and place, e.g. `1.0`; `|` is a kill, `1.0!` says that
/// everybody knows by then that it was settled. Receipts are for all that stands in `sent`.
fn check(promise: Promise, sent: &str, came: &str, effects: &str, expected: &str) {
    let sent: Vec<Sent> = sent.split_whitespace().map(|word| sent_of(own_id(word))).collect();
    let mut oracle = Oracle::default();
    let mut arrivals: Vec<Arrival> = Vec::new();
    for word in came.split_whitespace() {
        let sequence = arrivals.len() as u64;
        match (word, word.strip_suffix('!')) {
            ("|", _) => oracle.killed(sequence),
            (_, Some(settled)) => oracle.settled(&own_id(settled).to_string(), sequence),
            _ => arrivals.push(arrival(own_id(word), sequence + 1)),
        }
    }
    let effects: Vec<Arrival> =
        effects.split_whitespace().map(|word| arrival(own_id(word), 0)).collect();
    oracle.judge("a", promise, CONCURRENCY, &sent, (&arrivals, &effects));
    let faults = oracle.faults().join("; ");
    match expected {
        "" => assert_eq!(faults, "", "{came}"),
        expected => assert!(faults.contains(expected), "{came}: `{expected}` is not in `{faults}`"),
    }
}

#[test]
fn the_oracle_accepts_what_was_promised() {
    use Promise::{AsksAPerson, CanBeAsked, Recognises};
    check(Recognises, "1.0 1.1 2.0", "1.0 1.1 2.0", "1.0 1.1 2.0", "");
    check(Recognises, "1.0 1.1 2.0", "1.0 2.0 | 1.0 2.0 1.1", "1.0 2.0 1.1", "");
    check(CanBeAsked, "1.0 2.0", "1.0 2.0 | 1.0 | 1.0", "2.0 1.0", "");
    check(AsksAPerson, "1.0 1.1 2.0", "1.0 2.0 |", "2.0", "");
    check(Recognises, "1.0", "1.0 | 1.0 1.0! |", "1.0", "");
}

#[test]
fn the_oracle_notices_each_broken_promise() {
    use Promise::{AsksAPerson, CanBeAsked, Recognises};
    check(Recognises, "1.0 2.0", "1.0", "1.0", "is missing");
    check(Recognises, "1.0", "1.0 2.0", "1.0 2.0", "nobody sent it");
    check(Recognises, "1.0", "1.0 1.0", "1.0", "without a kill");
    check(Recognises, "1.0 2.0 3.0", "1.0 2.0 3.0 | 1.0 2.0 3.0", "1.0 2.0 3.0", "repeats after 1");
    check(Recognises, "1.0", "1.0 1.0! | 1.0", "1.0", "after it was settled");
    check(CanBeAsked, "1.0", "1.0 | 1.0", "1.0 1.0", "took effect twice");
    check(AsksAPerson, "1.0", "1.0 | 1.0", "1.0", "came again");
    check(Recognises, "1.0 1.1", "1.1 1.0", "1.1 1.0", "came when");
}

fn own_id(word: &str) -> Uuid {
    let (case, sequence) = word.split_once('.').unwrap();
    documents::own_id_of(case.parse().unwrap(), sequence.parse().unwrap())
}

fn sent_of(own_id: Uuid) -> Sent {
    Sent {
        authority: "svb:14730000".to_owned(),
        own_id,
        message_id: own_id.to_string(),
        document: Bytes::from(own_id.to_string()),
    }
}

fn arrival(own_id: Uuid, sequence: u64) -> Arrival {
    Arrival {
        sequence,
        inbox: "a".to_owned(),
        key: own_id.to_string(),
        own_id: Some(own_id),
        traceparent: None,
        body: Bytes::from(own_id.to_string()),
    }
}
