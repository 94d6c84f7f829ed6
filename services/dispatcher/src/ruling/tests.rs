//! The table of what follows: every ending under every contract.

use std::time::Duration;

use messaging::{
    Accepted, CaseId, DeliveryState as State, EffectContract as Contract, EventKind, FailureKind,
    Found, Reason, RetryPolicy, Timestamp,
};
use stores::ledger::{DeliveryId, EndpointRow, MessageRow};
use uuid::Uuid;

use super::{Circumstances, Ending, GATE_CLOSINGS_MAX, Next, Ruling, Terms, interrupted, rule};
use crate::{
    AfterDeadLetter,
    schedule::{Entry, Step},
};

const POLICY: RetryPolicy = RetryPolicy {
    initial_interval: Duration::from_secs(1),
    multiplier: 2.0,
    randomization_factor: 0.0,
    max_interval: Duration::from_secs(60),
    max_elapsed_time: None,
    attempts_max: 3,
};
const VISIBLE: Duration = Duration::from_secs(5);
const LOOK_UP: Contract = Contract::CanLookUp { visible_within: VISIBLE };
const CONTRACTS: [Contract; 4] =
    [Contract::Idempotent, Contract::Deduplicates, LOOK_UP, Contract::None];

const SEEN: Circumstances =
    Circumstances { at: Timestamp(0), chance: 0.5, are_others_answered: false };

fn terms(contract: Contract) -> Terms {
    Terms { policy: POLICY, contract, after_dead_letter: AfterDeadLetter::Hold }
}

fn entry(attempts: u32) -> Entry {
    Entry {
        delivery: DeliveryId(1),
        endpoint: EndpointRow(1),
        message: MessageRow(1),
        case_id: CaseId(Uuid::from_u128(1)),
        generation: 0,
        state: State::Pending,
        attempts,
        first_attempt_at: None,
        version: 1,
        gate_closings: 0,
        answers_then: None,
        step: Step::Deliver,
    }
}

fn after(attempts: u32, contract: Contract, ending: Ending) -> Ruling {
    rule(&entry(attempts), &ending, &terms(contract), &SEEN)
}

fn fails(kind: FailureKind) -> Ending {
    Ending::Delivered(Err(kind.because("AB-0000", "test")))
}

fn secs(secs: u64) -> Next {
    Next::After(Duration::from_secs(secs))
}

#[test]
fn accepted_is_delivered_whatever_the_contract() {
    for contract in CONTRACTS {
        let ruling = after(0, contract, Ending::Delivered(Ok(Accepted::default())));
        assert_eq!((ruling.state, ruling.attempts, ruling.next), (State::Delivered, 1, Next::Gone));
    }
}

#[test]
fn an_attempt_with_unknown_end_is_the_contracts() {
    for (contract, step, next, is_question) in [
        (Contract::Idempotent, Step::Deliver, secs(1), false),
        (Contract::Deduplicates, Step::Deliver, secs(1), false),
        (LOOK_UP, Step::LookUp, secs(1 + 5), false),
        (Contract::None, Step::Deliver, Next::Held, true),
    ] {
        let ruling = after(0, contract, fails(FailureKind::Uncertain));
        assert_eq!((ruling.state, ruling.attempts), (State::Uncertain, 1), "{contract:?}");
        assert_eq!((ruling.step, ruling.next), (step, next), "{contract:?}");
        assert_eq!(ruling.event, Some(EventKind::Uncertain { is_question }), "{contract:?}");
    }
}

#[test]
fn a_lease_that_ends_unsettled_is_uncertain_and_never_pending() {
    let lease = Duration::from_secs(31);
    for (contract, next) in [
        (Contract::Idempotent, Next::After(lease)),
        (Contract::Deduplicates, Next::After(lease)),
        (LOOK_UP, Next::After(lease + VISIBLE)),
        (Contract::None, Next::Held),
    ] {
        let ruling = interrupted(&entry(99), contract, lease);
        assert_eq!((ruling.state, ruling.attempts), (State::Uncertain, 100), "{contract:?}");
        assert_eq!(ruling.next, next, "{contract:?}");
    }
}

