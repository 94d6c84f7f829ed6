//! What is handed over once more though it was over: what was there when that was ordered, and what may
//! be there then.

use std::{collections::BTreeMap, ops::RangeInclusive};

use messaging::EffectContract;

/// What was ordered so of one departmental system; of each message once.
#[derive(Debug, Default)]
pub(crate) struct Repeats(BTreeMap<String, Repeat>);

/// What was ordered about one message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Repeat {
    /// Under a key of its own.
    pub(crate) is_new: bool,
    /// So many effects were there before.
    pub(crate) before: usize,
    /// Somebody was told that it was accepted.
    pub(crate) is_accepted: bool,
    /// By a ledger that was lost, perhaps.
    pub(crate) is_lost: bool,
}

impl Repeats {
    /// Somebody orders it of `own_id`, of which `before` effects are there and nothing is on its way.
    pub(crate) fn ordered(&mut self, own_id: &str, is_new: bool, before: usize) {
        let repeat = Repeat { is_new, before, is_accepted: false, is_lost: false };
        self.0.insert(own_id.to_owned(), repeat);
    }

    /// What was answered to that order.
    pub(crate) fn answered(&mut self, own_id: &str, is_accepted: bool) {
        if !is_accepted {
            self.0.remove(own_id);
        } else if let Some(repeat) = self.0.get_mut(own_id) {
            repeat.is_accepted = true;
        }
    }

    /// What was ordered of `own_id`, unless it was refused.
    pub(crate) fn of(&self, own_id: &str) -> Option<Repeat> {
        self.0.get(own_id).copied()
    }

    /// A ledger from a backup may not know of any, nor of the keys that were given out for them.
    pub(crate) fn ledger_is_restored(&mut self) {
        self.0.values_mut().for_each(|repeat| repeat.is_lost = true);
    }

    /// How many effects of `own_id` there may be, if there is one.
    pub(crate) fn effects_of(
        &self,
        own_id: &str,
        contract: EffectContract,
    ) -> RangeInclusive<usize> {
        let Some(Repeat { is_new, before, is_lost, .. }) = self.of(own_id) else { return 1..=1 };
        let is_known = contract == EffectContract::Deduplicates && 0 < before;
        match is_new {
            // What was open may take effect beside it, as nobody knows that key any more.
            true if is_lost => 1..=before + 2,
            // It knows the key, or nobody may send it anything under a key it had.
            false if is_known || contract == EffectContract::None => before..=before.max(1),
            _ => before..=before + 1,
        }
    }
}

impl Repeat {
    /// How many effects there are when it was delivered at last.
    pub(crate) fn delivered(self, contract: EffectContract) -> RangeInclusive<usize> {
        match (self.is_new, contract) {
            (true, _) => self.before + 1..=self.before + 1,
            // What it has under that key is found there, whether that is new or not.
            (false, EffectContract::CanLookUp { .. }) => self.before.max(1)..=self.before + 1,
            (false, _) => self.before.max(1)..=self.before.max(1),
        }
    }
}
