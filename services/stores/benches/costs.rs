//! What a message costs in the ledger and in the journal alone, in CPU of this process and its
//! syncs' time, on files that are full already, and what it costs to remove it when its time is over:
//!
//!     cargo bench -p stores                  # 1,000,000 settled, 100,000 waiting, 50 endpoints
//!     AMTSBOTE_BENCH_ROWS=10000 cargo bench -p stores
//!     AMTSBOTE_BENCH_RECORD=2200 cargo bench -p stores    # bytes of a record, instead of 6,000
//!
//! One line a store. It needs some 2 GiB in the temporary folder, and removes them.
//!
//! With a PostgreSQL server of its own (its port, and the process that was started), the same there; then
//! the CPU is that of this process and of the server's:
//!
//!     AMTSBOTE_BENCH_POSTGRES=5433 AMTSBOTE_BENCH_POSTGRES_PID=4711 cargo bench -p stores

#![allow(clippy::expect_used, clippy::print_stdout, reason = "a measurement reports and gives up")]

use std::{collections::BTreeMap, fs, sync::Arc, time::Duration};

use bytes::Bytes;
use messaging::{
    ApplicationHead, Authority, CaseId, ChannelName, DeliveryState, DeliveryVersion, Domain,
    EndpointName, Event, EventKind, MessageId, OwnId, Partition, ProcedureName, SenderName, Sha256,
    Timestamp,
};
use stores::{
    PostgresSettings,
    journal::{Journal, PgJournal, Projected, Projection, SqliteJournal},
    ledger::{
        Admission, AdmittedMessage, AttemptRow, Claim, DeliveryId, EndpointRow, EndpointSpec,
        IntentRow, Kind, Ledger, MessageRow, NewDelivery, OutboxEntry, Part, PartitionBatch,
        PgLedger, Retention, Settlement, SqliteLedger, Started, Tenure, Transaction,
    },
};
use tokio::time::Instant;
use uuid::Uuid;

/// Messages of one turn: about what comes together at 10,000 a second and a sync of 2 ms.
const TURN: i64 = 200;
const TURNS: i64 = 500;
const ENDPOINTS: i64 = 50;
/// A record of a document of 2.1 KB, and an event.
const RECORD_BYTES: usize = 6_000;
const EVENT_BYTES: usize = 800;
/// Bodies of what is settled go with their retention; identities stay.
const OLD_RECORD_BYTES: usize = 64;
/// When the ledger's age begins, and how long it keeps everything.
const START: Timestamp = Timestamp(1_800_000_000_000_000);
const KEPT: Duration = Duration::from_secs(3_600);

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let rows: i64 = number("AMTSBOTE_BENCH_ROWS").unwrap_or(1_000_000) / TURN * TURN;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let files = SqliteLedger::open(&folder.path().join("ledger.sqlite")).expect("a new ledger");
    ledger("ledger in a file", &files, rows).await;
    drop(files);
    let file = SqliteJournal::open(&folder.path().join("journal.sqlite")).expect("a new journal");
    journal("journal in a file", &file, rows).await;
    if let Some(port) = number("AMTSBOTE_BENCH_POSTGRES") {
        let settings = PostgresSettings {
            host: "127.0.0.1".to_owned(),
            port,
            database: "postgres".to_owned(),
            user: "postgres".to_owned(),
            password: None,
            prefix: format!("bench_{}", std::process::id()),
            tls: false,
            ca_file: None,
        };
        let server = PgLedger::open(&settings, "bench").await.expect("a new ledger");
        ledger("ledger on PostgreSQL", &server, rows).await;
        let server = PgJournal::open(&settings).await.expect("a new journal");
        journal("journal on PostgreSQL", &server, rows).await;
    }
}

fn number<T: std::str::FromStr>(variable: &str) -> Option<T> {
    std::env::var(variable).ok()?.parse().ok()
}

/// Utime and stime of this process and of the server's, if there is one, in seconds; the kernel counts
/// in hundredths.
fn cpu() -> f64 {
    let own = ticks("self").map_or(0.0, |(_, own, _)| own);
    let server = std::env::var("AMTSBOTE_BENCH_POSTGRES_PID").ok();
    let of_server = server.map_or(0.0, |server| {
        let first = ticks(&server).map_or(0.0, |(_, own, ended)| own + ended);
        let entries = fs::read_dir("/proc").expect("Linux has it").filter_map(Result::ok);
        let others = entries.filter_map(|entry| ticks(entry.file_name().to_str()?));
        others.filter(|(parent, ..)| *parent == server).map(|(_, own, _)| own).sum::<f64>() + first
    });
    (own + of_server) / 100.0
}

/// Of a process: its parent, its own ticks, and those of its children that have ended.
fn ticks(process: &str) -> Option<(String, f64, f64)> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let sum = |from: usize| -> f64 {
        fields.iter().skip(from).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum()
    };
    Some(((*fields.get(1)?).to_owned(), sum(11), sum(13)))
}

