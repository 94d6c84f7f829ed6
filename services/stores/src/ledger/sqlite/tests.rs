//! The ledger keeps what it is told, as one, across restarts.

use std::{path::PathBuf, sync::Arc};

use messaging::{FailureKind, StoredPositions as _, Timestamp};
use uuid::Uuid;

pub(super) use crate::ledger::conformance::fixtures::{
    admission, commit, control, order, partition, spec,
};

use super::SqliteLedger;
use crate::ledger::{
    Ledger as _,
    conformance::{self, Site},
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

/// Makes a ledger what the former version would have left.
pub(super) const TO_VERSION_2: &str = "
    DROP TABLE floor; ALTER TABLE meta DROP COLUMN delivery_last;
    ALTER TABLE meta ADD COLUMN control_epoch INTEGER NOT NULL DEFAULT 0;
    CREATE TABLE control_floor (number INTEGER PRIMARY KEY, floor INTEGER NOT NULL) STRICT;
    DROP TABLE numbering; DROP TABLE numbering_start; DROP TABLE edit; DROP TABLE bulk; DROP TABLE bulk_item; DROP TABLE milestone; DROP TABLE claim; DROP TABLE lift; DROP INDEX delivery_by_message;
    ALTER TABLE delivery DROP COLUMN final_at; ALTER TABLE command DROP COLUMN kept_from;
    ALTER TABLE meta DROP COLUMN age; ALTER TABLE meta DROP COLUMN claims_unknown;
    PRAGMA user_version = 2;";

/// And that what its former one would have left.
const TO_VERSION_1: &str = "
    DROP TABLE command; DROP TABLE control_floor; DROP TABLE endpoint_state;
    ALTER TABLE meta DROP COLUMN control_epoch; PRAGMA user_version = 1;";

#[tokio::test]
async fn a_file_passes_the_suite() {
    conformance::check(async || {
        let folder = Arc::new(Folder::new());
        let [restored, standing, switched] = [(); 3].map(|()| folder.ledger());
        Site {
            open: Box::new(move || {
                let folder = Arc::clone(&folder);
                Box::pin(async move {
                    let ledger = SqliteLedger::open(&folder.ledger()).unwrap();
                    Arc::new(ledger) as Arc<dyn crate::ledger::Ledger>
                })
            }),
            restore: Box::new(move || {
                let path = restored.clone();
                Box::pin(async move { SqliteLedger::restore(&path, &path, Timestamp(0)).unwrap() })
            }),
            standing: Box::new(move || {
                let path = standing.clone();
                Box::pin(async move { SqliteLedger::standing(&path) })
            }),
            switch: Box::new(move |wanted| {
                let path = switched.clone();
                Box::pin(async move { SqliteLedger::switch(&path, &wanted) })
            }),
        }
    })
    .await;
}

#[tokio::test]
async fn an_open_delivery_that_is_named_is_found_without_looking_through_the_others() {
    let folder = Folder::new();
    drop(SqliteLedger::open(&folder.ledger()).unwrap());
    let connection = rusqlite::Connection::open(folder.ledger()).unwrap();
    let explain = format!("EXPLAIN QUERY PLAN {}", super::command::finding(true));
    let mut statement = connection.prepare(&explain).unwrap();
    let plan = statement.query_map([1, 2, 2], |row| row.get::<_, String>(3)).unwrap();
    let plan: Vec<String> = plan.map(Result::unwrap).collect();
    let looks_through = |step: &String| step.starts_with("SCAN") || step.contains("delivery_open");
    assert!(!plan.iter().any(looks_through), "{plan:?}");
}

#[tokio::test]
async fn a_file_that_is_no_ledger_is_refused_with_a_code() {
    let folder = Folder::new();
    std::fs::write(folder.ledger(), b"a letter to the county, not a ledger".repeat(100)).unwrap();
    let failure = SqliteLedger::open(&folder.ledger()).unwrap_err();
    assert_eq!((failure.kind(), failure.code()), (FailureKind::Defect, "AB-2302"));
    std::fs::remove_file(folder.ledger()).unwrap();
    let foreign = rusqlite::Connection::open(folder.ledger()).unwrap();
    foreign.execute_batch("CREATE TABLE letter (text TEXT)").unwrap();
    drop(foreign);
    assert_eq!(SqliteLedger::open(&folder.ledger()).unwrap_err().code(), "AB-2302");
}

#[tokio::test]
async fn a_newer_or_damaged_ledger_is_refused_with_a_code() {
    let folder = Folder::new();
    let ledger = SqliteLedger::open(&folder.ledger()).unwrap();
    ledger.load(vec![spec("nordsachsen-kfz", "kfz")]).await.unwrap();
    ledger.inspect(|sql| sql.pragma_update(None, "user_version", 99)).await.unwrap();
    drop(ledger);
    assert_eq!(SqliteLedger::open(&folder.ledger()).unwrap_err().code(), "AB-2303");

    let mut bytes = std::fs::read(folder.ledger()).unwrap();
    let middle = bytes.len() / 2;
    bytes[100..middle].fill(0xA5);
    std::fs::write(folder.ledger(), bytes).unwrap();
    let code = SqliteLedger::open(&folder.ledger()).unwrap_err().code();
    assert!(["AB-2303", "AB-2304"].contains(&code), "{code}");

    // An empty file was a ledger once: a new one in its place would deliver everything again.
    std::fs::write(folder.ledger(), b"").unwrap();
    assert_eq!(SqliteLedger::open(&folder.ledger()).unwrap_err().code(), "AB-2304");
}

#[tokio::test]
async fn a_missing_folder_is_unavailable_with_a_code() {
    let folder = Folder::new();
    let failure = SqliteLedger::open(&folder.0.join("nowhere/ledger.sqlite")).unwrap_err();
    assert_eq!((failure.kind(), failure.code()), (FailureKind::Unavailable, "AB-2301"));
}

#[tokio::test]
async fn a_ledger_of_the_former_version_is_taken_over_with_all_it_holds() {
    let folder = Folder::new();
    let ledger = SqliteLedger::open(&folder.ledger()).unwrap();
    let specs = || vec![spec("nordsachsen-kfz", "kfz")];
    let loaded = ledger.load(specs()).await.unwrap();
    commit(&ledger, admission(1..4, Some(loaded.endpoints[0]))).await.unwrap();
    let id = ledger.identity().id.clone();
    ledger.inspect(|sql| sql.execute_batch(TO_VERSION_2)).await.unwrap();
    ledger.inspect(|sql| sql.execute_batch(TO_VERSION_1)).await.unwrap();
    drop(ledger);

    for _ in 0..2 {
        let ledger = SqliteLedger::open(&folder.ledger()).unwrap();
        assert_eq!(ledger.identity().id, id);
        let loaded = ledger.load(specs()).await.unwrap();
        assert_eq!((loaded.open.len(), loaded.paused.len()), (3, 0));
        assert_eq!(ledger.floors(&control().channel).await.unwrap(), None);
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
    let ledger = SqliteLedger::open(&taken.ledger()).unwrap();
    ledger.inspect(|sql| sql.execute_batch(TO_VERSION_2)).await.unwrap();
    ledger.inspect(|sql| sql.execute_batch(TO_VERSION_1)).await.unwrap();
    drop(ledger);
    let taken = SqliteLedger::open(&taken.ledger()).unwrap().inspect(tables).await.unwrap();
    let made = SqliteLedger::open(&made.ledger()).unwrap().inspect(tables).await.unwrap();
    assert_eq!(taken, made);
}
