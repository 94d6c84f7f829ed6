//! Which document may come of a message: the one that was submitted, or one that an operator ordered
//! instead; and none but one under one key.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use bytes::Bytes;
use messaging::DeliveryKey;

use super::portal;

/// What one departmental system may get.
#[derive(Debug, Default)]
pub(crate) struct Papers {
    by_own_id: BTreeMap<String, Edits>,
    /// Edited, perhaps, by a ledger that was lost.
    lost: BTreeSet<String>,
    /// What came.
    by_key: HashMap<DeliveryKey, Bytes>,
}

/// What was ordered instead of one document.
#[derive(Debug, Default)]
struct Edits {
    /// As they were ordered; `None`: refused.
    ordered: Vec<Option<Bytes>>,
    /// Place of the newest one of which somebody was told that it was accepted.
    accepted: Option<usize>,
}

impl Papers {
    /// Somebody orders `document` instead of what there is of `own_id`: its place among such orders.
    pub(crate) fn ordered(&mut self, own_id: &str, document: Bytes) -> usize {
        let Edits { ordered, .. } = self.by_own_id.entry(own_id.to_owned()).or_default();
        ordered.push(Some(document));
        ordered.len() - 1
    }

    /// What was answered to that order. What was handed over until then may not come any more.
    pub(crate) fn answered(&mut self, own_id: &str, place: usize, is_accepted: bool) {
        let Some(edits) = self.by_own_id.get_mut(own_id) else { return };
        match is_accepted {
            true => edits.accepted = Some(place),
            false => edits.ordered[place] = None,
        }
    }

    /// A ledger from a backup does not know what was accepted since.
    pub(crate) fn ledger_is_restored(&mut self) {
        for (own_id, edits) in &mut self.by_own_id {
            edits.accepted = None;
            if edits.ordered.iter().any(Option::is_some) {
                self.lost.insert(own_id.clone());
            }
        }
    }

    /// Whether an edit of `own_id` may be unknown to the ledger: what that handed over went under a key
    /// that nobody knows any more, so that no receiver can tell it from what the ledger hands over now.
    pub(crate) fn may_be_lost(&self, own_id: &str) -> bool {
        self.lost.contains(own_id)
    }

    /// `document` comes of `own_id` under `key`: what is wrong with that, if anything is.
    pub(crate) fn come(
        &mut self,
        own_id: &str,
        key: DeliveryKey,
        document: &Bytes,
    ) -> Option<&'static str> {
        let known = self.by_key.entry(key).or_insert_with(|| document.clone());
        if known != document {
            return Some("another document under a key that was used");
        }
        let edits = self.by_own_id.get(own_id);
        let accepted = edits.and_then(|edits| edits.accepted);
        if *document == portal::document(own_id) {
            return accepted.map(|_| "the document that was submitted, after it was edited");
        }
        let place = edits.and_then(|edits| {
            edits.ordered.iter().position(|ordered| ordered.as_ref() == Some(document))
        });
        match place {
            None => Some("other bytes than receipted or ordered"),
            Some(place) => {
                (Some(place) < accepted).then_some("an edit, after it was edited once more")
            }
        }
    }
}
