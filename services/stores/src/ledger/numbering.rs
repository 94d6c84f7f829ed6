//! By how many partitions cases lie in their channels: one number after the other, each a generation.
//!
//! Which partition a case is in follows from its id and the number of partitions. With another number it
//! goes on elsewhere, so what lay there before comes first, whatever partition either is in. Where each
//! generation begins is written down when the ledger has admitted everything before.

use messaging::{FailureKind, GroupId, Position, Result, Timestamp};

use super::Ledger;
use crate::codes;

/// The number of partitions that counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Numbering {
    /// From 0; grows by one with each switch.
    pub generation: u32,
    /// Of every channel that the ledger reads; at least 1.
    pub partitions: u32,
}

/// What a ledger says before a switch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Which ledger.
    pub ledger: GroupId,
    /// `None`: no dispatcher that knows of numbers has worked on it yet.
    pub numbering: Option<Numbering>,
    /// Where it stands in each partition it has read, in their order.
    pub positions: Vec<Position>,
}

/// Another number of partitions from now on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Switch {
    /// The number before, for a ledger that has none written down.
    pub former: u32,
    /// The number from now on.
    pub partitions: u32,
    /// Of every partition from now on, the first offset of the new generation: where the ledger stands,
    /// and where the log begins of those that it has not read.
    pub firsts: Vec<Position>,
    /// When it was ordered.
    pub at: Timestamp,
    /// Who ordered it.
    pub operator: String,
    /// Why; may be empty.
    pub reason: String,
}

/// Sees to it that a dispatcher whose configuration says `partitions` goes on by the number that the
/// ledger has; a ledger without one takes this. `at`: now.
///
/// # Errors
/// `Defect` (AB-2318): the ledger has another number. `Unavailable` as the ledger says.
pub async fn agree(ledger: &dyn Ledger, partitions: u32, at: Timestamp) -> Result<()> {
    let Numbering { generation, partitions: counts } = ledger.numbering(partitions, at).await?;
    if counts == partitions {
        return Ok(());
    }
    let cause = format!(
        "the ledger has admitted by {counts} partitions (generation {generation}), configured are \
         {partitions}"
    );
    Err(FailureKind::Defect.because(codes::NUMBERING_DIFFERS, cause))
}

/// The failure of a switch that was prepared for positions the ledger does not have.
pub(super) fn disturbed(what: &str) -> messaging::Failure {
    FailureKind::Defect.because(codes::SWITCH_DISTURBED, what.to_owned())
}
