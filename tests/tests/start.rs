//! A start on a ledger that is full: how long until the first new delivery, and what it costs in memory, beside a
//! start on one that is nearly empty.
//!
//! `AMTSBOTE_START_ROWS=1000000 tests/run start` fills it with a million deliveries, a tenth of which wait.

#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(clippy::result_large_err, reason = "SQLite's errors")]
#![allow(clippy::print_stderr, reason = "a measurement says what it measured")]

use std::{env, path::Path, sync::Arc, time::Duration};

use bytes::Bytes;
use messaging::{
    CaseId, ChannelName, DeliveryState, EndpointName, MessageId, Partition, SenderName, Sha256,
    Timestamp,
};
use stores::ledger::{
    Admission, AdmittedMessage, AttemptRow, DeliveryId, EndpointRow, EndpointSpec, Ledger as _,
    Loaded, MessageRow, NewDelivery, PartitionBatch, Settlement, SqliteLedger, Transaction,
};
use tests::{
    configuration::{Configuration, System},
    documents::Kfz,
    portal::Portal,
    process::Program,
    receiver::Receiver,
    wait,
};
use tokio::time::Instant;
use uuid::Uuid;

/// Deliveries in the ledger, unless `AMTSBOTE_START_ROWS` says otherwise.
const ROWS: i64 = 50_000;
/// One of so many waits; the others are over.
const WAITING_OF: i64 = 10;
/// Deliveries of one transaction.
const TURN: i64 = 2_000;
const RECORD_BYTES: usize = 2_000;
const DAY: Duration = Duration::from_secs(86_400);
const SOON: Duration = Duration::from_secs(60);
/// What a delivery that waits, and one that is over, may cost while the program starts, and what any start may
/// differ by, which is mostly the ledger's cache: 100,000 of the former beside 900,000 of the latter are 100 MiB.
const WAITING_BYTES_MAX: usize = 500;
const OVER_BYTES_MAX: usize = 32;
const DIFFERENCE_BYTES_MAX: usize = 25 << 20;
/// How much longer a start may take for each row of the ledger: a second for a million. A build that is not optimised
/// takes many times as long.
const LONGER_PER_ROW_MAX: Duration =
    if cfg!(debug_assertions) { Duration::from_micros(20) } else { Duration::from_micros(1) };
/// What any start may differ by.
const LONGER_MAX: Duration = Duration::from_secs(1);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_on_a_full_ledger_delivers_at_once_and_stays_small() {
    let rows = env::var("AMTSBOTE_START_ROWS").ok().and_then(|rows| rows.parse().ok());
    let rows: i64 = rows.unwrap_or(ROWS) / TURN * TURN;
    let receiver = Receiver::start().await;
    let system = System::http("inbox", &receiver.url("inbox"), "deduplicates");
    let configuration = Configuration::new().with_standard_route("kfz").with_system(&system);
    let program = Program::start(&configuration).await;
    Portal::new(program.gateway()).receipt(Kfz::read().document(1, 0)).await;
    wait::until_equal("the first of all", SOON, 1, || async { receiver.count("inbox") }).await;
    assert!(program.end().await.success());

    let before = first_delivery(&configuration, &receiver, 2).await;
    let begun = Instant::now();
    fill(&configuration.folder().join("data/ledger.sqlite"), rows).await;
    eprintln!("{rows} deliveries written within {:.1?}", begun.elapsed());
    let after = first_delivery(&configuration, &receiver, 3).await;

    let (waiting, over) = (rows / WAITING_OF, rows - rows / WAITING_OF);
    let size = |count: i64| usize::try_from(count).expect("not negative");
    let mib = |bytes: usize| bytes >> 20;
    eprintln!(
        "first new delivery after {:.2?}, with {rows} rows after {:.2?}; at most {} MiB, with them {} MiB",
        before.0,
        after.0,
        mib(before.1),
        mib(after.1)
    );
    let more = after.1.saturating_sub(before.1);
    let allowed =
        size(waiting) * WAITING_BYTES_MAX + size(over) * OVER_BYTES_MAX + DIFFERENCE_BYTES_MAX;
    assert!(more <= allowed, "{} MiB more, and {} were allowed", mib(more), mib(allowed));
    let longer = after.0.saturating_sub(before.0);
    let allowed = LONGER_MAX + LONGER_PER_ROW_MAX * u32::try_from(rows).expect("not that many");
    assert!(longer <= allowed, "{longer:?} longer, and {allowed:?} were allowed");
}

