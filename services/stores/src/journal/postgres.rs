//! A journal on a PostgreSQL server. One console projects into it: whoever opened it last.

mod flush;
mod read;
mod report;
mod retain;
mod schema;
mod sheet;
mod undecided;
mod watch;
mod write;

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use messaging::{
    CaseId, FailureKind, MessageId, Partition, Result, SenderName, StoredPositions, Timestamp,
};
use tokio::sync::watch::{Receiver, Sender};
use uuid::Uuid;

pub(crate) use self::schema::SCHEMA;
use super::{
    Application, CASE_MESSAGES_MAX, Delivery, Journal, Kind, Overview, Progress, Projection,
    ReplyBody, ReplyInfo, Step, Undecided, UndecidedCursor, UndecidedOf, Whole, advance, asked,
    is_of, stand::WINDOW, state,
};
use crate::{
    age::Age,
    codes,
    pass::Trimmed,
    postgres::{PostgresSettings, Server},
};

/// A journal in a schema of a database. Cheap to clone.
#[derive(Clone)]
pub struct PgJournal(Arc<Inner>);

struct Inner {
    server: Server,
    /// Who we are, among consoles that project.
    writer: Uuid,
    epoch: Uuid,
    progress: Sender<Progress>,
    trimmed_through: AtomicI64,
}

impl PgJournal {
    /// Opens the journal on the server, or makes one; from then on another console that had it open
    /// projects no more.
    ///
    /// # Errors
    /// `Unavailable` if the server cannot be reached (AB-2310) or refuses us (AB-2311); `Defect` if
    /// the schema holds something else (AB-2312), a newer journal (AB-2313), or orders that no register
    /// has taken over.
    pub async fn open(settings: &PostgresSettings) -> Result<Self> {
        let server = Server::open(settings, &SCHEMA).await?;
        let writer = Uuid::new_v4();
        let begin = async |sql: &mut sqlx::PgConnection| {
            sqlx::query("UPDATE meta SET writer = $1").bind(writer).execute(&mut *sql).await?;
            read::progress(sql).await
        };
        let (progress, epoch, trimmed) = server.write(begin).await?;
        Ok(Self(Arc::new(Inner {
            server,
            writer,
            epoch,
            progress: Sender::new(progress),
            trimmed_through: AtomicI64::new(trimmed),
        })))
    }

    async fn read<T>(
        &self,
        work: impl AsyncFnOnce(&mut sqlx::PgConnection) -> sqlx::Result<T>,
    ) -> Result<T> {
        self.0.server.read(work).await
    }

    /// What the server has, once nothing of ours is under way there any more: an answer may have been
    /// lost.
    async fn catch_up(&self) -> Result<()> {
        let work = async |sql: &mut sqlx::PgConnection| {
            let mut sql = sqlx::Connection::begin(sql).await?;
            sqlx::query("SELECT 1 FROM meta FOR UPDATE").execute(&mut *sql).await?;
            let (progress, ..) = read::progress(&mut sql).await?;
            sql.commit().await?;
            Ok(progress)
        };
        let stands = self.0.server.write(work).await?;
        self.0.progress.send_if_modified(|known| {
            // What was projected since it was read is ahead of it.
            let mut positions = known.positions.as_ref().clone();
            for (partition, next) in stands.positions.iter() {
                let known = positions.entry(partition.clone()).or_insert(*next);
                *known = (*known).max(*next);
            }
            let is_newer = known.sequence < stands.sequence || *known.positions != positions;
            known.sequence = known.sequence.max(stands.sequence);
            known.positions = positions.into();
            known.projected_at = known.projected_at.max(stands.projected_at);
            is_newer
        });
        Ok(())
    }

    fn moved(what: String) -> messaging::Failure {
        FailureKind::Defect.because(codes::JOURNAL_MOVED, what)
    }
}

#[async_trait]
impl Journal for PgJournal {
    fn epoch(&self) -> Uuid {
        self.0.epoch
    }

    fn progress(&self) -> Receiver<Progress> {
        self.0.progress.subscribe()
    }

    async fn apply(&self, batches: Vec<Projection>, now: Timestamp) -> Result<Progress> {
        let inner = &*self.0;
        let work = async |sql: &mut _| write::apply(sql, inner.writer, &batches, now).await;
        match inner.server.write(work).await? {
            write::Applied::Yes(sequence) => {
                inner.progress.send_modify(|known| advance(known, &batches, sequence, now));
            }
            write::Applied::Before => {
                self.catch_up().await?;
            }
            write::Applied::Moved(what) => return Err(Self::moved(what)),
        }
        Ok(inner.progress.borrow().clone())
    }

