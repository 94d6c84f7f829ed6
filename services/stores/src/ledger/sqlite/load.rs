//! Rebuilding the schedule at a start.

use std::collections::{HashMap, HashSet};

use messaging::{CaseId, DeliveryState, EndpointName, GroupId, fault};
use rusqlite::{Connection, OptionalExtension as _, Row, Transaction as Sql, params};
use uuid::Uuid;

use super::numbering::GENERATION;
use super::types::{
    DeliveryId, EndpointRow, EndpointSpec, IntentRow, LedgerIdentity, Loaded, MessageRow,
    OpenDelivery,
};
use messaging::Timestamp;

/// Names the ledger if it is new, and counts this start.
pub(super) fn begin_start(connection: &mut Connection) -> rusqlite::Result<LedgerIdentity> {
    let transaction = connection.transaction()?;
    transaction.execute(
        "INSERT INTO meta (one, ledger_id, epoch, starts, subscriptions_version)
         VALUES (1, ?1, 1, 0, 0) ON CONFLICT DO NOTHING",
        [format!("ledger-{}", Uuid::new_v4().simple())],
    )?;
    let (id, epoch, start) = transaction.query_row(
        "UPDATE meta SET starts = starts + 1 RETURNING ledger_id, epoch, starts",
        [],
        |row| Ok((row.get::<_, String>(0)?, row.get(1)?, row.get::<_, i64>(2)?)),
    )?;
    transaction.commit()?;
    let id = GroupId::new(id).map_err(|error| damaged(0, error))?;
    Ok(LedgerIdentity { id, epoch, start: start.unsigned_abs() })
}

/// Registers `endpoints` and reads what is open.
pub(super) fn load(
    connection: &mut Connection,
    endpoints: &[EndpointSpec],
) -> rusqlite::Result<Loaded> {
    let transaction = connection.transaction()?;
    let (rows, subscriptions_changed) = register(&transaction, endpoints)?;
    if subscriptions_changed {
        transaction
            .execute("UPDATE meta SET subscriptions_version = subscriptions_version + 1", [])?;
    }
    let version: i64 =
        transaction.query_row("SELECT subscriptions_version FROM meta", [], |row| row.get(0))?;
    let Interrupted { interrupted, intents } = interrupted(&transaction)?;
    let loaded = Loaded {
        endpoints: rows,
        subscriptions_version: version.unsigned_abs(),
        subscriptions_changed,
        fingerprints: fingerprints(&transaction)?,
        open: open_deliveries(&transaction)?,
        doubtful: doubtful(&transaction)?,
        restored: restored(&transaction)?,
        untried: untried(&transaction)?,
        paused: super::command::paused(&transaction)?,
        bulks: super::bulk::open(&transaction)?,
        former: former(&transaction)?,
        interrupted,
        intents,
        delivery_last: DeliveryId(delivery_last(&transaction)?),
        message_last: MessageRow(last(&transaction, "message", "id")?),
        intent_last: IntentRow(last(&transaction, "intent", "id")?),
        outbox_last: last(&transaction, "outbox", "sequence")?.unsigned_abs(),
    };
    transaction.commit()?;
    Ok(loaded)
}

fn register(
    transaction: &Sql<'_>,
    endpoints: &[EndpointSpec],
) -> rusqlite::Result<(Vec<EndpointRow>, bool)> {
    let mut changed = false;
    let mut rows = Vec::with_capacity(endpoints.len());
    for endpoint in endpoints {
        let name = endpoint.name.as_str();
        changed |= 0 < transaction.execute(
            "INSERT INTO endpoint (name, interests, version) VALUES (?1, ?2, 1)
             ON CONFLICT (name) DO UPDATE SET interests = ?2, version = version + 1
             WHERE interests IS NOT ?2",
            params![name, endpoint.interests],
        )?;
        let id = transaction
            .query_row("SELECT id FROM endpoint WHERE name = ?1", [name], |r| r.get(0))?;
        rows.push(EndpointRow(id));
    }
    let known = {
        let mut statement =
            transaction.prepare("SELECT id FROM endpoint WHERE interests IS NOT NULL")?;
        let ids = statement.query_map([], |row| row.get(0).map(EndpointRow))?;
        ids.collect::<rusqlite::Result<Vec<_>>>()?
    };
    for former in known.into_iter().filter(|id| !rows.contains(id)) {
        changed = true;
        transaction.execute(
            "UPDATE endpoint SET interests = NULL, version = version + 1 WHERE id = ?1",
            [former.0],
        )?;
    }
    Ok((rows, changed))
}

