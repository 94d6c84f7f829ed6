//! The embedded channel: the conformance suite, and what only a file can suffer.

use std::{
    fs,
    path::Path,
    sync::{Arc, atomic::AtomicI64},
    time::Duration,
};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use messaging::{
    Channel, ChannelName, Clock, FailureKind, GroupId, Partition, Record, Result, Timestamp,
    conformance::channel::{Positions, Site, check},
};
use rusqlite::Connection;
use tempfile::TempDir;

use super::{EmbeddedChannel, file};
use crate::codes;

fn site() -> Site {
    let now = Arc::new(AtomicI64::new(1));
    let clock = Site::clock(&now);
    let dir = TempDir::new().unwrap();
    let open = move || -> BoxFuture<'static, Arc<dyn Channel>> {
        let channel: Arc<dyn Channel> = EmbeddedChannel::open(dir.path(), clock.clone()).unwrap();
        Box::pin(async { channel })
    };
    Site { open: Box::new(open), now, trims: true, reads_at_once: true }
}

#[tokio::test]
async fn it_is_a_channel() {
    check(site).await;
}

/// A directory with a channel on which each of `count` records was appended by itself, as a kill
/// would leave it: copied while the channel is open.
async fn killed(count: u8) -> TempDir {
    let (live, copy) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let channel = open(live.path()).unwrap();
    for n in 0..count {
        channel.append(vec![record(n)]).await.unwrap();
    }
    for file in fs::read_dir(live.path()).unwrap() {
        let file = file.unwrap();
        // SQLite makes the index of its log anew, as it has to after a restart of the machine.
        if !file.file_name().to_str().unwrap().ends_with("-shm") {
            fs::copy(file.path(), copy.path().join(file.file_name())).unwrap();
        }
    }
    copy
}

/// A directory with a channel of `count` records that was closed.
async fn closed(count: u8) -> TempDir {
    let dir = TempDir::new().unwrap();
    let channel = open(dir.path()).unwrap();
    channel.append((0..count).map(record).collect()).await.unwrap();
    dir
}

fn open(dir: &Path) -> Result<Arc<EmbeddedChannel>> {
    EmbeddedChannel::open(dir, Clock::fixed(Timestamp(1)))
}

fn status() -> ChannelName {
    ChannelName::status()
}

fn record(number: u8) -> Record {
    let value = Bytes::from(vec![number; 3_000]);
    Record { channel: status(), key: Bytes::from_static(b"key"), headers: Vec::new(), value }
}

fn edit(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(path).unwrap();
    change(&mut bytes);
    fs::write(path, bytes).unwrap();
}

#[track_caller]
fn refuses(dir: &Path, code: &str) -> String {
    let before = fs::read(dir.join(file::NAME)).unwrap_or_default();
    let failure = open(dir).expect_err("it must not open");
    assert_eq!((failure.code(), failure.kind()), (code, FailureKind::Defect), "{failure:?}");
    let after = fs::read(dir.join(file::NAME)).unwrap_or_default();
    assert!(before == after, "what is refused is not changed");
    failure.report()
}

async fn read_all(channel: &EmbeddedChannel) -> Result<Vec<u8>> {
    let group = GroupId::new("a").unwrap();
    let mut reader =
        channel.subscribe(&group, &[status()], Box::new(Positions::default())).await.unwrap();
    let mut numbers = Vec::new();
    while let Some(batch) = reader.receive(10, Duration::ZERO).await? {
        numbers.extend(batch.records.iter().map(|(_, _, record)| record.value[0]));
        assert!(numbers.len() <= 1_000, "it does not end");
    }
    Ok(numbers)
}

#[tokio::test]
async fn a_second_holder_of_the_directory_is_refused() {
    let dir = TempDir::new().unwrap();
    let first = open(dir.path()).unwrap();
    let report = refuses(dir.path(), codes::DIRECTORY_IN_USE);
    assert!(report.contains(&std::process::id().to_string()), "{report}");
    drop(first);
    open(dir.path()).unwrap();
}

#[tokio::test]
async fn a_kill_loses_nothing_that_was_answered() {
    let dir = killed(50).await;
    let channel = open(dir.path()).unwrap();
    assert_eq!(read_all(&channel).await.unwrap(), (0..50).collect::<Vec<u8>>());
}

#[tokio::test]
async fn a_dropped_channel_finishes_what_it_was_given() {
    let dir = TempDir::new().unwrap();
    let channel = open(dir.path()).unwrap();
    for n in 0..20 {
        // Polled once, so that the writer has it, and given up.
        tokio::select! {
            biased;
            _ = channel.append(vec![record(n)]) => {}
            () = std::future::ready(()) => {}
        }
    }
    drop(channel);
    let channel = open(dir.path()).unwrap();
    assert_eq!(read_all(&channel).await.unwrap(), (0..20).collect::<Vec<u8>>());
}

