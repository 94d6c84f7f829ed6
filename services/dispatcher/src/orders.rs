//! What follows for a delivery from what an operator orders: one table, pure.

use std::time::Duration;

use messaging::{DeliveryState, EffectContract, EventKind, Order};

use crate::{
    codes,
    ruling::Next,
    schedule::{Entry, Step},
};

/// Why an order is not carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) code: &'static str,
    /// One sentence for whoever ordered it; no personal data.
    pub(crate) sentence: String,
}

impl Refusal {
    pub(crate) fn because(code: &'static str, sentence: impl Into<String>) -> Self {
        Self { code, sentence: sentence.into() }
    }
}

/// What a delivery is from now on.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Revision {
    pub(crate) state: DeliveryState,
    pub(crate) step: Step,
    pub(crate) next: Next,
    pub(crate) event: EventKind,
}

/// Rules on `order` about `entry`, whose attempt is not under way.
pub(crate) fn revise(
    order: &Order,
    entry: &Entry,
    contract: EffectContract,
) -> Result<Revision, Refusal> {
    match (order, entry.state) {
        (Order::Unknown { name, .. }, _) => Err(unknown(name)),
        (Order::Discard(_), DeliveryState::Dead | DeliveryState::Uncertain) => {
            Ok(finally(DeliveryState::Discarded, EventKind::Discarded))
        }
        (Order::ConfirmDelivered(_), DeliveryState::Uncertain) => {
            Ok(finally(DeliveryState::Delivered, EventKind::Delivered { receipt: None }))
        }
        (Order::Replay(_), DeliveryState::Dead)
        | (Order::SendAgain(_), DeliveryState::Uncertain) => Ok(revived()),
        (Order::Replay(_), DeliveryState::Uncertain) => replay(contract),
        // With which document is decided apart.
        (Order::Edit(_), DeliveryState::Dead) => Ok(revived()),
        (Order::Edit(_), DeliveryState::Uncertain) => Err(uncertain()),
        (order, state) => {
            let (order, state) = (order.name(), state.name());
            let sentence = format!("the delivery is {state}, to which `{order}` does not apply");
            Err(Refusal::because(codes::ORDER_UNFIT, sentence))
        }
    }
}

/// An order that does not fit what it is about.
pub(crate) fn unfit(sentence: impl Into<String>) -> Refusal {
    Refusal::because(codes::ORDER_UNFIT, sentence)
}

/// An order of a newer version.
pub(crate) fn unknown(name: &str) -> Refusal {
    let sentence = format!("this dispatcher does not know how to `{name}`");
    Refusal::because(codes::ORDER_UNKNOWN, sentence)
}

/// The first version may have taken effect, and another one would be a second effect.
fn uncertain() -> Refusal {
    let sentence = "nobody knows whether the delivery took effect as it was, and another document \
                    would be a second one: look there, and then order `confirm_delivered` or \
                    `send_again`; what dies after that can be edited";
    Refusal::because(codes::EDIT_UNCERTAIN, sentence)
}

/// Nobody knows whether it took effect, and its contract decides as it would have by itself.
fn replay(contract: EffectContract) -> Result<Revision, Refusal> {
    match contract {
        EffectContract::Idempotent | EffectContract::Deduplicates => Ok(revived()),
        // "Absent" counts only when asked so long after the attempt; a full wait is on the safe side.
        EffectContract::CanLookUp { visible_within } => Ok(Revision {
            state: DeliveryState::Uncertain,
            step: Step::LookUp,
            next: Next::After(visible_within.max(Duration::ZERO)),
            event: EventKind::Replayed,
        }),
        EffectContract::None => {
            let sentence = "nobody can tell whether it took effect: look there, and then order \
                            `confirm_delivered` or `send_again`";
            Err(Refusal::because(codes::ORDER_BLIND, sentence))
        }
    }
}

fn revived() -> Revision {
    Revision {
        state: DeliveryState::Pending,
        step: Step::Deliver,
        next: Next::Now,
        event: EventKind::Replayed,
    }
}

fn finally(state: DeliveryState, event: EventKind) -> Revision {
    Revision { state, step: Step::Deliver, next: Next::Gone, event }
}

