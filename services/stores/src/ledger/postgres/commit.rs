//! The one transaction, in a handful of statements however much it holds.
//!
//! The first one moves the dispatcher's own counter of transactions. It makes two things certain: a
//! transaction whose answer was lost is recognised when it is committed again, and whoever takes an
//! endpoint over waits for what its former owner is just committing.

use std::collections::HashSet;

use messaging::{Partition, Timestamp};
use sqlx::{Connection as _, PgConnection, Row as _};

use super::{bulk, edit, parts, values::rounds};
use crate::ledger::{Committed, EndpointRow, Part, PartitionBatch, Tenure, Transaction, Writer};

/// Shared by commits, taken alone by whoever changes the subscriptions.
pub(super) const SUBSCRIPTIONS_LOCK: i64 = 0x414D_544C;

/// How a transaction went.
pub(super) enum Guarded {
    /// Committed, perhaps without some parts.
    Done(Committed),
    /// Rolled back: it contradicts the ledger. Says where.
    Contradicted(String),
}

/// What is true while the transaction lasts.
pub(super) struct Standing {
    pub(super) writer: Writer,
    /// When it happens, for people.
    pub(super) at: Timestamp,
    /// From when on what becomes old does so.
    pub(super) stamp: Timestamp,
    lost: HashSet<EndpointRow>,
    moved: HashSet<Partition>,
    is_outdated: bool,
}

impl Standing {
    /// Whether what is about the endpoint stays.
    pub(super) fn keeps(&self, endpoint: EndpointRow) -> bool {
        !self.lost.contains(&endpoint)
    }

    /// Whether the partition's batch stays.
    pub(super) fn keeps_batch(&self, partition: &Partition) -> bool {
        !self.is_outdated && !self.moved.contains(partition)
    }

    pub(super) fn keeps_part(&self, part: &Part) -> bool {
        match part {
            Part::Whole => true,
            Part::Endpoint(endpoint) => self.keeps(*endpoint),
            Part::Partition(partition) => self.keeps_batch(partition),
        }
    }
}

/// Commits `wanted` as transaction `number` of `writer`, unless that was committed already.
pub(super) async fn commit(
    connection: &mut PgConnection,
    writer: Writer,
    number: i64,
    wanted: &Transaction,
) -> sqlx::Result<Guarded> {
    let mut sql = connection.begin().await?;
    if !count(&mut sql, writer, number).await? {
        return repeated(&mut sql, writer, number, wanted).await;
    }
    let mut standing = standing(&mut sql, writer, wanted).await?;
    let mut places: Vec<(i32, &PartitionBatch)> = Vec::with_capacity(wanted.admissions.len());
    // All lock positions in one order, or two that admit the same would wait for each other.
    let mut batches: Vec<&PartitionBatch> = wanted.admissions.iter().collect();
    batches.sort_by_key(|batch| &batch.partition);
    for batch in batches {
        // What lies behind a batch that was dropped lies behind a gap.
        if !standing.keeps_batch(&batch.partition) {
            continue;
        }
        match parts::advance(&mut sql, batch).await? {
            Some(place) => places.push((place, batch)),
            None if places.iter().any(|(_, before)| before.partition == batch.partition) => {
                let text = format!("two batches of {} do not follow each other", batch.partition);
                return Ok(Guarded::Contradicted(text));
            }
            None => {
                standing.moved.insert(batch.partition.clone());
            }
        }
    }
    for round in rounds(&wanted.settlements, |settlement| settlement.delivery) {
        let round: Vec<_> = round.into_iter().filter(|it| standing.keeps(it.endpoint)).collect();
        if !parts::settle(&mut sql, &round, &standing).await? {
            let text = format!("one of {} deliveries is not at the version before", round.len());
            return Ok(Guarded::Contradicted(text));
        }
    }
    if !places.is_empty() {
        admit(&mut sql, &places, &standing).await?;
    }
    if !wanted.routed.is_empty() && !standing.is_outdated {
        parts::route(&mut sql, &wanted.routed).await?;
    }
    parts::pause(&mut sql, &wanted.pauses, &standing).await?;
    parts::obey(&mut sql, &wanted.obeyed, &standing).await?;
    parts::replay(&mut sql, &wanted.replays, &standing).await?;
    edit::keep(&mut sql, &wanted.edits, &standing).await?;
    bulk::record(&mut sql, wanted, &standing).await?;
    parts::tell(&mut sql, wanted, &standing).await?;
    parts::hand_out(&mut sql, wanted, &standing).await?;
    let committed = committed(&standing);
    note(&mut sql, writer, &committed).await?;
    sql.commit().await?;
    Ok(Guarded::Done(committed))
}

/// False if that transaction took place before.
async fn count(sql: &mut PgConnection, writer: Writer, number: i64) -> sqlx::Result<bool> {
    let counted = sqlx::query(
        // Who commits is alive, however late its beats are.
        "UPDATE writer SET commits = $2, outcome = NULL, beat = beat + 1
         WHERE id = $1 AND commits < $2
         RETURNING pg_advisory_xact_lock_shared($3)::text",
    )
    .bind(writer.0.cast_signed())
    .bind(number)
    .bind(SUBSCRIPTIONS_LOCK)
    .fetch_optional(sql)
    .await?;
    Ok(counted.is_some())
}

