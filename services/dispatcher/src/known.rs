//! Which messages the ledger has admitted: a fingerprint raises suspicion, the full key decides.

use std::collections::{HashMap, hash_map::Entry as Slot};

use messaging::MessageId;
use stores::ledger::MessageRow;

/// Fingerprints of all message ids, 8 bytes each: about 24 MB per million messages.
#[derive(Debug, Default)]
pub(crate) struct Known {
    rows: HashMap<u64, MessageRow>,
    /// Different ids with one fingerprint; about one pair in 10¹³ messages.
    collisions: Vec<(u64, MessageRow)>,
}

impl Known {
    pub(crate) fn new(fingerprints: impl IntoIterator<Item = (u64, MessageRow)>) -> Self {
        let mut known = Self::default();
        for (fingerprint, row) in fingerprints {
            known.add(fingerprint, row);
        }
        known
    }

    pub(crate) fn insert(&mut self, id: MessageId, row: MessageRow) {
        self.add(fingerprint(id), row);
    }

    /// Rows that may be `id`'s.
    pub(crate) fn suspects(&self, id: MessageId) -> impl Iterator<Item = MessageRow> {
        let fingerprint = fingerprint(id);
        let collisions = self.collisions.iter().filter(move |(other, _)| *other == fingerprint);
        self.rows.get(&fingerprint).copied().into_iter().chain(collisions.map(|(_, row)| *row))
    }

    fn add(&mut self, fingerprint: u64, row: MessageRow) {
        match self.rows.entry(fingerprint) {
            Slot::Occupied(_) => self.collisions.push((fingerprint, row)),
            Slot::Vacant(slot) => {
                slot.insert(row);
            }
        }
    }
}

fn fingerprint(id: MessageId) -> u64 {
    let (high, _) = id.0.as_u64_pair();
    high
}
