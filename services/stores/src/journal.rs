//! What the console reads: a projection of the channels, rebuilt from them as far as they reach.
//!
//! One connection writes, on a thread of its own; a few read, on theirs. Calls beyond the bounded
//! queues wait for a place. Deleting the file is harmless: it is projected anew.

use std::{
    fmt,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicUsize, Ordering},
    },
};

use async_trait::async_trait;
use messaging::{
    CaseId, FailureKind, GroupId, MessageId, Partition, Result, SenderName, StoredPositions,
    Timestamp,
};
use rusqlite::Connection;
use tokio::sync::watch::{Receiver, Sender};
use uuid::Uuid;

use crate::{
    codes,
    sqlite::{self, Database},
};

mod command;
mod keys;
mod read;
mod retain;
mod rows;
mod schema;
mod search;
mod state;
#[cfg(test)]
mod tests;
mod watch;
mod write;

pub use command::{Answer, CommandRow, Issued, Undecided, UndecidedCursor, UndecidedOf};
pub use read::TIMELINE_MAX;
pub use retain::Kind;
pub use rows::{
    Application, Delivery, EndpointOverview, Entry, Overview, Progress, Projected, Projection,
    ReplyBody, ReplyInfo, Step, Whole,
};
use schema::SCHEMA;

/// Connections that read.
const READERS: usize = 2;

/// Messages of a case that are told in one answer.
const CASE_MESSAGES_MAX: u32 = 1_000;

/// The journal. Cheap to clone.
#[derive(Clone)]
pub struct Journal(Arc<Inner>);

struct Inner {
    writer: Database,
    readers: [Database; READERS],
    turn: AtomicUsize,
    epoch: Uuid,
    progress: Arc<Sender<Progress>>,
    trimmed_through: Arc<AtomicI64>,
}

impl Journal {
    /// Opens the journal at `path`, or makes it.
    ///
    /// # Errors
    /// `Defect` if the file is no journal, a newer one or damaged; `Unavailable` if it cannot be
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

    /// Random, made with the file: cursors of another epoch say nothing here.
    #[must_use]
    pub fn epoch(&self) -> Uuid {
        self.0.epoch
    }

    /// The group this journal reads channels as.
    #[must_use]
    pub fn group(&self) -> GroupId {
        group_of(self.0.epoch)
    }

    /// How far the projection has come, and whenever it comes further.
    #[must_use]
    pub fn progress(&self) -> Receiver<Progress> {
        self.0.progress.subscribe()
    }

    /// Projects `batches` in one transaction, durable on return. A dropped call is carried out or
    /// not; the stored position tells.
    ///
    /// # Errors
    /// `Unavailable`: again later. `Defect`: the stored position is not where a batch begins, or
    /// the file is damaged. Nothing was changed then.
    pub async fn apply(&self, batches: Vec<Projection>, now: Timestamp) -> Result<Progress> {
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

    /// The message of this id, if it is `sender`'s.
    ///
    /// # Errors
    /// `Unavailable` or `Defect`.
    pub async fn message(&self, sender: &SenderName, id: MessageId) -> Result<Option<Whole>> {
        let sender = sender.clone();
        self.read(move |connection| {
            let found = read::by_message(connection, id.0)?.into_iter();
            let mut mine = found.filter(|it| is_of(it, &sender) && it.state != state::CONFLICT);
            mine.next().map(|application| read::whole(connection, application)).transpose()
        })
        .await
    }

    /// The messages of a case in order, if they are `sender`'s; at most 1,000.
    ///
    /// # Errors
    /// `Unavailable` or `Defect`.
    pub async fn case(&self, sender: &SenderName, id: CaseId) -> Result<Vec<Whole>> {
        let sender = sender.clone();
        self.read(move |connection| {
            let found = read::by_case(connection, id.0, CASE_MESSAGES_MAX)?.into_iter();
            let mine = found.filter(|it| is_of(it, &sender) && it.state != state::CONFLICT);
            mine.map(|application| read::whole(connection, application)).collect()
        })
        .await
    }

    /// Applications below number `before`, newest first, in `state` and for `endpoint` if given.
    ///
    /// # Errors
    /// `Unavailable` or `Defect`.
    pub async fn list(
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

    /// What an operator looks for: message id, case id, own id, or the first characters of a
    /// message id or own id. Of all senders, at most `rows_max`.
    ///
    /// # Errors
    /// `Unavailable` or `Defect`.
    pub async fn search(&self, text: &str, rows_max: u32) -> Result<Vec<Whole>> {
        let text = text.to_owned();
        self.read(move |connection| {
            let found = search::search(connection, &text, rows_max)?.into_iter();
            found.map(|application| read::whole(connection, application)).collect()
        })
        .await
    }

    /// Replies to these messages after number `after`, oldest first within each.
    ///
    /// # Errors
    /// `Unavailable` or `Defect`.
    pub async fn replies(
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

    /// A reply to one of `sender`'s messages.
    ///
    /// # Errors
    /// `Unavailable` or `Defect`.
    pub async fn reply(&self, sender: &SenderName, reply_id: &str) -> Result<Option<ReplyBody>> {
        let (sender, reply_id) = (sender.clone(), reply_id.to_owned());
        self.read(move |connection| search::reply(connection, &sender, &reply_id)).await
    }

    /// What stands where.
    ///
    /// # Errors
    /// `Unavailable` or `Defect`.
    pub async fn overview(&self) -> Result<Overview> {
        self.read(|connection| read::overview(connection)).await
    }

    /// What happened to `sender`'s messages after a sequence number, in order, and how far this
    /// looked: no further than a window, and no further than [`Progress::sequence`].
    ///
    /// # Errors
    /// `Unavailable` or `Defect`.
    pub async fn steps(&self, sender: &SenderName, after: i64) -> Result<(Vec<Step>, i64)> {
        let sender = sender.clone();
        self.read(move |connection| watch::steps(connection, sender.as_str(), after)).await
    }

    /// How `sender`'s messages numbered after `after` stood at sequence number `as_of`, and up to
    /// which number this looked.
    ///
    /// # Errors
    /// `Unavailable` or `Defect`.
    pub async fn snapshot(
        &self,
        sender: &SenderName,
        after: i64,
        as_of: i64,
    ) -> Result<(Vec<Step>, i64)> {
        let sender = sender.clone();
        self.read(move |connection| {
            let end = as_of.min(after.saturating_add(watch::WINDOW));
            let found = read::of_sender(connection, sender.as_str(), (after + 1, end))?.into_iter();
            let steps = found.map(|application| watch::as_of(connection, application, as_of));
            Ok((steps.collect::<rusqlite::Result<_>>()?, end))
        })
        .await
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

fn group_of(epoch: Uuid) -> GroupId {
    GroupId::new(format!("journal-{}", epoch.simple())).expect("hex digits are a slug")
}

fn is_of(application: &Application, sender: &SenderName) -> bool {
    application.sender.as_deref() == Some(sender.as_str())
}

fn advance(progress: &mut Progress, batches: &[Projection], sequence: i64, now: Timestamp) {
    let mut positions = progress.positions.as_ref().clone();
    for batch in batches {
        positions.insert(batch.partition.clone(), batch.next);
    }
    *progress = Progress { sequence, positions: positions.into(), projected_at: Some(now) };
}

/// Where to read on.
#[async_trait]
impl StoredPositions for Journal {
    async fn next_offset(&self, partition: &Partition) -> Result<Option<u64>> {
        Ok(self.0.progress.borrow().positions.get(partition).copied())
    }
}

impl fmt::Debug for Journal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Journal").field("epoch", &self.0.epoch).finish_non_exhaustive()
    }
}
