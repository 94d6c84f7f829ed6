//! A journal of the former version, and how it ages.

use std::time::Duration;

use messaging::Timestamp;
use rusqlite::Connection;

use super::super::{SqliteJournal, schema::COMMANDS, tests::Place};
use crate::journal::{
    Journal as _, Kind,
    conformance::fixtures::{accepted, delivered, head, project},
};

const START: Timestamp = Timestamp(1_800_000_000_000_000);
const KEEP: Duration = Duration::from_secs(10);
const MICRO: Duration = Duration::from_micros(1);

/// Makes a journal what the former version would have left.
const TO_VERSION_2: &str = "DROP TABLE report; DROP TABLE reading; DROP TABLE milestone;
    ALTER TABLE meta DROP COLUMN age; ALTER TABLE meta DROP COLUMN trimmed_through;
    DROP INDEX delivery_undecided; PRAGMA user_version = 2;";

/// How many applications go.
async fn trim(journal: &SqliteJournal) -> u64 {
    journal.trim(Kind::Application, KEEP, 0).await.unwrap().rows
}

#[tokio::test]
async fn a_journal_of_the_former_version_ages_from_its_last_sign_of_life() {
    let place = Place::new();
    let journal = SqliteJournal::open(&place.file()).unwrap();
    let a = head("portal", "a", None);
    project(&journal, "status", vec![accepted(&a), delivered(&a, 1)]).await;
    let tables = |sql: &mut Connection| {
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
    let made = journal.read(tables).await.unwrap();
    let last = START.0;
    let former = format!("UPDATE meta SET projected_at = {last}; {TO_VERSION_2} {COMMANDS}");
    journal.0.writer.call(move |sql| sql.execute_batch(&former)).await.unwrap();
    drop(journal);

    let journal = SqliteJournal::open(&place.file()).unwrap();
    assert_eq!(journal.read(tables).await.unwrap(), made);
    let age = journal.grow_older(Timestamp(0), Duration::ZERO).await.unwrap();
    assert_eq!(age.at, START);
    journal.grow_older(START.after(KEEP - MICRO), Duration::MAX).await.unwrap();
    assert_eq!(trim(&journal).await, 0);
    journal.grow_older(START.after(KEEP), Duration::MAX).await.unwrap();
    assert_eq!(trim(&journal).await, 1);
}
