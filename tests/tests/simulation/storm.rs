//! A channel over a bad line: slow, away now and then, its answers lost after it has done what was
//! asked, its partitions taken away and given back in the middle of reading.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use channels::memory::MemoryChannel;
use messaging::{
    Batch, Channel, ChannelName, GroupId, Partition, Position, Record, Result, StoredPositions,
    Subscription, Timestamp,
};

use super::weather::Weather;

const AWAY: &str = "AB-2101";
const SLOW: Duration = Duration::from_millis(200);

#[derive(Clone, Debug)]
pub(crate) struct Storm {
    pub(crate) calm: MemoryChannel,
    pub(crate) weather: Weather,
}

#[async_trait]
impl Channel for Storm {
    async fn append(&self, records: Vec<Record>) -> Result<Vec<Position>> {
        self.weather.takes(SLOW).await;
        self.weather.may_be_away(20, AWAY)?;
        let positions = self.calm.append(records).await?;
        // It is there, and nobody is told.
        self.weather.may_be_away(20, AWAY)?;
        self.weather.takes(SLOW).await;
        Ok(positions)
    }

    async fn subscribe(
        &self,
        group: &GroupId,
        channels: &[ChannelName],
        positions: Box<dyn StoredPositions>,
    ) -> Result<Box<dyn Subscription>> {
        self.weather.may_be_away(10, AWAY)?;
        let (group, channels) = (group.clone(), channels.to_vec());
        let positions: Arc<dyn StoredPositions> = Arc::from(positions);
        let reader = self.calm.subscribe(&group, &channels, Box::new(positions.clone())).await?;
        Ok(Box::new(Gusts { storm: self.clone(), group, channels, positions, reader }))
    }

    async fn trim(&self, channel: &ChannelName, before: Timestamp) -> Result<u64> {
        self.calm.trim(channel, before).await
    }

    async fn ends(&self, channel: &ChannelName) -> Result<Vec<Position>> {
        self.weather.may_be_away(10, AWAY)?;
        self.calm.ends(channel).await
    }
}

#[derive(Debug)]
struct Gusts {
    storm: Storm,
    group: GroupId,
    channels: Vec<ChannelName>,
    positions: Arc<dyn StoredPositions>,
    reader: Box<dyn Subscription>,
}

#[async_trait]
impl Subscription for Gusts {
    async fn receive(&mut self, records_max: usize, wait: Duration) -> Result<Option<Batch>> {
        let weather = self.storm.weather.clone();
        if weather.strikes(8) {
            // The group gives the partitions to another and back: reading begins where the store
            // stands, and batches on their way to it come once more.
            let positions = Box::new(self.positions.clone());
            self.reader = self.storm.calm.subscribe(&self.group, &self.channels, positions).await?;
        }
        weather.may_be_away(12, AWAY)?;
        let records_max = 1 + usize::try_from(weather.below(8)).unwrap_or(0).min(records_max - 1);
        if weather.strikes(6) {
            weather.takes(Duration::from_secs(2)).await;
        }
        self.reader.receive(records_max, wait).await
    }

    async fn report_progress(&mut self, partition: &Partition, next_offset: u64) -> Result<()> {
        self.reader.report_progress(partition, next_offset).await
    }
}
