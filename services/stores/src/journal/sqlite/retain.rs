//! What of the journal goes by retention, in small transactions on the connection that writes.
//!
//! Everything is numbered in the order of projection, so the last number of an application says when
//! something happened to it last, and a milestone (which number was the last at which age, see
//! [`crate::Age`]) says whether that is long enough ago. An application goes as a whole, and only if
//! nothing about it is open.

use std::{collections::HashMap, time::Duration};

use messaging::Timestamp;
use rusqlite::{Connection, Transaction, params};

use super::{Kind, state};
use crate::{
    age::{self, Age},
    pass::Trimmed,
};

/// Applications looked at in one transaction; each has a handful of rows.
const APPLICATIONS_MAX: i64 = 100;
/// Other rows looked at in one transaction.
const ROWS_MAX: i64 = 500;

pub(super) fn trimmed_through(connection: &Connection) -> rusqlite::Result<i64> {
    connection.query_row("SELECT trimmed_through FROM meta", [], |row| row.get(0))
}

pub(super) fn grow_older(
    connection: &mut Connection,
    now: Timestamp,
    step_max: Duration,
) -> rusqlite::Result<Age> {
    let sql = connection.transaction()?;
    let (until, age) = age::grow(&sql, now, step_max)?;
    sql.prepare_cached("INSERT OR REPLACE INTO milestone SELECT ?1, sequence FROM meta")?
        .execute([until.0])?;
    sql.commit()?;
    Ok(age)
}

/// Gives the highest sequence number that is gone, too.
pub(super) fn trim(
    connection: &mut Connection,
    kind: Kind,
    keep: Duration,
    after: i64,
) -> rusqlite::Result<(Trimmed, i64)> {
    let sql = connection.transaction()?;
    let mut step = Step {
        old: age::milestone(&sql, "sequence", keep)?,
        sql: &sql,
        after,
        gone: 0,
        tally: HashMap::new(),
    };
    let trimmed = match kind {
        Kind::Application => step.applications()?,
        Kind::Event => step.events()?,
    };
    let gone = step.finish()?;
    sql.commit()?;
    Ok((trimmed, gone))
}

/// One transaction of a pass.
struct Step<'a> {
    sql: &'a Transaction<'a>,
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
}

