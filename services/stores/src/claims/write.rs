//! Writing a claim in parts, hashing on the way.

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use messaging::{ClaimId, ClaimWriter, FailureKind, Result, SenderName, Sha256, Ticket, Timestamp};
use object_store::PutMode;
use sha2::{Digest as _, Sha256 as Hasher};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

use super::{
    Description, json, names,
    store::{Kind, Store, Upload},
};
use crate::codes;

/// Bytes of a body held in memory per claim being written. A hundred at once are some 50 MiB.
const PART_BYTES: usize = 256 << 10;
/// S3 takes no smaller parts, but for the last.
const S3_PART_BYTES: usize = 5 << 20;
/// Claims that may hold a part of S3 at once while their bytes arrive, at the pace of whoever sends
/// them: 60 MiB. All others hold [`PART_BYTES`].
const LARGE_UPLOADS_MAX: usize = 12;
/// The same for bodies that are in memory already, which wait for S3 alone: 20 MiB more.
const LARGE_BODIES_MAX: usize = 4;
/// How long one waits to be among them.
const LARGE_WAIT_MAX: Duration = Duration::from_secs(20);
/// After which time a portal should ask again if it waited in vain.
const LARGE_RETRY: Duration = Duration::from_secs(10);

/// The places of those that hold a part of S3: a body in memory never waits for a slow client.
#[derive(Clone, Debug)]
pub(super) struct Places {
    pub(super) uploads: Arc<Semaphore>,
    pub(super) bodies: Arc<Semaphore>,
}

impl Default for Places {
    fn default() -> Self {
        Self {
            uploads: Arc::new(Semaphore::new(LARGE_UPLOADS_MAX)),
            bodies: Arc::new(Semaphore::new(LARGE_BODIES_MAX)),
        }
    }
}

pub(super) struct Writer {
    store: Store,
    claim: ClaimId,
    sender: SenderName,
    created_at: Timestamp,
    part: BytesMut,
    len: u64,
    hasher: Hasher,
    /// `None` until the first part is full: a small body is one request.
    upload: Option<Upload>,
    large: Arc<Semaphore>,
    /// Kept until the body is written.
    is_large: Option<OwnedSemaphorePermit>,
}

impl Writer {
    pub(super) fn new(
        store: Store,
        large: Arc<Semaphore>,
        claim: ClaimId,
        sender: SenderName,
        created_at: Timestamp,
    ) -> Self {
        let (part, hasher) = (BytesMut::new(), Hasher::new());
        let (upload, is_large) = (None, None);
        Self { store, claim, sender, created_at, part, len: 0, hasher, upload, large, is_large }
    }

    /// How long the part at hand may become.
    fn part_bytes(&self) -> usize {
        match (self.store.kind(), &self.is_large) {
            (Kind::S3(_), Some(_)) => S3_PART_BYTES,
            _ => PART_BYTES,
        }
    }

    /// What follows a full part: on S3 a longer one, once; else it is written.
    async fn make_room(&mut self) -> Result<()> {
        if matches!(self.store.kind(), Kind::S3(_)) && self.is_large.is_none() {
            self.is_large = Some(turn(Arc::clone(&self.large)).await?);
            return Ok(());
        }
        self.put_part().await
    }

    async fn put_part(&mut self) -> Result<()> {
        let body = names::body(self.claim);
        if self.upload.is_none() {
            let upload = self.store.begin(&body).await?;
            if let Upload::Parts(id, _) = &upload {
                self.note(id).await?;
            }
            self.upload = Some(upload);
        }
        let part = self.part.split().freeze();
        match &mut self.upload {
            Some(upload) => self.store.add(&body, upload, part).await,
            None => Ok(()),
        }
    }

    /// A killed writer leaves parts that no list of objects shows; a sweep finds this.
    async fn note(&mut self, id: &str) -> Result<()> {
        let note = Bytes::from(id.to_owned());
        let noted = self.store.put(&names::upload(self.claim), note, PutMode::Overwrite).await;
        if noted.is_err()
            && let Err(failure) = self.store.abort(&names::body(self.claim), id.to_owned()).await
        {
            let code = failure.code();
            tracing::warn!(
                code,
                "an upload without a note stays until a rule of its bucket ends it"
            );
        }
        noted.map(drop)
    }

    async fn put_body(&mut self) -> Result<()> {
        let body = names::body(self.claim);
        if self.upload.is_some() && !self.part.is_empty() {
            self.put_part().await?;
        }
        match self.upload.take() {
            Some(upload) => self.store.complete(&body, upload).await,
            None => {
                let whole = self.part.split().freeze();
                self.store.put(&body, whole, PutMode::Overwrite).await.map(drop)
            }
        }
    }
}

#[async_trait]
impl ClaimWriter for Writer {
    async fn write(&mut self, mut bytes: Bytes) -> Result<()> {
        while !bytes.is_empty() {
            if self.part.len() == self.part_bytes() {
                self.make_room().await?;
            }
            let room = self.part_bytes() - self.part.len();
            let some = bytes.split_to(room.min(bytes.len()));
            self.hasher.update(&some);
            self.len += some.len() as u64;
            // A large part in one go: growing by doubling would take more than it needs.
            self.part.reserve(if self.is_large.is_some() { room } else { some.len() });
            // Copied: a slice could keep a much larger buffer of the network's alive.
            self.part.extend_from_slice(&some);
        }
        Ok(())
    }

    async fn finish(mut self: Box<Self>) -> Result<Ticket> {
        let has_parts = matches!(self.upload, Some(Upload::Parts(..)));
        self.put_body().await?;
        let sha256 = Sha256(self.hasher.finalize_reset().into());
        let description = Description {
            sender: self.sender.to_string(),
            created_at: self.created_at.0,
            len: self.len,
            sha256: sha256.to_string(),
        };
        // The body is durable by now: whoever finds the description finds it.
        let name = names::description(self.claim);
        self.store.put(&name, json(&description), PutMode::Overwrite).await?;
        if matches!(self.store.kind(), Kind::Shared) {
            // A directory that is not mounted any more takes files all the same.
            self.store.is_there().await?;
        }
        if has_parts {
            // If it stays, a sweep removes it.
            let removed = self.store.delete(&names::upload(self.claim)).await;
            removed.unwrap_or_else(|failure| {
                tracing::debug!(code = failure.code(), "a note of an upload stays for the sweep");
            });
        }
        Ok(Ticket { claim: self.claim, len: self.len, sha256 })
    }
}

/// Waits to be one of the few that hold a part of S3.
async fn turn(large: Arc<Semaphore>) -> Result<OwnedSemaphorePermit> {
    match timeout(LARGE_WAIT_MAX, large.acquire_owned()).await {
        Ok(Ok(permit)) => Ok(permit),
        Ok(Err(_)) | Err(_) => {
            let cause = "as many large bodies as may be are being written already";
            let busy = FailureKind::Unavailable.because(codes::CLAIMS_BUSY, cause);
            Err(busy.with_wait(LARGE_RETRY))
        }
    }
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer")
            .field("claim", &self.claim)
            .field("len", &self.len)
            .finish_non_exhaustive()
    }
}