fn report(what: &str, rows: i64, began: (f64, Instant), messages: i64) {
    let messages = f64::from(i32::try_from(messages).expect("not that many"));
    let micros = (cpu() - began.0) / messages * 1e6;
    let rate = messages / began.1.elapsed().as_secs_f64();
    println!("{what}: {micros:.1} µs CPU a message, {rate:.0}/s, beside {rows} settled ones");
}

fn id(row: i64) -> Uuid {
    // As random as those of real messages, and the same in every run.
    Uuid::new_v5(&Uuid::NAMESPACE_OID, &row.to_be_bytes())
}

fn partition() -> Partition {
    Partition { channel: ChannelName::new("application.kfz").expect("a name"), number: 0 }
}

async fn ledger(what: &str, ledger: &dyn Ledger, rows: i64) {
    let spec = |number| EndpointSpec {
        name: EndpointName::new(format!("system-{number}")).expect("a name"),
        interests: "all".to_owned(),
    };
    ledger.grow_older(START, Duration::ZERO).await.expect("its age begins");
    let loaded = ledger.load((0..ENDPOINTS).map(spec).collect()).await.expect("it loads");
    let version = loaded.subscriptions_version;
    let endpoints = loaded.endpoints;
    let tenures = own(ledger, &endpoints).await;
    let waiting = rows / 10 / TURN;
    let mut turn = 0;
    for _ in 0..waiting + rows / TURN {
        // What waits is old, as it is in an outage; what is settled came after it.
        let settles = waiting < turn;
        let mut transaction = ledger_turn(turn, version, &endpoints, OLD_RECORD_BYTES, settles);
        transaction.tenures.clone_from(&tenures);
        ledger.commit(Arc::new(transaction)).await.expect("a turn");
        turn += 1;
    }
    let record_bytes = number("AMTSBOTE_BENCH_RECORD").unwrap_or(RECORD_BYTES);
    let began = (cpu(), Instant::now());
    for _ in 0..TURNS {
        let mut transaction = ledger_turn(turn, version, &endpoints, record_bytes, true);
        transaction.tenures.clone_from(&tenures);
        ledger.commit(Arc::new(transaction)).await.expect("a turn");
        turn += 1;
    }
    report(what, rows, began, TURNS * TURN);
    ledger.grow_older(START.after(2 * KEPT), Duration::MAX).await.expect("it ages");
    let began = (cpu(), Instant::now());
    let trimmed = trim(ledger).await;
    report(&format!("{what}, retention"), rows, began, trimmed);
}

/// Removes records, deliveries and identities of all that is settled; how many messages those were.
async fn trim(ledger: &dyn Ledger) -> i64 {
    let (payload_of, kept) = (BTreeMap::new(), KEPT);
    let of = Retention { payload: kept, payload_of, history: kept, dedupe_horizon: kept };
    let of = Arc::new(of);
    let mut messages = 0;
    for kind in Kind::ALL {
        let mut after = Some(0);
        while let Some(from) = after {
            let trimmed = ledger.trim(kind, Arc::clone(&of), from).await.expect("it trims");
            messages += if kind == Kind::Identity { trimmed.rows } else { 0 };
            after = trimmed.next;
        }
    }
    i64::try_from(messages).expect("not that many")
}

/// Takes the endpoints of a ledger that can be shared.
async fn own(ledger: &dyn Ledger, endpoints: &[EndpointRow]) -> Vec<Tenure> {
    let Some(shared) = ledger.shared() else { return Vec::new() };
    let lease = Duration::from_secs(60);
    let claim = |endpoint: &EndpointRow| Claim { endpoint: *endpoint, lease, stands_still: None };
    shared.claim(endpoints.iter().map(claim).collect()).await.expect("nobody has them")
}

