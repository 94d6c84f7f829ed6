//! Removing claims nobody needs any more, and what killed writers left.

use std::{collections::BTreeMap, path::Path, time::UNIX_EPOCH};

use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use messaging::{ClaimId, FailureKind, Result, Timestamp};
use object_store::{ObjectMeta, PutMode};
use tokio::time::Instant;
use uuid::Uuid;

#[cfg(test)]
mod tests;

use super::{
    ObjectClaims, Used,
    names::{self, Role},
};

/// Claims of a shard that are looked at at once.
const LOOKS_MAX: usize = 16;
/// Tombstones that stand at once, so that each is acted upon soon, however many claims are over.
const STEP_CLAIMS_MAX: usize = 100;

/// The objects of one claim.
#[derive(Debug, Default)]
struct Found {
    objects: Vec<(Role, ObjectMeta)>,
    /// When the youngest was written, by the store's clock.
    written_at: i64,
}

impl Found {
    fn get(&self, role: Role) -> Option<&ObjectMeta> {
        self.objects.iter().find(|(of, _)| *of == role).map(|(_, object)| object)
    }

    fn has(&self, role: Role) -> bool {
        self.get(role).is_some()
    }

    /// What says that somebody needs it.
    fn marks(&self) -> impl Iterator<Item = &object_store::path::Path> {
        let is_mark = |role: Role| matches!(role, Role::Used | Role::Pin);
        let marks = self.objects.iter().filter(move |(role, _)| is_mark(*role));
        marks.map(|(_, object)| &object.location)
    }
}

/// What is to become of a claim.
enum Fate {
    Stays,
    Goes,
}

/// Until when what is of no use is kept.
#[derive(Clone, Copy)]
struct Ages {
    unused_before: Timestamp,
    used_before: Timestamp,
}

/// Only tombstones stand between a decision and a mark that comes at the same time: the sweep sets
/// a tombstone and then looks for marks, [`ObjectClaims::mark`] sets a mark and then looks for the
/// tombstone, so one of both sees the other. After a crash the next sweep decides anew. Several
/// sweeps keep out of each other's way: see [`super::tombstones`].
pub(super) async fn sweep(
    claims: &ObjectClaims,
    unused_before: Timestamp,
    used_before: Timestamp,
) -> Result<u64> {
    let ages = Ages { unused_before, used_before };
    let begun = Instant::now();
    let mut removed = 0;
    // Shard by shard, so that memory holds a 256th of all names.
    for shard in names::shards() {
        removed += sweep_shard(claims, &shard, ages).await?;
    }
    claims.tombstones.forget(begun);
    if let Some(directory) = claims.directory.clone() {
        let hidden = move || remove_hidden(&directory, unused_before);
        removed += tokio::task::spawn_blocking(hidden).await.unwrap_or_default();
    }
    Ok(removed)
}

async fn sweep_shard(
    claims: &ObjectClaims,
    shard: &object_store::path::Path,
    ages: Ages,
) -> Result<u64> {
    let mut over = choose(claims, list(claims, shard).await?, ages).await?;
    let mut removed = 0;
    while !over.is_empty() {
        let mut step = Step { claims, shard, ages, made: Instant::now(), ours: BTreeMap::new() };
        let outcome = step.act(&mut over).await;
        step.withdraw().await;
        removed += outcome?;
    }
    Ok(removed)
}

/// Some of a shard's claims, whose tombstones stand at the same time.
struct Step<'a> {
    claims: &'a ObjectClaims,
    shard: &'a object_store::path::Path,
    ages: Ages,
    /// No tombstone was made before.
    made: Instant,
    /// Claims under a tombstone of ours, untouched so far, as they were when they were chosen.
    ours: BTreeMap<ClaimId, Found>,
}

impl Step<'_> {
    /// Takes claims from `over`, at least one, and removes those that nobody marked meanwhile.
    async fn act(&mut self, over: &mut BTreeMap<ClaimId, Found>) -> Result<u64> {
        let tombstones = &self.claims.tombstones;
        while self.ours.len() < STEP_CLAIMS_MAX
            && tombstones.may_be_made(self.made)
            && let Some((claim, then)) = over.pop_first()
        {
            if make_tombstone(self.claims, claim).await? {
                self.ours.insert(claim, then);
            }
        }
        let mut now = list(self.claims, self.shard).await?;
        let mut removed = 0;
        while let Some((&claim, then)) = self.ours.first_key_value() {
            let now = now.remove(&claim).unwrap_or_default();
            let is_marked = now.marks().any(|mark| then.marks().all(|known| known != mark));
            let stays = is_marked || was_renewed(self.claims, claim, self.ages.used_before).await?;
            if !tombstones.is_held(self.made) {
                // Too late to remove anything under them; a later sweep does.
                break;
            }
            self.ours.remove(&claim);
            if stays {
                self.claims.store.delete(&names::tombstone(claim)).await?;
            } else {
                remove(self.claims, claim, &now).await?;
                removed += 1;
            }
        }
        Ok(removed)
    }

    /// Takes away the tombstones under which nothing was done, so that their claims can be marked
    /// again. One under which a removal began stays: nobody knows how far that came.
    async fn withdraw(self) {
        let Self { claims, made, ours, .. } = self;
        let withdrawn = stream::iter(ours.into_keys()).for_each_concurrent(LOOKS_MAX, |claim| {
            async move {
                if !claims.tombstones.is_ours(made) {
                    // Others take it for a dead sweep's soon.
                    return;
                }
                if let Err(failure) = claims.store.delete(&names::tombstone(claim)).await {
                    let code = failure.code();
                    tracing::debug!(%claim, code, "a tombstone stays until it is a dead sweep's");
                }
            }
        });
        withdrawn.await;
    }
}

