//! The statements that write what was decided, each for all its rows.

use messaging::{ApplicationHead, Timestamp};
use sqlx::{PgConnection, postgres::PgArguments, query::Query};
use uuid::Uuid;

use super::{
    report,
    sheet::{ApplicationRow, Draft, EventRow, reasons},
};
use crate::journal::{keys::segment, rows::Delivery};

type Statement<'q> = Query<'q, sqlx::Postgres, PgArguments>;

/// Writes `draft`.
pub(super) async fn flush(
    sql: &mut PgConnection,
    draft: Draft,
    now: Timestamp,
) -> sqlx::Result<()> {
    insert_applications(sql, &draft).await?;
    fill_in(sql, &draft).await?;
    change(sql, &draft).await?;
    insert_events(sql, &draft.events).await?;
    upsert_deliveries(sql, &draft).await?;
    insert_replies(sql, &draft).await?;
    set_gates(sql, &draft).await?;
    report::flush(sql, &draft).await?;
    tally(sql, &draft).await?;
    sqlx::query("UPDATE meta SET sequence = $1, projected_at = $2")
        .bind(draft.sequence)
        .bind(now.0)
        .execute(sql)
        .await
        .map(drop)
}

/// What an application's head says, as columns; nothing where it has not come.
fn bind_heads<'q>(statement: Statement<'q>, heads: &[Option<&ApplicationHead>]) -> Statement<'q> {
    fn column<'a, T>(
        heads: &[Option<&'a ApplicationHead>],
        value: impl Fn(&'a ApplicationHead) -> Option<T>,
    ) -> Vec<Option<T>> {
        heads.iter().map(|head| head.and_then(&value)).collect()
    }
    statement
        .bind(heads.iter().map(|head| head.is_some_and(|head| head.is_test)).collect::<Vec<bool>>())
        .bind(column(heads, |head| head.own_id.as_ref().map(|own_id| own_id.as_str())))
        .bind(column(heads, |head| head.case_reference.as_deref()))
        .bind(column(heads, |head| Some(head.authority.as_str())))
        .bind(column(heads, |head| Some(head.procedure.standard.as_str())))
        .bind(column(heads, |head| Some(head.procedure.version.as_str())))
        .bind(column(heads, |head| Some(head.procedure.message_type.as_str())))
        .bind(column(heads, |head| Some(&head.sha256.0[..])))
        .bind(column(heads, |head| Some(head.received_at.0)))
        .bind(column(heads, |head| head.trace.as_ref().map(|trace| trace.as_str())))
}

async fn insert_applications(sql: &mut PgConnection, draft: &Draft) -> sqlx::Result<()> {
    if draft.inserted.is_empty() {
        return Ok(());
    }
    let rows: Vec<(&i64, &ApplicationRow)> = draft.inserted.iter().collect();
    let heads: Vec<Option<&ApplicationHead>> =
        rows.iter().map(|(_, row)| row.head.as_deref()).collect();
    let statement = sqlx::query(
        "INSERT INTO application (id, segment, message_id, is_copy, is_fresh, has_head, state,
             verdict, case_id, sender, is_test, own_id, case_reference, authority, standard, version,
             message_type, sha256, received_at, trace)
         SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::uuid[], $4::bool[], $5::bool[],
             $6::bool[], $7::text[], $8::text[], $9::uuid[], $10::text[], $11::bool[], $12::text[],
             $13::text[], $14::text[], $15::text[], $16::text[], $17::text[], $18::bytea[],
             $19::bigint[], $20::text[])",
    )
    .bind(rows.iter().map(|(id, _)| **id).collect::<Vec<i64>>())
    .bind(rows.iter().map(|(id, _)| segment(**id)).collect::<Vec<i64>>())
    .bind(rows.iter().map(|(_, row)| row.message_id).collect::<Vec<Uuid>>())
    .bind(rows.iter().map(|(_, row)| row.is_copy).collect::<Vec<bool>>())
    .bind(rows.iter().map(|(_, row)| row.is_fresh).collect::<Vec<bool>>())
    .bind(rows.iter().map(|(_, row)| row.head.is_some()).collect::<Vec<bool>>())
    .bind(rows.iter().map(|(_, row)| row.state.as_str()).collect::<Vec<&str>>())
    .bind(rows.iter().map(|(_, row)| row.verdict.as_deref()).collect::<Vec<Option<&str>>>())
    .bind(rows.iter().map(|(_, row)| row.case_id).collect::<Vec<Option<Uuid>>>())
    .bind(rows.iter().map(|(_, row)| row.sender.as_deref()).collect::<Vec<Option<&str>>>());
    bind_heads(statement, &heads).execute(sql).await.map(drop)
}

