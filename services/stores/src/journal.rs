//! What the console reads: a projection of the channels, rebuilt from them as far as they reach.
//!
//! Where it is kept is behind the trait: [`SqliteJournal`] in a file of this process, [`PgJournal`] on a
//! PostgreSQL server. Losing it is harmless: it is projected anew. What operators ordered is not in it, but
//! in the register.

mod asked;
#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
mod keys;
mod postgres;
mod project;
mod report;
mod retention;
mod rows;
mod sqlite;
mod stand;
mod state;
mod undecided;

use std::time::Duration;

use async_trait::async_trait;
use messaging::{CaseId, GroupId, MessageId, Result, SenderName, StoredPositions, Timestamp};
use tokio::sync::watch::Receiver;
use uuid::Uuid;

pub use postgres::PgJournal;
pub(crate) use postgres::SCHEMA as PG_SCHEMA;
pub use retention::Kind;
pub use rows::{
    Application, Delivery, EndpointOverview, Entry, Overview, Progress, Projected, Projection,
    ReplyBody, ReplyInfo, Step, Whole,
};
pub use sqlite::SqliteJournal;
pub(crate) use sqlite::with_orders;
pub use undecided::{Undecided, UndecidedCursor, UndecidedOf};

use crate::{age::Age, pass::Trimmed};

/// Entries of a timeline that are shown: the newest.
pub const TIMELINE_MAX: u32 = 1_000;

/// Messages of a case that are told in one answer.
const CASE_MESSAGES_MAX: u32 = 1_000;

/// A journal, and where its reader stands. Every call may answer `Unavailable` (AB-2405), or `Defect`
/// (AB-2404) where the journal contradicts itself.
#[async_trait]
pub trait Journal: StoredPositions {
    /// Random, made with the journal: cursors of another epoch say nothing here.
    fn epoch(&self) -> Uuid;

    /// The group this journal reads channels as.
    fn group(&self) -> GroupId {
        GroupId::new(format!("journal-{}", self.epoch().simple())).expect("hex digits are a slug")
    }

    /// How far the projection has come, and whenever it comes further.
    fn progress(&self) -> Receiver<Progress>;

    /// Projects `batches` in one transaction, durable on return. A dropped call is carried out or
    /// not; the stored position tells.
    ///
    /// # Errors
    /// `Unavailable`: again later. `Defect`: the stored position is not where a batch begins
    /// (AB-2407), or the journal is damaged. Nothing was changed then.
    async fn apply(&self, batches: Vec<Projection>, now: Timestamp) -> Result<Progress>;

    /// The message of this id, if it is `sender`'s.
    ///
    /// # Errors
    /// `Unavailable` or `Defect`.
    async fn message(&self, sender: &SenderName, id: MessageId) -> Result<Option<Whole>>;

    /// The messages of a case in order, if they are `sender`'s; at most 1,000.
    ///
    /// # Errors
    /// `Unavailable` or `Defect`.
    async fn case(&self, sender: &SenderName, id: CaseId) -> Result<Vec<Whole>>;

    /// Applications below number `before`, newest first, in `state` and for `endpoint` if given.
    ///
    /// # Errors
    /// `Unavailable` or `Defect`.
    async fn list(
        &self,
        before: Option<i64>,
        state: Option<String>,
        endpoint: Option<String>,
        rows_max: u32,
    ) -> Result<Vec<(Application, Vec<Delivery>)>>;

    /// What an operator looks for: message id, case id, own id, or the first characters of a
    /// message id or own id. Of all senders, at most `rows_max`.
    ///
    /// # Errors
    /// `Unavailable` or `Defect`.
    async fn search(&self, text: &str, rows_max: u32) -> Result<Vec<Whole>>;

    /// Replies to these messages after number `after`, oldest first within each.
    ///
    /// # Errors
    /// `Unavailable` or `Defect`.
    async fn replies(
        &self,
        of: Vec<i64>,
        after: (i64, i64),
        rows_max: u32,
    ) -> Result<Vec<(i64, ReplyInfo)>>;

    /// A reply to one of `sender`'s messages.
    ///
    /// # Errors
    /// `Unavailable` or `Defect`.
    async fn reply(&self, sender: &SenderName, reply_id: &str) -> Result<Option<ReplyBody>>;

    /// What stands where.
    ///
    /// # Errors
    /// `Unavailable` or `Defect`.
    async fn overview(&self) -> Result<Overview>;

    /// What happened to `sender`'s messages after a sequence number, in order, and how far this
    /// looked: no further than a window, and no further than [`Progress::sequence`].
    ///
    /// # Errors
    /// `Unavailable` or `Defect`.
    async fn steps(&self, sender: &SenderName, after: i64) -> Result<(Vec<Step>, i64)>;

    /// How `sender`'s messages numbered after `after` stood at sequence number `as_of`, and up to
    /// which number this looked.
    ///
    /// # Errors
    /// `Unavailable` or `Defect`.
    async fn snapshot(
        &self,
        sender: &SenderName,
        after: i64,
        as_of: i64,
    ) -> Result<(Vec<Step>, i64)>;

    /// Dead and uncertain deliveries, of the newest application first, behind `after`; of those
    /// that are asked for.
    ///
    /// # Errors
    /// `Unavailable` or `Defect`.
    async fn undecided(
        &self,
        after: Option<UndecidedCursor>,
        of: UndecidedOf,
        rows_max: u32,
    ) -> Result<Vec<Undecided>>;

    /// Lets the journal grow older by at most `step_max`, and says how old it is. Its first call
    /// begins the count. With no step it only looks.
    ///
    /// # Errors
    /// `Unavailable` or `Defect`.
    async fn grow_older(&self, now: Timestamp, step_max: Duration) -> Result<Age>;

    /// Removes what is older than `keep`, of one kind, from `after` on: a bounded number of rows in
    /// one transaction, durable on return.
    ///
    /// Cancel safe: a dropped step is carried out or not, and the next round looks again.
    ///
    /// # Errors
    /// `Unavailable` or `Defect`.
    async fn trim(&self, kind: Kind, keep: Duration, after: i64) -> Result<Trimmed>;

    /// The highest sequence number that went by retention: whoever has read no further than below it
    /// would miss a step, and begins anew. 0 if none went.
    fn trimmed_through(&self) -> i64;
}

fn is_of(application: &Application, sender: &SenderName) -> bool {
    application.sender.as_deref() == Some(sender.as_str())
}

/// `progress` once `batches` are in.
fn advance(progress: &mut Progress, batches: &[Projection], sequence: i64, now: Timestamp) {
    let mut positions = progress.positions.as_ref().clone();
    for batch in batches {
        positions.insert(batch.partition.clone(), batch.next);
    }
    *progress = Progress { sequence, positions: positions.into(), projected_at: Some(now) };
}
