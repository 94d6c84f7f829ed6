//! The parts of the transaction, each one statement for all its rows.

use messaging::{ChannelName, Partition};
use sqlx::{PgConnection, Row as _, postgres::PgArguments, query::Query};
use uuid::Uuid;

use super::commit::{Standing, endpoint_row, key};
use crate::ledger::{
    Admission, AdmittedMessage, AttemptRow, Committed, EndpointRow, MessageRow, NewDelivery,
    Obeyed, PartitionBatch, PauseRow, ReplayRow, Settlement, Started, Transaction,
};

type Statement<'q> = Query<'q, sqlx::Postgres, PgArguments>;

/// Moves the position, and gives the partition's key. `None` if it is not where the batch began.
pub(super) async fn advance(
    sql: &mut PgConnection,
    batch: &PartitionBatch,
) -> sqlx::Result<Option<i32>> {
    let last = batch.records.iter().rev().find_map(|record| match record {
        Admission::Message(message) => Some((message.offset, message.message_id.0, message.sha256)),
        Admission::Command(command) => Some((command.offset, command.id.0, command.sha256)),
        Admission::Verdict(_) => None,
    });
    let Partition { channel, number } = &batch.partition;
    let advanced = sqlx::query(
        "INSERT INTO partition AS p
            (channel, number, next, last_offset, last_message_id, last_sha256)
         VALUES ($1, $2, $4, $5, $6, $7)
         ON CONFLICT (channel, number) DO UPDATE
         SET next = $4, last_offset = coalesce($5, p.last_offset),
             last_message_id = coalesce($6, p.last_message_id),
             last_sha256 = coalesce($7, p.last_sha256)
         WHERE p.next = $3
         RETURNING id",
    )
    .bind(channel.as_str())
    .bind(i32::try_from(*number).unwrap_or(i32::MAX))
    .bind(batch.from.cast_signed())
    .bind(batch.next.cast_signed())
    .bind(last.map(|last| last.0.cast_signed()))
    .bind(last.map(|last| last.1))
    .bind(last.map(|last| last.2.0.to_vec()))
    .fetch_optional(sql)
    .await?;
    advanced.map(|row| row.try_get(0)).transpose()
}

/// False if one of the deliveries is not at the version before.
pub(super) async fn settle(
    sql: &mut PgConnection,
    settlements: &[&Settlement],
    standing: &Standing,
) -> sqlx::Result<bool> {
    if settlements.is_empty() {
        return Ok(true);
    }
    let column = |value: fn(&Settlement) -> i64| -> Vec<i64> {
        settlements.iter().map(|settlement| value(settlement)).collect()
    };
    let optional = |value: fn(&Settlement) -> Option<i64>| -> Vec<Option<i64>> {
        settlements.iter().map(|settlement| value(settlement)).collect()
    };
    let states: Vec<&str> = settlements.iter().map(|it| it.state.name()).collect();
    let finals: Vec<bool> = settlements.iter().map(|it| it.state.is_final()).collect();
    let attempts: Vec<i32> = settlements.iter().map(|it| number(it.attempts)).collect();
    // What is settled already has its attempt, too: both are told by their count.
    let settled = sqlx::query(
        "WITH tried AS (
            INSERT INTO attempt
            SELECT * FROM unnest($9::bigint[], $10::bigint[], $11::int[], $12::bigint[],
                                 $13::bigint[], $14::text[], $15::text[], $16::text[], $17::text[])
            ON CONFLICT DO NOTHING RETURNING 1
         ), settled AS (
         UPDATE delivery d
         SET state = g.state, attempts = g.attempts, next_at = g.next_at,
             first_attempt_at = g.first_attempt_at, version = g.version,
             final_at = CASE WHEN g.is_final THEN $8 END
         FROM unnest($1::bigint[], $2::text[], $3::int[], $4::bigint[], $5::bigint[],
                     $6::bigint[], $7::bool[])
              g (id, state, attempts, next_at, first_attempt_at, version, is_final)
         WHERE d.id = g.id AND d.version = g.version - 1 RETURNING 1
         )
         SELECT (SELECT count(*) FROM settled), (SELECT count(*) FROM tried)",
    )
    .bind(column(|it| it.delivery.0))
    .bind(states)
    .bind(attempts)
    .bind(optional(|it| it.next_at.map(|at| at.0)))
    .bind(optional(|it| it.first_attempt_at.map(|at| at.0)))
    .bind(column(|it| it.version.cast_signed()))
    .bind(finals)
    .bind(standing.stamp.0);
    let counted = bind_attempts(settled, settlements).fetch_one(sql).await?;
    let (settled, tried): (i64, i64) = (counted.try_get(0)?, counted.try_get(1)?);
    let attempts = settlements.iter().filter(|it| it.attempt.is_some()).count();
    Ok((settled, tried) == (int(settlements.len()), int(attempts)))
}

