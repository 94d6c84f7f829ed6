//! What every [`crate::Channel`] must do.

use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use futures_util::future::{BoxFuture, join_all};

pub use super::positions::Positions;
use crate::{
    Channel, ChannelName, Clock, FailureKind, GroupId, Partition, Position, Record, Subscription,
    Timestamp,
};

/// Longer than any answer takes, also where a group of readers waits for one that is gone and the
/// machine has other work, so that a broken channel fails instead of hanging.
const PATIENCE: Duration = Duration::from_secs(30);
/// Long enough for a channel to say wrongly that there is something.
const MOMENT: Duration = Duration::from_millis(20);

/// A place where a channel is kept, empty at first.
pub struct Site {
    /// Opens the channel; again after all handles of it are gone, as a new process would.
    pub open: Box<dyn Fn() -> BoxFuture<'static, Arc<dyn Channel>> + Send + Sync>,
    /// The time the channel's clock reads; see [`Site::clock`].
    pub now: Arc<AtomicI64>,
    /// Whether the channel removes old records itself when told (Kafka does without being told).
    pub trims: bool,
    /// Whether a reader has at hand what was appended; a broker is asked first.
    pub reads_at_once: bool,
}

impl Site {
    /// A clock that reads `now`.
    #[must_use]
    pub fn clock(now: &Arc<AtomicI64>) -> Clock {
        let now = Arc::clone(now);
        Clock::new(move || Timestamp(now.load(Ordering::SeqCst)))
    }

    async fn open(&self) -> Arc<dyn Channel> {
        (self.open)().await
    }
}

impl fmt::Debug for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Site").field("trims", &self.trims).finish_non_exhaustive()
    }
}

/// Runs the suite; `make` gives each rule a site of its own.
pub async fn check(make: impl Fn() -> Site) {
    what_is_appended_is_read_in_order(&make()).await;
    appends_at_once_get_positions_of_their_own(&make()).await;
    a_channel_that_is_not_there_has_no_ends(&make()).await;
    subscribing_makes_the_channel(&make()).await;
    reading_starts_at_the_stored_position(&make()).await;
    batches_keep_to_their_bound(&make()).await;
    a_reader_waits_and_wakes(&make()).await;
    a_dropped_receive_loses_nothing(&make()).await;
    groups_are_independent(&make()).await;
    several_channels_are_read_by_one_reader(&make()).await;
    a_large_record_is_kept(&make()).await;
    a_position_beyond_the_end_is_a_defect(&make()).await;
    another_record_at_the_stored_position_is_a_defect(&make()).await;
    what_was_appended_survives_a_restart(&make()).await;
    if make().trims {
        trimming_keeps_what_is_young_or_unread(&make()).await;
        a_position_before_the_start_is_a_defect(&make()).await;
        what_a_group_has_read_survives_a_restart(&make()).await;
        applications_are_kept_until_a_ledger_has_read_them(&make()).await;
        a_new_store_takes_the_place_of_the_former(&make()).await;
    }
}

async fn what_is_appended_is_read_in_order(site: &Site) {
    let channel = site.open().await;
    let mut positions = Vec::new();
    for round in 0..5 {
        let batch = (0..20).map(|n| record("application.kfz", n % 4, round * 20 + n)).collect();
        positions.extend(append(&*channel, batch).await);
    }
    let mut last: HashMap<&Partition, u64> = HashMap::new();
    for Position { partition, offset } in &positions {
        let before = last.insert(partition, *offset);
        assert!(before < Some(*offset), "positions of {partition} must grow");
    }
    let mut reader = subscribe(&*channel, "a", &["application.kfz"], &Positions::default()).await;
    let read = drain(&mut *reader, 100, 7).await;
    let wanted: HashMap<Position, u8> = positions.into_iter().zip(0..).collect();
    for (position, at, read) in &read {
        let number = wanted.get(position).expect("a record lies where its append said");
        assert_eq!(*read, record("application.kfz", number % 20 % 4, *number));
        assert_eq!(at.0, site.now.load(Ordering::SeqCst), "time of appending");
    }
    for key in 0..4 {
        let of_key = read.iter().filter(|(_, _, read)| read.key == [key].as_slice());
        let values: Vec<Bytes> = of_key.map(|(_, _, read)| read.value.clone()).collect();
        assert_eq!(values.len(), 25, "records of key {key}");
        assert!(values.is_sorted(), "records of one key must keep their order");
    }
}

