//! What the console alone remembers: who ordered what, when and why, and what became of it.
//!
//! It is told on the channels and recorded from there, but the channels forget it long before anybody
//! may. So it is no projection that is made anew: it is backed up, and stays when the journal goes.
//! Where it is kept is behind the trait: [`SqliteRegister`] in a file of this process, [`PgRegister`] on
//! a PostgreSQL server.

#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
mod postgres;
mod rows;
mod sqlite;
mod told;

use std::{fmt, time::Duration};

use async_trait::async_trait;
use messaging::{CommandId, EndpointName, Result, Timestamp};

pub use postgres::PgRegister;
pub use rows::{Answer, BulkItem, BulkOverview, CommandRow, Issued};
pub use sqlite::SqliteRegister;
pub use told::{Answered, BulkTold, ItemTold, Told};

use crate::{age::Age, pass::Trimmed};

/// A register. It has no position in any channel: what is recorded twice is there once, so whoever reads
/// the channels records first and moves on then, and may read all of it again. Every call may answer
/// `Unavailable` (AB-2415), or `Defect` (AB-2414) where the register contradicts itself.
#[async_trait]
pub trait Register: fmt::Debug + Send + Sync + 'static {
    /// Records `told` in one transaction, durable on return. What comes in another order, or again,
    /// ends the same. A dropped call is carried out or not, and can be repeated.
    ///
    /// # Errors
    /// `Unavailable`: again later. `Defect`: the register is damaged. Nothing was changed then, or
    /// all of it, where only the answer was lost.
    async fn record(&self, told: Vec<Told>) -> Result<()>;

    /// The command of this id.
    ///
    /// # Errors
    /// `Unavailable` or `Defect`.
    async fn command(&self, id: CommandId) -> Result<Option<CommandRow>>;

    /// Commands below number `before`, newest first, about `endpoint` if given; at most `rows_max`.
    ///
    /// # Errors
    /// `Unavailable` or `Defect`.
    async fn commands(
        &self,
        before: Option<i64>,
        endpoint: Option<EndpointName>,
        rows_max: u32,
    ) -> Result<Vec<CommandRow>>;

    /// How the bulk called so is getting on; `None` before its dispatcher has told.
    ///
    /// # Errors
    /// `Unavailable` or `Defect`.
    async fn bulk(&self, command: CommandId) -> Result<Option<BulkOverview>>;

    /// What became of a bulk's deliveries, by place, behind place `after`; at most `rows_max`.
    ///
    /// # Errors
    /// `Unavailable` or `Defect`.
    async fn bulk_items(
        &self,
        command: CommandId,
        after: Option<u32>,
        rows_max: u32,
    ) -> Result<Vec<BulkItem>>;

    /// Lets the register grow older by at most `step_max`, and says how old it is. Its first call
    /// begins the count. With no step it only looks.
    ///
    /// # Errors
    /// `Unavailable` or `Defect`.
    async fn grow_older(&self, now: Timestamp, step_max: Duration) -> Result<Age>;

    /// Removes commands that were answered and are older than `keep`, with what their bulks came to,
    /// from number `after` on: a bounded number of rows in one transaction, durable on return. What
    /// nobody has answered stays.
    ///
    /// Cancel safe: a dropped step is carried out or not, and the next round looks again.
    ///
    /// # Errors
    /// `Unavailable` or `Defect`.
    async fn trim(&self, keep: Duration, after: i64) -> Result<Trimmed>;
}
