//! The one transaction.

use messaging::Timestamp;
use messaging::fault;
use rusqlite::{Connection, OptionalExtension as _, Transaction as Sql, params};

use super::types::{
    Admission, AdmittedMessage, DeliveryId, MessageRow, NewDelivery, PartitionBatch, ReplayRow,
    Settlement, Transaction, VerdictRow,
};
use super::{bulk, command, edit, pins};

/// How a guarded transaction went.
pub(super) enum Guarded {
    /// Committed.
    Done,
    /// Rolled back: another one was there. Says where.
    Superseded(String),
}

/// Commits all of `wanted` or nothing, if `start` is still the last one.
pub(super) fn commit(
    connection: &mut Connection,
    wanted: &Transaction,
    start: u64,
) -> rusqlite::Result<Guarded> {
    let sql = connection.transaction()?;
    let Standing { start: last_start, subscriptions_version: version, stamp } =
        standing(&sql, wanted.at)?;
    if start != last_start && !fault::is_on("former-start-commits") {
        let text = format!("this is start {start}, and start {last_start} was since");
        return Ok(Guarded::Superseded(text));
    }
    for settlement in &wanted.settlements {
        if !settle(&sql, settlement, stamp)? {
            let text = format!("delivery {} is not at the version before", settlement.delivery.0);
            return Ok(Guarded::Superseded(text));
        }
    }
    let is_admitting = !wanted.admissions.is_empty() || !wanted.routed.is_empty();
    if is_admitting && version != wanted.subscriptions_version {
        return Ok(Guarded::Superseded("the subscriptions were changed".to_owned()));
    }
    for batch in &wanted.admissions {
        if !admit(&sql, batch, wanted.at, stamp)? {
            let text = format!("{} is not at {}", batch.partition, batch.from);
            return Ok(Guarded::Superseded(text));
        }
    }
    for (message, deliveries) in &wanted.routed {
        route(&sql, *message, deliveries)?;
    }
    command::pause(&sql, &wanted.pauses)?;
    replay(&sql, &wanted.replays)?;
    edit::keep(&sql, &wanted.edits)?;
    bulk::record(&sql, wanted)?;
    tell(&sql, wanted)?;
    hand_out(&sql, wanted)?;
    sql.commit()?;
    Ok(Guarded::Done)
}

/// What every transaction looks at.
struct Standing {
    start: u64,
    subscriptions_version: u64,
    /// The ledger's age: what becomes old does so from there.
    stamp: Timestamp,
}

fn standing(sql: &Sql<'_>, now: Timestamp) -> rusqlite::Result<Standing> {
    let select = "SELECT starts, subscriptions_version, age FROM meta";
    sql.prepare_cached(select)?.query_row([], |row| {
        let age = Timestamp(row.get(2)?);
        let stamp = if age == Timestamp(0) { now } else { age };
        let [start, subscriptions_version] =
            [row.get::<_, i64>(0)?, row.get(1)?].map(i64::unsigned_abs);
        Ok(Standing { start, subscriptions_version, stamp })
    })
}

/// False if the delivery is not at the version before.
fn settle(sql: &Sql<'_>, settlement: &Settlement, stamp: Timestamp) -> rusqlite::Result<bool> {
    let changed = sql
        .prepare_cached(
            "UPDATE delivery SET state = ?2, attempts = ?3, next_at = ?4, first_attempt_at = ?5,
                    version = ?6, final_at = ?7
             WHERE id = ?1 AND version = ?6 - 1",
        )?
        .execute(params![
            settlement.delivery.0,
            settlement.state.name(),
            settlement.attempts,
            settlement.next_at.map(|at| at.0),
            settlement.first_attempt_at.map(|at| at.0),
            settlement.version.cast_signed(),
            settlement.state.is_final().then_some(stamp.0),
        ])?;
    if changed == 0 && !fault::is_on("stale-settlement-taken") {
        return Ok(false);
    }
    if let Some(attempt) = &settlement.attempt {
        sql.prepare_cached("INSERT INTO attempt VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)")?
            .execute(params![
                settlement.delivery.0,
                settlement.version.cast_signed(),
                attempt.number,
                attempt.started_at.0,
                attempt.ended_at.0,
                attempt.outcome,
                attempt.code,
                attempt.cause,
                attempt.receipt,
            ])?;
    }
    Ok(true)
}

