//! A message channel in memory: for tests and simulations, where a process is the whole world.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    ops::Range,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use messaging::{
    Channel, ChannelName, Clock, FailureKind, GroupId, Partition, Position, Record, Result,
    StoredPositions, Subscription, Timestamp,
};
use tokio::sync::watch;

use crate::{
    BATCH_BYTES_MAX, CHANNELS_MAX, check_size, codes,
    reader::{Entries, Log, Reader, is_cared_for},
};

/// Keeps everything in memory; a clone is the same channel, as a second connection would be.
#[derive(Clone, Debug)]
pub struct MemoryChannel(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    clock: Clock,
    partitions: u32,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    channels: BTreeMap<ChannelName, Vec<Entry>>,
    progress: HashMap<(GroupId, Partition), u64>,
    /// One for each reader, woken in the order in which they came: a run can be had again.
    readers: Vec<watch::Sender<u64>>,
}

/// One partition's records.
#[derive(Clone, Debug, Default)]
struct Entry {
    start: u64,
    records: VecDeque<(Timestamp, Arc<Record>)>,
}

impl MemoryChannel {
    /// One partition per channel, as the embedded channel has. Reads the time of appending from
    /// `clock`.
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        Self::with_partitions(clock, 1)
    }

    /// `partitions` per channel (at least one), as Kafka has.
    #[must_use]
    pub fn with_partitions(clock: Clock, partitions: u32) -> Self {
        let state = Mutex::default();
        Self(Arc::new(Inner { clock, partitions: partitions.max(1), state }))
    }

    /// The same records in a channel of more partitions, as a topic that was given some.
    #[must_use]
    pub fn grown(&self, partitions: u32) -> Self {
        let grown = Self::with_partitions(self.0.clock.clone(), partitions.max(self.0.partitions));
        for (channel, entries) in &self.0.lock().channels {
            let mut entries = entries.clone();
            entries.resize_with(grown.0.partitions as usize, Entry::default);
            grown.0.lock().channels.insert(channel.clone(), entries);
        }
        grown
    }
}

impl Inner {
    /// No panic leaves the state half changed, so a poisoned lock is as good as any.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn partition_of(&self, key: &[u8]) -> u32 {
        crc32fast::hash(key) % self.partitions
    }
}

impl State {
    fn make(&mut self, channel: &ChannelName, partitions: u32) -> Result<&mut Vec<Entry>> {
        if !self.channels.contains_key(channel) && CHANNELS_MAX <= self.channels.len() {
            let cause = format!("`{channel}` would be one channel more than {CHANNELS_MAX}");
            return Err(FailureKind::Defect.because(codes::TOO_MANY_CHANNELS, cause));
        }
        let make = || (0..partitions).map(|_| Entry::default()).collect();
        Ok(self.channels.entry(channel.clone()).or_insert_with(make))
    }

    fn entry(&self, partition: &Partition) -> Option<&Entry> {
        self.channels.get(&partition.channel)?.get(usize::try_from(partition.number).ok()?)
    }

    /// What every group that reads `partition` has read; `None` if no group does, or none whose
    /// reading is enough.
    fn read_by_all(&self, partition: &Partition) -> Option<u64> {
        let of_it = || self.progress.iter().filter(|((_, of), _)| of == partition);
        is_cared_for(&partition.channel, of_it().map(|((group, _), _)| group))
            .then(|| of_it().map(|(_, next)| *next).min())?
    }
}

impl Entry {
    fn offsets(&self) -> Range<u64> {
        self.start..self.start + self.records.len() as u64
    }

    fn trim(&mut self, before: Timestamp, next_max: u64) -> u64 {
        let first = self.start;
        while self.start < next_max && self.records.front().is_some_and(|(at, _)| *at < before) {
            self.records.pop_front();
            self.start += 1;
        }
        self.start - first
    }
}

#[async_trait]
impl Channel for MemoryChannel {
    fn partitions(&self) -> Option<u32> {
        Some(self.0.partitions).filter(|partitions| 1 < *partitions)
    }

