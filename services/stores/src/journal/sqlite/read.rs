//! What is asked of the journal, as plain functions over a connection.

use std::collections::BTreeMap;

use messaging::{ChannelName, DeliveryState, Partition, ProcedureName, Timestamp};
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use uuid::Uuid;

use super::{
    TIMELINE_MAX,
    keys::{of_uuid, reasons_of_column, segment},
    report,
    rows::{
        Application, Delivery, EndpointOverview, Entry, Overview, Progress, ReplyBody, ReplyInfo,
        Whole,
    },
};

const APPLICATION: &str = "id, message_id, has_head, state, is_test, case_id, sender, own_id,
    case_reference, authority, standard, version, message_type, sha256, received_at, trace, is_fresh";

const REPLY: &str = "reply.id, reply.fingerprint, application.message_id, reply.endpoint,
    reply.kind, reply.media_type, reply.size, reply.at, reading.standard, reading.version,
    reading.message_type";

/// Where it is selected from.
const REPLY_FROM: &str = "reply JOIN application ON application.id = reply.application
    LEFT JOIN reading ON reading.reply = reply.id";

/// All segments from the newest, each asked in the index that begins with it.
const SEGMENTS: &str = "WITH RECURSIVE part (n) AS
    (SELECT ?1 UNION ALL SELECT n - 1 FROM part WHERE n > 0)";

type Rows<T> = rusqlite::Result<Vec<T>>;

pub(super) fn epoch(connection: &Connection) -> rusqlite::Result<Uuid> {
    let bytes: [u8; 16] = connection.query_row("SELECT epoch FROM meta", [], |row| row.get(0))?;
    Ok(Uuid::from_bytes(bytes))
}

