//! What of the ledger goes by retention, in small transactions, each a few statements for all its
//! rows. What is kept how long is as in SQLite; of several dispatchers one trims at a time.
//!
//! `OFFSET 0` keeps the planner from hashing all that stays to look up the few that may go.

use std::{collections::HashMap, time::Duration};

use messaging::{ChannelName, Timestamp};
use sqlx::{Connection as _, PgConnection, Row as _, postgres::PgRow};

use super::{edit, pins};
use crate::{
    age::{self, Age},
    ledger::{Kind, Retention},
    pass::Trimmed,
};

/// Rows looked at in one transaction. Removing a body moves none of its bytes, so they need no bound.
const ROWS_MAX: i64 = 500;
/// Held by whoever trims.
const TRIM_LOCK: i64 = 0x414D_5452;

/// Lets the age grow, and says where the numbers stand at it. What `holder` has is heard of by it.
pub(super) async fn grow_older(
    connection: &mut PgConnection,
    holder: &str,
    now: Timestamp,
    step_max: Duration,
) -> sqlx::Result<Age> {
    let mut sql = connection.begin().await?;
    let (until, age) = age::grow_on_server(&mut sql, now, step_max).await?;
    sqlx::query(
        "INSERT INTO milestone
         SELECT $1, coalesce((SELECT max(id) FROM message), 0),
                coalesce((SELECT max(id) FROM verdict), 0)
         ON CONFLICT (at) DO UPDATE SET message = excluded.message, verdict = excluded.verdict",
    )
    .bind(until.0)
    .execute(&mut *sql)
    .await?;
    sqlx::query("UPDATE subscriber SET seen = $2 WHERE holder = $1 AND seen <> $2")
        .bind(holder)
        .bind(age.at.0)
        .execute(&mut *sql)
        .await?;
    sql.commit().await?;
    Ok(age)
}

pub(super) async fn trim(
    connection: &mut PgConnection,
    kind: Kind,
    retention: &Retention,
    after: i64,
) -> sqlx::Result<Trimmed> {
    let mut sql = connection.begin().await?;
    let row = sqlx::query("SELECT age, pg_try_advisory_xact_lock($1) FROM meta")
        .bind(TRIM_LOCK)
        .fetch_one(&mut *sql)
        .await?;
    let (age, is_alone): (i64, bool) = (row.try_get(0)?, row.try_get(1)?);
    // Before the first count nothing is old.
    if age == 0 || !is_alone {
        return Ok(Trimmed::default());
    }
    let mut step = Step { sql: &mut sql, age: Timestamp(age), retention, after };
    let trimmed = match kind {
        Kind::Payload => step.payloads().await?,
        Kind::Conflict => step.conflicts().await?,
        Kind::Delivery => step.deliveries().await?,
        Kind::Identity => step.identities().await?,
        Kind::Verdict => step.verdicts().await?,
        Kind::Command => step.commands().await?,
    };
    sql.commit().await?;
    Ok(trimmed)
}

/// What of one partition is old enough.
#[derive(Clone, Copy, Default)]
struct Old {
    /// Final since then or longer.
    final_at: i64,
    /// The newest message and verdict admitted until then.
    message: i64,
    verdict: i64,
}

/// Columns of [`Old`] by partition.
#[derive(Default)]
struct Olds {
    partitions: Vec<i32>,
    final_at: Vec<i64>,
    messages: Vec<i64>,
    verdicts: Vec<i64>,
}

/// One transaction of a pass.
struct Step<'a> {
    sql: &'a mut PgConnection,
    age: Timestamp,
    retention: &'a Retention,
    after: i64,
}

