//! What operators ordered, as the ledger keeps it.

use bytes::Bytes;
use messaging::{CommandId, EndpointName, Position, Sha256, Timestamp};

use super::types::EndpointRow;

/// A command and what was made of it; becomes true together with its effect.
#[derive(Clone, Debug)]
pub struct CommandRow {
    /// Which; admitted once.
    pub id: CommandId,
    /// Where it lay on `control`.
    pub offset: u64,
    /// Of the record's value, to recognise it there again.
    pub sha256: Sha256,
    /// About which endpoint.
    pub endpoint: EndpointName,
    /// The word of what was ordered.
    pub name: String,
    /// When it was issued.
    pub issued_at: Timestamp,
    /// What was made of it.
    pub state: CommandState,
    /// Why it was refused.
    pub code: Option<&'static str>,
    /// The record as one opaque blob; who ordered it and why are nowhere else.
    pub record: Bytes,
}

/// What was made of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommandState {
    /// Done.
    Accepted,
    /// Not done, for good.
    Refused,
    /// Recorded for the endpoint's owner; on a shared ledger only.
    Waiting,
}

impl CommandState {
    /// The word in the store.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Refused => "refused",
            Self::Waiting => "waiting",
        }
    }
}

/// Since when an endpoint is paused, and by which command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PauseRow {
    /// Since when.
    pub at: Timestamp,
    /// By which command.
    pub command: CommandId,
}

/// What the owner of an endpoint made of a command that was recorded before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Obeyed {
    /// Which.
    pub id: CommandId,
    /// Whose owner it was for.
    pub endpoint: EndpointRow,
    /// What was made of it.
    pub state: CommandState,
    /// Why it was refused.
    pub code: Option<&'static str>,
    /// What is kept of it from now on, where that is less than was recorded.
    pub record: Option<Bytes>,
}

/// As they are kept: a channel that was not there has one that holds nothing below it.
pub(super) fn floors_of(ends: &[Position]) -> Vec<(u32, u64)> {
    match ends {
        [] => vec![(0, 0)],
        ends => ends.iter().map(|end| (end.partition.number, end.offset)).collect(),
    }
}