async fn appends_at_once_get_positions_of_their_own(site: &Site) {
    let channel = site.open().await;
    let appends = (0..100).map(|n| append(&*channel, vec![record("status", 1, n)]));
    let mut positions = join_all(appends).await.concat();
    positions.sort_by_key(|position| position.offset);
    positions.dedup();
    assert_eq!(positions.len(), 100, "every record has a position of its own");
    let mut reader = subscribe(&*channel, "a", &["status"], &Positions::default()).await;
    drain(&mut *reader, 100, 1_000).await;
    append(&*channel, Vec::new()).await;
}

async fn a_channel_that_is_not_there_has_no_ends(site: &Site) {
    let channel = site.open().await;
    assert_eq!(ends(&*channel, "status").await, []);
    let positions = append(&*channel, vec![record("status", 1, 1), record("status", 1, 2)]).await;
    let ends = ends(&*channel, "status").await;
    let last = positions.last().expect("two were appended");
    let end = ends.iter().find(|end| end.partition == last.partition);
    assert!(end.is_some_and(|end| last.offset < end.offset), "the end is behind the last record");
}

async fn subscribing_makes_the_channel(site: &Site) {
    let channel = site.open().await;
    let mut reader = subscribe(&*channel, "a", &["reply"], &Positions::default()).await;
    assert_ne!(ends(&*channel, "reply").await, []);
    append(&*channel, vec![record("reply", 1, 1)]).await;
    drain(&mut *reader, 1, 10).await;
}

async fn reading_starts_at_the_stored_position(site: &Site) {
    let channel = site.open().await;
    let batch = (0..10).map(|n| record("status", 1, n)).collect();
    let appended = append(&*channel, batch).await;
    let stored = appended.get(6).expect("ten were appended");
    let positions = Positions::default();
    positions.set(&stored.partition, stored.offset);
    let mut reader = subscribe(&*channel, "a", &["status"], &positions).await;
    let batch = receive(&mut *reader, 100).await;
    assert_eq!(batch.from, stored.offset, "a batch begins where the store stands");
    let values: Vec<u8> = batch.records.iter().map(|(_, _, record)| number(record)).collect();
    assert_eq!(values, [6, 7, 8, 9]);
    assert_eq!(nothing(&mut *reader).await, None);
}

async fn batches_keep_to_their_bound(site: &Site) {
    let channel = site.open().await;
    let batch = (0..10).map(|n| record("status", 1, n)).collect();
    append(&*channel, batch).await;
    for records_max in [1, 3, 10] {
        let group = format!("max-{records_max}");
        let mut reader = subscribe(&*channel, &group, &["status"], &Positions::default()).await;
        drain(&mut *reader, 10, records_max).await;
    }
}

async fn a_reader_waits_and_wakes(site: &Site) {
    let channel = site.open().await;
    let mut reader = subscribe(&*channel, "a", &["status"], &Positions::default()).await;
    assert_eq!(nothing(&mut *reader).await, None);
    for n in 0..10 {
        let begun = tokio::time::Instant::now();
        let send = async {
            // Let the reader come to its wait first, most of the time.
            tokio::task::yield_now().await;
            append(&*channel, vec![record("status", 1, n)]).await
        };
        let (batch, _) = tokio::join!(reader.receive(10, PATIENCE * 4), send);
        let batch = batch.expect("receive").expect("an append ends the wait");
        assert_eq!(batch.records.len(), 1);
        assert!(begun.elapsed() < PATIENCE, "an append must end the wait at once");
    }
    // What is there is found without any wait.
    append(&*channel, vec![record("status", 1, 1)]).await;
    let wait = if site.reads_at_once { Duration::ZERO } else { PATIENCE };
    let batch = reader.receive(10, wait).await.expect("receive");
    assert!(batch.is_some(), "no wait is needed for what is there");
}

async fn a_dropped_receive_loses_nothing(site: &Site) {
    let channel = site.open().await;
    let batch = (0..100).map(|n| record("status", 1, n)).collect();
    append(&*channel, batch).await;
    let mut reader = subscribe(&*channel, "a", &["status"], &Positions::default()).await;
    let mut numbers = Vec::new();
    for turn in 0..200_u32 {
        let mut turns = turn % 5;
        // Ends after a few polls, wherever the call is then.
        let enough = std::future::poll_fn(|context| {
            if turns == 0 {
                return std::task::Poll::Ready(());
            }
            turns -= 1;
            context.waker().wake_by_ref();
            std::task::Poll::Pending
        });
        tokio::select! {
            biased;
            batch = reader.receive(3, PATIENCE) => {
                let batch = batch.expect("receive").expect("there is more");
                numbers.extend(batch.records.iter().map(|(_, _, record)| number(record)));
            }
            () = enough => {}
        }
        if numbers.len() == 100 {
            break;
        }
    }
    while numbers.len() < 100 {
        let batch = receive(&mut *reader, 3).await;
        numbers.extend(batch.records.iter().map(|(_, _, record)| number(record)));
    }
    assert_eq!(numbers, (0..100).collect::<Vec<u8>>(), "each record once, in order");
}

