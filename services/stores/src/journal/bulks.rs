//! Bulks that operators ordered: how each is getting on, and what became of each of its deliveries.

use std::collections::BTreeMap;

use messaging::{BulkState, ItemResult, Timestamp};
use uuid::Uuid;

/// How a bulk is getting on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BulkOverview {
    /// How many deliveries it is about.
    pub total: u32,
    /// How it is getting on.
    pub state: BulkState,
    /// Since when.
    pub at: Timestamp,
    /// What became of so many, by [`ItemResult::name`]; of the others nothing was told yet.
    pub results: BTreeMap<String, u64>,
}

/// What became of one delivery of a bulk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BulkItem {
    /// Its place, from 0.
    pub item: u32,
    /// Of which message.
    pub message_id: Uuid,
    /// What.
    pub result: ItemResult,
    /// Why it was refused.
    pub code: Option<String>,
    /// When it was told.
    pub at: Timestamp,
}
