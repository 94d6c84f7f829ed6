//! Removing claims nobody needs any more, and what killed writers left.

use std::{collections::BTreeMap, path::Path, time::UNIX_EPOCH};

use futures_util::TryStreamExt as _;
use messaging::{ClaimId, FailureKind, Result, Timestamp};
use object_store::{Error as StoreError, ObjectStore as _, ObjectStoreExt as _, PutPayload};

use super::{
    ObjectClaims, Used, failure,
    names::{self, Role},
};

/// The objects of one claim.
#[derive(Debug, Default)]
struct Found {
    objects: Vec<(Role, object_store::path::Path)>,
    /// When the youngest was written, by the store's clock.
    written_at: i64,
}

impl Found {
    fn has(&self, role: Role) -> bool {
        self.objects.iter().any(|(of, _)| *of == role)
    }

    /// What says that somebody needs it.
    fn marks(&self) -> impl Iterator<Item = &object_store::path::Path> {
        let is_mark = |role: Role| matches!(role, Role::Used | Role::Pin);
        self.objects.iter().filter(move |(role, _)| is_mark(*role)).map(|(_, object)| object)
    }
}

/// Only tombstones stand between a decision and a mark that comes at the same time: the sweep sets
/// a tombstone and then looks for marks, [`ObjectClaims::mark`] sets a mark and then looks for the
/// tombstone, so one of both sees the other. After a crash the next sweep decides anew.
pub(super) async fn sweep(
    claims: &ObjectClaims,
    unused_before: Timestamp,
    used_before: Timestamp,
) -> Result<u64> {
    let mut removed = 0;
    // Shard by shard, so that memory holds a 256th of all names.
    for shard in names::shards() {
        let found = list(claims, &shard).await?;
        let over = choose(claims, found, unused_before, used_before).await?;
        if over.is_empty() {
            continue;
        }
        for claim in over.keys() {
            let tombstone = names::tombstone(*claim);
            claims.store.put(&tombstone, PutPayload::new()).await.map_err(failure)?;
        }
        let mut now = list(claims, &shard).await?;
        for (claim, then) in over {
            let now = now.remove(&claim).unwrap_or_default();
            let is_marked = now.marks().any(|mark| then.marks().all(|known| known != mark));
            if !is_marked && !was_renewed(claims, claim, used_before).await? {
                remove(claims, &now).await?;
                removed += 1;
            } else {
                delete(claims, &names::tombstone(claim)).await?;
            }
        }
    }
    if let Some(directory) = claims.directory.clone() {
        let hidden = move || remove_hidden(&directory, unused_before);
        removed += tokio::task::spawn_blocking(hidden).await.unwrap_or_default();
    }
    Ok(removed)
}

/// Whether a mark that was there when the choice was made was set again since.
async fn was_renewed(
    claims: &ObjectClaims,
    claim: ClaimId,
    used_before: Timestamp,
) -> Result<bool> {
    let used = claims.get_json::<Used>(&names::used(claim)).await?;
    Ok(used.is_some_and(|used| used_before.0 <= used.at))
}

/// The claims nobody needs. A tombstone that a crash left on one that is needed goes.
async fn choose(
    claims: &ObjectClaims,
    found: BTreeMap<ClaimId, Found>,
    unused_before: Timestamp,
    used_before: Timestamp,
) -> Result<BTreeMap<ClaimId, Found>> {
    let mut over = BTreeMap::new();
    for (claim, found) in found {
        let description = match claims.describe(claim).await {
            Err(failure) if failure.kind() == FailureKind::Defect => {
                // Kept for the operator; the others must not fill the disk because of it.
                tracing::warn!(%claim, code = failure.code(), "claim is damaged and kept");
                continue;
            }
            description => description?,
        };
        let is_over = match description {
            // Killed between body and description, or in the middle of a removal.
            None => found.written_at < unused_before.0,
            Some(_) if found.has(Role::Pin) => false,
            Some(description) => match claims.get_json::<Used>(&names::used(claim)).await? {
                Some(used) => used.at < used_before.0,
                None => description.created_at < unused_before.0,
            },
        };
        if is_over {
            over.insert(claim, found);
        } else if found.has(Role::Tombstone) && found.has(Role::Description) {
            delete(claims, &names::tombstone(claim)).await?;
        }
    }
    Ok(over)
}

async fn list(
    claims: &ObjectClaims,
    shard: &object_store::path::Path,
) -> Result<BTreeMap<ClaimId, Found>> {
    let mut found: BTreeMap<ClaimId, Found> = BTreeMap::new();
    let mut objects = claims.store.list(Some(shard));
    while let Some(object) = objects.try_next().await.map_err(failure)? {
        let name = object.location.filename().unwrap_or_default();
        // What is none of ours is left alone.
        let Some((claim, role)) = names::parse(name) else { continue };
        let written_at = object.last_modified.timestamp_micros();
        let claim = found.entry(claim).or_default();
        claim.written_at = claim.written_at.max(written_at);
        claim.objects.push((role, object.location));
    }
    Ok(found)
}

/// Description first: what a crash leaves is invisible, and goes with a later sweep.
async fn remove(claims: &ObjectClaims, found: &Found) -> Result<()> {
    for role in [Role::Description, Role::Body, Role::Used, Role::Pin, Role::Tombstone] {
        for (_, object) in found.objects.iter().filter(|(of, _)| *of == role) {
            delete(claims, object).await?;
        }
    }
    Ok(())
}

async fn delete(claims: &ObjectClaims, name: &object_store::path::Path) -> Result<()> {
    match claims.store.delete(name).await {
        Ok(()) | Err(StoreError::NotFound { .. }) => Ok(()),
        Err(error) => Err(failure(error)),
    }
}

/// Removes what killed writers left under the names the store hides (`<object>#<number>`).
fn remove_hidden(directory: &Path, written_before: Timestamp) -> u64 {
    let shards = std::fs::read_dir(directory).into_iter().flatten().flatten();
    let files = shards.flat_map(|shard| std::fs::read_dir(shard.path()).into_iter().flatten());
    let hidden = files.flatten().filter(|file| {
        let is_hidden = file.file_name().to_str().is_some_and(is_hidden);
        let written = file.metadata().and_then(|file| file.modified());
        let since = written.ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok());
        // A file whose age nobody can tell may be in use.
        let is_old = since.and_then(|at| i64::try_from(at.as_micros()).ok());
        is_hidden && is_old.is_some_and(|at| at < written_before.0)
    });
    let removed = hidden.filter(|file| std::fs::remove_file(file.path()).is_ok());
    removed.count() as u64
}

fn is_hidden(name: &str) -> bool {
    let parts = name.split_once('#');
    parts.is_some_and(|(object, number)| {
        names::parse(object).is_some() && number.parse::<u32>().is_ok()
    })
}
