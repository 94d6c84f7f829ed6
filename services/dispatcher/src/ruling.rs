//! What follows from how an attempt ended: one table, pure.

use std::time::Duration;

use messaging::{
    Accepted, Decision, DeliveryState, EffectContract, EventKind, Failure, FailureKind, Found,
    Result, RetryPolicy, Timestamp, fault,
};

use crate::{
    AfterDeadLetter, codes,
    schedule::{Entry, Step},
};

/// After so many closings of the gate by one head, between which the endpoint answered its probe,
/// it is the message and not the endpoint.
pub(crate) const GATE_CLOSINGS_MAX: u32 = 3;

/// What of an endpoint's configuration decides.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms {
    pub(crate) policy: RetryPolicy,
    pub(crate) contract: EffectContract,
    pub(crate) after_dead_letter: AfterDeadLetter,
}

impl Terms {
    /// After so long what took effect can be found, where anything can.
    pub(crate) fn visible_within(&self) -> Duration {
        match self.contract {
            EffectContract::CanLookUp { visible_within } => visible_within,
            _ => Duration::ZERO,
        }
    }
}

/// How an attempt or a look-up ended.
#[derive(Debug)]
pub(crate) enum Ending {
    Delivered(Result<Accepted>),
    LookedUp(Result<Found>),
    /// The gate closed while its intent was written: it was not begun.
    Withdrawn,
}

/// What follows.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Ruling {
    pub(crate) state: DeliveryState,
    pub(crate) attempts: u32,
    pub(crate) gate_closings: u32,
    pub(crate) step: Step,
    pub(crate) next: Next,
    /// Told to the world, if anything is.
    pub(crate) event: Option<EventKind>,
    /// Leave the endpoint alone for so long.
    pub(crate) close_gate: Option<Duration>,
    /// How the attempt is called in the history.
    pub(crate) outcome: &'static str,
}

/// When it is its turn again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    Now,
    After(Duration),
    Held,
    Gone,
}

/// What else decides.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Circumstances {
    pub(crate) at: Timestamp,
    /// A throw of the dice, from 0 to 1.
    pub(crate) chance: f64,
    /// The system was there for others all the while.
    pub(crate) are_others_answered: bool,
}

/// Rules on `entry`, whose step ended as `ending`.
pub(crate) fn rule(entry: &Entry, ending: &Ending, terms: &Terms, seen: &Circumstances) -> Ruling {
    match ending {
        Ending::Delivered(Ok(accepted)) => {
            delivered(entry, entry.attempts + 1, accepted, "accepted")
        }
        Ending::Delivered(Err(failure)) => failed(entry, failure, terms, seen),
        Ending::LookedUp(Ok(found)) => looked_up(entry, found, terms, seen.at),
        Ending::LookedUp(Err(failure)) => not_found_out(entry, failure, terms, seen),
        Ending::Withdrawn => Ruling { outcome: "withdrawn", ..unchanged(entry) },
    }
}

/// What follows for a delivery that a process left unsettled; `lease` is the time in which its
/// attempt may still take effect.
pub(crate) fn interrupted(entry: &Entry, contract: EffectContract, lease: Duration) -> Ruling {
    if fault::is_on("ended-lease-is-pending") {
        let event = Some(EventKind::AttemptFailed);
        return Ruling { state: DeliveryState::Pending, event, ..unchanged(entry) };
    }
    Ruling {
        attempts: entry.attempts + 1,
        outcome: "interrupted",
        ..uncertain(entry, contract, lease)
    }
}

/// What follows for a delivery that the ledger before a restore from a backup may have made, or have
/// under way; `lease` as in [`interrupted`]. No attempt is counted, as nobody knows of any.
pub(crate) fn restored(entry: &Entry, contract: EffectContract, lease: Duration) -> Ruling {
    Ruling { outcome: "restored", ..uncertain(entry, contract, lease) }
}

