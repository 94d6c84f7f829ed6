//! Topics that were given more partitions while they are written and read.

use std::collections::BTreeMap;

use messaging::Position;
use rdkafka::admin::NewPartitions;

use super::*;

const BEFORE: u32 = 3;
const AFTER: usize = 8;
const KEYS: u8 = 60;

fn keyed(key: u8, value: u8) -> Record {
    Record { key: vec![key].into(), ..record(value) }
}

/// Has the client hear how many partitions every topic has, as it does by itself now and then.
async fn look_at_topics(channel: &KafkaChannel) {
    let other = Record { channel: ChannelName::new("reply").expect("a name"), ..record(0) };
    channel.append(vec![other]).await.expect("a topic that is not known yet");
}

fn numbers(positions: &[Position]) -> Vec<u32> {
    positions.iter().map(|position| position.partition.number).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_case_stays_in_its_partition_whatever_is_added_and_what_is_added_is_not_read() {
    let Some(broker) = Broker::shared("partitions added to a Kafka topic") else { return };
    let settings = settings(broker.address(), BEFORE);
    let channel = open(&settings);
    let all = |value| (0..KEYS).map(|key| keyed(key, value)).collect::<Vec<_>>();
    let before = channel.append(all(1)).await.expect("append");

    let topic = format!("{}status", settings.topic_prefix);
    let (admin, options) = admin(broker.address());
    let grown = NewPartitions::new(&topic, AFTER);
    let done = admin.create_partitions([&grown], &options).await.expect("the broker answers");
    assert!(done.iter().all(Result::is_ok), "{done:?}");
    look_at_topics(&channel).await;
    let after = channel.append(all(2)).await.expect("append");
    assert_eq!(numbers(&after), numbers(&before), "each case where it was");

    // Somebody else writes to one that was added.
    let foreign: rdkafka::producer::FutureProducer = ClientConfig::new()
        .set("bootstrap.servers", broker.address())
        .create()
        .expect("a producer");
    let of_others = rdkafka::producer::FutureRecord::to(&topic).key("k").payload("v").partition(7);
    foreign.send(of_others, Duration::from_secs(30)).await.expect("it is taken");

    let mut reader = channel
        .subscribe(&group("grown"), &[ChannelName::status()], Box::new(Positions::default()))
        .await
        .expect("subscribe");
    let mut read: BTreeMap<u32, Vec<u8>> = BTreeMap::new();
    let mut refused = Vec::new();
    let deadline = Instant::now() + Duration::from_secs(60);
    while read.values().map(Vec::len).sum::<usize>() < 2 * usize::from(KEYS) || refused.len() < 5 {
        assert!(Instant::now() < deadline, "{read:?} {refused:?}");
        match reader.receive(500, Duration::from_millis(500)).await {
            Ok(Some(batch)) => {
                read.entry(batch.partition.number).or_default().extend(values(&batch))
            }
            Ok(None) => {}
            Err(failure) => {
                assert_eq!((failure.kind(), failure.code()), (FailureKind::Defect, "AB-2102"));
                refused.push(failure.report());
            }
        }
    }
    assert!(read.keys().all(|number| *number < BEFORE), "{read:?}");
    for of_partition in read.values() {
        assert!(of_partition.is_sorted(), "in the order of the log");
    }
    // Who begins anew is told before anything is written.
    let failure = open(&settings).append(vec![keyed(1, 3)]).await.expect_err("it has grown");
    assert_eq!((failure.kind(), failure.code()), (FailureKind::Unavailable, "AB-2102"));
}
