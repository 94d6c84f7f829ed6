//! A start: who has which endpoint, and what a dispatcher keeps in memory.

use std::collections::{HashMap, HashSet};

use futures_util::TryStreamExt as _;
use messaging::{CaseId, DeliveryState, EndpointName, GroupId, Timestamp};
use sqlx::{Connection as _, PgConnection, Row as _, postgres::PgRow};
use uuid::Uuid;

use super::{
    commit::{SUBSCRIPTIONS_LOCK, endpoint_row, key},
    values::damaged,
};
use crate::ledger::{
    DeliveryId, EndpointRow, EndpointSpec, IntentRow, LedgerIdentity, Loaded, MessageRow,
    OpenDelivery, Subscription, Taken,
};

/// A dispatcher whose file named an endpoint and that was not heard of for so long holds it no more.
const HELD_MICROS: i64 = 7 * 24 * 3_600 * 1_000_000;

/// Counts this start, and makes its writer.
pub(super) async fn begin_start(
    connection: &mut PgConnection,
    holder: &str,
) -> sqlx::Result<LedgerIdentity> {
    // Those that nobody has heard of for long, and that left nothing, are forgotten.
    sqlx::query(
        "DELETE FROM writer w WHERE w.seen <> 0 AND w.seen < (SELECT age FROM meta) - $1
            AND NOT EXISTS (SELECT 1 FROM endpoint_state s WHERE s.owner = w.id)
            AND NOT EXISTS (SELECT 1 FROM outbox o WHERE o.writer = w.id)",
    )
    .bind(HELD_MICROS)
    .execute(&mut *connection)
    .await?;
    let row = sqlx::query(
        "WITH m AS (UPDATE meta SET starts = starts + 1 RETURNING ledger_id, epoch, starts, age),
              w AS (INSERT INTO writer (id, holder, seen) SELECT starts, $1, age FROM m)
         SELECT ledger_id, epoch, starts FROM m",
    )
    .bind(holder)
    .fetch_one(connection)
    .await?;
    let (id, epoch, start): (String, i32, i64) =
        (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
    let id = GroupId::new(id).map_err(|error| damaged(error.to_string()))?;
    Ok(LedgerIdentity { id, epoch: epoch.unsigned_abs(), start: start.unsigned_abs() })
}

/// Registers `endpoints` as those `holder` has. What is open is not looked at: see [`take`].
pub(super) async fn load(
    connection: &mut PgConnection,
    holder: &str,
    endpoints: &[EndpointSpec],
) -> sqlx::Result<Loaded> {
    let mut sql = connection.begin().await?;
    // Nobody admits anything under the old subscriptions from here on.
    sqlx::query("SELECT pg_advisory_xact_lock($1)")
        .bind(SUBSCRIPTIONS_LOCK)
        .execute(&mut *sql)
        .await?;
    let (rows, subscriptions_changed) = register(&mut sql, holder, endpoints).await?;
    if subscriptions_changed {
        sqlx::query("UPDATE meta SET subscriptions_version = subscriptions_version + 1")
            .execute(&mut *sql)
            .await?;
    }
    sql.commit().await?;
    let (version, subscriptions) = subscriptions(connection).await?;
    let former = subscriptions.iter().filter(|it| it.interests.is_none());
    let former = former.map(|it| (it.endpoint, it.name.clone())).collect();
    Ok(Loaded {
        endpoints: rows,
        subscriptions_version: version,
        subscriptions_changed,
        fingerprints: fingerprints(connection).await?,
        open: Vec::new(),
        doubtful: HashSet::new(),
        restored: HashSet::new(),
        untried: HashSet::new(),
        interrupted: Vec::new(),
        paused: HashMap::new(),
        bulks: Vec::new(),
        former,
        intents: Vec::new(),
        delivery_last: DeliveryId(0),
        message_last: MessageRow(0),
        intent_last: IntentRow(0),
        outbox_last: 0,
    })
}

async fn register(
    sql: &mut PgConnection,
    holder: &str,
    endpoints: &[EndpointSpec],
) -> sqlx::Result<(Vec<EndpointRow>, bool)> {
    let mut changed = false;
    let mut rows = Vec::with_capacity(endpoints.len());
    for endpoint in endpoints {
        let upserted = sqlx::query(
            "INSERT INTO endpoint (name, interests, version) VALUES ($1, $2, 1)
             ON CONFLICT (name) DO UPDATE SET interests = $2, version = endpoint.version + 1
             WHERE endpoint.interests IS DISTINCT FROM $2",
        )
        .bind(endpoint.name.as_str())
        .bind(&endpoint.interests)
        .execute(&mut *sql)
        .await?;
        changed |= upserted.rows_affected() != 0;
        let row = sqlx::query("SELECT id FROM endpoint WHERE name = $1")
            .bind(endpoint.name.as_str())
            .fetch_one(&mut *sql)
            .await?;
        rows.push(endpoint_row(row.try_get(0)?));
    }
    let keys: Vec<i32> = rows.iter().map(|row| key(*row)).collect();
    sqlx::query(
        "WITH s AS (INSERT INTO endpoint_state (endpoint) SELECT unnest($1::int[])
                    ON CONFLICT DO NOTHING),
              gone AS (DELETE FROM subscriber WHERE endpoint <> ALL ($1)
                           AND (holder = $2 OR seen < (SELECT age FROM meta) - $3))
         INSERT INTO subscriber SELECT unnest($1::int[]), $2, (SELECT age FROM meta)
         ON CONFLICT (endpoint, holder) DO UPDATE SET seen = excluded.seen",
    )
    .bind(&keys)
    .bind(holder)
    .bind(HELD_MICROS)
    .execute(&mut *sql)
    .await?;
    let left = sqlx::query(
        "UPDATE endpoint e SET interests = NULL, version = version + 1
         WHERE interests IS NOT NULL
            AND NOT EXISTS (SELECT 1 FROM subscriber s WHERE s.endpoint = e.id)",
    )
    .execute(sql)
    .await?;
    Ok((rows, changed || left.rows_affected() != 0))
}