#[test]
fn nobody_repeats_for_ever_and_nobody_gives_up_before_asking() {
    for (contract, expected) in [
        (Contract::Idempotent, (State::Dead, Next::Held)),
        (Contract::Deduplicates, (State::Dead, Next::Held)),
        (LOOK_UP, (State::Uncertain, secs(4 + 5))),
        (Contract::None, (State::Uncertain, Next::Held)),
    ] {
        let ruling = after(2, contract, fails(FailureKind::Uncertain));
        assert_eq!((ruling.state, ruling.next), expected, "{contract:?}");
    }
}

#[test]
fn asking_in_vain_ends_with_a_person_and_not_with_a_closed_gate() {
    let failing = |gate_closings| {
        let asked =
            Entry { state: State::Uncertain, step: Step::LookUp, gate_closings, ..entry(1) };
        let ending = Ending::LookedUp(Err(FailureKind::Unavailable.because("AB-0000", "test")));
        rule(&asked, &ending, &terms(LOOK_UP), &SEEN)
    };
    assert!(failing(GATE_CLOSINGS_MAX - 1).close_gate.is_some());
    let last = failing(GATE_CLOSINGS_MAX);
    assert_eq!((last.state, last.next, last.close_gate), (State::Uncertain, Next::Held, None));
    assert_eq!(last.event, Some(EventKind::Uncertain { is_question: true }));
}

#[test]
fn the_wait_a_receiver_asks_for_is_kept_whatever_happened() {
    let asked = Duration::from_secs(300);
    let failure = FailureKind::Uncertain.because("AB-0000", "test").with_wait(asked);
    let ruling = after(0, Contract::Deduplicates, Ending::Delivered(Err(failure)));
    assert_eq!(ruling.next, Next::After(asked));
}

#[test]
fn an_absent_endpoint_spends_no_attempt() {
    let ruling = after(1, Contract::None, fails(FailureKind::Unavailable));
    assert_eq!((ruling.state, ruling.attempts, ruling.next), (State::Pending, 1, Next::Now));
    assert!(ruling.close_gate.is_some() && ruling.event.is_none());
}

#[test]
fn a_head_that_closes_the_gate_again_and_again_is_the_one_at_fault() {
    let stubborn = Entry { gate_closings: GATE_CLOSINGS_MAX, ..entry(0) };
    let ending = fails(FailureKind::Unavailable);
    let ruling = rule(&stubborn, &ending, &terms(Contract::None), &SEEN);
    assert_eq!((ruling.state, ruling.attempts), (State::Waiting, 1));
    assert_eq!(ruling.close_gate, None);

    let hopeless = Entry { gate_closings: GATE_CLOSINGS_MAX, ..entry(2) };
    let ruling = rule(&hopeless, &ending, &terms(Contract::None), &SEEN);
    assert_eq!(ruling.state, State::Dead);
}

#[test]
fn unavailable_for_one_message_while_others_are_answered_is_about_that_message() {
    let others = Circumstances { are_others_answered: true, ..SEEN };
    let terms = terms(Contract::None);
    let ruling = rule(&entry(0), &fails(FailureKind::Unavailable), &terms, &others);
    assert_eq!((ruling.state, ruling.attempts, ruling.next), (State::Waiting, 1, secs(1)));
    assert_eq!(ruling.close_gate, None);

    let asked = Entry { state: State::Uncertain, step: Step::LookUp, ..entry(1) };
    let ending = Ending::LookedUp(Err(FailureKind::Unavailable.because("AB-0000", "test")));
    let ruling = rule(&asked, &ending, &self::terms(LOOK_UP), &others);
    assert_eq!((ruling.state, ruling.close_gate, ruling.next), (State::Uncertain, None, secs(1)));
}

