//! What operators ordered and what was answered, as the console shows it.

use messaging::{Command, CommandId, EndpointName, Event, Timestamp};
use rusqlite::{Connection, OptionalExtension as _, Row, Transaction, params};
use uuid::Uuid;

use super::{
    commands::{Answer, CommandRow, Issued, Undecided, UndecidedCursor, UndecidedOf},
    keys::of_uuid,
    project::Answered,
    read,
    rows::Delivery,
};

pub(super) fn undecided(
    connection: &Connection,
    after: Option<UndecidedCursor>,
    of: &UndecidedOf,
    rows_max: u32,
) -> rusqlite::Result<Vec<Undecided>> {
    let endpoint = match of.endpoint {
        Some(_) => "endpoint = ?4",
        None => "?4 IS NULL",
    };
    let (message, index) = match of.message {
        Some(_) => (
            "application IN (SELECT id FROM application WHERE message_key = ?6 AND message_id = ?7)",
            "",
        ),
        None => ("?6 IS NULL AND ?7 IS NULL", "INDEXED BY delivery_undecided"),
    };
    let sql = format!(
        "SELECT application, endpoint, ledger, number, epoch, version, state, attempts, next_at,
                receipt, code, reasons
         FROM delivery {index}
         WHERE state IN ('dead', 'uncertain') AND {endpoint} AND {message} AND application <= ?1
           AND (application < ?1 OR (endpoint, number) > (?2, ?3))
         ORDER BY application DESC, endpoint, number LIMIT ?5"
    );
    let (application, last, number) = after.unwrap_or((i64::MAX, String::new(), 0));
    let endpoint = of.endpoint.as_ref().map(EndpointName::as_str);
    let key = of.message.map(|message| of_uuid(message.0));
    let id = of.message.map(|message| message.0.into_bytes());
    let values = params![application, last, number, endpoint, rows_max, key, id];
    let rows: Vec<(i64, Delivery)> = connection
        .prepare_cached(&sql)?
        .query_map(values, |row| Ok((row.get(0)?, read::delivery(row, 1)?)))?
        .collect::<rusqlite::Result<_>>()?;
    let mut found = Vec::with_capacity(rows.len());
    for (id, delivery) in rows {
        if let Some(application) = read::by_number(connection, id)? {
            found.push(Undecided { application, delivery });
        }
    }
    Ok(found)
}

/// The answer may have come before.
pub(super) fn issued(sql: &Transaction<'_>, command: &Command) -> rusqlite::Result<()> {
    sql.prepare_cached(
        "INSERT INTO command (id, endpoint, issued_at, operator, name, message_id, reason)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (id) DO UPDATE
         SET issued_at = ?3, operator = ?4, name = ?5, message_id = ?6, reason = ?7
         WHERE issued_at IS NULL",
    )?
    .execute(params![
        command.id.0.as_bytes(),
        command.endpoint.as_str(),
        command.at.0,
        command.operator.as_str(),
        command.order.name(),
        command.order.target().map(|target| target.message_id.0.into_bytes()),
        command.reason,
    ])
    .map(drop)
}

/// Of two answers the one that says it was done counts.
pub(super) fn answered(
    sql: &Transaction<'_>,
    answered: &Answered<'_>,
    event: &Event,
) -> rusqlite::Result<()> {
    sql.prepare_cached(
        "INSERT INTO command (id, endpoint, answered_at, is_accepted, code, cause)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (id) DO UPDATE
         SET answered_at = ?3, is_accepted = ?4, code = ?5, cause = ?6
         WHERE answered_at IS NULL OR is_accepted < ?4",
    )?
    .execute(params![
        answered.command.0.as_bytes(),
        answered.endpoint.as_str(),
        event.at.0,
        answered.is_accepted,
        event.code,
        event.cause,
    ])
    .map(drop)
}

const COMMAND: &str = "SELECT number, id, endpoint, issued_at, operator, name, message_id, reason,
    answered_at, is_accepted, code, cause FROM command";

pub(super) fn by_id(
    connection: &Connection,
    id: CommandId,
) -> rusqlite::Result<Option<CommandRow>> {
    let sql = format!("{COMMAND} WHERE id = ?1");
    connection.prepare_cached(&sql)?.query_row([id.0.as_bytes()], row).optional()
}

pub(super) fn list(
    connection: &Connection,
    before: i64,
    endpoint: Option<&EndpointName>,
    rows_max: u32,
) -> rusqlite::Result<Vec<CommandRow>> {
    let of = match endpoint {
        Some(_) => "endpoint = ?2",
        None => "?2 IS NULL",
    };
    let sql = format!("{COMMAND} WHERE number < ?1 AND {of} ORDER BY number DESC LIMIT ?3");
    let values = params![before, endpoint.map(EndpointName::as_str), rows_max];
    connection.prepare_cached(&sql)?.query_map(values, row)?.collect()
}

fn row(row: &Row<'_>) -> rusqlite::Result<CommandRow> {
    let issued = match row.get::<_, Option<i64>>(3)? {
        None => None,
        Some(at) => Some(Issued {
            at: Timestamp(at),
            operator: row.get(4)?,
            name: row.get(5)?,
            message_id: row.get::<_, Option<[u8; 16]>>(6)?.map(Uuid::from_bytes),
            reason: row.get(7)?,
        }),
    };
    let answer = match row.get::<_, Option<i64>>(8)? {
        None => None,
        Some(at) => Some(Answer {
            at: Timestamp(at),
            is_accepted: row.get(9)?,
            code: row.get(10)?,
            cause: row.get(11)?,
        }),
    };
    let id = CommandId(Uuid::from_bytes(row.get(1)?));
    Ok(CommandRow { number: row.get(0)?, id, endpoint: row.get(2)?, issued, answer })
}