    async fn message(&self, sender: &SenderName, id: MessageId) -> Result<Option<Whole>> {
        self.read(async |sql| {
            let found = read::by_message(sql, id.0).await?.into_iter();
            let mut mine = found.filter(|it| is_of(it, sender) && it.state != state::CONFLICT);
            let mine = mine.next().into_iter().collect();
            Ok(read::whole(sql, mine).await?.pop())
        })
        .await
    }

    async fn case(&self, sender: &SenderName, id: CaseId) -> Result<Vec<Whole>> {
        self.read(async |sql| {
            let found = read::by_case(sql, id.0, CASE_MESSAGES_MAX).await?.into_iter();
            let mine = found.filter(|it| is_of(it, sender) && it.state != state::CONFLICT);
            read::whole(sql, mine.collect()).await
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
        self.read(async |sql| {
            let (state, endpoint) = (state.as_deref(), endpoint.as_deref());
            let found = read::list(sql, before, state, endpoint, rows_max).await?;
            let ids: Vec<i64> = found.iter().map(|application| application.id).collect();
            let mut deliveries = read::deliveries(sql, &ids).await?;
            let with = found.into_iter().map(|application| {
                let of = deliveries.remove(&application.id).unwrap_or_default();
                (application, of)
            });
            Ok(with.collect())
        })
        .await
    }

    async fn search(&self, text: &str, rows_max: u32) -> Result<Vec<Whole>> {
        self.read(async |sql| {
            let found = read::search(sql, text, rows_max).await?;
            read::whole(sql, found).await
        })
        .await
    }

    async fn replies(
        &self,
        of: Vec<i64>,
        after: (i64, i64),
        rows_max: u32,
    ) -> Result<Vec<(i64, ReplyInfo)>> {
        let of: Vec<i64> = of.into_iter().filter(|id| after.0 <= *id).collect();
        self.read(async |sql| {
            let mut found = read::replies(sql, &of, after, i64::from(rows_max)).await?;
            // In the order that was asked for.
            found.sort_by_key(|(id, reply)| (of.iter().position(|asked| asked == id), reply.id));
            found.truncate(rows_max as usize);
            Ok(found)
        })
        .await
    }

    async fn reply(&self, sender: &SenderName, reply_id: &str) -> Result<Option<ReplyBody>> {
        let Some((message, fingerprint)) = asked::reply_of(reply_id) else { return Ok(None) };
        self.read(async |sql| {
            for application in read::by_message(sql, message).await? {
                if is_of(&application, sender)
                    && let Some(body) = read::reply_body(sql, application.id, fingerprint).await?
                {
                    return Ok(Some(body));
                }
            }
            Ok(None)
        })
        .await
    }

    async fn overview(&self) -> Result<Overview> {
        self.read(async |sql| read::overview(sql).await).await
    }

    async fn steps(&self, sender: &SenderName, after: i64) -> Result<(Vec<Step>, i64)> {
        self.read(async |sql| watch::steps(sql, sender.as_str(), after).await).await
    }

    async fn snapshot(
        &self,
        sender: &SenderName,
        after: i64,
        as_of: i64,
    ) -> Result<(Vec<Step>, i64)> {
        let end = as_of.min(after.saturating_add(WINDOW));
        let range = (after + 1, end);
        let steps =
            self.read(async |sql| watch::as_of(sql, sender.as_str(), range, as_of).await).await?;
        Ok((steps, end))
    }

    async fn undecided(
        &self,
        after: Option<UndecidedCursor>,
        of: UndecidedOf,
        rows_max: u32,
    ) -> Result<Vec<Undecided>> {
        self.read(async |sql| undecided::undecided(sql, after, &of, rows_max).await).await
    }

    async fn grow_older(&self, now: Timestamp, step_max: Duration) -> Result<Age> {
        self.read(async |sql| retain::grow_older(sql, now, step_max).await).await
    }

    async fn trim(&self, kind: Kind, keep: Duration, after: i64) -> Result<Trimmed> {
        let step = async |sql: &mut _| retain::trim(sql, kind, keep, after).await;
        let (trimmed, through) = self.0.server.trim(step).await?;
        self.0.trimmed_through.fetch_max(through, Ordering::SeqCst);
        Ok(trimmed)
    }

    fn trimmed_through(&self) -> i64 {
        self.0.trimmed_through.load(Ordering::SeqCst)
    }
}

/// Where to read on.
#[async_trait]
impl StoredPositions for PgJournal {
    async fn next_offset(&self, partition: &Partition) -> Result<Option<u64>> {
        // Whoever begins to read anew may do so since an answer was lost.
        self.catch_up().await?;
        Ok(self.0.progress.borrow().positions.get(partition).copied())
    }
}

impl fmt::Debug for PgJournal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PgJournal").field("epoch", &self.0.epoch).finish_non_exhaustive()
    }
}