async fn groups_are_independent(site: &Site) {
    let channel = site.open().await;
    let mut first = subscribe(&*channel, "a", &["status"], &Positions::default()).await;
    let mut second = subscribe(&*channel, "b", &["status"], &Positions::default()).await;
    let batch = (0..10).map(|n| record("status", 1, n)).collect();
    append(&*channel, batch).await;
    let read = drain(&mut *first, 10, 10).await;
    let (last, ..) = read.last().expect("ten were read");
    first.report_progress(&last.partition, last.offset + 1).await.expect("report");
    drain(&mut *second, 10, 4).await;
}

async fn several_channels_are_read_by_one_reader(site: &Site) {
    let channel = site.open().await;
    let names = ["application.kfz", "application.gewerbe", "status"];
    let mut reader = subscribe(&*channel, "a", &names, &Positions::default()).await;
    for (name, n) in names.iter().zip(0..) {
        append(&*channel, vec![record(name, 1, n), record(name, 2, n)]).await;
    }
    let read = drain(&mut *reader, 6, 10).await;
    for name in names {
        let of_it = read.iter().filter(|(_, _, record)| record.channel.as_str() == name);
        assert_eq!(of_it.count(), 2, "records of {name}");
    }
}

async fn a_large_record_is_kept(site: &Site) {
    let channel = site.open().await;
    let mut large = record("status", 1, 1);
    large.value = (0..1_u32 << 20).map(|n| n.to_le_bytes()[0]).collect::<Vec<u8>>().into();
    let empty = Record { value: Bytes::new(), headers: Vec::new(), ..record("status", 1, 2) };
    append(&*channel, vec![large.clone(), empty.clone(), large.clone()]).await;
    let mut reader = subscribe(&*channel, "a", &["status"], &Positions::default()).await;
    let read = drain(&mut *reader, 3, 10).await;
    let read: Vec<Record> = read.into_iter().map(|(_, _, record)| record).collect();
    assert!(read == [large.clone(), empty, large], "records must come back as they were");
}

async fn a_position_beyond_the_end_is_a_defect(site: &Site) {
    let channel = site.open().await;
    let appended = append(&*channel, vec![record("status", 1, 1)]).await;
    let last = appended.last().expect("one was appended");
    let positions = Positions::default();
    positions.set(&last.partition, last.offset + 18);
    check_gap(&*channel, &positions, last.offset + 1..last.offset + 18).await;
}

async fn another_record_at_the_stored_position_is_a_defect(site: &Site) {
    let channel = site.open().await;
    // One key, so that all lie in one partition.
    let batch: Vec<Record> = (0..3).map(|n| record("status", 1, n)).collect();
    let appended = append(&*channel, batch).await;
    let (second, positions) = (nth(&appended, 1), Positions::default());
    positions.take(second, record("status", 1, 77));
    check_gap(&*channel, &positions, second.offset..second.offset + 1).await;
    positions.take(second, record("status", 1, 1));
    let mut reader = subscribe(&*channel, "b", &["status"], &positions).await;
    let read = drain(&mut *reader, 1, 10).await;
    assert_eq!(read.first().map(|(_, _, read)| number(read)), Some(2), "what is known goes on");
}

async fn a_position_before_the_start_is_a_defect(site: &Site) {
    let channel = site.open().await;
    let batch = (0..10).map(|n| record("status", 1, n)).collect();
    let appended = append(&*channel, batch).await;
    let (first, last) = (nth(&appended, 0), nth(&appended, 9));
    let mut reader = subscribe(&*channel, "a", &["status"], &Positions::default()).await;
    reader.report_progress(&last.partition, last.offset + 1).await.expect("report");
    assert_eq!(trim(&*channel, "status", Timestamp(i64::MAX)).await, 10);
    let positions = Positions::default();
    positions.set(&first.partition, first.offset);
    check_gap(&*channel, &positions, first.offset..last.offset + 1).await;
}

async fn what_was_appended_survives_a_restart(site: &Site) {
    let channel = site.open().await;
    let batch = (0..10).map(|n| record("status", n, n)).collect();
    append(&*channel, batch).await;
    let ends_before = ends(&*channel, "status").await;
    drop(channel);
    let channel = site.open().await;
    assert_eq!(ends(&*channel, "status").await, ends_before);
    let appended = append(&*channel, vec![record("status", 1, 10)]).await;
    assert!(appended.iter().all(|position| ends_before.contains(position)), "goes on at the end");
    let mut reader = subscribe(&*channel, "a", &["status"], &Positions::default()).await;
    drain(&mut *reader, 11, 100).await;
}

