//! Bulks that operators ordered: how far each has come.

use std::collections::HashMap;

use messaging::{BulkState, CommandId, ItemResult};
use sqlx::{PgConnection, Row as _, postgres::PgRow};
use uuid::Uuid;

use super::{
    commit::{Standing, endpoint_row, key},
    values::{damaged, rounds},
};
use crate::ledger::{BulkItemRow, BulkRow, DeliveryId, OpenBulk, Transaction};

/// Writes down what changed.
pub(super) async fn record(
    sql: &mut PgConnection,
    wanted: &Transaction,
    standing: &Standing,
) -> sqlx::Result<()> {
    // Bulks move seldom: one by one, in order.
    for bulk in wanted.bulks.iter().filter(|bulk| standing.keeps(bulk.endpoint)) {
        sqlx::query(
            "INSERT INTO bulk (command, endpoint, state) VALUES ($1, $2, $3)
             ON CONFLICT (command) DO UPDATE SET state = $3",
        )
        .bind(bulk.command.0)
        .bind(key(bulk.endpoint))
        .bind(bulk.state.name())
        .execute(&mut *sql)
        .await?;
    }
    for round in rounds(&wanted.bulk_items, |item| (item.command, item.item)) {
        let items: Vec<_> = round.into_iter().filter(|it| standing.keeps(it.endpoint)).collect();
        if items.is_empty() {
            continue;
        }
        sqlx::query(
            "INSERT INTO bulk_item AS i (command, item, delivery, result)
             SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::text[])
             ON CONFLICT (command, item) DO UPDATE
             SET delivery = coalesce(excluded.delivery, i.delivery), result = excluded.result",
        )
        .bind(items.iter().map(|it| it.command.0).collect::<Vec<Uuid>>())
        .bind(items.iter().map(|it| i64::from(it.item)).collect::<Vec<i64>>())
        .bind(items.iter().map(|it| it.delivery.map(|it| it.0)).collect::<Vec<Option<i64>>>())
        .bind(items.iter().map(|it| it.result.name()).collect::<Vec<&str>>())
        .execute(&mut *sql)
        .await?;
    }
    Ok(())
}

/// Those about deliveries of `endpoints` that are not done, oldest first.
pub(super) async fn open(sql: &mut PgConnection, endpoints: &[i32]) -> sqlx::Result<Vec<OpenBulk>> {
    let rows = sqlx::query(
        "SELECT b.command, b.endpoint, b.state, c.record FROM bulk b
         JOIN command c ON c.id = b.command
         WHERE b.state <> 'done' AND b.endpoint = ANY ($1) ORDER BY c.admission",
    )
    .bind(endpoints)
    .fetch_all(&mut *sql)
    .await?;
    let mut bulks = rows.iter().map(bulk).collect::<sqlx::Result<Vec<OpenBulk>>>()?;
    if bulks.is_empty() {
        return Ok(bulks);
    }
    let rows = sqlx::query(
        "SELECT command, item, delivery, result FROM bulk_item
         WHERE command = ANY ($1) ORDER BY command, item",
    )
    .bind(bulks.iter().map(|bulk| bulk.row.command.0).collect::<Vec<Uuid>>())
    .fetch_all(sql)
    .await?;
    let mut items: HashMap<CommandId, Vec<&PgRow>> = HashMap::new();
    for row in &rows {
        items.entry(CommandId(row.try_get(0)?)).or_default().push(row);
    }
    for bulk in &mut bulks {
        let rows = items.remove(&bulk.row.command).unwrap_or_default().into_iter();
        bulk.items = rows.map(|row| item(bulk.row, row)).collect::<sqlx::Result<_>>()?;
    }
    Ok(bulks)
}

fn bulk(row: &PgRow) -> sqlx::Result<OpenBulk> {
    let state: String = row.try_get(2)?;
    let row_of = BulkRow {
        command: CommandId(row.try_get(0)?),
        endpoint: endpoint_row(row.try_get(1)?),
        state: BulkState::named(&state).ok_or_else(|| damaged("an unknown state"))?,
    };
    let record = row.try_get::<Vec<u8>, _>(3)?.into();
    Ok(OpenBulk { row: row_of, record, items: Vec::new() })
}

fn item(bulk: BulkRow, row: &PgRow) -> sqlx::Result<BulkItemRow> {
    let result: String = row.try_get(3)?;
    Ok(BulkItemRow {
        command: bulk.command,
        endpoint: bulk.endpoint,
        item: u32::try_from(row.try_get::<i64, _>(1)?)
            .map_err(|error| damaged(error.to_string()))?,
        delivery: row.try_get::<Option<i64>, _>(2)?.map(DeliveryId),
        result: ItemResult::named(&result).ok_or_else(|| damaged("an unknown result"))?,
    })
}
