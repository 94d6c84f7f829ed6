//! Bulks that operators ordered: how far each has come.

use messaging::{BulkState, CommandId, ItemResult};
use rusqlite::{Row, Transaction as Sql, params};
use uuid::Uuid;

use super::{
    load::damaged,
    types::{DeliveryId, EndpointRow, Transaction},
};
use crate::ledger::bulks::{BulkItemRow, BulkRow, OpenBulk};

/// Writes down what changed.
pub(super) fn record(sql: &Sql<'_>, wanted: &Transaction) -> rusqlite::Result<()> {
    for bulk in &wanted.bulks {
        let values = params![bulk.command.0.as_bytes(), bulk.state.name()];
        sql.prepare_cached("INSERT OR REPLACE INTO bulk (command, state) VALUES (?1, ?2)")?
            .execute(values)?;
    }
    for item in &wanted.bulk_items {
        sql.prepare_cached(
            "INSERT INTO bulk_item (command, item, delivery, result) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT DO UPDATE SET delivery = coalesce(?3, delivery), result = ?4",
        )?
        .execute(params![
            item.command.0.as_bytes(),
            item.item,
            item.delivery.map(|delivery| delivery.0),
            item.result.name(),
        ])?;
    }
    Ok(())
}

/// Those that are not done, oldest first.
pub(super) fn open(sql: &Sql<'_>) -> rusqlite::Result<Vec<OpenBulk>> {
    let mut statement = sql.prepare(
        "SELECT b.command, b.state, c.record, e.id FROM bulk b
         JOIN command c ON c.id = b.command JOIN endpoint e ON e.name = c.endpoint
         WHERE b.state <> 'done' ORDER BY c.admitted_at, c.offset",
    )?;
    let mut of_items = sql
        .prepare("SELECT item, delivery, result FROM bulk_item WHERE command = ?1 ORDER BY item")?;
    let rows = statement.query_map([], |row| {
        let command = CommandId(Uuid::from_bytes(row.get(0)?));
        let state: String = row.get(1)?;
        let state = BulkState::named(&state).ok_or_else(|| damaged(1, "unknown state"))?;
        let endpoint = EndpointRow(row.get(3)?);
        Ok((BulkRow { command, endpoint, state }, row.get::<_, Vec<u8>>(2)?))
    })?;
    let rows = rows.collect::<rusqlite::Result<Vec<_>>>()?;
    let bulk = |(row, record): (BulkRow, Vec<u8>)| {
        let read = |of: &Row<'_>| item(row, of);
        let items = of_items.query_map([row.command.0.as_bytes()], read)?;
        let items = items.collect::<rusqlite::Result<Vec<_>>>()?;
        Ok(OpenBulk { row, record: record.into(), items })
    };
    rows.into_iter().map(bulk).collect()
}

fn item(bulk: BulkRow, row: &Row<'_>) -> rusqlite::Result<BulkItemRow> {
    let result: String = row.get(2)?;
    Ok(BulkItemRow {
        command: bulk.command,
        endpoint: bulk.endpoint,
        item: row.get(0)?,
        delivery: row.get::<_, Option<i64>>(1)?.map(DeliveryId),
        result: ItemResult::named(&result).ok_or_else(|| damaged(2, "unknown result"))?,
    })
}
