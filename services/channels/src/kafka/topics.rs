//! Topics: made as configured, compared with what is there, and asked for their offsets.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use messaging::{ChannelName, Failure, FailureKind, Partition, Position, Result};
use rdkafka::{
    ClientConfig,
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
    config::FromClientConfigAndContext,
    error::{KafkaError, RDKafkaErrorCode as Code},
    producer::{FutureProducer, Producer as _},
};
use tokio::time::{Instant, sleep};

use super::{
    Settings,
    client::{
        ANSWER_TIME_MAX, MESSAGE_BYTES_MAX, OffRuntime, Quiet, code_failure, config, failure,
    },
    keeping::Kept,
    producer::Producer,
};
use crate::{CHANNELS_MAX, codes};

/// How often a topic just made is looked for, and how long in between.
pub(super) const LOOKS_MAX: usize = 100;
pub(super) const LOOK_PAUSE: Duration = Duration::from_millis(50);
/// How far a record's time may be from the broker's. Kafka removes records by their own time: one
/// stamped by a clock that is a week behind would be gone before anybody has read it.
pub(super) const CLOCK_ERROR_MAX: Duration = Duration::from_secs(3600);
/// How often topics that are written are looked at again: partitions may have been added.
const LOOKED_AT_EVERY: Duration = Duration::from_secs(5);
/// How long that may hold up who writes.
const LOOK_TIME_MAX: Duration = Duration::from_secs(1);
/// With as many copies, two must have a record before it is acknowledged.
pub(super) const COPIES_FOR_TWO_IN_SYNC: u16 = 3;

/// The topics of this installation.
pub(super) struct Topics {
    settings: Settings,
    producer: Arc<Producer>,
    /// Seen to have the configured number of partitions; those that are only read may have more.
    known: Mutex<BTreeMap<ChannelName, Known>>,
    /// Seen to have another one when they were to be written.
    refused: Mutex<BTreeSet<ChannelName>>,
}

/// A topic that was looked at.
#[derive(Clone, Copy, Debug)]
struct Known {
    partitions: u32,
    kept: Kept,
    looked: Instant,
}

/// What a topic is wanted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Use {
    /// Cases lie where the configured number says, so there must be just so many partitions.
    Write,
    /// What was added is not read.
    Read,
}

impl Topics {
    pub(super) fn new(settings: Settings, producer: Arc<Producer>) -> Self {
        Self { settings, producer, known: Mutex::default(), refused: Mutex::default() }
    }

    /// The topic of `channel`.
    pub(super) fn name(&self, channel: &ChannelName) -> String {
        format!("{}{channel}", self.settings.topic_prefix)
    }

    /// How a client of these topics is set up.
    pub(super) fn config(&self) -> ClientConfig {
        config(&self.settings)
    }

    /// How topics are made and named.
    pub(super) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// To whom a client of these topics speaks.
    pub(super) fn context(&self) -> Quiet {
        Quiet(Arc::clone(self.producer.trouble()))
    }

    /// As [`Trouble::explain`](super::trouble::Trouble::explain).
    pub(super) fn explain(&self, failure: Failure) -> Failure {
        self.producer.trouble().explain(failure)
    }

    /// For questions about topics themselves, and how long an answer may take.
    pub(super) fn admin(&self, what: &str) -> Result<(OffRuntime<Admin>, AdminOptions)> {
        let admin = AdminClient::from_config_and_context(&self.config(), self.context())
            .map_err(|error| failure(what, &error))?;
        let options = AdminOptions::new()
            .request_timeout(Some(ANSWER_TIME_MAX))
            .operation_timeout(Some(ANSWER_TIME_MAX));
        Ok((OffRuntime::new(admin), options))
    }

    /// For how long a channel that was looked at is kept.
    pub(super) fn kept_known(&self, channel: &ChannelName) -> Kept {
        self.known().get(channel).and_then(|known| known.kept)
    }

