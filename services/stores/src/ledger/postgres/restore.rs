//! A ledger whose database was restored from a backup begins a new epoch.

use std::time::Duration;

use messaging::{FailureKind, GroupId, Result, Timestamp};
use sqlx::{Connection as _, PgConnection, Row as _};

use super::{commit::SUBSCRIPTIONS_LOCK, values::damaged};
use crate::{
    codes,
    ledger::restore::{NUMBERS_SKIPPED, Restored, epoch_at},
    postgres::Server,
};

/// Whoever lives beats three times in this.
const LOOKED_FOR: Duration = Duration::from_secs(3);
/// Starts since the backup had numbers that none has again: a dispatcher of then is nobody now.
const STARTS_SKIPPED: i64 = 1_000_000;

pub(super) async fn restore(server: &Server, at: Timestamp) -> Result<Restored> {
    if is_worked_on(server).await? {
        let text = "a dispatcher works on the ledger";
        return Err(FailureKind::Defect.because(codes::RESTORE_DISTURBED, text));
    }
    server.read(async |sql| begin_epoch(sql, at).await).await
}

/// Looks for three seconds whether a dispatcher's counter grows.
///
/// # Errors
/// `Defect` (AB-2317) if no dispatcher ever worked on it: another ledger is meant.
pub(super) async fn is_worked_on(server: &Server) -> Result<bool> {
    let before = server.read(beats).await?;
    if before.is_empty() {
        let text = "no dispatcher ever worked on the ledger that is there";
        return Err(FailureKind::Defect.because(codes::RESTORE_MISSING, text));
    }
    tokio::time::sleep(LOOKED_FOR).await;
    Ok(server.read(beats).await? != before)
}

async fn beats(connection: &mut PgConnection) -> sqlx::Result<Vec<(i64, i64)>> {
    let rows = sqlx::query("SELECT id, beat FROM writer ORDER BY id").fetch_all(connection).await?;
    rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
}

async fn begin_epoch(connection: &mut PgConnection, at: Timestamp) -> sqlx::Result<Restored> {
    let mut sql = connection.begin().await?;
    // Nobody commits anything from here on.
    sqlx::query("SELECT pg_advisory_xact_lock($1)")
        .bind(SUBSCRIPTIONS_LOCK)
        .execute(&mut *sql)
        .await?;
    let row = sqlx::query(
        "UPDATE meta SET epoch = greatest(epoch + 1, $1), starts = starts + $2,
                subscriptions_version = subscriptions_version + 1
         RETURNING ledger_id, epoch, starts",
    )
    .bind(i32::try_from(epoch_at(at)).unwrap_or(i32::MAX))
    .bind(STARTS_SKIPPED)
    .fetch_one(&mut *sql)
    .await?;
    let (ledger, epoch): (String, i32) = (row.try_get(0)?, row.try_get(1)?);
    let ledger = GroupId::new(ledger).map_err(|error| damaged(error.to_string()))?;
    replace_writers(&mut sql, row.try_get(2)?, "restore").await?;
    // Where channels end is looked up before anything is admitted in the new epoch, and what was
    // handed out is among what is not final.
    sqlx::raw_sql("DELETE FROM floor; DELETE FROM intent").execute(&mut *sql).await?;
    sqlx::query("UPDATE number SET delivery = delivery + $1")
        .bind(NUMBERS_SKIPPED)
        .execute(&mut *sql)
        .await?;
    let uncertain = unsettle(&mut sql, at).await?;
    let paused = sqlx::query(
        "SELECT e.name FROM endpoint_state s JOIN endpoint e ON e.id = s.endpoint
         WHERE s.paused_at IS NOT NULL ORDER BY 1",
    )
    .fetch_all(&mut *sql)
    .await?;
    let paused = paused.iter().map(|row| row.try_get(0)).collect::<sqlx::Result<Vec<String>>>()?;
    let positions = super::read::positions_in_order(&mut sql).await?;
    sql.commit().await?;
    let epoch = epoch.unsigned_abs();
    Ok(Restored { ledger, epoch, uncertain, paused, positions, kept: None })
}

/// All that dispatchers of before left to tell is told as that of one that stands still; none of them
/// owns anything, and what one that still lives commits is refused.
pub(super) async fn replace_writers(
    sql: &mut PgConnection,
    one: i64,
    holder: &str,
) -> sqlx::Result<()> {
    sqlx::query("UPDATE endpoint_state SET owner = NULL, fence = fence + 1")
        .execute(&mut *sql)
        .await?;
    sqlx::query("DELETE FROM writer").execute(&mut *sql).await?;
    sqlx::query("INSERT INTO writer (id, holder, seen) SELECT $1, $2, age FROM meta")
        .bind(one)
        .bind(holder)
        .execute(&mut *sql)
        .await?;
    sqlx::query(
        "WITH left_over AS (DELETE FROM outbox RETURNING writer, sequence, record)
         INSERT INTO outbox
         SELECT $1, row_number() OVER (ORDER BY writer, sequence), record FROM left_over",
    )
    .bind(one)
    .execute(sql)
    .await
    .map(drop)
}

async fn unsettle(sql: &mut PgConnection, at: Timestamp) -> sqlx::Result<u64> {
    sqlx::query(
        "INSERT INTO attempt
         SELECT id, version + 1, attempts + 1, $1, $1, 'restored', NULL, NULL, NULL
         FROM delivery WHERE final_at IS NULL",
    )
    .bind(at.0)
    .execute(&mut *sql)
    .await?;
    let left = sqlx::query(
        "UPDATE delivery SET state = 'uncertain', version = version + 1, next_at = NULL,
                first_attempt_at = NULL
         WHERE final_at IS NULL",
    )
    .execute(sql)
    .await?;
    Ok(left.rows_affected())
}
