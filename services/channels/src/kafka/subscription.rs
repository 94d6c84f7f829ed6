//! One reader of a group: positions from its own store, batches by partition, and a new connection
//! whenever the old one is of no use.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use backoff::{ExponentialBackoff, backoff::Backoff as _};
use messaging::{
    Batch, ChannelName, Failure, FailureKind, GroupId, Partition, Result, StoredPositions,
    Subscription,
};
use rdkafka::{
    Offset, TopicPartitionList,
    config::FromClientConfigAndContext,
    consumer::{CommitMode, Consumer as _, StreamConsumer},
    error::{KafkaError, RDKafkaErrorCode as Code},
};
use tokio::time::{Instant, sleep_until, timeout_at};
use tracing::{debug, info, warn};

use super::{
    Settings,
    agreement::{Agreement, Landmark, Verdict},
    client,
    client::OffRuntime,
    lanes::Lanes,
    message,
    rebalance::{Place, Rebalances},
    topics::{Topics, number},
};
use crate::{BATCH_BYTES_MAX, codes};

/// What is taken from the client at once; it has more ready (see [`FETCHED_KILOBYTES_MAX`]).
const TAKEN_RECORDS_MAX: usize = 1_000;
const FETCHED_KILOBYTES_MAX: usize = 16 << 10;
/// Of a member's name; Kafka takes 249 with the group's name and all else.
const MEMBER_BYTES_MAX: usize = 100;
/// A reader not heard of for so long has lost its partitions to others.
const SESSION_TIME: Duration = Duration::from_secs(15);
/// Pauses before a new connection.
const RECONNECT_PAUSE_MIN: Duration = Duration::from_millis(100);
const RECONNECT_PAUSE_MAX: Duration = Duration::from_secs(10);

pub(super) struct Reader {
    settings: Settings,
    topics: Arc<Topics>,
    group: GroupId,
    channels: HashMap<String, ChannelName>,
    positions: Box<dyn StoredPositions>,
    /// `None`: to be connected again, not before `connect_at`.
    connection: Option<Connection>,
    connect_at: Instant,
    pauses: ExponentialBackoff,
    lanes: Lanes,
    /// Per partition, a record seen at the last comparison; kept whatever becomes of the connection.
    landmarks: HashMap<Partition, Landmark>,
    /// Contradictions nobody was told of yet.
    contradictions: VecDeque<Failure>,
    check_at: Instant,
}

/// A consumer that knows its way out.
struct Connection(OffRuntime<StreamConsumer<Rebalances>>);

impl Reader {
    pub(super) fn open(
        settings: Settings,
        topics: Arc<Topics>,
        group: GroupId,
        channels: Vec<ChannelName>,
        positions: Box<dyn StoredPositions>,
    ) -> Result<Self> {
        let channels = channels.into_iter().map(|channel| (topics.name(&channel), channel));
        let channels: HashMap<String, ChannelName> = channels.collect();
        let connection = Some(Connection::open(&settings, &group, &channels)?);
        let pauses = ExponentialBackoff {
            current_interval: RECONNECT_PAUSE_MIN,
            initial_interval: RECONNECT_PAUSE_MIN,
            max_interval: RECONNECT_PAUSE_MAX,
            // Its own default gives up silently after a quarter of an hour.
            max_elapsed_time: None,
            ..ExponentialBackoff::default()
        };
        Ok(Self {
            settings,
            topics,
            group,
            channels,
            positions,
            connection,
            connect_at: Instant::now(),
            pauses,
            lanes: Lanes::default(),
            landmarks: HashMap::new(),
            contradictions: VecDeque::new(),
            check_at: Instant::now(),
        })
    }

    /// The next batch in turn, or nothing until `end`.
    async fn next(&mut self, records_max: usize, end: Instant) -> Result<Option<Batch>> {
        loop {
            self.hand_back()?;
            if let Some(contradiction) = self.contradictions.pop_front() {
                return Err(contradiction);
            }
            if let Some(batch) = self.lanes.pop(records_max.max(1)) {
                self.pauses.reset();
                return Ok(Some(batch));
            }
            // One look is taken even without any wait.
            self.step(end).await?;
            if end <= Instant::now() && self.contradictions.is_empty() {
                return Ok(self.lanes.pop(records_max.max(1)));
            }
        }
    }

