//! Lets the journal grow older and removes what it keeps no longer, in small steps between which the
//! projector has the writing connection to itself.

use std::time::Duration;

use messaging::{Clock, Result};
use stores::journal::{Journal, Kind};
use telemetry::{Metrics, names::field};
use tokio::time::{Instant, MissedTickBehavior, interval_at};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// Between two rounds, and before the first: a process that starts again and again ages nothing.
const ROUND_EVERY: Duration = Duration::from_secs(600);
/// How much older the journal grows in one round at most, as the ledger does.
const AGE_STEP_MAX: Duration = Duration::from_secs(3_600);
/// Steps of one kind in one round; the next goes on there.
const STEPS_MAX: usize = 1_000;
/// After each step the writer is left alone for so many times as long as the step took…
const LEAVE_ALONE: u32 = 9;
/// …and no shorter than this.
const PAUSE_MIN: Duration = Duration::from_millis(20);

/// Keeps the journal from growing for ever.
#[derive(Debug)]
pub(crate) struct Keeper {
    pub(crate) journal: Journal,
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
        let mut rows = 0;
        for _ in 0..STEPS_MAX {
            let began = Instant::now();
            let step = self.journal.trim(kind, self.keep, *after).await;
            let trimmed = step.inspect_err(|_| self.count(kind, rows))?;
            rows += trimmed.rows;
            *after = trimmed.next.unwrap_or(0);
            if trimmed.next.is_none() {
                break;
            }
            tokio::time::sleep(PAUSE_MIN.max(began.elapsed() * LEAVE_ALONE)).await;
        }
        self.count(kind, rows);
        Ok(())
    }

    fn count(&self, kind: Kind, rows: u64) {
        if rows != 0 {
            self.metrics.console().trimmed(kind.name(), rows);
            info!(kind = kind.name(), rows, "trimmed");
        }
    }
}