async fn trimming_keeps_what_is_young_or_unread(site: &Site) {
    let channel = site.open().await;
    let batch = |from| (from..from + 5).map(|n| record("status", 1, n)).collect();
    site.now.store(1_000, Ordering::SeqCst);
    let appended = append(&*channel, batch(0)).await;
    site.now.store(2_000, Ordering::SeqCst);
    append(&*channel, batch(5)).await;
    let (partition, start) = (&nth(&appended, 0).partition, nth(&appended, 0).offset);
    let ends_before = ends(&*channel, "status").await;

    let old = Timestamp(2_000);
    assert_eq!(trim(&*channel, "status", old).await, 0, "nobody reads it: all is kept");
    assert_eq!(trim(&*channel, "reply", old).await, 0, "there is no such channel");
    let mut first = subscribe(&*channel, "a", &["status"], &Positions::default()).await;
    let mut second = subscribe(&*channel, "b", &["status"], &Positions::default()).await;
    assert_eq!(trim(&*channel, "status", old).await, 0, "nothing was read yet");
    first.report_progress(partition, start + 10).await.expect("report");
    second.report_progress(partition, start + 3).await.expect("report");
    assert_eq!(trim(&*channel, "status", old).await, 3, "the slower group counts");
    let batch = receive(&mut *second, 100).await;
    assert_eq!((&batch.partition, batch.from), (partition, start + 3));
    second.report_progress(partition, start + 10).await.expect("report");
    assert_eq!(trim(&*channel, "status", old).await, 2, "what is young is kept");
    assert_eq!(ends(&*channel, "status").await, ends_before, "ends never move back");

    let mut third = subscribe(&*channel, "c", &["status"], &Positions::default()).await;
    let batch = receive(&mut *third, 100).await;
    assert_eq!(batch.from, start + 5, "who never read begins with what is there");
    assert_eq!(batch.records.len(), 5);
}

async fn what_a_group_has_read_survives_a_restart(site: &Site) {
    let channel = site.open().await;
    let batch = (0..10).map(|n| record("status", 1, n)).collect();
    let appended = append(&*channel, batch).await;
    let mut reader = subscribe(&*channel, "a", &["status"], &Positions::default()).await;
    let fourth = nth(&appended, 4);
    reader.report_progress(&fourth.partition, fourth.offset).await.expect("report");
    drop(reader);
    drop(channel);
    let channel = site.open().await;
    assert_eq!(trim(&*channel, "status", Timestamp(i64::MAX)).await, 4);
}

async fn applications_are_kept_until_a_ledger_has_read_them(site: &Site) {
    let channel = site.open().await;
    let batch = (0..10).map(|n| record("application.kfz", 1, n)).collect();
    let appended = append(&*channel, batch).await;
    let (seventh, last) = (nth(&appended, 6), nth(&appended, 9));
    let (all, none) = (Timestamp(i64::MAX), Positions::default());
    let mut journal = subscribe(&*channel, "journal-1", &["application.kfz"], &none).await;
    journal.report_progress(&last.partition, last.offset + 1).await.expect("report");
    assert_eq!(trim(&*channel, "application.kfz", all).await, 0, "a journal delivers nothing");
    let mut ledger = subscribe(&*channel, "ledger-1", &["application.kfz"], &none).await;
    assert_eq!(trim(&*channel, "application.kfz", all).await, 0, "nothing is admitted yet");
    ledger.report_progress(&seventh.partition, seventh.offset).await.expect("report");
    assert_eq!(trim(&*channel, "application.kfz", all).await, 6, "what is admitted can go");
}

async fn a_new_store_takes_the_place_of_the_former(site: &Site) {
    let channel = site.open().await;
    let batch = (0..10).map(|n| record("application.kfz", 1, n)).collect();
    let appended = append(&*channel, batch).await;
    let (first, last) = (nth(&appended, 0), nth(&appended, 9));
    let end = last.offset + 1;
    let (all, positions) = (Timestamp(i64::MAX), Positions::default());
    let mut former = Vec::new();
    for group in ["ledger-1", "journal-1"] {
        former.push(subscribe(&*channel, group, &["application.kfz"], &positions).await);
    }
    for group in ["ledger-2", "journal-2"] {
        let mut new = subscribe(&*channel, group, &["application.kfz"], &positions).await;
        assert_eq!(
            trim(&*channel, "application.kfz", all).await,
            0,
            "a new one reads from the start"
        );
        new.report_progress(&last.partition, end).await.expect("report");
    }
    // What it still says counts no more.
    for former in &mut former {
        former.report_progress(&first.partition, first.offset).await.expect("report");
    }
    assert_eq!(trim(&*channel, "application.kfz", all).await, 10, "the former ones are no more");
}

