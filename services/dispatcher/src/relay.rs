//! Tells the world what was recorded: appends the outbox to its channels, in order.
//!
//! A crash between appending and deleting repeats events; their ids are the same, and readers keep
//! the highest version of a delivery, so a repeat changes nothing.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use channels::{codec, spans};
use messaging::{Channel, Failure, Record, Result, fault};
use stores::ledger::{Ledger, OutboxEntry, Writer};
use telemetry::Check;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::{codes, steward::Estates};

/// Events appended at once, and their bytes; dead letters carry a whole record.
const ENTRIES_MAX: u32 = 500;
/// Bytes of events kept in memory until they are told; what is beyond is read back.
const FRESH_BYTES_MAX: usize = 8 << 20;
const BYTES_MAX: usize = 4 << 20;
/// How long a few events wait for company: an append costs a sync, and nobody waits for them.
const GATHER: Duration = Duration::from_millis(5);
/// So many are worth an append of their own.
const GATHERED: u64 = 100;
const PAUSE_MIN: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(10);
/// Between two looks whether a dispatcher that is gone has left something to tell.
const ESTATES_EVERY: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(crate) struct Relay {
    pub(crate) channel: Arc<dyn Channel>,
    pub(crate) ledger: Arc<dyn Ledger>,
    pub(crate) ready: Check,
    pub(crate) fresh: Fresh,
}

/// What was committed last, so that it need not be read back. The ledger has all of it; this may
/// have less.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fresh(Arc<Mutex<Events>>);

#[derive(Debug, Default)]
struct Events {
    queue: VecDeque<(u64, Record)>,
    bytes: usize,
}

impl Fresh {
    /// Adds what was committed, in order. Where there is no room, the oldest go.
    pub(crate) fn extend(&self, events: Vec<(u64, Record)>) {
        let mut kept = self.lock();
        kept.bytes += events.iter().map(|(_, record)| record.len()).sum::<usize>();
        kept.queue.extend(events);
        while FRESH_BYTES_MAX < kept.bytes && kept.pop().is_some() {}
    }

    /// Takes the events that follow `after` without gap, as many as are appended at once; none if
    /// they have to be read back.
    fn take(&self, after: u64) -> Vec<(u64, Record)> {
        let mut kept = self.lock();
        while kept.queue.front().is_some_and(|(sequence, _)| *sequence <= after) {
            kept.pop();
        }
        let (mut taken, mut bytes) = (Vec::new(), 0);
        while taken.len() < ENTRIES_MAX as usize
            && bytes <= BYTES_MAX
            && kept.queue.front().is_some_and(|(next, _)| *next == after + 1 + taken.len() as u64)
            && let Some(event) = kept.pop()
        {
            bytes += event.1.len();
            taken.push(event);
        }
        taken
    }

    /// No panic leaves it half changed, so a poisoned lock is as good as any.
    fn lock(&self) -> MutexGuard<'_, Events> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Events {
    fn pop(&mut self) -> Option<(u64, Record)> {
        let event = self.queue.pop_front()?;
        self.bytes -= event.1.len();
        Some(event)
    }
}

impl Relay {
    /// Relays until `written` is closed and everything written is told. `written` holds the last
    /// sequence committed, `told` the last one appended.
    pub(crate) async fn run(self, mut written: watch::Receiver<u64>, told: watch::Sender<u64>) {
        let mut after = 0;
        let mut pause = PAUSE_MIN;
        loop {
            let waiting = written.borrow_and_update().saturating_sub(after);
            if 0 < after && (1..GATHERED).contains(&waiting) && written.has_changed().is_ok() {
                tokio::time::sleep(GATHER).await;
            }
            match self.relay_next(after).await {
                Ok(Some(sequence)) => {
                    after = sequence;
                    pause = PAUSE_MIN;
                    told.send_replace(after);
                    self.ready.ready();
                }
                Ok(None) => {
                    if written.changed().await.is_err() {
                        return;
                    }
                }
                Err(failure) => {
                    warn!(code = failure.code(), cause = failure.report(), "events cannot be told");
                    self.ready.not_ready(failure.report());
                    // What is not told now is told at the next start.
                    if written.has_changed().is_err() {
                        return;
                    }
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(PAUSE_MAX);
                }
            }
        }
    }

    async fn relay_next(&self, after: u64) -> Result<Option<u64>> {
        let (sequences, records): (Vec<u64>, Vec<Record>) =
            self.fresh.take(after).into_iter().unzip();
        if let Some(last) = sequences.last()
            && self.append(records).await.is_ok()
        {
            return Ok(Some(*last));
        }
        // What was taken and not told is in the ledger too.
        let mut entries = self.ledger.outbox(after, ENTRIES_MAX).await?;
        entries.truncate(fitting(&entries));
        if entries.is_empty() {
            return Ok(None);
        }
        append_all(&*self.channel, &entries).await.map(Some)
    }

    async fn append(&self, records: Vec<Record>) -> Result<()> {
        append(&*self.channel, records).await
    }
}

async fn append(channel: &dyn Channel, records: Vec<Record>) -> Result<()> {
    let mut sending = spans::sending(channel.system(), &records);
    let appended = channel.append(records).await;
    spans::conclude(&mut sending, &appended);
    appended.map(drop)
}

