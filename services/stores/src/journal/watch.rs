//! Steps of a watch: what happened after a cursor, each with how things stood right after it.

use messaging::{DeliveryState, Timestamp};
use rusqlite::{Connection, Row, params};

use super::{
    keys::reasons_of_column,
    read,
    rows::{Application, Delivery, Entry, Step},
    state::{self, CONFLICT},
};

/// Sequence numbers looked at in one go.
pub(super) const WINDOW: i64 = 1_000;

pub(super) const ENTRY: &str = "id, at, kind, endpoint, code, cause, place, receipt, reasons,
    reply_kind, ledger, epoch, number, version, state, attempts, next_at, application";

/// What happened to a sender's messages after `after`, and how far that looked.
pub(super) fn steps(
    connection: &mut Connection,
    sender: &str,
    after: i64,
) -> rusqlite::Result<(Vec<Step>, i64)> {
    let transaction = connection.transaction()?;
    let end = read::progress(&transaction)?.sequence.min(after.saturating_add(WINDOW));
    let mut entries: Vec<(Entry, Application)> = Vec::new();
    for application in read::of_sender(&transaction, sender, (after + 1, end))? {
        entries.extend(read::accepted(&application).map(|entry| (entry, application)));
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
    entries.sort_by_key(|(entry, _)| entry.sequence);
    let mut steps = Vec::with_capacity(entries.len());
    for (entry, application) in entries {
        let sequence = entry.sequence;
        steps.push(step(&transaction, application, Some(entry), sequence)?);
    }
    Ok((steps, end))
}

/// How the message stood after `sequence`.
pub(super) fn step(
    connection: &Connection,
    application: Application,
    entry: Option<Entry>,
    sequence: i64,
) -> rusqlite::Result<Step> {
    let mut deliveries: Vec<Delivery> = Vec::new();
    let (mut verdict, mut reply_kind) = (None, None);
    let mut has_head = application.is_fresh;
    // A copy with other bytes is what it is from its first moment on.
    if application.state == CONFLICT {
        verdict = Some(CONFLICT);
    }
    for past in read::timeline(connection, &application, sequence, u32::MAX)? {
        match past.kind.as_str() {
            "accepted" => has_head = true,
            "unrouted" if verdict != Some(CONFLICT) => verdict = Some(state::UNROUTED),
            "refused" => verdict = verdict.or(Some(state::REFUSED)),
            _ => {}
        }
        if matches!(past.reply_kind.as_deref(), Some("question" | "decision")) {
            reply_kind = past.reply_kind;
        }
        if let Some(delivery) = past.delivery {
            state::merge(&mut deliveries, delivery);
        }
    }
    let state = state::state(&deliveries, verdict, has_head).to_owned();
    let application = Application { state, has_head, ..application };
    Ok(Step { sequence, application, entry, deliveries, reply_kind })
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
