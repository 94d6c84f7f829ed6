//! What a ledger restored from a backup begins with: a new epoch, in which nothing that was open is
//! certain, whatever store it lies in.

use std::path::PathBuf;

use messaging::{GroupId, Position, Timestamp};

/// 2020-01-01, from which epochs are counted.
const FIRST_EPOCH_SECONDS: i64 = 1_577_836_800;

/// Numbers up to which a ledger may have given out since the backup are never given out again.
pub(super) const NUMBERS_SKIPPED: i64 = 1 << 32;

/// The least epoch of a ledger that is restored at `at`. Two restores of one backup, of which the
/// second cannot know the first, are told apart by it; a clock that is wrong is no harm, as an epoch
/// is greater than the one in the backup in any case.
#[must_use]
pub fn epoch_at(at: Timestamp) -> u32 {
    let seconds = at.0.div_euclid(1_000_000).saturating_sub(FIRST_EPOCH_SECONDS);
    // The store holds no more than that; good until 2088.
    u32::try_from(seconds.clamp(2, i64::from(i32::MAX))).unwrap_or(2)
}

/// What was written to a backup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backup {
    /// Of which ledger.
    pub ledger: GroupId,
    /// Of which epoch of it.
    pub epoch: u32,
    /// How large the file is.
    pub bytes: u64,
    /// Where it stands.
    pub positions: Vec<Position>,
}

/// What was restored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    /// Which ledger.
    pub ledger: GroupId,
    /// The epoch that begins.
    pub epoch: u32,
    /// Deliveries that are uncertain now, as they were not final in the backup.
    pub uncertain: u64,
    /// Endpoints that were paused when the backup was made, and are again.
    pub paused: Vec<String>,
    /// Where it stands: what lies beyond is read again.
    pub positions: Vec<Position>,
    /// Where the former ledger is kept, if there was one in a file.
    pub kept: Option<PathBuf>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_later_restore_has_a_greater_epoch_and_every_restore_one_that_is_no_new_ledgers() {
        let at = |seconds: i64| epoch_at(Timestamp(seconds * 1_000_000));
        assert_eq!(at(0), 2, "a clock that knows nothing");
        assert!(at(1_795_000_000) < at(1_795_000_001));
        assert_eq!(at(i64::MAX / 1_000_000), i32::MAX.unsigned_abs());
    }
}
