//! The Kafka channel on a real broker.

#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(clippy::print_stderr, clippy::print_stdout, reason = "it says how long it took")]

mod anew;
mod grown;
mod member;
mod mock;
mod secure;
mod topics;

use std::{
    sync::{Arc, atomic::AtomicI64},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use channels::kafka::{KafkaChannel, Settings};
use messaging::{
    Channel, ChannelName, Clock, FailureKind, GroupId, Record, Subscription, Timestamp,
    conformance::channel::{Positions, Site, check},
};
use rdkafka::{
    ClientConfig,
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
    client::DefaultClientContext,
};
use tests::kafka::Broker;
use tokio::time::Instant;

/// The time, to the millisecond as Kafka knows it. The broker removes records by the time they carry,
/// so that any other would be too old one day.
#[allow(clippy::disallowed_methods, reason = "it is compared with the broker's")]
fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX) * 1_000
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_a_channel() {
    let Some(broker) = Broker::shared("the Kafka channel's conformance on a real broker") else {
        return;
    };
    for partitions in [1, 3] {
        let address = broker.address().to_owned();
        check(move || site(&address, partitions)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_number_of_partitions_is_refused() {
    let Some(broker) = Broker::shared("Kafka topics with other partitions") else { return };
    let settings = settings(broker.address(), 3);
    let first = open(&settings);
    first.append(vec![record(1)]).await.expect("append");
    let second = open(&Settings { partitions: 4, ..settings.clone() });
    let failure = second.append(vec![record(2)]).await.expect_err("other partitions");
    assert_eq!((failure.kind(), failure.code()), (FailureKind::Unavailable, "AB-2102"));
    let report = failure.report();
    assert!(report.contains("has 3") && report.contains("are 4"), "{report}");

    let forbidden = Settings {
        makes_topics: false,
        topic_prefix: format!("{}x.", settings.topic_prefix),
        ..settings
    };
    let failure = open(&forbidden).append(vec![record(3)]).await.expect_err("no topic");
    assert_eq!((failure.kind(), failure.code()), (FailureKind::Defect, "AB-2103"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_is_down_is_unavailable_in_time_and_all_goes_on_after() {
    let Some(mut broker) = Broker::start("Kafka away and back") else { return };
    let delivery_time_max = Duration::from_secs(3);
    let settings = Settings { delivery_time_max, ..settings(broker.address(), 1) };
    let channel = open(&settings);
    let mut reader = channel
        .subscribe(&group("away"), &[ChannelName::status()], Box::new(Positions::default()))
        .await
        .expect("subscribe");
    channel.append(vec![record(1)]).await.expect("append");
    let batch = reader.receive(10, Duration::from_secs(30)).await.expect("receive");
    assert_eq!(values(&batch.expect("there is one")), [1]);

    broker.stop();
    let begun = Instant::now();
    let failure = channel.append(vec![record(2)]).await.expect_err("nobody is there");
    assert_eq!((failure.kind(), failure.code()), (FailureKind::Unavailable, "AB-2101"));
    assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());

    broker.go_on();
    // Unavailable means unknown, so the record may be there twice, but never not at all.
    append_at_last(&*channel, vec![record(3)]).await;
    let mut seen = Vec::new();
    while !seen.contains(&3) {
        assert!(begun.elapsed() < Duration::from_secs(90), "nothing comes any more: {seen:?}");
        match reader.receive(10, Duration::from_secs(5)).await {
            Ok(batch) => seen.extend(batch.iter().flat_map(values)),
            Err(failure) => assert_eq!(failure.kind(), FailureKind::Unavailable, "{failure:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn channels_of_one_group_can_be_read_apart() {
    let Some(broker) = Broker::shared("two Kafka readers of one group") else { return };
    let member = Some("sole".to_owned());
    let settings = Settings { member, ..settings(broker.address(), 1) };
    let channel = open(&settings);
    let other = ChannelName::new("reply").expect("a name");
    let mut readers = Vec::new();
    for name in [ChannelName::status(), other.clone()] {
        let positions = Box::new(Positions::default());
        readers.push(channel.subscribe(&group("apart"), &[name], positions).await.expect("both"));
    }
    let [status, reply] = &mut readers[..] else { panic!("two were opened") };
    for round in 1..=3 {
        let of_other = Record { channel: other.clone(), ..record(round) };
        channel.append(vec![record(round), of_other]).await.expect("append");
        // At once, as the group gives nothing to one before both have answered.
        let (status, reply) = tokio::join!(receive(&mut **status), receive(&mut **reply));
        assert_eq!(values(&status.expect("sound")), [round]);
        assert_eq!(values(&reply.expect("sound")), [round]);
    }
}

async fn receive(reader: &mut dyn Subscription) -> messaging::Result<messaging::Batch> {
    Ok(reader.receive(10, Duration::from_secs(30)).await?.expect("there is one"))
}

async fn append_at_last(channel: &dyn Channel, records: Vec<Record>) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while let Err(failure) = channel.append(records.clone()).await {
        assert_eq!(failure.kind(), FailureKind::Unavailable, "{failure:?}");
        assert!(Instant::now() < deadline, "nothing is taken: {}", failure.report());
    }
}

fn site(address: &str, partitions: u32) -> Site {
    let now = Arc::new(AtomicI64::new(now()));
    let settings = settings(address, partitions);
    let clock = Site::clock(&now);
    let open = move || -> std::pin::Pin<Box<dyn Future<Output = Arc<dyn Channel>> + Send>> {
        let (settings, clock) = (settings.clone(), clock.clone());
        Box::pin(async move {
            let channel = KafkaChannel::open(settings, clock).expect("open");
            channel as Arc<dyn Channel>
        })
    };
    Site { open: Box::new(open), now, trims: false, reads_at_once: false }
}

fn settings(address: &str, partitions: u32) -> Settings {
    Settings {
        topic_prefix: unique_prefix(),
        partitions,
        replication: Some(1),
        ..Settings::new(address)
    }
}

fn unique_prefix() -> String {
    format!("test-{}.", uuid::Uuid::new_v4())
}

fn open(settings: &Settings) -> Arc<KafkaChannel> {
    KafkaChannel::open(settings.clone(), Clock::fixed(Timestamp(now()))).expect("open")
}

fn group(name: &str) -> GroupId {
    GroupId::new(name).expect("a valid group")
}

fn record(value: u8) -> Record {
    Record {
        channel: ChannelName::status(),
        key: vec![1].into(),
        headers: Vec::new(),
        value: vec![value].into(),
    }
}

fn values(batch: &messaging::Batch) -> Vec<u8> {
    batch.records.iter().filter_map(|(_, _, record)| record.value.first().copied()).collect()
}

/// A client that makes and unmakes topics as an operator would.
fn admin(address: &str) -> (AdminClient<DefaultClientContext>, AdminOptions) {
    let admin = ClientConfig::new().set("bootstrap.servers", address).create().expect("admin");
    (admin, AdminOptions::new().operation_timeout(Some(Duration::from_secs(30))))
}

/// Makes a topic as somebody else would.
async fn make(address: &str, topic: &str, partitions: i32, configuration: &[(&str, &str)]) {
    let (admin, options) = admin(address);
    let mut new = NewTopic::new(topic, partitions, TopicReplication::Fixed(1));
    for (name, value) in configuration {
        new = new.set(name, value);
    }
    let made = admin.create_topics([&new], &options).await.expect("create");
    assert!(made.iter().all(Result::is_ok), "{made:?}");
}