    /// Everything between two batches. Nothing is changed before an await that its repetition
    /// would miss.
    async fn step(&mut self, end: Instant) -> Result<()> {
        if self.connection.is_none() {
            if end < self.connect_at {
                sleep_until(end).await;
                return Ok(());
            }
            sleep_until(self.connect_at).await;
            self.connect().await?;
        }
        self.hand_back()?;
        self.take_given().await?;
        if self.check_at <= Instant::now() {
            let checked = self.check().await;
            self.check_at = Instant::now() + self.settings.compared_every;
            checked?;
        }
        if !self.contradictions.is_empty() {
            return Ok(());
        }
        let Some(connection) = &self.connection else { return Ok(()) };
        let fetched = timeout_at(end, connection.fetch(&self.channels, &mut self.lanes)).await;
        match fetched {
            Err(_) | Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => self.disturbed(&error),
        }
    }

    /// A topic that went away meanwhile is made anew, so that the gap it left is told by the check.
    async fn connect(&mut self) -> Result<()> {
        let pause = self.pauses.next_backoff().unwrap_or(RECONNECT_PAUSE_MAX);
        self.connect_at = Instant::now() + pause;
        let channels: Vec<ChannelName> = self.channels.values().cloned().collect();
        self.topics.make_to_read(&channels).await?;
        self.connection = Some(Connection::open(&self.settings, &self.group, &self.channels)?);
        info!(group = %self.group, "reading from Kafka begins anew");
        Ok(())
    }

    /// Forgets what was fetched of partitions that others read now.
    fn hand_back(&mut self) -> Result<()> {
        let Some(connection) = &self.connection else { return Ok(()) };
        let (taken, failed) = {
            let mut decided = connection.0.context().decided();
            (std::mem::take(&mut decided.taken), decided.failed.take())
        };
        for place in taken {
            if let Some(partition) = partition(&self.channels, &place) {
                self.lanes.close(&partition);
            }
        }
        failed.map_or(Ok(()), |error| self.disconnect(&error))
    }

    /// Looks up where to begin with partitions the group gives, and only then takes them: nothing
    /// is fetched from anywhere else. Asked again if the store or the broker does not answer.
    async fn take_given(&mut self) -> Result<()> {
        let Some(connection) = &self.connection else { return Ok(()) };
        let Some(given) = connection.0.context().decided().given.clone() else { return Ok(()) };
        let named = given.iter().map(|place| partition(&self.channels, place));
        let Some(partitions) = named.collect::<Option<Vec<Partition>>>() else {
            return self.disconnect(&KafkaError::Rebalance(Code::UnknownPartition));
        };
        let mut stored = Vec::with_capacity(partitions.len());
        let mut added = Vec::new();
        for partition in partitions {
            if self.settings.partitions <= partition.number {
                added.push(partition);
                continue;
            }
            let next = self.positions.next_offset(&partition).await?;
            stored.push((partition, next));
        }
        let mut verdicts = self.agreement().judge(stored).await?;
        // Taken like the others, and nothing is fetched of them.
        verdicts.extend(added.into_iter().map(|partition| {
            let begin = Err(self.topics.added(&partition));
            Verdict { partition, begin, landmark: None }
        }));
        let (mut list, mut stuck) = (TopicPartitionList::new(), TopicPartitionList::new());
        for Verdict { partition, begin, .. } in &verdicts {
            let offset = match begin {
                Ok(next) => offset(partition, *next)?,
                Err(_) => Offset::End,
            };
            add(&mut list, &self.topics, partition, offset)?;
            if begin.is_err() {
                add(&mut stuck, &self.topics, partition, Offset::Invalid)?;
            }
        }
        // From here on without an await: what was taken is in a lane.
        let context = connection.0.context();
        if context.decided().given.as_ref() != Some(&given) {
            return Ok(());
        }
        context.decided().given = None;
        // All are taken, as the group must have an answer; nothing is fetched of those in doubt.
        let taken = connection.0.incremental_assign(&list).err();
        if let Some(error) = taken.or_else(|| connection.0.pause(&stuck).err()) {
            return self.disconnect(&error);
        }
        for Verdict { partition, begin, landmark } in verdicts {
            self.landmarks.extend(landmark.map(|landmark| (partition.clone(), landmark)));
            match begin {
                Ok(next) => self.lanes.open(partition, next),
                Err(contradiction) => self.contradictions.push_back(contradiction),
            }
        }
        Ok(())
    }

