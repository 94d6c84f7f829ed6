//! Every kind of failure at every attempt: the table is the specification.

use std::time::Duration;

use proptest::prelude::*;

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
fn nobody_makes_a_message_wait_for_a_year() {
    let failure = FailureKind::Transient.because("AB-0000", "test");
    let failure = failure.with_wait(Duration::from_secs(365 * 24 * 3_600));
    let decision = POLICY.decide(&failure, 1, Duration::ZERO, EVEN);
    assert_eq!(decision, Decision::Retry(Duration::from_secs(24 * 3_600)));
    let patient = RetryPolicy { max_interval: Duration::from_secs(7 * 24 * 3_600), ..POLICY };
    let decision = patient.decide(&failure, 1, Duration::ZERO, EVEN);
    assert_eq!(decision, Decision::Retry(patient.wait_max()));
    assert_eq!(patient.wait_max(), Duration::from_secs(7 * 24 * 3_600 * 3 / 2));
}

#[test]
fn a_wait_is_spread_around_its_middle_and_never_overflows() {
    assert_eq!(POLICY.wait(1, 0.0), Duration::from_millis(500));
    assert_eq!(POLICY.wait(1, EVEN), Duration::from_secs(1));
    assert!(POLICY.wait(u32::MAX, 0.999) < Duration::from_millis(4501));
    let endless = RetryPolicy { max_interval: Duration::MAX, ..POLICY };
    assert_eq!(endless.wait(u32::MAX, 0.999), Duration::MAX);
}

fn policies() -> impl Strategy<Value = RetryPolicy> {
    let waits = (0_u64..100_000, 0_u64..10_000_000);
    (waits, 0.0_f64..20.0, 0.0_f64..1.5, prop::option::of(1_u64..100_000), 1_u32..40).prop_map(
        |((initial, max), multiplier, randomization_factor, elapsed, attempts_max)| RetryPolicy {
            initial_interval: Duration::from_millis(initial),
            multiplier,
            randomization_factor,
            max_interval: Duration::from_millis(max),
            max_elapsed_time: elapsed.map(Duration::from_secs),
            attempts_max,
        },
    )
}

fn config() -> ProptestConfig {
    ProptestConfig {
        cases: 500,
        failure_persistence: None,
        rng_seed: proptest::test_runner::RngSeed::Fixed(1),
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn whatever_the_policy_a_wait_stays_within_its_bounds_and_never_shrinks(
        policy in policies(), attempt in 1_u32..2_000, chance in 0.0_f64..1.0,
    ) {
        let wait = policy.wait(attempt, chance);
        prop_assert!(wait <= policy.wait_max());
        let (least, most) = (policy.wait(attempt, 0.0), policy.wait(attempt, 1.0));
        prop_assert!(least <= wait && wait <= most, "spread around its middle");
        prop_assert!(wait <= policy.wait(attempt + 1, chance), "not shorter than the one before");
        let capped = policy.max_interval.as_secs_f64();
        let spread = 1.0 + policy.randomization_factor.min(1.0);
        prop_assert!(wait.as_secs_f64() <= capped * spread + 1e-6);
        prop_assert_eq!(wait, policy.wait(attempt, chance), "the same for the same throw");
    }

    #[test]
    fn every_delivery_that_only_fails_ends_dead_within_its_bounds(
        policy in policies(), chance in 0.0_f64..1.0,
    ) {
        let failure = FailureKind::Transient.because("AB-0000", "test");
        let mut elapsed = Duration::ZERO;
        for attempt in 1..=policy.attempts_max {
            match policy.decide(&failure, attempt, elapsed, chance) {
                Decision::Retry(wait) => {
                    prop_assert!(attempt < policy.attempts_max);
                    prop_assert!(policy.max_elapsed_time.is_none_or(|max| elapsed < max));
                    elapsed += wait;
                }
                decision => {
                    prop_assert_eq!(decision, Decision::DeadLetter);
                    return Ok(());
                }
            }
        }
        prop_assert!(false, "it goes on for ever");
    }

    #[test]
    fn what_is_unavailable_never_costs_an_attempt_and_never_waits_beyond_bounds(
        policy in policies(), attempt in 1_u32..u32::MAX, elapsed in 0_u64..1_000_000_000,
        asked in prop::option::of(0_u64..1_000_000_000), chance in 0.0_f64..1.0,
    ) {
        let failure = FailureKind::Unavailable.because("AB-0000", "test");
        let failure = match asked {
            Some(asked) => failure.with_wait(Duration::from_secs(asked)),
            None => failure,
        };
        match policy.decide(&failure, attempt, Duration::from_secs(elapsed), chance) {
            Decision::CloseGate(wait) => prop_assert!(wait <= policy.wait_max()),
            decision => prop_assert!(false, "{decision:?}"),
        }
    }
}
