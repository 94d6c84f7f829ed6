//! What operators ordered: commands as rows, endpoints that are paused, and where channels ended when
//! the epoch began.

use std::collections::HashMap;

use bytes::Bytes;
use messaging::{ChannelName, CommandId, DeliveryState, Position, Timestamp};
use rusqlite::{Connection, OptionalExtension as _, Row, Transaction as Sql, params};
use uuid::Uuid;

use super::{
    load::damaged,
    orders::{self, CommandRow, PauseRow},
    types::{DeliveryId, EndpointRow, FinalDelivery, MessageRow, OpenDelivery},
};

pub(super) fn insert(
    sql: &Sql<'_>,
    partition: i64,
    row: &CommandRow,
    (at, stamp): (Timestamp, Timestamp),
) -> rusqlite::Result<()> {
    sql.prepare_cached(
        "INSERT INTO command (id, partition, offset, endpoint, name, issued_at, admitted_at, state,
                              code, record, kept_from)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
    )?
    .execute(params![
        row.id.0.as_bytes(),
        partition,
        row.offset.cast_signed(),
        row.endpoint.as_str(),
        row.name,
        row.issued_at.0,
        at.0,
        row.state.name(),
        row.code,
        row.record.as_ref(),
        stamp.0,
    ])?;
    Ok(())
}

pub(super) fn pause(
    sql: &Sql<'_>,
    pauses: &[(EndpointRow, Option<PauseRow>)],
) -> rusqlite::Result<()> {
    for (endpoint, pause) in pauses {
        match pause {
            Some(pause) => sql
                .prepare_cached("INSERT OR REPLACE INTO endpoint_state VALUES (?1, ?2, ?3)")?
                .execute(params![endpoint.0, pause.at.0, pause.command.0.as_bytes()])?,
            None => sql
                .prepare_cached("DELETE FROM endpoint_state WHERE endpoint = ?1")?
                .execute([endpoint.0])?,
        };
    }
    Ok(())
}

pub(super) fn paused(sql: &Sql<'_>) -> rusqlite::Result<HashMap<EndpointRow, PauseRow>> {
    let mut statement = sql.prepare("SELECT endpoint, paused_at, command FROM endpoint_state")?;
    let rows = statement.query_map([], |row| {
        let (at, command) = (Timestamp(row.get(1)?), CommandId(Uuid::from_bytes(row.get(2)?)));
        Ok((EndpointRow(row.get(0)?), PauseRow { at, command }))
    })?;
    rows.collect()
}

pub(super) fn known(
    connection: &mut Connection,
    commands: &[CommandId],
) -> rusqlite::Result<HashMap<CommandId, Bytes>> {
    let mut statement = connection.prepare_cached("SELECT record FROM command WHERE id = ?1")?;
    let mut found = HashMap::new();
    for command in commands {
        let record = statement.query_row([command.0.as_bytes()], |row| row.get::<_, Vec<u8>>(0));
        if let Some(record) = record.optional()? {
            found.insert(*command, Bytes::from(record));
        }
    }
    Ok(found)
}

pub(super) fn floors(
    connection: &mut Connection,
    channel: &ChannelName,
) -> rusqlite::Result<Option<HashMap<u32, u64>>> {
    let mut statement = connection.prepare("SELECT number, floor FROM floor WHERE channel = ?1")?;
    let floor = |row: &Row<'_>| Ok((row.get(0)?, row.get::<_, i64>(1)?.unsigned_abs()));
    let rows = statement.query_map([channel.as_str()], floor)?;
    let floors = rows.collect::<rusqlite::Result<HashMap<u32, u64>>>()?;
    Ok(Some(floors).filter(|floors| !floors.is_empty()))
}

pub(super) fn set_floors(
    connection: &mut Connection,
    channel: &ChannelName,
    ends: &[Position],
) -> rusqlite::Result<()> {
    let sql = connection.transaction()?;
    let is_known = "SELECT EXISTS (SELECT 1 FROM floor WHERE channel = ?1)";
    if sql.query_row(is_known, [channel.as_str()], |row| row.get::<_, bool>(0))? {
        return Ok(());
    }
    for (number, floor) in orders::floors_of(ends) {
        sql.execute(
            "INSERT INTO floor VALUES (?1, ?2, ?3)",
            params![channel.as_str(), number, floor.cast_signed()],
        )?;
    }
    sql.commit()
}

pub(super) fn open_delivery(
    connection: &mut Connection,
    endpoint: EndpointRow,
    message: MessageRow,
    named: Option<DeliveryId>,
) -> rusqlite::Result<Option<OpenDelivery>> {
    let mut statement = connection.prepare(&finding(named.is_some()))?;
    let read = super::load::open_delivery;
    let found = match named {
        Some(named) => statement.query_row(params![endpoint.0, message.0, named.0], read),
        None => statement.query_row(params![endpoint.0, message.0], read),
    };
    found.optional()
}

/// The delivery called `named`, if it is final and is that.
pub(super) fn over(
    connection: &mut Connection,
    endpoint: EndpointRow,
    message: MessageRow,
    named: DeliveryId,
) -> rusqlite::Result<Option<FinalDelivery>> {
    let mut statement = connection.prepare_cached(
        "SELECT id, state, version, generation FROM delivery INDEXED BY delivery_by_message
         WHERE message = ?1 AND endpoint = ?2",
    )?;
    let rows = statement.query_map(params![message.0, endpoint.0], |row| {
        let state: String = row.get(1)?;
        let state = DeliveryState::named(&state).ok_or_else(|| damaged(1, "unknown state"))?;
        let version = row.get::<_, i64>(2)?.unsigned_abs();
        Ok((DeliveryId(row.get(0)?), state, version, row.get::<_, u32>(3)?))
    })?;
    let rows = rows.collect::<rusqlite::Result<Vec<_>>>()?;
    let generation_last = rows.iter().map(|(.., generation)| *generation).max().unwrap_or(0);
    let has_open = rows.iter().any(|(_, state, ..)| !state.is_final());
    let found = rows.into_iter().find(|(id, state, ..)| *id == named && state.is_final());
    Ok(found.map(|(_, state, version, generation)| FinalDelivery {
        state,
        version,
        generation,
        generation_last,
        has_open,
    }))
}

/// How the open delivery of a message to an endpoint is found.
pub(super) fn finding(is_named: bool) -> String {
    let of_both = "AND d.endpoint = ?1 AND d.message = ?2";
    match is_named {
        true => format!("{} {of_both} AND d.id = ?3", super::load::open("NOT INDEXED")),
        false => {
            let all = super::load::open(super::load::THROUGH_OPEN);
            format!("{all} {of_both} ORDER BY d.id DESC LIMIT 1")
        }
    }
}
