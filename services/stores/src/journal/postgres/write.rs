//! Projects batches: what is known is read, what follows is decided in memory, and all of it written
//! with the positions, in one transaction of a few statements.

use std::collections::HashSet;

use messaging::{Partition, Timestamp};
use sqlx::{Connection as _, PgConnection, Row as _};
use uuid::Uuid;

use super::{
    flush, read,
    sheet::{Draft, Never},
};
use crate::journal::{
    project::{Known, NO_APPLICATION, keys_of, project},
    rows::Projection,
};

/// What became of batches.
pub(super) enum Applied {
    /// They are in; the last sequence number given.
    Yes(i64),
    /// They were in before: the answer to an earlier try was lost.
    Before,
    /// Somebody else wrote. Says where.
    Moved(String),
}

/// Projects `batches` as `writer`, all or nothing.
pub(super) async fn apply(
    connection: &mut PgConnection,
    writer: Uuid,
    batches: &[Projection],
    now: Timestamp,
) -> sqlx::Result<Applied> {
    let mut sql = connection.begin().await?;
    let meta = sqlx::query("SELECT sequence FROM meta WHERE writer = $1 FOR UPDATE")
        .bind(writer)
        .fetch_optional(&mut *sql)
        .await?;
    let Some(meta) = meta else {
        return Ok(Applied::Moved("another console projects into this journal".to_owned()));
    };
    let sequence = meta.try_get(0)?;
    for batch in batches {
        if !advance(&mut sql, batch).await? {
            sql.rollback().await?;
            if are_in(connection, batches).await? {
                return Ok(Applied::Before);
            }
            let (partition, from) = (&batch.partition, batch.from);
            return Ok(Applied::Moved(format!(
                "the stored position of `{partition}` is not {from}"
            )));
        }
    }
    let mut draft = Draft { sequence, ..Draft::default() };
    read_known(&mut sql, batches, &mut draft).await?;
    for batch in batches {
        for entry in &batch.entries {
            match project(&mut draft, entry, &batch.partition) {
                Ok(()) => {}
                Err(never) => nothing(never),
            }
        }
    }
    let sequence = draft.sequence;
    flush::flush(&mut sql, draft, now).await?;
    sql.commit().await?;
    Ok(Applied::Yes(sequence))
}

fn nothing(never: Never) {
    match never {}
}

async fn are_in(sql: &mut PgConnection, batches: &[Projection]) -> sqlx::Result<bool> {
    let positions = read::positions(sql).await?;
    // The last batch of each partition says how far it had come.
    let last: std::collections::HashMap<&Partition, u64> =
        batches.iter().map(|batch| (&batch.partition, batch.next)).collect();
    Ok(last.iter().all(|(partition, next)| positions.get(*partition) == Some(next)))
}

async fn advance(sql: &mut PgConnection, batch: &Projection) -> sqlx::Result<bool> {
    let advanced = sqlx::query(
        "INSERT INTO position AS p (channel, number, next) VALUES ($1, $2, $4)
         ON CONFLICT (channel, number) DO UPDATE SET next = $4 WHERE p.next = $3",
    )
    .bind(batch.partition.channel.as_str())
    .bind(i32::try_from(batch.partition.number).unwrap_or(i32::MAX))
    .bind(batch.from.cast_signed())
    .bind(batch.next.cast_signed())
    .execute(sql)
    .await?;
    Ok(advanced.rows_affected() == 1)
}

/// Everything that is known of the messages the batches are about.
async fn read_known(
    sql: &mut PgConnection,
    batches: &[Projection],
    draft: &mut Draft,
) -> sqlx::Result<()> {
    let entries = batches
        .iter()
        .flat_map(|batch| batch.entries.iter().map(move |entry| keys_of(entry, &batch.partition)));
    let keys: Vec<(Option<Uuid>, Option<i64>)> = entries.collect();
    let messages: HashSet<Uuid> = keys.iter().filter_map(|(message, _)| *message).collect();
    let rows = sqlx::query(
        "SELECT id, message_id, has_head, sha256, state, verdict FROM application
         WHERE message_id = ANY ($1) AND NOT is_copy",
    )
    .bind(messages.into_iter().collect::<Vec<Uuid>>())
    .fetch_all(&mut *sql)
    .await?;
    for row in &rows {
        let (id, message): (i64, Uuid) = (row.try_get(0)?, row.try_get(1)?);
        draft.message_of.insert(id, message);
        let known = Known {
            id,
            has_head: row.try_get(2)?,
            sha256: row.try_get(3)?,
            state: row.try_get(4)?,
            verdict: row.try_get(5)?,
        };
        draft.known.insert(message, known);
    }
    let ids: Vec<i64> = draft.message_of.keys().copied().collect();
    if !ids.is_empty() {
        draft.deliveries = read::deliveries(sql, &ids).await?;
    }
    let (mut applications, mut fingerprints) = (Vec::new(), Vec::new());
    for (message, fingerprint) in keys {
        let id = match message {
            Some(message) => draft.known.get(&message).map(|known| known.id),
            None => Some(NO_APPLICATION),
        };
        if let (Some(id), Some(fingerprint)) = (id, fingerprint) {
            applications.push(id);
            fingerprints.push(fingerprint);
        }
    }
    if applications.is_empty() {
        return Ok(());
    }
    let rows = sqlx::query(
        "SELECT e.application, e.fingerprint
         FROM unnest($1::bigint[], $2::bigint[]) g (application, fingerprint)
         JOIN event e ON e.application = g.application AND e.fingerprint = g.fingerprint",
    )
    .bind(applications)
    .bind(fingerprints)
    .fetch_all(sql)
    .await?;
    for row in &rows {
        draft.events_known.insert((row.try_get(0)?, row.try_get(1)?));
    }
    Ok(())
}
