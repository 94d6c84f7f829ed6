//! The Kafka channel on a real broker.

#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::{
    sync::{Arc, atomic::AtomicI64},
    time::Duration,
};

use channels::kafka::{KafkaChannel, Settings};
use messaging::{
    Channel, ChannelName, Clock, FailureKind, GroupId, Record, Timestamp,
    conformance::channel::{Positions, Site, check},
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
    append_at_last(&*channel, 3).await;
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

async fn append_at_last(channel: &dyn Channel, value: u8) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while let Err(failure) = channel.append(vec![record(value)]).await {
        assert_eq!(failure.kind(), FailureKind::Unavailable, "{failure:?}");
        assert!(Instant::now() < deadline, "the broker is back: {}", failure.report());
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