fn delivered(entry: &Entry, attempts: u32, accepted: &Accepted, outcome: &'static str) -> Ruling {
    Ruling {
        state: DeliveryState::Delivered,
        attempts,
        next: Next::Gone,
        event: Some(EventKind::Delivered { receipt: accepted.receipt.clone() }),
        outcome,
        ..unchanged(entry)
    }
}

fn failed(entry: &Entry, failure: &Failure, terms: &Terms, seen: &Circumstances) -> Ruling {
    let Circumstances { at, chance, .. } = *seen;
    let attempts = entry.attempts + 1;
    let elapsed = entry.first_attempt_at.map_or(Duration::ZERO, |first| at.since(first));
    let outcome = outcome_of(failure.kind());
    let mut decision = terms.policy.decide(failure, attempts, elapsed, chance);
    if matches!(decision, Decision::CloseGate(_)) && is_about_the_message(entry, failure, seen) {
        decision = match terms.policy.is_exhausted(attempts, elapsed) {
            true => Decision::DeadLetter,
            false => Decision::Retry(wait_of(failure, terms, attempts, chance)),
        };
    }
    let next = match decision {
        Decision::Retry(wait) => Ruling {
            state: DeliveryState::Waiting,
            next: Next::After(wait),
            event: Some(EventKind::AttemptFailed),
            gate_closings: 0,
            ..unchanged(entry)
        },
        // No attempt is spent: it was never there.
        Decision::CloseGate(wait) => {
            return Ruling {
                state: DeliveryState::Pending,
                gate_closings: entry.gate_closings + 1,
                next: Next::Now,
                close_gate: (!fault::is_on("gate-stays-open")).then_some(wait),
                outcome,
                ..unchanged(entry)
            };
        }
        Decision::Uncertain => {
            // Asking and waiting for a person cost no attempt; only a repetition does.
            let repeats =
                matches!(terms.contract, EffectContract::Idempotent | EffectContract::Deduplicates);
            match repeats && terms.policy.is_exhausted(attempts, elapsed) {
                true => dead(entry, terms),
                false => {
                    let wait = wait_of(failure, terms, attempts, chance);
                    uncertain(entry, terms.contract, wait)
                }
            }
        }
        Decision::Reject => Ruling {
            state: DeliveryState::Rejected,
            next: Next::Gone,
            event: Some(EventKind::Rejected { reasons: failure.reasons().to_vec() }),
            ..unchanged(entry)
        },
        Decision::DeadLetter => dead(entry, terms),
    };
    Ruling { attempts, outcome, ..next }
}

/// Whether "unavailable" says something of the message alone: others are answered, or it was said of
/// it too often. A system that answers others and names a time says when to come again with this one.
/// One that is asked too often means everybody.
fn is_about_the_message(entry: &Entry, failure: &Failure, seen: &Circumstances) -> bool {
    let is_for_all = failure.is_for_all();
    GATE_CLOSINGS_MAX <= entry.gate_closings || (seen.are_others_answered && !is_for_all)
}

fn looked_up(entry: &Entry, found: &Found, terms: &Terms, at: Timestamp) -> Ruling {
    let elapsed = entry.first_attempt_at.map_or(Duration::ZERO, |first| at.since(first));
    match found {
        Found::Yes(accepted) => delivered(entry, entry.attempts, accepted, "found"),
        Found::No if terms.policy.is_exhausted(entry.attempts, elapsed) => {
            Ruling { outcome: "absent", ..dead(entry, terms) }
        }
        Found::No => Ruling {
            state: DeliveryState::Pending,
            step: Step::Deliver,
            next: Next::Now,
            event: Some(EventKind::AttemptFailed),
            outcome: "absent",
            ..unchanged(entry)
        },
        Found::CannotTell => Ruling {
            state: DeliveryState::Uncertain,
            next: Next::Held,
            event: Some(EventKind::Uncertain { is_question: true }),
            outcome: "cannot_tell",
            ..unchanged(entry)
        },
    }
}

