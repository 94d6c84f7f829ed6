//! A message channel in one SQLite file: one thread writes, and all appends that wait for it share
//! one fsync.

#![allow(clippy::result_large_err, reason = "SQLite's errors are mapped where they leave the file")]

mod file;
mod state;
mod tail;
mod wal;
mod writer;

use std::{
    ops::Range,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    thread::JoinHandle,
};

use async_trait::async_trait;
use messaging::{
    Channel, ChannelName, Clock, Failure, FailureKind, GroupId, Partition, Position, Record,
    Result, StoredPositions, Subscription, Timestamp,
};
use rusqlite::Connection;
use tokio::sync::{Semaphore, mpsc, oneshot, watch};

pub use self::file::DirectoryLock;
use crate::{
    BATCH_BYTES_MAX, CHANNELS_MAX, check_size, codec, codes,
    embedded::{
        file::failure,
        state::Shared,
        writer::{Command, Writer},
    },
    reader::{Entries, Log, Reader, closed, contradiction},
};

/// Commands waiting for the writer; callers beyond wait for a place.
const QUEUE_MAX: usize = 1_024;
/// KiB of records waiting for the writer; callers beyond wait for room.
const QUEUE_KIB_MAX: u32 = 64 << 10;

/// When an append counts as done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// When the disk has it. The only choice for data.
    Full,
    /// When the operating system has it: **loses receipted applications at a power cut**. There so
    /// that tests can show that they notice.
    OffForTests,
}

/// Keeps everything in `channel.sqlite` in a data directory that no other process may use.
///
/// One ledger and one journal read it. When one of them is made anew, the new one takes the place
/// of the former, which would keep everything for ever otherwise.
///
/// Dropping it waits for the writer to finish what it was given; subscriptions then end.
#[derive(Debug)]
pub struct EmbeddedChannel {
    shared: Arc<Shared>,
    /// `None` only while dropping.
    commands: Option<mpsc::Sender<Command>>,
    room: Arc<Semaphore>,
    appended: watch::Receiver<u64>,
    writer: Option<JoinHandle<()>>,
    /// Last, so that the directory is free only when the file is closed.
    _lock: DirectoryLock,
}

impl EmbeddedChannel {
    /// Opens the channel in directory `dir`, or makes both. Blocks; meant for the start.
    ///
    /// # Errors
    /// `Unavailable`: the directory cannot be used now. `Defect`: another process uses it, or the
    /// file is damaged, of a newer version or none of ours. Nothing is changed then.
    pub fn open(dir: &Path, clock: Clock) -> Result<Arc<Self>> {
        Self::open_with(dir, clock, Durability::Full)
    }

    /// As [`EmbeddedChannel::open`], with another durability, for tests.
    ///
    /// # Errors
    /// As [`EmbeddedChannel::open`].
    pub fn open_with(dir: &Path, clock: Clock, durability: Durability) -> Result<Arc<Self>> {
        let lock = DirectoryLock::take(dir)?;
        let connection = file::open(dir, durability, lock.was_unclean())?;
        let shared = Arc::new(Shared::new(dir.join(file::NAME), file::load(&connection)?));
        let (commands, queue) = mpsc::channel(QUEUE_MAX);
        let (published, appended) = watch::channel(0);
        let writer = Writer::new(connection, Arc::clone(&shared), clock, published);
        let writer = std::thread::Builder::new()
            .name("channel-writer".to_owned())
            .spawn(move || writer.run(queue))
            .map_err(|error| FailureKind::Unavailable.because(codes::FILE_UNAVAILABLE, error))?;
        Ok(Arc::new(Self {
            shared,
            commands: Some(commands),
            room: Arc::new(Semaphore::new(QUEUE_KIB_MAX as usize)),
            appended,
            writer: Some(writer),
            _lock: lock,
        }))
    }

    /// The channels in the file that carry applications, in order, whoever reads them.
    #[must_use]
    pub fn application_channels(&self) -> Vec<ChannelName> {
        self.shared.application_channels()
    }