/// What was dropped then is dropped; and what is another's by now: nothing of it may be begun.
async fn repeated(
    sql: &mut PgConnection,
    writer: Writer,
    number: i64,
    wanted: &Transaction,
) -> sqlx::Result<Guarded> {
    let row = sqlx::query("SELECT commits, outcome FROM writer WHERE id = $1")
        .bind(writer.0.cast_signed())
        .fetch_optional(&mut *sql)
        .await?;
    let Some(row) = row else {
        let text = "this dispatcher stood still for so long that it was forgotten";
        return Ok(Guarded::Contradicted(text.to_owned()));
    };
    let (commits, outcome): (i64, Option<String>) = (row.try_get(0)?, row.try_get(1)?);
    if commits != number {
        let text = format!("transaction {number} follows transaction {commits}");
        return Ok(Guarded::Contradicted(text));
    }
    let then = outcome.map_or_else(Committed::default, |text| parts::outcome_of(&text));
    let mut lost = committed(&standing(sql, writer, wanted).await?).lost;
    lost.extend(&then.lost);
    lost.sort_unstable();
    lost.dedup();
    Ok(Guarded::Done(Committed { lost, ..then }))
}

/// Read after the locks are held, so that nobody changes it any more.
async fn standing(
    sql: &mut PgConnection,
    writer: Writer,
    wanted: &Transaction,
) -> sqlx::Result<Standing> {
    let endpoints: Vec<i32> = wanted.tenures.iter().map(|it| key(it.endpoint)).collect();
    let fences: Vec<i64> = wanted.tenures.iter().map(|it| it.fence.cast_signed()).collect();
    let row = sqlx::query(
        "SELECT subscriptions_version, age,
                ARRAY (SELECT g.endpoint FROM unnest($2::int[], $3::bigint[]) g (endpoint, fence)
                       JOIN endpoint_state s ON s.endpoint = g.endpoint
                            AND s.fence = g.fence AND s.owner = $1)
         FROM meta",
    )
    .bind(writer.0.cast_signed())
    .bind(endpoints)
    .bind(fences)
    .fetch_one(sql)
    .await?;
    let (version, age): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
    let kept: Vec<i32> = row.try_get(2)?;
    let kept: HashSet<EndpointRow> = kept.into_iter().map(endpoint_row).collect();
    // What is about an endpoint without a tenure was drafted by nobody who owns it.
    let lost = about(wanted).into_iter().filter(|endpoint| !kept.contains(endpoint)).collect();
    let is_admitting = !wanted.admissions.is_empty() || !wanted.routed.is_empty();
    Ok(Standing {
        writer,
        at: wanted.at,
        stamp: if age == 0 { wanted.at } else { Timestamp(age) },
        lost,
        moved: HashSet::new(),
        is_outdated: is_admitting && version.unsigned_abs() != wanted.subscriptions_version,
    })
}

/// Every endpoint something of the transaction is about.
fn about(wanted: &Transaction) -> HashSet<EndpointRow> {
    let mut about: HashSet<EndpointRow> = wanted.settlements.iter().map(|it| it.endpoint).collect();
    about.extend(wanted.tenures.iter().map(|Tenure { endpoint, .. }| *endpoint));
    about.extend(wanted.pauses.iter().map(|(endpoint, _)| *endpoint));
    about.extend(wanted.obeyed.iter().map(|it| it.endpoint));
    about.extend(wanted.replays.iter().map(|it| it.endpoint));
    about.extend(wanted.bulks.iter().map(|it| it.endpoint));
    about.extend(wanted.bulk_items.iter().map(|it| it.endpoint));
    about.extend(wanted.begun.iter().copied());
    about.extend(wanted.intent.iter().flat_map(|(_, started)| started).map(|it| it.endpoint));
    about
}

async fn admit(
    sql: &mut PgConnection,
    places: &[(i32, &PartitionBatch)],
    standing: &Standing,
) -> sqlx::Result<()> {
    parts::insert_messages(sql, places, standing).await?;
    parts::insert_verdicts(sql, places, standing).await?;
    parts::insert_commands(sql, places, standing).await
}

fn committed(standing: &Standing) -> Committed {
    let mut lost: Vec<EndpointRow> = standing.lost.iter().copied().collect();
    let mut moved: Vec<Partition> = standing.moved.iter().cloned().collect();
    lost.sort_unstable();
    moved.sort();
    Committed { lost, moved, is_outdated: standing.is_outdated }
}

async fn note(sql: &mut PgConnection, writer: Writer, committed: &Committed) -> sqlx::Result<()> {
    if *committed == Committed::default() {
        return Ok(());
    }
    sqlx::query("UPDATE writer SET outcome = $2 WHERE id = $1")
        .bind(writer.0.cast_signed())
        .bind(parts::outcome(committed))
        .execute(sql)
        .await
        .map(drop)
}

/// A column's value for an endpoint; there are never so many.
pub(super) fn key(endpoint: EndpointRow) -> i32 {
    i32::try_from(endpoint.0).unwrap_or(i32::MAX)
}

pub(super) fn endpoint_row(key: i32) -> EndpointRow {
    EndpointRow(i64::from(key))
}
