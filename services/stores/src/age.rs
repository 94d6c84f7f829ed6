//! The age of a store: its own clock, by which what it keeps grows old.
//!
//! The wall clock may be wrong, and what is erased does not come back. So a store counts its age
//! itself: it follows the wall clock, but never further than one step per round, and never back. A
//! clock that jumps ahead by ten years erases nothing at once; while it is wrong, the store ages by
//! steps instead of years. A clock that is behind stops the age until it has caught up. After a
//! standstill the age follows in steps too, so that things stay longer. What comes between two rounds
//! has the age of the first: no time is more exact than the distance of two rounds.

use std::time::Duration;

use messaging::Timestamp;
use rusqlite::{Connection, OptionalExtension as _};
use sqlx::{AssertSqlSafe, PgConnection, Row as _};

/// 1 January 2026: this program is not older, so no clock that says so is right.
const EARLIEST: Timestamp = Timestamp(1_767_225_600_000_000);

/// How old a store is, and how that differs from what the clock says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Age {
    /// By the store's own count, in microseconds since 1970.
    pub at: Timestamp,
    /// So much less than the clock says.
    pub behind: Duration,
    /// So much more than the clock says.
    pub ahead: Duration,
}

impl Age {
    pub(crate) fn of(at: Timestamp, now: Timestamp) -> Self {
        Self { at, behind: now.since(at), ahead: at.since(now) }
    }
}

/// The moment `age` before `at`; saturates.
pub(crate) fn before(at: Timestamp, age: Duration) -> Timestamp {
    Timestamp(at.0.saturating_sub(i64::try_from(age.as_micros()).unwrap_or(i64::MAX)))
}

/// The age that follows `known` (0: none yet) when the clock says `now`.
pub(crate) fn following(known: Timestamp, now: Timestamp, step_max: Duration) -> Timestamp {
    match known {
        Timestamp(0) => now.max(EARLIEST),
        known if now <= known => known,
        known => now.min(known.after(step_max)),
    }
}

/// Lets the store whose table `meta` this is grow older. Gives the age until which all that is there
/// was stamped, too.
pub(crate) fn grow(
    sql: &Connection,
    now: Timestamp,
    step_max: Duration,
) -> rusqlite::Result<(Timestamp, Age)> {
    let known = read(sql)?;
    let at = following(known, now, step_max);
    sql.prepare_cached("UPDATE meta SET age = ?1 WHERE age <> ?1")?.execute([at.0])?;
    let until = if known == Timestamp(0) { at } else { known };
    Ok((until, Age::of(at, now)))
}

/// The age as it is; 0 before the first count.
pub(crate) fn read(sql: &Connection) -> rusqlite::Result<Timestamp> {
    sql.prepare_cached("SELECT age FROM meta")?.query_row([], |row| row.get(0).map(Timestamp))
}

/// What `column` of table `milestone` was when all was there that is older than `keep`; 0: nothing is so
/// old. Milestones before that go, as nobody asks for them any more.
pub(crate) fn milestone(
    sql: &Connection,
    column: &'static str,
    keep: Duration,
) -> rusqlite::Result<i64> {
    let age = read(sql)?;
    if age == Timestamp(0) {
        return Ok(0);
    }
    let newest =
        format!("SELECT at, {column} FROM milestone WHERE at <= ?1 ORDER BY at DESC LIMIT 1");
    let found = sql
        .prepare_cached(&newest)?
        .query_row([before(age, keep).0], |row| Ok((row.get::<_, i64>(0)?, row.get(1)?)));
    let Some((at, reached)) = found.optional()? else { return Ok(0) };
    sql.prepare_cached("DELETE FROM milestone WHERE at < ?1")?.execute([at])?;
    Ok(reached)
}

/// As [`grow`], on a server. The row of `meta` is locked until the transaction ends.
pub(crate) async fn grow_on_server(
    sql: &mut PgConnection,
    now: Timestamp,
    step_max: Duration,
) -> sqlx::Result<(Timestamp, Age)> {
    let known = read_on_server(sql).await?;
    let at = following(known, now, step_max);
    sqlx::query("UPDATE meta SET age = $1 WHERE age <> $1").bind(at.0).execute(sql).await?;
    let until = if known == Timestamp(0) { at } else { known };
    Ok((until, Age::of(at, now)))
}

/// As [`milestone`], on a server. The row of `meta` is locked until the transaction ends.
pub(crate) async fn milestone_on_server(
    sql: &mut PgConnection,
    column: &'static str,
    keep: Duration,
) -> sqlx::Result<i64> {
    let age = read_on_server(sql).await?;
    if age == Timestamp(0) {
        return Ok(0);
    }
    let newest =
        format!("SELECT at, {column} FROM milestone WHERE at <= $1 ORDER BY at DESC LIMIT 1");
    let found = sqlx::query(AssertSqlSafe(newest))
        .bind(before(age, keep).0)
        .fetch_optional(&mut *sql)
        .await?;
    let Some(row) = found else { return Ok(0) };
    sqlx::query("DELETE FROM milestone WHERE at < $1")
        .bind(row.try_get::<i64, _>(0)?)
        .execute(sql)
        .await?;
    row.try_get(1)
}

async fn read_on_server(sql: &mut PgConnection) -> sqlx::Result<Timestamp> {
    let row = sqlx::query("SELECT age FROM meta FOR UPDATE").fetch_one(sql).await?;
    row.try_get(0).map(Timestamp)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000_000;

    #[test]
    fn an_age_follows_the_clock_by_one_step_at_most_and_never_back() {
        let start = 1_800_000_000_000_000;
        for (known, now, expected) in [
            (0, start, start),
            (0, 5, EARLIEST.0),
            (start, start, start),
            (start, start + 1, start + 1),
            (start, start + HOUR, start + HOUR),
            (start, start + HOUR + 1, start + HOUR),
            (start, start + 87_600 * HOUR, start + HOUR),
            (start, i64::MAX, start + HOUR),
            (start, start - 1, start),
            (start, 0, start),
            (start, i64::MIN, start),
        ] {
            let step = Duration::from_secs(3_600);
            let at = following(Timestamp(known), Timestamp(now), step);
            assert_eq!(at, Timestamp(expected), "{known} {now}");
        }
    }

    #[test]
    fn a_start_counts_nothing() {
        let start = Timestamp(1_800_000_000_000_000);
        let ahead = Timestamp(start.0 + HOUR);
        assert_eq!(following(start, ahead, Duration::ZERO), start);
    }
}
