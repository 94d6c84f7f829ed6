//! Journals of a former version held what the register holds now; it is moved here in one transaction.

use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

use crate::{journal, postgres};

/// The last version of a journal that held orders.
const WITH_ORDERS: i32 = 1;

/// Moves what the journal `<prefix>_journal` holds of orders, if it is of such a version. What is here
/// already stays as it is, and a number that is taken here is given anew. The console that projects into
/// the journal is succeeded, or it would put more there.
pub(super) async fn take_over(connection: &mut PgConnection, prefix: &str) -> sqlx::Result<()> {
    let schema = &journal::PG_SCHEMA;
    let name = format!("{prefix}_{}", schema.what);
    let mut sql = connection.begin().await?;
    // Whoever makes the journal's tables at the same time waits.
    sqlx::query("SELECT pg_advisory_xact_lock(hashtext($1))")
        .bind(&name)
        .execute(&mut *sql)
        .await?;
    match postgres::found(&mut sql, &name, schema).await? {
        postgres::Found::Ours(version) if version <= WITH_ORDERS => {}
        // What is something else is for whoever opens it to say.
        _ => return Ok(()),
    }
    sqlx::raw_sql(AssertSqlSafe(moving(&name))).execute(&mut *sql).await?;
    sql.commit().await
}

/// The prefix has nothing in it that would end a name.
fn moving(journal: &str) -> String {
    let from = |table: &str| format!("\"{journal}\".{table}");
    let (meta, command, milestone) = (from("meta"), from("command"), from("milestone"));
    let (bulk, bulk_item) = (from("bulk"), from("bulk_item"));
    format!(
        "UPDATE {meta} SET writer = NULL;
         INSERT INTO milestone SELECT at, command FROM {milestone}
            WHERE NOT EXISTS (SELECT 1 FROM command) AND (SELECT age = 0 FROM meta);
         UPDATE meta SET age = (SELECT age FROM {meta})
            WHERE age = 0 AND NOT EXISTS (SELECT 1 FROM command);
         INSERT INTO command (number, id, endpoint, issued_at, operator, name, message_id, reason,
                              answered_at, is_accepted, code, cause)
            SELECT number + (SELECT coalesce(max(number), 0) FROM command), id, endpoint, issued_at,
                   operator, name, message_id, reason, answered_at, is_accepted, code, cause
            FROM {command} ORDER BY number ON CONFLICT (id) DO NOTHING;
         SELECT setval(pg_get_serial_sequence('command', 'number'),
                       (SELECT coalesce(max(number), 0) + 1 FROM command), false);
         INSERT INTO bulk (command, total, state, at)
            SELECT command, total, state, at FROM {bulk} ON CONFLICT DO NOTHING;
         INSERT INTO bulk_item (command, item, message_id, result, code, at)
            SELECT command, item, message_id, result, code, at FROM {bulk_item}
            ON CONFLICT DO NOTHING;
         DELETE FROM {bulk_item}; DELETE FROM {bulk}; DELETE FROM {command};"
    )
}
