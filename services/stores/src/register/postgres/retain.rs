//! What of the register goes by retention, as in SQLite.

use std::time::Duration;

use messaging::Timestamp;
use sqlx::{Connection as _, PgConnection, Row as _, postgres::PgRow};

use crate::{
    age::{self, Age},
    pass::Trimmed,
};

/// Commands looked at in one transaction; bulks aside, each is one row.
const ROWS_MAX: i64 = 500;

pub(super) async fn grow_older(
    connection: &mut PgConnection,
    now: Timestamp,
    step_max: Duration,
) -> sqlx::Result<Age> {
    let mut sql = connection.begin().await?;
    let (until, age) = age::grow_on_server(&mut sql, now, step_max).await?;
    sqlx::query(
        "INSERT INTO milestone SELECT $1, coalesce((SELECT max(number) FROM command), 0)
         ON CONFLICT (at) DO UPDATE SET command = excluded.command",
    )
    .bind(until.0)
    .execute(&mut *sql)
    .await?;
    sql.commit().await?;
    Ok(age)
}

/// The newest stays always, as in SQLite.
pub(super) async fn trim(
    connection: &mut PgConnection,
    keep: Duration,
    after: i64,
) -> sqlx::Result<Trimmed> {
    let mut sql = connection.begin().await?;
    let last_old = age::milestone_on_server(&mut sql, "command", keep).await?;
    let rows = sqlx::query(
        "SELECT number, answered_at IS NOT NULL FROM command
         WHERE number > $1 AND number <= $2 AND number < (SELECT max(number) FROM command)
         ORDER BY number LIMIT $3",
    )
    .bind(after)
    .bind(last_old)
    .bind(ROWS_MAX)
    .fetch_all(&mut *sql)
    .await?;
    let row = |row: &PgRow| Ok((row.try_get(0)?, row.try_get(1)?));
    let rows = rows.iter().map(row).collect::<sqlx::Result<Vec<(i64, bool)>>>()?;
    let is_full = i64::try_from(rows.len()).is_ok_and(|rows| rows == ROWS_MAX);
    let next = rows.last().map(|row| row.0).filter(|_| is_full);
    let going: Vec<i64> = rows.iter().filter(|row| row.1).map(|row| row.0).collect();
    sqlx::query(
        "WITH gone AS (SELECT id FROM command WHERE number = ANY ($1)),
              i AS (DELETE FROM bulk_item WHERE command IN (SELECT id FROM gone)),
              b AS (DELETE FROM bulk WHERE command IN (SELECT id FROM gone))
         DELETE FROM command WHERE number = ANY ($1)",
    )
    .bind(&going)
    .execute(&mut *sql)
    .await?;
    sql.commit().await?;
    Ok(Trimmed { rows: u64::try_from(going.len()).unwrap_or(u64::MAX), next })
}