impl Revision {
    /// `entry` from now on. What is revived begins anew: attempts, and the time in which to give up.
    pub(crate) fn of(&self, entry: &Entry) -> Entry {
        let is_revived = !self.state.is_final();
        Entry {
            state: self.state,
            step: self.step,
            version: entry.version + 1,
            attempts: if is_revived { 0 } else { entry.attempts },
            first_attempt_at: entry.first_attempt_at.filter(|_| !is_revived),
            gate_closings: 0,
            answers_then: None,
            ..*entry
        }
    }
}

#[cfg(test)]
mod tests {
    use messaging::{CaseId, MessageId, Target};
    use stores::ledger::{DeliveryId, EndpointRow, MessageRow};
    use uuid::Uuid;

    use super::*;

    const LOOK_UP: EffectContract =
        EffectContract::CanLookUp { visible_within: Duration::from_secs(60) };

    fn entry(state: DeliveryState) -> Entry {
        Entry {
            delivery: DeliveryId(1),
            endpoint: EndpointRow(1),
            message: MessageRow(1),
            case_id: CaseId(Uuid::nil()),
            generation: 0,
            state,
            attempts: 3,
            first_attempt_at: Some(messaging::Timestamp(1)),
            version: 7,
            gate_closings: 2,
            answers_then: None,
            step: Step::Deliver,
        }
    }

    fn target() -> Target {
        Target { message_id: MessageId(Uuid::nil()), seen: None }
    }

    #[test]
    fn what_an_operator_may_order_depends_on_state_and_contract() {
        use DeliveryState as S;
        use EffectContract::{Deduplicates, None};
        let (replay, again) = (Order::Replay(target()), Order::SendAgain(target()));
        let (discard, confirm) = (Order::Discard(target()), Order::ConfirmDelivered(target()));
        let document = bytes::Bytes::from_static(b"<a/>");
        let edit = Order::Edit(Box::new(messaging::Correction::new(target(), document)));
        let after = Next::After(Duration::from_secs(60));
        for (order, state, contract, expected) in [
            (&replay, S::Dead, None, Ok((S::Pending, Step::Deliver, Next::Now))),
            (&replay, S::Uncertain, Deduplicates, Ok((S::Pending, Step::Deliver, Next::Now))),
            (&replay, S::Uncertain, LOOK_UP, Ok((S::Uncertain, Step::LookUp, after))),
            (&replay, S::Uncertain, None, Err("AB-3225")),
            (&replay, S::Pending, None, Err("AB-3224")),
            (&replay, S::Delivered, None, Err("AB-3224")),
            (&discard, S::Dead, None, Ok((S::Discarded, Step::Deliver, Next::Gone))),
            (&discard, S::Uncertain, LOOK_UP, Ok((S::Discarded, Step::Deliver, Next::Gone))),
            (&discard, S::Waiting, None, Err("AB-3224")),
            (&confirm, S::Uncertain, None, Ok((S::Delivered, Step::Deliver, Next::Gone))),
            (&confirm, S::Dead, None, Err("AB-3224")),
            (&again, S::Uncertain, None, Ok((S::Pending, Step::Deliver, Next::Now))),
            (&again, S::Dead, None, Err("AB-3224")),
            (&edit, S::Dead, None, Ok((S::Pending, Step::Deliver, Next::Now))),
            (&edit, S::Uncertain, Deduplicates, Err("AB-3250")),
            (&edit, S::Waiting, Deduplicates, Err("AB-3224")),
            (&edit, S::Delivered, Deduplicates, Err("AB-3224")),
            (
                &Order::Unknown { name: "fly".to_owned(), target: Option::None },
                S::Dead,
                None,
                Err("AB-3221"),
            ),
        ] {
            let revised = revise(order, &entry(state), contract);
            let told = revised.map(|r| (r.state, r.step, r.next)).map_err(|refusal| refusal.code);
            assert_eq!(told, expected, "{} {state:?} {contract:?}", order.name());
        }
    }

    #[test]
    fn what_is_revived_keeps_its_row_and_key_and_counts_anew() {
        let before = entry(DeliveryState::Dead);
        let after = revise(&Order::Replay(target()), &before, EffectContract::None).unwrap();
        let after = after.of(&before);
        assert_eq!((after.delivery, after.generation), (before.delivery, before.generation));
        assert_eq!((after.attempts, after.first_attempt_at, after.version), (0, None, 8));
        let given_up = revise(&Order::Discard(target()), &before, EffectContract::None).unwrap();
        assert_eq!(given_up.of(&before).attempts, 3, "history stays");
    }
}
