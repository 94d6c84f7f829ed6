//! A journal in a file of this process. One connection writes, on a thread of its own; a few read,
//! on theirs. Calls beyond the bounded queues wait for a place.

mod former;
mod read;
mod retain;
mod schema;
mod search;
#[cfg(test)]
mod tests;
mod undecided;
mod watch;
mod write;

use std::{
    fmt,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use messaging::{
    CaseId, FailureKind, MessageId, Partition, Result, SenderName, StoredPositions, Timestamp,
};
use rusqlite::Connection;
use tokio::sync::watch::{Receiver, Sender};
use uuid::Uuid;

pub(crate) use self::former::with_orders;
use self::schema::SCHEMA;
use super::{
    Application, CASE_MESSAGES_MAX, Delivery, Journal, Kind, Overview, Progress, Projection,
    ReplyBody, ReplyInfo, Step, TIMELINE_MAX, Undecided, UndecidedCursor, UndecidedOf, Whole,
    advance, asked, is_of, keys, project, report, rows, stand, state,
};
use crate::{
    age::Age,
    codes,
    pass::Trimmed,
    sqlite::{self, Database},
};

/// Connections that read.
const READERS: usize = 2;

/// A journal in one file. Cheap to clone.
#[derive(Clone)]
pub struct SqliteJournal(Arc<Inner>);

struct Inner {
    writer: Database,
    readers: [Database; READERS],
    turn: AtomicUsize,
    epoch: Uuid,
    progress: Arc<Sender<Progress>>,
    trimmed_through: Arc<AtomicI64>,
}

impl SqliteJournal {
    /// Opens the journal at `path`, or makes it.
    ///
    /// # Errors
    /// `Defect` if the file is no journal, a newer one or damaged, or holds orders that no register has
    /// taken over; `Unavailable` if it cannot be
    /// opened now.
    pub fn open(path: &Path) -> Result<Self> {
        let writer = sqlite::open(path, &SCHEMA)?;
        let epoch = read::epoch(&writer).map_err(SCHEMA.failure())?;
        let progress = read::progress(&writer).map_err(SCHEMA.failure())?;
        let trimmed = retain::trimmed_through(&writer).map_err(SCHEMA.failure())?;
        let reader = || {
            let connection = sqlite::open(path, &SCHEMA)?;
            connection.pragma_update(None, "query_only", true).map_err(SCHEMA.failure())?;
            Database::threaded("journal-reader", connection, &SCHEMA)
        };
        let readers = [reader()?, reader()?];
        Ok(Self(Arc::new(Inner {
            writer: Database::threaded("journal", writer, &SCHEMA)?,
            readers,
            turn: AtomicUsize::new(0),
            epoch,
            progress: Arc::new(Sender::new(progress)),
            trimmed_through: Arc::new(AtomicI64::new(trimmed)),
        })))
    }

    async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T> {
        let turn = self.0.turn.fetch_add(1, Ordering::Relaxed) % READERS;
        let reader = self.0.readers.get(turn).unwrap_or(&self.0.writer);
        reader.call(work).await
    }
}

#[async_trait]
impl Journal for SqliteJournal {
    fn epoch(&self) -> Uuid {
        self.0.epoch
    }

    fn progress(&self) -> Receiver<Progress> {
        self.0.progress.subscribe()
    }

    async fn apply(&self, batches: Vec<Projection>, now: Timestamp) -> Result<Progress> {
        let sender = self.0.progress.clone();
        let outcome = self.0.writer.call(move |connection| {
            let applied = write::apply(connection, &batches, now)?;
            if let write::Applied::Yes(sequence) = applied {
                // Told from here, so that a dropped call cannot keep it a secret.
                sender.send_modify(|progress| advance(progress, &batches, sequence, now));
            }
            Ok(applied)
        });
        match outcome.await? {
            write::Applied::Yes(_) => Ok(self.0.progress.borrow().clone()),
            write::Applied::Moved { partition, from } => {
                let text = format!("the stored position of `{partition}` is not {from}");
                Err(FailureKind::Defect.because(codes::JOURNAL_MOVED, text))
            }
        }
    }

    async fn message(&self, sender: &SenderName, id: MessageId) -> Result<Option<Whole>> {
        let sender = sender.clone();
        self.read(move |connection| {
            let found = read::by_message(connection, id.0)?.into_iter();
            let mut mine = found.filter(|it| is_of(it, &sender) && it.state != state::CONFLICT);
            mine.next().map(|application| read::whole(connection, application)).transpose()
        })
        .await
    }

    async fn case(&self, sender: &SenderName, id: CaseId) -> Result<Vec<Whole>> {
        let sender = sender.clone();
        self.read(move |connection| {
            let found = read::by_case(connection, id.0, CASE_MESSAGES_MAX)?.into_iter();
            let mine = found.filter(|it| is_of(it, &sender) && it.state != state::CONFLICT);
            mine.map(|application| read::whole(connection, application)).collect()
        })
        .await
    }

    async fn list(
        &self,
        before: Option<i64>,
        state: Option<String>,
        endpoint: Option<String>,
        rows_max: u32,
    ) -> Result<Vec<(Application, Vec<Delivery>)>> {
        let before = before.unwrap_or(i64::MAX);
        self.read(move |connection| {
            let (state, endpoint) = (state.as_deref(), endpoint.as_deref());
            let found = read::list(connection, before, state, endpoint, rows_max)?.into_iter();
            let with_deliveries = found.map(|application| {
                let deliveries = read::deliveries(connection, application.id)?;
                Ok((application, deliveries))
            });
            with_deliveries.collect()
        })
        .await
    }

    async fn search(&self, text: &str, rows_max: u32) -> Result<Vec<Whole>> {
        let text = text.to_owned();
        self.read(move |connection| {
            let found = search::search(connection, &text, rows_max)?.into_iter();
            found.map(|application| read::whole(connection, application)).collect()
        })
        .await
    }

    async fn replies(
        &self,
        of: Vec<i64>,
        after: (i64, i64),
        rows_max: u32,
    ) -> Result<Vec<(i64, ReplyInfo)>> {
        self.read(move |connection| {
            let mut found = Vec::new();
            for id in of.into_iter().filter(|id| after.0 <= *id) {
                let after = if id == after.0 { after.1 } else { 0 };
                let left = rows_max - u32::try_from(found.len()).unwrap_or(rows_max);
                let replies = read::replies(connection, id, after, left)?;
                found.extend(replies.into_iter().map(|reply| (id, reply)));
                if rows_max as usize <= found.len() {
                    break;
                }
            }
            Ok(found)
        })
        .await
    }

    async fn reply(&self, sender: &SenderName, reply_id: &str) -> Result<Option<ReplyBody>> {
        let (sender, reply_id) = (sender.clone(), reply_id.to_owned());
        self.read(move |connection| search::reply(connection, &sender, &reply_id)).await
    }

    async fn overview(&self) -> Result<Overview> {
        self.read(|connection| read::overview(connection)).await
    }

    async fn steps(&self, sender: &SenderName, after: i64) -> Result<(Vec<Step>, i64)> {
        let sender = sender.clone();
        self.read(move |connection| watch::steps(connection, sender.as_str(), after)).await
    }

    async fn snapshot(
        &self,
        sender: &SenderName,
        after: i64,
        as_of: i64,
    ) -> Result<(Vec<Step>, i64)> {
        let sender = sender.clone();
        self.read(move |connection| {
            let end = as_of.min(after.saturating_add(stand::WINDOW));
            let found = read::of_sender(connection, sender.as_str(), (after + 1, end))?.into_iter();
            let steps = found.map(|application| watch::as_of(connection, application, as_of));
            Ok((steps.collect::<rusqlite::Result<_>>()?, end))
        })
        .await
    }

    async fn undecided(
        &self,
        after: Option<UndecidedCursor>,
        of: UndecidedOf,
        rows_max: u32,
    ) -> Result<Vec<Undecided>> {
        self.read(move |connection| undecided::undecided(connection, after, &of, rows_max)).await
    }

    async fn grow_older(&self, now: Timestamp, step_max: Duration) -> Result<Age> {
        self.0.writer.call(move |connection| retain::grow_older(connection, now, step_max)).await
    }

    async fn trim(&self, kind: Kind, keep: Duration, after: i64) -> Result<Trimmed> {
        let trimmed_through = self.0.trimmed_through.clone();
        let outcome = self.0.writer.call(move |connection| {
            let (trimmed, through) = retain::trim(connection, kind, keep, after)?;
            // Told from here, so that a dropped call cannot keep it a secret.
            trimmed_through.fetch_max(through, Ordering::SeqCst);
            Ok(trimmed)
        });
        outcome.await
    }

    fn trimmed_through(&self) -> i64 {
        self.0.trimmed_through.load(Ordering::SeqCst)
    }
}

/// Where to read on.
#[async_trait]
impl StoredPositions for SqliteJournal {
    async fn next_offset(&self, partition: &Partition) -> Result<Option<u64>> {
        Ok(self.0.progress.borrow().positions.get(partition).copied())
    }
}

impl fmt::Debug for SqliteJournal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteJournal").field("epoch", &self.0.epoch).finish_non_exhaustive()
    }
}
