//! Reading what was committed.

use bytes::Bytes;
use messaging::{CaseId, ChannelName, MessageId, Partition, Position, SenderName, Sha256};
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use uuid::Uuid;

use super::{
    load::damaged,
    types::{LastAdmitted, MessageIdentity, MessageRow, OutboxEntry, Part, UnroutedMessage},
};

pub(super) fn records(
    connection: &mut Connection,
    messages: &[MessageRow],
) -> rusqlite::Result<Vec<(MessageRow, Bytes)>> {
    let mut statement = connection.prepare_cached("SELECT record FROM body WHERE message = ?1")?;
    let mut found = Vec::with_capacity(messages.len());
    for message in messages {
        let record: Option<Vec<u8>> =
            statement.query_row([message.0], |row| row.get(0)).optional()?;
        found.extend(record.map(|record| (*message, Bytes::from(record))));
    }
    Ok(found)
}

pub(super) fn kept(
    connection: &mut Connection,
    message: MessageRow,
) -> rusqlite::Result<Option<(Position, Bytes)>> {
    let mut statement = connection.prepare_cached(
        "SELECT p.channel, p.number, m.offset, b.record
         FROM message m JOIN partition p ON p.id = m.partition JOIN body b ON b.message = m.id
         WHERE m.id = ?1",
    )?;
    let kept = statement.query_row([message.0], |row| {
        let channel: String = row.get(0)?;
        let channel = ChannelName::new(channel).map_err(|error| damaged(0, error))?;
        let partition = Partition { channel, number: row.get(1)? };
        let record: Vec<u8> = row.get(3)?;
        let offset = row.get::<_, i64>(2)?.unsigned_abs();
        Ok((Position { partition, offset }, record.into()))
    });
    kept.optional()
}

pub(super) fn identities(
    connection: &mut Connection,
    messages: &[MessageRow],
) -> rusqlite::Result<Vec<MessageIdentity>> {
    let mut statement = connection.prepare_cached(
        "SELECT id, message_id, sha256, case_id, sender FROM message WHERE id = ?1",
    )?;
    let mut found = Vec::with_capacity(messages.len());
    for message in messages {
        found.extend(statement.query_row([message.0], identity).optional()?);
    }
    Ok(found)
}

fn identity(row: &Row<'_>) -> rusqlite::Result<MessageIdentity> {
    let sender: String = row.get(4)?;
    Ok(MessageIdentity {
        row: MessageRow(row.get(0)?),
        message_id: MessageId(Uuid::from_bytes(row.get(1)?)),
        sha256: Sha256(row.get(2)?),
        case_id: CaseId(Uuid::from_bytes(row.get(3)?)),
        sender: SenderName::new(sender).map_err(|error| damaged(4, error))?,
    })
}

pub(super) fn unrouted(
    connection: &mut Connection,
    after: MessageRow,
    limit: u32,
) -> rusqlite::Result<Vec<UnroutedMessage>> {
    let mut statement = connection.prepare_cached(
        "SELECT u.message, b.record FROM unrouted u JOIN body b ON b.message = u.message
         WHERE u.message > ?1 ORDER BY u.message LIMIT ?2",
    )?;
    let rows = statement.query_map(params![after.0, limit], |row| {
        let record: Vec<u8> = row.get(1)?;
        Ok(UnroutedMessage { row: MessageRow(row.get(0)?), record: record.into() })
    })?;
    rows.collect()
}

pub(super) fn outbox(
    connection: &mut Connection,
    after: u64,
    limit: u32,
) -> rusqlite::Result<Vec<OutboxEntry>> {
    let mut statement = connection.prepare_cached(
        "SELECT sequence, record FROM outbox WHERE sequence > ?1 ORDER BY sequence LIMIT ?2",
    )?;
    let rows = statement.query_map(params![after.cast_signed(), limit], |row| {
        let record: Vec<u8> = row.get(1)?;
        let sequence = row.get::<_, i64>(0)?.unsigned_abs();
        Ok(OutboxEntry { sequence, record: record.into(), of: Part::Whole })
    })?;
    rows.collect()
}

/// The last message admitted from `partition`, as it was then.
pub(super) fn last_admitted(
    connection: &mut Connection,
    partition: &Partition,
) -> rusqlite::Result<Option<LastAdmitted>> {
    connection
        .prepare_cached(
            "SELECT last_offset, last_message_id, last_sha256 FROM partition
             WHERE channel = ?1 AND number = ?2 AND last_offset IS NOT NULL",
        )?
        .query_row(params![partition.channel.as_str(), partition.number], |row| {
            Ok(LastAdmitted {
                offset: row.get::<_, i64>(0)?.unsigned_abs(),
                message_id: MessageId(Uuid::from_bytes(row.get(1)?)),
                sha256: Sha256(row.get(2)?),
            })
        })
        .optional()
}

pub(super) fn next_offset(
    connection: &mut Connection,
    partition: &Partition,
) -> rusqlite::Result<Option<u64>> {
    connection
        .prepare_cached("SELECT next FROM partition WHERE channel = ?1 AND number = ?2")?
        .query_row(params![partition.channel.as_str(), partition.number], |row| row.get(0))
        .optional()
        .map(|next: Option<i64>| next.map(i64::unsigned_abs))
}
