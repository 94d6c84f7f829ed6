//! What of the register goes by retention, in small transactions on the connection that writes.
//!
//! Commands are numbered in the order in which they were recorded, and a milestone says which number was
//! the last at which age (see [`crate::Age`]).

use std::time::Duration;

use messaging::Timestamp;
use rusqlite::{Connection, params};

use crate::{
    age::{self, Age},
    pass::Trimmed,
};

/// Commands looked at in one transaction; bulks aside, each is one row.
const ROWS_MAX: i64 = 500;

pub(super) fn grow_older(
    connection: &mut Connection,
    now: Timestamp,
    step_max: Duration,
) -> rusqlite::Result<Age> {
    let sql = connection.transaction()?;
    let (until, age) = age::grow(&sql, now, step_max)?;
    sql.prepare_cached(
        "INSERT OR REPLACE INTO milestone
         SELECT ?1, coalesce((SELECT max(number) FROM command), 0)",
    )?
    .execute([until.0])?;
    sql.commit()?;
    Ok(age)
}

/// The newest stays always: the next number follows it.
pub(super) fn trim(
    connection: &mut Connection,
    keep: Duration,
    after: i64,
) -> rusqlite::Result<Trimmed> {
    let sql = connection.transaction()?;
    let rows: Vec<(i64, bool)> = {
        let mut statement = sql.prepare_cached(
            "SELECT number, answered_at IS NOT NULL FROM command
             WHERE number > ?1 AND number <= ?2 AND number < (SELECT max(number) FROM command)
             ORDER BY number LIMIT ?3",
        )?;
        let values = params![after, age::milestone(&sql, "command", keep)?, ROWS_MAX];
        let rows = statement.query_map(values, |row| Ok((row.get(0)?, row.get(1)?)))?;
        rows.collect::<rusqlite::Result<_>>()?
    };
    let is_full = i64::try_from(rows.len()).is_ok_and(|rows| rows == ROWS_MAX);
    let next = rows.last().map(|row| row.0).filter(|_| is_full);
    let mut trimmed = Trimmed { rows: 0, next };
    for (number, _) in rows.into_iter().filter(|row| row.1) {
        for table in [
            "DELETE FROM bulk_item WHERE command = (SELECT id FROM command WHERE number = ?1)",
            "DELETE FROM bulk WHERE command = (SELECT id FROM command WHERE number = ?1)",
            "DELETE FROM command WHERE number = ?1",
        ] {
            sql.prepare_cached(table)?.execute([number])?;
        }
        trimmed.rows += 1;
    }
    sql.commit()?;
    Ok(trimmed)
}
