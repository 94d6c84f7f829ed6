//! A ledger that several dispatchers share.
//!
//! An endpoint is owned by one of them at a time. Each beats: a counter in the ledger that grows while
//! it lives. No clock of anybody else is believed: who has seen a counter stand still for a whole lease
//! on its own monotonic clock may take that dispatcher's endpoints, and only if the counter still is
//! what was seen. A tenure has a fence, which grows with each; what is committed under an old one is
//! dropped, and nothing else with it.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use messaging::{CaseId, CommandId, EndpointName, MessageId, Partition, Result};

use super::{
    DeliveryId, EndpointRow, Ledger, MessageRow, NewDelivery, OpenBulk, OpenDelivery, OutboxEntry,
    PauseRow,
};

/// One start of a dispatcher on a ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Writer(pub u64);

/// An endpoint is this dispatcher's, until another has it under a higher fence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Tenure {
    /// Which.
    pub endpoint: EndpointRow,
    /// Grows whenever the endpoint changes hands.
    pub fence: u64,
}

/// How far a dispatcher's counter had come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Beat {
    /// Whose.
    pub writer: Writer,
    /// Grows while it lives.
    pub count: u64,
}

/// Who owns an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owned {
    /// Which.
    pub endpoint: EndpointRow,
    /// `None`: nobody, as it ended orderly or never was.
    pub owner: Option<Writer>,
    /// Grows whenever it changes hands.
    pub fence: u64,
    /// How long the owner must be seen to stand still before another may take it.
    pub lease: Duration,
}

/// What a beat shows.
#[derive(Clone, Debug, Default)]
pub struct Round {
    /// All dispatchers that are remembered, this one too.
    pub beats: Vec<Beat>,
    /// All endpoints.
    pub owned: Vec<Owned>,
    /// Other writers of which something is left to be told.
    pub untold: Vec<Writer>,
}

/// What has come since it was looked last.
#[derive(Clone, Debug, Default)]
pub struct Look {
    /// Grows when an endpoint comes, goes or changes its interests.
    pub subscriptions_version: u64,
    /// Where each partition stands.
    pub positions: HashMap<Partition, u64>,
    /// Endpoints with commands that wait.
    pub ordered: Vec<EndpointRow>,
}

/// An endpoint to be taken.
#[derive(Clone, Copy, Debug)]
pub struct Claim {
    /// Which.
    pub endpoint: EndpointRow,
    /// The lease under which it is held from then on.
    pub lease: Duration,
    /// The owner that stood still, as it was seen; `None`: it has none.
    pub stands_still: Option<Beat>,
}

/// What the owner of endpoints begins with.
#[derive(Clone, Debug, Default)]
pub struct Taken {
    /// Their deliveries that are not final, by (endpoint, generation, partition, offset).
    pub open: Vec<OpenDelivery>,
    /// Those of them that are uncertain since an earlier owner's last attempt was interrupted.
    pub doubtful: HashSet<DeliveryId>,
    /// Those of them that are uncertain since the ledger was restored; see [`super::Loaded::restored`].
    pub restored: HashSet<DeliveryId>,
    /// Those of them that were never tried; see [`super::Loaded::untried`].
    pub untried: HashSet<DeliveryId>,
    /// What a former owner may have sent and did not settle: delivery and version then.
    pub interrupted: Vec<(DeliveryId, u64)>,
    /// Those that an operator has paused.
    pub paused: HashMap<EndpointRow, PauseRow>,
    /// Bulks about their deliveries that are not done, oldest first.
    pub bulks: Vec<OpenBulk>,
    /// Where each partition stood then: what came before is among the open ones.
    pub positions: HashMap<Partition, u64>,
}

/// What an endpoint of the ledger subscribes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription {
    /// Its row.
    pub endpoint: EndpointRow,
    /// Its name.
    pub name: EndpointName,
    /// As it was registered last; `None`: no dispatcher has it any more.
    pub interests: Option<String>,
}

