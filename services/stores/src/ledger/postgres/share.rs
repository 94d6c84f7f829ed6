//! What several dispatchers need of each other: beats, tenures, numbers, and what others admitted.

use messaging::{CaseId, MessageId, Partition};
use sqlx::{Connection as _, PgConnection, Row as _, postgres::PgRow};
use std::time::Duration;

use super::commit::{endpoint_row, key};
use crate::ledger::{
    Beat, Claim, DeliveryId, EndpointRow, FollowedMessage, Look, MessageRow, NewDelivery, Numbers,
    Owned, Round, Tenure, Writer,
};

pub(super) async fn reserve(
    connection: &mut PgConnection,
    (deliveries, messages, intents): (u32, u32, u32),
) -> sqlx::Result<Numbers> {
    let row = sqlx::query(
        "UPDATE number SET delivery = delivery + $1, message = message + $2, intent = intent + $3
         RETURNING delivery, message, intent",
    )
    .bind(i64::from(deliveries))
    .bind(i64::from(messages))
    .bind(i64::from(intents))
    .fetch_one(connection)
    .await?;
    let block = |column: usize, len: u32| -> sqlx::Result<(i64, i64)> {
        let last: i64 = row.try_get(column)?;
        Ok((last - i64::from(len) + 1, last + 1))
    };
    Ok(Numbers {
        deliveries: block(0, deliveries)?,
        messages: block(1, messages)?,
        intents: block(2, intents)?,
    })
}

pub(super) async fn beat(connection: &mut PgConnection, me: Writer) -> sqlx::Result<Round> {
    sqlx::query("UPDATE writer SET beat = beat + 1, seen = (SELECT age FROM meta) WHERE id = $1")
        .bind(me.0.cast_signed())
        .execute(&mut *connection)
        .await?;
    let writers = sqlx::query(
        "SELECT w.id, w.beat, w.id <> $1 AND EXISTS (SELECT 1 FROM outbox o WHERE o.writer = w.id)
         FROM writer w",
    )
    .bind(me.0.cast_signed())
    .fetch_all(&mut *connection)
    .await?;
    let mut round = Round::default();
    for row in &writers {
        let writer = writer(row.try_get(0)?);
        let count = row.try_get::<i64, _>(1)?.unsigned_abs();
        round.beats.push(Beat { writer, count });
        if row.try_get(2)? {
            round.untold.push(writer);
        }
    }
    let owned = sqlx::query("SELECT endpoint, owner, fence, lease FROM endpoint_state")
        .fetch_all(connection)
        .await?;
    let owner = |row: &PgRow| {
        Ok(Owned {
            endpoint: endpoint_row(row.try_get(0)?),
            owner: row.try_get::<Option<i64>, _>(1)?.map(writer),
            fence: row.try_get::<i64, _>(2)?.unsigned_abs(),
            lease: Duration::from_micros(row.try_get::<i64, _>(3)?.unsigned_abs()),
        })
    };
    round.owned = owned.iter().map(owner).collect::<sqlx::Result<_>>()?;
    Ok(round)
}

fn writer(id: i64) -> Writer {
    Writer(id.unsigned_abs())
}

pub(super) async fn look(connection: &mut PgConnection) -> sqlx::Result<Look> {
    let row = sqlx::query(
        "SELECT subscriptions_version,
                ARRAY (SELECT DISTINCT e.id FROM command c JOIN endpoint e ON e.name = c.endpoint
                       WHERE c.state = 'waiting')
         FROM meta",
    )
    .fetch_one(&mut *connection)
    .await?;
    let version: i64 = row.try_get(0)?;
    let ordered: Vec<i32> = row.try_get(1)?;
    Ok(Look {
        subscriptions_version: version.unsigned_abs(),
        positions: super::read::positions(connection).await?,
        ordered: ordered.into_iter().map(endpoint_row).collect(),
    })
}

