//! Documents that go instead of those that came, as the ledger keeps them.

use std::fmt;

use bytes::Bytes;
use messaging::CommandId;

use super::types::{DeliveryId, EndpointRow, MessageRow};

/// A delivery from now on hands over another document, under another key.
#[derive(Clone)]
pub struct EditRow {
    /// Revived with it; its settlement stands in the same transaction.
    pub delivery: DeliveryId,
    /// Bound for.
    pub endpoint: EndpointRow,
    /// Of which message; its own record stays as it is.
    pub message: MessageRow,
    /// What the delivery's generation is from now on: no other delivery of the message there has had it.
    pub generation: u32,
    /// By which command.
    pub command: CommandId,
    /// The record as one opaque blob: the message's head and files, and the new document.
    pub record: Bytes,
}

/// Not the record.
impl fmt::Debug for EditRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EditRow")
            .field("delivery", &self.delivery)
            .field("generation", &self.generation)
            .field("command", &self.command)
            .finish_non_exhaustive()
    }
}

/// What is asked of edits: the newest one that a delivery of this generation hands over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct EditOf {
    /// Bound for.
    pub endpoint: EndpointRow,
    /// Of which message.
    pub message: MessageRow,
    /// Not above this one: what goes under an old key goes as it went then.
    pub generation: u32,
}

/// An edit as it is kept.
#[derive(Clone, PartialEq, Eq)]
pub struct KeptEdit {
    /// See [`EditRow::command`].
    pub command: CommandId,
    /// See [`EditRow::record`].
    pub record: Bytes,
}

/// Not the record.
impl fmt::Debug for KeptEdit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeptEdit").field("command", &self.command).finish_non_exhaustive()
    }
}