async fn check_gap(channel: &dyn Channel, positions: &Positions, gap: std::ops::Range<u64>) {
    let mut reader = subscribe(channel, "late", &["status"], positions).await;
    let failure = reader.receive(10, PATIENCE).await.expect_err("log and store contradict");
    assert_eq!(failure.kind(), FailureKind::Defect);
    let report = failure.report();
    for end in [gap.start, gap.end] {
        assert!(report.contains(&end.to_string()), "the failure names {gap:?}: {report}");
    }
}

fn name(name: &str) -> ChannelName {
    ChannelName::new(name).expect("the suite's names are valid")
}

fn record(channel: &str, key: u8, number: u8) -> Record {
    let headers = vec![
        ("ce_id".into(), Bytes::from(number.to_string())),
        ("ce_ownid".into(), Bytes::from("Görlitz-Straße-ß")),
        ("empty".into(), Bytes::new()),
    ];
    let value = Bytes::from(vec![number; 3]);
    Record { channel: name(channel), key: Bytes::from(vec![key]), headers, value }
}

fn number(record: &Record) -> u8 {
    *record.value.first().expect("the suite's records have a value")
}

fn nth(positions: &[Position], n: usize) -> &Position {
    positions.get(n).expect("as many were appended")
}

async fn append(channel: &dyn Channel, records: Vec<Record>) -> Vec<Position> {
    let (count, channels): (usize, Vec<ChannelName>) =
        (records.len(), records.iter().map(|record| record.channel.clone()).collect());
    let positions = channel.append(records).await.expect("append");
    assert_eq!(positions.len(), count, "one position per record");
    let of_positions = positions.iter().map(|position| &position.partition.channel);
    assert!(of_positions.eq(channels.iter()), "positions in the records' order");
    positions
}

async fn ends(channel: &dyn Channel, of: &str) -> Vec<Position> {
    channel.ends(&name(of)).await.expect("ends")
}

async fn trim(channel: &dyn Channel, of: &str, before: Timestamp) -> u64 {
    channel.trim(&name(of), before).await.expect("trim")
}

async fn subscribe(
    channel: &dyn Channel,
    group: &str,
    names: &[&str],
    positions: &Positions,
) -> Box<dyn Subscription> {
    let group = GroupId::new(group).expect("the suite's groups are valid");
    let names: Vec<ChannelName> = names.iter().map(|channel| name(channel)).collect();
    let positions = Box::new(positions.clone());
    channel.subscribe(&group, &names, positions).await.expect("subscribe")
}

async fn nothing(reader: &mut dyn Subscription) -> Option<crate::Batch> {
    reader.receive(10, MOMENT).await.expect("receive")
}

async fn receive(reader: &mut dyn Subscription, records_max: usize) -> crate::Batch {
    let batch = reader.receive(records_max, PATIENCE).await.expect("receive");
    batch.expect("there are records")
}

/// Reads `count` records and then nothing more, in batches that keep every rule.
async fn drain(
    reader: &mut dyn Subscription,
    count: usize,
    records_max: usize,
) -> Vec<(Position, Timestamp, Record)> {
    let mut read = Vec::new();
    let mut ends: HashMap<Partition, u64> = HashMap::new();
    while read.len() < count {
        let batch = receive(reader, records_max).await;
        let before = ends.insert(batch.partition.clone(), batch.next);
        assert!(before.is_none_or(|end| end == batch.from), "no gap between batches");
        assert!((1..=records_max).contains(&batch.records.len()), "bounds of a batch");
        let offsets: Vec<u64> = batch.records.iter().map(|(offset, ..)| *offset).collect();
        assert!(offsets.is_sorted_by(|a, b| a < b), "offsets grow");
        assert!(offsets.iter().all(|offset| (batch.from..batch.next).contains(offset)));
        for (offset, at, record) in batch.records {
            assert_eq!(record.channel, batch.partition.channel);
            read.push((
                Position { partition: batch.partition.clone(), offset },
                at,
                Arc::unwrap_or_clone(record),
            ));
        }
    }
    assert_eq!(read.len(), count);
    assert_eq!(nothing(reader).await, None, "nothing comes twice");
    read
}
