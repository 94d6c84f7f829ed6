//! Appends: idempotent, acknowledged by all in-sync replicas, given up within a bounded time.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use messaging::{
    ChannelName, Failure, FailureKind, Partition, Position, Record, Result, Timestamp,
};
use rdkafka::{
    config::FromClientConfigAndContext,
    error::{KafkaError, RDKafkaErrorCode as Code},
    message::{Header, OwnedHeaders},
    producer::{DeliveryFuture, FutureProducer, FutureRecord},
};
use tokio::time::{Instant, sleep, timeout_at};

use super::{
    Settings,
    client::{OffRuntime, Quiet, code_failure, config, failure},
    partitioner::partition_of,
    topics::Topics,
    trouble::Trouble,
};
use crate::codes;

/// What waits inside the client for its broker; more is held back where it comes from.
const WAITING_RECORDS_MAX: usize = 100_000;
const WAITING_KILOBYTES_MAX: usize = 64 << 10;
/// How long the client gathers records for one request.
const LINGER_MILLISECONDS: u32 = 1;
/// Between two tries to get a record into a full client.
const FULL_PAUSE: Duration = Duration::from_millis(5);
/// The client gives up by itself; this is for one that does not.
const GIVEN_UP_WITHIN: Duration = Duration::from_secs(5);

type Client = OffRuntime<FutureProducer<Quiet>>;

/// The one producer, made anew after what its client calls fatal.
pub(super) struct Producer {
    settings: Settings,
    trouble: Arc<Trouble>,
    client: Mutex<Arc<Client>>,
}

impl Producer {
    pub(super) fn new(settings: &Settings) -> Result<Self> {
        let trouble = Arc::new(Trouble::default());
        let client = Mutex::new(Arc::new(make(settings, &trouble)?));
        Ok(Self { settings: settings.clone(), trouble, client })
    }

    /// What the clients of this channel say about their connections.
    pub(super) fn trouble(&self) -> &Arc<Trouble> {
        &self.trouble
    }

    pub(super) fn client(&self) -> Arc<Client> {
        Arc::clone(&self.client.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Not cancel safe: what was handed to the client is sent.
    pub(super) async fn append(
        &self,
        topics: &Topics,
        records: Vec<Record>,
        now: Timestamp,
    ) -> Result<Vec<Position>> {
        let client = self.client();
        let deadline = Instant::now() + self.settings.delivery_time_max;
        let mut sent = Vec::with_capacity(records.len());
        for record in &records {
            let topic = topics.name(&record.channel);
            let place = (topic.as_str(), partition_of(&record.key, self.settings.partitions));
            let delivery = send(&client, place, record, now, deadline)
                .await
                .map_err(|error| self.failed(&client, &record.channel, &error))?;
            sent.push((&record.channel, delivery));
        }
        let mut positions = Vec::with_capacity(sent.len());
        for (channel, delivery) in sent {
            let delivered = match timeout_at(deadline + GIVEN_UP_WITHIN, delivery).await {
                Ok(Ok(delivered)) => delivered.map_err(|(error, _)| error),
                Ok(Err(_)) => Err(KafkaError::Canceled),
                Err(_) => Err(KafkaError::MessageProduction(Code::MessageTimedOut)),
            };
            let delivered = delivered.map_err(|error| self.failed(&client, channel, &error))?;
            positions.push(position(channel, delivered.partition, delivered.offset)?);
        }
        Ok(positions)
    }

    /// A client in a fatal state refuses everything, so the next append gets a new one.
    fn failed(&self, failed: &Arc<Client>, channel: &ChannelName, error: &KafkaError) -> Failure {
        use rdkafka::producer::Producer as _;
        let what = format!("append to `{channel}`");
        if let Some((code, reason)) = failed.client().fatal_error() {
            let mut client = self.client.lock().unwrap_or_else(PoisonError::into_inner);
            if Arc::ptr_eq(&client, failed) {
                match make(&self.settings, &self.trouble) {
                    Ok(new) => *client = Arc::new(new),
                    Err(failure) => return failure,
                }
            }
            return code_failure(Some(code), format!("{what}: {reason}"));
        }
        failure(&what, error)
    }
}

fn make(settings: &Settings, trouble: &Arc<Trouble>) -> Result<Client> {
    let mut config = config(settings);
    config
        .set("enable.idempotence", "true")
        .set("acks", "all")
        .set("compression.type", "lz4")
        .set("linger.ms", LINGER_MILLISECONDS.to_string())
        .set("message.timeout.ms", settings.delivery_time_max.as_millis().to_string())
        .set("queue.buffering.max.messages", WAITING_RECORDS_MAX.to_string())
        .set("queue.buffering.max.kbytes", WAITING_KILOBYTES_MAX.to_string());
    let client = FutureProducer::from_config_and_context(&config, Quiet(Arc::clone(trouble)))
        .map_err(|error| failure("the producer", &error))?;
    Ok(OffRuntime::new(client))
}

/// Hands one record over, in turn: a full client holds its caller back until `deadline`.
async fn send(
    client: &Client,
    (topic, partition): (&str, i32),
    record: &Record,
    now: Timestamp,
    deadline: Instant,
) -> std::result::Result<DeliveryFuture, KafkaError> {
    let mut headers = OwnedHeaders::new_with_capacity(record.headers.len());
    for (key, value) in &record.headers {
        headers = headers.insert(Header { key, value: Some(value.as_ref()) });
    }
    let mut message = FutureRecord::to(topic)
        .partition(partition)
        .key(record.key.as_ref())
        .payload(record.value.as_ref())
        .headers(headers)
        .timestamp(now.0 / 1_000);
    loop {
        match client.send_result(message) {
            Ok(delivery) => return Ok(delivery),
            Err((KafkaError::MessageProduction(Code::QueueFull), back))
                if Instant::now() < deadline =>
            {
                message = back;
                sleep(FULL_PAUSE).await;
            }
            Err((error, _)) => return Err(error),
        }
    }
}

fn position(channel: &ChannelName, number: i32, offset: i64) -> Result<Position> {
    match (u32::try_from(number), u64::try_from(offset)) {
        (Ok(number), Ok(offset)) => {
            Ok(Position { partition: Partition { channel: channel.clone(), number }, offset })
        }
        // A broker that acknowledges without an offset: it is there, but nobody can say where.
        _ => {
            let cause = format!("`{channel}`: acknowledged at {number}/{offset}");
            Err(FailureKind::Unavailable.because(codes::KAFKA_UNAVAILABLE, cause))
        }
    }
}
