//! Journals of a former version held what the register holds now; it is moved here, and is never in
//! neither of both: recorded here durably, and only then removed there. Cut off in between, it is moved
//! again, and what is here already stays as it is.

use std::path::Path;

use messaging::Result;
use rusqlite::{Connection, Transaction, params_from_iter, types::Value};

use super::schema::SCHEMA;
use crate::{codes, journal, sqlite::Schema};

/// What is read there, and how it is written here. A number that is taken here is given anew.
const TABLES: [(&str, &str); 3] = [
    (
        "SELECT number, id, endpoint, issued_at, operator, name, message_id, reason, answered_at,
                is_accepted, code, cause
         FROM command ORDER BY number",
        "INSERT INTO command (number, id, endpoint, issued_at, operator, name, message_id, reason,
                              answered_at, is_accepted, code, cause)
         VALUES (iif(?1 > (SELECT coalesce(max(number), 0) FROM command), ?1, NULL), ?2, ?3, ?4, ?5,
                 ?6, ?7, ?8, ?9, ?10, ?11, ?12)
         ON CONFLICT (id) DO NOTHING",
    ),
    (
        "SELECT command, total, state, at FROM bulk",
        "INSERT INTO bulk (command, total, state, at) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT DO NOTHING",
    ),
    (
        "SELECT command, item, message_id, result, code, at FROM bulk_item",
        "INSERT INTO bulk_item (command, item, message_id, result, code, at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO NOTHING",
    ),
];

/// How old what is there is; asked of a register that has no age of its own yet.
const AGES: [(&str, &str); 2] = [
    ("SELECT age FROM meta", "UPDATE meta SET age = ?1"),
    (
        "SELECT at, command FROM milestone",
        "INSERT INTO milestone (at, command) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
    ),
];

pub(super) fn take_over(register: &mut Connection, journal: &Path) -> Result<()> {
    let Some(former) = journal::with_orders(journal)? else { return Ok(()) };
    let sql = register.transaction().map_err(SCHEMA.failure())?;
    let has_age = "SELECT age <> 0 OR EXISTS (SELECT 1 FROM command) FROM meta";
    let has_age: bool = sql.query_row(has_age, [], |row| row.get(0)).map_err(SCHEMA.failure())?;
    for table in TABLES {
        copy(&former, table, &sql)?;
    }
    for table in AGES.into_iter().filter(|_| !has_age) {
        copy(&former, table, &sql)?;
    }
    sql.commit().map_err(SCHEMA.failure())?;
    former
        .execute_batch(
            "BEGIN; DELETE FROM bulk_item; DELETE FROM bulk; DELETE FROM command; COMMIT;",
        )
        .map_err(of_journal())
}

fn copy(former: &Connection, (from, to): (&str, &str), sql: &Transaction<'_>) -> Result<()> {
    let mut read = former.prepare(from).map_err(of_journal())?;
    let columns = read.column_count();
    let mut rows = read.query([]).map_err(of_journal())?;
    let mut write = sql.prepare(to).map_err(SCHEMA.failure())?;
    while let Some(row) = rows.next().map_err(of_journal())? {
        let values = (0..columns).map(|column| row.get(column));
        let values = values.collect::<rusqlite::Result<Vec<Value>>>().map_err(of_journal())?;
        write.execute(params_from_iter(values)).map_err(SCHEMA.failure())?;
    }
    Ok(())
}

/// What is wrong there is the journal's fault, and is told as such.
fn of_journal() -> impl Fn(rusqlite::Error) -> messaging::Failure {
    Schema { codes: codes::JOURNAL, ..SCHEMA }.failure()
}
