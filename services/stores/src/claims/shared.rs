//! A directory that several processes share, perhaps on several machines.

use std::{
    fs::{self, Metadata},
    path::Path,
};

use messaging::Result;

use super::{names, unusable};

/// Looks whether `dir` is there, and lays the folders of all shards, with the permissions of `dir`:
/// whoever came first would otherwise make them for itself alone.
pub(super) fn prepare(dir: &Path) -> Result<()> {
    let found = fs::metadata(dir);
    let found = found.map_err(|error| unusable(dir, format!("{error}; is it mounted?")))?;
    if !found.is_dir() {
        return Err(unusable(dir, "is no directory"));
    }
    if is_open_to_all(&found) {
        let dir = dir.display();
        tracing::warn!(%dir, "every user of this machine can look into the claims directory");
    }
    let permissions = found.permissions();
    for shard in names::shards() {
        let folder = dir.join(shard.as_ref());
        match fs::create_dir(&folder) {
            Ok(()) => fs::set_permissions(&folder, permissions.clone())
                .map_err(|error| unusable(&folder, error))?,
            Err(_) if folder.is_dir() => {}
            Err(error) => return Err(unusable(dir, error)),
        }
    }
    let synced = fs::File::open(dir).and_then(|dir| dir.sync_all());
    synced.map_err(|error| unusable(dir, error))
}

#[cfg(unix)]
fn is_open_to_all(found: &Metadata) -> bool {
    std::os::unix::fs::PermissionsExt::mode(&found.permissions()) & 0o007 != 0
}

#[cfg(not(unix))]
fn is_open_to_all(_found: &Metadata) -> bool {
    false
}
