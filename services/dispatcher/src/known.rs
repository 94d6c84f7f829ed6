//! Which messages the ledger has admitted: a fingerprint raises suspicion, the full key decides.

use std::collections::{HashMap, hash_map::Entry as Slot};

use messaging::MessageId;
use stores::ledger::MessageRow;

/// Fingerprints of all message ids, 8 bytes each. Those of the start cost 16 MB per million messages, and no
/// time to speak of; those that came since, some 36 MB.
#[derive(Debug, Default)]
pub(crate) struct Known {
    /// Of the start, in order, so that a start has nothing to build.
    first: Vec<(u64, MessageRow)>,
    /// Since then.
    rows: HashMap<u64, MessageRow>,
    /// Different ids with one fingerprint; about one pair in 10¹³ messages.
    collisions: Vec<(u64, MessageRow)>,
}

impl Known {
    pub(crate) fn new(mut fingerprints: Vec<(u64, MessageRow)>) -> Self {
        fingerprints.sort_unstable();
        fingerprints.shrink_to_fit();
        Self { first: fingerprints, ..Self::default() }
    }

    pub(crate) fn insert(&mut self, id: MessageId, row: MessageRow) {
        self.add(fingerprint(id), row);
    }

    /// Rows that may be `id`'s.
    pub(crate) fn suspects(&self, id: MessageId) -> impl Iterator<Item = MessageRow> {
        let fingerprint = fingerprint(id);
        let is_it = move |(other, _): &&(u64, MessageRow)| *other == fingerprint;
        let from = self.first.partition_point(|(other, _)| *other < fingerprint);
        let first = self.first.get(from..).unwrap_or_default().iter().take_while(is_it);
        let collisions = self.collisions.iter().filter(is_it);
        let others = first.chain(collisions).map(|(_, row)| *row);
        self.rows.get(&fingerprint).copied().into_iter().chain(others)
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

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn id(fingerprint: u64, rest: u64) -> MessageId {
        MessageId(Uuid::from_u64_pair(fingerprint, rest))
    }

    #[test]
    fn whatever_was_admitted_is_suspected_before_and_after_the_start() {
        let first = [(7, 1), (3, 2), (7, 3), (u64::MAX, 4), (0, 5)];
        let first = first.map(|(fingerprint, row)| (fingerprint, MessageRow(row)));
        let mut known = Known::new(first.to_vec());
        known.insert(id(7, 1), MessageRow(6));
        known.insert(id(7, 2), MessageRow(7));
        known.insert(id(9, 1), MessageRow(8));
        for (fingerprint, expected) in [
            (0, vec![5]),
            (1, vec![]),
            (3, vec![2]),
            (7, vec![1, 3, 6, 7]),
            (8, vec![]),
            (9, vec![8]),
            (u64::MAX, vec![4]),
        ] {
            let mut found: Vec<i64> = known.suspects(id(fingerprint, 0)).map(|row| row.0).collect();
            found.sort_unstable();
            assert_eq!(found, expected, "{fingerprint}");
        }
    }
}