/// Starts the program, sends it a message, and gives when it was delivered, counted from the start of the process,
/// and the memory it had at most by then.
async fn first_delivery(
    configuration: &Configuration,
    receiver: &Receiver,
    case: u32,
) -> (Duration, usize) {
    let (arrived, begun) = (receiver.count("inbox"), Instant::now());
    let program = Program::start(configuration).await;
    let listening = begun.elapsed();
    Portal::new(program.gateway()).receipt(Kfz::read().document(case, 0)).await;
    wait::until_equal("a new delivery", SOON, arrived + 1, || async { receiver.count("inbox") })
        .await;
    let measured = (begun.elapsed(), program.role("dispatcher").memory_peak());
    eprintln!("it listens after {listening:.2?}");
    assert!(program.end().await.success());
    assert_eq!(receiver.count("inbox"), arrived + 1, "what waits, waits");
    measured
}

/// Fills the ledger of a program that has ended, as a dispatcher writes it: each turn admits, and settles what the
/// turn before had admitted. They come from a channel of former times, which nobody reads any more.
async fn fill(path: &Path, rows: i64) {
    let ledger = SqliteLedger::open(path).expect("a ledger that nobody uses");
    let specs = ledger.inspect(|connection| {
        let mut statement =
            connection.prepare("SELECT name, interests FROM endpoint ORDER BY id")?;
        let spec = |row: &rusqlite::Row<'_>| {
            let name = EndpointName::new(row.get::<_, String>(0)?).expect("a name");
            Ok(EndpointSpec { name, interests: row.get(1)? })
        };
        statement.query_map([], spec)?.collect()
    });
    let now = ledger.inspect(|connection| {
        let sql = "SELECT max(admitted_at) FROM message";
        connection.query_row(sql, [], |row| row.get(0)).map(Timestamp)
    });
    let now = now.await.expect("the program has admitted something a moment ago");
    let loaded = ledger.load(specs.await.expect("it reads")).await.expect("it loads");
    assert!(!loaded.subscriptions_changed, "as the program left it");
    for first in (0..=rows).step_by(usize::try_from(TURN).expect("small")) {
        let admitted = first..(first + TURN).min(rows);
        let settled = (first - TURN).max(0)..first;
        let transaction = Transaction {
            at: now,
            subscriptions_version: loaded.subscriptions_version,
            settlements: settled.map(|number| settlement(&loaded, now, number)).collect(),
            admissions: vec![PartitionBatch {
                partition: partition(),
                from: admitted.start.unsigned_abs(),
                next: admitted.end.unsigned_abs(),
                records: admitted.map(|number| message(&loaded, number)).collect(),
            }],
            ..Transaction::default()
        };
        ledger.commit(Arc::new(transaction)).await.expect("a turn");
    }
}

fn partition() -> Partition {
    Partition { channel: ChannelName::new("application.kfz.former").expect("a name"), number: 0 }
}

fn endpoint(loaded: &Loaded) -> EndpointRow {
    *loaded.endpoints.first().expect("one is configured")
}

fn message(loaded: &Loaded, number: i64) -> Admission {
    // As random as those of real messages, and the same in every run.
    let id = Uuid::new_v5(&Uuid::NAMESPACE_OID, &number.to_be_bytes());
    let delivery = DeliveryId(loaded.delivery_last.0 + 1 + number);
    Admission::Message(AdmittedMessage {
        row: MessageRow(loaded.message_last.0 + 1 + number),
        offset: number.unsigned_abs(),
        message_id: MessageId(id),
        sha256: Sha256([7; 32]),
        case_id: CaseId(id),
        sender: SenderName::new("landesportal").expect("a name"),
        record: Bytes::from(vec![b'x'; RECORD_BYTES]),
        claims: Vec::new(),
        deliveries: vec![NewDelivery { delivery, endpoint: endpoint(loaded), is_doubtful: false }],
    })
}

fn settlement(loaded: &Loaded, now: Timestamp, number: i64) -> Settlement {
    let waits = number % WAITING_OF == 0;
    let attempt = AttemptRow {
        number: 1,
        started_at: now,
        ended_at: now,
        outcome: if waits { "transient" } else { "accepted" },
        code: waits.then(|| "AB-3001".to_owned()),
        cause: waits.then(|| "AB-3001: failed for now".to_owned()),
        receipt: None,
    };
    Settlement {
        delivery: DeliveryId(loaded.delivery_last.0 + 1 + number),
        endpoint: endpoint(loaded),
        version: 2,
        state: if waits { DeliveryState::Waiting } else { DeliveryState::Delivered },
        attempts: 1,
        next_at: waits.then(|| now.after(DAY)),
        first_attempt_at: Some(now),
        attempt: Some(attempt),
    }
}