/// The version, and every endpoint there ever was.
pub(super) async fn subscriptions(
    connection: &mut PgConnection,
) -> sqlx::Result<(u64, Vec<Subscription>)> {
    // One statement, so that both are of one moment.
    let rows = sqlx::query(
        "SELECT m.subscriptions_version, e.id, e.name, e.interests
         FROM meta m LEFT JOIN endpoint e ON true ORDER BY e.id",
    )
    .fetch_all(connection)
    .await?;
    let mut version = 0_i64;
    let mut subscriptions = Vec::with_capacity(rows.len());
    for row in rows {
        version = row.try_get(0)?;
        let Some(id) = row.try_get::<Option<i32>, _>(1)? else { continue };
        let name: String = row.try_get(2)?;
        let name = EndpointName::new(name).map_err(|error| damaged(error.to_string()))?;
        let endpoint = endpoint_row(id);
        subscriptions.push(Subscription { endpoint, name, interests: row.try_get(3)? });
    }
    Ok((version.unsigned_abs(), subscriptions))
}

async fn fingerprints(connection: &mut PgConnection) -> sqlx::Result<Vec<(u64, MessageRow)>> {
    let mut rows = sqlx::query("SELECT id, message_id FROM message").fetch(connection);
    let mut found = Vec::new();
    while let Some(row) = rows.try_next().await? {
        let id: Uuid = row.try_get(1)?;
        found.push((id.as_u64_pair().0, MessageRow(row.try_get(0)?)));
    }
    Ok(found)
}

/// Reads deliveries that are not final; see [`open_delivery`].
pub(super) const OPEN: &str =
    "SELECT d.id, d.endpoint, d.message, m.case_id, d.generation, d.state,
        d.attempts, d.next_at, d.first_attempt_at, d.version,
        CASE WHEN d.next_at IS NOT NULL THEN (SELECT a.ended_at FROM attempt a
            WHERE a.delivery = d.id AND a.version = d.version) END,
        d.replay_of IS NOT NULL
    FROM delivery d JOIN message m ON m.id = d.message
    WHERE d.final_at IS NULL AND d.endpoint = ANY ($1)
    ORDER BY d.endpoint, (SELECT coalesce(max(s.generation), 0) FROM numbering_start s
            WHERE s.partition = m.partition AND s.first <= m.place), m.partition, m.place, d.id";