/// Applications that come after what was told of them.
async fn fill_in(sql: &mut PgConnection, draft: &Draft) -> sqlx::Result<()> {
    if draft.filled.is_empty() {
        return Ok(());
    }
    let heads: Vec<Option<&ApplicationHead>> =
        draft.filled.iter().map(|(_, head)| Some(&**head)).collect();
    let of = |(id, _): &(i64, Box<ApplicationHead>)| *id;
    let statement = sqlx::query(
        "UPDATE application a SET has_head = true, case_id = g.case_id, sender = g.sender,
             is_test = g.is_test, own_id = g.own_id, case_reference = g.case_reference,
             authority = g.authority, standard = g.standard, version = g.version,
             message_type = g.message_type, sha256 = g.sha256, received_at = g.received_at,
             trace = g.trace
         FROM unnest($1::bigint[], $2::uuid[], $3::text[], $4::bool[], $5::text[], $6::text[],
             $7::text[], $8::text[], $9::text[], $10::text[], $11::bytea[], $12::bigint[],
             $13::text[])
             g (id, case_id, sender, is_test, own_id, case_reference, authority, standard, version,
                message_type, sha256, received_at, trace)
         WHERE a.id = g.id",
    )
    .bind(draft.filled.iter().map(of).collect::<Vec<i64>>())
    .bind(draft.filled.iter().map(|(_, head)| head.case_id.0).collect::<Vec<Uuid>>())
    .bind(draft.filled.iter().map(|(_, head)| head.sender.as_str()).collect::<Vec<&str>>());
    bind_heads(statement, &heads).execute(sql).await.map(drop)
}

async fn change(sql: &mut PgConnection, draft: &Draft) -> sqlx::Result<()> {
    if draft.changed.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "UPDATE application a SET state = coalesce(g.state, a.state),
                                  verdict = coalesce(g.verdict, a.verdict)
         FROM unnest($1::bigint[], $2::text[], $3::text[]) g (id, state, verdict)
         WHERE a.id = g.id",
    )
    .bind(draft.changed.keys().copied().collect::<Vec<i64>>())
    .bind(draft.changed.values().map(|change| change.0).collect::<Vec<Option<&str>>>())
    .bind(draft.changed.values().map(|change| change.1).collect::<Vec<Option<&str>>>())
    .execute(sql)
    .await
    .map(drop)
}

async fn insert_events(sql: &mut PgConnection, events: &[EventRow]) -> sqlx::Result<()> {
    if events.is_empty() {
        return Ok(());
    }
    let number = |value: fn(&EventRow) -> i64| events.iter().map(value).collect::<Vec<i64>>();
    let mut statement = sqlx::query(
        "INSERT INTO event (id, application, fingerprint, at, kind, endpoint, code, cause, place,
             trace, receipt, reasons, reply_kind, ledger, epoch, number, version, state, attempts,
             next_at)
         SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::text[],
             $6::text[], $7::text[], $8::text[], $9::text[], $10::text[], $11::text[], $12::text[],
             $13::text[], $14::text[], $15::bigint[], $16::bigint[], $17::bigint[], $18::text[],
             $19::int[], $20::bigint[])",
    )
    .bind(number(|row| row.id))
    .bind(number(|row| row.application))
    .bind(number(|row| row.fingerprint))
    .bind(number(|row| row.at));
    for text in 0..9 {
        let column = events.iter().map(|row| row.texts.get(text)?.as_deref());
        statement = statement.bind(column.collect::<Vec<Option<&str>>>());
    }
    fn of<T>(events: &[EventRow], value: impl Fn(&Delivery) -> Option<T>) -> Vec<Option<T>> {
        events.iter().map(|row| row.delivery.as_ref().and_then(&value)).collect()
    }
    let ledgers = events.iter().map(|row| row.delivery.as_ref().map(|it| it.ledger.as_str()));
    statement
        .bind(ledgers.collect::<Vec<Option<&str>>>())
        .bind(of(events, |it| Some(it.epoch)))
        .bind(of(events, |it| Some(it.number)))
        .bind(of(events, |it| Some(it.version)))
        .bind(of(events, |it| Some(it.state.name())))
        .bind(of(events, |it| Some(number_of(it.attempts))))
        .bind(of(events, |it| it.next_at.map(|at| at.0)))
        .execute(sql)
        .await
        .map(drop)
}

fn number_of(value: u32) -> i32 {
    i32::try_from(value).unwrap_or(i32::MAX)
}

