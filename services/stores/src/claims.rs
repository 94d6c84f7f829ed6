//! The claim check: bodies kept beside their records, fsynced, by random id.
//!
//! A claim is a few objects whose names begin with its id: the body, `.json` (what it is; written
//! last, so that a claim is visible whole or not at all), `.used`, `.pin.<ledger>` for each ledger
//! that needs it, and `.tombstone` while it is being removed.

mod memory;
mod names;
mod read;
mod sweep;
#[cfg(test)]
mod tests;
mod write;

use std::{error::Error, io, path::Path, path::PathBuf, sync::Arc};

use async_trait::async_trait;
use bytes::Bytes;
pub use memory::MemoryClaims;
use messaging::{
    ClaimId, ClaimInfo, ClaimReader, ClaimWriter, Claims, Failure, FailureKind, GroupId, Result,
    SenderName, Ticket, Timestamp,
};
use object_store::{
    Error as StoreError, ObjectStore, ObjectStoreExt as _, PutMode, PutPayload,
    local::LocalFileSystem,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::codes;

/// Bytes of a body held in memory per claim being written. A hundred at once are some 50 MiB.
const PART_BYTES: usize = 256 << 10;

/// Keeps claims in an object store.
#[derive(Clone, Debug)]
pub struct ObjectClaims {
    store: Arc<dyn ObjectStore>,
    /// Where the store is a directory: hidden remainders of a killed process are looked for there.
    directory: Option<PathBuf>,
}

/// What `.json` says.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Description {
    sender: String,
    /// Microseconds since 1970.
    created_at: i64,
    len: u64,
    sha256: String,
}

/// What `.used` says.
#[derive(Debug, Serialize, Deserialize)]
struct Used {
    /// Microseconds since 1970.
    at: i64,
}

impl ObjectClaims {
    /// Keeps claims in directory `dir`, which is made if it is not there.
    ///
    /// # Errors
    /// `Unavailable` if it cannot be used.
    pub fn open(dir: &Path) -> Result<Arc<Self>> {
        let unusable = |error: Box<dyn Error + Send + Sync>| {
            let cause = format!("claims directory `{}`: {error}", dir.display());
            FailureKind::Unavailable.because(codes::CLAIMS_UNUSABLE, cause)
        };
        make_directory(dir).map_err(|error| unusable(error.into()))?;
        let store =
            LocalFileSystem::new_with_prefix(dir).map_err(|error| unusable(error.into()))?;
        let store = Arc::new(store.with_fsync(true));
        Ok(Arc::new(Self { store, directory: Some(dir.to_owned()) }))
    }

    fn over(store: Arc<dyn ObjectStore>) -> Self {
        Self { store, directory: None }
    }

    async fn describe(&self, claim: ClaimId) -> Result<Option<Description>> {
        self.get_json(&names::description(claim)).await
    }

    async fn expect(&self, claim: ClaimId) -> Result<Description> {
        self.describe(claim).await?.ok_or_else(|| missing(claim))
    }

    async fn get_json<T: for<'a> Deserialize<'a>>(
        &self,
        name: &object_store::path::Path,
    ) -> Result<Option<T>> {
        let bytes = match self.store.get(name).await {
            Ok(found) => found.bytes().await.map_err(failure)?,
            Err(StoreError::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(failure(error)),
        };
        let damaged = |error| {
            let cause = format!("`{name}`: {error}");
            FailureKind::Defect.because(codes::CLAIM_DAMAGED, cause)
        };
        serde_json::from_slice(&bytes).map(Some).map_err(damaged)
    }

    /// Leaves a mark on a claim, and then looks whether a sweep is about to remove it; see there.
    async fn mark(
        &self,
        claim: ClaimId,
        name: object_store::path::Path,
        mark: Bytes,
        mode: PutMode,
    ) -> Result<()> {
        self.expect(claim).await?;
        match self.store.put_opts(&name, PutPayload::from(mark), mode.into()).await {
            Ok(_) | Err(StoreError::AlreadyExists { .. }) => {}
            Err(error) => return Err(failure(error)),
        }
        match self.store.head(&names::tombstone(claim)).await {
            Err(StoreError::NotFound { .. }) => self.expect(claim).await.map(drop),
            Err(error) => Err(failure(error)),
            Ok(_) => {
                let cause = format!("claim {claim} is just being swept");
                Err(FailureKind::Unavailable.because(codes::CLAIMS_UNAVAILABLE, cause))
            }
        }
    }
}

#[async_trait]
impl Claims for ObjectClaims {
    async fn create(&self, sender: &SenderName, now: Timestamp) -> Result<Box<dyn ClaimWriter>> {
        let claim = ClaimId(Uuid::new_v4());
        let upload = self.store.put_multipart(&names::body(claim)).await.map_err(failure)?;
        let store = Arc::clone(&self.store);
        Ok(Box::new(write::Writer::new(store, upload, claim, sender.clone(), now)))
    }