fn bind_attempts<'q>(statement: Statement<'q>, of: &[&'q Settlement]) -> Statement<'q> {
    let attempts: Vec<_> =
        of.iter().filter_map(|it| it.attempt.as_ref().map(|attempt| (*it, attempt))).collect();
    let texts = |value: fn(&AttemptRow) -> Option<&str>| -> Vec<Option<&str>> {
        attempts.iter().map(|(_, attempt)| value(attempt)).collect()
    };
    statement
        .bind(attempts.iter().map(|(it, _)| it.delivery.0).collect::<Vec<i64>>())
        .bind(attempts.iter().map(|(it, _)| it.version.cast_signed()).collect::<Vec<i64>>())
        .bind(attempts.iter().map(|(_, attempt)| number(attempt.number)).collect::<Vec<i32>>())
        .bind(attempts.iter().map(|(_, attempt)| attempt.started_at.0).collect::<Vec<i64>>())
        .bind(attempts.iter().map(|(_, attempt)| attempt.ended_at.0).collect::<Vec<i64>>())
        .bind(attempts.iter().map(|(_, attempt)| attempt.outcome).collect::<Vec<&str>>())
        .bind(texts(|attempt| attempt.code.as_deref()))
        .bind(texts(|attempt| attempt.cause.as_deref()))
        .bind(texts(|attempt| attempt.receipt.as_deref()))
}

/// Messages, their bodies, deliveries, claims, and those nobody wants.
pub(super) async fn insert_messages(
    sql: &mut PgConnection,
    places: &[(i32, &PartitionBatch)],
    standing: &Standing,
) -> sqlx::Result<()> {
    let messages: Vec<(i32, &AdmittedMessage)> = places
        .iter()
        .flat_map(|(place, batch)| batch.records.iter().map(move |record| (*place, record)))
        .filter_map(|(place, record)| match record {
            Admission::Message(message) => Some((place, message)),
            Admission::Command(_) | Admission::Verdict(_) => None,
        })
        .collect();
    if messages.is_empty() {
        return Ok(());
    }
    let deliveries = messages
        .iter()
        .flat_map(|(_, message)| message.deliveries.iter().map(move |new| (*new, message.row)));
    let Columns { ids, endpoints, messages: of_messages, states } = columns(deliveries);
    let unrouted = messages.iter().filter(|(_, message)| message.deliveries.is_empty());
    let rows: Vec<i64> = messages.iter().map(|(_, message)| message.row.0).collect();
    sqlx::query(
        "WITH m AS (
            INSERT INTO message
            SELECT g.id, g.partition, g.place, g.message_id, g.sha256, g.case_id, g.sender, $12
            FROM unnest($1::bigint[], $2::int[], $3::bigint[], $4::uuid[], $5::bytea[],
                        $6::uuid[], $7::text[])
                 g (id, partition, place, message_id, sha256, case_id, sender)
         ), b AS (
            INSERT INTO body SELECT * FROM unnest($1::bigint[], $8::bytea[])
         ), u AS (
            INSERT INTO unrouted SELECT * FROM unnest($13::bigint[])
         )
         INSERT INTO delivery (id, endpoint, message, generation, state, attempts, version)
         SELECT g.id, g.endpoint, g.message, 0, g.state, 0, 1
         FROM unnest($9::bigint[], $10::int[], $11::bigint[], $14::text[])
              g (id, endpoint, message, state)",
    )
    .bind(rows)
    .bind(messages.iter().map(|(place, _)| *place).collect::<Vec<i32>>())
    .bind(messages.iter().map(|(_, it)| it.offset.cast_signed()).collect::<Vec<i64>>())
    .bind(messages.iter().map(|(_, it)| it.message_id.0).collect::<Vec<Uuid>>())
    .bind(messages.iter().map(|(_, it)| &it.sha256.0[..]).collect::<Vec<&[u8]>>())
    .bind(messages.iter().map(|(_, it)| it.case_id.0).collect::<Vec<Uuid>>())
    .bind(messages.iter().map(|(_, it)| it.sender.as_str()).collect::<Vec<&str>>())
    .bind(messages.iter().map(|(_, it)| it.record.as_ref()).collect::<Vec<&[u8]>>())
    .bind(ids)
    .bind(endpoints)
    .bind(of_messages)
    .bind(standing.at.0)
    .bind(unrouted.map(|(_, message)| message.row.0).collect::<Vec<i64>>())
    .bind(states)
    .execute(&mut *sql)
    .await?;
    let claims = messages
        .iter()
        .flat_map(|(_, message)| message.claims.iter().map(|claim| (claim.0, message.row.0)));
    super::pins::hold(sql, claims.collect()).await
}