/// A command that waits for the owner of its endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaitingOrder {
    /// Which.
    pub id: CommandId,
    /// Whose owner it is for.
    pub endpoint: EndpointRow,
    /// As it was read.
    pub record: Bytes,
    /// Whether it lay before where this epoch of the ledger began: who recorded it may have had it
    /// carried out after the backup.
    pub is_past: bool,
}

/// A message that was admitted, by whichever dispatcher.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FollowedMessage {
    /// Its row.
    pub row: MessageRow,
    /// Where it lay.
    pub offset: u64,
    /// Its id.
    pub message_id: MessageId,
    /// Its case.
    pub case_id: CaseId,
    /// Its deliveries to the endpoints asked for.
    pub deliveries: Vec<NewDelivery>,
}

/// Numbers nobody else has: from, and behind the last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Numbers {
    /// Of deliveries.
    pub deliveries: (i64, i64),
    /// Of messages.
    pub messages: (i64, i64),
    /// Of intents.
    pub intents: (i64, i64),
}

/// What several dispatchers need of a ledger they share. Every call may answer `Unavailable`; then
/// nothing of it happened, or it is harmless to do it again.
#[async_trait]
pub trait Shared: Ledger {
    /// Who this dispatcher is.
    fn writer(&self) -> Writer {
        Writer(self.identity().start)
    }

    /// Numbers for so many deliveries, messages and intents.
    ///
    /// # Errors
    /// `Unavailable`.
    async fn reserve(&self, deliveries: u32, messages: u32, intents: u32) -> Result<Numbers>;

    /// Lets the own counter grow, and shows how the others stand.
    ///
    /// # Errors
    /// `Unavailable`.
    async fn beat(&self) -> Result<Round>;

    /// What there is to follow; cheap.
    ///
    /// # Errors
    /// `Unavailable`.
    async fn look(&self) -> Result<Look>;

    /// Takes those of `claims` that are as they were seen. What another is taking is left to it.
    ///
    /// # Errors
    /// `Unavailable`; what was taken all the same is told by [`Shared::beat`], and taken again.
    async fn claim(&self, claims: Vec<Claim>) -> Result<Vec<Tenure>>;

    /// Gives back all that this dispatcher owns, at its orderly end.
    ///
    /// # Errors
    /// `Unavailable`; then they are taken once the counter has stood still.
    async fn release(&self) -> Result<()>;

    /// What the owner of `endpoints` begins with.
    ///
    /// # Errors
    /// `Unavailable`.
    async fn take(&self, endpoints: Vec<EndpointRow>) -> Result<Taken>;

    /// All endpoints of the ledger, and the version of their subscriptions.
    ///
    /// # Errors
    /// `Unavailable`.
    async fn subscriptions(&self) -> Result<(u64, Vec<Subscription>)>;

    /// Messages of `partition` at offsets from `from` and below `until`, at most `limit`, in order,
    /// with their deliveries to `endpoints`.
    ///
    /// # Errors
    /// `Unavailable`.
    async fn follow(
        &self,
        partition: &Partition,
        (from, until): (u64, u64),
        endpoints: Vec<EndpointRow>,
        limit: u32,
    ) -> Result<Vec<FollowedMessage>>;

    /// Commands that wait for the owner of one of `endpoints`, in the order they were recorded.
    ///
    /// # Errors
    /// `Unavailable`.
    async fn waiting_orders(
        &self,
        endpoints: Vec<EndpointRow>,
        limit: u32,
    ) -> Result<Vec<WaitingOrder>>;

    /// Events `of` a writer that are not told yet, oldest first.
    ///
    /// # Errors
    /// `Unavailable`.
    async fn untold(&self, of: Writer, limit: u32) -> Result<Vec<OutboxEntry>>;

    /// Forgets those of its events up to `through`.
    ///
    /// # Errors
    /// `Unavailable`.
    async fn told(&self, of: Writer, through: u64) -> Result<()>;
}