impl Step<'_> {
    async fn payloads(&mut self) -> sqlx::Result<Trimmed> {
        let old = self.old_by_partition().await?;
        let rows = sqlx::query(
            "SELECT b.message,
                    b.message <= o.through
                    AND EXISTS (SELECT 1 FROM delivery d WHERE d.message = b.message OFFSET 0)
                    AND NOT EXISTS (SELECT 1 FROM delivery d WHERE d.message = b.message
                                    AND (d.final_at IS NULL OR d.final_at > o.final_at) OFFSET 0)
             FROM (SELECT message FROM body WHERE message > $1 AND message <= $6
                   ORDER BY message LIMIT $2) b
             JOIN message m ON m.id = b.message
             JOIN unnest($3::int[], $4::bigint[], $5::bigint[]) o (partition, final_at, through)
                  ON o.partition = m.partition
             ORDER BY b.message",
        )
        .bind(self.after)
        .bind(ROWS_MAX)
        .bind(&old.partitions)
        .bind(&old.final_at)
        .bind(&old.messages)
        .bind(old.messages.iter().copied().max().unwrap_or(0))
        .fetch_all(&mut *self.sql)
        .await?;
        let (going, next) = chosen(&rows)?;
        sqlx::query("DELETE FROM body WHERE message = ANY ($1)")
            .bind(&going)
            .execute(&mut *self.sql)
            .await?;
        edit::forget(self.sql, &going).await?;
        trimmed(self.release(going).await?, next)
    }

    /// The verdict stays, and who it was about; what came instead goes.
    async fn conflicts(&mut self) -> sqlx::Result<Trimmed> {
        let old = self.old_by_partition().await?;
        let rows = sqlx::query(
            "SELECT v.id, v.kind = 'conflict' AND v.record IS NOT NULL AND v.id <= o.through
             FROM verdict v
             JOIN unnest($3::int[], $4::bigint[]) o (partition, through)
                  ON o.partition = v.partition
             WHERE v.id > $1 AND v.id <= $5 ORDER BY v.id LIMIT $2",
        )
        .bind(self.after)
        .bind(ROWS_MAX)
        .bind(&old.partitions)
        .bind(&old.verdicts)
        .bind(old.verdicts.iter().copied().max().unwrap_or(0))
        .fetch_all(&mut *self.sql)
        .await?;
        let (going, next) = chosen(&rows)?;
        sqlx::query("UPDATE verdict SET record = NULL WHERE id = ANY ($1)")
            .bind(&going)
            .execute(&mut *self.sql)
            .await?;
        let holders = going.iter().map(|verdict| pins::holder_of_verdict(*verdict)).collect();
        trimmed(self.release(holders).await?, next)
    }

    async fn release(&mut self, holders: Vec<i64>) -> sqlx::Result<usize> {
        let rows = holders.len();
        if rows != 0 {
            pins::release(self.sql, holders).await?;
        }
        Ok(rows)
    }

    async fn deliveries(&mut self) -> sqlx::Result<Trimmed> {
        let old = self.old(self.retention.history).await?;
        let rows = sqlx::query(
            "SELECT d.id, d.final_at <= $2 AND d.message <= $3
                        AND NOT EXISTS (SELECT 1 FROM body b WHERE b.message = d.message OFFSET 0),
                    d.message > $3
             FROM delivery d
             WHERE d.id > $1 AND d.id < (SELECT max(id) FROM delivery) ORDER BY d.id LIMIT $4",
        )
        .bind(self.after)
        .bind(old.final_at)
        .bind(old.message)
        .bind(ROWS_MAX)
        .fetch_all(&mut *self.sql)
        .await?;
        let (going, mut next) = chosen(&rows)?;
        // Numbered as they were admitted, or later: behind young ones all are young.
        if rows.last().is_some_and(|row| row.try_get(2).unwrap_or(false)) {
            next = None;
        }
        sqlx::query(
            "WITH a AS (DELETE FROM attempt WHERE delivery = ANY ($1))
             DELETE FROM delivery WHERE id = ANY ($1)",
        )
        .bind(&going)
        .execute(&mut *self.sql)
        .await?;
        trimmed(going.len(), next)
    }

    async fn identities(&mut self) -> sqlx::Result<Trimmed> {
        let old = self.old(self.retention.dedupe_horizon).await?;
        let rows = sqlx::query(
            "SELECT m.id, NOT EXISTS (SELECT 1 FROM body b WHERE b.message = m.id OFFSET 0)
                     AND NOT EXISTS (SELECT 1 FROM unrouted u WHERE u.message = m.id OFFSET 0)
                     AND NOT EXISTS (SELECT 1 FROM delivery d WHERE d.message = m.id OFFSET 0)
             FROM message m
             WHERE m.id > $1 AND m.id <= $2 AND m.id < (SELECT max(id) FROM message)
             ORDER BY m.id LIMIT $3",
        )
        .bind(self.after)
        .bind(old.message)
        .bind(ROWS_MAX)
        .fetch_all(&mut *self.sql)
        .await?;
        let (going, next) = chosen(&rows)?;
        sqlx::query("DELETE FROM message WHERE id = ANY ($1)")
            .bind(&going)
            .execute(&mut *self.sql)
            .await?;
        // Nobody asks for one that is older than the longest retention, except for the last of them.
        sqlx::query(
            "DELETE FROM milestone WHERE at < (SELECT max(at) FROM milestone WHERE at <= $1)",
        )
        .bind(old.final_at)
        .execute(&mut *self.sql)
        .await?;
        trimmed(going.len(), next)
    }

    async fn verdicts(&mut self) -> sqlx::Result<Trimmed> {
        let old = self.old(self.retention.history).await?;
        let rows = sqlx::query(
            "SELECT id, kind <> 'undecodable' AND record IS NULL FROM verdict
             WHERE id > $1 AND id <= $2 AND id < (SELECT max(id) FROM verdict)
             ORDER BY id LIMIT $3",
        )
        .bind(self.after)
        .bind(old.verdict)
        .bind(ROWS_MAX)
        .fetch_all(&mut *self.sql)
        .await?;
        let (going, next) = chosen(&rows)?;
        sqlx::query("DELETE FROM verdict WHERE id = ANY ($1)")
            .bind(&going)
            .execute(&mut *self.sql)
            .await?;
        trimmed(going.len(), next)
    }

    /// The one by which an endpoint is paused stays: it says who did, and why. So does one that waits,
    /// and a bulk that is not done.
    async fn commands(&mut self) -> sqlx::Result<Trimmed> {
        let old = self.old(self.retention.history).await?;
        let removed = sqlx::query(
            "WITH gone AS (
                 SELECT id FROM command c WHERE kept_from <= $1 AND state <> 'waiting'
                    AND NOT EXISTS (SELECT 1 FROM endpoint_state s WHERE s.command = c.id)
                    AND NOT EXISTS (SELECT 1 FROM bulk b
                                    WHERE b.command = c.id AND b.state <> 'done')
                 LIMIT $2),
                 items AS (DELETE FROM bulk_item WHERE command IN (SELECT id FROM gone)),
                 bulks AS (DELETE FROM bulk WHERE command IN (SELECT id FROM gone))
             DELETE FROM command WHERE id IN (SELECT id FROM gone)",
        )
        .bind(old.final_at)
        .bind(ROWS_MAX)
        .execute(&mut *self.sql)
        .await?;
        let rows = removed.rows_affected();
        let is_full = rows == ROWS_MAX.unsigned_abs();
        Ok(Trimmed { rows, next: is_full.then_some(0) })
    }

    async fn old(&mut self, keep: Duration) -> sqlx::Result<Old> {
        let final_at = age::before(self.age, keep).0;
        let row = sqlx::query(
            "SELECT message, verdict FROM milestone WHERE at <= $1 ORDER BY at DESC LIMIT 1",
        )
        .bind(final_at)
        .fetch_optional(&mut *self.sql)
        .await?;
        Ok(match row {
            Some(row) => Old { final_at, message: row.try_get(0)?, verdict: row.try_get(1)? },
            None => Old { final_at, ..Old::default() },
        })
    }

    /// Payloads of a domain may have a retention of their own; the channel's name says the domain.
    async fn old_by_partition(&mut self) -> sqlx::Result<Olds> {
        let rows =
            sqlx::query("SELECT id, channel FROM partition").fetch_all(&mut *self.sql).await?;
        let (mut olds, mut known) = (Olds::default(), HashMap::new());
        for row in rows {
            let (partition, channel): (i32, String) = (row.try_get(0)?, row.try_get(1)?);
            let domain = ChannelName::new(channel).ok().and_then(|channel| channel.domain());
            let own = domain.and_then(|domain| self.retention.payload_of.get(&domain));
            let keep = *own.unwrap_or(&self.retention.payload);
            let old = match known.get(&keep) {
                Some(old) => *old,
                None => *known.entry(keep).or_insert(self.old(keep).await?),
            };
            olds.partitions.push(partition);
            olds.final_at.push(old.final_at);
            olds.messages.push(old.message);
            olds.verdicts.push(old.verdict);
        }
        Ok(olds)
    }
}

/// Which of the rows looked at go, and where the next step begins, if there may be one.
fn chosen(rows: &[PgRow]) -> sqlx::Result<(Vec<i64>, Option<i64>)> {
    let mut going = Vec::new();
    let mut last = None;
    for row in rows {
        let id: i64 = row.try_get(0)?;
        last = Some(id);
        if row.try_get::<Option<bool>, _>(1)?.unwrap_or(false) {
            going.push(id);
        }
    }
    let is_full = i64::try_from(rows.len()).is_ok_and(|rows| rows == ROWS_MAX);
    Ok((going, last.filter(|_| is_full)))
}

fn trimmed(rows: usize, next: Option<i64>) -> sqlx::Result<Trimmed> {
    Ok(Trimmed { rows: u64::try_from(rows).unwrap_or(u64::MAX), next })
}
