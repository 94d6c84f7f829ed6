//! Bulks that operators ordered, as events tell of them, and reports of how endpoints are served.

use std::collections::BTreeMap;

use messaging::{BulkState, CommandId, ItemResult, Timestamp};
use sqlx::{PgConnection, Row as _, postgres::PgRow};

use super::sheet::Draft;
use crate::journal::{
    bulks::{BulkItem, BulkOverview},
    project::{BulkTold, ItemTold},
    report,
    rows::Overview,
};

/// What was told last counts, whatever the order of arrival: what is over is not under way again.
/// People order seldom, and endpoints are reported seldom: one by one, in order.
pub(super) async fn flush(sql: &mut PgConnection, draft: &Draft) -> sqlx::Result<()> {
    for (BulkTold { command, total, state }, at) in &draft.bulks {
        sqlx::query(
            "INSERT INTO bulk AS b (command, total, state, at) VALUES ($1, $2, $3, $4)
             ON CONFLICT (command) DO UPDATE SET state = $3, at = $4
             WHERE $3 = 'done' OR $3 = 'stopped' AND b.state = 'running'",
        )
        .bind(command.0)
        .bind(i64::from(*total))
        .bind(state.name())
        .bind(at.0)
        .execute(&mut *sql)
        .await?;
    }
    for (ItemTold { command, item, message, result }, code, at) in &draft.bulk_items {
        sqlx::query(
            "INSERT INTO bulk_item AS i (command, item, message_id, result, code, at)
             VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (command, item) DO UPDATE
             SET result = $4, code = $5, at = $6 WHERE i.result = 'ordered'",
        )
        .bind(command.0)
        .bind(i64::from(*item))
        .bind(message.0)
        .bind(result.name())
        .bind(code)
        .bind(at.0)
        .execute(&mut *sql)
        .await?;
    }
    for (endpoint, (at, told)) in &draft.reports {
        sqlx::query(
            "INSERT INTO report AS r (endpoint, at, told) VALUES ($1, $2, $3)
             ON CONFLICT (endpoint) DO UPDATE SET at = $2, told = $3 WHERE r.at <= $2",
        )
        .bind(endpoint)
        .bind(at.0)
        .bind(told)
        .execute(&mut *sql)
        .await?;
    }
    Ok(())
}

pub(super) async fn overview(
    sql: &mut PgConnection,
    command: CommandId,
) -> sqlx::Result<Option<BulkOverview>> {
    let found = sqlx::query("SELECT total, state, at FROM bulk WHERE command = $1")
        .bind(command.0)
        .fetch_optional(&mut *sql)
        .await?;
    let Some(row) = found else { return Ok(None) };
    let counted =
        sqlx::query("SELECT result, count(*) FROM bulk_item WHERE command = $1 GROUP BY result")
            .bind(command.0)
            .fetch_all(sql)
            .await?;
    let count = |row: &PgRow| Ok((row.try_get(0)?, row.try_get::<i64, _>(1)?.unsigned_abs()));
    let results = counted.iter().map(count).collect::<sqlx::Result<BTreeMap<String, u64>>>()?;
    let state: String = row.try_get(1)?;
    Ok(Some(BulkOverview {
        total: small(row.try_get(0)?),
        state: BulkState::named(&state).unwrap_or(BulkState::Running),
        at: Timestamp(row.try_get(2)?),
        results,
    }))
}

pub(super) async fn items(
    sql: &mut PgConnection,
    command: CommandId,
    after: Option<u32>,
    rows_max: u32,
) -> sqlx::Result<Vec<BulkItem>> {
    let rows = sqlx::query(
        "SELECT item, message_id, result, code, at FROM bulk_item
         WHERE command = $1 AND item > $2 ORDER BY item LIMIT $3",
    )
    .bind(command.0)
    .bind(after.map_or(-1, i64::from))
    .bind(i64::from(rows_max))
    .fetch_all(sql)
    .await?;
    let item = |row: &PgRow| {
        let result: String = row.try_get(2)?;
        Ok(BulkItem {
            item: small(row.try_get(0)?),
            message_id: row.try_get(1)?,
            result: ItemResult::named(&result).unwrap_or(ItemResult::Ordered),
            code: row.try_get(3)?,
            at: Timestamp(row.try_get(4)?),
        })
    };
    rows.iter().map(item).collect()
}

/// Adds the newest report of each endpoint.
pub(super) async fn add_reports(
    sql: &mut PgConnection,
    overview: &mut Overview,
) -> sqlx::Result<()> {
    for row in sqlx::query("SELECT endpoint, at, told FROM report").fetch_all(sql).await? {
        let (endpoint, at) = (row.try_get::<String, _>(0)?, Timestamp(row.try_get(1)?));
        let told = report::from_text(&endpoint, row.try_get(2)?);
        overview.endpoints.entry(endpoint).or_default().report = told.map(|told| (at, told));
    }
    Ok(())
}

fn small(value: i64) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}
