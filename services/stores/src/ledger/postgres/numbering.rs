//! By how many partitions cases lie, and where each generation begins.

use messaging::{GroupId, Position, Result, Timestamp};
use sqlx::{Connection as _, PgConnection, Row as _};

use super::{commit::SUBSCRIPTIONS_LOCK, read, restore, values::damaged};
use crate::{
    ledger::numbering::{Numbering, Standing, Switch, disturbed},
    postgres::Server,
};

/// Of two dispatchers that begin at once, the first one says it for both.
pub(super) async fn numbering(
    connection: &mut PgConnection,
    configured: u32,
    at: Timestamp,
) -> sqlx::Result<Numbering> {
    first(connection, configured, at).await?;
    newest(connection).await?.ok_or(sqlx::Error::RowNotFound)
}

async fn first(connection: &mut PgConnection, partitions: u32, at: Timestamp) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT INTO numbering SELECT 0, $1, $2, '', ''
         WHERE NOT EXISTS (SELECT 1 FROM numbering) ON CONFLICT DO NOTHING",
    )
    .bind(int(partitions))
    .bind(at.0)
    .execute(connection)
    .await
    .map(drop)
}

async fn newest(connection: &mut PgConnection) -> sqlx::Result<Option<Numbering>> {
    let newest = "SELECT generation, partitions FROM numbering ORDER BY generation DESC LIMIT 1";
    let Some(row) = sqlx::query(newest).fetch_optional(connection).await? else { return Ok(None) };
    let number = |column| row.try_get::<i32, _>(column).map(i32::unsigned_abs);
    Ok(Some(Numbering { generation: number(0)?, partitions: number(1)? }))
}

pub(super) async fn refuse_worked_on(server: &Server) -> Result<()> {
    match restore::is_worked_on(server).await? {
        true => Err(disturbed("a dispatcher works on the ledger")),
        false => Ok(()),
    }
}

pub(super) async fn standing(connection: &mut PgConnection) -> sqlx::Result<Standing> {
    let row = sqlx::query("SELECT ledger_id FROM meta").fetch_one(&mut *connection).await?;
    let ledger: String = row.try_get(0)?;
    let ledger = GroupId::new(ledger).map_err(|error| damaged(error.to_string()))?;
    let numbering = newest(connection).await?;
    Ok(Standing { ledger, numbering, positions: read::positions_in_order(connection).await? })
}

pub(super) async fn switch(server: &Server, wanted: &Switch) -> Result<Numbering> {
    let recorded = server.read(async |sql| record(sql, wanted).await).await?;
    recorded.ok_or_else(|| disturbed("the ledger does not stand where it stood a moment ago"))
}

/// `None`, and nothing is recorded, if the ledger stands elsewhere.
async fn record(connection: &mut PgConnection, wanted: &Switch) -> sqlx::Result<Option<Numbering>> {
    let mut sql = connection.begin().await?;
    // Nobody commits anything from here on, and whoever began meanwhile has lost its place.
    sqlx::query("SELECT pg_advisory_xact_lock($1)")
        .bind(SUBSCRIPTIONS_LOCK)
        .execute(&mut *sql)
        .await?;
    let starts = sqlx::query(
        "UPDATE meta SET starts = starts + 1, subscriptions_version = subscriptions_version + 1
         RETURNING starts",
    )
    .fetch_one(&mut *sql)
    .await?;
    restore::replace_writers(&mut sql, starts.try_get(0)?, "switch").await?;
    first(&mut sql, wanted.former, wanted.at).await?;
    let generation = newest(&mut sql).await?.map_or(1, |newest| newest.generation + 1);
    let Switch { partitions, at, operator, reason, .. } = wanted;
    sqlx::query("INSERT INTO numbering VALUES ($1, $2, $3, $4, $5)")
        .bind(int(generation))
        .bind(int(*partitions))
        .bind(at.0)
        .bind(operator)
        .bind(reason)
        .execute(&mut *sql)
        .await?;
    for first in &wanted.firsts {
        if !begin(&mut sql, generation, first).await? {
            return Ok(None);
        }
    }
    sql.commit().await?;
    Ok(Some(Numbering { generation, partitions: *partitions }))
}

/// False if the ledger stands elsewhere in this partition.
async fn begin(sql: &mut PgConnection, generation: u32, first: &Position) -> sqlx::Result<bool> {
    let Position { partition, offset } = first;
    sqlx::query(
        "INSERT INTO partition (channel, number, next) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
    )
    .bind(partition.channel.as_str())
    .bind(int(partition.number))
    .bind(offset.cast_signed())
    .execute(&mut *sql)
    .await?;
    let begun = sqlx::query(
        "INSERT INTO numbering_start SELECT id, $4, next FROM partition
         WHERE channel = $1 AND number = $2 AND next = $3",
    )
    .bind(partition.channel.as_str())
    .bind(int(partition.number))
    .bind(offset.cast_signed())
    .bind(int(generation))
    .execute(sql)
    .await?;
    Ok(begun.rows_affected() == 1)
}

fn int(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}
