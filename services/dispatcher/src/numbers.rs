//! Records that were put where they lie by another number of partitions than this process goes by.
//!
//! Numbers only grow. A greater one is of a generation that this ledger has not begun: what was put there
//! by the present one comes first, so that partition waits for the switch. A smaller one is of a gateway
//! that did not hear of the switch: whether others of its case came before cannot be known, and it is
//! admitted.

use std::{collections::BTreeSet, sync::Arc};

use channels::codec;
use messaging::{Batch, Partition, Record, fault};
use telemetry::readiness::Check;
use tracing::error;

use crate::codes;

/// What was met so far.
#[derive(Debug, Default)]
pub(crate) struct Numbers {
    /// `None`: there is no other number.
    own: Option<u32>,
    /// Each is told once.
    told: BTreeSet<(Partition, u32)>,
    /// Read no further.
    ahead: BTreeSet<Partition>,
}

impl Numbers {
    /// Goes by `own`.
    pub(crate) fn new(own: Option<u32>) -> Self {
        Self { own, ..Self::default() }
    }

    /// Whoever reads begins anew where the ledger stands.
    pub(crate) fn begin_anew(&mut self) {
        self.ahead.clear();
    }

    /// What of `batch` is admitted, if anything is.
    pub(crate) fn admitted(&mut self, mut batch: Batch, ready: &Check) -> Option<Batch> {
        let own = self.own.filter(|_| !fault::is_on("number-ignored"));
        let Some(own) = own else { return Some(batch) };
        if self.ahead.contains(&batch.partition) {
            return None;
        }
        let number_of = |(offset, _, record): &(u64, _, Arc<Record>)| {
            codec::partitions(record).map(|number| (*offset, number))
        };
        let is_ahead = |(_, number): &(u64, u32)| own < *number;
        let ahead =
            batch.records.iter().position(|it| number_of(it).as_ref().is_some_and(is_ahead));
        if let Some((index, (offset, number))) =
            ahead.and_then(|index| Some((index, number_of(batch.records.get(index)?)?)))
        {
            self.wait_for_switch(&batch.partition, offset, number, ready);
            batch.records.truncate(index);
            batch.next = offset;
        }
        for (offset, number) in batch.records.iter().filter_map(number_of) {
            if number < own && self.told.insert((batch.partition.clone(), number)) {
                tell_former(&batch.partition, offset, (number, own));
            }
        }
        (batch.from < batch.next).then_some(batch)
    }

    fn wait_for_switch(&mut self, partition: &Partition, offset: u64, number: u32, ready: &Check) {
        let cause = format!("`{partition}` goes on by {number} partitions from offset {offset} on");
        error!(code = codes::NUMBERED_AHEAD, cause, "a partition waits for a switch");
        ready.not_ready(format!("{}: {cause}", codes::NUMBERED_AHEAD));
        self.ahead.insert(partition.clone());
    }
}

fn tell_former(partition: &Partition, offset: u64, (number, own): (u32, u32)) {
    let code = codes::NUMBERED_BEFORE;
    error!(%partition, offset, number, own, code, "the order of a case is not proven");
}

#[cfg(test)]
mod tests {
    use messaging::{ChannelName, Timestamp};
    use telemetry::Readiness;

    use super::*;

    /// A batch that begins at 7, of records with these numbers.
    fn batch(numbers: &[Option<u32>]) -> Batch {
        let channel = ChannelName::new("application.kfz").unwrap();
        let record = |number: &Option<u32>| {
            let (key, value) = (bytes::Bytes::new(), bytes::Bytes::new());
            let mut record = Record { channel: channel.clone(), key, headers: Vec::new(), value };
            number.inspect(|number| codec::write_partitions(&mut record, *number));
            Arc::new(record)
        };
        let records = (7..).zip(numbers).map(|(offset, it)| (offset, Timestamp(0), record(it)));
        let partition = Partition { channel: channel.clone(), number: 1 };
        Batch { partition, from: 7, next: 7 + numbers.len() as u64, records: records.collect() }
    }

    #[test]
    fn a_greater_number_ends_the_partition_and_a_smaller_one_is_told_once() {
        let ready = Readiness::new();
        let check = ready.add("reader");
        check.ready();
        let mut numbers = Numbers::new(Some(6));
        for (of, expected, told) in [
            (&[None, Some(6)][..], Some((2, 9)), 0),
            (&[Some(3), Some(6), Some(3)], Some((3, 10)), 1),
            (&[Some(3)], Some((1, 8)), 1),
            (&[Some(4)], Some((1, 8)), 2),
            (&[Some(6), Some(9), Some(6)], Some((1, 8)), 2),
            (&[Some(6)], None, 2),
        ] {
            let admitted = numbers.admitted(batch(of), &check);
            let admitted = admitted.map(|batch| (batch.records.len(), batch.next));
            assert_eq!((admitted, numbers.told.len()), (expected, told), "{of:?}");
        }
        numbers.begin_anew();
        assert!(numbers.admitted(batch(&[Some(9)]), &check).is_none());
        assert!(Numbers::new(None).admitted(batch(&[Some(9)]), &check).is_some(), "none counts");
    }
}