    /// Gives the writer a command and waits for the answer. A dropped call is still carried out.
    async fn call<T>(
        &self,
        command: impl FnOnce(oneshot::Sender<Result<T>>) -> Command,
    ) -> Result<T> {
        let (answer, answered) = oneshot::channel();
        let commands = self.commands.as_ref().ok_or_else(closed)?;
        commands.send(command(answer)).await.map_err(|_| closed())?;
        answered.await.map_err(|_| closed())?
    }

    fn check_channels<'a>(&self, names: impl Iterator<Item = &'a ChannelName>) -> Result<()> {
        match self.shared.one_too_many(names, CHANNELS_MAX) {
            None => Ok(()),
            Some(channel) => {
                let cause = format!("`{channel}` would be one channel more than {CHANNELS_MAX}");
                Err(FailureKind::Defect.because(codes::TOO_MANY_CHANNELS, cause))
            }
        }
    }
}

impl Drop for EmbeddedChannel {
    fn drop(&mut self) {
        self.commands = None;
        if let Some(writer) = self.writer.take() {
            // A panic in there was told by the default hook and to every caller.
            writer.join().ok();
        }
    }
}

#[async_trait]
impl Channel for EmbeddedChannel {
    async fn append(&self, records: Vec<Record>) -> Result<Vec<Position>> {
        check_size(&records)?;
        self.check_channels(records.iter().map(|record| &record.channel))?;
        let bytes: usize = records.iter().map(Record::len).sum();
        let kib = u32::try_from(bytes / 1024 + 1).unwrap_or(u32::MAX).min(QUEUE_KIB_MAX);
        let room = Arc::clone(&self.room).acquire_many_owned(kib).await.map_err(|_| closed())?;
        let records = records.into_iter().map(|record| {
            let blob = codec::to_bytes(&record);
            (Arc::new(record), blob)
        });
        let records = records.collect();
        self.call(|answer| Command::Append { records, _room: room, answer }).await
    }

    async fn subscribe(
        &self,
        group: &GroupId,
        channels: &[ChannelName],
        positions: Box<dyn StoredPositions>,
    ) -> Result<Box<dyn Subscription>> {
        self.check_channels(channels.iter())?;
        let mut partitions = Vec::with_capacity(channels.len());
        let mut stored = Vec::with_capacity(channels.len());
        for channel in channels {
            let partition = Partition { channel: channel.clone(), number: 0 };
            stored.push((channel.clone(), positions.next_offset(&partition).await?));
            partitions.push(partition);
        }
        let reader = group.clone();
        self.call(|answer| Command::Register { group: reader, stored, answer }).await?;
        let connection = file::open_reader(self.shared.path())?;
        let connection = Arc::new(Mutex::new(connection));
        let tap = Tap { shared: Arc::clone(&self.shared), connection };
        let appended = self.appended.clone();
        Ok(Box::new(Reader::new(tap, group.clone(), partitions, positions, appended)))
    }

    async fn trim(&self, channel: &ChannelName, before: Timestamp) -> Result<u64> {
        let mut removed = 0;
        loop {
            let channel = channel.clone();
            // In portions, so that appends need not wait for a whole day to be removed.
            let some = self.call(|answer| Command::Trim { channel, before, answer }).await?;
            removed += some;
            if some < writer::TRIM_RECORDS_MAX {
                return Ok(removed);
            }
        }
    }

    async fn ends(&self, channel: &ChannelName) -> Result<Vec<Position>> {
        let partition = Partition { channel: channel.clone(), number: 0 };
        let end = self.shared.offsets(channel).map(|offsets| offsets.end);
        Ok(end.map(|offset| Position { partition, offset }).into_iter().collect())
    }

    async fn probe(&self) -> Result<()> {
        self.call(|answer| Command::Probe { answer }).await
    }
}

/// A subscription's own connection to the file.
#[derive(Debug)]
struct Tap {
    shared: Arc<Shared>,
    connection: Arc<Mutex<Connection>>,
}

