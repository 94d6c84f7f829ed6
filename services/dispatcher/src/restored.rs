//! A ledger restored from a backup: what lies in the channels below where they ended when its epoch began
//! may have been handed out by the ledger before.

use std::{collections::HashMap, time::Duration};

use messaging::{Channel, ChannelName, FailureKind, Position, Result, fault};
use stores::ledger::{Ledger, MessageRow};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::{Parts, codes};

/// A channel or ledger that is away is asked again after this long.
const PAUSE: Duration = Duration::from_millis(500);

/// Where channels ended when the epoch of a restored ledger began; nothing for any other ledger.
#[derive(Clone, Debug, Default)]
pub(crate) struct Beyond {
    floors: HashMap<ChannelName, HashMap<u32, u64>>,
}

impl Beyond {
    /// Looks it up, or writes it down for this epoch. Waits for what is away: without it nothing may be
    /// admitted.
    ///
    /// # Errors
    /// `Unavailable` once `shutdown` is cancelled; `Defect` as the ledger says.
    pub(crate) async fn of(parts: &Parts, shutdown: &CancellationToken) -> Result<Self> {
        let mut floors = HashMap::new();
        let identity = parts.ledger.identity();
        if !identity.is_restored() {
            return Ok(Self { floors });
        }
        let ready = parts.ready.add("dispatcher.restored");
        // Orders too: one that waits in the ledger may have been carried out after the backup.
        for channel in parts.channels.iter().chain([&ChannelName::control()]) {
            let of_channel = loop {
                match self::floors(&*parts.ledger, &*parts.channel, channel).await {
                    Err(failure)
                        if failure.kind() == FailureKind::Unavailable
                            && !shutdown.is_cancelled() =>
                    {
                        let (code, cause) = (failure.code(), failure.report());
                        warn!(%channel, code, cause, "where the channel ended is not known yet");
                        ready.not_ready(cause);
                    }
                    known => break known?,
                }
                tokio::select! {
                    () = shutdown.cancelled() => {}
                    () = tokio::time::sleep(PAUSE) => {}
                }
            };
            floors.insert(channel.clone(), of_channel);
        }
        ready.ready();
        info!(epoch = identity.epoch, code = codes::RESTORED, "the ledger was restored");
        Ok(Self { floors })
    }

    /// Whether what lies at `position` may have been handed out by the ledger before.
    pub(crate) fn holds(&self, position: &Position) -> bool {
        let floors = self.floors.get(&position.partition.channel);
        let floor = floors.and_then(|floors| floors.get(&position.partition.number));
        floor.is_some_and(|floor| position.offset < *floor) && !fault::is_on("beyond-backup-fresh")
    }

    /// The same of a message the ledger has.
    ///
    /// # Errors
    /// As the ledger says.
    pub(crate) async fn holds_kept(
        &self,
        ledger: &dyn Ledger,
        message: MessageRow,
    ) -> Result<bool> {
        if self.floors.is_empty() {
            return Ok(false);
        }
        let kept = ledger.kept(message).await?;
        Ok(kept.is_some_and(|(position, _)| self.holds(&position)))
    }
}

/// Where `channel` ended when this epoch of the ledger began; written down now if it is not known.
pub(crate) async fn floors(
    ledger: &dyn Ledger,
    channel: &dyn Channel,
    name: &ChannelName,
) -> Result<HashMap<u32, u64>> {
    loop {
        if let Some(floors) = ledger.floors(name).await? {
            return Ok(floors);
        }
        let ends = channel.ends(name).await?;
        ledger.set_floors(name, ends).await?;
    }
}
