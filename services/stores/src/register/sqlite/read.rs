//! What is asked of the register, as plain functions over a connection.

use messaging::{BulkState, CommandId, EndpointName, ItemResult, Timestamp};
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use uuid::Uuid;

use crate::register::{Answer, BulkItem, BulkOverview, CommandRow, Issued};

const COMMAND: &str = "SELECT number, id, endpoint, issued_at, operator, name, message_id, reason,
    answered_at, is_accepted, code, cause FROM command";

pub(super) fn by_id(
    connection: &Connection,
    id: CommandId,
) -> rusqlite::Result<Option<CommandRow>> {
    let sql = format!("{COMMAND} WHERE id = ?1");
    connection.prepare_cached(&sql)?.query_row([id.0.as_bytes()], row).optional()
}

pub(super) fn list(
    connection: &Connection,
    before: i64,
    endpoint: Option<&EndpointName>,
    rows_max: u32,
) -> rusqlite::Result<Vec<CommandRow>> {
    let of = match endpoint {
        Some(_) => "endpoint = ?2",
        None => "?2 IS NULL",
    };
    let sql = format!("{COMMAND} WHERE number < ?1 AND {of} ORDER BY number DESC LIMIT ?3");
    let values = params![before, endpoint.map(EndpointName::as_str), rows_max];
    connection.prepare_cached(&sql)?.query_map(values, row)?.collect()
}

fn row(row: &Row<'_>) -> rusqlite::Result<CommandRow> {
    let issued = match row.get::<_, Option<i64>>(3)? {
        None => None,
        Some(at) => Some(Issued {
            at: Timestamp(at),
            operator: row.get(4)?,
            name: row.get(5)?,
            message_id: row.get::<_, Option<[u8; 16]>>(6)?.map(Uuid::from_bytes),
            reason: row.get(7)?,
        }),
    };
    let answer = match row.get::<_, Option<i64>>(8)? {
        None => None,
        Some(at) => Some(Answer {
            at: Timestamp(at),
            is_accepted: row.get(9)?,
            code: row.get(10)?,
            cause: row.get(11)?,
        }),
    };
    let id = CommandId(Uuid::from_bytes(row.get(1)?));
    Ok(CommandRow { number: row.get(0)?, id, endpoint: row.get(2)?, issued, answer })
}

pub(super) fn bulk(
    connection: &Connection,
    command: CommandId,
) -> rusqlite::Result<Option<BulkOverview>> {
    let id = command.0.as_bytes();
    let sql = "SELECT total, state, at FROM bulk WHERE command = ?1";
    let found = connection.prepare_cached(sql)?.query_row([id], |row| {
        let state: String = row.get(1)?;
        let state = BulkState::named(&state).unwrap_or(BulkState::Running);
        Ok((row.get(0)?, state, Timestamp(row.get(2)?)))
    });
    let Some((total, state, at)) = found.optional()? else { return Ok(None) };
    let sql = "SELECT result, count(*) FROM bulk_item WHERE command = ?1 GROUP BY 1";
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement.query_map([id], |row| {
        Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?.unsigned_abs()))
    })?;
    let results = rows.collect::<rusqlite::Result<_>>()?;
    Ok(Some(BulkOverview { total, state, at, results }))
}

pub(super) fn items(
    connection: &Connection,
    command: CommandId,
    after: Option<u32>,
    rows_max: u32,
) -> rusqlite::Result<Vec<BulkItem>> {
    let sql = "SELECT item, message_id, result, code, at FROM bulk_item
               WHERE command = ?1 AND item > ?2 ORDER BY item LIMIT ?3";
    let after = after.map_or(-1, i64::from);
    let values = params![command.0.as_bytes(), after, rows_max];
    connection.prepare_cached(sql)?.query_map(values, item)?.collect()
}

fn item(row: &Row<'_>) -> rusqlite::Result<BulkItem> {
    let result: String = row.get(2)?;
    Ok(BulkItem {
        item: row.get(0)?,
        message_id: Uuid::from_bytes(row.get(1)?),
        result: ItemResult::named(&result).unwrap_or(ItemResult::Ordered),
        code: row.get(3)?,
        at: Timestamp(row.get(4)?),
    })
}
