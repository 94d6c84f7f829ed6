//! Who may remove what, where several processes sweep one store.
//!
//! A sweep makes its tombstone only where there is none, removes only under one of its own, and only
//! shortly after it made it. So a tombstone that stands still for longer than that is a dead
//! sweep's, and anybody may clear it. What is measured is how long it was seen to stand still here;
//! no two clocks are compared. Each says something else, and is read again right before it is cleared.
//! Between its making and that time, its own sweep may take it away.
//!
//! A process that stalls between its last look and what it does then, or a request that does, is the
//! one case this cannot exclude.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use messaging::ClaimId;
use object_store::ObjectMeta;
use tokio::time::Instant;

/// How long a sweep may act upon a tombstone it made.
const HOLD_MAX: Duration = Duration::from_secs(120);
/// How long a sweep may go on making tombstones on which it acts together: the most of
/// [`HOLD_MAX`] is for acting.
const MAKING_MAX: Duration = Duration::from_secs(30);
/// How long a sweep may take its tombstone away, with a minute for doing so.
const OURS_MAX: Duration = Duration::from_secs(240);
/// How long one must be seen to stand still to be a dead sweep's.
const STILL_MIN: Duration = Duration::from_secs(300);

#[derive(Debug)]
pub(super) enum Tombstones {
    /// Nobody else sweeps: one that is found is of a process that is no more.
    Sole,
    Several(Mutex<HashMap<ClaimId, Seen>>),
}

#[derive(Debug)]
pub(super) struct Seen {
    /// Another tombstone of the same claim has another.
    identity: (i64, Bytes),
    since: Instant,
    last: Instant,
}

impl Tombstones {
    pub(super) fn of_one_sweep() -> Self {
        Self::Sole
    }

    pub(super) fn of_several_sweeps() -> Self {
        Self::Several(Mutex::default())
    }

    /// Whether others may be at work.
    pub(super) fn are_several(&self) -> bool {
        matches!(self, Self::Several(_))
    }

    /// Whether a tombstone that was found, and that now says `itself`, is a dead sweep's.
    pub(super) fn is_dead(&self, claim: ClaimId, found: &ObjectMeta, itself: Bytes) -> bool {
        let Self::Several(seen) = self else { return true };
        let now = Instant::now();
        let identity = (found.last_modified.timestamp_micros(), itself);
        let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
        let known = seen.entry(claim).or_insert_with(|| Seen {
            identity: identity.clone(),
            since: now,
            last: now,
        });
        if known.identity != identity {
            (known.identity, known.since) = (identity, now);
        }
        known.last = now;
        STILL_MIN <= now.duration_since(known.since)
    }

    /// Forgets those that were not seen since `begun`, the beginning of a sweep.
    pub(super) fn forget(&self, begun: Instant) {
        if let Self::Several(seen) = self {
            let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
            seen.retain(|_, seen| begun <= seen.last);
        }
    }

    /// Whether one more may be made to be acted upon with those since `made`.
    pub(super) fn may_be_made(&self, made: Instant) -> bool {
        !self.are_several() || made.elapsed() < MAKING_MAX
    }

    /// Whether nobody else can have cleared one that was made at `made`.
    pub(super) fn is_ours(&self, made: Instant) -> bool {
        !self.are_several() || made.elapsed() < OURS_MAX
    }

    /// Whether one that was made at `made` is still this sweep's to act upon.
    pub(super) fn is_held(&self, made: Instant) -> bool {
        !self.are_several() || made.elapsed() < HOLD_MAX
    }
}