    /// Makes what is missing, to be written; refuses for now what has another number of partitions.
    pub(super) async fn make(&self, channels: &[ChannelName]) -> Result<()> {
        for channel in channels {
            let made = self.make_for(channel, Use::Write).await;
            let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
            match &made {
                Err(failure) if failure.code() == codes::KAFKA_PARTITIONS => {
                    refused.insert(channel.clone());
                }
                _ => {
                    refused.remove(channel);
                }
            }
            drop(refused);
            made?;
        }
        Ok(())
    }

    /// Makes what is missing, to be read; refuses what has fewer partitions than configured.
    pub(super) async fn make_to_read(&self, channels: &[ChannelName]) -> Result<()> {
        for channel in channels {
            self.make_for(channel, Use::Read).await?;
        }
        Ok(())
    }

    /// Whether a broker answers, and whether topics that could not be written can be now.
    pub(super) async fn probe(&self) -> Result<()> {
        let refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let refused: Vec<ChannelName> = refused.into_iter().collect();
        self.make(&refused).await?;
        self.ends(&ChannelName::status()).await.map(drop)
    }

    async fn make_for(&self, channel: &ChannelName, wanted_for: Use) -> Result<()> {
        let known = self.known().get(channel).copied();
        let found = match known {
            Some(known) if self.suits(known.partitions, wanted_for) => {
                let partitions = self.look_again(channel, known, wanted_for).await;
                return self.check_partitions(channel, partitions, wanted_for);
            }
            _ => self.look(channel, ANSWER_TIME_MAX).await?,
        };
        if known.is_none() && CHANNELS_MAX <= self.known().len() {
            let cause = format!("`{channel}` would be one channel more than {CHANNELS_MAX}");
            return Err(FailureKind::Defect.because(codes::TOO_MANY_CHANNELS, cause));
        }
        let (partitions, is_ours) = match found {
            Some(partitions) => (partitions, false),
            None => self.make_one(channel).await?,
        };
        self.check_partitions(channel, partitions, wanted_for)?;
        let kept = match is_ours || !self.settings.looks_at_topics {
            true => Some(self.settings.retention),
            false => self.kept(channel).await?,
        };
        self.known().insert(channel.clone(), Known { partitions, kept, looked: Instant::now() });
        Ok(())
    }

    /// How many partitions a known topic has; as before, where nobody answers at once. Events and orders
    /// go on as they went, as nothing follows from where they lie.
    async fn look_again(&self, channel: &ChannelName, known: Known, wanted_for: Use) -> u32 {
        let is_due = LOOKED_AT_EVERY <= known.looked.elapsed();
        if wanted_for == Use::Read || !channel.is_application() || !is_due {
            return known.partitions;
        }
        // One look for all who write at the same time.
        if let Some(known) = self.known().get_mut(channel) {
            known.looked = Instant::now();
        }
        let Ok(Some(found)) = self.look(channel, LOOK_TIME_MAX).await else {
            return known.partitions;
        };
        if let Some(known) = self.known().get_mut(channel) {
            known.partitions = found;
        }
        found
    }

    /// Looks again before the next use.
    pub(super) fn forget(&self, channel: &ChannelName) {
        self.known().remove(channel);
    }

    /// Where each partition ends; nothing for a topic that is not there.
    pub(super) async fn ends(&self, channel: &ChannelName) -> Result<Vec<Position>> {
        let known = self.known().get(channel).copied();
        let partitions = match known {
            Some(known) => known.partitions,
            None => self.look(channel, ANSWER_TIME_MAX).await?.unwrap_or(0),
        };
        let partition = |number| Partition { channel: channel.clone(), number };
        let partitions: Vec<Partition> = (0..partitions).map(partition).collect();
        let offsets = self.offsets(partitions).await?;
        let end = |(partition, offsets): (Partition, Range<u64>)| Position {
            partition,
            offset: offsets.end,
        };
        Ok(offsets.into_iter().map(end).collect())
    }

