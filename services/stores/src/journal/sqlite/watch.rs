//! Steps of a watch: what happened after a cursor, each with how things stood right after it.

use std::collections::BTreeMap;

use messaging::{DeliveryState, Timestamp};
use rusqlite::{Connection, Row, params};

use super::{
    keys::reasons_of_column,
    read,
    rows::{Application, Delivery, Entry, Step},
    stand::{Stand, WINDOW, accepted},
};

pub(super) const ENTRY: &str = "id, at, kind, endpoint, code, cause, place, receipt, reasons,
    reply_kind, ledger, epoch, number, version, state, attempts, next_at, application";

/// What happened to a sender's messages after `after`, and how far that looked.
pub(super) fn steps(
    connection: &mut Connection,
    sender: &str,
    after: i64,
) -> rusqlite::Result<(Vec<Step>, i64)> {
    let transaction = connection.transaction()?;
    let last = read::progress(&transaction)?.sequence;
    let end = last.min(after.saturating_add(WINDOW));
    let mut entries: Vec<(Entry, Application)> = Vec::new();
    for application in read::of_sender(&transaction, sender, (after + 1, end))? {
        entries.extend(accepted(&application).map(|entry| (entry, application)));
    }
    let sql = format!("SELECT {ENTRY} FROM event WHERE id BETWEEN ?1 AND ?2 AND application <> 0");
    let mut statement = transaction.prepare_cached(&sql)?;
    let rows = statement
        .query_map(params![after + 1, end], |row| Ok((entry(row)?, row.get::<_, i64>(17)?)))?;
    for row in rows {
        let (entry, of) = row?;
        let application = read::by_number(&transaction, of)?;
        let mine = application.filter(|it| it.sender.as_deref() == Some(sender));
        entries.extend(mine.map(|application| (entry, application)));
    }
    let mut of_each: BTreeMap<i64, (Application, Vec<Entry>)> = BTreeMap::new();
    for (entry, application) in entries {
        of_each.entry(application.id).or_insert((application, Vec::new())).1.push(entry);
    }
    let mut steps = Vec::new();
    for (application, entries) in of_each.into_values() {
        match <[Entry; 1]>::try_from(entries) {
            // As the tables are is as it was right after the one entry that came last.
            Ok([entry]) if end == last => steps.push(newest(&transaction, application, entry)?),
            _ => steps.extend(past(&transaction, &application, (after, end))?),
        }
    }
    steps.sort_by_key(|step| step.sequence);
    Ok((steps, end))
}

/// The step to how the message stands now. What happened before is not read again: a watch that
/// follows must not cost the more the longer a message has been under way.
fn newest(
    connection: &Connection,
    application: Application,
    entry: Entry,
) -> rusqlite::Result<Step> {
    let deliveries = read::deliveries(connection, application.id)?;
    let reply_kind = read::reply_kind(connection, application.id)?;
    Ok(Step { sequence: entry.sequence, application, entry: Some(entry), deliveries, reply_kind })
}

/// Every step of the message in a window, from one reading of what happened until its end.
fn past(
    connection: &Connection,
    application: &Application,
    (after, end): (i64, i64),
) -> rusqlite::Result<Vec<Step>> {
    let (mut stand, mut steps) = (Stand::of(application), Vec::new());
    for entry in read::timeline(connection, application, end, u32::MAX)? {
        stand.go_on(&entry);
        if after < entry.sequence {
            let sequence = entry.sequence;
            steps.push(stand.clone().step(application.clone(), Some(entry), sequence));
        }
    }
    Ok(steps)
}

/// How the message stood after `sequence`.
pub(super) fn as_of(
    connection: &Connection,
    application: Application,
    sequence: i64,
) -> rusqlite::Result<Step> {
    let mut stand = Stand::of(&application);
    for entry in read::timeline(connection, &application, sequence, u32::MAX)? {
        stand.go_on(&entry);
    }
    Ok(stand.step(application, None, sequence))
}

/// Columns as [`ENTRY`] lists them.
pub(super) fn entry(row: &Row<'_>) -> rusqlite::Result<Entry> {
    let reasons: Option<String> = row.get(8)?;
    let (kind, endpoint): (String, Option<String>) = (row.get(2)?, row.get(3)?);
    let (code, receipt): (Option<String>, Option<String>) = (row.get(4)?, row.get(7)?);
    let state: Option<String> = row.get(14)?;
    let reasons = reasons_of_column(reasons.as_deref());
    let delivery = match state.as_deref().and_then(DeliveryState::named) {
        Some(state) => Some(Delivery {
            endpoint: endpoint.clone().unwrap_or_default(),
            ledger: row.get(10)?,
            epoch: row.get(11)?,
            number: row.get(12)?,
            version: row.get(13)?,
            state,
            attempts: row.get(15)?,
            next_at: row.get::<_, Option<i64>>(16)?.map(Timestamp),
            receipt: receipt.clone(),
            code: code.clone().filter(|_| state != DeliveryState::Delivered),
            reasons: if kind == "rejected" { reasons.clone() } else { Vec::new() },
        }),
        None => None,
    };
    Ok(Entry {
        sequence: row.get(0)?,
        at: Timestamp(row.get(1)?),
        kind,
        endpoint,
        code,
        cause: row.get(5)?,
        place: row.get(6)?,
        receipt,
        reasons,
        reply_kind: row.get(9)?,
        delivery,
    })
}
