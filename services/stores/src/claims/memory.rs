//! Claims in memory: the same code over a store that forgets.

use std::sync::Arc;

use async_trait::async_trait;
use messaging::{
    ClaimId, ClaimInfo, ClaimReader, ClaimWriter, Claims, GroupId, Result, SenderName, Timestamp,
};
use object_store::memory::InMemory;

use super::{ObjectClaims, store::Kind};

/// Keeps claims in memory, for tests; a clone is the same store.
#[derive(Clone, Debug)]
pub struct MemoryClaims(ObjectClaims);

impl Default for MemoryClaims {
    fn default() -> Self {
        Self(ObjectClaims::over(Arc::new(InMemory::new()), Kind::Own))
    }
}

#[async_trait]
impl Claims for MemoryClaims {
    async fn create(&self, sender: &SenderName, now: Timestamp) -> Result<Box<dyn ClaimWriter>> {
        self.0.create(sender, now).await
    }

    async fn look_up(&self, claim: ClaimId) -> Result<Option<ClaimInfo>> {
        self.0.look_up(claim).await
    }

    async fn mark_used(&self, claim: ClaimId, now: Timestamp) -> Result<()> {
        self.0.mark_used(claim, now).await
    }

    async fn pin(&self, claim: ClaimId, ledger: &GroupId) -> Result<()> {
        self.0.pin(claim, ledger).await
    }

    async fn unpin(&self, claim: ClaimId, ledger: &GroupId) -> Result<()> {
        self.0.unpin(claim, ledger).await
    }

    async fn read(&self, claim: ClaimId) -> Result<ClaimReader> {
        self.0.read(claim).await
    }

    async fn sweep(&self, unused_before: Timestamp, used_before: Timestamp) -> Result<u64> {
        self.0.sweep(unused_before, used_before).await
    }
}