/// Takes what is as it was seen. A former owner that is in the middle of a commit is alive. One of us that was
/// forgotten takes nothing: nobody would ever see it stand still, and so take from it what it had.
pub(super) async fn claim(
    connection: &mut PgConnection,
    me: Writer,
    claims: &[Claim],
) -> sqlx::Result<Vec<Tenure>> {
    let mut sql = connection.begin().await?;
    let mut tenures = Vec::new();
    // Whoever is about to forget us waits until this is over, and then takes back what was taken.
    let known = sqlx::query("SELECT 1 FROM writer WHERE id = $1 FOR KEY SHARE")
        .bind(me.0.cast_signed())
        .fetch_optional(&mut *sql)
        .await?;
    if known.is_none() {
        return Ok(tenures);
    }
    for claim in claims {
        if let Some(Beat { writer, count }) = claim.stands_still {
            let still = sqlx::query(
                "SELECT 1 FROM writer WHERE id = $1 AND beat = $2 FOR UPDATE SKIP LOCKED",
            )
            .bind(writer.0.cast_signed())
            .bind(count.cast_signed())
            .fetch_optional(&mut *sql)
            .await?;
            if still.is_none() {
                continue;
            }
        }
        let taken = sqlx::query(
            "UPDATE endpoint_state SET owner = $1, fence = fence + 1, lease = $4
             WHERE endpoint = (SELECT endpoint FROM endpoint_state
                               WHERE endpoint = $2 AND owner IS NOT DISTINCT FROM $3
                               FOR UPDATE SKIP LOCKED)
             RETURNING fence",
        )
        .bind(me.0.cast_signed())
        .bind(key(claim.endpoint))
        .bind(claim.stands_still.map(|beat| beat.writer.0.cast_signed()))
        .bind(i64::try_from(claim.lease.as_micros()).unwrap_or(i64::MAX))
        .fetch_optional(&mut *sql)
        .await?;
        if let Some(row) = taken {
            let fence = row.try_get::<i64, _>(0)?.unsigned_abs();
            tenures.push(Tenure { endpoint: claim.endpoint, fence });
        }
    }
    sql.commit().await?;
    Ok(tenures)
}

/// The fence grows, so that nothing that is still under way is committed.
pub(super) async fn release(connection: &mut PgConnection, me: Writer) -> sqlx::Result<()> {
    sqlx::query("UPDATE endpoint_state SET owner = NULL, fence = fence + 1 WHERE owner = $1")
        .bind(me.0.cast_signed())
        .execute(connection)
        .await
        .map(drop)
}

pub(super) async fn follow(
    connection: &mut PgConnection,
    partition: &Partition,
    (from, until): (u64, u64),
    endpoints: &[EndpointRow],
    limit: u32,
) -> sqlx::Result<Vec<FollowedMessage>> {
    let rows = sqlx::query(
        "SELECT m.id, m.place, m.message_id, m.case_id,
                ARRAY (SELECT d.endpoint FROM delivery d
                       WHERE d.message = m.id AND d.endpoint = ANY ($5) AND d.replay_of IS NULL
                       ORDER BY d.id),
                ARRAY (SELECT d.id FROM delivery d
                       WHERE d.message = m.id AND d.endpoint = ANY ($5) AND d.replay_of IS NULL
                       ORDER BY d.id),
                ARRAY (SELECT d.state = 'uncertain' AND d.version = 1 FROM delivery d
                       WHERE d.message = m.id AND d.endpoint = ANY ($5) AND d.replay_of IS NULL
                       ORDER BY d.id)
         FROM message m JOIN partition p ON p.id = m.partition
         WHERE p.channel = $1 AND p.number = $2 AND m.place >= $3 AND m.place < $4
         ORDER BY m.place LIMIT $6",
    )
    .bind(partition.channel.as_str())
    .bind(i32::try_from(partition.number).unwrap_or(i32::MAX))
    .bind(from.cast_signed())
    .bind(until.cast_signed())
    .bind(endpoints.iter().map(|row| key(*row)).collect::<Vec<i32>>())
    .bind(i64::from(limit))
    .fetch_all(connection)
    .await?;
    let message = |row: &PgRow| {
        let (endpoints, deliveries): (Vec<i32>, Vec<i64>) = (row.try_get(4)?, row.try_get(5)?);
        let doubts: Vec<bool> = row.try_get(6)?;
        let new = endpoints.into_iter().zip(deliveries).zip(doubts);
        let new = new.map(|((endpoint, delivery), is_doubtful)| NewDelivery {
            delivery: DeliveryId(delivery),
            endpoint: endpoint_row(endpoint),
            is_doubtful,
        });
        Ok(FollowedMessage {
            row: MessageRow(row.try_get(0)?),
            offset: row.try_get::<i64, _>(1)?.unsigned_abs(),
            message_id: MessageId(row.try_get(2)?),
            case_id: CaseId(row.try_get(3)?),
            deliveries: new.collect(),
        })
    };
    rows.iter().map(message).collect()
}

pub(super) async fn told(
    connection: &mut PgConnection,
    of: Writer,
    through: u64,
) -> sqlx::Result<()> {
    sqlx::query("DELETE FROM outbox WHERE writer = $1 AND sequence <= $2")
        .bind(of.0.cast_signed())
        .bind(through.cast_signed())
        .execute(connection)
        .await
        .map(drop)
}