#[derive(Default)]
struct Columns {
    ids: Vec<i64>,
    endpoints: Vec<i32>,
    messages: Vec<i64>,
    states: Vec<&'static str>,
}

fn columns(rows: impl Iterator<Item = (NewDelivery, MessageRow)>) -> Columns {
    let mut columns = Columns::default();
    for (new, message) in rows {
        columns.ids.push(new.delivery.0);
        columns.endpoints.push(key(new.endpoint));
        columns.messages.push(message.0);
        columns.states.push(new.state().name());
    }
    columns
}

pub(super) async fn insert_verdicts(
    sql: &mut PgConnection,
    places: &[(i32, &PartitionBatch)],
    standing: &Standing,
) -> sqlx::Result<()> {
    for (place, batch) in places {
        for record in &batch.records {
            // Rare: one by one.
            let Admission::Verdict(verdict) = record else { continue };
            let row = sqlx::query(
                "INSERT INTO verdict (partition, place, kind, message_id, sha256, record, at)
                 VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING id",
            )
            .bind(*place)
            .bind(verdict.offset.cast_signed())
            .bind(verdict.kind.name())
            .bind(verdict.message_id.map(|id| id.0))
            .bind(verdict.sha256.map(|hash| hash.0.to_vec()))
            .bind(verdict.record.as_deref())
            .bind(standing.at.0)
            .fetch_one(&mut *sql)
            .await?;
            super::pins::hold_verdict(sql, row.try_get(0)?, verdict).await?;
        }
    }
    Ok(())
}

pub(super) async fn insert_commands(
    sql: &mut PgConnection,
    places: &[(i32, &PartitionBatch)],
    standing: &Standing,
) -> sqlx::Result<()> {
    for (place, batch) in places {
        for record in &batch.records {
            // People order seldom: one by one. Another dispatcher may have read the same one.
            let Admission::Command(row) = record else { continue };
            sqlx::query(
                "INSERT INTO command (id, partition, place, endpoint, name, issued_at, admitted_at,
                                      state, code, record, kept_from)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT (id) DO NOTHING",
            )
            .bind(row.id.0)
            .bind(*place)
            .bind(row.offset.cast_signed())
            .bind(row.endpoint.as_str())
            .bind(&row.name)
            .bind(row.issued_at.0)
            .bind(standing.at.0)
            .bind(row.state.name())
            .bind(row.code)
            .bind(row.record.as_ref())
            .bind(standing.stamp.0)
            .execute(&mut *sql)
            .await?;
        }
    }
    Ok(())
}

