//! Bulks that operators ordered, as events tell of them.

use messaging::{BulkState, CommandId, Event, ItemResult, Timestamp};
use rusqlite::{Connection, OptionalExtension as _, Row, Transaction, params};
use uuid::Uuid;

use super::{
    super::bulks::{BulkItem, BulkOverview},
    project::{BulkTold, ItemTold},
};

/// What was told last counts, whatever the order of arrival: what is over is not under way again.
pub(super) fn told(sql: &Transaction<'_>, told: BulkTold, at: Timestamp) -> rusqlite::Result<()> {
    let BulkTold { command, total, state } = told;
    sql.prepare_cached(
        "INSERT INTO bulk (command, total, state, at) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT DO UPDATE SET state = ?3, at = ?4
         WHERE ?3 = 'done' OR ?3 = 'stopped' AND state = 'running'",
    )?
    .execute(params![command.0.as_bytes(), total, state.name(), at.0])
    .map(drop)
}

pub(super) fn item_told(
    sql: &Transaction<'_>,
    told: ItemTold,
    event: &Event,
) -> rusqlite::Result<()> {
    let ItemTold { command, item, message, result } = told;
    let values = params![
        command.0.as_bytes(),
        item,
        message.0.as_bytes(),
        result.name(),
        event.code,
        event.at.0
    ];
    sql.prepare_cached(
        "INSERT INTO bulk_item (command, item, message_id, result, code, at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO UPDATE
         SET result = ?4, code = ?5, at = ?6 WHERE result = 'ordered'",
    )?
    .execute(values)
    .map(drop)
}

pub(super) fn overview(
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
