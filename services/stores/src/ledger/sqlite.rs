//! A ledger in a file of this process. Plain functions over a connection do the work; in production
//! one thread calls them, a simulation calls them inline.

mod bulk;
mod command;
mod commit;
mod edit;
mod load;
mod numbering;
mod pins;
mod read;
mod restore;
mod retain;
mod schema;
#[cfg(test)]
mod tests;

use std::{collections::HashMap, fmt, path::Path, sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use messaging::{
    ChannelName, ClaimId, CommandId, Partition, Position, Result, StoredPositions, Timestamp,
};
use rusqlite::Connection;

use super::{
    Backup, Committed, DeliveryId, DoubtfulPin, EditOf, EndpointRow, EndpointSpec, FinalDelivery,
    KeptEdit, Kind, LastAdmitted, Ledger, LedgerIdentity, Loaded, MessageIdentity, MessageRow,
    Numbering, OpenDelivery, OutboxEntry, Restored, Retention, Standing, Switch, Transaction,
    UnroutedMessage, edits, orders, retention, types,
};
use crate::{age::Age, pass::Trimmed, sqlite::Database};

/// A ledger in one file; cheap to clone.
#[derive(Clone)]
pub struct SqliteLedger {
    database: Database,
    identity: Arc<LedgerIdentity>,
}

impl SqliteLedger {
    /// Opens the ledger in `path`, or makes one, and begins a new start of it.
    ///
    /// # Errors
    /// `Unavailable` (AB-2301) if the file cannot be opened; `Defect` if it is no ledger (AB-2302),
    /// of a newer version (AB-2303) or damaged (AB-2304).
    pub fn open(path: &Path) -> Result<Self> {
        let (connection, identity) = begin_start(path)?;
        Ok(Self {
            database: Database::threaded("ledger", connection, &schema::SCHEMA)?,
            identity: Arc::new(identity),
        })
    }

    /// A ledger whose functions run inline on the caller's thread: for simulation on paused time.
    ///
    /// # Errors
    /// As [`SqliteLedger::open`].
    pub fn open_inline(path: &Path) -> Result<Self> {
        let (connection, identity) = begin_start(path)?;
        let database = Database::inline(connection, &schema::SCHEMA);
        Ok(Self { database, identity: Arc::new(identity) })
    }

    /// Writes what the ledger in `path` holds at this moment to the new file `to`, whether a dispatcher
    /// works on it or not.
    ///
    /// # Errors
    /// As [`SqliteLedger::open`] of what is there; `Unavailable` (AB-2308) if `to` cannot be written, or
    /// is there already.
    pub fn back_up(path: &Path, to: &Path) -> Result<Backup> {
        restore::back_up(path, to)
    }

    /// Puts the backup `from` in the place of the ledger in `path`, which nobody may have open, and
    /// begins a new epoch: whatever is not final in it is uncertain. What was there stays beside it.
    /// `at`: now. Both may be the same file, which was put there by other means.
    ///
    /// Cut short, it has changed nothing, or the ledger cannot be opened (AB-2309) until it was run again.
    ///
    /// # Errors
    /// As [`SqliteLedger::open`] of the backup; `Defect` (AB-2315) if it is another ledger's; `Unavailable`
    /// (AB-2308) if a file cannot be written or moved.
    pub fn restore(from: &Path, path: &Path, at: Timestamp) -> Result<Restored> {
        restore::restore(from, path, at)
    }

    /// What the ledger in `path` says at this moment of numbers of partitions.
    ///
    /// # Errors
    /// As [`SqliteLedger::open`]; `Unavailable` (AB-2301) if none is there.
    pub fn standing(path: &Path) -> Result<Standing> {
        numbering::standing(path)
    }

    /// Begins another generation of the ledger in `path`, which nobody may have open; durable on return.
    ///
    /// # Errors
    /// As [`SqliteLedger::standing`]; `Defect` (AB-2319) if the ledger stands elsewhere than `wanted`
    /// says: then nothing was recorded.
    pub fn switch(path: &Path, wanted: &Switch) -> Result<Numbering> {
        numbering::switch(path, wanted)
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

fn begin_start(path: &Path) -> Result<(Connection, LedgerIdentity)> {
    restore::refuse_half_done(path)?;
    let mut connection = crate::sqlite::open(path, &schema::SCHEMA)?;
    let identity = load::begin_start(&mut connection).map_err(schema::SCHEMA.failure())?;
    Ok((connection, identity))
}

#[async_trait]
impl Ledger for SqliteLedger {
    fn identity(&self) -> &LedgerIdentity {
        &self.identity
    }

    async fn load(&self, endpoints: Vec<EndpointSpec>) -> Result<Loaded> {
        self.database.call(move |connection| load::load(connection, &endpoints)).await
    }

    async fn commit(&self, transaction: Arc<Transaction>) -> Result<Committed> {
        let (database, start) = (&self.database, self.identity.start);
        let moved = database
            .call(move |connection| commit::commit(connection, &transaction, start))
            .await?;
        match moved {
            commit::Guarded::Done => Ok(Committed::default()),
            commit::Guarded::Superseded(what) => {
                Err(messaging::FailureKind::Defect.because(crate::codes::SUPERSEDED, what))
            }
        }
    }

    async fn records(&self, messages: Vec<MessageRow>) -> Result<Vec<(MessageRow, Bytes)>> {
        self.database.call(move |connection| read::records(connection, &messages)).await
    }

    async fn kept(&self, message: MessageRow) -> Result<Option<(Position, Bytes)>> {
        self.database.call(move |connection| read::kept(connection, message)).await
    }

    async fn identities(&self, messages: Vec<MessageRow>) -> Result<Vec<MessageIdentity>> {
        self.database.call(move |connection| read::identities(connection, &messages)).await
    }

    async fn unrouted(&self, after: MessageRow, limit: u32) -> Result<Vec<UnroutedMessage>> {
        self.database.call(move |connection| read::unrouted(connection, after, limit)).await
    }

    async fn outbox(&self, after: u64, limit: u32) -> Result<Vec<OutboxEntry>> {
        self.database.call(move |connection| read::outbox(connection, after, limit)).await
    }

    async fn last_admitted(&self, partition: &Partition) -> Result<Option<LastAdmitted>> {
        let partition = partition.clone();
        self.database.call(move |connection| read::last_admitted(connection, &partition)).await
    }

    async fn commands_known(&self, commands: Vec<CommandId>) -> Result<HashMap<CommandId, Bytes>> {
        self.database.call(move |connection| command::known(connection, &commands)).await
    }

    async fn floors(&self, channel: &ChannelName) -> Result<Option<HashMap<u32, u64>>> {
        let channel = channel.clone();
        self.database.call(move |connection| command::floors(connection, &channel)).await
    }

    async fn set_floors(&self, channel: &ChannelName, ends: Vec<Position>) -> Result<()> {
        let channel = channel.clone();
        let set = move |connection: &mut _| command::set_floors(connection, &channel, &ends);
        self.database.call(set).await
    }

    async fn numbering(&self, configured: u32, at: Timestamp) -> Result<Numbering> {
        self.database.call(move |sql| numbering::numbering(sql, configured, at)).await
    }

    async fn open_delivery(
        &self,
        endpoint: EndpointRow,
        message: MessageRow,
        named: Option<DeliveryId>,
    ) -> Result<Option<OpenDelivery>> {
        let find = move |connection: &mut Connection| {
            command::open_delivery(connection, endpoint, message, named)
        };
        self.database.call(find).await
    }

    async fn final_delivery(
        &self,
        endpoint: EndpointRow,
        message: MessageRow,
        named: DeliveryId,
    ) -> Result<Option<FinalDelivery>> {
        let find =
            move |connection: &mut Connection| command::over(connection, endpoint, message, named);
        self.database.call(find).await
    }

    async fn edits(&self, of: Vec<EditOf>) -> Result<HashMap<EditOf, KeptEdit>> {
        self.database.call(move |connection| edit::newest(connection, &of)).await
    }

    async fn generation_last(&self, endpoint: EndpointRow, message: MessageRow) -> Result<u32> {
        let last =
            move |connection: &mut Connection| edit::generation_last(connection, endpoint, message);
        self.database.call(last).await
    }

    async fn grow_older(&self, now: Timestamp, step_max: Duration) -> Result<Age> {
        self.database.call(move |connection| retain::grow_older(connection, now, step_max)).await
    }

    async fn trim(&self, kind: Kind, retention: Arc<Retention>, after: i64) -> Result<Trimmed> {
        let step =
            move |connection: &mut Connection| retain::trim(connection, kind, &retention, after);
        self.database.call(step).await
    }

    async fn doubtful_pins(&self, is_lifted: bool, limit: u32) -> Result<Vec<DoubtfulPin>> {
        self.database.call(move |connection| pins::doubtful(connection, is_lifted, limit)).await
    }

    async fn settle_pins(&self, lifted: Vec<ClaimId>, done: Vec<DoubtfulPin>) -> Result<()> {
        self.database.call(move |connection| pins::settle(connection, &lifted, &done)).await
    }

    async fn without_claims(&self, limit: u32) -> Result<Vec<(MessageRow, Bytes)>> {
        self.database.call(move |connection| pins::without_claims(connection, limit)).await
    }

    async fn note_claims(&self, found: Vec<(MessageRow, Vec<ClaimId>)>) -> Result<()> {
        self.database.call(move |connection| pins::note_claims(connection, &found)).await
    }
}

#[async_trait]
impl StoredPositions for SqliteLedger {
    async fn next_offset(&self, partition: &Partition) -> Result<Option<u64>> {
        let partition = partition.clone();
        self.database.call(move |connection| read::next_offset(connection, &partition)).await
    }
}

impl fmt::Debug for SqliteLedger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteLedger").field("identity", &self.identity).finish_non_exhaustive()
    }
}