    /// The offsets that are there. A topic just made has no leader for a moment, and neither has
    /// one whose broker has ended.
    pub(super) async fn offsets(
        &self,
        partitions: Vec<Partition>,
    ) -> Result<Vec<(Partition, Range<u64>)>> {
        let named = |partition: Partition| {
            let number = number(&partition)?;
            Ok((self.name(&partition.channel), number, partition))
        };
        let named: Vec<Named> = partitions.into_iter().map(named).collect::<Result<_>>()?;
        let mut looks = 1;
        loop {
            let (client, asked) = (self.producer.client(), named.clone());
            let answer = blocking(move || Ok(watermarks(&client, asked))).await?;
            match answer {
                Err(refused) if looks < LOOKS_MAX && is_settling(&refused.1) => {
                    looks += 1;
                    sleep(LOOK_PAUSE).await;
                    self.refresh().await?;
                }
                answer => {
                    return answer.map_err(|refused| {
                        let (partition, error) = *refused;
                        failure(&format!("offsets of `{partition}`"), &error)
                    });
                }
            }
        }
    }

    /// Has the client ask anew what topics there are. Of topics that it does not write to it keeps
    /// for a quarter of an hour what it heard once, and a broker that has just started may have
    /// told it of a topic without its partitions.
    async fn refresh(&self) -> Result<()> {
        let client = self.producer.client();
        blocking(move || {
            let asked = client.client().fetch_metadata(None, ANSWER_TIME_MAX);
            asked.map(drop).map_err(|error| failure("look for topics", &error))
        })
        .await
    }

    fn suits(&self, partitions: u32, wanted_for: Use) -> bool {
        let wanted = self.settings.partitions;
        partitions == wanted || wanted_for == Use::Read && wanted < partitions
    }

    /// Refuses what the configuration does not say: cases would change their partitions. Who writes may
    /// try again, as nothing is wrong with what is written.
    fn check_partitions(
        &self,
        channel: &ChannelName,
        partitions: u32,
        wanted_for: Use,
    ) -> Result<()> {
        if self.suits(partitions, wanted_for) {
            return Ok(());
        }
        let (topic, wanted) = (self.name(channel), self.settings.partitions);
        let cause = format!("topic `{topic}` has {partitions} partitions, configured are {wanted}");
        let kind = match wanted_for {
            Use::Write => FailureKind::Unavailable,
            Use::Read => FailureKind::Defect,
        };
        Err(kind.because(codes::KAFKA_PARTITIONS, cause))
    }

    /// Of a partition that was added to a topic.
    pub(super) fn added(&self, partition: &Partition) -> Failure {
        let (topic, number) = (self.name(&partition.channel), partition.number);
        let wanted = self.settings.partitions;
        let cause = format!("topic `{topic}` has a partition {number}, configured are {wanted}");
        FailureKind::Defect.because(codes::KAFKA_PARTITIONS, cause)
    }

    fn known(&self) -> MutexGuard<'_, BTreeMap<ChannelName, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many partitions the topic has. Asks for all topics: a question for one by its name would
    /// make it on brokers that make topics by themselves.
    pub(super) async fn look(
        &self,
        channel: &ChannelName,
        time_max: Duration,
    ) -> Result<Option<u32>> {
        let client = self.producer.client();
        let topic = self.name(channel);
        blocking(move || {
            let metadata = client
                .client()
                .fetch_metadata(None, time_max)
                .map_err(|error| failure("look for topics", &error))?;
            let found = metadata.topics().iter().find(|found| found.name() == topic);
            let partitions = found.map(|found| found.partitions().len()).filter(|n| 0 < *n);
            Ok(partitions.map(|count| u32::try_from(count).unwrap_or(u32::MAX)))
        })
        .await
    }

