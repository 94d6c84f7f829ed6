//! Reading what was committed.

use std::collections::HashMap;

use bytes::Bytes;
use messaging::{CaseId, ChannelName, MessageId, Partition, Position, SenderName};
use sqlx::{PgConnection, Row as _, postgres::PgRow};

use super::values::{damaged, sha256};
use crate::ledger::{
    LastAdmitted, MessageIdentity, MessageRow, OutboxEntry, Part, UnroutedMessage, Writer,
};

fn rows_of(messages: &[MessageRow]) -> Vec<i64> {
    messages.iter().map(|row| row.0).collect()
}

pub(super) async fn records(
    connection: &mut PgConnection,
    messages: &[MessageRow],
) -> sqlx::Result<Vec<(MessageRow, Bytes)>> {
    let rows = sqlx::query("SELECT message, record FROM body WHERE message = ANY ($1)")
        .bind(rows_of(messages))
        .fetch_all(connection)
        .await?;
    rows.iter().map(record).collect()
}

pub(super) fn record(row: &PgRow) -> sqlx::Result<(MessageRow, Bytes)> {
    Ok((MessageRow(row.try_get(0)?), row.try_get::<Vec<u8>, _>(1)?.into()))
}

pub(super) async fn kept(
    connection: &mut PgConnection,
    message: MessageRow,
) -> sqlx::Result<Option<(Position, Bytes)>> {
    let kept = sqlx::query(
        "SELECT p.channel, p.number, m.place, b.record
         FROM message m JOIN partition p ON p.id = m.partition JOIN body b ON b.message = m.id
         WHERE m.id = $1",
    )
    .bind(message.0)
    .fetch_optional(connection)
    .await?;
    let Some(row) = kept else { return Ok(None) };
    let partition = partition(&row)?;
    let offset = row.try_get::<i64, _>(2)?.unsigned_abs();
    Ok(Some((Position { partition, offset }, row.try_get::<Vec<u8>, _>(3)?.into())))
}

/// Of the first two columns.
fn partition(row: &PgRow) -> sqlx::Result<Partition> {
    let channel: String = row.try_get(0)?;
    let channel = ChannelName::new(channel).map_err(|error| damaged(error.to_string()))?;
    Ok(Partition { channel, number: row.try_get::<i32, _>(1)?.unsigned_abs() })
}

pub(super) async fn positions(
    connection: &mut PgConnection,
) -> sqlx::Result<HashMap<Partition, u64>> {
    let rows =
        sqlx::query("SELECT channel, number, next FROM partition").fetch_all(connection).await?;
    let position = |row: &PgRow| Ok((partition(row)?, row.try_get::<i64, _>(2)?.unsigned_abs()));
    rows.iter().map(position).collect()
}

pub(super) async fn positions_in_order(
    connection: &mut PgConnection,
) -> sqlx::Result<Vec<Position>> {
    let positions = positions(connection).await?.into_iter();
    let mut positions: Vec<Position> =
        positions.map(|(partition, offset)| Position { partition, offset }).collect();
    positions.sort();
    Ok(positions)
}

pub(super) async fn identities(
    connection: &mut PgConnection,
    messages: &[MessageRow],
) -> sqlx::Result<Vec<MessageIdentity>> {
    let rows = sqlx::query(
        "SELECT id, message_id, sha256, case_id, sender FROM message WHERE id = ANY ($1)",
    )
    .bind(rows_of(messages))
    .fetch_all(connection)
    .await?;
    let identity = |row: &PgRow| {
        let sender: String = row.try_get(4)?;
        Ok(MessageIdentity {
            row: MessageRow(row.try_get(0)?),
            message_id: MessageId(row.try_get(1)?),
            sha256: sha256(row.try_get(2)?)?,
            case_id: CaseId(row.try_get(3)?),
            sender: SenderName::new(sender).map_err(|error| damaged(error.to_string()))?,
        })
    };
    rows.iter().map(identity).collect()
}

pub(super) async fn unrouted(
    connection: &mut PgConnection,
    after: MessageRow,
    limit: u32,
) -> sqlx::Result<Vec<UnroutedMessage>> {
    let rows = sqlx::query(
        "SELECT u.message, b.record FROM unrouted u JOIN body b ON b.message = u.message
         WHERE u.message > $1 ORDER BY u.message LIMIT $2",
    )
    .bind(after.0)
    .bind(i64::from(limit))
    .fetch_all(connection)
    .await?;
    let message = |row: &PgRow| {
        let (row, record) = record(row)?;
        Ok(UnroutedMessage { row, record })
    };
    rows.iter().map(message).collect()
}

pub(super) async fn outbox(
    connection: &mut PgConnection,
    of: Writer,
    after: u64,
    limit: u32,
) -> sqlx::Result<Vec<OutboxEntry>> {
    let rows = sqlx::query(
        "SELECT sequence, record FROM outbox WHERE writer = $1 AND sequence > $2
         ORDER BY sequence LIMIT $3",
    )
    .bind(of.0.cast_signed())
    .bind(after.cast_signed())
    .bind(i64::from(limit))
    .fetch_all(connection)
    .await?;
    let entry = |row: &PgRow| {
        let sequence = row.try_get::<i64, _>(0)?.unsigned_abs();
        let record = row.try_get::<Vec<u8>, _>(1)?.into();
        Ok(OutboxEntry { sequence, record, of: Part::Whole })
    };
    rows.iter().map(entry).collect()
}

/// The last message admitted from `partition`, as it was then.
pub(super) async fn last_admitted(
    connection: &mut PgConnection,
    partition: &Partition,
) -> sqlx::Result<Option<LastAdmitted>> {
    let row = sqlx::query(
        "SELECT last_offset, last_message_id, last_sha256 FROM partition
         WHERE channel = $1 AND number = $2 AND last_offset IS NOT NULL",
    )
    .bind(partition.channel.as_str())
    .bind(i32::try_from(partition.number).unwrap_or(i32::MAX))
    .fetch_optional(connection)
    .await?;
    let last = |row: PgRow| {
        Ok(LastAdmitted {
            offset: row.try_get::<i64, _>(0)?.unsigned_abs(),
            message_id: MessageId(row.try_get(1)?),
            sha256: sha256(row.try_get(2)?)?,
        })
    };
    row.map(last).transpose()
}

pub(super) async fn next_offset(
    connection: &mut PgConnection,
    partition: &Partition,
) -> sqlx::Result<Option<u64>> {
    let row = sqlx::query("SELECT next FROM partition WHERE channel = $1 AND number = $2")
        .bind(partition.channel.as_str())
        .bind(i32::try_from(partition.number).unwrap_or(i32::MAX))
        .fetch_optional(connection)
        .await?;
    row.map(|row| row.try_get::<i64, _>(0).map(i64::unsigned_abs)).transpose()
}
