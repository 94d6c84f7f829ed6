//! What waits for an operator.

use messaging::EndpointName;
use rusqlite::{Connection, params};

use super::{Undecided, UndecidedCursor, UndecidedOf, keys::of_uuid, read, rows::Delivery};

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
