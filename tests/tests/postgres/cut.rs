//! Connections that are cut in the middle of a commit: nothing is lost, and nothing happens twice.

use std::{sync::Arc, time::Duration};

use axum::body::Bytes;
use messaging::{
    CaseId, ChannelName, DeliveryState, EndpointName, FailureKind, MessageId, Partition,
    SenderName, Sha256, Timestamp,
};
use stores::{
    PostgresSettings,
    journal::{Journal, PgJournal, Projected, Projection},
    ledger::{
        Admission, AdmittedMessage, AttemptRow, Claim, Committed, DeliveryId, EndpointRow,
        EndpointSpec, IntentRow, Ledger, MessageRow, NewDelivery, OutboxEntry, Part,
        PartitionBatch, PgLedger, Settlement, Shared as _, Started, Tenure, Transaction,
    },
};
use tests::{chance::Chance, postgres::Postgres};
use uuid::Uuid;

use super::{proxy::Proxy, settings};

const ROUNDS: i64 = 60;
/// Messages of one transaction.
const TURN: i64 = 5;
/// A whole transaction is some thousand bytes.
const BYTES_MAX: u64 = 9_000;

pub(super) fn partition() -> Partition {
    Partition { channel: ChannelName::new("application.kfz").expect("a name"), number: 0 }
}