/// Not having found out leaves it as uncertain as it was. An endpoint that answers its probe and not
/// the question is not down; asked in vain often enough, a person is asked.
fn not_found_out(entry: &Entry, failure: &Failure, terms: &Terms, seen: &Circumstances) -> Ruling {
    let asked = entry.gate_closings.saturating_add(1);
    let wait = wait_of(failure, terms, asked, seen.chance);
    let is_down =
        failure.kind() == FailureKind::Unavailable && !is_about_the_message(entry, failure, seen);
    let is_in_vain = terms.policy.attempts_max.max(GATE_CLOSINGS_MAX + 1) <= asked;
    Ruling {
        gate_closings: asked,
        next: match (is_in_vain, is_down) {
            (true, _) => Next::Held,
            (false, true) => Next::Now,
            (false, false) => Next::After(wait),
        },
        event: is_in_vain.then_some(EventKind::Uncertain { is_question: true }),
        close_gate: is_down.then_some(wait),
        outcome: outcome_of(failure.kind()),
        ..unchanged(entry)
    }
}

fn wait_of(failure: &Failure, terms: &Terms, attempt: u32, chance: f64) -> Duration {
    terms.policy.wait_after(failure, attempt, chance)
}

fn uncertain(entry: &Entry, contract: EffectContract, wait: Duration) -> Ruling {
    let (step, next) = match contract {
        EffectContract::Idempotent | EffectContract::Deduplicates => {
            (Step::Deliver, Next::After(wait))
        }
        EffectContract::CanLookUp { visible_within } => {
            let believed = if fault::is_on("found-absent-at-once") {
                Duration::ZERO
            } else {
                wait.saturating_add(visible_within)
            };
            (Step::LookUp, Next::After(believed))
        }
        EffectContract::None if fault::is_on("repeated-against-contract") => {
            (Step::Deliver, Next::After(wait))
        }
        EffectContract::None => (Step::Deliver, Next::Held),
    };
    Ruling {
        state: DeliveryState::Uncertain,
        step,
        next,
        event: Some(EventKind::Uncertain { is_question: next == Next::Held }),
        ..unchanged(entry)
    }
}

fn dead(entry: &Entry, terms: &Terms) -> Ruling {
    Ruling {
        state: DeliveryState::Dead,
        next: match terms.after_dead_letter {
            AfterDeadLetter::Hold if !fault::is_on("dead-head-lets-go") => Next::Held,
            _ => Next::Gone,
        },
        event: Some(EventKind::DeadLettered),
        ..unchanged(entry)
    }
}

fn unchanged(entry: &Entry) -> Ruling {
    Ruling {
        state: entry.state,
        attempts: entry.attempts,
        gate_closings: entry.gate_closings,
        step: entry.step,
        next: Next::Now,
        event: None,
        close_gate: None,
        outcome: "",
    }
}

fn outcome_of(kind: FailureKind) -> &'static str {
    match kind {
        FailureKind::Transient => "transient",
        FailureKind::Uncertain => "uncertain",
        FailureKind::Unavailable => "unavailable",
        FailureKind::Rejected => "rejected",
        FailureKind::Defect => "defect",
    }
}

/// The failure behind an ending, if there is one.
pub(crate) fn failure_of(ending: &Ending) -> Option<&Failure> {
    match ending {
        Ending::Delivered(Err(failure)) | Ending::LookedUp(Err(failure)) => Some(failure),
        Ending::Delivered(Ok(_)) | Ending::LookedUp(Ok(_)) | Ending::Withdrawn => None,
    }
}

/// The code of an ending that is no failure and yet wants a page.
pub(crate) fn code_of(ending: &Ending) -> Option<&'static str> {
    match ending {
        Ending::LookedUp(Ok(Found::No)) => Some(codes::ABSENT),
        Ending::LookedUp(Ok(Found::CannotTell)) => Some(codes::CANNOT_TELL),
        _ => failure_of(ending).map(Failure::code),
    }
}

#[cfg(test)]
mod tests;