#[tokio::test]
async fn a_subscription_ends_with_its_channel() {
    let dir = closed(1).await;
    let channel = open(dir.path()).unwrap();
    let group = GroupId::new("a").unwrap();
    let positions = Box::new(Positions::default());
    let mut reader = channel.subscribe(&group, &[status()], positions).await.unwrap();
    drop(channel);
    let wait = Duration::from_secs(60);
    assert!(reader.receive(10, wait).await.unwrap().is_some(), "what is there is read");
    assert_eq!(reader.receive(10, wait).await.unwrap_err().code(), codes::CLOSED);
}

#[tokio::test]
async fn other_files_are_refused() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join(file::NAME);
    fs::write(&path, "no SQLite at all, and long enough to have a header".repeat(10)).unwrap();
    refuses(dir.path(), codes::FILE_FOREIGN);
    fs::remove_file(&path).unwrap();
    Connection::open(&path).unwrap().execute_batch("CREATE TABLE other(id INTEGER)").unwrap();
    refuses(dir.path(), codes::FILE_FOREIGN);
}

#[tokio::test]
async fn a_newer_file_is_refused() {
    let dir = closed(1).await;
    let connection = Connection::open(dir.path().join(file::NAME)).unwrap();
    connection.pragma_update(None, "user_version", 2).unwrap();
    connection.close().unwrap();
    let report = refuses(dir.path(), codes::FILE_NEWER);
    assert!(report.contains("version 2"), "{report}");
}

#[tokio::test]
async fn a_truncated_or_missing_file_is_refused() {
    for part in [0, 1, 2, 3] {
        let dir = closed(100).await;
        edit(&dir.path().join(file::NAME), |bytes| bytes.truncate(bytes.len() * part / 4));
        refuses(dir.path(), codes::FILE_DAMAGED);
    }
    let dir = killed(3).await;
    fs::remove_file(dir.path().join(file::NAME)).unwrap();
    refuses(dir.path(), codes::FILE_DAMAGED);
}

#[tokio::test]
async fn a_removed_row_is_noticed() {
    for (sql, code) in [
        ("DELETE FROM record_1 WHERE offset >= 90", codes::FILE_DAMAGED),
        ("DELETE FROM record_1 WHERE offset < 10", codes::FILE_DAMAGED),
    ] {
        let dir = closed(100).await;
        let connection = Connection::open(dir.path().join(file::NAME)).unwrap();
        connection.execute_batch(sql).unwrap();
        connection.close().unwrap();
        refuses(dir.path(), code);
    }
    let dir = closed(100).await;
    let connection = Connection::open(dir.path().join(file::NAME)).unwrap();
    connection.execute_batch("DELETE FROM record_1 WHERE offset = 50").unwrap();
    connection.close().unwrap();
    let failure = read_all(&open(dir.path()).unwrap()).await.unwrap_err();
    assert_eq!(failure.code(), codes::RECORD_DAMAGED);
    assert!(failure.report().contains("offset 50"), "{}", failure.report());
}

#[tokio::test]
async fn a_flipped_bit_in_a_record_is_told_with_its_place() {
    let dir = closed(100).await;
    edit(&dir.path().join(file::NAME), |bytes| {
        let at = bytes.windows(1_000).position(|part| part == [50; 1_000]).unwrap();
        bytes[at + 500] ^= 1;
    });
    let channel = open(dir.path()).unwrap();
    let group = GroupId::new("a").unwrap();
    let positions = Box::new(Positions::default());
    let mut reader = channel.subscribe(&group, &[status()], positions).await.unwrap();
    let batch = reader.receive(1_000, Duration::ZERO).await.unwrap().unwrap();
    assert_eq!(batch.next, 50, "what lies before the damage is read");
    let failure = reader.receive(1_000, Duration::ZERO).await.unwrap_err();
    assert_eq!((failure.code(), failure.kind()), (codes::RECORD_DAMAGED, FailureKind::Defect));
    assert!(failure.report().contains("`status` offset 50"), "{}", failure.report());
}

#[tokio::test]
async fn a_hole_in_the_log_is_refused_and_a_torn_end_is_not() {
    let log = format!("{}-wal", file::NAME);
    let frame = 24 + 16_384;
    let dir = killed(20).await;
    edit(&dir.path().join(&log), |bytes| {
        let at = 32 + (bytes.len() / frame / 2) * frame + 9_000;
        bytes[at] ^= 1;
    });
    refuses(dir.path(), codes::FILE_DAMAGED);

    let dir = killed(20).await;
    edit(&dir.path().join(&log), |bytes| {
        let at = bytes.len() - 9_000;
        bytes[at] ^= 1;
    });
    let channel = open(dir.path()).unwrap();
    assert_eq!(read_all(&channel).await.unwrap(), (0..19).collect::<Vec<u8>>());

    let dir = killed(20).await;
    edit(&dir.path().join(&log), |bytes| bytes[26] ^= 1);
    refuses(dir.path(), codes::FILE_DAMAGED);
}

