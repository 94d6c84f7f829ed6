//! What of the journal goes by retention, as in SQLite: an application as a whole, and only if nothing
//! about it is open.

use std::{collections::HashMap, time::Duration};

use messaging::Timestamp;
use sqlx::{Connection as _, PgConnection, Row as _, postgres::PgRow};

use crate::{
    age::{self, Age},
    journal::Kind,
    pass::Trimmed,
};

/// Applications looked at in one transaction; each has a handful of rows.
const APPLICATIONS_MAX: i64 = 100;
/// Other rows looked at in one transaction.
const ROWS_MAX: i64 = 500;

pub(super) async fn grow_older(
    connection: &mut PgConnection,
    now: Timestamp,
    step_max: Duration,
) -> sqlx::Result<Age> {
    let mut sql = connection.begin().await?;
    let (until, age) = age::grow_on_server(&mut sql, now, step_max).await?;
    sqlx::query(
        "INSERT INTO milestone
         SELECT $1, sequence FROM meta
         ON CONFLICT (at) DO UPDATE SET sequence = excluded.sequence",
    )
    .bind(until.0)
    .execute(&mut *sql)
    .await?;
    sql.commit().await?;
    Ok(age)
}

/// Gives the highest sequence number that is gone, too.
pub(super) async fn trim(
    connection: &mut PgConnection,
    kind: Kind,
    keep: Duration,
    after: i64,
) -> sqlx::Result<(Trimmed, i64)> {
    let mut sql = connection.begin().await?;
    // Whoever projects waits meanwhile, so that counts stay right.
    let old = age::milestone_on_server(&mut sql, "sequence", keep).await?;
    let mut step = Step { sql: &mut sql, old, after, gone: 0, tally: HashMap::new() };
    let trimmed = match kind {
        Kind::Application => step.applications().await?,
        Kind::Event => step.events().await?,
    };
    let gone = step.finish().await?;
    sql.commit().await?;
    Ok((trimmed, gone))
}

/// One transaction of a pass.
struct Step<'a> {
    sql: &'a mut PgConnection,
    /// The last number that is old.
    old: i64,
    after: i64,
    gone: i64,
    tally: HashMap<(String, String), i64>,
}

/// An application as far as it is asked whether it goes.
struct Candidate {
    id: i64,
    is_counted: bool,
    last: i64,
    goes: bool,
}

