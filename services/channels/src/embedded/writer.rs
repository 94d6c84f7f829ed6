//! The one thread that writes an embedded channel: what waits when it wakes is one transaction and
//! one fsync.

use std::sync::Arc;

use bytes::Bytes;
use messaging::{ChannelName, Clock, GroupId, Partition, Position, Record, Result, Timestamp};
use rusqlite::{Connection, Transaction, TransactionBehavior};
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot, watch};

use super::{
    file::{self, failure},
    state::{Extent, Extents, Progress, Shared},
};

/// Commands in one transaction.
const GROUP_COMMANDS_MAX: usize = 1_024;
/// Bytes of records after which a transaction takes no further command.
const GROUP_BYTES_MAX: usize = 8 << 20;
/// Records removed by one command.
pub(super) const TRIM_RECORDS_MAX: u64 = 1_000;

/// What the writer is asked to do.
#[derive(Debug)]
pub(super) enum Command {
    /// Appends records, each with its encoding.
    Append {
        records: Vec<(Arc<Record>, Bytes)>,
        /// Held until the records are written.
        _room: OwnedSemaphorePermit,
        answer: oneshot::Sender<Result<Vec<Position>>>,
    },
    /// Makes channels and remembers that a group reads them from these positions on, and that no
    /// group it replaces reads anything any more.
    Register {
        group: GroupId,
        stored: Vec<(ChannelName, Option<u64>)>,
        answer: oneshot::Sender<Result<()>>,
    },
    /// Removes up to [`TRIM_RECORDS_MAX`] records.
    Trim { channel: ChannelName, before: Timestamp, answer: oneshot::Sender<Result<u64>> },
    /// Writes and syncs what is there already.
    Probe { answer: oneshot::Sender<Result<()>> },
}

/// What a command came to.
enum Done {
    Appended(Vec<Position>),
    Registered,
    Trimmed(u64),
    Probed,
}

#[derive(Debug)]
pub(super) struct Writer {
    connection: Connection,
    shared: Arc<Shared>,
    clock: Clock,
    /// Counts commits.
    published: watch::Sender<u64>,
}

impl Writer {
    pub(super) fn new(
        connection: Connection,
        shared: Arc<Shared>,
        clock: Clock,
        published: watch::Sender<u64>,
    ) -> Self {
        Self { connection, shared, clock, published }
    }

    /// Works until the last sender is gone and the queue is empty.
    pub(super) fn run(mut self, mut queue: mpsc::Receiver<Command>) {
        let mut group = Vec::new();
        while let Some(first) = queue.blocking_recv() {
            let mut bytes = first.bytes();
            group.push(first);
            while group.len() < GROUP_COMMANDS_MAX && bytes < GROUP_BYTES_MAX {
                let Ok(next) = queue.try_recv() else { break };
                bytes += next.bytes();
                group.push(next);
            }
            self.commit(&mut group);
        }
        // What readers reported last. Without it the next start trims a little less.
        self.commit(&mut group);
    }

    /// Does all of `group` or nothing of it, tells readers, then callers.
    fn commit(&mut self, group: &mut Vec<Command>) {
        let (extents, unsaved) = {
            let state = self.shared.lock();
            (state.extents.clone(), state.unsaved.clone())
        };
        let (groups, registered) = (Vec::new(), Vec::new());
        let mut work = Work { now: self.clock.now(), extents, unsaved, groups, registered };
        match work.transact(&mut self.connection, &self.shared, group) {
            Ok(done) => {
                self.publish(work, group, &done);
                for (command, done) in group.drain(..).zip(done) {
                    command.succeed(done);
                }
            }
            Err(failure) => {
                for command in group.drain(..) {
                    command.fail(failure.clone());
                }
            }
        }
    }

    fn publish(&self, work: Work, group: &[Command], done: &[Done]) {
        let mut state = self.shared.lock();
        state.extents = work.extents;
        for (command, done) in group.iter().zip(done) {
            let (Command::Append { records, .. }, Done::Appended(at)) = (command, done) else {
                continue;
            };
            for ((record, _), position) in records.iter().zip(at) {
                if state.readers(&record.channel).next().is_some() {
                    state.tail.keep(position.offset, work.now, Arc::clone(record));
                }
            }
        }
        // What was reported anew meanwhile stays to be saved.
        state.unsaved.retain(|reader, next| work.unsaved.get(reader) != Some(next));
        for group in &work.groups {
            state.replace(group);
        }
        for (reader, next) in work.registered {
            state.unsaved.remove(&reader);
            state.progress.insert(reader, next);
        }
        drop(state);
        self.published.send_modify(|commits| *commits += 1);
    }
}

