//! The ledger keeps what it is told, as one, across restarts.

use std::{path::PathBuf, sync::Arc};

use bytes::Bytes;
use messaging::{
    CaseId, ChannelName, CommandId, DeliveryState, EndpointName, FailureKind, MessageId, Partition,
    SenderName, Sha256, StoredPositions as _, Timestamp,
};
use uuid::Uuid;

use super::{
    Admission, AdmittedMessage, DeliveryId, EndpointRow, EndpointSpec, IntentRow, Ledger,
    MessageRow, NewDelivery, OutboxEntry, PartitionBatch, Settlement, Transaction,
};

/// A folder of its own, removed at the end.
pub(super) struct Folder(PathBuf);

impl Folder {
    pub(super) fn new() -> Self {
        let path = std::env::temp_dir().join(format!("ledger-{}", Uuid::new_v4()));
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }

    pub(super) fn ledger(&self) -> PathBuf {
        self.0.join("ledger.sqlite")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}

pub(super) fn spec(name: &str, interests: &str) -> EndpointSpec {
    EndpointSpec { name: EndpointName::new(name).unwrap(), interests: interests.to_owned() }
}

pub(super) fn partition() -> Partition {
    Partition { channel: ChannelName::new("application.kfz").unwrap(), number: 0 }
}

/// Makes a ledger what the former version would have left.
pub(super) const TO_VERSION_2: &str = "
    DROP TABLE milestone; DROP TABLE claim; DROP TABLE lift; DROP INDEX delivery_by_message;
    ALTER TABLE delivery DROP COLUMN final_at; ALTER TABLE command DROP COLUMN kept_from;
    ALTER TABLE meta DROP COLUMN age; ALTER TABLE meta DROP COLUMN claims_unknown;
    PRAGMA user_version = 2;";

/// And that what its former one would have left.
const TO_VERSION_1: &str = "
    DROP TABLE command; DROP TABLE control_floor; DROP TABLE endpoint_state;
    ALTER TABLE meta DROP COLUMN control_epoch; PRAGMA user_version = 1;";

fn message(row: i64, endpoint: Option<EndpointRow>) -> Admission {
    let id =
        Uuid::from_u128(0x1234_5678_0000_0000_0000_0000_0000_0000 + row.unsigned_abs() as u128);
    let deliveries = endpoint.map(|endpoint| NewDelivery { delivery: DeliveryId(row), endpoint });
    Admission::Message(AdmittedMessage {
        row: MessageRow(row),
        offset: row.unsigned_abs() - 1,
        message_id: MessageId(id),
        sha256: Sha256([7; 32]),
        case_id: CaseId(id),
        sender: SenderName::new("portal").unwrap(),
        record: Bytes::from_static(b"record"),
        claims: Vec::new(),
        deliveries: deliveries.into_iter().collect(),
    })
}

fn admission(rows: std::ops::Range<i64>, endpoint: Option<EndpointRow>) -> Transaction {
    let from = rows.start.unsigned_abs() - 1;
    let next = rows.end.unsigned_abs() - 1;
    let records = rows.map(|row| message(row, endpoint)).collect();
    let batch = PartitionBatch { partition: partition(), from, next, records };
    Transaction { admissions: vec![batch], subscriptions_version: 1, ..Transaction::default() }
}

pub(super) fn settlement(delivery: i64, version: u64, state: DeliveryState) -> Settlement {
    Settlement {
        delivery: DeliveryId(delivery),
        version,
        state,
        attempts: 1,
        next_at: None,
        first_attempt_at: Some(Timestamp(1)),
        attempt: None,
    }
}

pub(super) async fn commit(ledger: &Ledger, transaction: Transaction) -> messaging::Result<()> {
    ledger.commit(Arc::new(transaction)).await
}

#[tokio::test]
async fn what_was_committed_is_there_after_a_restart() {
    let folder = Folder::new();
    let ledger = Ledger::open(&folder.ledger()).unwrap();
    let loaded = ledger.load(vec![spec("nordsachsen-kfz", "kfz")]).await.unwrap();
    assert!(loaded.subscriptions_changed);
    let mut transaction = admission(1..4, Some(loaded.endpoints[0]));
    transaction.outbox = vec![OutboxEntry { sequence: 1, record: Bytes::from_static(b"event") }];
    commit(&ledger, transaction).await.unwrap();
    let (id, start) = (ledger.identity().id.clone(), ledger.identity().start);
    drop(ledger);

    let ledger = Ledger::open(&folder.ledger()).unwrap();
    assert_eq!((ledger.identity().id.clone(), ledger.identity().start), (id, start + 1));
    let loaded = ledger.load(vec![spec("nordsachsen-kfz", "kfz")]).await.unwrap();
    assert!(!loaded.subscriptions_changed);
    assert_eq!(loaded.open.len(), 3);
    assert_eq!(loaded.fingerprints.len(), 3);
    assert_eq!(loaded.delivery_last, DeliveryId(3));
    assert_eq!(ledger.next_offset(&partition()).await.unwrap(), Some(3));
    let last = ledger.last_admitted(&partition()).await.unwrap().unwrap();
    let Admission::Message(third) = message(3, None) else { unreachable!("as it was made") };
    let expected = (third.offset, third.message_id, third.sha256);
    assert_eq!((last.offset, last.message_id, last.sha256), expected);
    assert_eq!(ledger.outbox(0, 10).await.unwrap().len(), 1);
    let records = ledger.records(vec![MessageRow(2)]).await.unwrap();
    assert_eq!(records, [(MessageRow(2), Bytes::from_static(b"record"))]);
}

#[tokio::test]
async fn a_position_moves_from_where_the_batch_began_or_nothing_happens() {
    let folder = Folder::new();
    let ledger = Ledger::open(&folder.ledger()).unwrap();
    let loaded = ledger.load(vec![spec("nordsachsen-kfz", "kfz")]).await.unwrap();
    commit(&ledger, admission(1..4, Some(loaded.endpoints[0]))).await.unwrap();

    let mut stale = admission(3..6, Some(loaded.endpoints[0]));
    stale.settlements = vec![settlement(1, 2, DeliveryState::Delivered)];
    let failure = commit(&ledger, stale).await.unwrap_err();
    assert_eq!((failure.kind(), failure.code()), (FailureKind::Defect, "AB-2307"));
    let loaded = ledger.load(vec![spec("nordsachsen-kfz", "kfz")]).await.unwrap();
    assert_eq!(loaded.open.len(), 3, "all of it or nothing");
}

#[tokio::test]
async fn a_delivery_is_settled_once() {
    let folder = Folder::new();
    let ledger = Ledger::open(&folder.ledger()).unwrap();
    let loaded = ledger.load(vec![spec("nordsachsen-kfz", "kfz")]).await.unwrap();
    commit(&ledger, admission(1..2, Some(loaded.endpoints[0]))).await.unwrap();
    let settle = || Transaction {
        settlements: vec![settlement(1, 2, DeliveryState::Delivered)],
        ..Transaction::default()
    };
    commit(&ledger, settle()).await.unwrap();
    assert_eq!(commit(&ledger, settle()).await.unwrap_err().code(), "AB-2307");
}

#[tokio::test]
async fn a_start_knows_what_was_handed_out_and_not_settled() {
    let folder = Folder::new();
    let ledger = Ledger::open(&folder.ledger()).unwrap();
    let loaded = ledger.load(vec![spec("nordsachsen-kfz", "kfz")]).await.unwrap();
    let mut transaction = admission(1..4, Some(loaded.endpoints[0]));
    transaction.intent = Some((IntentRow(1), vec![(DeliveryId(1), 1), (DeliveryId(2), 1)]));
    commit(&ledger, transaction).await.unwrap();
    let settlements = vec![settlement(1, 2, DeliveryState::Delivered)];
    commit(&ledger, Transaction { settlements, ..Transaction::default() }).await.unwrap();
    drop(ledger);

    let ledger = Ledger::open(&folder.ledger()).unwrap();
    let loaded = ledger.load(vec![spec("nordsachsen-kfz", "kfz")]).await.unwrap();
    assert_eq!(loaded.interrupted, [(DeliveryId(2), 1)]);
    assert_eq!(loaded.intents, [IntentRow(1)]);
}

#[tokio::test]
async fn an_unrouted_message_stays_until_an_endpoint_wants_it() {
    let folder = Folder::new();
    let ledger = Ledger::open(&folder.ledger()).unwrap();
    ledger.load(vec![spec("nordsachsen-kfz", "kfz")]).await.unwrap();
    commit(&ledger, admission(1..2, None)).await.unwrap();
    assert_eq!(ledger.unrouted(MessageRow(0), 10).await.unwrap().len(), 1);

    let specs = vec![spec("nordsachsen-kfz", "kfz"), spec("goerlitz-kfz", "kfz")];
    let loaded = ledger.load(specs).await.unwrap();
    assert!(loaded.subscriptions_changed);
    let wanted = NewDelivery { delivery: DeliveryId(1), endpoint: loaded.endpoints[1] };
    let transaction = Transaction {
        routed: vec![(MessageRow(1), vec![wanted])],
        subscriptions_version: loaded.subscriptions_version,
        ..Transaction::default()
    };
    commit(&ledger, transaction).await.unwrap();
    assert!(ledger.unrouted(MessageRow(0), 10).await.unwrap().is_empty());
}

#[tokio::test]
async fn changed_subscriptions_stop_an_admission_made_under_the_old_ones() {
    let folder = Folder::new();
    let ledger = Ledger::open(&folder.ledger()).unwrap();
    let loaded = ledger.load(vec![spec("nordsachsen-kfz", "kfz")]).await.unwrap();
    ledger.load(vec![spec("nordsachsen-kfz", "kfz and more")]).await.unwrap();
    let old = admission(1..2, Some(loaded.endpoints[0]));
    assert_eq!(commit(&ledger, old).await.unwrap_err().code(), "AB-2307");
}

#[tokio::test]
async fn a_file_that_is_no_ledger_is_refused_with_a_code() {
    let folder = Folder::new();
    std::fs::write(folder.ledger(), b"a letter to the county, not a ledger".repeat(100)).unwrap();
    let failure = Ledger::open(&folder.ledger()).unwrap_err();
    assert_eq!((failure.kind(), failure.code()), (FailureKind::Defect, "AB-2302"));
    std::fs::remove_file(folder.ledger()).unwrap();
    let foreign = rusqlite::Connection::open(folder.ledger()).unwrap();
    foreign.execute_batch("CREATE TABLE letter (text TEXT)").unwrap();
    drop(foreign);
    assert_eq!(Ledger::open(&folder.ledger()).unwrap_err().code(), "AB-2302");
}

#[tokio::test]
async fn a_newer_or_damaged_ledger_is_refused_with_a_code() {
    let folder = Folder::new();
    let ledger = Ledger::open(&folder.ledger()).unwrap();
    ledger.load(vec![spec("nordsachsen-kfz", "kfz")]).await.unwrap();
    ledger.inspect(|sql| sql.pragma_update(None, "user_version", 99)).await.unwrap();
    drop(ledger);
    assert_eq!(Ledger::open(&folder.ledger()).unwrap_err().code(), "AB-2303");

    let mut bytes = std::fs::read(folder.ledger()).unwrap();
    let middle = bytes.len() / 2;
    bytes[100..middle].fill(0xA5);
    std::fs::write(folder.ledger(), bytes).unwrap();
    let code = Ledger::open(&folder.ledger()).unwrap_err().code();
    assert!(["AB-2303", "AB-2304"].contains(&code), "{code}");

    // An empty file was a ledger once: a new one in its place would deliver everything again.
    std::fs::write(folder.ledger(), b"").unwrap();
    assert_eq!(Ledger::open(&folder.ledger()).unwrap_err().code(), "AB-2304");
}

#[tokio::test]
async fn a_missing_folder_is_unavailable_with_a_code() {
    let folder = Folder::new();
    let failure = Ledger::open(&folder.0.join("nowhere/ledger.sqlite")).unwrap_err();
    assert_eq!((failure.kind(), failure.code()), (FailureKind::Unavailable, "AB-2301"));
}

/// A command of `endpoint` at `offset` of `control`.
pub(super) fn order(id: u128, offset: u64) -> Admission {
    Admission::Command(super::CommandRow {
        id: CommandId(Uuid::from_u128(id)),
        offset,
        sha256: Sha256([9; 32]),
        endpoint: EndpointName::new("nordsachsen-kfz").unwrap(),
        name: "pause".to_owned(),
        issued_at: Timestamp(5),
        state: super::CommandState::Accepted,
        code: None,
        record: Bytes::from_static(b"record"),
    })
}

pub(super) fn control() -> Partition {
    Partition { channel: ChannelName::control(), number: 0 }
}

#[tokio::test]
async fn a_command_its_position_and_its_effect_are_one() {
    let folder = Folder::new();
    let ledger = Ledger::open(&folder.ledger()).unwrap();
    let specs = || vec![spec("nordsachsen-kfz", "kfz")];
    let loaded = ledger.load(specs()).await.unwrap();
    let pause = super::PauseRow { at: Timestamp(7), command: CommandId(Uuid::from_u128(1)) };
    let transaction = |records, from| Transaction {
        admissions: vec![PartitionBatch { partition: control(), from, next: from + 1, records }],
        pauses: vec![(loaded.endpoints[0], Some(pause))],
        subscriptions_version: 1,
        ..Transaction::default()
    };
    commit(&ledger, transaction(vec![order(1, 0)], 0)).await.unwrap();
    let stale = commit(&ledger, transaction(vec![order(2, 0)], 0)).await.unwrap_err();
    assert_eq!(stale.code(), "AB-2307");
    drop(ledger);

    let ledger = Ledger::open(&folder.ledger()).unwrap();
    let loaded = ledger.load(specs()).await.unwrap();
    assert_eq!(loaded.paused.get(&loaded.endpoints[0]), Some(&pause));
    let ids = [1, 2].map(|id| CommandId(Uuid::from_u128(id)));
    let known = ledger.commands_known(ids.to_vec()).await.unwrap();
    assert_eq!(known, [(ids[0], Bytes::from_static(b"record"))].into());
    assert_eq!(ledger.next_offset(&control()).await.unwrap(), Some(1));
    let last = ledger.last_admitted(&control()).await.unwrap().unwrap();
    assert_eq!((last.offset, last.sha256), (0, Sha256([9; 32])));

    let pauses = vec![(loaded.endpoints[0], None)];
    commit(&ledger, Transaction { pauses, ..Transaction::default() }).await.unwrap();
    assert!(ledger.load(specs()).await.unwrap().paused.is_empty());
}

#[tokio::test]
async fn an_open_delivery_that_is_named_is_found_without_looking_through_the_others() {
    let folder = Folder::new();
    let ledger = Ledger::open(&folder.ledger()).unwrap();
    let loaded = ledger.load(vec![spec("nordsachsen-kfz", "kfz")]).await.unwrap();
    let endpoint = loaded.endpoints[0];
    commit(&ledger, admission(1..4, Some(endpoint))).await.unwrap();
    let settlements = vec![settlement(3, 2, DeliveryState::Delivered)];
    commit(&ledger, Transaction { settlements, ..Transaction::default() }).await.unwrap();
    for (message, named, expected) in [
        (2, None, Some(2)),
        (2, Some(2), Some(2)),
        (2, Some(1), None),
        (3, None, None),
        (3, Some(3), None),
        (3, Some(9), None),
    ] {
        let named = named.map(DeliveryId);
        let found = ledger.open_delivery(endpoint, MessageRow(message), named).await.unwrap();
        assert_eq!(found.map(|open| open.delivery.0), expected, "{message} {named:?}");
    }
    drop(ledger);

    let connection = rusqlite::Connection::open(folder.ledger()).unwrap();
    let explain = format!("EXPLAIN QUERY PLAN {}", super::command::finding(true));
    let mut statement = connection.prepare(&explain).unwrap();
    let plan = statement.query_map([1, 2, 2], |row| row.get::<_, String>(3)).unwrap();
    let plan: Vec<String> = plan.map(Result::unwrap).collect();
    assert!(plan.iter().all(|step| step.contains("USING INTEGER PRIMARY KEY")), "{plan:?}");
}

#[tokio::test]
async fn the_floor_of_commands_is_set_once_for_each_epoch() {
    let folder = Folder::new();
    let ledger = Ledger::open(&folder.ledger()).unwrap();
    assert_eq!(ledger.control_floors().await.unwrap(), None);
    let end = messaging::Position { partition: control(), offset: 12 };
    ledger.set_control_floors(vec![end]).await.unwrap();
    drop(ledger);
    let ledger = Ledger::open(&folder.ledger()).unwrap();
    let floors = ledger.control_floors().await.unwrap().unwrap();
    assert_eq!(floors.into_iter().collect::<Vec<_>>(), [(0, 12)]);

    // As a restore from a backup does: a new epoch asks anew.
    ledger.inspect(|sql| sql.execute("UPDATE meta SET epoch = 2", [])).await.unwrap();
    drop(ledger);
    let ledger = Ledger::open(&folder.ledger()).unwrap();
    assert_eq!(ledger.control_floors().await.unwrap(), None);
}

#[tokio::test]
async fn a_ledger_of_the_former_version_is_taken_over_with_all_it_holds() {
    let folder = Folder::new();
    let ledger = Ledger::open(&folder.ledger()).unwrap();
    let specs = || vec![spec("nordsachsen-kfz", "kfz")];
    let loaded = ledger.load(specs()).await.unwrap();
    commit(&ledger, admission(1..4, Some(loaded.endpoints[0]))).await.unwrap();
    let id = ledger.identity().id.clone();
    ledger.inspect(|sql| sql.execute_batch(TO_VERSION_2)).await.unwrap();
    ledger.inspect(|sql| sql.execute_batch(TO_VERSION_1)).await.unwrap();
    drop(ledger);

    for _ in 0..2 {
        let ledger = Ledger::open(&folder.ledger()).unwrap();
        assert_eq!(ledger.identity().id, id);
        let loaded = ledger.load(specs()).await.unwrap();
        assert_eq!((loaded.open.len(), loaded.paused.len()), (3, 0));
        assert_eq!(ledger.control_floors().await.unwrap(), None);
        assert_eq!(ledger.next_offset(&partition()).await.unwrap(), Some(3));
    }
}

#[tokio::test]
async fn tables_are_the_same_whether_a_ledger_was_made_or_taken_over() {
    let (made, taken) = (Folder::new(), Folder::new());
    let tables = |sql: &mut rusqlite::Connection| {
        let mut columns = sql.prepare(
            "SELECT t.name, c.name, c.type, c.pk FROM sqlite_schema t, pragma_table_info(t.name) c
             WHERE t.type = 'table' ORDER BY t.name, c.name",
        )?;
        let rows = columns.query_map([], |row| {
            let (table, column): (String, String) = (row.get(0)?, row.get(1)?);
            Ok((table, column, row.get::<_, String>(2)?, row.get::<_, i64>(3)?))
        })?;
        rows.collect::<rusqlite::Result<Vec<_>>>()
    };
    let ledger = Ledger::open(&taken.ledger()).unwrap();
    ledger.inspect(|sql| sql.execute_batch(TO_VERSION_2)).await.unwrap();
    ledger.inspect(|sql| sql.execute_batch(TO_VERSION_1)).await.unwrap();
    drop(ledger);
    let taken = Ledger::open(&taken.ledger()).unwrap().inspect(tables).await.unwrap();
    let made = Ledger::open(&made.ledger()).unwrap().inspect(tables).await.unwrap();
    assert_eq!(taken, made);
}