    /// Tells also whether it was made here, as configured.
    async fn make_one(&self, channel: &ChannelName) -> Result<(u32, bool)> {
        let topic = self.name(channel);
        if !self.settings.makes_topics {
            let cause = format!("topic `{topic}` is missing, and making topics is forbidden");
            return Err(FailureKind::Defect.because(codes::KAFKA_TOPIC_MISSING, cause));
        }
        let was_there = self.create(&topic).await?;
        for _ in 0..LOOKS_MAX {
            if let Some(partitions) = self.look(channel, ANSWER_TIME_MAX).await? {
                return Ok((partitions, !was_there));
            }
            sleep(LOOK_PAUSE).await;
        }
        if was_there {
            let cause = format!("topic `{topic}` is there and not shown: the right `Describe`");
            return Err(FailureKind::Unavailable.because(codes::KAFKA_REFUSED, cause));
        }
        let cause = format!("topic `{topic}` was made and is not seen yet");
        Err(FailureKind::Unavailable.because(codes::KAFKA_UNAVAILABLE, cause))
    }

    /// Another process may be quicker; then its topic is as good. Tells whether one was there.
    async fn create(&self, topic: &str) -> Result<bool> {
        let Settings { partitions, replication, retention, .. } = &self.settings;
        let (retention, message) =
            (retention.as_millis().to_string(), MESSAGE_BYTES_MAX.to_string());
        let clock_error = CLOCK_ERROR_MAX.as_millis().to_string();
        let copies = replication.map_or(-1, i32::from);
        let partitions = i32::try_from(*partitions).unwrap_or(i32::MAX);
        let mut new = NewTopic::new(topic, partitions, TopicReplication::Fixed(copies))
            .set("cleanup.policy", "delete")
            .set("retention.ms", &retention)
            .set("max.message.bytes", &message)
            .set("message.timestamp.before.max.ms", &clock_error)
            .set("message.timestamp.after.max.ms", &clock_error);
        if replication.is_some_and(|copies| COPIES_FOR_TWO_IN_SYNC <= copies) {
            new = new.set("min.insync.replicas", "2");
        }
        let what = format!("make topic `{topic}`");
        let (admin, options) = self.admin(&what)?;
        let answers =
            admin.create_topics([&new], &options).await.map_err(|error| failure(&what, &error))?;
        let mut was_there = false;
        for answer in answers {
            match answer {
                Ok(_) => {}
                Err((_, Code::TopicAlreadyExists)) => was_there = true,
                Err((_, code)) => {
                    return Err(code_failure(Some(code), format!("{what}: {code}")));
                }
            }
        }
        Ok(was_there)
    }
}

type Admin = AdminClient<Quiet>;

/// A partition with the names Kafka has for it.
type Named = (String, i32, Partition);

/// Start and end of each, or which one could not be asked and why.
type Watermarks = std::result::Result<Vec<(Partition, Range<u64>)>, Box<(Partition, KafkaError)>>;

fn watermarks(client: &OffRuntime<FutureProducer<Quiet>>, partitions: Vec<Named>) -> Watermarks {
    let ask = |(topic, number, partition): Named| {
        let offset = |offset: i64| u64::try_from(offset).unwrap_or(0);
        match client.client().fetch_watermarks(&topic, number, ANSWER_TIME_MAX) {
            Ok((start, end)) => Ok((partition, offset(start)..offset(end))),
            Err(error) => Err(Box::new((partition, error))),
        }
    };
    partitions.into_iter().map(ask).collect()
}

fn is_settling(error: &KafkaError) -> bool {
    matches!(
        error.rdkafka_error_code(),
        Some(
            Code::NotLeaderForPartition
                | Code::LeaderNotAvailable
                | Code::UnknownTopicOrPartition
                // The client's own word, for what it heard before.
                | Code::UnknownPartition
        )
    )
}

/// The number as the client writes it.
pub(super) fn number(partition: &Partition) -> Result<i32> {
    i32::try_from(partition.number).map_err(|error| {
        let cause = format!("`{partition}`: {error}");
        FailureKind::Defect.because(codes::KAFKA_PARTITIONS, cause)
    })
}

/// The client's questions block; dropping the answer loses nothing.
pub(super) async fn blocking<T: Send + 'static>(
    ask: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    tokio::task::spawn_blocking(ask).await.unwrap_or_else(|error| {
        Err(FailureKind::Unavailable.because(codes::KAFKA_UNAVAILABLE, error))
    })
}
