//! A ledger that is lost, and put back from a backup that is older than what was done since.

use std::{
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use messaging::Timestamp;
use stores::ledger::SqliteLedger;

use super::weather::Weather;

/// A backup is made within so long after a dispatcher began, if that lives so long.
const MADE_WITHIN: Duration = Duration::from_secs(30);

#[derive(Debug)]
pub(crate) struct Backup {
    ledger: PathBuf,
    copy: PathBuf,
    /// While which dispatcher works it is made, and before which one it is put back; in one life of four.
    plan: Option<(u64, u64)>,
    is_restored: AtomicBool,
}

impl Backup {
    /// Of the ledger in `folder`, in a life with so many `dispatchers`.
    pub(crate) fn draw(folder: &Path, weather: &Weather, dispatchers: u64) -> Self {
        let plan = (weather.below(4) == 0).then(|| {
            let made = weather.below(dispatchers - 1);
            (made, made + 1 + weather.below(dispatchers - 1 - made))
        });
        let (ledger, copy) = (folder.join("ledger.sqlite"), folder.join("backup.sqlite"));
        Self { ledger, copy, plan, is_restored: AtomicBool::new(false) }
    }

    /// Makes it at some moment while dispatcher `number` works, if it is its turn. Never ends.
    pub(crate) async fn make(&self, number: u64, weather: &Weather) {
        if self.plan.is_some_and(|(made, _)| made == number) {
            weather.takes(MADE_WITHIN).await;
            SqliteLedger::back_up(&self.ledger, &self.copy).expect("a backup of a ledger of ours");
        }
        std::future::pending().await
    }

    /// Whether it is put back before dispatcher `number` begins.
    pub(crate) fn is_due(&self, number: u64) -> bool {
        self.plan.is_some_and(|(_, restored)| restored == number) && self.copy.is_file()
    }

    /// Puts it back. Nobody may have the ledger open.
    pub(crate) fn restore(&self, at: Timestamp) {
        SqliteLedger::restore(&self.copy, &self.ledger, at).expect("a backup of ours");
        self.is_restored.store(true, Ordering::SeqCst);
    }

    /// Whether it was put back in this life.
    pub(crate) fn is_restored(&self) -> bool {
        self.is_restored.load(Ordering::SeqCst)
    }
}
