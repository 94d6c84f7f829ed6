//! Every kind of failure at every attempt: the table is the specification.

use std::time::Duration;

use super::{Decision, RetryPolicy};
use crate::FailureKind;

const POLICY: RetryPolicy = RetryPolicy {
    initial_interval: Duration::from_secs(1),
    multiplier: 2.0,
    randomization_factor: 0.5,
    max_interval: Duration::from_secs(3),
    max_elapsed_time: Some(Duration::from_secs(3600)),
    attempts_max: 3,
};

const EVEN: f64 = 0.5;

#[track_caller]
fn check(kind: FailureKind, attempt: u32, expected: Decision) {
    let failure = kind.because("AB-0000", "test");
    let decision = POLICY.decide(&failure, attempt, Duration::ZERO, EVEN);
    assert_eq!(decision, expected, "{kind:?} after {attempt}");
}

#[test]
fn transient_failures_wait_longer_each_time_and_end_dead() {
    check(FailureKind::Transient, 1, Decision::Retry(Duration::from_secs(1)));
    check(FailureKind::Transient, 2, Decision::Retry(Duration::from_secs(2)));
    check(FailureKind::Transient, 3, Decision::DeadLetter);
    check(FailureKind::Transient, u32::MAX, Decision::DeadLetter);
}

#[test]
fn time_runs_out_as_attempts_do() {
    let failure = FailureKind::Transient.because("AB-0000", "test");
    let late = Duration::from_secs(3600);
    assert_eq!(POLICY.decide(&failure, 1, late, EVEN), Decision::DeadLetter);
}

#[test]
fn an_unknown_end_is_the_contracts_to_decide() {
    check(FailureKind::Uncertain, 1, Decision::Uncertain);
    check(FailureKind::Uncertain, u32::MAX, Decision::Uncertain);
}

#[test]
fn an_absent_endpoint_never_kills_a_message() {
    check(FailureKind::Unavailable, 1, Decision::CloseGate(Duration::from_secs(1)));
    check(FailureKind::Unavailable, u32::MAX, Decision::CloseGate(Duration::from_secs(3)));
}

#[test]
fn a_final_answer_is_no_dead_letter() {
    check(FailureKind::Rejected, 1, Decision::Reject);
    check(FailureKind::Defect, 1, Decision::DeadLetter);
}

#[test]
fn the_remote_side_may_choose_the_wait() {
    let asked = Duration::from_secs(60);
    for kind in [FailureKind::Transient, FailureKind::Unavailable] {
        let failure = kind.because("AB-0000", "test").with_wait(asked);
        let decision = POLICY.decide(&failure, 1, Duration::ZERO, EVEN);
        assert!(matches!(decision, Decision::Retry(w) | Decision::CloseGate(w) if w == asked));
    }
}

#[test]
fn a_wait_is_spread_around_its_middle_and_never_overflows() {
    assert_eq!(POLICY.wait(1, 0.0), Duration::from_millis(500));
    assert_eq!(POLICY.wait(1, EVEN), Duration::from_secs(1));
    assert!(POLICY.wait(u32::MAX, 0.999) < Duration::from_millis(4501));
    let endless = RetryPolicy { max_interval: Duration::MAX, ..POLICY };
    assert_eq!(endless.wait(u32::MAX, 0.999), Duration::MAX);
}