fn former(transaction: &Sql<'_>) -> rusqlite::Result<HashMap<EndpointRow, EndpointName>> {
    let mut statement =
        transaction.prepare("SELECT id, name FROM endpoint WHERE interests IS NULL")?;
    let rows = statement.query_map([], |row| {
        let name: String = row.get(1)?;
        let name = EndpointName::new(name).map_err(|error| damaged(1, error))?;
        Ok((EndpointRow(row.get(0)?), name))
    })?;
    rows.collect()
}

fn delivery_last(transaction: &Sql<'_>) -> rusqlite::Result<i64> {
    let before: i64 =
        transaction.query_row("SELECT delivery_last FROM meta", [], |row| row.get(0))?;
    Ok(before.max(last(transaction, "delivery", "id")?))
}

fn last(transaction: &Sql<'_>, table: &str, column: &str) -> rusqlite::Result<i64> {
    let sql = format!("SELECT coalesce(max({column}), 0) FROM {table}");
    transaction.query_row(&sql, [], |row| row.get(0))
}

fn fingerprints(transaction: &Sql<'_>) -> rusqlite::Result<Vec<(u64, MessageRow)>> {
    let mut statement = transaction.prepare("SELECT id, message_id FROM message")?;
    let rows = statement.query_map([], |row| {
        let id: [u8; 16] = row.get(1)?;
        Ok((fingerprint(&id), MessageRow(row.get(0)?)))
    })?;
    rows.collect()
}

/// The first 8 bytes of a message id; ids are hashes already.
pub(super) fn fingerprint(id: &[u8; 16]) -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = *id;
    u64::from_be_bytes([a, b, c, d, e, f, g, h])
}

/// Looks through all deliveries that are not final.
pub(super) const THROUGH_OPEN: &str = "INDEXED BY delivery_open";

/// Reads deliveries that are not final, found `how`; see [`open_delivery`].
pub(super) fn open(how: &str) -> String {
    format!(
        "SELECT d.id, d.endpoint, d.message, m.case_id, d.generation, d.state, d.attempts,
                d.next_at, d.first_attempt_at, d.version,
                CASE WHEN d.next_at IS NOT NULL THEN (SELECT a.ended_at FROM attempt a
                    WHERE a.delivery = d.id AND a.version = d.version) END,
                d.replay_of IS NOT NULL
         FROM delivery d {how} JOIN message m ON m.id = d.message
         WHERE d.state NOT IN ('delivered', 'rejected', 'discarded')"
    )
}

/// Uncertain since their last attempt was interrupted: a start before this one has settled that.
fn doubtful(transaction: &Sql<'_>) -> rusqlite::Result<HashSet<DeliveryId>> {
    let mut statement = transaction.prepare(
        "SELECT d.id FROM delivery d INDEXED BY delivery_open
         WHERE d.state NOT IN ('delivered', 'rejected', 'discarded') AND d.state = 'uncertain'
           AND (SELECT a.outcome FROM attempt a WHERE a.delivery = d.id
                ORDER BY a.version DESC LIMIT 1) = 'interrupted'",
    )?;
    let rows = statement.query_map([], |row| row.get(0).map(DeliveryId))?;
    rows.collect()
}

