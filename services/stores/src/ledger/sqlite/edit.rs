//! Documents that go instead of those that came.

use std::collections::HashMap;

use bytes::Bytes;
use messaging::CommandId;
use rusqlite::{Connection, OptionalExtension as _, Transaction as Sql, params};
use uuid::Uuid;

use super::{
    edits::{EditOf, EditRow, KeptEdit},
    types::{EndpointRow, MessageRow},
};

/// Behind the settlements, which say that each delivery is at the version it was decided about.
pub(super) fn keep(sql: &Sql<'_>, edits: &[EditRow]) -> rusqlite::Result<()> {
    for edit in edits {
        sql.prepare_cached("UPDATE delivery SET generation = ?2 WHERE id = ?1")?
            .execute(params![edit.delivery.0, edit.generation])?;
        sql.prepare_cached(
            "INSERT INTO edit (endpoint, message, generation, command, record)
             VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![
            edit.endpoint.0,
            edit.message.0,
            edit.generation,
            edit.command.0.as_bytes(),
            edit.record.as_ref(),
        ])?;
    }
    Ok(())
}

pub(super) fn newest(
    connection: &mut Connection,
    of: &[EditOf],
) -> rusqlite::Result<HashMap<EditOf, KeptEdit>> {
    let mut statement = connection.prepare_cached(
        "SELECT command, record FROM edit
         WHERE message = ?1 AND endpoint = ?2 AND generation <= ?3
         ORDER BY generation DESC LIMIT 1",
    )?;
    let mut found = HashMap::new();
    for of in of {
        let edit =
            statement.query_row(params![of.message.0, of.endpoint.0, of.generation], |row| {
                let command = CommandId(Uuid::from_bytes(row.get(0)?));
                let record: Vec<u8> = row.get(1)?;
                Ok(KeptEdit { command, record: Bytes::from(record) })
            });
        if let Some(edit) = edit.optional()? {
            found.insert(*of, edit);
        }
    }
    Ok(found)
}

/// The highest generation of a message there, whatever became of that delivery.
pub(super) fn generation_last(
    connection: &mut Connection,
    endpoint: EndpointRow,
    message: MessageRow,
) -> rusqlite::Result<u32> {
    connection
        .prepare_cached(
            "SELECT coalesce(max(generation), 0) FROM delivery INDEXED BY delivery_by_message
             WHERE message = ?1 AND endpoint = ?2",
        )?
        .query_row(params![message.0, endpoint.0], |row| row.get(0))
}

/// They go with the record of their message; gives their bytes.
pub(super) fn forget(sql: &Sql<'_>, message: i64) -> rusqlite::Result<i64> {
    let mut statement =
        sql.prepare_cached("DELETE FROM edit WHERE message = ?1 RETURNING length(record)")?;
    let bytes = statement.query_map([message], |row| row.get::<_, i64>(0))?;
    bytes.sum()
}
