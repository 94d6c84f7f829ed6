//! Writing a claim in parts, hashing on the way.

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use messaging::{ClaimId, ClaimWriter, Result, SenderName, Sha256, Ticket, Timestamp};
use object_store::{MultipartUpload, ObjectStore, ObjectStoreExt as _, PutPayload};
use sha2::{Digest as _, Sha256 as Hasher};

use super::{Description, PART_BYTES, failure, json, names};

pub(super) struct Writer {
    store: Arc<dyn ObjectStore>,
    /// Dropping it removes what was written, as far as the store can.
    upload: Box<dyn MultipartUpload>,
    claim: ClaimId,
    sender: SenderName,
    created_at: Timestamp,
    part: BytesMut,
    len: u64,
    hasher: Hasher,
}

impl Writer {
    pub(super) fn new(
        store: Arc<dyn ObjectStore>,
        upload: Box<dyn MultipartUpload>,
        claim: ClaimId,
        sender: SenderName,
        created_at: Timestamp,
    ) -> Self {
        let (part, hasher) = (BytesMut::new(), Hasher::new());
        Self { store, upload, claim, sender, created_at, part, len: 0, hasher }
    }

    async fn put_part(&mut self) -> Result<()> {
        let part = self.part.split().freeze();
        self.upload.put_part(PutPayload::from(part)).await.map_err(failure)
    }
}

#[async_trait]
impl ClaimWriter for Writer {
    async fn write(&mut self, mut bytes: Bytes) -> Result<()> {
        while !bytes.is_empty() {
            let room = PART_BYTES - self.part.len();
            let some = bytes.split_to(room.min(bytes.len()));
            self.hasher.update(&some);
            self.len += some.len() as u64;
            // Copied: a slice could keep a much larger buffer of the network's alive.
            self.part.extend_from_slice(&some);
            if self.part.len() == PART_BYTES {
                self.put_part().await?;
            }
        }
        Ok(())
    }

    async fn finish(mut self: Box<Self>) -> Result<Ticket> {
        if !self.part.is_empty() {
            self.put_part().await?;
        }
        self.upload.complete().await.map_err(failure)?;
        let sha256 = Sha256(self.hasher.finalize_reset().into());
        let description = Description {
            sender: self.sender.to_string(),
            created_at: self.created_at.0,
            len: self.len,
            sha256: sha256.to_string(),
        };
        // The body is durable by now: whoever finds the description finds it.
        let name = names::description(self.claim);
        self.store.put(&name, json(&description).into()).await.map_err(failure)?;
        Ok(Ticket { claim: self.claim, len: self.len, sha256 })
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