#[test]
fn a_time_that_a_system_names_is_the_messages_if_it_answers_others_and_asked_too_often_is_everybodys()
 {
    let wait = Duration::from_secs(30);
    let busy = FailureKind::Unavailable.because("AB-0000", "test").with_wait(wait);
    let (answered, silent) = (Circumstances { are_others_answered: true, ..SEEN }, SEEN);
    let alone = (State::Waiting, 1, Next::After(wait), None);
    let all = (State::Pending, 0, Next::Now, Some(wait));
    for (failure, seen, expected) in [
        (busy.clone(), answered, alone),
        (busy.clone(), silent, all),
        (busy.clone().for_all(), answered, all),
        (busy.clone().for_all(), silent, all),
    ] {
        let ruling = rule(&entry(0), &Ending::Delivered(Err(failure)), &terms(LOOK_UP), &seen);
        let ruled = (ruling.state, ruling.attempts, ruling.next, ruling.close_gate);
        assert_eq!(ruled, expected, "{seen:?}");
    }
    // The same of a question.
    let asked = Entry { state: State::Uncertain, step: Step::LookUp, ..entry(1) };
    for (failure, expected) in
        [(busy.clone(), (Next::After(wait), None)), (busy.for_all(), (Next::Now, Some(wait)))]
    {
        let ruling = rule(&asked, &Ending::LookedUp(Err(failure)), &terms(LOOK_UP), &answered);
        assert_eq!((ruling.next, ruling.close_gate), expected);
    }
}

#[test]
fn transient_failures_wait_and_end_dead() {
    let ruling = after(1, Contract::None, fails(FailureKind::Transient));
    assert_eq!((ruling.state, ruling.attempts, ruling.next), (State::Waiting, 2, secs(2)));
    let ruling = after(2, Contract::None, fails(FailureKind::Transient));
    assert_eq!((ruling.state, ruling.attempts, ruling.next), (State::Dead, 3, Next::Held));
}

#[test]
fn a_final_answer_lets_the_case_go_on() {
    let reasons = vec![Reason { code: None, text: "no such vehicle".to_owned() }];
    let failure = messaging::Failure::rejected("AB-0000", reasons.clone(), "status 422");
    let ruling = after(0, Contract::None, Ending::Delivered(Err(failure)));
    assert_eq!((ruling.state, ruling.next), (State::Rejected, Next::Gone));
    assert_eq!(ruling.event, Some(EventKind::Rejected { reasons }));
}

#[test]
fn a_dead_letter_holds_its_case_unless_told_otherwise() {
    let ending = fails(FailureKind::Defect);
    let go_on =
        Terms { after_dead_letter: AfterDeadLetter::Continue, ..terms(Contract::Idempotent) };
    let ruling = rule(&entry(0), &ending, &go_on, &SEEN);
    assert_eq!((ruling.state, ruling.next), (State::Dead, Next::Gone));
    assert_eq!(after(0, Contract::Idempotent, ending).next, Next::Held);
}

#[test]
fn a_look_up_spends_no_attempt_and_believes_what_it_is_told() {
    let asked = Entry { state: State::Uncertain, step: Step::LookUp, ..entry(1) };
    let look = |found| rule(&asked, &Ending::LookedUp(found), &terms(LOOK_UP), &SEEN);

    let there = look(Ok(Found::Yes(Accepted::default())));
    assert_eq!((there.state, there.attempts, there.next), (State::Delivered, 1, Next::Gone));
    let absent = look(Ok(Found::No));
    assert_eq!(
        (absent.state, absent.step, absent.next),
        (State::Pending, Step::Deliver, Next::Now)
    );
    let nobody = look(Ok(Found::CannotTell));
    assert_eq!((nobody.state, nobody.next), (State::Uncertain, Next::Held));
    let down = look(Err(FailureKind::Unavailable.because("AB-0000", "test")));
    assert_eq!((down.state, down.step), (State::Uncertain, Step::LookUp));
    assert!(down.close_gate.is_some());
}

#[test]
fn absent_after_the_last_attempt_is_dead() {
    let asked = Entry { state: State::Uncertain, step: Step::LookUp, ..entry(3) };
    let ending = Ending::LookedUp(Ok(Found::No));
    let ruling = rule(&asked, &ending, &terms(LOOK_UP), &SEEN);
    assert_eq!((ruling.state, ruling.next), (State::Dead, Next::Held));
}

#[test]
fn what_was_not_begun_is_as_it_was_before() {
    for contract in CONTRACTS {
        for state in [State::Pending, State::Waiting, State::Uncertain] {
            let before = Entry { state, ..entry(2) };
            let ruled = rule(&before, &Ending::Withdrawn, &terms(contract), &SEEN);
            assert_eq!((ruled.state, ruled.attempts, ruled.next), (state, 2, Next::Now));
            assert_eq!((ruled.event, ruled.close_gate), (None, None), "{contract:?}");
        }
    }
}
