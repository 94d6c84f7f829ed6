//! The object store below the claims: the one place that asks it, within bounds, and that says what
//! its answers mean.

use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _};
use messaging::{Failure, FailureKind, Result};
use object_store::{
    Error as StoreError, GetOptions, MultipartId, MultipartUpload, ObjectMeta, ObjectStore,
    ObjectStoreExt as _, PutMode, PutPayload, multipart::MultipartStore, multipart::PartId,
    path::Path,
};
use serde::{Deserialize, Serialize};
use tokio::{
    sync::{OnceCell, OwnedSemaphorePermit, Semaphore, oneshot},
    task::JoinSet,
    time::timeout,
};

use super::{failure, names, s3::Bucket};
use crate::codes;

/// Requests at once; further ones wait for their turn.
const REQUESTS_MAX: usize = 64;
/// How long one request may take, with its turn and with all its tries.
const REQUEST_TIME_MAX: Duration = Duration::from_secs(25);
/// The same for the names of one shard, which come in pages.
const LIST_TIME_MAX: Duration = Duration::from_secs(120);
/// How the marker is written.
const FORMAT: u32 = 1;

/// What lies in the store itself, so that a store that is not there is told from an empty one.
#[derive(Debug, Serialize, Deserialize)]
struct Marker {
    format: u32,
}

/// What kind of store it is.
#[derive(Debug)]
pub(super) enum Kind {
    /// This process's own: memory, or a directory under its lock.
    Own,
    /// A directory that others use too. A request that hangs in a dead mount cannot be broken off.
    Shared,
    /// S3, which others use too; it knows uploads by their ids.
    S3(Arc<Bucket>),
}

/// Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Store(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    objects: Arc<dyn ObjectStore>,
    kind: Kind,
    requests: Arc<Semaphore>,
    /// Those of a shared directory, each in its turn.
    calls: Mutex<JoinSet<()>>,
    /// Set once the store was met and found fit.
    met: OnceCell<()>,
}

/// An upload in parts.
#[derive(Debug)]
pub(super) enum Upload {
    /// Dropping it removes what was written, as far as the store can.
    Streamed(Box<dyn MultipartUpload>),
    /// Of S3; whoever knows the id can end it.
    Parts(MultipartId, Vec<PartId>),
}

impl Store {
    pub(super) fn new(objects: Arc<dyn ObjectStore>, kind: Kind) -> Self {
        let is_own = matches!(kind, Kind::Own);
        let met = OnceCell::new_with(is_own.then_some(()));
        let requests = Arc::new(Semaphore::new(REQUESTS_MAX));
        Self(Arc::new(Inner { objects, kind, requests, calls: Mutex::default(), met }))
    }

    pub(super) fn kind(&self) -> &Kind {
        &self.0.kind
    }

    /// Writes an object; `false` if it was there and `mode` is [`PutMode::Create`].
    pub(super) async fn put(&self, name: &Path, bytes: Bytes, mode: PutMode) -> Result<bool> {
        self.meet().await?;
        self.put_unmet(name, bytes, mode).await
    }

    async fn put_unmet(&self, name: &Path, bytes: Bytes, mode: PutMode) -> Result<bool> {
        let (objects, name) = (Arc::clone(&self.0.objects), name.clone());
        let put = async move {
            let put = objects.put_opts(&name, PutPayload::from(bytes), mode.into());
            match put.await {
                Ok(_) => Ok(true),
                Err(StoreError::AlreadyExists { .. }) => Ok(false),
                Err(error) => Err(error),
            }
        };
        self.bounded(REQUEST_TIME_MAX, put).await
    }

    /// An object as a whole; `None` if there is none.
    pub(super) async fn get(&self, name: &Path) -> Result<Option<Bytes>> {
        self.meet().await?;
        self.get_unmet(name).await
    }

    async fn get_unmet(&self, name: &Path) -> Result<Option<Bytes>> {
        let (objects, name) = (Arc::clone(&self.0.objects), name.clone());
        let get = async move {
            match objects.get_opts(&name, GetOptions::default()).await {
                Ok(found) => found.bytes().await.map(Some),
                Err(StoreError::NotFound { .. }) => Ok(None),
                Err(error) => Err(error),
            }
        };
        self.bounded(REQUEST_TIME_MAX, get).await
    }