/// False if the position is not where the batch began.
fn admit(
    sql: &Sql<'_>,
    batch: &PartitionBatch,
    at: Timestamp,
    stamp: Timestamp,
) -> rusqlite::Result<bool> {
    let channel = batch.partition.channel.as_str();
    let number = batch.partition.number;
    let known: Option<(i64, i64)> = sql
        .prepare_cached("SELECT id, next FROM partition WHERE channel = ?1 AND number = ?2")?
        .query_row(params![channel, number], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let partition = match known {
        Some((_, next))
            if next.unsigned_abs() != batch.from && !fault::is_on("position-uncompared") =>
        {
            return Ok(false);
        }
        Some((id, _)) => id,
        None => sql
            .prepare_cached("INSERT INTO partition (channel, number, next) VALUES (?1, ?2, ?3)")?
            .insert(params![channel, number, batch.from.cast_signed()])?,
    };
    let lost = usize::from(fault::is_on("last-of-batch-lost") && 3 < batch.records.len());
    for record in batch.records.iter().take(batch.records.len() - lost) {
        match record {
            Admission::Message(message) => insert_message(sql, partition, message, at)?,
            Admission::Command(row) => command::insert(sql, partition, row, (at, stamp))?,
            Admission::Verdict(verdict) => insert_verdict(sql, partition, verdict, at)?,
        }
    }
    advance(sql, partition, batch)?;
    Ok(true)
}

fn advance(sql: &Sql<'_>, partition: i64, batch: &PartitionBatch) -> rusqlite::Result<()> {
    let last = batch.records.iter().rev().find_map(|record| match record {
        Admission::Message(message) => Some((message.offset, message.message_id.0, message.sha256)),
        Admission::Command(command) => Some((command.offset, command.id.0, command.sha256)),
        Admission::Verdict(_) => None,
    });
    match last {
        Some((offset, id, sha256)) => sql
            .prepare_cached(
                "UPDATE partition SET next = ?2, last_offset = ?3, last_message_id = ?4,
                        last_sha256 = ?5 WHERE id = ?1",
            )?
            .execute(params![
                partition,
                batch.next.cast_signed(),
                offset.cast_signed(),
                id.as_bytes(),
                sha256.0,
            ])?,
        None => sql
            .prepare_cached("UPDATE partition SET next = ?2 WHERE id = ?1")?
            .execute(params![partition, batch.next.cast_signed()])?,
    };
    Ok(())
}

fn insert_message(
    sql: &Sql<'_>,
    partition: i64,
    message: &AdmittedMessage,
    at: Timestamp,
) -> rusqlite::Result<()> {
    sql.prepare_cached("INSERT INTO message VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)")?.execute(
        params![
            message.row.0,
            partition,
            message.offset.cast_signed(),
            message.message_id.0.as_bytes(),
            message.sha256.0,
            message.case_id.0.as_bytes(),
            message.sender.as_str(),
            at.0,
        ],
    )?;
    sql.prepare_cached("INSERT INTO body VALUES (?1, ?2)")?
        .execute(params![message.row.0, message.record.as_ref()])?;
    pins::hold(sql, message.row.0, &message.claims)?;
    if message.deliveries.is_empty() {
        sql.prepare_cached("INSERT INTO unrouted VALUES (?1)")?.execute([message.row.0])?;
    }
    insert_deliveries(sql, message.row, &message.deliveries)
}

fn insert_deliveries(
    sql: &Sql<'_>,
    message: MessageRow,
    deliveries: &[NewDelivery],
) -> rusqlite::Result<()> {
    let mut statement = sql.prepare_cached(
        "INSERT INTO delivery (id, endpoint, message, generation, state, attempts, version)
         VALUES (?1, ?2, ?3, 0, ?4, 0, 1)",
    )?;
    for new in deliveries {
        let state = new.state().name();
        statement.execute(params![new.delivery.0, new.endpoint.0, message.0, state])?;
    }
    Ok(())
}

fn replay(sql: &Sql<'_>, replays: &[ReplayRow]) -> rusqlite::Result<()> {
    for replay in replays {
        sql.prepare_cached(
            "INSERT INTO delivery
                 (id, endpoint, message, generation, state, attempts, version, replay_of)
             VALUES (?1, ?2, ?3, ?4, 'pending', 0, 1, ?5)",
        )?
        .execute(params![
            replay.delivery.0,
            replay.endpoint.0,
            replay.message.0,
            replay.generation,
            replay.replay_of.0,
        ])?;
    }
    Ok(())
}

fn insert_verdict(
    sql: &Sql<'_>,
    partition: i64,
    verdict: &VerdictRow,
    at: Timestamp,
) -> rusqlite::Result<()> {
    sql.prepare_cached(
        "INSERT INTO verdict (partition, offset, kind, message_id, sha256, record, at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?
    .execute(params![
        partition,
        verdict.offset.cast_signed(),
        verdict.kind.name(),
        verdict.message_id.map(|id| id.0.into_bytes()),
        verdict.sha256.map(|hash| hash.0),
        verdict.record.as_deref(),
        at.0,
    ])?;
    pins::hold_verdict(sql, sql.last_insert_rowid(), verdict)
}

fn route(sql: &Sql<'_>, message: MessageRow, deliveries: &[NewDelivery]) -> rusqlite::Result<()> {
    sql.prepare_cached("DELETE FROM unrouted WHERE message = ?1")?.execute([message.0])?;
    insert_deliveries(sql, message, deliveries)
}

fn tell(sql: &Sql<'_>, wanted: &Transaction) -> rusqlite::Result<()> {
    if let Some(done) = wanted.outbox_done {
        sql.prepare_cached("DELETE FROM outbox WHERE sequence <= ?1")?
            .execute([done.cast_signed()])?;
    }
    let mut statement = sql.prepare_cached("INSERT INTO outbox VALUES (?1, ?2)")?;
    for entry in &wanted.outbox {
        statement.execute(params![entry.sequence.cast_signed(), entry.record.as_ref()])?;
    }
    Ok(())
}

fn hand_out(sql: &Sql<'_>, wanted: &Transaction) -> rusqlite::Result<()> {
    for intent in &wanted.intents_done {
        sql.prepare_cached("DELETE FROM intent WHERE id = ?1")?.execute([intent.0])?;
    }
    if let Some((intent, deliveries)) = &wanted.intent {
        let mut blob = Vec::with_capacity(deliveries.len() * MEMBER_BYTES);
        for started in deliveries {
            blob.extend_from_slice(&started.delivery.0.to_be_bytes());
            blob.extend_from_slice(&started.version.to_be_bytes());
        }
        sql.prepare_cached("INSERT INTO intent VALUES (?1, ?2)")?
            .execute(params![intent.0, blob])?;
    }
    Ok(())
}

const MEMBER_BYTES: usize = 16;

/// The deliveries of an intent and their versions when it was written.
pub(super) fn intent_members(blob: &[u8]) -> impl Iterator<Item = (DeliveryId, u64)> {
    blob.as_chunks::<MEMBER_BYTES>().0.iter().map(|member| {
        let member = u128::from_be_bytes(*member);
        let delivery = u64::try_from(member >> 64).expect("the upper half has 64 bits");
        let version = u64::try_from(member & u128::from(u64::MAX)).expect("so has the lower");
        (DeliveryId(delivery.cast_signed()), version)
    })
}
