//! Claims on a shelf in memory; what adapters need of them.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures_util::stream;
use messaging::{
    ClaimId, ClaimInfo, ClaimReader, ClaimWriter, Claims, FailureKind, GroupId, Result, SenderName,
    Ticket, Timestamp, identity,
};

/// Keeps claims until it goes.
#[derive(Debug, Default)]
pub(crate) struct Shelf {
    kept: Arc<Mutex<HashMap<ClaimId, (ClaimInfo, Bytes)>>>,
    created: AtomicU64,
}

impl Shelf {
    pub(crate) fn claims() -> Arc<dyn Claims> {
        Arc::new(Self::default())
    }
}

#[async_trait]
impl Claims for Shelf {
    async fn create(&self, sender: &SenderName, now: Timestamp) -> Result<Box<dyn ClaimWriter>> {
        let number = self.created.fetch_add(1, Ordering::Relaxed);
        let claim = ClaimId(uuid::Uuid::from_u128(u128::from(number) + 1));
        let (sender, kept) = (sender.clone(), Arc::clone(&self.kept));
        Ok(Box::new(Writer { claim, sender, created_at: now, bytes: BytesMut::new(), kept }))
    }

    async fn look_up(&self, claim: ClaimId) -> Result<Option<ClaimInfo>> {
        Ok(self.kept.lock().unwrap().get(&claim).map(|(info, _)| info.clone()))
    }

    async fn mark_used(&self, _: ClaimId, _: Timestamp) -> Result<()> {
        Ok(())
    }

    async fn pin(&self, _: ClaimId, _: &GroupId) -> Result<()> {
        Ok(())
    }

    async fn unpin(&self, _: ClaimId, _: &GroupId) -> Result<()> {
        Ok(())
    }

    async fn read(&self, claim: ClaimId) -> Result<ClaimReader> {
        let Some((_, bytes)) = self.kept.lock().unwrap().get(&claim).cloned() else {
            return Err(FailureKind::Defect.because("AB-2201", "no such claim"));
        };
        let pieces: Vec<_> =
            bytes.chunks(PIECE_BYTES_MAX).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
        Ok(Box::pin(stream::iter(pieces)))
    }

    async fn sweep(&self, _: Timestamp, _: Timestamp) -> Result<u64> {
        Ok(0)
    }
}

/// As the trait promises.
const PIECE_BYTES_MAX: usize = 1024 * 1024;

#[derive(Debug)]
struct Writer {
    claim: ClaimId,
    sender: SenderName,
    created_at: Timestamp,
    bytes: BytesMut,
    kept: Arc<Mutex<HashMap<ClaimId, (ClaimInfo, Bytes)>>>,
}

#[async_trait]
impl ClaimWriter for Writer {
    async fn write(&mut self, bytes: Bytes) -> Result<()> {
        self.bytes.extend_from_slice(&bytes);
        Ok(())
    }

    async fn finish(self: Box<Self>) -> Result<Ticket> {
        let Self { claim, sender, created_at, bytes, kept } = *self;
        let sha256 = identity::sha256(&bytes, &[]);
        let ticket = Ticket { claim, len: bytes.len() as u64, sha256 };
        let info = ClaimInfo { ticket: ticket.clone(), sender, created_at, used_at: None };
        kept.lock().unwrap().insert(claim, (info, bytes.freeze()));
        Ok(ticket)
    }
}
