//! Chance for everything in one life, from one seed, and whether anything goes wrong at all.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use messaging::{FailureKind, Result};
use tests::chance::Chance;
use tokio::time::Instant;

/// Cheap to clone; all clones draw from the same sequence.
#[derive(Clone, Debug)]
pub(crate) struct Weather {
    chance: Arc<Mutex<Chance>>,
    is_calm: Arc<AtomicBool>,
    begun: Instant,
}

impl Weather {
    pub(crate) fn of(seed: u64) -> Self {
        let chance = Arc::new(Mutex::new(Chance::new(seed)));
        Self { chance, is_calm: Arc::default(), begun: Instant::now() }
    }

    /// From now on everything works, as it does when an outage is over.
    pub(crate) fn calm(&self) {
        self.is_calm.store(true, Ordering::SeqCst);
    }

    pub(crate) fn is_calm(&self) -> bool {
        self.is_calm.load(Ordering::SeqCst)
    }

    /// How long this life lasts.
    pub(crate) fn age(&self) -> Duration {
        self.begun.elapsed()
    }

    pub(crate) fn below(&self, end: u64) -> u64 {
        self.chance.lock().unwrap_or_else(PoisonError::into_inner).below(end)
    }

    pub(crate) fn within(&self, max: Duration) -> Duration {
        Duration::from_millis(self.below(u64::try_from(max.as_millis()).unwrap_or(1) + 1))
    }

    /// Whether a fault that comes once in `n` times comes now.
    pub(crate) fn strikes(&self, n: u64) -> bool {
        self.below(n) == 0 && !self.is_calm()
    }

    /// Something that takes up to `max`.
    pub(crate) async fn takes(&self, max: Duration) {
        tokio::time::sleep(self.within(max)).await;
    }

    /// Fails once in `n` times, as a store or a broker that is away.
    pub(crate) fn may_be_away(&self, n: u64, code: &'static str) -> Result<()> {
        match self.strikes(n) {
            true => Err(FailureKind::Unavailable.because(code, "as the seed says")),
            false => Ok(()),
        }
    }
}
