//! A message channel on Apache Kafka: one topic per channel, through librdkafka.
//!
//! Positions live in the reader's own store; what is committed to Kafka is for its tools only.

mod agreement;
mod client;
mod growth;
mod keeping;
mod lanes;
mod lookup;
mod message;
mod partitioner;
mod producer;
mod rebalance;
mod security;
mod subscription;
mod topics;
mod trouble;

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use messaging::{
    Channel, ChannelName, Clock, GroupId, Position, Record, Result, StoredPositions, Subscription,
    Timestamp,
};

pub use self::security::{IS_SECURE_BUILD, Identity, Mechanism, Password, Security, Tls, User};
use self::{producer::Producer, subscription::Reader, topics::Topics};
use crate::check_size;

/// How to reach Kafka, and how topics are made there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// `host:port`, several with commas.
    pub brokers: String,
    /// In front of every channel's name; ends with a dot.
    pub topic_prefix: String,
    /// Of every topic: which partition a case is in follows from it. Another one needs a switch in the
    /// ledgers of its readers.
    pub partitions: u32,
    /// Copies of every record; `None`: as the brokers are configured.
    pub replication: Option<u16>,
    /// How long Kafka keeps records of the topics made here.
    pub retention: Duration,
    /// Whether missing topics are made; otherwise they are refused by name.
    pub makes_topics: bool,
    /// Whether topics that were there are asked how they keep records; a stand-in cannot be.
    pub looks_at_topics: bool,
    /// How long an append may take before it is given up as `Unavailable`.
    pub delivery_time_max: Duration,
    /// Between two comparisons of what was read with what the log holds: for so long, a topic that
    /// was made anew under a running reader may go unnoticed.
    pub compared_every: Duration,
    /// This process's name among the readers of a group, the same at every start and no other's:
    /// then it comes back to its partitions at once after a crash, instead of waiting until the
    /// group has forgotten it. `None`: such a name cannot be given.
    pub member: Option<String>,
    /// How connections are protected.
    pub security: Security,
}

impl Settings {
    /// The defaults, on `brokers`.
    #[must_use]
    pub fn new(brokers: impl Into<String>) -> Self {
        Self {
            brokers: brokers.into(),
            topic_prefix: "amtsbote.".to_owned(),
            partitions: 12,
            replication: None,
            retention: Duration::from_secs(7 * 24 * 3600),
            makes_topics: true,
            looks_at_topics: true,
            delivery_time_max: Duration::from_secs(10),
            compared_every: Duration::from_secs(30),
            member: None,
            security: Security::default(),
        }
    }
}

/// The channel; clients connect by themselves, and again whenever a connection is lost.
pub struct KafkaChannel {
    settings: Settings,
    clock: Clock,
    producer: Arc<Producer>,
    topics: Arc<Topics>,
}

impl KafkaChannel {
    /// Sets the client up. Does not wait for a broker: one that is down now is `Unavailable` later.
    ///
    /// # Errors
    /// `Defect`: the settings are refused.
    pub fn open(settings: Settings, clock: Clock) -> Result<Arc<Self>> {
        let producer = Arc::new(Producer::new(&settings)?);
        let topics = Arc::new(Topics::new(settings.clone(), Arc::clone(&producer)));
        Ok(Arc::new(Self { settings, clock, producer, topics }))
    }

    /// What `asked` comes to, with the reason if nobody answers. As cancel safe as that.
    async fn explained<T>(&self, asked: impl Future<Output = Result<T>> + Send) -> Result<T> {
        let trouble = self.producer.trouble();
        match asked.await {
            Ok(answer) => {
                trouble.over();
                Ok(answer)
            }
            Err(failure) => Err(trouble.explain(failure)),
        }
    }
}

impl fmt::Debug for KafkaChannel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaChannel").field("settings", &self.settings).finish_non_exhaustive()
    }
}

#[async_trait]
impl Channel for KafkaChannel {
    fn system(&self) -> &'static str {
        "kafka"
    }

    fn partitions(&self) -> Option<u32> {
        Some(self.settings.partitions)
    }

    async fn append(&self, records: Vec<Record>) -> Result<Vec<Position>> {
        check_size(&records)?;
        let mut channels: Vec<ChannelName> = records.iter().map(|r| r.channel.clone()).collect();
        channels.sort();
        channels.dedup();
        let appended = async {
            self.topics.make(&channels).await?;
            self.producer.append(&self.topics, records, self.clock.now()).await
        };
        self.explained(appended).await
    }

    async fn subscribe(
        &self,
        group: &GroupId,
        channels: &[ChannelName],
        positions: Box<dyn StoredPositions>,
    ) -> Result<Box<dyn Subscription>> {
        self.explained(self.topics.make_to_read(channels)).await?;
        let topics = Arc::clone(&self.topics);
        let settings = self.settings.clone();
        let reader = Reader::open(settings, topics, group.clone(), channels.to_vec(), positions)?;
        Ok(Box::new(reader))
    }

    /// Kafka does this by itself.
    async fn trim(&self, _channel: &ChannelName, _before: Timestamp) -> Result<u64> {
        Ok(0)
    }

    async fn ends(&self, channel: &ChannelName) -> Result<Vec<Position>> {
        self.explained(self.topics.ends(channel)).await
    }

    async fn expiring(&self, channel: &ChannelName) -> Result<Vec<Position>> {
        self.explained(self.topics.expiring(channel, self.clock.now())).await
    }

    async fn probe(&self) -> Result<()> {
        self.explained(self.topics.probe()).await
    }
}
