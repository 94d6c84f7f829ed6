//! Looks how far the ledger is behind its channels, and rings before a channel removes what was not
//! read.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use messaging::{Channel, ChannelName, Result, StoredPositions as _};
use stores::ledger::Ledger;
use telemetry::{Check, Metrics, names::field};
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info};

use crate::codes;

/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_secs(15);
/// An alarm that lasts is repeated in the log so often.
const ALARM_EVERY: Duration = Duration::from_secs(600);
/// As readers are called in metrics.
const READER: &str = "dispatcher";

/// The look-out.
#[derive(Debug)]
pub(crate) struct Backlog {
    pub(crate) channel: Arc<dyn Channel>,
    pub(crate) ledger: Arc<dyn Ledger>,
    pub(crate) channels: Vec<ChannelName>,
    pub(crate) metrics: Metrics,
    pub(crate) ready: Check,
}

/// Records of one channel that the ledger has not admitted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Unread {
    all: u64,
    /// Those for which half of their time is over.
    old: u64,
}

impl Backlog {
    /// Looks until `shutdown`. A look that fails is made up for by the next; dropping it loses
    /// nothing.
    pub(crate) async fn run(self, shutdown: CancellationToken) {
        let mut looks = interval(LOOK_EVERY);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut rung = None;
        let rounds = async {
            loop {
                looks.tick().await;
                self.look(&mut rung).await;
            }
        };
        tokio::select! {
            biased;
            () = shutdown.cancelled() => {}
            () = rounds => {}
        }
    }

    async fn look(&self, rung: &mut Option<Instant>) {
        let mut old = BTreeMap::new();
        for channel in &self.channels {
            match self.unread(channel).await {
                Ok(unread) => {
                    let metrics = self.metrics.channel();
                    metrics.set_lag(channel.as_str(), READER, unread.all);
                    metrics.set_expiring(channel.as_str(), READER, unread.old);
                    if 0 < unread.old {
                        old.insert(channel.as_str(), unread.old);
                    }
                }
                // Whoever reads or appends tells of it; nobody needs to hear it three times.
                Err(failure) => {
                    debug!({ field::CHANNEL } = %channel, cause = failure.report(), "not looked at");
                    return;
                }
            }
        }
        self.tell(&old, rung);
    }

    fn tell(&self, old: &BTreeMap<&str, u64>, rung: &mut Option<Instant>) {
        if old.is_empty() {
            self.ready.ready();
            if rung.take().is_some() {
                info!("no unread record is old any more");
            }
            return;
        }
        let told: Vec<_> = old.iter().map(|(channel, n)| format!("{n} of `{channel}`")).collect();
        let cause = format!(
            "unread for half of the time they are kept: {}; then they are lost",
            told.join(", ")
        );
        if rung.is_none_or(|rung| ALARM_EVERY <= rung.elapsed()) {
            error!(code = codes::BACKLOG_OLD, cause, "unread records will be removed");
            *rung = Some(Instant::now());
        }
        self.ready.not_ready(format!("{}: {cause}", codes::BACKLOG_OLD));
    }

    async fn unread(&self, channel: &ChannelName) -> Result<Unread> {
        let expiring = self.channel.expiring(channel).await?;
        let mut unread = Unread::default();
        for end in self.channel.ends(channel).await? {
            let young = expiring.iter().find(|young| young.partition == end.partition);
            let next = self.ledger.next_offset(&end.partition).await?.unwrap_or(0);
            unread.all += end.offset.saturating_sub(next);
            unread.old += young.map_or(0, |young| young.offset.saturating_sub(next));
        }
        Ok(unread)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use async_trait::async_trait;
    use bytes::Bytes;
    use channels::memory::MemoryChannel;
    use messaging::{
        Clock, GroupId, Partition, Position, Record, StoredPositions, Subscription, Timestamp,
    };
    use telemetry::Readiness;

    use stores::ledger::SqliteLedger;

    use super::*;

    /// A channel that removes what is below an offset sooner or later, as Kafka does.
    #[derive(Debug)]
    struct Forgetful(Arc<MemoryChannel>, AtomicU64);

    /// A folder that goes away.
    struct Folder(std::path::PathBuf);

    impl Drop for Folder {
        fn drop(&mut self) {
            drop(std::fs::remove_dir_all(&self.0));
        }
    }

    #[async_trait]
    impl Channel for Forgetful {
        async fn append(&self, records: Vec<Record>) -> Result<Vec<Position>> {
            self.0.append(records).await
        }

        async fn subscribe(
            &self,
            group: &GroupId,
            channels: &[ChannelName],
            positions: Box<dyn StoredPositions>,
        ) -> Result<Box<dyn Subscription>> {
            self.0.subscribe(group, channels, positions).await
        }

        async fn trim(&self, channel: &ChannelName, before: Timestamp) -> Result<u64> {
            self.0.trim(channel, before).await
        }

        async fn ends(&self, channel: &ChannelName) -> Result<Vec<Position>> {
            self.0.ends(channel).await
        }

        async fn expiring(&self, channel: &ChannelName) -> Result<Vec<Position>> {
            let partition = Partition { channel: channel.clone(), number: 0 };
            Ok(vec![Position { partition, offset: self.1.load(Ordering::SeqCst) }])
        }
    }

    #[tokio::test]
    async fn the_alarm_rings_while_an_unread_record_is_old() {
        let name = ChannelName::new("application.kfz").unwrap();
        let memory = Arc::new(MemoryChannel::new(Clock::fixed(Timestamp(0))));
        let channel = Arc::new(Forgetful(memory, AtomicU64::new(0)));
        for _ in 0..3 {
            let (key, value) = (Bytes::from_static(b"case"), Bytes::from_static(b"message"));
            let record = Record { channel: name.clone(), key, headers: Vec::new(), value };
            channel.append(vec![record]).await.unwrap();
        }
        let path = std::env::temp_dir().join(format!("amtsbote-{}", uuid::Uuid::new_v4()));
        let folder = Folder(path);
        std::fs::create_dir_all(&folder.0).unwrap();
        let (metrics, readiness) = (Metrics::new(), Readiness::new());
        let backlog = Backlog {
            channel: Arc::clone(&channel) as Arc<dyn Channel>,
            ledger: Arc::new(SqliteLedger::open_inline(&folder.0.join("ledger.sqlite")).unwrap()),
            channels: vec![name],
            metrics: metrics.clone(),
            ready: readiness.add("dispatcher.backlog"),
        };
        let mut rung = None;
        for (old, is_ready) in [(0, true), (2, false), (0, true)] {
            channel.1.store(old, Ordering::SeqCst);
            backlog.look(&mut rung).await;
            assert_eq!((readiness.is_ready(), rung.is_none()), (is_ready, is_ready), "{old}");
            let labels = "{channel=\"application.kfz\",reader=\"dispatcher\"}";
            let told = metrics.render();
            assert!(told.contains(&format!("amtsbote_channel_lag_records{labels} 3")), "{told}");
            let line = format!("amtsbote_channel_expiring_records{labels} {old}");
            assert!(told.contains(&line), "{told}");
        }
    }
}
