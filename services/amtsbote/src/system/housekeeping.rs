//! Removes what its retention no longer keeps: read records and claims nobody needs.

use std::{sync::Arc, time::Duration};

use messaging::{
    Channel, ChannelName, Claims, Clock, Position, Result, StoredPositions, Timestamp,
};
use telemetry::names::field;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::config::Retention;

/// Between two rounds. Retention is counted in hours, so nobody waits for it.
const ROUND_EVERY: Duration = Duration::from_secs(600);

/// Before all time.
const NEVER: Timestamp = Timestamp(i64::MIN);

/// What is kept in order.
#[derive(Debug)]
pub(super) struct Keeper {
    pub(super) channel: Arc<dyn Channel>,
    pub(super) claims: Arc<dyn Claims>,
    /// How far the ledger has come: what is before that is admitted, and its claims are pinned.
    /// `None`: the ledgers are in other processes, and their pins alone say what they need.
    pub(super) admitted: Option<Box<dyn StoredPositions>>,
    /// Those that carry applications.
    pub(super) channels: Vec<ChannelName>,
    pub(super) retention: Retention,
    pub(super) clock: Clock,
}

/// A moment from which on used claims can be judged: once all that lay on the channels then is
/// admitted, whoever needs a claim that was used long before has pinned it.
#[derive(Debug)]
struct Mark {
    used_before: Timestamp,
    ends: Vec<Position>,
}

impl Keeper {
    /// Works until `shutdown`. A round that fails is told and made up for by the next; one that is
    /// cut off has removed a part of what it would have.
    pub(super) async fn run(self, shutdown: CancellationToken) -> Result<()> {
        let mut mark = None;
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
                () = self.round(&mut mark) => {}
            }
        }
    }

    async fn round(&self, mark: &mut Option<Mark>) {
        let now = self.clock.now();
        self.trim(now).await;
        if let Err(failure) = self.sweep(now, mark).await {
            warn!(
                { field::CODE } = failure.code(),
                { field::CAUSE } = failure.report(),
                "sweeping failed; the next round makes up for it"
            );
        }
    }

    async fn trim(&self, now: Timestamp) {
        let channels_before = before(now, self.retention.channel);
        let told = [
            ChannelName::status(),
            ChannelName::reply(),
            ChannelName::dead(),
            ChannelName::control(),
        ];
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
    }

    /// Unused claims go by their age alone. Used ones can be needed by what is accepted and not yet
    /// admitted, however long ago: after a long standstill, all of them look old.
    async fn sweep(&self, now: Timestamp, mark: &mut Option<Mark>) -> Result<()> {
        let unused_before = before(now, self.retention.claims_unused);
        let used_before = match &self.admitted {
            Some(admitted) => self.passed(now, mark, admitted.as_ref()).await?,
            // As long as the channel promises its record, and longer where a ledger pins it.
            None => before(now, self.retention.claims_used),
        };
        let claims = self.claims.sweep(unused_before, used_before).await?;
        if 0 < claims {
            info!(claims, "swept");
        }
        Ok(())
    }

    /// Before when used claims can be judged. Sets the next mark.
    async fn passed(
        &self,
        now: Timestamp,
        mark: &mut Option<Mark>,
        admitted: &dyn StoredPositions,
    ) -> Result<Timestamp> {
        let mut used_before = NEVER;
        if let Some(passed) = mark
            && is_admitted(admitted, &passed.ends).await?
        {
            used_before = passed.used_before;
            *mark = None;
        }
        if mark.is_none() {
            let used_before = before(now, self.retention.claims_used);
            *mark = Some(Mark { used_before, ends: self.ends().await? });
        }
        Ok(used_before)
    }

    async fn ends(&self) -> Result<Vec<Position>> {
        let mut ends = Vec::new();
        for channel in &self.channels {
            ends.extend(self.channel.ends(channel).await?);
        }
        Ok(ends)
    }
}

async fn is_admitted(admitted: &dyn StoredPositions, ends: &[Position]) -> Result<bool> {
    for end in ends {
        let next = admitted.next_offset(&end.partition).await?;
        if next.unwrap_or(0) < end.offset {
            return Ok(false);
        }
    }
    Ok(true)
}

fn before(now: Timestamp, age: Duration) -> Timestamp {
    Timestamp(now.0.saturating_sub(i64::try_from(age.as_micros()).unwrap_or(i64::MAX)))
}

#[cfg(test)]
mod tests;
