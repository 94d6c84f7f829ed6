//! By how many partitions cases lie, and where each generation begins.

use std::{path::Path, time::Duration};

use messaging::{FailureKind, Position, Result, Timestamp};
use rusqlite::{Connection, OpenFlags, OptionalExtension as _, Transaction as Sql, params};

use super::{restore, schema::SCHEMA};
use crate::{
    codes,
    ledger::numbering::{Numbering, Standing, Switch, disturbed},
    sqlite,
};

/// Ledgers of former versions have no table of numbers.
const NUMBERED_SINCE: i32 = 7;

/// Which generation the message `m` is of: the last one that begins at or before its place.
pub(super) const GENERATION: &str = "(SELECT max(s.generation) FROM numbering_start s
        WHERE s.partition = m.partition AND s.first <= m.offset)";

pub(super) fn numbering(
    connection: &mut Connection,
    configured: u32,
    at: Timestamp,
) -> rusqlite::Result<Numbering> {
    let sql = connection.transaction()?;
    first(&sql, configured, at)?;
    let newest = newest(&sql)?;
    sql.commit()?;
    newest.ok_or(rusqlite::Error::QueryReturnedNoRows)
}

fn first(sql: &Sql<'_>, partitions: u32, at: Timestamp) -> rusqlite::Result<()> {
    sql.execute(
        "INSERT INTO numbering SELECT 0, ?1, ?2, '', ''
         WHERE NOT EXISTS (SELECT 1 FROM numbering)",
        params![partitions, at.0],
    )
    .map(drop)
}

fn newest(connection: &Connection) -> rusqlite::Result<Option<Numbering>> {
    let newest = "SELECT generation, partitions FROM numbering ORDER BY generation DESC LIMIT 1";
    let numbering = |row: &rusqlite::Row<'_>| {
        Ok(Numbering { generation: row.get(0)?, partitions: row.get(1)? })
    };
    connection.query_row(newest, [], numbering).optional()
}

/// Changes nothing, whoever works on it, and whatever version has made it.
pub(super) fn standing(path: &Path) -> Result<Standing> {
    refuse_absent(path)?;
    let failure = SCHEMA.failure();
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE;
    let connection = Connection::open_with_flags(path, flags).map_err(&failure)?;
    connection.busy_timeout(Duration::from_secs(5)).map_err(&failure)?;
    let has_numbers = NUMBERED_SINCE <= sqlite::check(&connection, &SCHEMA)?;
    let read = || {
        let (ledger, _) = restore::named(&connection)?;
        let positions = restore::positions(&connection)?;
        let numbering = if has_numbers { newest(&connection)? } else { None };
        Ok(Standing { ledger, numbering, positions })
    };
    read().map_err(failure)
}

pub(super) fn switch(path: &Path, wanted: &Switch) -> Result<Numbering> {
    refuse_absent(path)?;
    let mut connection = sqlite::open(path, &SCHEMA)?;
    record(&mut connection, wanted)
        .map_err(SCHEMA.failure())?
        .ok_or_else(|| disturbed("the ledger does not stand where it stood a moment ago"))
}

/// No ledger is made where there is none.
fn refuse_absent(path: &Path) -> Result<()> {
    restore::refuse_half_done(path)?;
    if !path.is_file() {
        let text = format!("`{}` is no file", path.display());
        return Err(FailureKind::Unavailable.because(codes::LEDGER.unavailable, text));
    }
    Ok(())
}

/// `None`, and nothing is recorded, if the ledger stands elsewhere.
fn record(connection: &mut Connection, wanted: &Switch) -> rusqlite::Result<Option<Numbering>> {
    let sql = connection.transaction()?;
    first(&sql, wanted.former, wanted.at)?;
    let generation = newest(&sql)?.map_or(1, |newest| newest.generation + 1);
    let Switch { partitions, at, operator, reason, .. } = wanted;
    sql.execute(
        "INSERT INTO numbering VALUES (?1, ?2, ?3, ?4, ?5)",
        params![generation, partitions, at.0, operator, reason],
    )?;
    for Position { partition, offset } in &wanted.firsts {
        let place = params![partition.channel.as_str(), partition.number, offset.cast_signed()];
        sql.execute(
            "INSERT INTO partition (channel, number, next) VALUES (?1, ?2, ?3)
             ON CONFLICT DO NOTHING",
            place,
        )?;
        let begun = sql.execute(
            "INSERT INTO numbering_start SELECT id, ?4, next FROM partition
             WHERE channel = ?1 AND number = ?2 AND next = ?3",
            params![partition.channel.as_str(), partition.number, offset.cast_signed(), generation],
        )?;
        if begun != 1 {
            return Ok(None);
        }
    }
    sql.commit()?;
    Ok(Some(Numbering { generation, partitions: *partitions }))
}