fn message(row: i64, endpoint: EndpointRow) -> Admission {
    let id = Uuid::from_u128(row.unsigned_abs().into());
    Admission::Message(AdmittedMessage {
        row: MessageRow(row),
        offset: row.unsigned_abs() - 1,
        message_id: MessageId(id),
        sha256: Sha256([7; 32]),
        case_id: CaseId(id),
        sender: SenderName::new("portal").expect("a name"),
        record: Bytes::from(vec![b'x'; 300]),
        claims: Vec::new(),
        deliveries: vec![NewDelivery { delivery: DeliveryId(row), endpoint, is_doubtful: false }],
    })
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

/// Admits the messages of `round`, and settles those of the one before.
fn turn(round: i64, tenure: Tenure) -> Transaction {
    let first = round * TURN + 1;
    let before = if round == 0 { first..first } else { first - TURN..first };
    let event = |row: i64| OutboxEntry {
        sequence: row.unsigned_abs(),
        record: Bytes::from_static(b"event"),
        of: Part::Endpoint(tenure.endpoint),
    };
    let batch = PartitionBatch {
        partition: partition(),
        from: first.unsigned_abs() - 1,
        next: (first + TURN).unsigned_abs() - 1,
        records: (first..first + TURN).map(|row| message(row, tenure.endpoint)).collect(),
    };
    Transaction {
        settlements: before.clone().map(|row| delivered(row, tenure.endpoint)).collect(),
        outbox: before.map(event).collect(),
        admissions: vec![batch],
        tenures: vec![tenure],
        subscriptions_version: 1,
        at: Timestamp(1),
        ..Transaction::default()
    }
}

/// In every third round just before the answer to the commit, else somewhere in the next bytes.
fn break_somewhere(proxy: &Proxy, round: u64, chance: &mut Chance, bytes_max: u64) {
    match round % 3 {
        0 => proxy.lose_an_answer(),
        _ => proxy.cut_after(i64::try_from(chance.below(bytes_max)).expect("small")),
    }
}

async fn ledger(settings: &PostgresSettings) -> (PgLedger, Tenure) {
    let ledger = PgLedger::open(settings, "one").await.expect("it opens");
    let spec = EndpointSpec {
        name: EndpointName::new("nordsachsen-kfz").expect("a name"),
        interests: "kfz".to_owned(),
    };
    let loaded = ledger.load(vec![spec]).await.expect("it loads");
    let lease = Duration::from_secs(10);
    let claim = Claim { endpoint: loaded.endpoints[0], lease, stands_still: None };
    let tenures = ledger.claim(vec![claim]).await.expect("it claims");
    (ledger, tenures[0])
}

#[tokio::test]
async fn a_commit_that_is_cut_off_anywhere_happens_once() {
    let Some(postgres) = Postgres::start("connections to PostgreSQL that are cut") else { return };
    let proxy = Proxy::start(postgres.port()).await;
    let settings = PostgresSettings { port: proxy.port, ..settings(&postgres) };
    let (ledger, tenure) = ledger(&settings).await;
    let mut chance = Chance::printed("where connections to PostgreSQL are cut");
    let (mut cuts, mut lost_answers) = (0, 0);
    for round in 0..ROUNDS {
        let transaction = Arc::new(turn(round, tenure));
        break_somewhere(&proxy, round.unsigned_abs(), &mut chance, BYTES_MAX);
        let first = ledger.commit(Arc::clone(&transaction)).await;
        if let Err(failure) = &first {
            assert_eq!(failure.kind(), FailureKind::Unavailable, "{}", failure.report());
            cuts += 1;
        }
        proxy.mend();
        if first.is_err() {
            let name = format!("{}_ledger", settings.prefix);
            let last = (round + 1) * TURN;
            // Whether it took place although nobody was told, as far as that is decided by now.
            let there = format!("SELECT count(*) FROM {name}.message WHERE id = {last}");
            lost_answers += i64::from(postgres.sql(&there) == "1");
            let again = ledger.commit(transaction).await.expect("the same again");
            assert_eq!(again, Committed::default());
        }
    }
    eprintln!("{cuts} commits were cut, {lost_answers} of them had taken place");
    assert!(0 < cuts && cuts < ROUNDS, "some are cut and some are not: {cuts}");
    assert!(ROUNDS / 6 < lost_answers, "{lost_answers}");
    let count = |what: &str| {
        let of = format!("SELECT count(*) FROM {}_ledger.{what}", settings.prefix);
        postgres.sql(&of).parse::<i64>().expect("a number")
    };
    assert_eq!(count("message"), ROUNDS * TURN);
    assert_eq!(count("delivery"), ROUNDS * TURN);
    assert_eq!(count("attempt"), (ROUNDS - 1) * TURN);
    assert_eq!(count("outbox"), (ROUNDS - 1) * TURN);
    assert_eq!(count("delivery WHERE state = 'delivered'"), (ROUNDS - 1) * TURN);
}

#[tokio::test]
async fn a_projection_that_is_cut_off_anywhere_happens_once() {
    let Some(postgres) = Postgres::start("projections to PostgreSQL that are cut") else { return };
    let proxy = Proxy::start(postgres.port()).await;
    let settings = PostgresSettings { port: proxy.port, ..settings(&postgres) };
    let journal = PgJournal::open(&settings).await.expect("it opens");
    let mut chance = Chance::printed("where projections to PostgreSQL are cut");
    for round in 0..ROUNDS.unsigned_abs() {
        let unreadable = |offset| Projected::Undecodable {
            offset,
            at: Timestamp(1),
            code: "AB-3206",
            cause: "nobody can read it".to_owned(),
        };
        let (from, next) = (round * 3, round * 3 + 3);
        let entries = (from..next).map(unreadable).collect();
        let batch = vec![Projection { partition: partition(), from, next, entries }];
        break_somewhere(&proxy, round, &mut chance, 3_000);
        let first = journal.apply(batch.clone(), Timestamp(1)).await;
        proxy.mend();
        let progress = match first {
            Ok(progress) => progress,
            Err(failure) => {
                assert_eq!(failure.kind(), FailureKind::Unavailable, "{}", failure.report());
                journal.apply(batch, Timestamp(1)).await.expect("the same again")
            }
        };
        assert_eq!(progress.sequence, i64::try_from(next).expect("small"));
    }
}

/// Takes over what `former` has, as one that has seen it stand still does.
async fn take_over(settings: &PostgresSettings, former: &PgLedger, endpoint: EndpointRow) {
    let other = PgLedger::open(settings, "two").await.expect("it opens");
    let beats = other.beat().await.expect("it beats").beats;
    let beat = beats.into_iter().find(|beat| beat.writer == former.writer()).expect("it is known");
    let lease = Duration::from_secs(10);
    let claim = Claim { endpoint, lease, stands_still: Some(beat) };
    assert_eq!(other.claim(vec![claim]).await.expect("it claims").len(), 1, "it is taken");
}

/// Its new owner has decided about what the transaction says is to be sent.
#[tokio::test]
async fn a_commit_that_is_repeated_after_a_takeover_begins_nothing() {
    let Some(postgres) = Postgres::start("a takeover behind a lost answer") else { return };
    let proxy = Proxy::start(postgres.port()).await;
    let direct = settings(&postgres);
    let through = PostgresSettings { port: proxy.port, ..direct.clone() };
    let (ledger, tenure) = ledger(&through).await;
    let transaction = Arc::new(turn(0, tenure));
    proxy.lose_an_answer();
    ledger.commit(Arc::clone(&transaction)).await.expect_err("its answer is lost");
    proxy.mend();
    take_over(&direct, &ledger, tenure.endpoint).await;
    let again = ledger.commit(transaction).await.expect("the same again");
    assert_eq!(again.lost, [tenure.endpoint]);
}

/// Or what it sent would be sent once more, as if it had never been tried.
#[tokio::test]
async fn a_former_owner_does_not_end_the_intents_it_left() {
    let Some(postgres) = Postgres::start("intents of a former owner") else { return };
    let settings = settings(&postgres);
    let (ledger, tenure) = ledger(&settings).await;
    let started = Started { delivery: DeliveryId(1), version: 1, endpoint: tenure.endpoint };
    let intent = Some((IntentRow(1), vec![started]));
    let begin = Transaction { intent, ..turn(0, tenure) };
    ledger.commit(Arc::new(begin)).await.expect("it is written down");
    take_over(&settings, &ledger, tenure.endpoint).await;
    let end = Transaction { intents_done: vec![IntentRow(1)], ..Transaction::default() };
    let end = Transaction { tenures: vec![tenure], at: Timestamp(1), ..end };
    let ended = ledger.commit(Arc::new(end)).await.expect("it is said");
    assert_eq!(ended.lost, [tenure.endpoint]);
    let count = format!("SELECT count(*) FROM {}_ledger.intent", settings.prefix);
    assert_eq!(postgres.sql(&count), "1");
}