/// Gives the last sequence that is told.
async fn append_all(channel: &dyn Channel, entries: &[OutboxEntry]) -> Result<u64> {
    let last = entries.last().map_or(0, |entry| entry.sequence);
    let records: Vec<Record> = entries.iter().filter_map(decode).collect();
    if records.is_empty() {
        return Ok(last);
    }
    match append(channel, records).await {
        Err(_) if fault::is_on("told-unappended") => Ok(last),
        Ok(()) => Ok(last),
        Err(failure) if is_about_one(&failure) => append_one_by_one(channel, entries).await,
        Err(failure) => Err(failure),
    }
}

/// One of them cannot be told, and must not keep the others from being told.
async fn append_one_by_one(channel: &dyn Channel, entries: &[OutboxEntry]) -> Result<u64> {
    let mut last = 0;
    for entry in entries {
        if let Some(record) = decode(entry) {
            match append(channel, vec![record]).await {
                Err(failure) if is_about_one(&failure) => {
                    let (code, cause) = (failure.code(), failure.report());
                    error!(code, cause, sequence = entry.sequence, "an event cannot be told");
                }
                appended => appended?,
            }
        }
        last = entry.sequence;
    }
    Ok(last)
}

/// Tells what dispatchers that are gone have left untold. One that was only slow tells it too: a repeat
/// changes nothing.
#[derive(Debug)]
pub(crate) struct Executor {
    pub(crate) channel: Arc<dyn Channel>,
    pub(crate) ledger: Arc<dyn Ledger>,
    pub(crate) estates: Estates,
}

impl Executor {
    /// Works until `shutdown`. Dropping it loses nothing.
    pub(crate) async fn run(self, shutdown: CancellationToken) {
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep(ESTATES_EVERY) => {}
            }
            for writer in self.estates.take() {
                if let Err(failure) = self.settle(writer).await {
                    let (code, cause) = (failure.code(), failure.report());
                    warn!(code, cause, "what another dispatcher left cannot be told now");
                }
            }
        }
    }

    async fn settle(&self, writer: Writer) -> Result<()> {
        let Some(shared) = self.ledger.shared() else { return Ok(()) };
        loop {
            let mut entries = shared.untold(writer, ENTRIES_MAX).await?;
            entries.truncate(fitting(&entries));
            if entries.is_empty() {
                return Ok(());
            }
            let last = append_all(&*self.channel, &entries).await?;
            info!(writer = writer.0, events = entries.len(), "told for another dispatcher");
            shared.told(writer, last).await?;
        }
    }
}

/// Whether the channel takes others. What is wrong with a channel as a whole is waited for: a right
/// that is missing, or another number of partitions, must cost no event.
fn is_about_one(failure: &Failure) -> bool {
    failure.code() == channels::codes::RECORD_TOO_LARGE
}

/// How many of `entries` are appended at once; at least one, if there is one.
fn fitting(entries: &[OutboxEntry]) -> usize {
    let mut bytes = 0;
    let within = entries.iter().take_while(|entry| {
        bytes += entry.record.len();
        bytes <= BYTES_MAX
    });
    within.count().max(1)
}

/// Our own writing; one that cannot be read is damaged and would block all others.
fn decode(entry: &OutboxEntry) -> Option<Record> {
    codec::from_bytes(entry.record.clone())
        .inspect_err(|cause| {
            error!(code = codes::UNDECODABLE, sequence = entry.sequence, %cause, "event is damaged");
        })
        .ok()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use messaging::ChannelName;

    use super::*;

    fn event(sequence: u64, len: usize) -> (u64, Record) {
        let (channel, key) = (ChannelName::status(), Bytes::new());
        let value = Bytes::from(vec![0; len]);
        (sequence, Record { channel, key, headers: Vec::new(), value })
    }

    fn taken(fresh: &Fresh, after: u64) -> Vec<u64> {
        fresh.take(after).into_iter().map(|(sequence, _)| sequence).collect()
    }

    #[test]
    fn only_what_follows_without_gap_is_told_from_memory() {
        let fresh = Fresh::default();
        fresh.extend(vec![event(4, 1), event(5, 1), event(7, 1)]);
        assert_eq!(taken(&fresh, 2), [0; 0], "3 has to be read back first");
        assert_eq!(taken(&fresh, 3), [4, 5]);
        assert_eq!(taken(&fresh, 5), [0; 0], "6 has to be read back first");
        assert_eq!(taken(&fresh, 6), [7]);
    }

    #[test]
    fn what_was_told_otherwise_is_not_told_again() {
        let fresh = Fresh::default();
        fresh.extend(vec![event(1, 1), event(2, 1), event(3, 1)]);
        assert_eq!(taken(&fresh, 2), [3]);
        assert_eq!(fresh.lock().bytes, 0);
    }

    #[test]
    fn memory_is_bounded_and_the_oldest_are_left_to_the_ledger() {
        let fresh = Fresh::default();
        fresh.extend((1..=10).map(|sequence| event(sequence, 1 << 20)).collect());
        assert_eq!(taken(&fresh, 0), [0; 0], "1 and 2 had no room");
        let first = taken(&fresh, 2);
        assert_eq!(first.first(), Some(&3));
        assert!(first.len() < 8, "an append is bounded too: {first:?}");
    }
}