    /// Whether the log still holds what it did: a topic made anew would just be silent, or go on
    /// with other records. What contradicts is read no further, and its landmark stays: it
    /// contradicts a new connection too.
    async fn check(&mut self) -> Result<()> {
        let fetched = self.lanes.fetched().into_iter().map(|(at, next)| (at, Some(next)));
        let verdicts = match self.agreement().judge(fetched.collect()).await {
            Err(failure) if failure.kind() == FailureKind::Defect => return Err(failure),
            Err(failure) => {
                debug!(cause = failure.report(), "not compared now");
                return Ok(());
            }
            Ok(verdicts) => verdicts,
        };
        let mut stuck = TopicPartitionList::new();
        for Verdict { partition, begin, landmark } in verdicts {
            self.landmarks.extend(landmark.map(|landmark| (partition.clone(), landmark)));
            let Err(contradiction) = begin else { continue };
            add(&mut stuck, &self.topics, &partition, Offset::Invalid)?;
            self.lanes.close(&partition);
            self.contradictions.push_back(contradiction);
        }
        self.landmarks.extend(self.lanes.landmarks());
        let Some(connection) = &self.connection else { return Ok(()) };
        match connection.0.pause(&stuck) {
            Err(error) if 0 < stuck.count() => self.disconnect(&error),
            _ => Ok(()),
        }
    }

    fn agreement(&self) -> Agreement<'_> {
        Agreement {
            topics: &self.topics,
            group: &self.group,
            positions: &*self.positions,
            landmarks: &self.landmarks,
        }
    }

    /// What an error between reader and broker asks for.
    fn disturbed(&mut self, error: &KafkaError) -> Result<()> {
        match error.rdkafka_error_code() {
            // The client connects again by itself, or joins the group again with its next turn.
            Some(Code::BrokerTransportFailure | Code::PollExceeded | Code::OperationTimedOut) => {
                debug!(%error, "disturbed");
                Ok(())
            }
            Some(Code::AllBrokersDown | Code::Resolve) => Err(self.failure(error)),
            // Not an error yet: the store's positions decide when they are compared again.
            Some(Code::AutoOffsetReset | Code::OffsetOutOfRange) => {
                warn!(%error, "fetching went beyond the log");
                self.drop_connection();
                Ok(())
            }
            _ => {
                for channel in self.channels.values() {
                    self.topics.forget(channel);
                }
                self.disconnect(error)
            }
        }
    }

    fn disconnect(&mut self, error: &KafkaError) -> Result<()> {
        self.drop_connection();
        Err(self.failure(error))
    }

    fn drop_connection(&mut self) {
        self.connection = None;
        self.lanes = Lanes::default();
    }

    fn failure(&self, error: &KafkaError) -> Failure {
        client::failure(&format!("group `{}` reads", self.group), error)
    }
}

/// A member's name as Kafka takes it: of letters, digits and `._-`, and not too long beside the group's.
fn legal(member: &str) -> String {
    let is_legal = |c: &char| c.is_ascii_alphanumeric() || "._-".contains(*c);
    if member.len() <= MEMBER_BYTES_MAX && member.chars().all(|c| is_legal(&c)) {
        return member.to_owned();
    }
    let kept: String = member.chars().filter(is_legal).take(MEMBER_BYTES_MAX).collect();
    format!("{kept}-{:08x}", crc32fast::hash(member.as_bytes()))
}

impl Connection {
    fn open(
        settings: &Settings,
        group: &GroupId,
        channels: &HashMap<String, ChannelName>,
    ) -> Result<Self> {
        let mut config = client::config(settings);
        config
            .set("group.id", group.to_string())
            .set("partition.assignment.strategy", "cooperative-sticky")
            .set("session.timeout.ms", SESSION_TIME.as_millis().to_string())
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("auto.offset.reset", "error")
            .set("allow.auto.create.topics", "false")
            .set("queued.max.messages.kbytes", FETCHED_KILOBYTES_MAX.to_string())
            .set("fetch.queue.backoff.ms", "5");
        let mut topics: Vec<&str> = channels.keys().map(String::as_str).collect();
        topics.sort_unstable();
        if let Some(member) = &settings.member {
            // One name for each set of channels: a group may read its channels apart. And for each number
            // of partitions: who comes back under its name gets those it had, and never the added ones.
            let set = format!("{},{}", topics.join(","), settings.partitions);
            let set = crc32fast::hash(set.as_bytes());
            config.set("group.instance.id", format!("{group}-{}-{set:08x}", legal(member)));
        }
        let what = format!("group `{group}`");
        let consumer = StreamConsumer::from_config_and_context(&config, Rebalances::default())
            .map_err(|error| client::failure(&what, &error))?;
        consumer.subscribe(&topics).map_err(|error| client::failure(&what, &error))?;
        Ok(Self(OffRuntime::new(consumer)))
    }

