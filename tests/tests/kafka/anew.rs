//! Topics that were made anew, cut short or emptied while their records were read.

use rdkafka::{Offset, TopicPartitionList, error::RDKafkaErrorCode};

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_made_anew_is_a_loud_defect() {
    let Some(broker) = Broker::shared("a Kafka topic made anew") else { return };
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
    let Some(broker) = Broker::shared("a Kafka topic made anew while it is read") else { return };
    // Longer than what was read, so that no position is beyond its end; and shorter.
    while_it_is_read(broker, 20, "another record at offset 4").await;
    while_it_is_read(broker, 2, "offsets 2..5 are missing").await;
}

/// Makes a topic anew, of which five records were read, with `count` others in it.
async fn while_it_is_read(broker: &Broker, count: u8, gap: &str) {
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

    make_anew(&settings, &format!("{}status", settings.topic_prefix)).await;
    append_at_last(&*open(&settings), (20..20 + count).map(record).collect()).await;
    let told = until_contradicted(&mut *reader).await;
    assert!(told.contains(gap), "the gap is named: {told}");

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
    let Some(broker) = Broker::shared("a quiet Kafka topic made anew") else { return };
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
async fn records_deleted_before_they_were_read_are_a_loud_defect_of_their_partition_alone() {
    let Some(broker) = Broker::shared("Kafka records deleted unread") else { return };
    let settings = settings(broker.address(), 3);
    let channel = open(&settings);
    let keyed = |n: u8| Record { key: vec![n % 6].into(), ..record(n) };
    let appended = channel.append((0..60).map(keyed).collect()).await.expect("append");
    let emptied = &appended.first().expect("sixty were appended").partition;
    let number = i32::try_from(emptied.number).expect("three partitions");
    let positions = Positions::default();
    positions.set(emptied, 1);

    let (admin, options) = admin(broker.address());
    let mut list = TopicPartitionList::new();
    let topic = format!("{}status", settings.topic_prefix);
    list.add_partition_offset(&topic, number, Offset::Offset(3)).expect("a list");
    admin.delete_records(&list, &options).await.expect("delete");

    let channels = [ChannelName::status()];
    let mut reader =
        channel.subscribe(&group("deleted"), &channels, Box::new(positions)).await.expect("reads");
    let others = appended.iter().filter(|position| position.partition != *emptied).count();
    let deadline = Instant::now() + Duration::from_secs(60);
    let (mut read, mut told) = (0, String::new());
    while read < others || told.is_empty() {
        assert!(Instant::now() < deadline, "read {read} of {others}, told: {told}");
        match reader.receive(10, Duration::from_secs(1)).await {
            Ok(batch) => {
                let batch = batch.iter().filter(|batch| batch.partition != *emptied);
                read += batch.map(|batch| batch.records.len()).sum::<usize>();
            }
            Err(failure) => {
                assert_eq!(failure.code(), "AB-2014", "{}", failure.report());
                told = failure.report();
            }
        }
    }
    assert!(told.contains("offsets 1..3 are gone"), "the gap is named: {told}");
}

/// Reads until the channel `status` is told to contradict.
async fn until_contradicted(reader: &mut dyn Subscription) -> String {
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
    failure.report()
}

/// Deletes the topic, and makes it again as an operator would, who does not know what was there.
async fn make_anew(settings: &Settings, topic: &str) {
    let (admin, options) = admin(&settings.brokers);
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
