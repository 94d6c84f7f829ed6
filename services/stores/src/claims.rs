//! The claim check: bodies kept beside their records, fsynced, by random id.
//!
//! A claim is a few objects whose names begin with its id: the body, `.json` (what it is; written
//! last, so that a claim is visible whole or not at all), `.used`, `.pin.<ledger>` for each ledger
//! that needs it, `.upload` while S3 takes a large body, and `.tombstone` while it is being removed.
//!
//! Marks and sweeps rely on two things of the store: what was written is read and listed from then
//! on by everybody (S3 promises that since 2020), and what is to be made new is never replaced
//! (`If-None-Match`, a hard link). A store is tried out before it is used.

mod memory;
mod names;
mod read;
mod s3;
mod shared;
mod store;
mod sweep;
#[cfg(test)]
mod tests;
mod tombstones;
mod write;

use std::{error::Error, io, path::Path, path::PathBuf, sync::Arc};

use async_trait::async_trait;
use bytes::Bytes;
pub use memory::MemoryClaims;
use messaging::{
    ClaimId, ClaimInfo, ClaimReader, ClaimWriter, Claims, Failure, FailureKind, GroupId, Result,
    SenderName, Ticket, Timestamp,
};
use object_store::{Error as StoreError, ObjectStore, PutMode, local::LocalFileSystem};
pub use s3::{Credentials, S3Settings};
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;
use uuid::Uuid;

use self::{
    store::{Kind, Store},
    tombstones::Tombstones,
};
use crate::codes;

/// Keeps claims in an object store. Cheap to clone.
#[derive(Clone, Debug)]
pub struct ObjectClaims {
    store: Store,
    /// Where the store is a directory: hidden remainders of a killed process are looked for there.
    directory: Option<PathBuf>,
    places: write::Places,
    tombstones: Arc<Tombstones>,
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
    /// Keeps claims in directory `dir`, which is made if it is not there. Nobody else may use it
    /// meanwhile.
    ///
    /// # Errors
    /// `Unavailable` if it cannot be used.
    pub fn open(dir: &Path) -> Result<Arc<Self>> {
        make_directory(dir).map_err(|error| unusable(dir, error))?;
        let store = local(dir)?;
        Ok(Arc::new(Self { directory: Some(dir.to_owned()), ..Self::over(store, Kind::Own) }))
    }

    /// Keeps claims in directory `dir`, which other processes use at the same time. It must be
    /// there: one that is not is probably not mounted.
    ///
    /// # Errors
    /// `Unavailable` if it cannot be used.
    pub fn open_shared(dir: &Path) -> Result<Arc<Self>> {
        shared::prepare(dir)?;
        let store = local(dir)?;
        Ok(Arc::new(Self { directory: Some(dir.to_owned()), ..Self::over(store, Kind::Shared) }))
    }

    /// Keeps claims in a bucket of S3, which other processes use at the same time. Nothing is asked
    /// of it yet: see [`ObjectClaims::check`].
    ///
    /// # Errors
    /// `Defect` if no client can be made of the settings.
    pub fn open_s3(settings: &S3Settings) -> Result<Arc<Self>> {
        let bucket = s3::open(settings)?;
        Ok(Arc::new(Self::over(Arc::clone(&bucket) as _, Kind::S3(bucket))))
    }

    fn over(objects: Arc<dyn ObjectStore>, kind: Kind) -> Self {
        let tombstones = match kind {
            Kind::Own => Tombstones::of_one_sweep(),
            Kind::Shared | Kind::S3(_) => Tombstones::of_several_sweeps(),
        };
        Self {
            store: Store::new(objects, kind),
            directory: None,
            places: write::Places::default(),
            tombstones: Arc::new(tombstones),
        }
    }

    /// Whether others can take part in it.
    #[must_use]
    pub fn is_shared(&self) -> bool {
        !matches!(self.store.kind(), Kind::Own)
    }

    /// Looks whether the store is there and answers; at first also whether it can do what claims
    /// need, and leaves a marker in it then. Takes no longer than a minute.
    ///
    /// # Errors
    /// `Unavailable`. All but [`ObjectClaims::UNREACHABLE`] need an operator.
    pub async fn check(&self) -> Result<()> {
        self.store.meet().await?;
        self.store.is_there().await
    }

    /// The code of a failure that may pass by itself: nobody answered.
    pub const UNREACHABLE: &'static str = codes::CLAIMS_UNAVAILABLE;

    /// Begins a claim that takes one of `places` if it is large.
    async fn begin(
        &self,
        places: &Arc<Semaphore>,
        sender: &SenderName,
        now: Timestamp,
    ) -> Result<Box<dyn ClaimWriter>> {
        self.store.meet().await?;
        let claim = ClaimId(Uuid::new_v4());
        let (store, places) = (self.store.clone(), Arc::clone(places));
        Ok(Box::new(write::Writer::new(store, places, claim, sender.clone(), now)))
    }

    async fn describe(&self, claim: ClaimId) -> Result<Option<Description>> {
        let found = self.get_json(&names::description(claim)).await?;
        if found.is_none() {
            // Or every claim would seem to be gone while only the store is.
            self.store.is_there().await?;
        }
        Ok(found)
    }

    async fn expect(&self, claim: ClaimId) -> Result<Description> {
        self.describe(claim).await?.ok_or_else(|| missing(claim))
    }

    async fn get_json<T: for<'a> Deserialize<'a>>(
        &self,
        name: &object_store::path::Path,
    ) -> Result<Option<T>> {
        let Some(bytes) = self.store.get(name).await? else { return Ok(None) };
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
        self.store.put(&name, mark, mode).await?;
        if self.store.head(&names::tombstone(claim)).await?.is_some() {
            let cause = format!("claim {claim} is just being swept");
            return Err(FailureKind::Unavailable.because(codes::CLAIMS_UNAVAILABLE, cause));
        }
        self.expect(claim).await.map(drop)
    }
}

#[async_trait]
impl Claims for ObjectClaims {
    async fn create(&self, sender: &SenderName, now: Timestamp) -> Result<Box<dyn ClaimWriter>> {
        self.begin(&self.places.uploads, sender, now).await
    }

    async fn keep(&self, sender: &SenderName, body: Bytes, now: Timestamp) -> Result<Ticket> {
        let mut writer = self.begin(&self.places.bodies, sender, now).await?;
        writer.write(body).await?;
        writer.finish().await
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
        self.store.delete(&names::pin(claim, ledger)).await
    }

    async fn read(&self, claim: ClaimId) -> Result<ClaimReader> {
        let info = self.look_up(claim).await?.ok_or_else(|| missing(claim))?;
        read::open(self.store.clone(), info.ticket).await
    }

    async fn sweep(&self, unused_before: Timestamp, used_before: Timestamp) -> Result<u64> {
        sweep::sweep(self, unused_before, used_before).await
    }
}

fn local(dir: &Path) -> Result<Arc<LocalFileSystem>> {
    let store = LocalFileSystem::new_with_prefix(dir).map_err(|error| unusable(dir, error))?;
    Ok(Arc::new(store.with_fsync(true)))
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

fn unusable(dir: &Path, error: impl std::fmt::Display) -> Failure {
    let cause = format!("claims directory `{}`: {error}", dir.display());
    FailureKind::Unavailable.because(codes::CLAIMS_UNUSABLE, cause)
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
    if let Some((code, what)) = s3::answer(&error) {
        return FailureKind::Unavailable.because(code, what);
    }
    FailureKind::Unavailable.because(codes::CLAIMS_UNAVAILABLE, error)
}