    async fn look_up(&self, claim: ClaimId) -> Result<Option<ClaimInfo>> {
        let Some(description) = self.describe(claim).await? else { return Ok(None) };
        let used: Option<Used> = self.get_json(&names::used(claim)).await?;
        let damaged = |error: messaging::names::NameError| damaged(claim, &error.to_string());
        Ok(Some(ClaimInfo {
            ticket: Ticket {
                claim,
                len: description.len,
                sha256: description.sha256.parse().map_err(damaged)?,
            },
            sender: SenderName::new(&description.sender).map_err(damaged)?,
            created_at: Timestamp(description.created_at),
            used_at: used.map(|used| Timestamp(used.at)),
        }))
    }

    async fn mark_used(&self, claim: ClaimId, now: Timestamp) -> Result<()> {
        self.mark(claim, names::used(claim), json(&Used { at: now.0 }), PutMode::Overwrite).await
    }

    async fn pin(&self, claim: ClaimId, ledger: &GroupId) -> Result<()> {
        self.mark(claim, names::pin(claim, ledger), Bytes::new(), PutMode::Create).await
    }

    async fn unpin(&self, claim: ClaimId, ledger: &GroupId) -> Result<()> {
        match self.store.delete(&names::pin(claim, ledger)).await {
            Ok(()) | Err(StoreError::NotFound { .. }) => Ok(()),
            Err(error) => Err(failure(error)),
        }
    }

    async fn read(&self, claim: ClaimId) -> Result<ClaimReader> {
        let info = self.look_up(claim).await?.ok_or_else(|| missing(claim))?;
        read::open(Arc::clone(&self.store), info.ticket).await
    }

    async fn sweep(&self, unused_before: Timestamp, used_before: Timestamp) -> Result<u64> {
        sweep::sweep(self, unused_before, used_before).await
    }
}

/// Attachments are nobody else's business, so the directory is made for its owner alone.
fn make_directory(dir: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(dir)
}

fn json(value: &impl Serialize) -> Bytes {
    serde_json::to_vec(value).expect("numbers and texts are JSON").into()
}

fn missing(claim: ClaimId) -> Failure {
    FailureKind::Defect.because(codes::CLAIM_MISSING, format!("there is no claim {claim}"))
}

fn damaged(claim: ClaimId, why: &str) -> Failure {
    FailureKind::Defect.because(codes::CLAIM_DAMAGED, format!("claim {claim}: {why}"))
}

/// Maps what a store says to what happens next. Whether the disk is full is somewhere below.
fn failure(error: StoreError) -> Failure {
    let mut cause: Option<&(dyn Error + 'static)> = Some(&error);
    while let Some(error) = cause {
        let kind = error.downcast_ref::<io::Error>().map(io::Error::kind);
        if matches!(kind, Some(io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)) {
            return FailureKind::Unavailable.because(codes::CLAIMS_DISK_FULL, "no space left");
        }
        cause = error.source();
    }
    FailureKind::Unavailable.because(codes::CLAIMS_UNAVAILABLE, error)
}