pub(super) fn progress(connection: &Connection) -> rusqlite::Result<Progress> {
    let sql = "SELECT sequence, projected_at FROM meta";
    let (sequence, at): (i64, Option<i64>) =
        connection.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let mut statement = connection.prepare("SELECT channel, number, next FROM position")?;
    let rows = statement.query_map([], |row| {
        let (channel, number, next): (String, u32, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        Ok((channel, number, next.cast_unsigned()))
    })?;
    let mut positions = BTreeMap::new();
    for row in rows {
        let (channel, number, next) = row?;
        if let Ok(channel) = ChannelName::new(&channel) {
            positions.insert(Partition { channel, number }, next);
        }
    }
    Ok(Progress { sequence, positions: positions.into(), projected_at: at.map(Timestamp) })
}

/// The rows of a message id: at most one, and copies with other bytes.
pub(super) fn by_message(connection: &Connection, id: Uuid) -> Rows<Application> {
    let sql = format!(
        "SELECT {APPLICATION} FROM application WHERE message_key = ?1 AND message_id = ?2 ORDER BY id"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    statement.query_map(params![of_uuid(id), id.as_bytes()], application)?.collect()
}

/// The messages of a case in order; at most `rows_max`.
pub(super) fn by_case(connection: &Connection, case: Uuid, rows_max: u32) -> Rows<Application> {
    let sql = format!(
        "{SEGMENTS} SELECT {APPLICATION} FROM part CROSS JOIN application
         ON segment = n AND case_key = ?2 WHERE case_id = ?3 LIMIT ?4"
    );
    let values = params![last_segment(connection)?, of_uuid(case), case.as_bytes(), rows_max];
    let mut statement = connection.prepare_cached(&sql)?;
    let mut found: Vec<_> = statement.query_map(values, application)?.collect::<Rows<_>>()?;
    found.sort_by_key(|application| application.id);
    Ok(found)
}

/// The messages whose own id begins with `prefix`; at most `rows_max`.
pub(super) fn by_own_id(connection: &Connection, prefix: &str, rows_max: u32) -> Rows<Application> {
    let sql = format!(
        "{SEGMENTS} SELECT {APPLICATION} FROM part CROSS JOIN application
         ON segment = n AND own_id >= ?2 AND own_id < ?3 LIMIT ?4"
    );
    let end = format!("{prefix}{}", char::MAX);
    let values = params![last_segment(connection)?, prefix, end, rows_max];
    connection.prepare_cached(&sql)?.query_map(values, application)?.collect()
}

/// The messages whose id lies between two; at most `rows_max`.
pub(super) fn by_message_range(
    connection: &Connection,
    (low, high): (Uuid, Uuid),
    rows_max: u32,
) -> Rows<Application> {
    let sql = format!(
        "SELECT {APPLICATION} FROM application WHERE message_key BETWEEN ?1 AND ?2
         AND message_id BETWEEN ?3 AND ?4 ORDER BY message_key LIMIT ?5"
    );
    let (low_key, high_key) = (of_uuid(low), of_uuid(high));
    let values = params![low_key, high_key, low.as_bytes(), high.as_bytes(), rows_max];
    connection.prepare_cached(&sql)?.query_map(values, application)?.collect()
}

/// Newest first, below `before`.
pub(super) fn list(
    connection: &Connection,
    before: i64,
    state: Option<&str>,
    endpoint: Option<&str>,
    rows_max: u32,
) -> Rows<Application> {
    let by_state = match state {
        Some("delivered") => "AND state = ?2",
        // Said twice, so that the index without delivered ones is used.
        Some(_) => "AND state = ?2 AND state <> 'delivered'",
        None => "AND ?2 IS NULL",
    };
    let by_endpoint = match endpoint {
        Some(_) => "AND EXISTS (SELECT 1 FROM delivery WHERE endpoint = ?3 AND application = id)",
        None => "AND ?3 IS NULL",
    };
    let sql = format!(
        "SELECT {APPLICATION} FROM application WHERE id < ?1 {by_state} {by_endpoint}
         ORDER BY id DESC LIMIT ?4"
    );
    let values = params![before, state, endpoint, rows_max];
    connection.prepare_cached(&sql)?.query_map(values, application)?.collect()
}

pub(super) fn deliveries(connection: &Connection, application: i64) -> Rows<Delivery> {
    let sql = "SELECT endpoint, ledger, number, epoch, version, state, attempts, next_at, receipt,
               code, reasons FROM delivery WHERE application = ?1";
    connection.prepare_cached(sql)?.query_map([application], |row| delivery(row, 0))?.collect()
}

/// The newest entries of an application up to `last`, oldest first.
pub(super) fn timeline(
    connection: &Connection,
    of: &Application,
    last: i64,
    rows_max: u32,
) -> Rows<Entry> {
    let sql = format!(
        "SELECT {} FROM event WHERE application = ?1 AND id <= ?2 ORDER BY id DESC LIMIT ?3",
        super::watch::ENTRY
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let rows = statement.query_map(params![of.id, last, rows_max], super::watch::entry)?;
    let mut timeline: Vec<_> = rows.collect::<Rows<_>>()?;
    timeline.extend(super::stand::accepted(of));
    timeline.sort_by_key(|entry| entry.sequence);
    Ok(timeline)
}

pub(super) fn whole(connection: &Connection, of: Application) -> rusqlite::Result<Whole> {
    let deliveries = deliveries(connection, of.id)?;
    let mut timeline = timeline(connection, &of, i64::MAX, TIMELINE_MAX)?;
    // Arrival says little to a reader; what happened first stands first.
    timeline.sort_by_key(|entry| (entry.at, entry.sequence));
    let replies = replies(connection, of.id, 0, TIMELINE_MAX)?;
    Ok(Whole { application: of, deliveries, timeline, replies })
}

/// Replies to one application after `after`, oldest first.
pub(super) fn replies(
    connection: &Connection,
    of: i64,
    after: i64,
    rows_max: u32,
) -> Rows<ReplyInfo> {
    let sql = format!(
        "SELECT {REPLY} FROM {REPLY_FROM}
         WHERE reply.application = ?1 AND reply.id > ?2 ORDER BY reply.id LIMIT ?3"
    );
    connection.prepare_cached(&sql)?.query_map(params![of, after, rows_max], reply)?.collect()
}

/// Of the last reply that decides what a citizen is shown.
pub(super) fn reply_kind(connection: &Connection, of: i64) -> rusqlite::Result<Option<String>> {
    let sql = "SELECT kind FROM reply WHERE application = ?1 AND kind IN ('question', 'decision')
               ORDER BY id DESC LIMIT 1";
    connection.prepare_cached(sql)?.query_row([of], |row| row.get(0)).optional()
}

pub(super) fn reply_body(
    connection: &Connection,
    of: i64,
    fingerprint: i64,
) -> rusqlite::Result<Option<ReplyBody>> {
    let sql = format!(
        "SELECT {REPLY}, reply.body, reading.canonical FROM {REPLY_FROM}
         WHERE reply.application = ?1 AND reply.fingerprint = ?2"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let found = statement.query_row(params![of, fingerprint], |row| {
        let canonical =
            row.get::<_, Option<Vec<u8>>>(12)?.filter(|canonical| !canonical.is_empty());
        let body = row.get::<_, Vec<u8>>(11)?.into();
        Ok(ReplyBody { info: reply(row)?, body, canonical: canonical.map(Into::into) })
    });
    found.optional()
}

pub(super) fn overview(connection: &Connection) -> rusqlite::Result<Overview> {
    let mut overview = Overview::default();
    let mut statement = connection.prepare_cached("SELECT endpoint, state, total FROM tally")?;
    let rows = statement.query_map([], |row| {
        Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?, row.get::<_, i64>(2)?))
    })?;
    for row in rows {
        let (endpoint, state, total) = row?;
        let total = u64::try_from(total).unwrap_or(0);
        match (endpoint.as_str(), state.as_str()) {
            ("", "applications") => overview.applications = total,
            ("", _) => overview.refused = total,
            _ => {
                overview.endpoints.entry(endpoint).or_default().deliveries.insert(state, total);
            }
        }
    }
    let sql = "SELECT endpoint, at, code, is_closed FROM gate";
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement.query_map([], |row| {
        let gate = (Timestamp(row.get(1)?), row.get(2)?);
        Ok((row.get::<_, String>(0)?, gate, row.get::<_, bool>(3)?))
    })?;
    for row in rows {
        let (endpoint, gate, is_closed) = row?;
        // Also one that was never sent anything: every start tells of its gate.
        let of: &mut EndpointOverview = overview.endpoints.entry(endpoint).or_default();
        of.gate_closed = is_closed.then_some(gate);
    }
    let sql = "SELECT endpoint, at, told FROM report";
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement.query_map([], |row| {
        let at = Timestamp(row.get(1)?);
        Ok((row.get::<_, String>(0)?, at, row.get::<_, String>(2)?))
    })?;
    for row in rows {
        let (endpoint, at, told) = row?;
        let told = report::from_text(&endpoint, &told);
        overview.endpoints.entry(endpoint).or_default().report = told.map(|told| (at, told));
    }
    let sql = "SELECT count(*) FROM application WHERE state = 'unrouted' AND state <> 'delivered'";
    let unrouted: i64 = connection.prepare_cached(sql)?.query_row([], |row| row.get(0))?;
    overview.unrouted = u64::try_from(unrouted).unwrap_or(0);
    Ok(overview)
}

