//! The claim check: bodies too large for a record are kept beside it and fetched by ticket.

use std::{fmt, pin::Pin};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::Stream;

use crate::{ClaimId, GroupId, Result, SenderName, Sha256, Timestamp};

/// The bytes of a claim in pieces of at most 1 MiB.
pub type ClaimReader = Pin<Box<dyn Stream<Item = Result<Bytes>> + Send>>;

/// Keeps bodies durably.
#[async_trait]
pub trait Claims: fmt::Debug + Send + Sync + 'static {
    /// Begins a claim of `sender`. Nothing is visible before [`ClaimWriter::finish`]; dropping the
    /// writer leaves at most a hidden remainder that [`Claims::sweep`] removes.
    ///
    /// # Errors
    /// `Unavailable`.
    async fn create(&self, sender: &SenderName, now: Timestamp) -> Result<Box<dyn ClaimWriter>>;

    /// Stores a body of `sender` that is in memory as a whole. A store that bounds how many large
    /// bodies it takes at once lets it wait for others of its kind alone: those of
    /// [`Claims::create`] may arrive slowly. Dropping it is dropping the writer.
    ///
    /// # Errors
    /// `Unavailable`.
    async fn keep(&self, sender: &SenderName, body: Bytes, now: Timestamp) -> Result<Ticket> {
        let mut writer = self.create(sender, now).await?;
        writer.write(body).await?;
        writer.finish().await
    }

    /// What is known of a claim; `None` if there is none.
    ///
    /// # Errors
    /// `Unavailable`.
    async fn look_up(&self, claim: ClaimId) -> Result<Option<ClaimInfo>>;

    /// Marks a claim used, durable on return: from now on it lives at least as long as the channel's
    /// retention. Marking again renews that.
    ///
    /// # Errors
    /// `Defect` if it does not exist, `Unavailable`.
    async fn mark_used(&self, claim: ClaimId, now: Timestamp) -> Result<()>;

    /// Keeps a claim alive for a ledger, durable on return. Pinning twice is pinning once.
    ///
    /// # Errors
    /// `Defect` if it does not exist, `Unavailable`.
    async fn pin(&self, claim: ClaimId, ledger: &GroupId) -> Result<()>;

    /// Ends [`Claims::pin`]. Unpinning what is not pinned does nothing.
    ///
    /// # Errors
    /// `Unavailable`.
    async fn unpin(&self, claim: ClaimId, ledger: &GroupId) -> Result<()>;

    /// Reads a claim from its beginning.
    ///
    /// # Errors
    /// `Defect` if it does not exist or its bytes are not those that were written; `Unavailable`.
    /// Errors while reading come in the stream.
    async fn read(&self, claim: ClaimId) -> Result<ClaimReader>;

    /// Removes claims unused since before `unused_before`, used but unpinned ones marked before
    /// `used_before`, and remainders of dropped writers. Returns how many went.
    ///
    /// # Errors
    /// `Unavailable`.
    async fn sweep(&self, unused_before: Timestamp, used_before: Timestamp) -> Result<u64>;
}

/// A claim being written.
#[async_trait]
pub trait ClaimWriter: fmt::Debug + Send {
    /// Adds bytes. Memory stays constant however many.
    ///
    /// # Errors
    /// `Unavailable`, e.g. on a full disk; the writer is of no more use.
    async fn write(&mut self, bytes: Bytes) -> Result<()>;

    /// Makes it durable and visible.
    ///
    /// # Errors
    /// `Unavailable`.
    async fn finish(self: Box<Self>) -> Result<Ticket>;
}

/// Proves that a claim was stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ticket {
    /// Random, unguessable.
    pub claim: ClaimId,
    /// Bytes.
    pub len: u64,
    /// Of the bytes.
    pub sha256: Sha256,
}

/// What is known of a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimInfo {
    /// Id, length, hash.
    pub ticket: Ticket,
    /// Whose ticket it is; nobody else may use it.
    pub sender: SenderName,
    /// When it was begun.
    pub created_at: Timestamp,
    /// When it was last marked used.
    pub used_at: Option<Timestamp>,
}