/// One transaction and what it changes in memory once it is committed.
struct Work {
    now: Timestamp,
    extents: Extents,
    unsaved: Progress,
    /// Those that registered, in order.
    groups: Vec<GroupId>,
    registered: Vec<((GroupId, ChannelName), u64)>,
}

impl Work {
    fn transact(
        &mut self,
        connection: &mut Connection,
        shared: &Shared,
        group: &[Command],
    ) -> Result<Vec<Done>> {
        let before = self.extents.clone();
        let behavior = TransactionBehavior::Immediate;
        let transaction = connection.transaction_with_behavior(behavior).map_err(failure)?;
        let mut done = Vec::with_capacity(group.len());
        for command in group {
            done.push(match command {
                Command::Append { records, .. } => {
                    Done::Appended(self.append(&transaction, records).map_err(failure)?)
                }
                Command::Register { group, stored, .. } => {
                    self.register(&transaction, group, stored).map_err(failure)?;
                    Done::Registered
                }
                Command::Trim { channel, before, .. } => {
                    let read = shared.lock().read_by_all(channel).unwrap_or(0);
                    Done::Trimmed(self.trim(&transaction, channel, *before, read).map_err(failure)?)
                }
                Command::Probe { .. } => {
                    file::touch(&transaction).map_err(failure)?;
                    Done::Probed
                }
            });
        }
        self.save(&transaction, &before).map_err(failure)?;
        transaction.commit().map_err(failure)?;
        Ok(done)
    }

    fn append(
        &mut self,
        transaction: &Transaction<'_>,
        records: &[(Arc<Record>, Bytes)],
    ) -> rusqlite::Result<Vec<Position>> {
        let mut positions = Vec::with_capacity(records.len());
        for (record, bytes) in records {
            let now = self.now.0;
            let channel = &record.channel;
            let extent = self.make(transaction, channel)?;
            let sql = insert(extent.id);
            let mut statement = transaction.prepare_cached(&sql)?;
            statement.execute((extent.end.cast_signed(), now, bytes.as_ref()))?;
            let partition = Partition { channel: channel.clone(), number: 0 };
            positions.push(Position { partition, offset: extent.end });
            extent.end += 1;
        }
        Ok(positions)
    }

    fn register(
        &mut self,
        transaction: &Transaction<'_>,
        group: &GroupId,
        stored: &[(ChannelName, Option<u64>)],
    ) -> rusqlite::Result<()> {
        self.replace(transaction, group)?;
        for (channel, stored) in stored {
            let Extent { id, start, .. } = *self.make(transaction, channel)?;
            let next = stored.unwrap_or(start);
            let reader = (group.clone(), channel.clone());
            // Its store is the truth: what was reported before it was put back is no longer so.
            self.unsaved.remove(&reader);
            save_progress(transaction, group, id, next)?;
            self.registered.push((reader, next));
        }
        Ok(())
    }

    /// Removes every trace of whom `group` replaces.
    fn replace(&mut self, transaction: &Transaction<'_>, group: &GroupId) -> rusqlite::Result<()> {
        let mut readers = transaction.prepare_cached("SELECT DISTINCT reader FROM progress")?;
        let readers = readers.query_map([], |row| row.get::<_, String>(0))?;
        for reader in readers.collect::<rusqlite::Result<Vec<_>>>()? {
            if GroupId::new(&reader).is_ok_and(|former| group.replaces(&former)) {
                transaction.execute("DELETE FROM progress WHERE reader = ?1", [reader])?;
            }
        }
        self.unsaved.retain(|(former, _), _| !group.replaces(former));
        self.registered.retain(|((former, _), _)| !group.replaces(former));
        self.groups.push(group.clone());
        Ok(())
    }

