//! The truth about deliveries: what was admitted, what became of it, what is still to be told.
//!
//! Plain functions over a connection do the work; in production one thread per file calls them, a
//! simulation calls them inline. One [`Transaction`] holds everything that must be true together:
//! endings, admissions with the channel's position, the intent of what starts next, and events for
//! the outbox. The schedule lives in the dispatcher's memory and is rebuilt by [`Ledger::load`].

mod command;
mod commit;
mod load;
mod pins;
mod read;
mod retain;
mod schema;
mod types;

use std::{fmt, path::Path, sync::Arc};

use async_trait::async_trait;
use bytes::Bytes;
use messaging::{GroupId, Partition, Position, Result, StoredPositions};
use rusqlite::Connection;

pub use command::{CommandRow, CommandState, PauseRow};
pub use pins::DoubtfulPin;
pub use retain::{Kind, Retention};
pub use types::{
    Admission, AdmittedMessage, AttemptRow, DeliveryId, EndpointRow, EndpointSpec, IntentRow,
    LastAdmitted, LedgerIdentity, Loaded, MessageIdentity, MessageRow, NewDelivery, OpenDelivery,
    OutboxEntry, PartitionBatch, Settlement, Transaction, UnroutedMessage, VerdictKind, VerdictRow,
};

use crate::sqlite::Database;

/// One ledger; cheap to clone.
#[derive(Clone)]
pub struct Ledger {
    database: Database,
    identity: Arc<LedgerIdentity>,
}

impl Ledger {
    /// Opens the ledger in `path`, or makes one, and begins a new start of it.
    ///
    /// # Errors
    /// `Unavailable` (AB-2301) if the file cannot be opened; `Defect` if it is no ledger (AB-2302),
    /// of a newer version (AB-2303) or damaged (AB-2304).
    pub fn open(path: &Path) -> Result<Self> {
        let mut connection = crate::sqlite::open(path, &schema::SCHEMA)?;
        let identity = load::begin_start(&mut connection).map_err(schema::SCHEMA.failure())?;
        Ok(Self {
            database: Database::threaded("ledger", connection, &schema::SCHEMA)?,
            identity: Arc::new(identity),
        })
    }

    /// A ledger whose functions run inline on the caller's thread: for simulation on paused time.
    ///
    /// # Errors
    /// As [`Ledger::open`].
    pub fn open_inline(path: &Path) -> Result<Self> {
        let mut connection = crate::sqlite::open(path, &schema::SCHEMA)?;
        let identity = load::begin_start(&mut connection).map_err(schema::SCHEMA.failure())?;
        let database = Database::inline(connection, &schema::SCHEMA);
        Ok(Self { database, identity: Arc::new(identity) })
    }

    /// Which ledger, which epoch, which start.
    #[must_use]
    pub fn identity(&self) -> &LedgerIdentity {
        &self.identity
    }

    /// Registers `endpoints` and reads everything the schedule is made of.
    ///
    /// Cancel safe: registering twice is registering once.
    ///
    /// # Errors
    /// `Unavailable` (AB-2305), `Defect` (AB-2304).
    pub async fn load(&self, endpoints: Vec<EndpointSpec>) -> Result<Loaded> {
        self.database.call(move |connection| load::load(connection, &endpoints)).await
    }

    /// Commits `transaction` as one; durable on return.
    ///
    /// A dropped commit may or may not have happened: only the process's end may drop it.
    ///
    /// # Errors
    /// `Unavailable` (AB-2305): nothing of it happened, commit the same again. `Defect` (AB-2307):
    /// another dispatcher moved a position or changed the subscriptions; nothing of it happened.
    pub async fn commit(&self, transaction: Arc<Transaction>) -> Result<()> {
        let database = &self.database;
        let moved =
            database.call(move |connection| commit::commit(connection, &transaction)).await?;
        match moved {
            commit::Guarded::Done => Ok(()),
            commit::Guarded::Superseded(what) => {
                Err(messaging::FailureKind::Defect.because(crate::codes::SUPERSEDED, what))
            }
        }
    }

    /// The records of `messages` that are still kept.
    ///
    /// # Errors
    /// As [`Ledger::load`].
    pub async fn records(&self, messages: Vec<MessageRow>) -> Result<Vec<(MessageRow, Bytes)>> {
        self.database.call(move |connection| read::records(connection, &messages)).await
    }

    /// Where `message` lay, and its record, if it is still kept.
    ///
    /// # Errors
    /// As [`Ledger::load`].
    pub async fn kept(&self, message: MessageRow) -> Result<Option<(Position, Bytes)>> {
        self.database.call(move |connection| read::kept(connection, message)).await
    }

    /// Who `messages` are.
    ///
    /// # Errors
    /// As [`Ledger::load`].
    pub async fn identities(&self, messages: Vec<MessageRow>) -> Result<Vec<MessageIdentity>> {
        self.database.call(move |connection| read::identities(connection, &messages)).await
    }

    /// Messages nobody subscribed to, after `after`, at most `limit`, with their records.
    ///
    /// # Errors
    /// As [`Ledger::load`].
    pub async fn unrouted(&self, after: MessageRow, limit: u32) -> Result<Vec<UnroutedMessage>> {
        self.database.call(move |connection| read::unrouted(connection, after, limit)).await
    }

    /// Events not yet told, after `after`, at most `limit`, oldest first.
    ///
    /// # Errors
    /// As [`Ledger::load`].
    pub async fn outbox(&self, after: u64, limit: u32) -> Result<Vec<OutboxEntry>> {
        self.database.call(move |connection| read::outbox(connection, after, limit)).await
    }

    /// The last message admitted from `partition`; `None` before the first.
    ///
    /// # Errors
    /// As [`Ledger::load`].
    pub async fn last_admitted(&self, partition: &Partition) -> Result<Option<LastAdmitted>> {
        let partition = partition.clone();
        self.database.call(move |connection| read::last_admitted(connection, &partition)).await
    }

    /// The ledger's id as a reader of channels.
    #[must_use]
    pub fn group(&self) -> &GroupId {
        &self.identity.id
    }

    /// Runs `work` on the ledger's connection: for tests that look inside.
    ///
    /// # Errors
    /// As [`Ledger::load`].
    pub async fn inspect<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T> {
        self.database.call(work).await
    }
}

#[async_trait]
impl StoredPositions for Ledger {
    async fn next_offset(&self, partition: &Partition) -> Result<Option<u64>> {
        let partition = partition.clone();
        self.database.call(move |connection| read::next_offset(connection, &partition)).await
    }
}

impl fmt::Debug for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ledger").field("identity", &self.identity).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
