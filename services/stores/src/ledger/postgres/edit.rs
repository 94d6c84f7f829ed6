//! Documents that go instead of those that came.

use std::collections::HashMap;

use messaging::CommandId;
use sqlx::{PgConnection, Row as _};

use super::commit::{Standing, key};
use crate::ledger::{EditOf, EditRow, EndpointRow, KeptEdit, MessageRow};

/// Behind the settlements, which say that each delivery is at the version it was decided about.
pub(super) async fn keep(
    sql: &mut PgConnection,
    edits: &[EditRow],
    standing: &Standing,
) -> sqlx::Result<()> {
    // People order them: one by one.
    for edit in edits.iter().filter(|edit| standing.keeps(edit.endpoint)) {
        sqlx::query(
            "WITH d AS (UPDATE delivery SET generation = $3 WHERE id = $1)
             INSERT INTO edit (endpoint, message, generation, command, record)
             VALUES ($2, $4, $3, $5, $6)",
        )
        .bind(edit.delivery.0)
        .bind(key(edit.endpoint))
        .bind(number(edit.generation))
        .bind(edit.message.0)
        .bind(edit.command.0)
        .bind(edit.record.as_ref())
        .execute(&mut *sql)
        .await?;
    }
    Ok(())
}

pub(super) async fn newest(
    connection: &mut PgConnection,
    of: &[EditOf],
) -> sqlx::Result<HashMap<EditOf, KeptEdit>> {
    let rows = sqlx::query(
        "SELECT g.place, e.command, e.record
         FROM unnest($1::int[], $2::bigint[], $3::int[]) WITH ORDINALITY
              g (endpoint, message, generation, place)
         CROSS JOIN LATERAL (
             SELECT command, record FROM edit
             WHERE message = g.message AND endpoint = g.endpoint AND generation <= g.generation
             ORDER BY generation DESC LIMIT 1) e",
    )
    .bind(of.iter().map(|of| key(of.endpoint)).collect::<Vec<i32>>())
    .bind(of.iter().map(|of| of.message.0).collect::<Vec<i64>>())
    .bind(of.iter().map(|of| number(of.generation)).collect::<Vec<i32>>())
    .fetch_all(connection)
    .await?;
    let mut found = HashMap::with_capacity(rows.len());
    for row in rows {
        let place = usize::try_from(row.try_get::<i64, _>(0)? - 1).unwrap_or(usize::MAX);
        let command = CommandId(row.try_get(1)?);
        let record = row.try_get::<Vec<u8>, _>(2)?.into();
        if let Some(of) = of.get(place) {
            found.insert(*of, KeptEdit { command, record });
        }
    }
    Ok(found)
}

/// The highest generation of a message there, whatever became of that delivery.
pub(super) async fn generation_last(
    connection: &mut PgConnection,
    endpoint: EndpointRow,
    message: MessageRow,
) -> sqlx::Result<u32> {
    let row = sqlx::query(
        "SELECT coalesce(max(generation), 0) FROM delivery WHERE message = $1 AND endpoint = $2",
    )
    .bind(message.0)
    .bind(key(endpoint))
    .fetch_one(connection)
    .await?;
    row.try_get::<i32, _>(0).map(i32::unsigned_abs)
}

/// They go with the records of their messages.
pub(super) async fn forget(sql: &mut PgConnection, messages: &[i64]) -> sqlx::Result<()> {
    sqlx::query("DELETE FROM edit WHERE message = ANY ($1)")
        .bind(messages)
        .execute(sql)
        .await
        .map(drop)
}

fn number(generation: u32) -> i32 {
    i32::try_from(generation).unwrap_or(i32::MAX)
}