/// Another dispatcher may have routed some of them already.
pub(super) async fn route(
    sql: &mut PgConnection,
    routed: &[(MessageRow, Vec<NewDelivery>)],
) -> sqlx::Result<()> {
    let deliveries = routed
        .iter()
        .flat_map(|(message, deliveries)| deliveries.iter().map(move |new| (*new, *message)));
    let Columns { ids, endpoints, messages, states } = columns(deliveries);
    sqlx::query(
        "WITH found AS (
            DELETE FROM unrouted WHERE message = ANY ($4) RETURNING message
         )
         INSERT INTO delivery (id, endpoint, message, generation, state, attempts, version)
         SELECT g.id, g.endpoint, g.message, 0, g.state, 0, 1
         FROM unnest($1::bigint[], $2::int[], $3::bigint[], $5::text[])
              g (id, endpoint, message, state)
         JOIN found f ON f.message = g.message",
    )
    .bind(ids)
    .bind(endpoints)
    .bind(messages)
    .bind(routed.iter().map(|(message, _)| message.0).collect::<Vec<i64>>())
    .bind(states)
    .execute(sql)
    .await
    .map(drop)
}

pub(super) async fn pause(
    sql: &mut PgConnection,
    pauses: &[(EndpointRow, Option<PauseRow>)],
    standing: &Standing,
) -> sqlx::Result<()> {
    for (endpoint, pause) in pauses.iter().filter(|(endpoint, _)| standing.keeps(*endpoint)) {
        sqlx::query("UPDATE endpoint_state SET paused_at = $2, command = $3 WHERE endpoint = $1")
            .bind(key(*endpoint))
            .bind(pause.map(|pause| pause.at.0))
            .bind(pause.map(|pause| pause.command.0))
            .execute(&mut *sql)
            .await?;
    }
    Ok(())
}

/// Deliveries that repeat others; people order them, and not many at once.
pub(super) async fn replay(
    sql: &mut PgConnection,
    replays: &[ReplayRow],
    standing: &Standing,
) -> sqlx::Result<()> {
    for replay in replays.iter().filter(|replay| standing.keeps(replay.endpoint)) {
        sqlx::query(
            "INSERT INTO delivery
                 (id, endpoint, message, generation, state, attempts, version, replay_of)
             VALUES ($1, $2, $3, $4, 'pending', 0, 1, $5)",
        )
        .bind(replay.delivery.0)
        .bind(key(replay.endpoint))
        .bind(replay.message.0)
        .bind(number(replay.generation))
        .bind(replay.replay_of.0)
        .execute(&mut *sql)
        .await?;
    }
    Ok(())
}

/// What was obeyed is obeyed once.
pub(super) async fn obey(
    sql: &mut PgConnection,
    obeyed: &[Obeyed],
    standing: &Standing,
) -> sqlx::Result<()> {
    for command in obeyed.iter().filter(|command| standing.keeps(command.endpoint)) {
        let sentence = "UPDATE command SET state = $2, code = $3, record = coalesce($4, record)
                        WHERE id = $1";
        sqlx::query(sentence)
            .bind(command.id.0)
            .bind(command.state.name())
            .bind(command.code)
            .bind(command.record.as_deref())
            .execute(&mut *sql)
            .await?;
    }
    Ok(())
}

pub(super) async fn tell(
    sql: &mut PgConnection,
    wanted: &Transaction,
    standing: &Standing,
) -> sqlx::Result<()> {
    let entries: Vec<_> =
        wanted.outbox.iter().filter(|entry| standing.keeps_part(&entry.of)).collect();
    if entries.is_empty() && wanted.outbox_done.is_none() {
        return Ok(());
    }
    let records = entries.iter().map(|entry| entry.record.as_ref()).collect::<Vec<&[u8]>>();
    // Walks from behind the last that went, not over what has gone.
    sqlx::query(
        "WITH told AS (
            DELETE FROM outbox WHERE writer = $1 AND sequence > $4 AND sequence <= $5
         )
         INSERT INTO outbox SELECT $1, * FROM unnest($2::bigint[], $3::bytea[])",
    )
    .bind(standing.writer.0.cast_signed())
    .bind(entries.iter().map(|entry| entry.sequence.cast_signed()).collect::<Vec<i64>>())
    .bind(records)
    .bind(wanted.outbox_told.cast_signed())
    .bind(wanted.outbox_done.map_or(-1, u64::cast_signed))
    .execute(sql)
    .await
    .map(drop)
}