    async fn append(&self, records: Vec<Record>) -> Result<Vec<Position>> {
        check_size(&records)?;
        let now = self.0.clock.now();
        let mut state = self.0.lock();
        // All or nothing: every channel is there before the first record is.
        for record in &records {
            state.make(&record.channel, self.0.partitions)?;
        }
        let mut positions = Vec::with_capacity(records.len());
        for record in records {
            let number = self.0.partition_of(&record.key);
            let channel = record.channel.clone();
            let entries = state.make(&channel, self.0.partitions)?;
            if let Some(entry) = entries.get_mut(number as usize) {
                positions.push(Position {
                    partition: Partition { channel, number },
                    offset: entry.offsets().end,
                });
                entry.records.push_back((now, Arc::new(record)));
            }
        }
        state.readers.retain(|reader| !reader.is_closed());
        state.readers.iter().for_each(|reader| reader.send_modify(|count| *count += 1));
        Ok(positions)
    }

    async fn subscribe(
        &self,
        group: &GroupId,
        channels: &[ChannelName],
        positions: Box<dyn StoredPositions>,
    ) -> Result<Box<dyn Subscription>> {
        self.0.lock().progress.retain(|(former, _), _| !group.replaces(former));
        let mut partitions = Vec::new();
        for channel in channels {
            for number in 0..self.0.partitions {
                let partition = Partition { channel: channel.clone(), number };
                let stored = positions.next_offset(&partition).await?;
                let mut state = self.0.lock();
                state.make(channel, self.0.partitions)?;
                let start = state.entry(&partition).map_or(0, |entry| entry.start);
                let next = stored.unwrap_or(start);
                state.progress.insert((group.clone(), partition.clone()), next);
                partitions.push(partition);
            }
        }
        let (reader, appended) = watch::channel(0);
        self.0.lock().readers.push(reader);
        let log = Arc::clone(&self.0);
        Ok(Box::new(Reader::new(log, group.clone(), partitions, positions, appended)))
    }

    async fn trim(&self, channel: &ChannelName, before: Timestamp) -> Result<u64> {
        let mut state = self.0.lock();
        let mut removed = 0;
        for number in 0..self.0.partitions {
            let partition = Partition { channel: channel.clone(), number };
            let read = state.read_by_all(&partition).unwrap_or(0);
            let entries = state.channels.get_mut(channel).into_iter().flatten();
            let entry = entries.zip(0..).find(|(_, at)| *at == number);
            removed += entry.map_or(0, |(entry, _)| entry.trim(before, read));
        }
        Ok(removed)
    }

    async fn ends(&self, channel: &ChannelName) -> Result<Vec<Position>> {
        let state = self.0.lock();
        let entries = state.channels.get(channel).into_iter().flatten();
        let end = |(entry, number): (&Entry, u32)| Position {
            partition: Partition { channel: channel.clone(), number },
            offset: entry.offsets().end,
        };
        Ok(entries.zip(0..).map(end).collect())
    }
}

#[async_trait]
impl Log for Arc<Inner> {
    fn offsets(&self, partition: &Partition) -> Range<u64> {
        self.lock().entry(partition).map_or(0..0, Entry::offsets)
    }

    async fn read(&self, partition: &Partition, from: u64, records_max: usize) -> Result<Entries> {
        let state = self.lock();
        let mut entries = Entries::new();
        let Some(entry) = state.entry(partition) else { return Ok(entries) };
        let skip = usize::try_from(from.saturating_sub(entry.start)).unwrap_or(usize::MAX);
        let mut bytes = 0;
        for ((at, record), offset) in entry.records.iter().skip(skip).zip(from..) {
            bytes += record.len();
            if entries.len() == records_max || (!entries.is_empty() && BATCH_BYTES_MAX < bytes) {
                break;
            }
            entries.push((offset, *at, Arc::clone(record)));
        }
        Ok(entries)
    }

    fn report(&self, group: &GroupId, partition: &Partition, next: u64) -> Result<()> {
        // Who was replaced counts no more.
        if let Some(known) = self.lock().progress.get_mut(&(group.clone(), partition.clone())) {
            *known = next;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