/// `false` if another sweep was first.
async fn make_tombstone(claims: &ObjectClaims, claim: ClaimId) -> Result<bool> {
    let mode = match claims.tombstones.are_several() {
        true => PutMode::Create,
        false => PutMode::Overwrite,
    };
    // By what it says, each is told from those that stood in its place.
    let itself = Bytes::from(Uuid::new_v4().to_string());
    claims.store.put(&names::tombstone(claim), itself, mode).await
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

/// The claims nobody needs.
async fn choose(
    claims: &ObjectClaims,
    found: BTreeMap<ClaimId, Found>,
    ages: Ages,
) -> Result<BTreeMap<ClaimId, Found>> {
    let looks = stream::iter(found).map(|(claim, found)| async move {
        let fate = match find_fate(claims, claim, &found, ages).await {
            Err(failure) if failure.kind() == FailureKind::Defect => {
                // Kept for the operator; the others must not fill the disk because of it.
                tracing::warn!(%claim, code = failure.code(), "claim is damaged and kept");
                Fate::Stays
            }
            fate => fate?,
        };
        Ok(matches!(fate, Fate::Goes).then_some((claim, found)))
    });
    looks
        .buffer_unordered(LOOKS_MAX)
        .try_filter_map(|over| async move { Ok(over) })
        .try_collect()
        .await
}

async fn find_fate(
    claims: &ObjectClaims,
    claim: ClaimId,
    found: &Found,
    ages: Ages,
) -> Result<Fate> {
    if let Some(tombstone) = found.get(Role::Tombstone)
        && claims.tombstones.are_several()
    {
        // Whoever removes it now must not find it renewed under its hands: once cleared, it is
        // looked at again in the next round.
        // Since the list, another may have cleared it and a third have made its own.
        let Some(itself) = claims.store.get(&tombstone.location).await? else {
            return Ok(Fate::Stays);
        };
        if claims.tombstones.is_dead(claim, tombstone, itself) {
            claims.store.delete(&tombstone.location).await?;
        }
        return Ok(Fate::Stays);
    }
    if is_over(claims, claim, found, ages).await? {
        return Ok(Fate::Goes);
    }
    if found.has(Role::Description) {
        // What a crash left on one that is needed.
        for role in [Role::Tombstone, Role::Upload] {
            if let Some(object) = found.get(role) {
                claims.store.delete(&object.location).await?;
            }
        }
    }
    Ok(Fate::Stays)
}

async fn is_over(claims: &ObjectClaims, claim: ClaimId, found: &Found, ages: Ages) -> Result<bool> {
    if !found.has(Role::Description) {
        // Killed between body and description, or in the middle of a removal.
        return Ok(found.written_at < ages.unused_before.0);
    }
    if found.has(Role::Pin) {
        return Ok(false);
    }
    let Some(description) = claims.describe(claim).await? else { return Ok(false) };
    Ok(match claims.get_json::<Used>(&names::used(claim)).await? {
        Some(used) => used.at < ages.used_before.0,
        None => description.created_at < ages.unused_before.0,
    })
}

async fn list(
    claims: &ObjectClaims,
    shard: &object_store::path::Path,
) -> Result<BTreeMap<ClaimId, Found>> {
    let mut found: BTreeMap<ClaimId, Found> = BTreeMap::new();
    for object in claims.store.list(shard).await? {
        let name = object.location.filename().unwrap_or_default();
        // What is none of ours is left alone.
        let Some((claim, role)) = names::parse(name) else { continue };
        let claim = found.entry(claim).or_default();
        claim.written_at = claim.written_at.max(object.last_modified.timestamp_micros());
        claim.objects.push((role, object));
    }
    Ok(found)
}

/// Description first: what a crash leaves is invisible, and goes with a later sweep.
async fn remove(claims: &ObjectClaims, claim: ClaimId, found: &Found) -> Result<()> {
    if let Some(upload) = found.get(Role::Upload)
        && let Some(id) = claims.store.get(&upload.location).await?
    {
        // Otherwise its parts are kept, and paid for, and no list shows them.
        let id = String::from_utf8_lossy(&id).into_owned();
        claims.store.abort(&names::body(claim), id).await?;
    }
    let roles =
        [Role::Description, Role::Body, Role::Used, Role::Pin, Role::Upload, Role::Tombstone];
    for role in roles {
        for (_, object) in found.objects.iter().filter(|(of, _)| *of == role) {
            claims.store.delete(&object.location).await?;
        }
    }
    Ok(())
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