pub(super) async fn hand_out(
    sql: &mut PgConnection,
    wanted: &Transaction,
    standing: &Standing,
) -> sqlx::Result<()> {
    let begun = wanted.begun.iter().filter(|endpoint| standing.keeps(**endpoint));
    let begun: Vec<i32> = begun.map(|endpoint| key(*endpoint)).collect();
    let done: Vec<i64> = wanted.intents_done.iter().map(|intent| intent.0).collect();
    let started = wanted.intent.iter().flat_map(|(_, started)| started);
    let started: Vec<&Started> = started.filter(|it| standing.keeps(it.endpoint)).collect();
    if begun.is_empty() && done.is_empty() && started.is_empty() {
        return Ok(());
    }
    // What is left of an intent of an endpoint that is another's now tells its new owner what may
    // have been sent.
    let kept = wanted.tenures.iter().map(|tenure| tenure.endpoint);
    let kept: Vec<i32> = kept.filter(|it| standing.keeps(*it)).map(key).collect();
    sqlx::query(
        "WITH gone AS (
            DELETE FROM intent
            WHERE id = ANY ($1) AND endpoint = ANY ($3) OR endpoint = ANY ($2)
         )
         INSERT INTO intent
         SELECT $4, g.endpoint, array_agg(g.delivery), array_agg(g.version)
         FROM unnest($5::int[], $6::bigint[], $7::bigint[]) g (endpoint, delivery, version)
         GROUP BY g.endpoint",
    )
    .bind(done)
    .bind(begun)
    .bind(kept)
    .bind(wanted.intent.as_ref().map_or(0, |(intent, _)| intent.0))
    .bind(started.iter().map(|it| key(it.endpoint)).collect::<Vec<i32>>())
    .bind(started.iter().map(|it| it.delivery.0).collect::<Vec<i64>>())
    .bind(started.iter().map(|it| it.version.cast_signed()).collect::<Vec<i64>>())
    .execute(sql)
    .await
    .map(drop)
}

/// What was dropped, as one text: endpoints, partitions, whether the subscriptions had changed.
pub(super) fn outcome(committed: &Committed) -> String {
    let lost: Vec<String> = committed.lost.iter().map(|row| row.0.to_string()).collect();
    let moved: Vec<String> =
        committed.moved.iter().map(|it| format!("{} {}", it.channel, it.number)).collect();
    format!("{};{};{}", lost.join(","), moved.join(","), committed.is_outdated)
}

/// And back.
pub(super) fn outcome_of(text: &str) -> Committed {
    let mut parts = text.split(';');
    let mut list = || parts.next().unwrap_or_default().split(',').filter(|it| !it.is_empty());
    let lost = list().filter_map(|row| row.parse().ok()).map(endpoint_row).collect();
    let partition = |text: &str| {
        let (channel, number) = text.split_once(' ')?;
        let channel = ChannelName::new(channel).ok()?;
        Some(Partition { channel, number: number.parse().ok()? })
    };
    let moved = list().filter_map(partition).collect();
    Committed { lost, moved, is_outdated: parts.next() == Some("true") }
}

fn int(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn number(value: u32) -> i32 {
    i32::try_from(value).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_dropped_is_remembered() {
        let partition = |number| Partition { channel: ChannelName::control(), number };
        for committed in [
            Committed::default(),
            Committed {
                lost: vec![EndpointRow(3), EndpointRow(12)],
                moved: vec![partition(0), partition(7)],
                is_outdated: true,
            },
        ] {
            assert_eq!(outcome_of(&outcome(&committed)), committed);
        }
    }
}