fn last_segment(connection: &Connection) -> rusqlite::Result<i64> {
    let sql = "SELECT sequence FROM meta";
    let sequence = connection.prepare_cached(sql)?.query_row([], |row| row.get(0))?;
    Ok(segment(sequence))
}

/// Columns as [`APPLICATION`] lists them.
pub(super) fn application(row: &Row<'_>) -> rusqlite::Result<Application> {
    let sha256: Option<[u8; 32]> = row.get(13)?;
    Ok(Application {
        id: row.get(0)?,
        message_id: Uuid::from_bytes(row.get(1)?),
        has_head: row.get(2)?,
        state: row.get(3)?,
        is_test: row.get(4)?,
        case_id: row.get::<_, Option<[u8; 16]>>(5)?.map(Uuid::from_bytes),
        sender: row.get(6)?,
        own_id: row.get(7)?,
        case_reference: row.get(8)?,
        authority: row.get(9)?,
        standard: row.get(10)?,
        version: row.get(11)?,
        message_type: row.get(12)?,
        sha256: sha256.map(|hash| messaging::Sha256(hash).to_string()),
        received_at: row.get::<_, Option<i64>>(14)?.map(Timestamp),
        trace: row.get(15)?,
        is_fresh: row.get(16)?,
    })
}

/// The application with this number.
pub(super) fn by_number(connection: &Connection, id: i64) -> rusqlite::Result<Option<Application>> {
    let sql = format!("SELECT {APPLICATION} FROM application WHERE id = ?1");
    connection.prepare_cached(&sql)?.query_row([id], application).optional()
}

/// Applications of a sender numbered `from..=to`.
pub(super) fn of_sender(
    connection: &Connection,
    sender: &str,
    (from, to): (i64, i64),
) -> Rows<Application> {
    let sql = format!(
        "SELECT {APPLICATION} FROM application WHERE id BETWEEN ?1 AND ?2 AND sender = ?3 ORDER BY id"
    );
    connection.prepare_cached(&sql)?.query_map(params![from, to, sender], application)?.collect()
}

/// Eleven columns from `first` on.
pub(super) fn delivery(row: &Row<'_>, first: usize) -> rusqlite::Result<Delivery> {
    let state: String = row.get(first + 5)?;
    let reasons: Option<String> = row.get(first + 10)?;
    Ok(Delivery {
        endpoint: row.get(first)?,
        ledger: row.get(first + 1)?,
        number: row.get(first + 2)?,
        epoch: row.get(first + 3)?,
        version: row.get(first + 4)?,
        // Written from the same list.
        state: DeliveryState::named(&state).unwrap_or(DeliveryState::Pending),
        attempts: row.get(first + 6)?,
        next_at: row.get::<_, Option<i64>>(first + 7)?.map(Timestamp),
        receipt: row.get(first + 8)?,
        code: row.get(first + 9)?,
        reasons: reasons_of_column(reasons.as_deref()),
    })
}

fn reply(row: &Row<'_>) -> rusqlite::Result<ReplyInfo> {
    let message_id = Uuid::from_bytes(row.get(2)?);
    let fingerprint: i64 = row.get(1)?;
    Ok(ReplyInfo {
        id: row.get(0)?,
        reply_id: format!("{message_id}.{:016x}", fingerprint.cast_unsigned()),
        message_id,
        endpoint: row.get(3)?,
        kind: row.get(4)?,
        media_type: row.get(5)?,
        size: u64::try_from(row.get::<_, i64>(6)?).unwrap_or(0),
        at: Timestamp(row.get(7)?),
        procedure: match row.get::<_, Option<String>>(8)? {
            Some(standard) => {
                Some(ProcedureName { standard, version: row.get(9)?, message_type: row.get(10)? })
            }
            None => None,
        },
    })
}
