//! Ordering once more what is over: a delivery of its own, outside the order of its case.

use messaging::{Command, DeliveryState, EffectContract, EventKind, Result, Target, fault};
use stores::ledger::{DeliveryId, LedgerIdentity, MessageIdentity, Part, ReplayRow};

use super::{
    Draft, Engine,
    command::{Answer, Done, erased, stale, without_delivery},
};
use crate::{
    codes,
    orders::{self, Refusal},
    schedule::{Entry, Step, Turn},
    teller::{Subject, What, Why},
};

/// A generation that no delivery of the message there has had, where `last` is the highest known. A
/// ledger restored from a backup does not know those that were given out after it; its epoch is above
/// them.
pub(super) fn generation_after(last: u32, ledger: &LedgerIdentity) -> u32 {
    let floor = if ledger.is_restored() { ledger.epoch } else { 0 };
    last.saturating_add(1).max(floor)
}

fn has_new_key(is_new_effect: bool) -> bool {
    match is_new_effect {
        true => !fault::is_on("new-effect-under-old-key"),
        false => fault::is_on("same-key-forgotten"),
    }
}

impl Engine {
    /// The new delivery comes behind what is open of its case; like any other it holds what comes
    /// behind it, if it fails.
    pub(super) async fn replay(
        &mut self,
        index: usize,
        command: &Command,
        target: &Target,
        identity: &MessageIdentity,
        is_new_effect: bool,
        draft: &mut Draft,
    ) -> Result<Answer> {
        let Some(served) = self.served.get(index) else { return Ok(Err(without_delivery())) };
        let (row, contract) = (served.row, served.terms.contract);
        let Some(seen) = &target.seen else { return Ok(Err(stale())) };
        let named = DeliveryId(seen.delivery.cast_signed());
        let Some(over) = self.ledger.final_delivery(row, identity.row, named).await? else {
            let sentence =
                "the delivery is not over: `replay` revives one that is dead or uncertain";
            return Ok(Err(orders::unfit(sentence)));
        };
        let is_drafted = draft
            .transaction
            .replays
            .iter()
            .any(|replay| (replay.message, replay.endpoint) == (identity.row, row));
        if over.has_open || is_drafted {
            let sentence = "another delivery of the message to the endpoint is not over yet";
            return Ok(Err(orders::unfit(sentence)));
        }
        if over.version != seen.version {
            return Ok(Err(stale()));
        }
        if !is_new_effect && contract == EffectContract::None {
            let sentence = "the departmental system knows no keys: whatever is sent once more is a \
                            new effect there, and must be ordered as one";
            return Ok(Err(Refusal::because(codes::ORDER_SAME_KEY, sentence)));
        }
        if self.ledger.kept(identity.row).await?.is_none() {
            return Ok(Err(erased()));
        }
        let generation = match has_new_key(is_new_effect) {
            true => generation_after(over.generation_last, &self.teller.identity),
            false => over.generation,
        };
        self.reserve(1, 0).await?;
        self.numbers.delivery += 1;
        let delivery = DeliveryId(self.numbers.delivery);
        let message = identity.row;
        let replay = ReplayRow { delivery, endpoint: row, message, generation, replay_of: named };
        draft.transaction.replays.push(replay);
        let entry = Entry {
            delivery,
            endpoint: row,
            message,
            case_id: identity.case_id,
            generation,
            state: DeliveryState::Pending,
            attempts: 0,
            first_attempt_at: None,
            version: 1,
            gate_closings: 0,
            answers_then: None,
            step: Step::Deliver,
        };
        if let Some(served) = self.served.get_mut(index) {
            served.schedule.add(entry, Turn::Due);
        }
        let key = if is_new_effect { "a key of its own" } else { "the same key" };
        let cause =
            format!("ordered by command {} as a delivery of its own, with {key}", command.id);
        let why = Why { code: None, cause: Some(cause) };
        let what = What { kind: EventKind::Replayed, why, next_at: None, at: draft.at };
        let event =
            self.teller.about_delivery(&Subject::from(identity), &command.endpoint, &entry, what);
        draft.tell_of(Part::Endpoint(row), &mut self.numbers, self.teller.event_record(&event));
        Ok(Ok(Done::about(delivery, entry.state)))
    }
}

#[cfg(test)]
mod tests {
    use messaging::GroupId;

    use super::*;

    #[test]
    fn a_generation_is_given_out_once_also_where_a_backup_does_not_know_the_last() {
        let ledger =
            |epoch| LedgerIdentity { id: GroupId::new("ledger-1").unwrap(), epoch, start: 1 };
        for (last, epoch, expected) in [
            (0, 1, 1),
            (3, 1, 4),
            (0, 218_000_000, 218_000_000),
            (218_000_000, 218_000_000, 218_000_001),
        ] {
            assert_eq!(generation_after(last, &ledger(epoch)), expected, "{last} {epoch}");
        }
    }
}
