//! What goes by retention: payloads first, then what was done with them, then who they were.
//!
//! Ages are counted by the ledger itself (see [`crate::Age`]), in small transactions of which each
//! looks at a bounded number of rows of one kind and says where the next begins; between them, the
//! ledger serves its dispatcher. Rows are numbered in the order of admission, so a
//! milestone (which numbers were the newest at which age) says what is old without asking each row,
//! and what is young is never looked at. The newest row of a table stays always: the next number
//! follows it.
//!
//! A message of which any delivery is not final keeps everything, and so does one nobody wants.

use std::{collections::HashMap, time::Duration};

use messaging::fault;
use messaging::{ChannelName, Timestamp};
use rusqlite::{Connection, OptionalExtension as _, Transaction as Sql, params};

use super::{
    edit, pins,
    retention::{Kind, Retention},
};
use crate::{
    age::{self, Age},
    pass::Trimmed,
};

/// Rows looked at in one transaction.
const ROWS_MAX: i64 = 500;
/// Bytes of records removed in one transaction, and one record more.
const BYTES_MAX: i64 = 8 << 20;

pub(super) fn grow_older(
    connection: &mut Connection,
    now: Timestamp,
    step_max: Duration,
) -> rusqlite::Result<Age> {
    let sql = connection.transaction()?;
    let (until, age) = age::grow(&sql, now, step_max)?;
    sql.prepare_cached(
        "INSERT OR REPLACE INTO milestone
         SELECT ?1, coalesce((SELECT max(id) FROM message), 0),
                coalesce((SELECT max(id) FROM verdict), 0)",
    )?
    .execute([until.0])?;
    sql.commit()?;
    Ok(age)
}

pub(super) fn trim(
    connection: &mut Connection,
    kind: Kind,
    retention: &Retention,
    after: i64,
) -> rusqlite::Result<Trimmed> {
    let sql = connection.transaction()?;
    let step = Step { age: age::read(&sql)?, retention, sql: &sql, after };
    // Before the first count nothing is old.
    let trimmed = match kind {
        _ if step.age == Timestamp(0) => Trimmed::default(),
        Kind::Payload => step.payloads()?,
        Kind::Conflict => step.conflicts()?,
        Kind::Delivery => step.deliveries()?,
        Kind::Identity => step.identities()?,
        Kind::Verdict => step.verdicts()?,
        Kind::Command => step.commands()?,
    };
    sql.commit()?;
    Ok(trimmed)
}

/// The newest rows at some age: what is not above them is as old.
#[derive(Clone, Copy, Default)]
struct Milestone {
    message: i64,
    verdict: i64,
}

/// What of one partition is old enough.
#[derive(Clone, Copy)]
struct Old {
    /// Final since then or longer.
    final_at: Timestamp,
    /// Admitted until then.
    through: Milestone,
}

/// One transaction of a pass.
struct Step<'a> {
    sql: &'a Sql<'a>,
    age: Timestamp,
    retention: &'a Retention,
    after: i64,
}