async fn upsert_deliveries(sql: &mut PgConnection, draft: &Draft) -> sqlx::Result<()> {
    let is_it = |of: &Delivery, key: &(String, String, i64)| {
        (&of.endpoint, &of.ledger, of.number) == (&key.0, &key.1, key.2)
    };
    let found = draft.delivered.iter().filter_map(|(application, key)| {
        let row = draft.deliveries.get(application)?.iter().find(|row| is_it(row, key))?;
        Some((*application, row))
    });
    let rows: Vec<(i64, &Delivery)> = found.collect();
    if rows.is_empty() {
        return Ok(());
    }
    let text = |value: fn(&Delivery) -> &str| -> Vec<&str> {
        rows.iter().map(|(_, row)| value(row)).collect()
    };
    let number = |value: fn(&Delivery) -> i64| -> Vec<i64> {
        rows.iter().map(|(_, row)| value(row)).collect()
    };
    sqlx::query(
        "INSERT INTO delivery
         SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[], $4::bigint[], $5::bigint[],
             $6::bigint[], $7::text[], $8::int[], $9::bigint[], $10::text[], $11::text[],
             $12::text[])
         ON CONFLICT (application, endpoint, ledger, number) DO UPDATE
         SET epoch = excluded.epoch, version = excluded.version, state = excluded.state,
             attempts = excluded.attempts, next_at = excluded.next_at, receipt = excluded.receipt,
             code = excluded.code, reasons = excluded.reasons",
    )
    .bind(rows.iter().map(|(application, _)| *application).collect::<Vec<i64>>())
    .bind(text(|row| &row.endpoint))
    .bind(text(|row| &row.ledger))
    .bind(number(|row| row.number))
    .bind(number(|row| row.epoch))
    .bind(number(|row| row.version))
    .bind(text(|row| row.state.name()))
    .bind(rows.iter().map(|(_, row)| number_of(row.attempts)).collect::<Vec<i32>>())
    .bind(rows.iter().map(|(_, row)| row.next_at.map(|at| at.0)).collect::<Vec<Option<i64>>>())
    .bind(rows.iter().map(|(_, row)| row.receipt.as_deref()).collect::<Vec<Option<&str>>>())
    .bind(rows.iter().map(|(_, row)| row.code.as_deref()).collect::<Vec<Option<&str>>>())
    .bind(rows.iter().map(|(_, row)| reasons(row)).collect::<Vec<Option<String>>>())
    .execute(sql)
    .await
    .map(drop)
}

async fn insert_replies(sql: &mut PgConnection, draft: &Draft) -> sqlx::Result<()> {
    let rows = &draft.replies;
    if rows.is_empty() {
        return Ok(());
    }
    let reads = || rows.iter().map(|(.., told)| told.reply.read.as_ref());
    sqlx::query(
        "INSERT INTO reply (id, application, fingerprint, at, endpoint, kind, media_type, body,
             standard, version, message_type, canonical)
         SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::text[],
             $6::text[], $7::text[], $8::bytea[], $9::text[], $10::text[], $11::text[],
             $12::bytea[])
         ON CONFLICT DO NOTHING",
    )
    .bind(rows.iter().map(|row| row.0).collect::<Vec<i64>>())
    .bind(rows.iter().map(|row| row.1).collect::<Vec<i64>>())
    .bind(rows.iter().map(|row| row.2).collect::<Vec<i64>>())
    .bind(rows.iter().map(|(.., told)| told.at.0).collect::<Vec<i64>>())
    .bind(rows.iter().map(|(.., told)| told.endpoint.as_str()).collect::<Vec<&str>>())
    .bind(rows.iter().map(|(.., told)| told.reply.kind.as_str()).collect::<Vec<&str>>())
    .bind(rows.iter().map(|(.., told)| told.reply.media_type.as_str()).collect::<Vec<&str>>())
    .bind(rows.iter().map(|(.., told)| told.reply.body.as_ref()).collect::<Vec<&[u8]>>())
    .bind(reads().map(|it| it.map(|r| r.procedure.standard.as_str())).collect::<Vec<_>>())
    .bind(reads().map(|it| it.map(|r| r.procedure.version.as_str())).collect::<Vec<_>>())
    .bind(reads().map(|it| it.map(|r| r.procedure.message_type.as_str())).collect::<Vec<_>>())
    .bind(reads().map(|it| it.map(|r| r.canonical.as_ref())).collect::<Vec<Option<&[u8]>>>())
    .execute(sql)
    .await
    .map(drop)
}

/// Gates move seldom: one by one, in order.
async fn set_gates(sql: &mut PgConnection, draft: &Draft) -> sqlx::Result<()> {
    for (endpoint, event, is_closed) in &draft.gates {
        sqlx::query(
            "INSERT INTO gate AS g (endpoint, at, event, is_closed, code)
             VALUES ($1, $2, $3, $4, $5) ON CONFLICT (endpoint) DO UPDATE
             SET at = $2, event = $3, is_closed = $4, code = $5 WHERE g.at <= $2",
        )
        .bind(endpoint)
        .bind(event.at.0)
        .bind(&event.id)
        .bind(is_closed)
        .bind(&event.code)
        .execute(&mut *sql)
        .await?;
    }
    Ok(())
}

async fn tally(sql: &mut PgConnection, draft: &Draft) -> sqlx::Result<()> {
    let changes: Vec<_> = draft.tally.iter().filter(|(_, change)| **change != 0).collect();
    if changes.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO tally AS t
         SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[])
         ON CONFLICT (endpoint, state) DO UPDATE SET total = t.total + excluded.total",
    )
    .bind(changes.iter().map(|((endpoint, _), _)| endpoint.as_str()).collect::<Vec<&str>>())
    .bind(changes.iter().map(|((_, state), _)| *state).collect::<Vec<&str>>())
    .bind(changes.iter().map(|(_, change)| **change).collect::<Vec<i64>>())
    .execute(sql)
    .await
    .map(drop)
}
