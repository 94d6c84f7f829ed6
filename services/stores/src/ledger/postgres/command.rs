//! What operators ordered: commands as rows, endpoints that are paused, and where channels ended when
//! the epoch began.

use std::collections::HashMap;

use bytes::Bytes;
use messaging::{ChannelName, CommandId, DeliveryState, Position, Timestamp};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, Row as _, postgres::PgRow};
use uuid::Uuid;

use super::{
    commit::{endpoint_row, key},
    load,
    values::damaged,
};
use crate::ledger::{
    DeliveryId, EndpointRow, FinalDelivery, MessageRow, OpenDelivery, PauseRow, WaitingOrder,
    orders,
};

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
    channel: &ChannelName,
) -> sqlx::Result<Option<HashMap<u32, u64>>> {
    let rows = sqlx::query("SELECT number, floor FROM floor WHERE channel = $1")
        .bind(channel.as_str())
        .fetch_all(connection)
        .await?;
    let floor = |row: &PgRow| {
        let number = row.try_get::<i32, _>(0)?.unsigned_abs();
        Ok((number, row.try_get::<i64, _>(1)?.unsigned_abs()))
    };
    let floors = rows.iter().map(floor).collect::<sqlx::Result<HashMap<u32, u64>>>()?;
    Ok(Some(floors).filter(|floors| !floors.is_empty()))
}

/// Of two dispatchers that begin at once, the first one says it for both.
pub(super) async fn set_floors(
    connection: &mut PgConnection,
    channel: &ChannelName,
    ends: &[Position],
) -> sqlx::Result<()> {
    let mut sql = connection.begin().await?;
    sqlx::query("LOCK TABLE floor IN EXCLUSIVE MODE").execute(&mut *sql).await?;
    let known = sqlx::query("SELECT 1 FROM floor WHERE channel = $1")
        .bind(channel.as_str())
        .fetch_optional(&mut *sql)
        .await?;
    if known.is_none() {
        for (number, floor) in orders::floors_of(ends) {
            sqlx::query("INSERT INTO floor VALUES ($1, $2, $3)")
                .bind(channel.as_str())
                .bind(i32::try_from(number).unwrap_or(i32::MAX))
                .bind(floor.cast_signed())
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
) -> sqlx::Result<Vec<WaitingOrder>> {
    let rows = sqlx::query(
        "SELECT c.id, e.id, c.record,
                EXISTS (SELECT 1 FROM partition p
                        JOIN floor f ON f.channel = p.channel AND f.number = p.number
                        WHERE p.id = c.partition AND c.place < f.floor)
         FROM command c JOIN endpoint e ON e.name = c.endpoint
         WHERE c.state = 'waiting' AND e.id = ANY ($1) ORDER BY c.admission LIMIT $2",
    )
    .bind(endpoints.iter().map(|row| key(*row)).collect::<Vec<i32>>())
    .bind(i64::from(limit))
    .fetch_all(connection)
    .await?;
    let command = |row: &PgRow| {
        let record: Vec<u8> = row.try_get(2)?;
        Ok(WaitingOrder {
            id: CommandId(row.try_get(0)?),
            endpoint: endpoint_row(row.try_get(1)?),
            record: record.into(),
            is_past: row.try_get(3)?,
        })
    };
    rows.iter().map(command).collect()
}
