//! What readers have handed over and no turn has taken in yet, and how much of it a turn takes in.
//!
//! A slot is free again when its turn is committed, and a commit takes the longer the more it admits. Whoever
//! sends flat out would keep all systems waiting for it, so a turn in which attempts have ended admits in proportion
//! to them, as long as something waits for their slots.

use messaging::Result;
use tokio::sync::mpsc;

use super::{Draft, Engine, Served};
use crate::reader::Prepared;

/// Batches that wait for a turn.
pub(super) const BATCHES_MAX: usize = 4;
/// Records admitted in one turn.
const RECORDS_MAX: usize = 2_000;
/// In one that settles nothing, while something waits for a slot: what ends meanwhile waits for its commit.
const RECORDS_MAX_BESIDE: usize = 500;
/// For each attempt that ended, while something waits for its slot. More than one: a dispatcher that cannot keep up
/// with its channel learns from it what there is to do for systems that are idle.
const RECORDS_PER_ENDING: usize = 2;
/// However few ended.
const RECORDS_MIN: usize = 64;

#[derive(Debug)]
pub(super) struct Inbox {
    arriving: mpsc::Receiver<Prepared>,
    /// What has arrived, or is left of it.
    next: Option<Prepared>,
}

impl Inbox {
    pub(super) fn new(arriving: mpsc::Receiver<Prepared>) -> Self {
        Self { arriving, next: None }
    }

    /// Until there is something to take; `None` when no more comes. Dropping it loses nothing.
    pub(super) async fn arrived(&mut self) -> Option<()> {
        if self.next.is_none() {
            self.next = Some(self.arriving.recv().await?);
        }
        Some(())
    }

    /// At most `count` records of the next batch, if there is one; the others stay next.
    pub(super) fn take(&mut self, count: usize) -> Option<Prepared> {
        let mut batch = self.next.take().or_else(|| self.arriving.try_recv().ok())?;
        self.next = cut(&mut batch, count);
        Some(batch)
    }

    /// No more may come.
    pub(super) fn close(&mut self) {
        self.arriving.close();
    }
}

impl Engine {
    /// After what ended was settled.
    pub(super) async fn admit_what_came(&mut self, draft: &mut Draft) -> Result<()> {
        let is_slot_awaited = self.served.iter().any(Served::awaits_slot);
        let mut room = records_max(is_slot_awaited, draft.transaction.settlements.len());
        while 0 < room
            && let Some(batch) = self.inbox.take(room)
        {
            room = room.saturating_sub(batch.records.len().max(1));
            self.admit(batch, draft).await?;
        }
        Ok(())
    }
}

impl Served {
    /// Whether something could start if there were a slot for it.
    fn awaits_slot(&self) -> bool {
        self.is_open() && self.schedule.has_due(self.ramp.limit())
    }
}

/// How many records a turn takes in that settles `ended` attempts.
fn records_max(is_slot_awaited: bool, ended: usize) -> usize {
    match (is_slot_awaited, ended) {
        (false, _) => RECORDS_MAX,
        (true, 0) => RECORDS_MAX_BESIDE,
        (true, ended) => (ended * RECORDS_PER_ENDING).clamp(RECORDS_MIN, RECORDS_MAX),
    }
}

/// Cuts off what is beyond `count` records, if anything is. Its span stays with what comes last: then all of it is
/// admitted.
fn cut(batch: &mut Prepared, count: usize) -> Option<Prepared> {
    let from = batch.records.get(count)?.offset;
    let rest = Prepared {
        partition: batch.partition.clone(),
        from,
        next: batch.next,
        records: batch.records.split_off(count),
        span: batch.span.take(),
    };
    batch.next = from;
    Some(rest)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use messaging::{ChannelName, Partition, Record};

    use super::*;
    use crate::reader::{Content, PreparedRecord};

    #[test]
    fn a_turn_admits_in_proportion_to_what_waits_for_it() {
        let check = |is_slot_awaited, ended, expected| {
            let records = records_max(is_slot_awaited, ended);
            assert_eq!(records, expected, "{is_slot_awaited} {ended}");
        };
        check(false, 0, 2_000);
        check(false, 128, 2_000);
        check(true, 0, 500);
        check(true, 1, 64);
        check(true, 32, 64);
        check(true, 128, 256);
        check(true, 5_000, 2_000);
    }

    #[tokio::test]
    async fn a_batch_that_is_taken_in_parts_keeps_its_order_and_has_no_gap() {
        let (sender, arriving) = mpsc::channel(BATCHES_MAX);
        // As on a broker, where transactions leave gaps: the last record is 6, and 7 is none.
        sender.send(batch(0, &[0, 1, 2, 5, 6], 8)).await.unwrap();
        sender.send(batch(8, &[8], 9)).await.unwrap();
        let mut inbox = Inbox::new(arriving);
        // It is there until it is taken, however often somebody looks.
        assert!(inbox.arrived().await.is_some() && inbox.arrived().await.is_some());
        let taken: Vec<_> = std::iter::from_fn(|| inbox.take(2)).collect();
        let parts = taken.iter().map(|part| {
            let offsets: Vec<_> = part.records.iter().map(|record| record.offset).collect();
            (part.from, offsets, part.next)
        });
        let expected = [(0, vec![0, 1], 2), (2, vec![2, 5], 6), (6, vec![6], 8), (8, vec![8], 9)];
        assert_eq!(parts.collect::<Vec<_>>(), expected);
        drop(sender);
        assert!(inbox.arrived().await.is_none());
    }

    fn batch(from: u64, offsets: &[u64], next: u64) -> Prepared {
        let partition = Partition { channel: ChannelName::status(), number: 0 };
        let record = |offset: &u64| {
            let (key, value) = (Bytes::new(), Bytes::new());
            let record = Record { channel: ChannelName::status(), key, headers: vec![], value };
            let content = Content::Undecodable(record, String::new());
            PreparedRecord { offset: *offset, bytes: Bytes::new(), content }
        };
        Prepared {
            partition,
            from,
            next,
            records: offsets.iter().map(record).collect(),
            span: None,
        }
    }
}