impl Step<'_> {
    fn applications(&mut self) -> rusqlite::Result<Trimmed> {
        let mut statement = self.sql.prepare_cached(
            "SELECT id, has_head AND NOT is_copy,
                    max(id, coalesce((SELECT max(e.id) FROM event e
                                      WHERE e.application = application.id), 0))
             FROM application WHERE id > ?1 AND id <= ?2 ORDER BY id LIMIT ?3",
        )?;
        let values = params![self.after, self.old, APPLICATIONS_MAX];
        let rows = statement.query_map(values, |row| {
            Ok(Candidate { id: row.get(0)?, is_counted: row.get(1)?, last: row.get(2)? })
        })?;
        let rows: Vec<Candidate> = rows.collect::<rusqlite::Result<_>>()?;
        let next = next(&rows, APPLICATIONS_MAX, |row| row.id);
        let mut trimmed = Trimmed { rows: 0, next };
        for candidate in rows {
            if candidate.last <= self.old && self.is_final(candidate.id)? {
                self.remove(&candidate)?;
                trimmed.rows += 1;
            }
        }
        Ok(trimmed)
    }

    /// Whether nothing more is to be expected: it has deliveries, and all of them are final, or none
    /// at all, and it was refused, or is a copy of one that was there before.
    fn is_final(&self, application: i64) -> rusqlite::Result<bool> {
        self.sql
            .prepare_cached(
                "SELECT CASE
                    WHEN EXISTS (SELECT 1 FROM delivery d WHERE d.application = a.id)
                    THEN NOT EXISTS (SELECT 1 FROM delivery d WHERE d.application = a.id
                        AND d.state NOT IN ('delivered', 'rejected', 'discarded'))
                    ELSE a.state IN (?2, ?3) OR a.state <> ?4 AND EXISTS (
                        SELECT 1 FROM event e WHERE e.application = a.id AND e.kind = 'duplicate')
                 END FROM application a WHERE a.id = ?1",
            )?
            .query_row(
                params![application, state::REFUSED, state::CONFLICT, state::UNROUTED],
                |row| row.get(0),
            )
    }

    fn remove(&mut self, candidate: &Candidate) -> rusqlite::Result<()> {
        let id = candidate.id;
        let mut deliveries = self.sql.prepare_cached(
            "SELECT endpoint, state, count(*) FROM delivery WHERE application = ?1
             GROUP BY endpoint, state",
        )?;
        let rows =
            deliveries.query_map([id], |row| Ok(((row.get(0)?, row.get(1)?), row.get(2)?)))?;
        let rows: Vec<((String, String), i64)> = rows.collect::<rusqlite::Result<_>>()?;
        for (of, count) in rows {
            *self.tally.entry(of).or_default() -= count;
        }
        let of_all = |what: &str| (String::new(), what.to_owned());
        let refused: i64 = self
            .sql
            .prepare_cached(
                "SELECT count(*) FROM event WHERE application = ?1 AND kind = 'refused'",
            )?
            .query_row([id], |row| row.get(0))?;
        *self.tally.entry(of_all("refused")).or_default() -= refused;
        *self.tally.entry(of_all("applications")).or_default() -= i64::from(candidate.is_counted);
        for table in [
            "DELETE FROM reading WHERE reply IN (SELECT id FROM reply WHERE application = ?1)",
            "DELETE FROM reply WHERE application = ?1",
            "DELETE FROM event WHERE application = ?1",
            "DELETE FROM delivery WHERE application = ?1",
            "DELETE FROM application WHERE id = ?1",
        ] {
            self.sql.prepare_cached(table)?.execute([id])?;
        }
        self.gone = self.gone.max(candidate.last);
        Ok(())
    }

    fn events(&mut self) -> rusqlite::Result<Trimmed> {
        // What belongs to an application that stays is passed over.
        let mut statement = self.sql.prepare_cached(
            "SELECT id, application = 0 AND kind <> 'undecodable', kind = 'refused'
             FROM event NOT INDEXED WHERE id > ?1 AND id <= ?2 ORDER BY id LIMIT ?3",
        )?;
        let values = params![self.after, self.old, ROWS_MAX];
        let rows =
            statement.query_map(values, |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        let rows: Vec<(i64, bool, bool)> = rows.collect::<rusqlite::Result<_>>()?;
        let mut trimmed = Trimmed { rows: 0, next: next(&rows, ROWS_MAX, |row| row.0) };
        for (event, _, is_refused) in rows.into_iter().filter(|row| row.1) {
            self.sql.prepare_cached("DELETE FROM event WHERE id = ?1")?.execute([event])?;
            let refused = (String::new(), "refused".to_owned());
            *self.tally.entry(refused).or_default() -= i64::from(is_refused);
            trimmed.rows += 1;
        }
        Ok(trimmed)
    }

    /// What is gone is not counted any more, and cursors below it are not followed any more.
    fn finish(self) -> rusqlite::Result<i64> {
        let changed = self.tally.iter().filter(|(_, change)| **change != 0);
        for ((endpoint, state), change) in changed {
            let sql = "UPDATE tally SET total = max(0, total + ?3)
                       WHERE endpoint = ?1 AND state = ?2";
            self.sql.prepare_cached(sql)?.execute(params![endpoint, state, change])?;
        }
        let sql = "UPDATE meta SET trimmed_through = ?1 WHERE trimmed_through < ?1";
        self.sql.prepare_cached(sql)?.execute([self.gone])?;
        Ok(self.gone)
    }
}

/// Where the next step begins, if there may be one.
fn next<T>(rows: &[T], rows_max: i64, number: impl Fn(&T) -> i64) -> Option<i64> {
    let is_full = i64::try_from(rows.len()).is_ok_and(|rows| rows == rows_max);
    rows.last().map(number).filter(|_| is_full)
}

#[cfg(test)]
mod tests;
