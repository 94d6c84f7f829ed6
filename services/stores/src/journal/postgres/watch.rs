//! Steps of a watch, as in SQLite: what happened after a cursor, each with how things stood then.

use std::collections::BTreeMap;

use sqlx::{AssertSqlSafe, Connection as _, PgConnection, Row as _};

use super::read::{self, APPLICATION, application};
use crate::journal::{
    rows::{Application, Step},
    stand::{Stand, WINDOW},
};

/// What happened to a sender's messages after `after`, and how far that looked.
pub(super) async fn steps(
    connection: &mut PgConnection,
    sender: &str,
    after: i64,
) -> sqlx::Result<(Vec<Step>, i64)> {
    let mut sql = connection.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ").await?;
    let last: i64 =
        sqlx::query("SELECT sequence FROM meta").fetch_one(&mut *sql).await?.try_get(0)?;
    let end = last.min(after.saturating_add(WINDOW));
    let counts = counts(&mut sql, sender, (after + 1, end)).await?;
    let (mut newest, mut past) = (Vec::new(), Vec::new());
    for (application, entries) in counts.into_values() {
        // As the tables are is as it was right after the one entry that came last.
        if entries == 1 && end == last { newest.push(application) } else { past.push(application) }
    }
    let mut steps = self::newest(&mut sql, newest, after).await?;
    steps.extend(self::past(&mut sql, past, (after, end)).await?);
    sql.commit().await?;
    steps.sort_by_key(|step| step.sequence);
    Ok((steps, end))
}

/// The sender's applications to which something happened in a window, and how much.
async fn counts(
    sql: &mut PgConnection,
    sender: &str,
    (from, to): (i64, i64),
) -> sqlx::Result<BTreeMap<i64, (Application, usize)>> {
    let asked = format!(
        "SELECT {APPLICATION}, g.entries FROM (
             SELECT application, count(*) AS entries FROM (
                 SELECT application FROM event WHERE id BETWEEN $1 AND $2 AND application <> 0
                 UNION ALL
                 SELECT id FROM application WHERE id BETWEEN $1 AND $2 AND is_fresh
                    AND received_at IS NOT NULL
             ) happened GROUP BY application
         ) g JOIN application a ON a.id = g.application WHERE a.sender = $3"
    );
    let asked = sqlx::query(AssertSqlSafe(asked)).bind(from).bind(to).bind(sender);
    let mut found = BTreeMap::new();
    for row in &asked.fetch_all(sql).await? {
        let entries = usize::try_from(row.try_get::<i64, _>(17)?).unwrap_or(usize::MAX);
        let application = application(row)?;
        found.insert(application.id, (application, entries));
    }
    Ok(found)
}

/// The steps to how messages stand now. What happened before is not read again: a watch that follows
/// must not cost the more the longer a message has been under way.
async fn newest(
    sql: &mut PgConnection,
    of: Vec<Application>,
    after: i64,
) -> sqlx::Result<Vec<Step>> {
    if of.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<i64> = of.iter().map(|application| application.id).collect();
    let mut deliveries = read::deliveries(sql, &ids).await?;
    let mut reply_kinds = read::reply_kinds(sql, &ids).await?;
    let all: Vec<&Application> = of.iter().collect();
    let mut timelines = read::timelines(sql, &all, i64::MAX, 1).await?;
    let step = |application: Application| {
        let timeline = timelines.remove(&application.id)?;
        let entry = timeline.into_iter().rev().find(|entry| after < entry.sequence)?;
        Some(Step {
            sequence: entry.sequence,
            deliveries: deliveries.remove(&application.id).unwrap_or_default(),
            reply_kind: reply_kinds.remove(&application.id),
            entry: Some(entry),
            application,
        })
    };
    Ok(of.into_iter().filter_map(step).collect())
}

/// Every step of messages in a window, from one reading of what happened until its end.
async fn past(
    sql: &mut PgConnection,
    of: Vec<Application>,
    (after, end): (i64, i64),
) -> sqlx::Result<Vec<Step>> {
    let all: Vec<&Application> = of.iter().collect();
    let mut timelines = read::timelines(sql, &all, end, u32::MAX).await?;
    let mut steps = Vec::new();
    for application in of {
        let mut stand = Stand::of(&application);
        for entry in timelines.remove(&application.id).unwrap_or_default() {
            stand.go_on(&entry);
            if after < entry.sequence {
                let sequence = entry.sequence;
                steps.push(stand.clone().step(application.clone(), Some(entry), sequence));
            }
        }
    }
    Ok(steps)
}

/// How a sender's messages numbered `from..=to` stood after `sequence`.
pub(super) async fn as_of(
    sql: &mut PgConnection,
    sender: &str,
    (from, to): (i64, i64),
    sequence: i64,
) -> sqlx::Result<Vec<Step>> {
    let asked = format!(
        "SELECT {APPLICATION} FROM application a WHERE id BETWEEN $1 AND $2 AND sender = $3
         ORDER BY id"
    );
    let asked = sqlx::query(AssertSqlSafe(asked)).bind(from).bind(to).bind(sender);
    let rows = asked.fetch_all(&mut *sql).await?;
    let of = rows.iter().map(application).collect::<sqlx::Result<Vec<_>>>()?;
    let all: Vec<&Application> = of.iter().collect();
    let mut timelines = read::timelines(sql, &all, sequence, u32::MAX).await?;
    let step = |application: Application| {
        let mut stand = Stand::of(&application);
        for entry in timelines.remove(&application.id).unwrap_or_default() {
            stand.go_on(&entry);
        }
        stand.step(application, None, sequence)
    };
    Ok(of.into_iter().map(step).collect())
}
