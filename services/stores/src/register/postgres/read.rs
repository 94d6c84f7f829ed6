//! What is asked of the register.

use std::collections::BTreeMap;

use messaging::{BulkState, CommandId, EndpointName, ItemResult, Timestamp};
use sqlx::{AssertSqlSafe, PgConnection, Row as _, postgres::PgRow};

use crate::register::{Answer, BulkItem, BulkOverview, CommandRow, Issued};

const COMMAND: &str = "SELECT number, id, endpoint, issued_at, operator, name, message_id, reason,
    answered_at, is_accepted, code, cause FROM command";

pub(super) async fn by_id(
    sql: &mut PgConnection,
    id: CommandId,
) -> sqlx::Result<Option<CommandRow>> {
    let asked = format!("{COMMAND} WHERE id = $1");
    let found = sqlx::query(AssertSqlSafe(asked)).bind(id.0).fetch_optional(sql).await?;
    found.as_ref().map(row).transpose()
}

pub(super) async fn list(
    sql: &mut PgConnection,
    before: i64,
    endpoint: Option<&EndpointName>,
    rows_max: u32,
) -> sqlx::Result<Vec<CommandRow>> {
    let asked = format!(
        "{COMMAND} WHERE number < $1 AND ($2::text IS NULL OR endpoint = $2)
         ORDER BY number DESC LIMIT $3"
    );
    let endpoint = endpoint.map(EndpointName::as_str);
    let asked = sqlx::query(AssertSqlSafe(asked)).bind(before).bind(endpoint);
    let rows = asked.bind(i64::from(rows_max)).fetch_all(sql).await?;
    rows.iter().map(row).collect()
}

fn row(row: &PgRow) -> sqlx::Result<CommandRow> {
    let issued = match row.try_get::<Option<i64>, _>(3)? {
        None => None,
        Some(at) => Some(Issued {
            at: Timestamp(at),
            operator: row.try_get(4)?,
            name: row.try_get(5)?,
            message_id: row.try_get(6)?,
            reason: row.try_get(7)?,
        }),
    };
    let answer = match row.try_get::<Option<i64>, _>(8)? {
        None => None,
        Some(at) => Some(Answer {
            at: Timestamp(at),
            is_accepted: row.try_get(9)?,
            code: row.try_get(10)?,
            cause: row.try_get(11)?,
        }),
    };
    let id = CommandId(row.try_get(1)?);
    Ok(CommandRow { number: row.try_get(0)?, id, endpoint: row.try_get(2)?, issued, answer })
}

pub(super) async fn bulk(
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

fn small(value: i64) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}
