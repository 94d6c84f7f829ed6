//! Lets the journal grow older and removes what it keeps no longer, in small steps between which the
//! projector has the writing connection to itself.

use std::{sync::Arc, time::Duration};

use messaging::{Clock, Result};
use stores::{
    journal::{Journal, Kind},
    pass::{AGE_STEP_MAX, ROUND_EVERY, pass},
};
use telemetry::{Metrics, names::field};
use tokio::time::{Instant, MissedTickBehavior, interval_at};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// Steps of one kind in one round; the next goes on there.
const STEPS_MAX: usize = 1_000;

/// Keeps the journal from growing for ever.
#[derive(Debug)]
pub(crate) struct Keeper {
    pub(crate) journal: Arc<dyn Journal>,
    pub(crate) clock: Clock,
    pub(crate) metrics: Metrics,
    pub(crate) keep: Duration,
}

impl Keeper {
    /// Works until `shutdown`. A round that fails is told and made up for by the next; one that is
    /// cut off has removed a part of what it would have.
    pub(crate) async fn run(self, shutdown: CancellationToken) {
        tokio::select! {
            biased;
            () = shutdown.cancelled() => {}
            () = self.keep_trimming() => {}
        }
    }

    async fn keep_trimming(&self) {
        let mut after = [0; Kind::ALL.len()];
        self.tell(self.journal.grow_older(self.clock.now(), Duration::ZERO).await.map(drop));
        let mut rounds = interval_at(Instant::now() + ROUND_EVERY, ROUND_EVERY);
        rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            rounds.tick().await;
            self.tell(self.round(&mut after).await);
        }
    }

    fn tell(&self, outcome: Result<()>) {
        if let Err(failure) = outcome {
            warn!(
                { field::CODE } = failure.code(),
                { field::CAUSE } = failure.report(),
                "trimming the journal failed; the next round makes up for it"
            );
        }
    }

    async fn round(&self, after: &mut [i64]) -> Result<()> {
        self.journal.grow_older(self.clock.now(), AGE_STEP_MAX).await?;
        for (kind, after) in Kind::ALL.into_iter().zip(after) {
            self.trim(kind, after).await?;
        }
        Ok(())
    }

    async fn trim(&self, kind: Kind, after: &mut i64) -> Result<()> {
        let step = |after| self.journal.trim(kind, self.keep, after);
        let (rows, outcome) = pass(STEPS_MAX, after, step).await;
        self.count(kind, rows);
        outcome
    }

    fn count(&self, kind: Kind, rows: u64) {
        if rows != 0 {
            self.metrics.console().trimmed(kind.name(), rows);
            info!(kind = kind.name(), rows, "trimmed");
        }
    }
}
