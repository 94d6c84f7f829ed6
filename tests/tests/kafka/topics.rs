//! Topics that others made, and what lies in them.

use std::sync::atomic::Ordering;

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_record_over_the_topics_limit_is_refused_and_others_go_on() {
    let Some(broker) = Broker::shared("a Kafka topic with a small limit") else { return };
    let settings = settings(broker.address(), 1);
    let topic = format!("{}status", settings.topic_prefix);
    make(broker.address(), &topic, 1, &[("max.message.bytes", "2000")]).await;
    let channel = open(&settings);
    // Nothing that compresses: the limit is about what is sent.
    let noise: Vec<u8> = (0..512).flat_map(|_| uuid::Uuid::new_v4().into_bytes()).collect();
    let large = Record { value: noise.into(), ..record(1) };
    let failure = channel.append(vec![large]).await.expect_err("8 KiB");
    assert_eq!((failure.kind(), failure.code()), (FailureKind::Defect, "AB-2003"));
    channel.append(vec![record(2)]).await.expect("a small one");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_compacted_topic_is_refused() {
    let Some(broker) = Broker::shared("a compacted Kafka topic") else { return };
    let settings = settings(broker.address(), 1);
    let topic = format!("{}status", settings.topic_prefix);
    make(broker.address(), &topic, 1, &[("cleanup.policy", "compact")]).await;
    let failure = open(&settings).append(vec![record(1)]).await.expect_err("it would forget");
    assert_eq!((failure.kind(), failure.code()), (FailureKind::Defect, "AB-2109"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_is_old_when_half_of_its_topics_retention_is_over() {
    let Some(broker) = Broker::shared("old records on Kafka") else { return };
    let settings = settings(broker.address(), 1);
    let topic = format!("{}status", settings.topic_prefix);
    // The topic's own time counts, not the configured one.
    make(broker.address(), &topic, 1, &[("retention.ms", "3600000")]).await;
    let start = now();
    let now = Arc::new(AtomicI64::new(start));
    let channel = KafkaChannel::open(settings, Site::clock(&now)).expect("open");
    channel.append((0..3).map(record).collect()).await.expect("append");
    for (minutes, expected) in [(0, 0), (29, 0), (31, 3)] {
        now.store(start + minutes * 60_000_000, Ordering::SeqCst);
        assert_eq!(expiring(&channel).await, [expected], "after {minutes} minutes");
    }
    channel.append(vec![record(3)]).await.expect("append");
    assert_eq!(expiring(&channel).await, [3], "the new one is young");
}

/// Else a receipt could be given for a record that the broker removes at its next look.
#[tokio::test(flavor = "multi_thread")]
async fn a_record_stamped_by_a_wrong_clock_is_refused() {
    let Some(broker) = Broker::shared("Kafka and a wrong clock") else { return };
    let settings = settings(broker.address(), 1);
    let start = now();
    let now = Arc::new(AtomicI64::new(start));
    let channel = KafkaChannel::open(settings, Site::clock(&now)).expect("open");
    for minutes in [-61, 62, -10 * 24 * 60] {
        now.store(start + minutes * 60_000_000, Ordering::SeqCst);
        let failure = channel.append(vec![record(1)]).await.expect_err("a wrong clock");
        assert_eq!((failure.kind(), failure.code()), (FailureKind::Unavailable, "AB-2110"));
    }
    now.store(start, Ordering::SeqCst);
    channel.append(vec![record(2)]).await.expect("the clock is right again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_address_is_told_with_the_reason_in_time() {
    // Reserved and closed: nothing listens there.
    for (address, reason) in [("127.0.0.1:1", "refused"), ("nobody.invalid:9092", "resolve")] {
        let begun = Instant::now();
        let channel = open(&settings(address, 1));
        let failure = channel.append(vec![record(1)]).await.expect_err("nobody is there");
        assert_eq!((failure.kind(), failure.code()), (FailureKind::Unavailable, "AB-2101"));
        let report = failure.report();
        assert!(report.contains(address) && report.contains(reason), "{report}");
        assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    }
}

async fn expiring(channel: &KafkaChannel) -> Vec<u64> {
    let expiring = channel.expiring(&ChannelName::status()).await.expect("a broker that answers");
    expiring.into_iter().map(|position| position.offset).collect()
}