/// Admits the messages of `turn`, writes their intent, and settles those of the turn before.
fn ledger_turn(
    turn: i64,
    subscriptions_version: u64,
    endpoints: &[EndpointRow],
    record_bytes: usize,
    settles: bool,
) -> Transaction {
    let first = turn * TURN + 1;
    let rows = first..first + TURN;
    let endpoint_of = |row: i64| {
        let endpoint = endpoints.get(usize::try_from(row % ENDPOINTS).unwrap_or(0));
        *endpoint.expect("there are as many")
    };
    let started =
        |row| Started { delivery: DeliveryId(row), version: 1, endpoint: endpoint_of(row) };
    let admit = |row: i64| {
        let endpoint = endpoint_of(row);
        Admission::Message(AdmittedMessage {
            row: MessageRow(row),
            offset: row.unsigned_abs() - 1,
            message_id: MessageId(id(row)),
            sha256: Sha256([7; 32]),
            case_id: CaseId(id(row % 1_000)),
            sender: SenderName::new("landesportal").expect("a name"),
            record: Bytes::from(vec![b'x'; record_bytes]),
            claims: Vec::new(),
            deliveries: vec![NewDelivery {
                delivery: DeliveryId(row),
                endpoint,
                is_doubtful: false,
            }],
        })
    };
    let batch = PartitionBatch {
        partition: partition(),
        from: first.unsigned_abs() - 1,
        next: rows.end.unsigned_abs() - 1,
        records: rows.clone().map(admit).collect(),
    };
    let event = |row: i64| OutboxEntry {
        of: Part::Whole,
        sequence: row.unsigned_abs(),
        record: Bytes::from(vec![b'e'; EVENT_BYTES]),
    };
    let before = if settles { first - TURN..first } else { first..first };
    Transaction {
        subscriptions_version,
        at: Timestamp(1),
        settlements: before.clone().map(|row| delivered(row, endpoint_of(row))).collect(),
        outbox: before.map(event).collect(),
        outbox_done: settles.then(|| (first - TURN - 1).unsigned_abs()),
        outbox_told: (first - 2 * TURN - 1).max(0).unsigned_abs(),
        intent: Some((IntentRow(turn + 1), rows.map(started).collect())),
        intents_done: if settles { vec![IntentRow(turn)] } else { Vec::new() },
        admissions: vec![batch],
        ..Transaction::default()
    }
}

fn delivered(row: i64, endpoint: EndpointRow) -> Settlement {
    Settlement {
        delivery: DeliveryId(row),
        endpoint,
        version: 2,
        state: DeliveryState::Delivered,
        attempts: 1,
        next_at: None,
        first_attempt_at: Some(Timestamp(1)),
        attempt: Some(AttemptRow {
            number: 1,
            started_at: Timestamp(1),
            ended_at: Timestamp(2),
            outcome: "accepted",
            code: None,
            cause: None,
            receipt: None,
        }),
    }
}

async fn journal(what: &str, journal: &dyn Journal, rows: i64) {
    let mut turn = 0;
    for _ in 0..rows / TURN {
        journal.apply(journal_turn(turn), Timestamp(turn)).await.expect("a turn");
        turn += 1;
    }
    let began = (cpu(), Instant::now());
    for _ in 0..TURNS {
        journal.apply(journal_turn(turn), Timestamp(turn)).await.expect("a turn");
        turn += 1;
    }
    report(what, rows, began, TURNS * TURN);
}

/// The applications of `turn`, and that those of the turn before were delivered.
fn journal_turn(turn: i64) -> Vec<Projection> {
    let first = turn * TURN;
    let before = (first - TURN).max(0)..first;
    let applications = (first..first + TURN).map(|row| Projected::Application(Box::new(head(row))));
    let events = before.clone().map(|row| Projected::Event(Box::new(event(row))));
    let status = Partition { channel: ChannelName::status(), number: 0 };
    vec![
        Projection {
            partition: partition(),
            from: first.unsigned_abs(),
            next: (first + TURN).unsigned_abs(),
            entries: applications.collect(),
        },
        Projection {
            partition: status,
            from: before.start.unsigned_abs(),
            next: before.end.unsigned_abs(),
            entries: events.collect(),
        },
    ]
}

fn head(row: i64) -> ApplicationHead {
    ApplicationHead {
        message_id: MessageId(id(row)),
        case_id: CaseId(id(row % 1_000)),
        own_id: Some(OwnId::new(id(row).to_string()).expect("an id")),
        case_reference: Some(format!("vorgang-{}", row % 1_000)),
        refers_to: None,
        sender: SenderName::new("landesportal").expect("a name"),
        authority: Authority::new("svb:14730000").expect("an authority"),
        further_authorities: Vec::new(),
        domain: Domain::new("kfz").expect("a domain"),
        service: None,
        procedure: ProcedureName {
            standard: "amtsbote-kfz".to_owned(),
            version: "1.0".to_owned(),
            message_type: "kfz.neuzulassung.0101".to_owned(),
        },
        is_test: false,
        sha256: Sha256([7; 32]),
        received_at: Timestamp(row),
        trace: None,
    }
}

fn event(row: i64) -> Event {
    Event {
        id: format!("2f1c6c1e-1-{row}-2"),
        at: Timestamp(row),
        message_id: Some(MessageId(id(row))),
        case_id: Some(CaseId(id(row % 1_000))),
        sender: Some(SenderName::new("landesportal").expect("a name")),
        delivery: Some(DeliveryVersion {
            ledger: "2f1c6c1e".to_owned(),
            epoch: 1,
            delivery: row.unsigned_abs(),
            version: 2,
            endpoint: EndpointName::new("system-1").expect("a name"),
            state: DeliveryState::Delivered,
            attempts: 1,
            next_at: None,
        }),
        kind: EventKind::Delivered { receipt: None },
        code: None,
        cause: None,
        trace: None,
    }
}