    /// A part of an object; `None` if there is no such object.
    pub(super) async fn range(
        &self,
        name: &Path,
        range: std::ops::Range<u64>,
    ) -> Result<Option<Bytes>> {
        let (objects, name) = (Arc::clone(&self.0.objects), name.clone());
        let get = async move {
            match objects.get_range(&name, range).await {
                Ok(bytes) => Ok(Some(bytes)),
                Err(StoreError::NotFound { .. }) => Ok(None),
                Err(error) => Err(error),
            }
        };
        self.bounded(REQUEST_TIME_MAX, get).await
    }

    /// What is known of an object; `None` if there is none.
    pub(super) async fn head(&self, name: &Path) -> Result<Option<ObjectMeta>> {
        self.meet().await?;
        let (objects, name) = (Arc::clone(&self.0.objects), name.clone());
        let head = async move {
            match objects.head(&name).await {
                Ok(found) => Ok(Some(found)),
                Err(StoreError::NotFound { .. }) => Ok(None),
                Err(error) => Err(error),
            }
        };
        self.bounded(REQUEST_TIME_MAX, head).await
    }

    /// Removes an object; it need not be there.
    pub(super) async fn delete(&self, name: &Path) -> Result<()> {
        let (objects, name) = (Arc::clone(&self.0.objects), name.clone());
        let delete = async move {
            match objects.delete(&name).await {
                Ok(()) | Err(StoreError::NotFound { .. }) => Ok(()),
                Err(error) => Err(error),
            }
        };
        self.bounded(REQUEST_TIME_MAX, delete).await
    }

    /// Every object below `folder`.
    pub(super) async fn list(&self, folder: &Path) -> Result<Vec<ObjectMeta>> {
        self.meet().await?;
        let objects = self.0.objects.list(Some(folder));
        self.bounded(LIST_TIME_MAX, objects.try_collect()).await
    }

    /// Begins an upload.
    pub(super) async fn begin(&self, name: &Path) -> Result<Upload> {
        self.meet().await?;
        let name = name.clone();
        if let Kind::S3(store) = &self.0.kind {
            let store = Arc::clone(store);
            let begin = async move { store.create_multipart(&name).await };
            let id = self.bounded(REQUEST_TIME_MAX, begin).await?;
            return Ok(Upload::Parts(id, Vec::new()));
        }
        let objects = Arc::clone(&self.0.objects);
        let begin = async move { objects.put_multipart(&name).await };
        self.bounded(REQUEST_TIME_MAX, begin).await.map(Upload::Streamed)
    }

    /// Adds a part. After an error the upload is of no more use.
    pub(super) async fn add(&self, name: &Path, upload: &mut Upload, bytes: Bytes) -> Result<()> {
        let payload = PutPayload::from(bytes);
        match (upload, &self.0.kind) {
            (Upload::Parts(id, parts), Kind::S3(store)) => {
                let (store, name, id) = (Arc::clone(store), name.clone(), id.clone());
                let number = parts.len();
                let put = async move { store.put_part(&name, &id, number, payload).await };
                parts.push(self.bounded(REQUEST_TIME_MAX, put).await?);
                Ok(())
            }
            (Upload::Streamed(upload), _) => {
                self.bounded(REQUEST_TIME_MAX, upload.put_part(payload)).await
            }
            (Upload::Parts(..), _) => Err(foreign()),
        }
    }

    /// Makes what was uploaded durable and visible as one object.
    pub(super) async fn complete(&self, name: &Path, upload: Upload) -> Result<()> {
        let name = name.clone();
        match (upload, &self.0.kind) {
            (Upload::Parts(id, parts), Kind::S3(store)) => {
                let store = Arc::clone(store);
                let end = async move { store.complete_multipart(&name, &id, parts).await };
                self.bounded(REQUEST_TIME_MAX, end).await.map(drop)
            }
            (Upload::Streamed(mut upload), _) => {
                let end = async move { upload.complete().await };
                self.bounded(REQUEST_TIME_MAX, end).await.map(drop)
            }
            (Upload::Parts(..), _) => Err(foreign()),
        }
    }

    /// Ends an upload of S3 that somebody left; it need not be there.
    pub(super) async fn abort(&self, name: &Path, id: MultipartId) -> Result<()> {
        let Kind::S3(store) = &self.0.kind else { return Ok(()) };
        let (store, name) = (Arc::clone(store), name.clone());
        let abort = async move {
            match store.abort_multipart(&name, &id).await {
                Err(StoreError::NotFound { .. }) => Ok(()),
                ended => ended,
            }
        };
        self.bounded(REQUEST_TIME_MAX, abort).await
    }

