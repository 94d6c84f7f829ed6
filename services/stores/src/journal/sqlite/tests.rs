//! Tests of the journal.

use std::{path::PathBuf, sync::Arc};

use messaging::{DeliveryState, EventKind, FailureKind};
use rusqlite::Connection;
use uuid::Uuid;

use super::SqliteJournal;
use crate::journal::{
    Journal,
    conformance::{
        self, Site,
        fixtures::{accepted, delivered, event, head, project, told},
    },
};

/// A journal in a directory that goes with it.
pub(super) struct Place {
    directory: PathBuf,
}

impl Place {
    pub(super) fn new() -> Self {
        let directory = std::env::temp_dir().join(format!("amtsbote-journal-{}", Uuid::new_v4()));
        std::fs::create_dir(&directory).unwrap();
        Self { directory }
    }

    pub(super) fn file(&self) -> PathBuf {
        self.directory.join("journal.sqlite")
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.directory).ok();
    }
}

#[tokio::test]
async fn a_file_passes_the_suite() {
    conformance::check(async || {
        let place = Arc::new(Place::new());
        Site {
            open: Box::new(move || {
                let place = Arc::clone(&place);
                Box::pin(async move {
                    Arc::new(SqliteJournal::open(&place.file()).unwrap()) as Arc<dyn Journal>
                })
            }),
        }
    })
    .await;
}

#[tokio::test]
async fn whoever_follows_reads_new_entries_alone() {
    let place = Place::new();
    let journal = SqliteJournal::open(&place.file()).unwrap();
    let head = head("portal", "a", None);
    let elsewhere = event(&head, 1, DeliveryState::Waiting, EventKind::AttemptFailed);
    project(&journal, "status", vec![accepted(&head), told(elsewhere)]).await;
    let (_, after) = journal.steps(&head.sender, 0).await.unwrap();
    // Were the former entry read again, it would show in the step.
    let connection = Connection::open(place.file()).unwrap();
    let changed = connection.execute("UPDATE event SET endpoint = 'never-told'", []).unwrap();
    assert_eq!(changed, 1);
    project(&journal, "status", vec![delivered(&head, 2)]).await;
    let (steps, _) = journal.steps(&head.sender, after).await.unwrap();
    let [step] = &steps[..] else { panic!("one step") };
    let endpoints: Vec<&str> = step.deliveries.iter().map(|it| it.endpoint.as_str()).collect();
    assert_eq!(endpoints, ["nordsachsen-kfz"]);
}

#[test]
fn a_file_that_is_no_journal_is_refused() {
    let place = Place::new();
    std::fs::write(place.file(), vec![0x5a; 40_000]).unwrap();
    let failure = SqliteJournal::open(&place.file()).unwrap_err();
    assert_eq!((failure.kind(), failure.code()), (FailureKind::Defect, "AB-2402"));
    std::fs::remove_file(place.file()).unwrap();
    drop(SqliteJournal::open(&place.file()).unwrap());
    let connection = Connection::open(place.file()).unwrap();
    connection.pragma_update(None, "user_version", 99).unwrap();
    drop(connection);
    let failure = SqliteJournal::open(&place.file()).unwrap_err();
    assert_eq!((failure.kind(), failure.code()), (FailureKind::Defect, "AB-2403"));
}

#[tokio::test]
async fn a_journal_of_the_former_version_is_taken_over() {
    let place = Place::new();
    let epoch = SqliteJournal::open(&place.file()).unwrap().epoch();
    let tables = |file: &Connection| {
        // Columns that were added stand elsewhere in the text of their table.
        let sql = "SELECT t.name, iif(t.type = 'index', t.sql, group_concat(c.name, ' '))
                   FROM sqlite_schema t, pragma_table_info(t.name) c GROUP BY 1 ORDER BY 1";
        let mut found = file.prepare(sql).unwrap();
        let rows = found
            .query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, Option<String>>(1)?)));
        rows.unwrap().collect::<rusqlite::Result<Vec<_>>>().unwrap()
    };
    let file = Connection::open(place.file()).unwrap();
    let made = tables(&file);
    file.execute_batch(
        "DROP TABLE report; DROP TABLE reading; DROP TABLE milestone;
         ALTER TABLE meta DROP COLUMN age; ALTER TABLE meta DROP COLUMN trimmed_through;
         DROP INDEX delivery_undecided; PRAGMA user_version = 1;",
    )
    .unwrap();
    drop(file);
    let journal = SqliteJournal::open(&place.file()).unwrap();
    assert_eq!(journal.epoch(), epoch);
    let file = Connection::open(place.file()).unwrap();
    assert_eq!(tables(&file), made, "as a new one has them");
    let head = head("portal", "a", None);
    project(&journal, "status", vec![accepted(&head), delivered(&head, 1)]).await;
    assert_eq!(journal.steps(&head.sender, 0).await.unwrap().0.len(), 2);
}
