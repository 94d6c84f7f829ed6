//! What operators ordered: commands as rows, endpoints that are paused, and the floor below which
//! nothing is executed.

use std::collections::HashMap;

use bytes::Bytes;
use messaging::{CommandId, DeliveryState, Position, Timestamp};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, Row as _, postgres::PgRow};
use uuid::Uuid;

use super::{
    commit::{endpoint_row, key},
    load,
    values::damaged,
};
use crate::ledger::{DeliveryId, EndpointRow, FinalDelivery, MessageRow, OpenDelivery, PauseRow};

pub(super) async fn paused(
    connection: &mut PgConnection,
    endpoints: &[i32],
) -> sqlx::Result<HashMap<EndpointRow, PauseRow>> {
    let rows = sqlx::query(
        "SELECT endpoint, paused_at, command FROM endpoint_state
         WHERE endpoint = ANY ($1) AND paused_at IS NOT NULL",
    )
    .bind(endpoints)
    .fetch_all(connection)
    .await?;
    let pause = |row: &PgRow| {
        let (at, command) = (Timestamp(row.try_get(1)?), CommandId(row.try_get(2)?));
        Ok((endpoint_row(row.try_get(0)?), PauseRow { at, command }))
    };
    rows.iter().map(pause).collect()
}

pub(super) async fn known(
    connection: &mut PgConnection,
    commands: &[CommandId],
) -> sqlx::Result<HashMap<CommandId, Bytes>> {
    let rows = sqlx::query("SELECT id, record FROM command WHERE id = ANY ($1)")
        .bind(commands.iter().map(|command| command.0).collect::<Vec<Uuid>>())
        .fetch_all(connection)
        .await?;
    let known =
        |row: &PgRow| Ok((CommandId(row.try_get(0)?), Bytes::from(row.try_get::<Vec<u8>, _>(1)?)));
    rows.iter().map(known).collect()
}

pub(super) async fn floors(
    connection: &mut PgConnection,
    epoch: u32,
) -> sqlx::Result<Option<HashMap<u32, u64>>> {
    let row = sqlx::query("SELECT control_epoch FROM meta").fetch_one(&mut *connection).await?;
    if row.try_get::<i32, _>(0)?.unsigned_abs() != epoch {
        return Ok(None);
    }
    let rows = sqlx::query("SELECT number, floor FROM control_floor").fetch_all(connection).await?;
    let floor = |row: &PgRow| {
        let number = row.try_get::<i32, _>(0)?.unsigned_abs();
        Ok((number, row.try_get::<i64, _>(1)?.unsigned_abs()))
    };
    rows.iter().map(floor).collect::<sqlx::Result<_>>().map(Some)
}

/// Of two dispatchers that begin at once, the first one says it for both.
pub(super) async fn set_floors(
    connection: &mut PgConnection,
    epoch: u32,
    ends: &[Position],
) -> sqlx::Result<()> {
    let mut sql = connection.begin().await?;
    let epoch = i32::try_from(epoch).unwrap_or(i32::MAX);
    let set = sqlx::query("UPDATE meta SET control_epoch = $1 WHERE control_epoch <> $1")
        .bind(epoch)
        .execute(&mut *sql)
        .await?;
    if set.rows_affected() == 1 {
        for end in ends {
            sqlx::query(
                "INSERT INTO control_floor VALUES ($1, $2)
                 ON CONFLICT (number) DO UPDATE SET floor = $2",
            )
            .bind(i32::try_from(end.partition.number).unwrap_or(i32::MAX))
            .bind(end.offset.cast_signed())
            .execute(&mut *sql)
            .await?;
        }
    }
    sql.commit().await
}

pub(super) async fn open_delivery(
    connection: &mut PgConnection,
    endpoint: EndpointRow,
    message: MessageRow,
    named: Option<DeliveryId>,
) -> sqlx::Result<Option<OpenDelivery>> {
    let of_both = format!(
        "SELECT * FROM ({}) o WHERE message = $2 AND ($3::bigint IS NULL OR id = $3)
         ORDER BY id DESC LIMIT 1",
        load::OPEN
    );
    let found = sqlx::query(AssertSqlSafe(of_both))
        .bind(vec![key(endpoint)])
        .bind(message.0)
        .bind(named.map(|named| named.0))
        .fetch_optional(connection)
        .await?;
    found.as_ref().map(load::open_delivery).transpose()
}

/// The delivery called `named`, if it is final and is that.
pub(super) async fn over(
    connection: &mut PgConnection,
    endpoint: EndpointRow,
    message: MessageRow,
    named: DeliveryId,
) -> sqlx::Result<Option<FinalDelivery>> {
    let found = sqlx::query(
        "SELECT state, version, generation,
                (SELECT max(o.generation) FROM delivery o
                 WHERE o.message = d.message AND o.endpoint = d.endpoint),
                EXISTS (SELECT 1 FROM delivery o WHERE o.message = d.message
                        AND o.endpoint = d.endpoint AND o.final_at IS NULL)
         FROM delivery d
         WHERE id = $1 AND message = $2 AND endpoint = $3 AND final_at IS NOT NULL",
    )
    .bind(named.0)
    .bind(message.0)
    .bind(key(endpoint))
    .fetch_optional(connection)
    .await?;
    let over = |row: PgRow| {
        let state: String = row.try_get(0)?;
        Ok(FinalDelivery {
            state: DeliveryState::named(&state).ok_or_else(|| damaged("an unknown state"))?,
            version: row.try_get::<i64, _>(1)?.unsigned_abs(),
            generation: row.try_get::<i32, _>(2)?.unsigned_abs(),
            generation_last: row.try_get::<i32, _>(3)?.unsigned_abs(),
            has_open: row.try_get(4)?,
        })
    };
    found.map(over).transpose()
}

/// In the order they were recorded.
pub(super) async fn waiting(
    connection: &mut PgConnection,
    endpoints: &[EndpointRow],
    limit: u32,
) -> sqlx::Result<Vec<(CommandId, EndpointRow, Bytes)>> {
    let rows = sqlx::query(
        "SELECT c.id, e.id, c.record FROM command c JOIN endpoint e ON e.name = c.endpoint
         WHERE c.state = 'waiting' AND e.id = ANY ($1) ORDER BY c.admission LIMIT $2",
    )
    .bind(endpoints.iter().map(|row| key(*row)).collect::<Vec<i32>>())
    .bind(i64::from(limit))
    .fetch_all(connection)
    .await?;
    let command = |row: &PgRow| {
        let record: Vec<u8> = row.try_get(2)?;
        Ok((CommandId(row.try_get(0)?), endpoint_row(row.try_get(1)?), record.into()))
    };
    rows.iter().map(command).collect()
}