impl Step<'_> {
    async fn applications(&mut self) -> sqlx::Result<Trimmed> {
        // Nothing more is to be expected where it has deliveries, and all are final; or where it has
        // none, and it was refused, or is a copy of one that was there before.
        let rows = sqlx::query(
            "SELECT a.id, a.has_head AND NOT a.is_copy,
                    greatest(a.id, coalesce((SELECT max(e.id) FROM event e
                                             WHERE e.application = a.id), 0)),
                    CASE WHEN EXISTS (SELECT 1 FROM delivery d WHERE d.application = a.id OFFSET 0)
                    THEN NOT EXISTS (SELECT 1 FROM delivery d WHERE d.application = a.id
                        AND d.state NOT IN ('delivered', 'rejected', 'discarded') OFFSET 0)
                    ELSE a.state IN ('refused', 'conflict') OR a.state <> 'unrouted' AND EXISTS (
                        SELECT 1 FROM event e WHERE e.application = a.id AND e.kind = 'duplicate' OFFSET 0)
                    END
             FROM application a WHERE a.id > $1 AND a.id <= $2 ORDER BY a.id LIMIT $3",
        )
        .bind(self.after)
        .bind(self.old)
        .bind(APPLICATIONS_MAX)
        .fetch_all(&mut *self.sql)
        .await?;
        let candidate = |row: &PgRow| {
            Ok(Candidate {
                id: row.try_get(0)?,
                is_counted: row.try_get(1)?,
                last: row.try_get(2)?,
                goes: row.try_get(3)?,
            })
        };
        let rows = rows.iter().map(candidate).collect::<sqlx::Result<Vec<Candidate>>>()?;
        let next = next(&rows, APPLICATIONS_MAX, |row| row.id);
        let going: Vec<Candidate> =
            rows.into_iter().filter(|row| row.last <= self.old && row.goes).collect();
        self.remove(&going).await?;
        Ok(Trimmed { rows: u64::try_from(going.len()).unwrap_or(u64::MAX), next })
    }

    async fn remove(&mut self, going: &[Candidate]) -> sqlx::Result<()> {
        if going.is_empty() {
            return Ok(());
        }
        let ids: Vec<i64> = going.iter().map(|candidate| candidate.id).collect();
        let counted = going.iter().filter(|candidate| candidate.is_counted).count();
        let refused = sqlx::query(
            "SELECT count(*) FROM event WHERE application = ANY ($1) AND kind = 'refused'",
        )
        .bind(&ids)
        .fetch_one(&mut *self.sql)
        .await?;
        let of_all = |what: &str| (String::new(), what.to_owned());
        *self.tally.entry(of_all("refused")).or_default() -= refused.try_get::<i64, _>(0)?;
        *self.tally.entry(of_all("applications")).or_default() -=
            i64::try_from(counted).unwrap_or(i64::MAX);
        let rows = sqlx::query(
            "SELECT endpoint, state, count(*) FROM delivery WHERE application = ANY ($1)
             GROUP BY endpoint, state",
        )
        .bind(&ids)
        .fetch_all(&mut *self.sql)
        .await?;
        for row in &rows {
            let of = (row.try_get(0)?, row.try_get(1)?);
            *self.tally.entry(of).or_default() -= row.try_get::<i64, _>(2)?;
        }
        sqlx::query(
            "WITH r AS (DELETE FROM reply WHERE application = ANY ($1)),
                  e AS (DELETE FROM event WHERE application = ANY ($1)),
                  d AS (DELETE FROM delivery WHERE application = ANY ($1))
             DELETE FROM application WHERE id = ANY ($1)",
        )
        .bind(&ids)
        .execute(&mut *self.sql)
        .await?;
        let last = going.iter().map(|candidate| candidate.last).max();
        self.gone = self.gone.max(last.unwrap_or(0));
        Ok(())
    }

    /// What belongs to an application that stays is passed over.
    async fn events(&mut self) -> sqlx::Result<Trimmed> {
        let rows = sqlx::query(
            "SELECT id, application = 0 AND kind <> 'undecodable', kind = 'refused'
             FROM event WHERE id > $1 AND id <= $2 ORDER BY id LIMIT $3",
        )
        .bind(self.after)
        .bind(self.old)
        .bind(ROWS_MAX)
        .fetch_all(&mut *self.sql)
        .await?;
        let row = |row: &PgRow| Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?));
        let rows = rows.iter().map(row).collect::<sqlx::Result<Vec<(i64, bool, bool)>>>()?;
        let next = next(&rows, ROWS_MAX, |row| row.0);
        let going = rows.iter().filter(|row| row.1);
        let refused = going.clone().filter(|row| row.2).count();
        let going: Vec<i64> = going.map(|row| row.0).collect();
        sqlx::query("DELETE FROM event WHERE id = ANY ($1)")
            .bind(&going)
            .execute(&mut *self.sql)
            .await?;
        let of_all = (String::new(), "refused".to_owned());
        *self.tally.entry(of_all).or_default() -= i64::try_from(refused).unwrap_or(i64::MAX);
        Ok(Trimmed { rows: u64::try_from(going.len()).unwrap_or(u64::MAX), next })
    }

    /// What is gone is not counted any more, and cursors below it are not followed any more.
    async fn finish(self) -> sqlx::Result<i64> {
        for ((endpoint, state), change) in self.tally.iter().filter(|(_, change)| **change != 0) {
            sqlx::query(
                "UPDATE tally SET total = greatest(0, total + $3)
                 WHERE endpoint = $1 AND state = $2",
            )
            .bind(endpoint)
            .bind(state)
            .bind(change)
            .execute(&mut *self.sql)
            .await?;
        }
        sqlx::query("UPDATE meta SET trimmed_through = $1 WHERE trimmed_through < $1")
            .bind(self.gone)
            .execute(&mut *self.sql)
            .await?;
        Ok(self.gone)
    }
}

/// Where the next step begins, if there may be one.
fn next<T>(rows: &[T], rows_max: i64, number: impl Fn(&T) -> i64) -> Option<i64> {
    let is_full = i64::try_from(rows.len()).is_ok_and(|rows| rows == rows_max);
    rows.last().map(number).filter(|_| is_full)
}
