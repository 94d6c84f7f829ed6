//! What the register gives out: orders and what was answered, bulks and what became of each delivery.

use std::collections::BTreeMap;

use messaging::{BulkState, CommandId, ItemResult, Timestamp};
use uuid::Uuid;

/// One command. Who ordered it and why are people's business: no formatter of a log shows a row.
#[derive(Clone, PartialEq, Eq)]
pub struct CommandRow {
    /// Its place in the list.
    pub number: i64,
    /// Which.
    pub id: CommandId,
    /// About which endpoint.
    pub endpoint: String,
    /// What was ordered; `None` while only the answer was read.
    pub issued: Option<Issued>,
    /// What was answered; `None` until then.
    pub answer: Option<Answer>,
}

/// What an operator said.
#[derive(Clone, PartialEq, Eq)]
pub struct Issued {
    /// When.
    pub at: Timestamp,
    /// Who; not checked by anybody.
    pub operator: String,
    /// The word of what was ordered.
    pub name: String,
    /// About which message.
    pub message_id: Option<Uuid>,
    /// Why.
    pub reason: Option<String>,
}

/// What the endpoint's owner said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// When.
    pub at: Timestamp,
    /// Whether it was done.
    pub is_accepted: bool,
    /// Why not.
    pub code: Option<String>,
    /// A sentence about it.
    pub cause: Option<String>,
}

/// Neither who nor why.
impl std::fmt::Debug for Issued {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Issued")
            .field("at", &self.at)
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// Neither who nor why.
impl std::fmt::Debug for CommandRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CommandRow")
            .field("id", &self.id)
            .field("endpoint", &self.endpoint)
            .field("name", &self.issued.as_ref().map(|issued| &issued.name))
            .field("answer", &self.answer)
            .finish_non_exhaustive()
    }
}

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
