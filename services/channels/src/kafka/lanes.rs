//! What was fetched and not read yet, by partition.

use std::{collections::VecDeque, sync::Arc};

use messaging::{Batch, Partition, Record, Timestamp};

use super::agreement::{Landmark, checksum};
use crate::BATCH_BYTES_MAX;

/// The partitions this reader has, read in turn.
#[derive(Debug, Default)]
pub(super) struct Lanes {
    lanes: Vec<Lane>,
    turn: usize,
}

/// One partition.
#[derive(Debug)]
struct Lane {
    partition: Partition,
    /// The position after the last batch.
    next: u64,
    records: VecDeque<(u64, Timestamp, Arc<Record>)>,
    /// The record fetched last, to be found there again.
    last: Option<Landmark>,
}

impl Lanes {
    /// Begins to read `partition` at `next`.
    pub(super) fn open(&mut self, partition: Partition, next: u64) {
        self.close(&partition);
        self.lanes.push(Lane { partition, next, records: VecDeque::new(), last: None });
    }

    /// Forgets what was fetched of `partition`: its next reader fetches it again.
    pub(super) fn close(&mut self, partition: &Partition) {
        self.lanes.retain(|lane| lane.partition != *partition);
    }

    /// Puts a record to the others of its partition; drops it if the partition is not read here.
    pub(super) fn push(&mut self, partition: &Partition, entry: (u64, Timestamp, Arc<Record>)) {
        let lane = self.lanes.iter_mut().find(|lane| lane.partition == *partition);
        if let Some(lane) = lane.filter(|lane| lane.next <= entry.0) {
            lane.last = Some((entry.0, checksum(&entry.2)));
            lane.records.push_back(entry);
        }
    }

    /// The next batch in turn.
    pub(super) fn pop(&mut self, records_max: usize) -> Option<Batch> {
        let count = self.lanes.len();
        for step in 0..count {
            let at = (self.turn + step) % count;
            let lane = self.lanes.get_mut(at).filter(|lane| !lane.records.is_empty());
            if let Some(lane) = lane {
                self.turn = at + 1;
                return Some(lane.pop(records_max));
            }
        }
        None
    }

    /// Each partition with the position after everything fetched of it.
    pub(super) fn fetched(&self) -> Vec<(Partition, u64)> {
        let fetched = |lane: &Lane| lane.records.back().map_or(lane.next, |(at, ..)| at + 1);
        self.lanes.iter().map(|lane| (lane.partition.clone(), fetched(lane))).collect()
    }

    /// Per partition, the record fetched last.
    pub(super) fn landmarks(&self) -> impl Iterator<Item = (Partition, Landmark)> {
        self.lanes.iter().filter_map(|lane| Some((lane.partition.clone(), lane.last?)))
    }

    /// Whether `partition` is read here.
    pub(super) fn has(&self, partition: &Partition) -> bool {
        self.lanes.iter().any(|lane| lane.partition == *partition)
    }
}

impl Lane {
    fn pop(&mut self, records_max: usize) -> Batch {
        let mut records = Vec::new();
        let mut bytes = 0;
        while records.len() < records_max {
            let Some((_, _, record)) = self.records.front() else { break };
            bytes += record.len();
            if !records.is_empty() && BATCH_BYTES_MAX < bytes {
                break;
            }
            records.extend(self.records.pop_front());
        }
        let from = self.next;
        self.next = records.last().map_or(from, |(offset, ..)| offset + 1);
        Batch { partition: self.partition.clone(), from, next: self.next, records }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use messaging::ChannelName;

    use super::*;

    fn partition(number: u32) -> Partition {
        Partition { channel: ChannelName::status(), number }
    }

    fn entry(offset: u64) -> (u64, Timestamp, Arc<Record>) {
        let record = Record {
            channel: ChannelName::status(),
            key: Bytes::new(),
            headers: Vec::new(),
            value: Bytes::new(),
        };
        (offset, Timestamp(0), Arc::new(record))
    }

    #[test]
    fn batches_join_over_offsets_that_are_not_there() {
        let mut lanes = Lanes::default();
        lanes.open(partition(0), 3);
        for offset in [5, 6, 9] {
            lanes.push(&partition(0), entry(offset));
        }
        let first = lanes.pop(2).unwrap();
        assert_eq!((first.from, first.next, first.records.len()), (3, 7, 2));
        let second = lanes.pop(2).unwrap();
        assert_eq!((second.from, second.next, second.records.len()), (7, 10, 1));
        assert_eq!(lanes.pop(2), None);
    }

    #[test]
    fn partitions_take_turns_and_one_that_was_taken_is_forgotten() {
        let mut lanes = Lanes::default();
        for number in 0..3 {
            lanes.open(partition(number), 0);
            lanes.push(&partition(number), entry(0));
            lanes.push(&partition(number), entry(1));
        }
        lanes.close(&partition(1));
        lanes.push(&partition(1), entry(2));
        let numbers: Vec<u32> =
            std::iter::from_fn(|| lanes.pop(1)).map(|batch| batch.partition.number).collect();
        assert_eq!(numbers, [0, 2, 0, 2]);
        assert!(!lanes.has(&partition(1)));
    }

    #[test]
    fn what_was_read_is_never_read_twice() {
        let mut lanes = Lanes::default();
        lanes.open(partition(0), 4);
        lanes.push(&partition(0), entry(3));
        assert_eq!(lanes.pop(10), None);
        assert_eq!(lanes.fetched(), [(partition(0), 4)]);
    }
}
