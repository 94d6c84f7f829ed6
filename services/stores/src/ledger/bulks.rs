//! Bulks that operators ordered, as the ledger keeps them: how far each has come.

use bytes::Bytes;
use messaging::{BulkState, CommandId, ItemResult};

use super::types::{DeliveryId, EndpointRow};

/// How a bulk is getting on. Its command's row holds what it is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BulkRow {
    /// Which.
    pub command: CommandId,
    /// Whose deliveries it is about.
    pub endpoint: EndpointRow,
    /// How.
    pub state: BulkState,
}

/// What became of one delivery of a bulk; becomes true together with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BulkItemRow {
    /// Of which bulk.
    pub command: CommandId,
    /// Whose delivery it is.
    pub endpoint: EndpointRow,
    /// Its place in the bulk, from 0.
    pub item: u32,
    /// The delivery that was ordered, if one was: for an order that made a new one, that.
    pub delivery: Option<DeliveryId>,
    /// What.
    pub result: ItemResult,
}

/// A bulk that was not done when the ledger was loaded.
#[derive(Clone, Debug)]
pub struct OpenBulk {
    /// How it was getting on.
    pub row: BulkRow,
    /// Its command, as it lay on `control`.
    pub record: Bytes,
    /// What was recorded of its items, by place.
    pub items: Vec<BulkItemRow>,
}
