//! A ledger on a PostgreSQL server, which several dispatchers may share.

mod bulk;
mod command;
mod commit;
mod edit;
mod load;
mod numbering;
mod parts;
mod pins;
mod read;
mod restore;
mod retain;
mod schema;
mod share;
mod values;

use std::{collections::HashMap, fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use messaging::{
    ChannelName, ClaimId, CommandId, FailureKind, Partition, Position, Result, StoredPositions,
    Timestamp,
};
use tokio::sync::Mutex;

use super::{
    Claim, Committed, DeliveryId, DoubtfulPin, EditOf, EndpointRow, EndpointSpec, FinalDelivery,
    FollowedMessage, KeptEdit, Kind, LastAdmitted, Ledger, LedgerIdentity, Loaded, Look,
    MessageIdentity, MessageRow, Numbering, Numbers, OpenDelivery, OutboxEntry, Restored,
    Retention, Round, Shared, Standing, Subscription, Switch, Taken, Tenure, Transaction,
    UnroutedMessage, WaitingOrder, Writer,
};
use crate::{
    age::Age,
    codes,
    pass::Trimmed,
    postgres::{PostgresSettings, Server},
};

/// A ledger in a schema of a database; cheap to clone.
#[derive(Clone)]
pub struct PgLedger {
    server: Server,
    identity: Arc<LedgerIdentity>,
    holder: Arc<str>,
    commits: Arc<Mutex<Commits>>,
}

/// The number of the last transaction, and the one whose answer never came.
#[derive(Default)]
struct Commits {
    last: i64,
    unanswered: Option<Arc<Transaction>>,
}

impl PgLedger {
    /// Opens the ledger on the server, or makes one, and begins a new start of it for the dispatcher
    /// that is called `holder`: the same name again is the same dispatcher, restarted.
    ///
    /// # Errors
    /// `Unavailable` if the server cannot be reached (AB-2310) or refuses us (AB-2311); `Defect` if
    /// the schema holds something else (AB-2312) or a newer ledger (AB-2313).
    pub async fn open(settings: &PostgresSettings, holder: &str) -> Result<Self> {
        let server = Server::open(settings, &schema::SCHEMA).await?;
        let begin = async |sql: &mut _| load::begin_start(sql, holder).await;
        let identity = server.write(begin).await?;
        Ok(Self {
            server,
            identity: Arc::new(identity),
            holder: holder.into(),
            commits: Arc::default(),
        })
    }

    /// Begins a new epoch of a ledger whose database was restored by its own means: whatever is not
    /// final in it is uncertain, and whoever worked on it before works on it no more. `at`: now.
    /// Looks for three seconds first whether somebody does.
    ///
    /// Cut short, it has changed nothing, or is done; done twice, it is done.
    ///
    /// # Errors
    /// As [`PgLedger::open`]; `Defect` if a dispatcher works on it (AB-2316), or if no ledger was there
    /// (AB-2317).
    pub async fn restore(settings: &PostgresSettings, at: Timestamp) -> Result<Restored> {
        restore::restore(&Server::open(settings, &schema::SCHEMA).await?, at).await
    }

    /// What the ledger on the server says at this moment of numbers of partitions.
    ///
    /// # Errors
    /// As [`PgLedger::open`].
    pub async fn standing(settings: &PostgresSettings) -> Result<Standing> {
        Server::open(settings, &schema::SCHEMA).await?.read(numbering::standing).await
    }

    /// Looks for three seconds whether a dispatcher works on the ledger.
    ///
    /// # Errors
    /// As [`PgLedger::open`]; `Defect` if one does (AB-2319), or if no ledger was there (AB-2317).
    pub async fn refuse_worked_on(settings: &PostgresSettings) -> Result<()> {
        numbering::refuse_worked_on(&Server::open(settings, &schema::SCHEMA).await?).await
    }

    /// Begins another generation; whoever works on the ledger works on it no more. Durable on return.
    ///
    /// # Errors
    /// As [`PgLedger::open`]; `Defect` (AB-2319) if the ledger stands elsewhere than `wanted` says:
    /// then nothing was recorded.
    pub async fn switch(settings: &PostgresSettings, wanted: &Switch) -> Result<Numbering> {
        numbering::switch(&Server::open(settings, &schema::SCHEMA).await?, wanted).await
    }
}

#[async_trait]
impl Ledger for PgLedger {
    fn identity(&self) -> &LedgerIdentity {
        &self.identity
    }

    fn shared(&self) -> Option<&dyn Shared> {
        Some(self)
    }

    async fn load(&self, endpoints: Vec<EndpointSpec>) -> Result<Loaded> {
        self.server.read(async |sql| load::load(sql, &self.holder, &endpoints).await).await
    }

    async fn commit(&self, transaction: Arc<Transaction>) -> Result<Committed> {
        let mut commits = self.commits.lock().await;
        let is_again =
            commits.unanswered.as_ref().is_some_and(|before| Arc::ptr_eq(before, &transaction));
        if !is_again {
            commits.last += 1;
        }
        let number = commits.last;
        commits.unanswered = Some(Arc::clone(&transaction));
        let writer = self.writer();
        let commit = async |sql: &mut _| commit::commit(sql, writer, number, &transaction).await;
        let guarded = self.server.write(commit).await;
        if !guarded.as_ref().is_err_and(|failure| failure.kind() == FailureKind::Unavailable) {
            commits.unanswered = None;
        }
        match guarded? {
            commit::Guarded::Done(committed) => Ok(committed),
            commit::Guarded::Contradicted(what) => {
                Err(FailureKind::Defect.because(codes::SUPERSEDED, what))
            }
        }
    }

    async fn records(&self, messages: Vec<MessageRow>) -> Result<Vec<(MessageRow, Bytes)>> {
        self.server.read(async |sql| read::records(sql, &messages).await).await
    }

    async fn kept(&self, message: MessageRow) -> Result<Option<(Position, Bytes)>> {
        self.server.read(async |sql| read::kept(sql, message).await).await
    }

    async fn identities(&self, messages: Vec<MessageRow>) -> Result<Vec<MessageIdentity>> {
        self.server.read(async |sql| read::identities(sql, &messages).await).await
    }

    async fn unrouted(&self, after: MessageRow, limit: u32) -> Result<Vec<UnroutedMessage>> {
        self.server.read(async |sql| read::unrouted(sql, after, limit).await).await
    }

    async fn outbox(&self, after: u64, limit: u32) -> Result<Vec<OutboxEntry>> {
        let writer = self.writer();
        self.server.read(async |sql| read::outbox(sql, writer, after, limit).await).await
    }

    async fn last_admitted(&self, partition: &Partition) -> Result<Option<LastAdmitted>> {
        self.server.read(async |sql| read::last_admitted(sql, partition).await).await
    }

    async fn commands_known(&self, commands: Vec<CommandId>) -> Result<HashMap<CommandId, Bytes>> {
        self.server.read(async |sql| command::known(sql, &commands).await).await
    }

    async fn floors(&self, channel: &ChannelName) -> Result<Option<HashMap<u32, u64>>> {
        self.server.read(async |sql| command::floors(sql, channel).await).await
    }

    async fn set_floors(&self, channel: &ChannelName, ends: Vec<Position>) -> Result<()> {
        self.server.read(async |sql| command::set_floors(sql, channel, &ends).await).await
    }

    async fn numbering(&self, configured: u32, at: Timestamp) -> Result<Numbering> {
        self.server.read(async |sql| numbering::numbering(sql, configured, at).await).await
    }

    async fn open_delivery(
        &self,
        endpoint: EndpointRow,
        message: MessageRow,
        named: Option<DeliveryId>,
    ) -> Result<Option<OpenDelivery>> {
        let find = async |sql: &mut _| command::open_delivery(sql, endpoint, message, named).await;
        self.server.read(find).await
    }

    async fn final_delivery(
        &self,
        endpoint: EndpointRow,
        message: MessageRow,
        named: DeliveryId,
    ) -> Result<Option<FinalDelivery>> {
        self.server.read(async |sql| command::over(sql, endpoint, message, named).await).await
    }

    async fn edits(&self, of: Vec<EditOf>) -> Result<HashMap<EditOf, KeptEdit>> {
        self.server.read(async |sql| edit::newest(sql, &of).await).await
    }

    async fn generation_last(&self, endpoint: EndpointRow, message: MessageRow) -> Result<u32> {
        self.server.read(async |sql| edit::generation_last(sql, endpoint, message).await).await
    }

    async fn grow_older(&self, now: Timestamp, step_max: Duration) -> Result<Age> {
        let grow = async |sql: &mut _| retain::grow_older(sql, &self.holder, now, step_max).await;
        self.server.read(grow).await
    }

    async fn trim(&self, kind: Kind, retention: Arc<Retention>, after: i64) -> Result<Trimmed> {
        self.server.trim(async |sql| retain::trim(sql, kind, &retention, after).await).await
    }

    async fn doubtful_pins(&self, is_lifted: bool, limit: u32) -> Result<Vec<DoubtfulPin>> {
        self.server.read(async |sql| pins::doubtful(sql, is_lifted, limit).await).await
    }

    async fn settle_pins(&self, lifted: Vec<ClaimId>, done: Vec<DoubtfulPin>) -> Result<()> {
        self.server.read(async |sql| pins::settle(sql, &lifted, &done).await).await
    }

    /// There is no former version that did not know.
    async fn without_claims(&self, _limit: u32) -> Result<Vec<(MessageRow, Bytes)>> {
        Ok(Vec::new())
    }

    async fn note_claims(&self, _found: Vec<(MessageRow, Vec<ClaimId>)>) -> Result<()> {
        Ok(())
    }
}

#[async_trait]
impl Shared for PgLedger {
    async fn reserve(&self, deliveries: u32, messages: u32, intents: u32) -> Result<Numbers> {
        let wanted = (deliveries, messages, intents);
        self.server.read(async |sql| share::reserve(sql, wanted).await).await
    }

    async fn beat(&self) -> Result<Round> {
        let writer = self.writer();
        self.server.read(async |sql| share::beat(sql, writer).await).await
    }

    async fn look(&self) -> Result<Look> {
        self.server.read(async |sql| share::look(sql).await).await
    }

    async fn claim(&self, claims: Vec<Claim>) -> Result<Vec<Tenure>> {
        let writer = self.writer();
        self.server.read(async |sql| share::claim(sql, writer, &claims).await).await
    }

    async fn release(&self) -> Result<()> {
        let writer = self.writer();
        self.server.read(async |sql| share::release(sql, writer).await).await
    }

    async fn take(&self, endpoints: Vec<EndpointRow>) -> Result<Taken> {
        self.server.read(async |sql| load::take(sql, &endpoints).await).await
    }

    async fn subscriptions(&self) -> Result<(u64, Vec<Subscription>)> {
        self.server.read(async |sql| load::subscriptions(sql).await).await
    }

    async fn follow(
        &self,
        partition: &Partition,
        range: (u64, u64),
        endpoints: Vec<EndpointRow>,
        limit: u32,
    ) -> Result<Vec<FollowedMessage>> {
        let follow =
            async |sql: &mut _| share::follow(sql, partition, range, &endpoints, limit).await;
        self.server.read(follow).await
    }

    async fn waiting_orders(
        &self,
        endpoints: Vec<EndpointRow>,
        limit: u32,
    ) -> Result<Vec<WaitingOrder>> {
        self.server.read(async |sql| command::waiting(sql, &endpoints, limit).await).await
    }

    async fn untold(&self, of: Writer, limit: u32) -> Result<Vec<OutboxEntry>> {
        self.server.read(async |sql| read::outbox(sql, of, 0, limit).await).await
    }

    async fn told(&self, of: Writer, through: u64) -> Result<()> {
        self.server.read(async |sql| share::told(sql, of, through).await).await
    }
}

#[async_trait]
impl StoredPositions for PgLedger {
    async fn next_offset(&self, partition: &Partition) -> Result<Option<u64>> {
        self.server.read(async |sql| read::next_offset(sql, partition).await).await
    }
}

impl fmt::Debug for PgLedger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PgLedger").field("identity", &self.identity).finish_non_exhaustive()
    }
}