    /// Waits for the first record or a decision of the group, then takes what is there.
    ///
    /// Cancel safe: a record leaves the client without an await before it is in its lane.
    async fn fetch(
        &self,
        channels: &HashMap<String, ChannelName>,
        lanes: &mut Lanes,
    ) -> std::result::Result<(), KafkaError> {
        let mut bytes = 0;
        tokio::select! {
            biased;
            received = self.0.recv() => bytes += message::take(&received?, channels, lanes),
            () = self.0.context().changed.notified() => return Ok(()),
        }
        for _ in 1..TAKEN_RECORDS_MAX {
            if BATCH_BYTES_MAX <= bytes {
                break;
            }
            tokio::select! {
                biased;
                received = self.0.recv() => bytes += message::take(&received?, channels, lanes),
                () = std::future::ready(()) => break,
            }
        }
        Ok(())
    }
}

impl Drop for Connection {
    /// The group waits for an answer to what it gave last, even from one who leaves.
    fn drop(&mut self) {
        let given = {
            let mut decided = self.0.context().decided();
            decided.is_closing = true;
            decided.given.take()
        };
        let Some(given) = given else { return };
        let mut list = TopicPartitionList::new();
        for (topic, number) in &given {
            list.add_partition(topic, *number);
        }
        if let Err(error) = self.0.incremental_assign(&list) {
            debug!(%error, "a last answer to the group failed");
        }
    }
}

#[async_trait]
impl Subscription for Reader {
    async fn receive(&mut self, records_max: usize, wait: Duration) -> Result<Option<Batch>> {
        let end = Instant::now() + wait;
        let next = self.next(records_max, end).await;
        next.map_err(|failure| self.topics.explain(failure))
    }

    /// For Kafka's own tools; nothing here reads it.
    async fn report_progress(&mut self, partition: &Partition, next_offset: u64) -> Result<()> {
        let Some(connection) = &self.connection else { return Ok(()) };
        if !self.lanes.has(partition) {
            return Ok(());
        }
        let mut list = TopicPartitionList::new();
        add(&mut list, &self.topics, partition, offset(partition, next_offset)?)?;
        if let Err(error) = connection.0.commit(&list, CommitMode::Async) {
            debug!(%error, %partition, "progress was not told");
        }
        Ok(())
    }
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reader").field("group", &self.group).finish_non_exhaustive()
    }
}

/// The partition at `place`, if it is of a channel that is read.
pub(super) fn partition(
    channels: &HashMap<String, ChannelName>,
    place: &Place,
) -> Option<Partition> {
    let (topic, number) = place;
    let channel = channels.get(topic)?.clone();
    Some(Partition { channel, number: u32::try_from(*number).ok()? })
}

fn offset(partition: &Partition, next: u64) -> Result<Offset> {
    i64::try_from(next).map(Offset::Offset).map_err(|error| {
        FailureKind::Defect.because(codes::POSITION_UNKNOWN, format!("`{partition}`: {error}"))
    })
}

fn add(
    list: &mut TopicPartitionList,
    topics: &Topics,
    partition: &Partition,
    offset: Offset,
) -> Result<()> {
    let topic = topics.name(&partition.channel);
    list.add_partition_offset(&topic, number(partition)?, offset)
        .map_err(|error| client::failure(&format!("`{partition}`"), &error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_kafka_takes_stays_and_others_stay_apart() {
        for name in ["sole", "kreis-a.example_1", &"x".repeat(MEMBER_BYTES_MAX)] {
            assert_eq!(legal(name), name);
        }
        let long = "x".repeat(MEMBER_BYTES_MAX + 1);
        let names = ["Landkreis Görlitz", "Landkreis Grlitz", "LandkreisGrlitz", "ä", "ö", &long];
        let made: std::collections::BTreeSet<String> = names.map(legal).into_iter().collect();
        assert_eq!(made.len(), names.len(), "{made:?}");
        for name in &made {
            let is_legal = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
            assert!(name.chars().all(is_legal) && name.len() <= MEMBER_BYTES_MAX + 9, "{name}");
        }
    }
}
