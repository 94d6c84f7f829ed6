//! The real ledger, slow and away now and then: a dispatcher can die before and after every write.

use std::{collections::HashMap, sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use messaging::{
    ChannelName, ClaimId, CommandId, Partition, Position, Record, Result, StoredPositions,
    Timestamp,
};
use stores::{
    Age,
    ledger::{
        Committed, DeliveryId, DoubtfulPin, EditOf, EndpointRow, EndpointSpec, FinalDelivery,
        KeptEdit, Kind, LastAdmitted, Ledger, LedgerIdentity, Loaded, MessageIdentity, MessageRow,
        Numbering, OpenDelivery, OutboxEntry, Retention, SqliteLedger, Transaction,
        UnroutedMessage,
    },
    pass::Trimmed,
};

use super::weather::Weather;

const AWAY: &str = "AB-2305";
const SLOW: Duration = Duration::from_millis(50);
const VERY_SLOW: Duration = Duration::from_millis(900);

#[derive(Debug)]
pub(crate) struct SlowLedger {
    pub(crate) real: SqliteLedger,
    pub(crate) weather: Weather,
}

/// `self.real.call(…)` behind a bad connection.
macro_rules! through {
    ($self:ident . $call:ident ( $($argument:expr),* )) => {{
        $self.weather.may_be_away(60, AWAY)?;
        let slow = if $self.weather.strikes(8) { VERY_SLOW } else { SLOW };
        $self.weather.takes(slow).await;
        let answer = $self.real.$call($($argument),*).await?;
        $self.weather.takes(SLOW).await;
        Ok(answer)
    }};
}

#[async_trait]
impl StoredPositions for SlowLedger {
    async fn next_offset(&self, partition: &Partition) -> Result<Option<u64>> {
        through!(self.next_offset(partition))
    }

    async fn last_offset(&self, partition: &Partition) -> Result<Option<u64>> {
        through!(self.last_offset(partition))
    }

    async fn is_known(&self, position: &Position, record: &Record) -> Result<bool> {
        through!(self.is_known(position, record))
    }
}

#[async_trait]
impl Ledger for SlowLedger {
    fn identity(&self) -> &LedgerIdentity {
        self.real.identity()
    }

    async fn load(&self, endpoints: Vec<EndpointSpec>) -> Result<Loaded> {
        through!(self.load(endpoints))
    }

    async fn commit(&self, transaction: Arc<Transaction>) -> Result<Committed> {
        through!(self.commit(transaction))
    }

    async fn records(&self, messages: Vec<MessageRow>) -> Result<Vec<(MessageRow, Bytes)>> {
        through!(self.records(messages))
    }

    async fn kept(&self, message: MessageRow) -> Result<Option<(Position, Bytes)>> {
        through!(self.kept(message))
    }

    async fn identities(&self, messages: Vec<MessageRow>) -> Result<Vec<MessageIdentity>> {
        through!(self.identities(messages))
    }

    async fn unrouted(&self, after: MessageRow, limit: u32) -> Result<Vec<UnroutedMessage>> {
        through!(self.unrouted(after, limit))
    }

    async fn outbox(&self, after: u64, limit: u32) -> Result<Vec<OutboxEntry>> {
        through!(self.outbox(after, limit))
    }

    async fn last_admitted(&self, partition: &Partition) -> Result<Option<LastAdmitted>> {
        through!(self.last_admitted(partition))
    }

    async fn commands_known(&self, commands: Vec<CommandId>) -> Result<HashMap<CommandId, Bytes>> {
        through!(self.commands_known(commands))
    }

    async fn floors(&self, channel: &ChannelName) -> Result<Option<HashMap<u32, u64>>> {
        through!(self.floors(channel))
    }

    async fn set_floors(&self, channel: &ChannelName, ends: Vec<Position>) -> Result<()> {
        through!(self.set_floors(channel, ends))
    }

    async fn numbering(&self, configured: u32, at: Timestamp) -> Result<Numbering> {
        through!(self.numbering(configured, at))
    }

    async fn open_delivery(
        &self,
        endpoint: EndpointRow,
        message: MessageRow,
        named: Option<DeliveryId>,
    ) -> Result<Option<OpenDelivery>> {
        through!(self.open_delivery(endpoint, message, named))
    }

    async fn final_delivery(
        &self,
        endpoint: EndpointRow,
        message: MessageRow,
        named: DeliveryId,
    ) -> Result<Option<FinalDelivery>> {
        through!(self.final_delivery(endpoint, message, named))
    }

    async fn edits(&self, of: Vec<EditOf>) -> Result<HashMap<EditOf, KeptEdit>> {
        through!(self.edits(of))
    }

    async fn generation_last(&self, endpoint: EndpointRow, message: MessageRow) -> Result<u32> {
        through!(self.generation_last(endpoint, message))
    }

    async fn grow_older(&self, now: Timestamp, step_max: Duration) -> Result<Age> {
        through!(self.grow_older(now, step_max))
    }

    async fn trim(&self, kind: Kind, retention: Arc<Retention>, after: i64) -> Result<Trimmed> {
        through!(self.trim(kind, retention, after))
    }

    async fn doubtful_pins(&self, is_lifted: bool, limit: u32) -> Result<Vec<DoubtfulPin>> {
        through!(self.doubtful_pins(is_lifted, limit))
    }

    async fn settle_pins(&self, lifted: Vec<ClaimId>, done: Vec<DoubtfulPin>) -> Result<()> {
        through!(self.settle_pins(lifted, done))
    }

    async fn without_claims(&self, limit: u32) -> Result<Vec<(MessageRow, Bytes)>> {
        through!(self.without_claims(limit))
    }

    async fn note_claims(&self, found: Vec<(MessageRow, Vec<ClaimId>)>) -> Result<()> {
        through!(self.note_claims(found))
    }
}
