//! Deliveries that the ledger before a restore may have made, in the schedule and as they are told.

use messaging::{EffectContract, EndpointName, EventKind};
use stores::ledger::OpenDelivery;

use super::{
    Draft, Served,
    recover::{Left, lease_of, plain_entry},
    settle::turn_of,
};
use crate::{
    codes,
    ruling::{self, Ruling},
    schedule::{Entry, Step, Turn},
    teller::Why,
};

/// Its endpoint is not configured any more, and its contract is not known: a person must decide.
pub(super) fn left(delivery: &OpenDelivery, endpoint: &EndpointName) -> Left {
    let entry = plain_entry(delivery, Step::Deliver);
    let kind = Some(EventKind::Uncertain { is_question: true });
    Left { endpoint: endpoint.clone(), entry, kind, why: why(), next_at: None }
}

fn why() -> Why {
    let cause = "the ledger was restored from a backup and does not know what was done after that";
    Why { code: Some(codes::RESTORED), cause: Some(cause.to_owned()) }
}

impl Served {
    /// Puts a new delivery into the schedule, and says whether it starts soon. One in doubt is left
    /// alone until whatever the dispatcher before the restore had begun has surely ended.
    pub(super) fn take_up(&mut self, entry: Entry, is_doubtful: bool, draft: &Draft) -> bool {
        if !is_doubtful {
            let is_soon = self.expects_soon() && self.schedule.flows(entry.case_id);
            self.schedule.add(entry, Turn::Due);
            return is_soon;
        }
        let lease = lease_of(self);
        let Ruling { state, step, next, .. } = ruling::restored(&entry, self.terms.contract, lease);
        self.doubtful.insert(entry.delivery, draft.now + lease);
        self.schedule.add(Entry { state, step, ..entry }, turn_of(next, draft.now));
        false
    }

    /// What the world is told of a delivery in doubt.
    pub(super) fn tells_of_restored(&self) -> (EventKind, Why) {
        let is_question = self.terms.contract == EffectContract::None;
        (EventKind::Uncertain { is_question }, why())
    }
}
