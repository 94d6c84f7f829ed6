//! What a claim's objects are called.

use messaging::{ClaimId, GroupId};
use object_store::path::Path;
use uuid::Uuid;

const DESCRIPTION: &str = ".json";
const USED: &str = ".used";
const PIN: &str = ".pin.";
const UPLOAD: &str = ".upload";
const TOMBSTONE: &str = ".tombstone";
/// Of a whole store that several processes use.
const MARKER: &str = "amtsbote-claims.json";

/// What an object is to its claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Body,
    Description,
    Used,
    Pin,
    /// Says under which id S3 knows the upload of the body.
    Upload,
    Tombstone,
}

/// Spreads claims over this many folders, so that none becomes too long to list.
pub(super) fn shards() -> impl Iterator<Item = Path> {
    (0..=u8::MAX).map(|shard| Path::from(format!("{shard:02x}")))
}

/// Lies beside the folders.
pub(super) fn marker() -> Path {
    Path::from(MARKER)
}

/// A name that nothing has.
pub(super) fn nothing() -> Path {
    Path::from(format!("nothing-{}", Uuid::new_v4()))
}

pub(super) fn body(claim: ClaimId) -> Path {
    named(claim, "")
}

pub(super) fn description(claim: ClaimId) -> Path {
    named(claim, DESCRIPTION)
}

pub(super) fn used(claim: ClaimId) -> Path {
    named(claim, USED)
}

pub(super) fn pin(claim: ClaimId, ledger: &GroupId) -> Path {
    named(claim, &format!("{PIN}{ledger}"))
}

pub(super) fn upload(claim: ClaimId) -> Path {
    named(claim, UPLOAD)
}

pub(super) fn tombstone(claim: ClaimId) -> Path {
    named(claim, TOMBSTONE)
}

/// Whose object is called so, and what it is; `None` for what is none of ours.
pub(super) fn parse(name: &str) -> Option<(ClaimId, Role)> {
    let (id, rest) = name.split_at_checked(36)?;
    let role = match rest {
        "" => Role::Body,
        DESCRIPTION => Role::Description,
        USED => Role::Used,
        UPLOAD => Role::Upload,
        TOMBSTONE => Role::Tombstone,
        _ if rest.starts_with(PIN) => Role::Pin,
        _ => return None,
    };
    Some((id.parse().ok()?, role))
}

fn named(claim: ClaimId, suffix: &str) -> Path {
    let shard = claim.0.as_bytes().first().copied().unwrap_or_default();
    Path::from(format!("{shard:02x}/{claim}{suffix}"))
}