impl Step<'_> {
    fn payloads(&self) -> rusqlite::Result<Trimmed> {
        let old = self.old_by_partition()?;
        let through = old.values().map(|old| old.through.message).max().unwrap_or(0);
        let mut statement = self.sql.prepare_cached(
            "SELECT b.message, m.partition, length(b.record)
             FROM body b CROSS JOIN message m ON m.id = b.message
             WHERE b.message > ?1 AND b.message <= ?2 ORDER BY b.message LIMIT ?3",
        )?;
        let rows = statement.query_map(params![self.after, through, ROWS_MAX], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })?;
        let rows: Vec<(i64, i64, i64)> = rows.collect::<rusqlite::Result<_>>()?;
        let mut trimmed = Trimmed { rows: 0, next: next(&rows, |row| row.0) };
        let (mut bytes, unknown) = (0, pins::claims_unknown(self.sql)?);
        for (message, partition, len) in rows {
            let Some(old) = old.get(&partition) else { continue };
            // Of a former version; what it refers to has to be looked up first.
            let is_known = unknown < message;
            if !is_known || old.through.message < message || !self.is_final(message, *old)? {
                continue;
            }
            self.sql.prepare_cached("DELETE FROM body WHERE message = ?1")?.execute([message])?;
            pins::release(self.sql, message)?;
            trimmed.rows += 1;
            bytes += len + edit::forget(self.sql, message)?;
            if BYTES_MAX <= bytes {
                trimmed.next = Some(message);
                break;
            }
        }
        Ok(trimmed)
    }

    /// Whether it has deliveries, and each of them is final for long enough.
    fn is_final(&self, message: i64, old: Old) -> rusqlite::Result<bool> {
        self.sql
            .prepare_cached(
                "SELECT count(*) <> 0 AND count(*) = count(
                     CASE WHEN state IN ('delivered', 'rejected', 'discarded')
                               AND final_at <= ?2 THEN 1 END)
                 FROM delivery INDEXED BY delivery_by_message WHERE message = ?1",
            )?
            .query_row(params![message, old.final_at.0], |row| row.get(0))
    }

    /// The verdict stays, and who it was about; what came instead goes.
    fn conflicts(&self) -> rusqlite::Result<Trimmed> {
        let old = self.old_by_partition()?;
        let through = old.values().map(|old| old.through.verdict).max().unwrap_or(0);
        let mut statement = self.sql.prepare_cached(
            "SELECT id, partition, kind = 'conflict' AND record IS NOT NULL FROM verdict
             WHERE id > ?1 AND id <= ?2 ORDER BY id LIMIT ?3",
        )?;
        let rows = statement.query_map(params![self.after, through, ROWS_MAX], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })?;
        let rows: Vec<(i64, i64, bool)> = rows.collect::<rusqlite::Result<_>>()?;
        let mut trimmed = Trimmed { rows: 0, next: next(&rows, |row| row.0) };
        for (verdict, partition, _) in rows.into_iter().filter(|row| row.2) {
            if old.get(&partition).is_some_and(|old| verdict <= old.through.verdict) {
                let empty = "UPDATE verdict SET record = NULL WHERE id = ?1";
                self.sql.prepare_cached(empty)?.execute([verdict])?;
                pins::release(self.sql, pins::holder_of_verdict(verdict))?;
                trimmed.rows += 1;
            }
        }
        Ok(trimmed)
    }

    fn deliveries(&self) -> rusqlite::Result<Trimmed> {
        let old = self.old(self.retention.history)?;
        let mut statement = self.sql.prepare_cached(
            "SELECT id, message, state IN ('delivered', 'rejected', 'discarded')
                        AND final_at <= ?2
                        AND NOT EXISTS (SELECT 1 FROM body WHERE body.message = delivery.message)
             FROM delivery
             WHERE id > ?1 AND id < (SELECT max(id) FROM delivery) ORDER BY id LIMIT ?3",
        )?;
        let values = params![self.after, old.final_at.0, ROWS_MAX];
        let rows =
            statement.query_map(values, |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        let rows: Vec<(i64, i64, bool)> = rows.collect::<rusqlite::Result<_>>()?;
        let mut trimmed = Trimmed { rows: 0, next: next(&rows, |row| row.0) };
        for (delivery, message, goes) in rows {
            // Numbered as they were admitted, or later: behind this one all are young.
            if old.through.message < message {
                trimmed.next = None;
                break;
            }
            if goes {
                for table in [
                    "DELETE FROM attempt WHERE delivery = ?1",
                    "DELETE FROM delivery WHERE id = ?1",
                ] {
                    self.sql.prepare_cached(table)?.execute([delivery])?;
                }
                trimmed.rows += 1;
            }
        }
        Ok(trimmed)
    }

    fn identities(&self) -> rusqlite::Result<Trimmed> {
        let horizon = match fault::is_on("identity-forgotten-early") {
            true => self.retention.history,
            false => self.retention.dedupe_horizon,
        };
        let old = self.old(horizon)?;
        let mut statement = self.sql.prepare_cached(
            "SELECT m.id, EXISTS (SELECT 1 FROM body b WHERE b.message = m.id)
                     OR EXISTS (SELECT 1 FROM unrouted u WHERE u.message = m.id)
                     OR EXISTS (SELECT 1 FROM delivery d INDEXED BY delivery_by_message
                                WHERE d.message = m.id)
             FROM message m
             WHERE m.id > ?1 AND m.id <= ?2 AND m.id < (SELECT max(id) FROM message)
             ORDER BY m.id LIMIT ?3",
        )?;
        let values = params![self.after, old.through.message, ROWS_MAX];
        let rows = statement.query_map(values, |row| Ok((row.get(0)?, row.get(1)?)))?;
        let rows: Vec<(i64, bool)> = rows.collect::<rusqlite::Result<_>>()?;
        let mut trimmed = Trimmed { rows: 0, next: next(&rows, |row| row.0) };
        for (message, _) in rows.into_iter().filter(|row| !row.1) {
            self.sql.prepare_cached("DELETE FROM message WHERE id = ?1")?.execute([message])?;
            trimmed.rows += 1;
        }
        self.forget_milestones(old.final_at)?;
        Ok(trimmed)
    }

    /// Nobody asks for one that is older than the longest retention, except for the last of them.
    fn forget_milestones(&self, until: Timestamp) -> rusqlite::Result<()> {
        self.sql
            .prepare_cached(
                "DELETE FROM milestone
                 WHERE at < (SELECT max(at) FROM milestone WHERE at <= ?1)",
            )?
            .execute([until.0])
            .map(drop)
    }

    fn verdicts(&self) -> rusqlite::Result<Trimmed> {
        let old = self.old(self.retention.history)?;
        let mut statement = self.sql.prepare_cached(
            "SELECT id, kind <> 'undecodable' AND record IS NULL FROM verdict
             WHERE id > ?1 AND id <= ?2 AND id < (SELECT max(id) FROM verdict)
             ORDER BY id LIMIT ?3",
        )?;
        let values = params![self.after, old.through.verdict, ROWS_MAX];
        let rows = statement.query_map(values, |row| Ok((row.get(0)?, row.get(1)?)))?;
        let rows: Vec<(i64, bool)> = rows.collect::<rusqlite::Result<_>>()?;
        let mut trimmed = Trimmed { rows: 0, next: next(&rows, |row| row.0) };
        for (verdict, _) in rows.into_iter().filter(|row| row.1) {
            self.sql.prepare_cached("DELETE FROM verdict WHERE id = ?1")?.execute([verdict])?;
            trimmed.rows += 1;
        }
        Ok(trimmed)
    }

    /// The one by which an endpoint is paused stays: it says who did, and why. So does a bulk that is
    /// not done.
    fn commands(&self) -> rusqlite::Result<Trimmed> {
        let old = self.old(self.retention.history)?;
        let removed = self
            .sql
            .prepare_cached(
                "DELETE FROM command WHERE id IN (
                     SELECT id FROM command WHERE kept_from <= ?1
                        AND id NOT IN (SELECT command FROM endpoint_state)
                        AND id NOT IN (SELECT command FROM bulk WHERE state <> 'done') LIMIT ?2)",
            )?
            .execute(params![old.final_at.0, ROWS_MAX])?;
        for sql in [
            "DELETE FROM bulk WHERE command NOT IN (SELECT id FROM command)",
            "DELETE FROM bulk_item WHERE command NOT IN (SELECT command FROM bulk)",
        ] {
            self.sql.prepare_cached(sql)?.execute([])?;
        }
        let rows = u64::try_from(removed).unwrap_or(u64::MAX);
        let is_full = i64::try_from(removed).is_ok_and(|removed| removed == ROWS_MAX);
        Ok(Trimmed { rows, next: is_full.then_some(0) })
    }

    fn old(&self, keep: Duration) -> rusqlite::Result<Old> {
        let final_at = age::before(self.age, keep);
        let mut statement = self.sql.prepare_cached(
            "SELECT message, verdict FROM milestone WHERE at <= ?1 ORDER BY at DESC LIMIT 1",
        )?;
        let through = statement.query_row([final_at.0], |row| {
            Ok(Milestone { message: row.get(0)?, verdict: row.get(1)? })
        });
        Ok(Old { final_at, through: through.optional()?.unwrap_or_default() })
    }

    /// Payloads of a domain may have a retention of their own; the channel's name says the domain.
    fn old_by_partition(&self) -> rusqlite::Result<HashMap<i64, Old>> {
        let mut statement = self.sql.prepare_cached("SELECT id, channel FROM partition")?;
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let rows: Vec<(i64, String)> = rows.collect::<rusqlite::Result<_>>()?;
        let mut old = HashMap::with_capacity(rows.len());
        for (partition, channel) in rows {
            let domain = ChannelName::new(channel).ok().and_then(|channel| channel.domain());
            let own = domain.and_then(|domain| self.retention.payload_of.get(&domain));
            old.insert(partition, self.old(*own.unwrap_or(&self.retention.payload))?);
        }
        Ok(old)
    }
}

/// Where the next step begins, if there may be one.
fn next<T>(rows: &[T], number: impl Fn(&T) -> i64) -> Option<i64> {
    let is_full = i64::try_from(rows.len()).is_ok_and(|rows| rows == ROWS_MAX);
    rows.last().map(number).filter(|_| is_full)
}

#[cfg(test)]
mod tests;
