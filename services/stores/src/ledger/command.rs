//! What operators ordered: commands as rows, endpoints that are paused, and the floor below which
//! nothing is executed.

use std::collections::HashMap;

use bytes::Bytes;
use messaging::{CommandId, EndpointName, Position, Result, Sha256, Timestamp};
use rusqlite::{Connection, OptionalExtension as _, Transaction as Sql, params};
use uuid::Uuid;

use super::{
    Ledger,
    types::{DeliveryId, EndpointRow, MessageRow, OpenDelivery},
};

/// A command and what was made of it; becomes true together with its effect.
#[derive(Clone, Debug)]
pub struct CommandRow {
    /// Which; admitted once.
    pub id: CommandId,
    /// Where it lay on `control`.
    pub offset: u64,
    /// Of the record's value, to recognise it there again.
    pub sha256: Sha256,
    /// About which endpoint.
    pub endpoint: EndpointName,
    /// The word of what was ordered.
    pub name: String,
    /// When it was issued.
    pub issued_at: Timestamp,
    /// What was made of it.
    pub state: CommandState,
    /// Why it was refused.
    pub code: Option<&'static str>,
    /// The record as one opaque blob; who ordered it and why are nowhere else.
    pub record: Bytes,
}

/// What was made of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommandState {
    /// Done.
    Accepted,
    /// Not done, for good.
    Refused,
}

impl CommandState {
    fn name(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Refused => "refused",
        }
    }
}

/// Since when an endpoint is paused, and by which command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PauseRow {
    /// Since when.
    pub at: Timestamp,
    /// By which command.
    pub command: CommandId,
}

impl Ledger {
    /// Which of `commands` were admitted already, and their records.
    ///
    /// # Errors
    /// As [`Ledger::load`].
    pub async fn commands_known(
        &self,
        commands: Vec<CommandId>,
    ) -> Result<HashMap<CommandId, Bytes>> {
        self.database.call(move |connection| known(connection, &commands)).await
    }

    /// Per partition of `control`, below which offset commands are recorded and not executed: they
    /// were issued before this ledger, or this epoch of it, began. `None` until
    /// [`Ledger::set_control_floors`] has said so for this epoch.
    ///
    /// # Errors
    /// As [`Ledger::load`].
    pub async fn control_floors(&self) -> Result<Option<HashMap<u32, u64>>> {
        let epoch = self.identity.epoch;
        self.database.call(move |connection| floors(connection, epoch)).await
    }

    /// Remembers that `control` ended at `ends` when this epoch began. Durable on return.
    ///
    /// Cancel safe: until it is done, it is asked for again.
    ///
    /// # Errors
    /// As [`Ledger::load`].
    pub async fn set_control_floors(&self, ends: Vec<Position>) -> Result<()> {
        let epoch = self.identity.epoch;
        self.database.call(move |connection| set_floors(connection, epoch, &ends)).await
    }

    /// The delivery of `message` to `endpoint` that is not final, whether it holds its case or not.
    /// If it is said which it must be, only that one is looked at; else all open deliveries are
    /// looked through: only for what an operator asks.
    ///
    /// # Errors
    /// As [`Ledger::load`].
    pub async fn open_delivery(
        &self,
        endpoint: EndpointRow,
        message: MessageRow,
        named: Option<DeliveryId>,
    ) -> Result<Option<OpenDelivery>> {
        let find =
            move |connection: &mut Connection| open_delivery(connection, endpoint, message, named);
        self.database.call(find).await
    }
}

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

fn known(
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

fn floors(connection: &mut Connection, epoch: u32) -> rusqlite::Result<Option<HashMap<u32, u64>>> {
    let of: u32 = connection.query_row("SELECT control_epoch FROM meta", [], |row| row.get(0))?;
    if of != epoch {
        return Ok(None);
    }
    let mut statement = connection.prepare("SELECT number, floor FROM control_floor")?;
    let rows =
        statement.query_map([], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?.unsigned_abs())))?;
    rows.collect::<rusqlite::Result<_>>().map(Some)
}

fn set_floors(connection: &mut Connection, epoch: u32, ends: &[Position]) -> rusqlite::Result<()> {
    let sql = connection.transaction()?;
    for end in ends {
        sql.execute(
            "INSERT OR REPLACE INTO control_floor VALUES (?1, ?2)",
            params![end.partition.number, end.offset.cast_signed()],
        )?;
    }
    sql.execute("UPDATE meta SET control_epoch = ?1", [epoch])?;
    sql.commit()
}

fn open_delivery(
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
