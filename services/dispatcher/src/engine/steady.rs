//! Time that does not jump.

use messaging::Timestamp;
use tokio::time::Instant;

/// Counts on from what the clock said at the start, whatever the clock says since: what is measured
/// by it does not jump.
#[derive(Clone, Copy, Debug)]
pub(super) struct Steady {
    pub(super) at: Timestamp,
    pub(super) since: Instant,
}

impl Steady {
    pub(super) fn now(self) -> Timestamp {
        self.at.after(self.since.elapsed())
    }
}
