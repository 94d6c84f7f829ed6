//! The Kafka channel on a real broker.

#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::{
    sync::{Arc, atomic::AtomicI64},
    time::Duration,
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
    error::RDKafkaErrorCode,
};
use tests::kafka::Broker;
use tokio::time::Instant;

/// A time of these days: Kafka's retention reads the records' own.
const NOW: i64 = 1_795_000_000_000_000;

#[tokio::test(flavor = "multi_thread")]
async fn it_is_a_channel() {
    let Some(broker) = Broker::start("the Kafka channel's conformance") else { return };
    for partitions in [1, 3] {
        let address = broker.address().to_owned();
        check(move || site(&address, partitions)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_number_of_partitions_is_refused() {
    let Some(broker) = Broker::start("Kafka topics with other partitions") else { return };
    let settings = settings(broker.address(), 3);
    let first = open(&settings);
    first.append(vec![record(1)]).await.expect("append");
    let second = open(&Settings { partitions: 4, ..settings.clone() });
    let failure = second.append(vec![record(2)]).await.expect_err("other partitions");
    assert_eq!((failure.kind(), failure.code()), (FailureKind::Defect, "AB-2102"));
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
async fn a_topic_made_anew_is_a_loud_defect() {
    let Some(broker) = Broker::start("a Kafka topic made anew") else { return };
    let settings = settings(broker.address(), 1);
    let channel = open(&settings);
    let appended = channel.append((0..10).map(record).collect()).await.expect("append");
    let last = appended.last().expect("ten were appended");
    // Another prefix is what a topic made anew is to a ledger that knows the old one.
    let anew = open(&Settings { topic_prefix: unique_prefix(), ..settings });
    anew.append(vec![record(1)]).await.expect("append");
    let positions = Positions::default();
    positions.set(&last.partition, last.offset + 1);
    let channels = [ChannelName::status()];
    let mut reader =
        anew.subscribe(&group("anew"), &channels, Box::new(positions)).await.expect("subscribe");
    let failure = reader.receive(10, Duration::from_secs(30)).await.expect_err("a gap");
    assert_eq!((failure.kind(), failure.code()), (FailureKind::Defect, "AB-2014"));
    assert!(failure.report().contains("1..10"), "the gap is named: {}", failure.report());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_made_anew_under_a_running_reader_is_a_loud_defect_for_that_partition_alone() {
    let Some(broker) = Broker::start("a Kafka topic made anew while it is read") else { return };
    let compared_every = Duration::from_millis(200);
    let settings = Settings { compared_every, ..settings(broker.address(), 1) };
    let other = ChannelName::new("reply").expect("a name");
    let of_other = |value| Record { channel: other.clone(), ..record(value) };
    let channel = open(&settings);
    let appended = channel.append((0..5).map(record).collect()).await.expect("append");
    let positions = Positions::default();
    let channels = [ChannelName::status(), other.clone()];
    let mut reader = channel
        .subscribe(&group("running"), &channels, Box::new(positions.clone()))
        .await
        .expect("subscribe");
    channel.append(vec![of_other(1)]).await.expect("append");
    let mut read = Vec::new();
    while read.len() < 6 {
        read.extend(values(&receive(&mut *reader).await.expect("both are sound")));
    }
    let last = appended.last().expect("five were appended");
    positions.take(last, record(4));
    // Long enough for a comparison to have seen what is there.
    let quiet = reader.receive(10, compared_every * 5).await.expect("nothing contradicts");
    assert_eq!(quiet, None);

    // Longer than what was read, so that no position is beyond its end.
    make_anew(&settings, &format!("{}status", settings.topic_prefix)).await;
    append_at_last(&*open(&settings), (20..40).map(record).collect()).await;
    until_contradicted(&mut *reader).await;

    append_at_last(&*channel, vec![of_other(2)]).await;
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        assert!(Instant::now() < deadline, "the other partition is read on");
        match reader.receive(10, Duration::from_secs(1)).await {
            Ok(Some(batch)) if batch.partition.channel == other => break,
            Ok(Some(batch)) => panic!("read on in {} is skipping", batch.partition),
            _ => {}
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_made_anew_is_noticed_where_nothing_came_since_reading_began() {
    let Some(broker) = Broker::start("a quiet Kafka topic made anew") else { return };
    let compared_every = Duration::from_millis(200);
    let settings = Settings { compared_every, ..settings(broker.address(), 1) };
    let channel = open(&settings);
    let appended = channel.append((0..5).map(record).collect()).await.expect("append");
    let positions = Positions::default();
    positions.take(appended.last().expect("five were appended"), record(4));
    let channels = [ChannelName::status()];
    let mut reader = channel
        .subscribe(&group("quiet"), &channels, Box::new(positions.clone()))
        .await
        .expect("subscribe");
    let quiet = reader.receive(10, compared_every * 5).await.expect("nothing contradicts");
    assert_eq!(quiet, None);
    make_anew(&settings, &format!("{}status", settings.topic_prefix)).await;
    append_at_last(&*open(&settings), (20..40).map(record).collect()).await;
    until_contradicted(&mut *reader).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn channels_of_one_group_can_be_read_apart() {
    let Some(broker) = Broker::start("two Kafka readers of one group") else { return };
    let settings = Settings { sole_reader: true, ..settings(broker.address(), 1) };
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

/// Reads until the channel `status` is told to contradict.
async fn until_contradicted(reader: &mut dyn Subscription) {
    let deadline = Instant::now() + Duration::from_secs(60);
    let failure = loop {
        assert!(Instant::now() < deadline, "nobody notices");
        match reader.receive(10, Duration::from_secs(1)).await {
            Err(failure) if failure.kind() == FailureKind::Defect => break failure,
            _ => {}
        }
    };
    assert_eq!(failure.code(), "AB-2014", "{}", failure.report());
    assert!(failure.report().contains("status"), "{}", failure.report());
}

/// Deletes the topic, and makes it again as an operator would, who does not know what was there.
async fn make_anew(settings: &Settings, topic: &str) {
    let admin: AdminClient<DefaultClientContext> =
        ClientConfig::new().set("bootstrap.servers", &settings.brokers).create().expect("admin");
    let options = AdminOptions::new().operation_timeout(Some(Duration::from_secs(30)));
    let deleted = admin.delete_topics(&[topic], &options).await.expect("delete");
    assert!(deleted.iter().all(Result::is_ok), "{deleted:?}");
    let new = NewTopic::new(topic, 1, TopicReplication::Fixed(1));
    let deadline = Instant::now() + Duration::from_secs(60);
    // A reader that misses the topic may be quicker; then it made it.
    loop {
        let made = admin.create_topics([&new], &options).await.expect("create");
        match made.as_slice() {
            [Ok(_)] | [Err((_, RDKafkaErrorCode::TopicAlreadyExists))] => return,
            other => assert!(Instant::now() < deadline, "{other:?}"),
        }
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
    let now = Arc::new(AtomicI64::new(NOW));
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
    KafkaChannel::open(settings.clone(), Clock::fixed(Timestamp(NOW))).expect("open")
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
