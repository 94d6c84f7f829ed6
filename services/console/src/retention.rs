//! Lets journal and register grow older and removes what they keep no longer, in small steps between which
//! the projector has the writing connection to itself.

use std::{sync::Arc, time::Duration};

use messaging::{Clock, Result};
use stores::{
    journal::{Journal, Kind},
    pass::{AGE_STEP_MAX, ROUND_EVERY, pass},
    register::Register,
};
use telemetry::{Metrics, names::field};
use tokio::time::{Instant, MissedTickBehavior, interval_at};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// Steps of one kind in one round; the next goes on there.
const STEPS_MAX: usize = 1_000;

/// What goes of the register, in metrics and logs.
const COMMAND: &str = "command";

/// Keeps journal and register from growing for ever.
#[derive(Debug)]
pub(crate) struct Keeper {
    pub(crate) journal: Arc<dyn Journal>,
    pub(crate) register: Arc<dyn Register>,
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
        let (mut after, mut command) = ([0; Kind::ALL.len()], 0);
        // With no step it only looks.
        self.tell(self.grow_older(Duration::ZERO).await);
        let mut rounds = interval_at(Instant::now() + ROUND_EVERY, ROUND_EVERY);
        rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            rounds.tick().await;
            self.tell(self.round(&mut after, &mut command).await);
        }
    }

    fn tell(&self, outcome: Result<()>) {
        if let Err(failure) = outcome {
            warn!(
                { field::CODE } = failure.code(),
                { field::CAUSE } = failure.report(),
                "trimming failed; the next round makes up for it"
            );
        }
    }

    async fn grow_older(&self, step_max: Duration) -> Result<()> {
        let now = self.clock.now();
        self.journal.grow_older(now, step_max).await?;
        self.register.grow_older(now, step_max).await.map(drop)
    }

    async fn round(&self, after: &mut [i64], command: &mut i64) -> Result<()> {
        self.grow_older(AGE_STEP_MAX).await?;
        for (kind, after) in Kind::ALL.into_iter().zip(after) {
            let step = |after| self.journal.trim(kind, self.keep, after);
            let (rows, outcome) = pass(STEPS_MAX, after, step).await;
            self.count(kind.name(), rows);
            outcome?;
        }
        let step = |after| self.register.trim(self.keep, after);
        let (rows, outcome) = pass(STEPS_MAX, command, step).await;
        self.count(COMMAND, rows);
        outcome
    }

    fn count(&self, kind: &'static str, rows: u64) {
        if rows != 0 {
            self.metrics.console().trimmed(kind, rows);
            info!(kind, rows, "trimmed");
        }
    }
}