    /// Tells a store that is not there from one in which something is not there.
    ///
    /// # Errors
    /// `Unavailable`.
    pub(super) async fn is_there(&self) -> Result<()> {
        if matches!(self.0.kind, Kind::Own) {
            return Ok(());
        }
        match self.head(&names::marker()).await? {
            Some(_) => Ok(()),
            None => Err(gone("its marker `amtsbote-claims.json` is not there")),
        }
    }

    /// Looks once whether the store can do what claims need, and leaves its marker.
    ///
    /// # Errors
    /// `Unavailable` with the code of what it lacks.
    pub(super) async fn meet(&self) -> Result<()> {
        self.0.met.get_or_try_init(|| self.try_out()).await.copied()
    }

    async fn try_out(&self) -> Result<()> {
        let marker = names::marker();
        let bytes = super::json(&Marker { format: FORMAT });
        let is_new = self.put_unmet(&marker, bytes.clone(), PutMode::Create).await?;
        // Sweeps that meet rely on it.
        if is_new && self.put_unmet(&marker, bytes, PutMode::Create).await? {
            return Err(unfit("it replaces what must not be replaced (`If-None-Match`)"));
        }
        let found = self.get_unmet(&marker).await?.ok_or_else(|| gone("its marker vanished"))?;
        let format = serde_json::from_slice::<Marker>(&found).map(|marker| marker.format);
        if format.ok() != Some(FORMAT) {
            return Err(unfit("its marker `amtsbote-claims.json` is of another version"));
        }
        // Who may not list is told that what is not there is forbidden.
        let shard = names::shards().next().unwrap_or_default();
        let mut objects = self.0.objects.list(Some(&shard));
        let first = async move { objects.next().await.transpose() };
        self.bounded(REQUEST_TIME_MAX, first).await?;
        self.delete(&names::nothing()).await
    }

    /// Waits for a turn, then for the answer, each no longer than `time_max` allows for both.
    /// Dropping it leaves the outcome unknown.
    async fn bounded<T: Send + 'static>(
        &self,
        time_max: Duration,
        work: impl Future<Output = std::result::Result<T, StoreError>> + Send + 'static,
    ) -> Result<T> {
        let in_turn = async {
            match self.0.kind {
                Kind::Own => Ok(work.await),
                Kind::S3(_) => {
                    let _turn = self.turn().await?;
                    Ok(work.await)
                }
                Kind::Shared => {
                    // Whoever asked gives up in time; the call that hangs keeps its turn, so that
                    // no more than a few ever hang.
                    let turn = self.turn().await?;
                    let (tell, answer) = oneshot::channel();
                    self.start(async move {
                        let answer = work.await;
                        drop(turn);
                        // Nobody may be waiting any more.
                        drop(tell.send(answer));
                    });
                    answer.await.map_err(|error| unavailable(error.to_string()))
                }
            }
        };
        if matches!(self.0.kind, Kind::Own) {
            return in_turn.await?.map_err(failure);
        }
        match timeout(time_max, in_turn).await {
            Ok(answer) => answer?.map_err(failure),
            Err(_) => Err(unavailable(format!("no answer within {time_max:?}"))),
        }
    }

    fn start(&self, call: impl Future<Output = ()> + Send + 'static) {
        let mut calls = self.0.calls.lock().unwrap_or_else(PoisonError::into_inner);
        while calls.try_join_next().is_some() {}
        calls.spawn(call);
    }

    async fn turn(&self) -> Result<OwnedSemaphorePermit> {
        let turn = Arc::clone(&self.0.requests).acquire_owned().await;
        turn.map_err(|error| unavailable(error.to_string()))
    }
}

fn unavailable(cause: String) -> Failure {
    FailureKind::Unavailable.because(codes::CLAIMS_UNAVAILABLE, cause)
}

fn gone(why: &str) -> Failure {
    let cause = format!("the store of the claims is not there: {why}");
    FailureKind::Unavailable.because(codes::CLAIMS_GONE, cause)
}

fn unfit(why: &str) -> Failure {
    let cause = format!("the store of the claims is unfit: {why}");
    FailureKind::Unavailable.because(codes::CLAIMS_UNUSABLE, cause)
}

fn foreign() -> Failure {
    let cause = io::Error::other("an upload belongs to another store");
    FailureKind::Defect.because(codes::CLAIMS_UNAVAILABLE, cause)
}
