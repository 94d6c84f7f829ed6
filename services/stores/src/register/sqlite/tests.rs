//! Tests of registers in files: what is no register, and what former journals hand over.

use std::{fs, path::PathBuf, sync::Arc, time::Duration};

use messaging::{BulkState, FailureKind, ItemResult, Timestamp};
use rusqlite::Connection;
use uuid::Uuid;

use super::SqliteRegister;
use crate::{
    journal::SqliteJournal,
    register::{
        Register,
        conformance::{
            self, Site,
            fixtures::{answered, command, id},
        },
    },
};

const START: Timestamp = Timestamp(1_800_000_000_000_000);
const DAY: Duration = Duration::from_secs(86_400);

/// Makes a new journal what the last version with orders would have left, after an operator had given
/// four of them. The second is gone already.
const FORMER: &str = "
CREATE TABLE command (
    number INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, endpoint TEXT NOT NULL, issued_at INTEGER,
    operator TEXT, name TEXT, message_id BLOB, reason TEXT, answered_at INTEGER,
    is_accepted INTEGER, code TEXT, cause TEXT
) STRICT;
CREATE TABLE bulk (
    command BLOB PRIMARY KEY, total INTEGER NOT NULL, state TEXT NOT NULL, at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE bulk_item (
    command BLOB NOT NULL, item INTEGER NOT NULL, message_id BLOB NOT NULL, result TEXT NOT NULL,
    code TEXT, at INTEGER NOT NULL, PRIMARY KEY (command, item)
) STRICT, WITHOUT ROWID;
ALTER TABLE milestone ADD COLUMN command INTEGER NOT NULL DEFAULT 0;
INSERT INTO command VALUES
    (1, x'00000000000000000000000000000001', 'nordsachsen-kfz', 5, 'erika', 'bulk_replay', NULL,
     'wieder da', 9, 1, NULL, NULL),
    (3, x'00000000000000000000000000000003', 'nordsachsen-kfz', 6, 'erika', 'replay',
     x'000000000000000000000000000000ff', NULL, 8, 0, 'AB-3221', 'gone'),
    (4, x'00000000000000000000000000000004', 'harz-kfz', NULL, NULL, NULL, NULL, NULL, 9, 1, NULL,
     NULL),
    (5, x'00000000000000000000000000000005', 'harz-kfz', 7, 'max', 'pause', NULL, 'Wartung', NULL,
     NULL, NULL, NULL);
INSERT INTO bulk VALUES (x'00000000000000000000000000000001', 2, 'stopped', 8);
INSERT INTO bulk_item VALUES
    (x'00000000000000000000000000000001', 0, x'00000000000000000000000000000065', 'succeeded', NULL, 8),
    (x'00000000000000000000000000000001', 1, x'00000000000000000000000000000066', 'refused',
     'AB-3223', 8);
UPDATE meta SET age = 1800000000000000;
INSERT INTO milestone (at, sequence, command) VALUES (1799900000000000, 0, 3);
PRAGMA user_version = 5;
";

/// A directory that goes with it.
struct Place(PathBuf);

impl Place {
    fn new() -> Self {
        let directory = std::env::temp_dir().join(format!("amtsbote-register-{}", Uuid::new_v4()));
        fs::create_dir(&directory).unwrap();
        Self(directory)
    }

    fn file(&self) -> PathBuf {
        self.0.join("register.sqlite")
    }

    fn journal(&self) -> PathBuf {
        self.0.join("journal.sqlite")
    }

    fn open(&self) -> messaging::Result<SqliteRegister> {
        SqliteRegister::open(&self.file(), &self.journal())
    }

    /// Puts a journal of the last version with orders here.
    fn put_former(&self) {
        if !self.journal().exists() {
            drop(SqliteJournal::open(&self.journal()).unwrap());
        }
        Connection::open(self.journal()).unwrap().execute_batch(FORMER).unwrap();
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}

#[tokio::test]
async fn a_file_passes_the_suite() {
    conformance::check(async || {
        let place = Arc::new(Place::new());
        Site {
            open: Box::new(move || {
                let place = Arc::clone(&place);
                Box::pin(async move { Arc::new(place.open().unwrap()) as Arc<dyn Register> })
            }),
        }
    })
    .await;
}

#[test]
fn a_file_that_is_no_register_is_refused() {
    let place = Place::new();
    fs::write(place.file(), vec![0x5a; 40_000]).unwrap();
    let failure = place.open().unwrap_err();
    assert_eq!((failure.kind(), failure.code()), (FailureKind::Defect, "AB-2412"));
    fs::remove_file(place.file()).unwrap();
    drop(SqliteJournal::open(&place.file()).unwrap());
    assert_eq!(place.open().unwrap_err().code(), "AB-2412", "a journal is none");
    fs::remove_file(place.file()).unwrap();
    drop(place.open().unwrap());
    let connection = Connection::open(place.file()).unwrap();
    connection.pragma_update(None, "user_version", 99).unwrap();
    drop(connection);
    let failure = place.open().unwrap_err();
    assert_eq!((failure.kind(), failure.code()), (FailureKind::Defect, "AB-2413"));
}

/// Everything that was in the former journal.
async fn assert_taken_over(register: &SqliteRegister) {
    let rows = register.commands(None, None, 10).await.unwrap();
    let numbers: Vec<_> = rows.iter().map(|row| (row.number, row.id.0.as_u128())).collect();
    assert_eq!(numbers, [(5, 5), (4, 4), (3, 3), (1, 1)]);
    let [pause, answer, replay, bulk] = &rows[..] else { unreachable!("four") };
    assert!(pause.answer.is_none() && answer.issued.is_none());
    let issued = replay.issued.as_ref().unwrap();
    assert_eq!((issued.at, issued.message_id), (Timestamp(6), Some(Uuid::from_u128(255))));
    assert_eq!((issued.operator.as_str(), issued.name.as_str()), ("erika", "replay"));
    let refused = replay.answer.as_ref().unwrap();
    assert_eq!((refused.at, refused.is_accepted), (Timestamp(8), false));
    let why = (refused.code.as_deref(), refused.cause.as_deref());
    assert_eq!(why, (Some("AB-3221"), Some("gone")));
    assert_eq!(bulk.issued.as_ref().unwrap().reason.as_deref(), Some("wieder da"));
    let of = register.bulk(id(1)).await.unwrap().unwrap();
    assert_eq!((of.total, of.state, of.at), (2, BulkState::Stopped, Timestamp(8)));
    let items = register.bulk_items(id(1), None, 10).await.unwrap();
    let results: Vec<_> = items.iter().map(|it| (it.item, it.result, it.code.clone())).collect();
    let refused = (1, ItemResult::Refused, Some("AB-3223".to_owned()));
    assert_eq!(results, [(0, ItemResult::Succeeded, None), refused]);
}

#[tokio::test]
async fn what_a_journal_of_the_former_version_holds_of_orders_is_taken_over_and_ages_on() {
    let place = Place::new();
    place.put_former();
    let register = place.open().unwrap();
    assert_taken_over(&register).await;
    drop(SqliteJournal::open(&place.journal()).unwrap());
    drop(register);
    fs::remove_file(place.journal()).unwrap();
    let register = place.open().unwrap();
    assert_taken_over(&register).await;
    // What had been there for so long goes when it would have gone, and what came later does not.
    let age = register.grow_older(START, Duration::ZERO).await.unwrap();
    assert_eq!(age.at, START);
    assert_eq!(register.trim(DAY, 0).await.unwrap().rows, 2, "one and three, of answered ones");
    assert_eq!(register.commands(None, None, 10).await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_takeover_that_was_cut_off_before_the_journal_let_go_is_made_once() {
    let place = Place::new();
    place.put_former();
    let kept = place.0.join("kept");
    fs::copy(place.journal(), &kept).unwrap();
    drop(place.open().unwrap());
    // As it lies there before what was handed over is removed.
    fs::copy(&kept, place.journal()).unwrap();
    let register = place.open().unwrap();
    assert_taken_over(&register).await;
}

#[tokio::test]
async fn a_journal_put_back_from_before_the_takeover_hands_over_what_is_not_known_and_changes_nothing()
 {
    let place = Place::new();
    let register = place.open().unwrap();
    register.grow_older(START, Duration::ZERO).await.unwrap();
    // One of them is known, with another answer than that journal has, and numbers are taken.
    let told = vec![command(5), answered(5, true), command(6), command(7)];
    register.record(told).await.unwrap();
    drop(register);
    place.put_former();
    let register = place.open().unwrap();
    let rows = register.commands(None, None, 10).await.unwrap();
    let ids: Vec<_> = rows.iter().map(|row| row.id.0.as_u128()).collect();
    assert_eq!(ids, [4, 3, 1, 7, 6, 5]);
    let known = register.command(id(5)).await.unwrap().unwrap();
    assert!(known.answer.unwrap().is_accepted);
}

#[tokio::test]
async fn a_journal_whose_orders_nobody_has_taken_over_keeps_them_and_is_not_opened() {
    let place = Place::new();
    place.put_former();
    let failure = SqliteJournal::open(&place.journal()).unwrap_err();
    assert_eq!(failure.kind(), FailureKind::Defect);
    assert!(failure.report().contains("orders_are_taken_over"), "{}", failure.report());
    assert_taken_over(&place.open().unwrap()).await;
    drop(SqliteJournal::open(&place.journal()).unwrap());
}

#[test]
fn what_is_wrong_with_the_journal_is_told_as_the_journals_fault() {
    let place = Place::new();
    fs::write(place.journal(), vec![0x5a; 40_000]).unwrap();
    assert_eq!(place.open().unwrap_err().code(), "AB-2402");
    fs::write(place.journal(), b"").unwrap();
    drop(place.open().expect("an empty one has nothing to hand over"));
}
