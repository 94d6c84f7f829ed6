//! Topics that are given more partitions, by order of an operator: what lies there, and by how many
//! partitions it was put there.

use std::ops::Range;

use messaging::{ChannelName, FailureKind, GroupId, Partition, Position, Result};
use rdkafka::admin::NewPartitions;
use tokio::time::sleep;

use super::{
    KafkaChannel,
    client::{ANSWER_TIME_MAX, code_failure, failure},
    lookup::records_at,
    topics::{LOOK_PAUSE, LOOKS_MAX, Topics},
};
use crate::{codec, codes};

impl KafkaChannel {
    /// What is there of each partition of `channel`, however many the topic has, by number. Empty for a
    /// topic that is not there.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn offsets(&self, channel: &ChannelName) -> Result<Vec<(Partition, Range<u64>)>> {
        self.explained(self.topics.all_offsets(channel)).await
    }

    /// By how many partitions the record at each of `positions`, which are within the log, was put there;
    /// `None` where its writer does not say. Read in the name of `group`.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn numbered_at(
        &self,
        group: &GroupId,
        positions: Vec<Position>,
    ) -> Result<Vec<(Position, Option<u32>)>> {
        let found = self.explained(records_at(&self.topics, group, positions)).await?;
        let numbered = found
            .into_iter()
            .map(|(position, record)| (position, record.as_ref().and_then(codec::partitions)));
        Ok(numbered.collect())
    }

    /// Gives the topic of `channel` so many `partitions` in all; more than it has. Waits until that is
    /// seen.
    ///
    /// # Errors
    /// `Unavailable`: it is not known whether that was done; ask for its offsets. `Defect`: the broker
    /// refuses.
    pub async fn grow(&self, channel: &ChannelName, partitions: u32) -> Result<()> {
        self.explained(self.topics.grow(channel, partitions)).await
    }
}

impl Topics {
    async fn all_offsets(&self, channel: &ChannelName) -> Result<Vec<(Partition, Range<u64>)>> {
        let count = self.look(channel, ANSWER_TIME_MAX).await?.unwrap_or(0);
        let partition = |number| Partition { channel: channel.clone(), number };
        self.offsets((0..count).map(partition).collect()).await
    }

    async fn grow(&self, channel: &ChannelName, partitions: u32) -> Result<()> {
        let topic = self.name(channel);
        let what = format!("add partitions to topic `{topic}`");
        let (admin, options) = self.admin(&what)?;
        let count = usize::try_from(partitions).unwrap_or(usize::MAX);
        let grown = [NewPartitions::new(&topic, count)];
        let answers = admin
            .create_partitions(&grown, &options)
            .await
            .map_err(|error| failure(&what, &error))?;
        for answer in answers {
            answer.map_err(|(_, code)| code_failure(Some(code), format!("{what}: {code}")))?;
        }
        for _ in 0..LOOKS_MAX {
            if self.look(channel, ANSWER_TIME_MAX).await? == Some(partitions) {
                return Ok(());
            }
            sleep(LOOK_PAUSE).await;
        }
        let cause = format!("{what}: it was done and is not seen yet");
        Err(FailureKind::Unavailable.because(codes::KAFKA_UNAVAILABLE, cause))
    }
}