/// What the owner of `endpoints` begins with, all of one moment.
pub(super) async fn take(
    connection: &mut PgConnection,
    endpoints: &[EndpointRow],
) -> sqlx::Result<Taken> {
    let keys: Vec<i32> = endpoints.iter().map(|row| key(*row)).collect();
    let mut sql = connection.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ").await?;
    let open = sqlx::query(OPEN).bind(&keys).fetch_all(&mut *sql).await?;
    let open = open.iter().map(open_delivery).collect::<sqlx::Result<Vec<_>>>()?;
    let doubtful = sqlx::query(
        "SELECT d.id FROM delivery d
         WHERE d.final_at IS NULL AND d.endpoint = ANY ($1) AND d.state = 'uncertain'
           AND (SELECT a.outcome FROM attempt a WHERE a.delivery = d.id
                ORDER BY a.version DESC LIMIT 1) = 'interrupted'",
    )
    .bind(&keys)
    .fetch_all(&mut *sql)
    .await?;
    let doubtful = doubtful.iter().map(|row| row.try_get(0).map(DeliveryId));
    let doubtful = doubtful.collect::<sqlx::Result<HashSet<_>>>()?;
    // As a restore left them: what was open in the backup, and what was admitted beyond it.
    let restored = sqlx::query(
        "SELECT d.id FROM delivery d
         WHERE d.final_at IS NULL AND d.endpoint = ANY ($1) AND d.state = 'uncertain'
           AND (d.version = 1 OR EXISTS (SELECT 1 FROM attempt a WHERE a.delivery = d.id
                    AND a.version = d.version AND a.outcome = 'restored'))",
    )
    .bind(&keys)
    .fetch_all(&mut *sql)
    .await?;
    let restored = restored.iter().map(|row| row.try_get(0).map(DeliveryId));
    let restored = restored.collect::<sqlx::Result<HashSet<_>>>()?;
    // Nothing in a ledger that was never restored: whatever changes a version there is tried before.
    let untried = sqlx::query(
        "SELECT d.id FROM delivery d
         WHERE d.final_at IS NULL AND d.endpoint = ANY ($1) AND d.version > 1
           AND (SELECT epoch FROM meta) > 1
           AND NOT EXISTS (SELECT 1 FROM attempt a WHERE a.delivery = d.id
                    AND a.outcome <> 'restored')",
    )
    .bind(&keys)
    .fetch_all(&mut *sql)
    .await?;
    let untried = untried.iter().map(|row| row.try_get(0).map(DeliveryId));
    let untried = untried.collect::<sqlx::Result<HashSet<_>>>()?;
    // Its version still is what the intent says: handed out, and not settled since.
    let interrupted = sqlx::query(
        "SELECT DISTINCT d.id, d.version
         FROM intent i, unnest(i.deliveries, i.versions) g (delivery, version)
         JOIN delivery d ON d.id = g.delivery AND d.version = g.version
         WHERE i.endpoint = ANY ($1) ORDER BY d.id",
    )
    .bind(&keys)
    .fetch_all(&mut *sql)
    .await?;
    let interrupted = interrupted
        .iter()
        .map(|row| Ok((DeliveryId(row.try_get(0)?), row.try_get::<i64, _>(1)?.unsigned_abs())));
    let interrupted = interrupted.collect::<sqlx::Result<Vec<_>>>()?;
    let paused = super::command::paused(&mut sql, &keys).await?;
    let bulks = super::bulk::open(&mut sql, &keys).await?;
    let positions = super::read::positions(&mut sql).await?;
    sql.commit().await?;
    Ok(Taken { open, doubtful, restored, untried, interrupted, paused, bulks, positions })
}

pub(super) fn open_delivery(row: &PgRow) -> sqlx::Result<OpenDelivery> {
    let state: String = row.try_get(5)?;
    Ok(OpenDelivery {
        delivery: DeliveryId(row.try_get(0)?),
        endpoint: endpoint_row(row.try_get(1)?),
        message: MessageRow(row.try_get(2)?),
        case_id: CaseId(row.try_get(3)?),
        generation: row.try_get::<i32, _>(4)?.unsigned_abs(),
        state: DeliveryState::named(&state).ok_or_else(|| damaged("an unknown state"))?,
        attempts: row.try_get::<i32, _>(6)?.unsigned_abs(),
        next_at: row.try_get::<Option<i64>, _>(7)?.map(Timestamp),
        first_attempt_at: row.try_get::<Option<i64>, _>(8)?.map(Timestamp),
        version: row.try_get::<i64, _>(9)?.unsigned_abs(),
        waits_since: row.try_get::<Option<i64>, _>(10)?.map(Timestamp),
        is_replay: row.try_get(11)?,
    })
}