/// As a restore left them: what was open in the backup, and what was admitted beyond it.
fn restored(transaction: &Sql<'_>) -> rusqlite::Result<HashSet<DeliveryId>> {
    let mut statement = transaction.prepare(
        "SELECT d.id FROM delivery d INDEXED BY delivery_open
         WHERE d.state NOT IN ('delivered', 'rejected', 'discarded') AND d.state = 'uncertain'
           AND (d.version = 1 OR EXISTS (SELECT 1 FROM attempt a WHERE a.delivery = d.id
                    AND a.version = d.version AND a.outcome = 'restored'))",
    )?;
    let rows = statement.query_map([], |row| row.get(0).map(DeliveryId))?;
    rows.collect()
}

/// Nothing in a ledger that was never restored: whatever changes a version there is tried before.
fn untried(transaction: &Sql<'_>) -> rusqlite::Result<HashSet<DeliveryId>> {
    let mut statement = transaction.prepare(
        "SELECT d.id FROM delivery d INDEXED BY delivery_open
         WHERE d.state NOT IN ('delivered', 'rejected', 'discarded') AND d.version > 1
           AND (SELECT epoch FROM meta) > 1
           AND NOT EXISTS (SELECT 1 FROM attempt a WHERE a.delivery = d.id
                    AND a.outcome <> 'restored')",
    )?;
    let rows = statement.query_map([], |row| row.get(0).map(DeliveryId))?;
    rows.collect()
}

fn open_deliveries(transaction: &Sql<'_>) -> rusqlite::Result<Vec<OpenDelivery>> {
    let generation = if fault::is_on("generation-ignored") { "NULL" } else { GENERATION };
    let order = format!("d.endpoint, {generation}, m.partition, m.offset, d.id");
    let sql = format!("{} ORDER BY {order}", open(THROUGH_OPEN));
    let mut statement = transaction.prepare(&sql)?;
    let rows = statement.query_map([], open_delivery)?;
    rows.collect()
}

pub(super) fn open_delivery(row: &Row<'_>) -> rusqlite::Result<OpenDelivery> {
    let state: String = row.get(5)?;
    let state = DeliveryState::named(&state).ok_or_else(|| damaged(5, "unknown state"))?;
    Ok(OpenDelivery {
        delivery: DeliveryId(row.get(0)?),
        endpoint: EndpointRow(row.get(1)?),
        message: MessageRow(row.get(2)?),
        case_id: CaseId(Uuid::from_bytes(row.get(3)?)),
        generation: row.get(4)?,
        state,
        attempts: row.get(6)?,
        next_at: row.get::<_, Option<i64>>(7)?.map(Timestamp),
        first_attempt_at: row.get::<_, Option<i64>>(8)?.map(Timestamp),
        version: row.get::<_, i64>(9)?.unsigned_abs(),
        waits_since: row.get::<_, Option<i64>>(10)?.map(Timestamp),
        is_replay: row.get(11)?,
    })
}

struct Interrupted {
    interrupted: Vec<(DeliveryId, u64)>,
    intents: Vec<IntentRow>,
}

/// What was handed out and not settled since: its version still is what the intent says.
fn interrupted(transaction: &Sql<'_>) -> rusqlite::Result<Interrupted> {
    let mut statement = transaction.prepare("SELECT id, deliveries FROM intent ORDER BY id")?;
    let rows = statement.query_map([], |row| Ok((IntentRow(row.get(0)?), row.get(1)?)))?;
    let rows: Vec<(IntentRow, Vec<u8>)> = rows.collect::<rusqlite::Result<_>>()?;

    let mut current = transaction.prepare("SELECT version FROM delivery WHERE id = ?1")?;
    let (mut interrupted, mut intents) = (Vec::new(), Vec::new());
    for (intent, blob) in rows {
        intents.push(intent);
        for (delivery, version) in super::commit::intent_members(&blob) {
            // What went by retention was settled long before.
            let now: Option<i64> = current.query_row([delivery.0], |row| row.get(0)).optional()?;
            if now.map(i64::unsigned_abs) == Some(version) {
                interrupted.push((delivery, version));
            }
        }
    }
    Ok(Interrupted { interrupted, intents })
}

/// A value that should not be in the file.
pub(super) fn damaged(
    column: usize,
    what: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, what.into())
}
