//! Removes what its retention no longer keeps: read records and claims nobody needs.

use std::{sync::Arc, time::Duration};

use messaging::{Channel, ChannelName, Claims, Clock, Result, Timestamp};
use telemetry::names::field;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::config::Retention;

/// Between two rounds. Retention is counted in hours, so nobody waits for it.
const ROUND_EVERY: Duration = Duration::from_secs(600);

/// What is kept in order.
#[derive(Debug)]
pub(super) struct Keeper {
    pub(super) channel: Arc<dyn Channel>,
    pub(super) claims: Arc<dyn Claims>,
    /// Those that carry applications.
    pub(super) channels: Vec<ChannelName>,
    pub(super) retention: Retention,
    pub(super) clock: Clock,
}

impl Keeper {
    /// Works until `shutdown`. A round that fails is told and made up for by the next; one that is
    /// cut off has removed a part of what it would have.
    pub(super) async fn run(self, shutdown: CancellationToken) -> Result<()> {
        let mut rounds = interval(ROUND_EVERY);
        rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                () = shutdown.cancelled() => return Ok(()),
                _ = rounds.tick() => {}
            }
            tokio::select! {
                biased;
                () = shutdown.cancelled() => return Ok(()),
                () = self.round() => {}
            }
        }
    }

    async fn round(&self) {
        let now = self.clock.now();
        let channels_before = before(now, self.retention.channel);
        let told = [ChannelName::status(), ChannelName::reply(), ChannelName::dead()];
        for channel in self.channels.iter().chain(&told) {
            match self.channel.trim(channel, channels_before).await {
                Ok(0) => {}
                Ok(records) => info!({ field::CHANNEL } = %channel, records, "trimmed"),
                Err(failure) => warn!(
                    { field::CHANNEL } = %channel,
                    { field::CODE } = failure.code(),
                    { field::CAUSE } = failure.report(),
                    "trimming failed; the next round makes up for it"
                ),
            }
        }
        let unused_before = before(now, self.retention.claims_unused);
        let used_before = before(now, self.retention.claims_used);
        match self.claims.sweep(unused_before, used_before).await {
            Ok(0) => {}
            Ok(claims) => info!(claims, "swept"),
            Err(failure) => warn!(
                { field::CODE } = failure.code(),
                { field::CAUSE } = failure.report(),
                "sweeping failed; the next round makes up for it"
            ),
        }
    }
}

fn before(now: Timestamp, age: Duration) -> Timestamp {
    Timestamp(now.0.saturating_sub(i64::try_from(age.as_micros()).unwrap_or(i64::MAX)))
}
