//! Records what is told, whatever comes first and however often.

use messaging::Command;
use rusqlite::{Connection, Transaction, params};

use crate::register::{
    BulkItem,
    told::{Answered, BulkTold, ItemTold, Told},
};

/// All of `told` or nothing.
pub(super) fn record(connection: &mut Connection, told: &[Told]) -> rusqlite::Result<()> {
    let sql = connection.transaction()?;
    for told in told {
        match told {
            Told::Issued(command) => issued(&sql, command)?,
            Told::Answered(told) => answered(&sql, told)?,
            Told::Bulk(told) => bulk(&sql, told)?,
            Told::Item(told) => item(&sql, told)?,
        }
    }
    sql.commit()
}

/// The answer may have come before.
fn issued(sql: &Transaction<'_>, command: &Command) -> rusqlite::Result<()> {
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

/// Of two answers the one that says it was done counts: only the owner can have done it.
fn answered(sql: &Transaction<'_>, told: &Answered) -> rusqlite::Result<()> {
    let Answered { command, endpoint, answer } = told;
    sql.prepare_cached(
        "INSERT INTO command (id, endpoint, answered_at, is_accepted, code, cause)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (id) DO UPDATE
         SET answered_at = ?3, is_accepted = ?4, code = ?5, cause = ?6
         WHERE answered_at IS NULL OR is_accepted < ?4",
    )?
    .execute(params![
        command.0.as_bytes(),
        endpoint.as_str(),
        answer.at.0,
        answer.is_accepted,
        answer.code,
        answer.cause,
    ])
    .map(drop)
}

/// What is over is not under way again.
fn bulk(sql: &Transaction<'_>, told: &BulkTold) -> rusqlite::Result<()> {
    let BulkTold { command, total, state, at } = told;
    sql.prepare_cached(
        "INSERT INTO bulk (command, total, state, at) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT DO UPDATE SET state = ?3, at = ?4
         WHERE ?3 = 'done' OR ?3 = 'stopped' AND state = 'running'",
    )?
    .execute(params![command.0.as_bytes(), total, state.name(), at.0])
    .map(drop)
}

/// What was only ordered gives way to what became of it.
fn item(sql: &Transaction<'_>, told: &ItemTold) -> rusqlite::Result<()> {
    let ItemTold { command, item: BulkItem { item, message_id, result, code, at } } = told;
    sql.prepare_cached(
        "INSERT INTO bulk_item (command, item, message_id, result, code, at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO UPDATE
         SET result = ?4, code = ?5, at = ?6 WHERE result = 'ordered'",
    )?
    .execute(params![command.0.as_bytes(), item, message_id.as_bytes(), result.name(), code, at.0])
    .map(drop)
}