    fn trim(
        &mut self,
        transaction: &Transaction<'_>,
        channel: &ChannelName,
        before: Timestamp,
        read: u64,
    ) -> rusqlite::Result<u64> {
        let registered = self.registered.iter().filter(|((_, of), _)| of == channel);
        let read = registered.map(|(_, next)| *next).fold(read, u64::min);
        let Some(extent) = self.extents.get_mut(channel) else { return Ok(0) };
        let limit = read.min(extent.end).min(extent.start.saturating_add(TRIM_RECORDS_MAX));
        if limit <= extent.start {
            return Ok(0);
        }
        let id = extent.id;
        let kept: Option<i64> = transaction
            .prepare_cached(&format!(
                "SELECT min(offset) FROM (SELECT offset FROM record_{id} \
                 WHERE offset >= ?1 AND offset < ?2 AND at >= ?3 ORDER BY offset LIMIT 1)"
            ))?
            .query_row((extent.start.cast_signed(), limit.cast_signed(), before.0), |row| {
                row.get(0)
            })?;
        let start = kept.map_or(limit, i64::cast_unsigned);
        transaction
            .prepare_cached(&format!("DELETE FROM record_{id} WHERE offset < ?1"))?
            .execute([start.cast_signed()])?;
        let removed = start - extent.start;
        extent.start = start;
        Ok(removed)
    }

    /// The channel, made if it is not there.
    fn make(
        &mut self,
        transaction: &Transaction<'_>,
        channel: &ChannelName,
    ) -> rusqlite::Result<&mut Extent> {
        if !self.extents.contains_key(channel) {
            transaction.execute(
                "INSERT INTO channel(name, start, next) VALUES (?1, 0, 0)",
                [channel.as_str()],
            )?;
            let id = transaction.last_insert_rowid();
            transaction.execute_batch(&format!(
                "CREATE TABLE record_{id}(offset INTEGER PRIMARY KEY, at INTEGER NOT NULL, \
                 bytes BLOB NOT NULL) STRICT"
            ))?;
            self.extents.insert(channel.clone(), Extent { id, start: 0, end: 0 });
        }
        Ok(self.extents.get_mut(channel).expect("it was just made"))
    }

    fn save(&self, transaction: &Transaction<'_>, before: &Extents) -> rusqlite::Result<()> {
        let mut statement =
            transaction.prepare_cached("UPDATE channel SET start = ?2, next = ?3 WHERE id = ?1")?;
        for (channel, extent) in &self.extents {
            if before.get(channel) != Some(extent) {
                let (start, end) = (extent.start.cast_signed(), extent.end.cast_signed());
                statement.execute((extent.id, start, end))?;
            }
        }
        for ((group, channel), next) in &self.unsaved {
            if let Some(extent) = self.extents.get(channel) {
                save_progress(transaction, group, extent.id, *next)?;
            }
        }
        Ok(())
    }
}

fn insert(id: i64) -> String {
    format!("INSERT INTO record_{id}(offset, at, bytes) VALUES (?1, ?2, ?3)")
}

fn save_progress(
    transaction: &Transaction<'_>,
    group: &GroupId,
    channel: i64,
    next: u64,
) -> rusqlite::Result<()> {
    transaction
        .prepare_cached(
            "INSERT INTO progress(reader, channel, next) VALUES (?1, ?2, ?3) \
             ON CONFLICT(reader, channel) DO UPDATE SET next = excluded.next",
        )?
        .execute((group.as_str(), channel, next.cast_signed()))?;
    Ok(())
}

impl Command {
    fn bytes(&self) -> usize {
        match self {
            Self::Append { records, .. } => records.iter().map(|(_, bytes)| bytes.len()).sum(),
            Self::Register { .. } | Self::Trim { .. } | Self::Probe { .. } => 0,
        }
    }

    /// A caller that has gone does not hear it; the work is done all the same.
    fn succeed(self, done: Done) {
        match (self, done) {
            (Self::Append { answer, .. }, Done::Appended(positions)) => {
                answer.send(Ok(positions)).ok();
            }
            (Self::Register { answer, .. }, Done::Registered) => {
                answer.send(Ok(())).ok();
            }
            (Self::Trim { answer, .. }, Done::Trimmed(removed)) => {
                answer.send(Ok(removed)).ok();
            }
            (Self::Probe { answer }, Done::Probed) => {
                answer.send(Ok(())).ok();
            }
            (
                Self::Append { .. }
                | Self::Register { .. }
                | Self::Trim { .. }
                | Self::Probe { .. },
                _,
            ) => {
                unreachable!("answers come in the order of the commands")
            }
        }
    }

    fn fail(self, failure: messaging::Failure) {
        match self {
            Self::Append { answer, .. } => drop(answer.send(Err(failure))),
            Self::Register { answer, .. } => drop(answer.send(Err(failure))),
            Self::Trim { answer, .. } => drop(answer.send(Err(failure))),
            Self::Probe { answer } => drop(answer.send(Err(failure))),
        }
    }
}