#[async_trait]
impl Log for Tap {
    fn offsets(&self, partition: &Partition) -> Range<u64> {
        // A foreign partition number can only come from a foreign ledger: nothing is there.
        let offsets = self.shared.offsets(&partition.channel).filter(|_| partition.number == 0);
        offsets.unwrap_or(0..0)
    }

    async fn read(&self, partition: &Partition, from: u64, records_max: usize) -> Result<Entries> {
        if let Some(entries) = self.shared.lock().tail.read(&partition.channel, from, records_max) {
            return Ok(entries);
        }
        let channel = partition.channel.clone();
        let Some(id) = self.shared.id(&channel) else { return Ok(Entries::new()) };
        let connection = Arc::clone(&self.connection);
        // Reads are short and change nothing: one that nobody waits for any more does no harm.
        let read = tokio::task::spawn_blocking(move || {
            let connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
            read(&connection, id, &channel, from, records_max)
        });
        let entries = read
            .await
            .map_err(|error| FailureKind::Unavailable.because(codes::FILE_UNAVAILABLE, error))??;
        if entries.is_empty() {
            let offsets = self.offsets(partition);
            return Err(if from < offsets.start {
                contradiction(partition, from, &offsets)
            } else {
                missing(&partition.channel, from)
            });
        }
        Ok(entries)
    }

    fn report(&self, group: &GroupId, partition: &Partition, next: u64) -> Result<()> {
        self.shared.report(group, &partition.channel, next);
        Ok(())
    }
}

/// Reads until the first record that is not as it should be; that one is told when it is the first.
fn read(
    connection: &Connection,
    id: i64,
    channel: &ChannelName,
    from: u64,
    records_max: usize,
) -> Result<Entries> {
    let sql = format!(
        "SELECT offset, at, bytes FROM record_{id} WHERE offset >= ?1 ORDER BY offset LIMIT ?2"
    );
    let mut statement = connection.prepare_cached(&sql).map_err(failure)?;
    let limit = i64::try_from(records_max).unwrap_or(i64::MAX);
    let mut rows = statement.query((from.cast_signed(), limit)).map_err(failure)?;
    let mut entries = Entries::new();
    let mut bytes_total = 0;
    for expected in from.. {
        let row = match rows.next() {
            Ok(Some(row)) => row,
            Ok(None) => break,
            Err(_) if !entries.is_empty() => break,
            Err(error) => return Err(failure(error)),
        };
        match entry(row, channel, expected) {
            Ok(entry) => {
                bytes_total += entry.2.len();
                if !entries.is_empty() && BATCH_BYTES_MAX < bytes_total {
                    break;
                }
                entries.push(entry);
            }
            Err(_) if !entries.is_empty() => break,
            Err(failure) => return Err(failure),
        }
    }
    Ok(entries)
}

fn entry(
    row: &rusqlite::Row<'_>,
    channel: &ChannelName,
    expected: u64,
) -> Result<(u64, Timestamp, Arc<Record>)> {
    let offset = row.get::<_, i64>(0).map_err(failure)?.cast_unsigned();
    if offset != expected {
        return Err(missing(channel, expected));
    }
    let damaged = |why: Box<dyn std::error::Error + Send + Sync>| {
        let cause = format!("`{channel}` offset {offset}: {why}");
        FailureKind::Defect.because(codes::RECORD_DAMAGED, cause)
    };
    let at = Timestamp(row.get(1).map_err(failure)?);
    let bytes = row.get_ref(2).map_err(failure)?.as_blob().map_err(|e| damaged(e.into()))?;
    let bytes = bytes::Bytes::copy_from_slice(bytes);
    let record = codec::from_bytes(bytes).map_err(|error| damaged(error.into()))?;
    if record.channel != *channel {
        return Err(damaged("the record belongs to another channel".into()));
    }
    Ok((offset, at, Arc::new(record)))
}

fn missing(channel: &ChannelName, offset: u64) -> Failure {
    let cause = format!("`{channel}` offset {offset} is missing in the file");
    FailureKind::Defect.because(codes::RECORD_DAMAGED, cause)
}

#[cfg(test)]
mod tests;
