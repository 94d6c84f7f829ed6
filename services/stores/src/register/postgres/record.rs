//! Records what is told, whatever comes first and however often. People order seldom: one by one, in
//! order.

use messaging::Command;
use sqlx::{Connection as _, PgConnection};

use crate::register::{
    BulkItem,
    told::{Answered, BulkTold, ItemTold, Told},
};

/// All of `told` or nothing.
pub(super) async fn record(connection: &mut PgConnection, told: &[Told]) -> sqlx::Result<()> {
    let mut sql = connection.begin().await?;
    for told in told {
        match told {
            Told::Issued(command) => issued(&mut sql, command).await?,
            Told::Answered(told) => answered(&mut sql, told).await?,
            Told::Bulk(told) => bulk(&mut sql, told).await?,
            Told::Item(told) => item(&mut sql, told).await?,
        }
    }
    sql.commit().await
}

/// The answer may have come before.
async fn issued(sql: &mut PgConnection, command: &Command) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT INTO command AS c (id, endpoint, issued_at, operator, name, message_id, reason)
         VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (id) DO UPDATE
         SET issued_at = $3, operator = $4, name = $5, message_id = $6, reason = $7
         WHERE c.issued_at IS NULL",
    )
    .bind(command.id.0)
    .bind(command.endpoint.as_str())
    .bind(command.at.0)
    .bind(command.operator.as_str())
    .bind(command.order.name())
    .bind(command.order.target().map(|target| target.message_id.0))
    .bind(&command.reason)
    .execute(sql)
    .await
    .map(drop)
}

/// Of two answers the one that says it was done counts: only the owner can have done it.
async fn answered(sql: &mut PgConnection, told: &Answered) -> sqlx::Result<()> {
    let Answered { command, endpoint, answer } = told;
    sqlx::query(
        "INSERT INTO command AS c (id, endpoint, answered_at, is_accepted, code, cause)
         VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (id) DO UPDATE
         SET answered_at = $3, is_accepted = $4, code = $5, cause = $6
         WHERE c.answered_at IS NULL OR NOT c.is_accepted AND $4",
    )
    .bind(command.0)
    .bind(endpoint.as_str())
    .bind(answer.at.0)
    .bind(answer.is_accepted)
    .bind(&answer.code)
    .bind(&answer.cause)
    .execute(sql)
    .await
    .map(drop)
}

/// What is over is not under way again.
async fn bulk(sql: &mut PgConnection, told: &BulkTold) -> sqlx::Result<()> {
    let BulkTold { command, total, state, at } = told;
    sqlx::query(
        "INSERT INTO bulk AS b (command, total, state, at) VALUES ($1, $2, $3, $4)
         ON CONFLICT (command) DO UPDATE SET state = $3, at = $4
         WHERE $3 = 'done' OR $3 = 'stopped' AND b.state = 'running'",
    )
    .bind(command.0)
    .bind(i64::from(*total))
    .bind(state.name())
    .bind(at.0)
    .execute(sql)
    .await
    .map(drop)
}

/// What was only ordered gives way to what became of it.
async fn item(sql: &mut PgConnection, told: &ItemTold) -> sqlx::Result<()> {
    let ItemTold { command, item: BulkItem { item, message_id, result, code, at } } = told;
    sqlx::query(
        "INSERT INTO bulk_item AS i (command, item, message_id, result, code, at)
         VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (command, item) DO UPDATE
         SET result = $4, code = $5, at = $6 WHERE i.result = 'ordered'",
    )
    .bind(command.0)
    .bind(i64::from(*item))
    .bind(message_id)
    .bind(result.name())
    .bind(code)
    .bind(at.0)
    .execute(sql)
    .await
    .map(drop)
}