#[tokio::test]
async fn a_record_over_the_limit_is_refused_alone() {
    let dir = TempDir::new().unwrap();
    let channel = open(dir.path()).unwrap();
    let mut large = record(1);
    large.value = Bytes::from(vec![0; crate::RECORD_BYTES_MAX]);
    let failure = channel.append(vec![record(0), large]).await.unwrap_err();
    assert_eq!((failure.code(), failure.kind()), (codes::RECORD_TOO_LARGE, FailureKind::Defect));
    channel.append(vec![record(7)]).await.unwrap();
    assert_eq!(read_all(&channel).await.unwrap(), [7], "nothing of the refused batch is there");
}

#[tokio::test]
async fn a_failing_transaction_leaves_nothing_and_the_next_works() {
    let dir = closed(1).await;
    let channel = open(dir.path()).unwrap();
    let other = Connection::open(dir.path().join(file::NAME)).unwrap();
    // Stands for a disk that refuses a write in the middle of a transaction.
    let refuse =
        "CREATE TRIGGER refuse BEFORE UPDATE ON channel BEGIN SELECT RAISE(ABORT, 'no'); END";
    other.execute_batch(refuse).unwrap();
    assert!(channel.append(vec![record(1), record(2)]).await.is_err());
    other.execute_batch("DROP TRIGGER refuse").unwrap();
    drop(other);
    channel.append(vec![record(3)]).await.unwrap();
    assert_eq!(read_all(&channel).await.unwrap(), [0, 3]);
}

#[tokio::test]
async fn a_replaced_reader_is_gone_from_the_file() {
    let dir = TempDir::new().unwrap();
    let application = ChannelName::new("application.kfz").unwrap();
    let appended = Record { channel: application.clone(), ..record(1) };
    open(dir.path()).unwrap().append(vec![appended; 10]).await.unwrap();
    for (group, next) in [("ledger-1", 3), ("ledger-2", 10)] {
        let channel = open(dir.path()).unwrap();
        let group = GroupId::new(group).unwrap();
        let positions = Box::new(Positions::default());
        let mut reader =
            channel.subscribe(&group, std::slice::from_ref(&application), positions).await.unwrap();
        let partition = Partition { channel: application.clone(), number: 0 };
        reader.report_progress(&partition, next).await.unwrap();
    }
    let channel = open(dir.path()).unwrap();
    assert_eq!(channel.trim(&application, Timestamp(i64::MAX)).await.unwrap(), 10);
}

#[tokio::test]
async fn a_channel_that_nobody_names_any_more_is_told() {
    let dir = TempDir::new().unwrap();
    let names = ["application.kfz.neu", "status", "application.kfz.alt"];
    let records =
        names.map(|name| Record { channel: ChannelName::new(name).unwrap(), ..record(1) });
    open(dir.path()).unwrap().append(records.to_vec()).await.unwrap();
    let told = open(dir.path()).unwrap().application_channels();
    let told: Vec<_> = told.iter().map(ChannelName::as_str).collect();
    assert_eq!(told, ["application.kfz.alt", "application.kfz.neu"]);
}

/// A committed record is in the file before the writer has told of it; whoever reads just then must
/// not stand beyond the end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_that_keeps_up_never_stands_beyond_the_end() {
    const RECORDS: usize = 1_500;
    let dir = TempDir::new().unwrap();
    let channel = open(dir.path()).unwrap();
    let group = GroupId::new("a").unwrap();
    let mut reader =
        channel.subscribe(&group, &[status()], Box::new(Positions::default())).await.unwrap();
    let writing = async {
        for number in 0..RECORDS {
            channel.append(vec![record(u8::try_from(number % 250).unwrap()); 2]).await.unwrap();
        }
    };
    let reading = async {
        let mut read = 0;
        while read < 2 * RECORDS {
            let batch = reader.receive(1_000, Duration::from_secs(20)).await.unwrap();
            read += batch.expect("there is more to come").records.len();
        }
        read
    };
    let (read, ()) = tokio::join!(reading, writing);
    assert_eq!(read, 2 * RECORDS);
}

#[tokio::test]
async fn a_probe_writes_to_the_file_and_appends_nothing() {
    let dir = TempDir::new().unwrap();
    let channel = open(dir.path()).unwrap();
    channel.append(vec![record(0)]).await.unwrap();
    let log = dir.path().join("channel.sqlite-wal");
    let (written, ends) = (fs::read(&log).unwrap(), channel.ends(&status()).await.unwrap());
    channel.probe().await.unwrap();
    assert!(written != fs::read(&log).unwrap(), "else it would not notice a full disk");
    assert_eq!(channel.ends(&status()).await.unwrap(), ends);
    assert_eq!(channel.append(vec![record(1)]).await.unwrap(), ends, "the next in order");
}
