//! What operators ordered and what was answered, as the console shows it.

use messaging::{CommandId, EndpointName, Timestamp};
use sqlx::{AssertSqlSafe, PgConnection, Row as _, postgres::PgRow};

use super::read::{self, APPLICATION};
use crate::journal::commands::{
    Answer, CommandRow, Issued, Undecided, UndecidedCursor, UndecidedOf,
};

const COMMAND: &str = "SELECT number, id, endpoint, issued_at, operator, name, message_id, reason,
    answered_at, is_accepted, code, cause FROM command";

pub(super) async fn by_id(
    sql: &mut PgConnection,
    id: CommandId,
) -> sqlx::Result<Option<CommandRow>> {
    let asked = format!("{COMMAND} WHERE id = $1");
    let found = sqlx::query(AssertSqlSafe(asked)).bind(id.0).fetch_optional(sql).await?;
    found.as_ref().map(row).transpose()
}

pub(super) async fn list(
    sql: &mut PgConnection,
    before: i64,
    endpoint: Option<&EndpointName>,
    rows_max: u32,
) -> sqlx::Result<Vec<CommandRow>> {
    let asked = format!(
        "{COMMAND} WHERE number < $1 AND ($2::text IS NULL OR endpoint = $2)
         ORDER BY number DESC LIMIT $3"
    );
    let endpoint = endpoint.map(EndpointName::as_str);
    let asked = sqlx::query(AssertSqlSafe(asked)).bind(before).bind(endpoint);
    let rows = asked.bind(i64::from(rows_max)).fetch_all(sql).await?;
    rows.iter().map(row).collect()
}

fn row(row: &PgRow) -> sqlx::Result<CommandRow> {
    let issued = match row.try_get::<Option<i64>, _>(3)? {
        None => None,
        Some(at) => Some(Issued {
            at: Timestamp(at),
            operator: row.try_get(4)?,
            name: row.try_get(5)?,
            message_id: row.try_get(6)?,
            reason: row.try_get(7)?,
        }),
    };
    let answer = match row.try_get::<Option<i64>, _>(8)? {
        None => None,
        Some(at) => Some(Answer {
            at: Timestamp(at),
            is_accepted: row.try_get(9)?,
            code: row.try_get(10)?,
            cause: row.try_get(11)?,
        }),
    };
    let id = CommandId(row.try_get(1)?);
    Ok(CommandRow { number: row.try_get(0)?, id, endpoint: row.try_get(2)?, issued, answer })
}

pub(super) async fn undecided(
    sql: &mut PgConnection,
    after: Option<UndecidedCursor>,
    of: &UndecidedOf,
    rows_max: u32,
) -> sqlx::Result<Vec<Undecided>> {
    let asked = format!(
        "SELECT {APPLICATION}, d.endpoint, d.ledger, d.number, d.epoch, d.version, d.state,
                d.attempts, d.next_at, d.receipt, d.code, d.reasons
         FROM delivery d JOIN application a ON a.id = d.application
         WHERE d.state IN ('dead', 'uncertain') AND d.application <= $1
            AND (d.application < $1 OR (d.endpoint, d.number) > ($2, $3))
            AND ($4::text IS NULL OR d.endpoint = $4) AND ($6::uuid IS NULL OR a.message_id = $6)
         ORDER BY d.application DESC, d.endpoint, d.number LIMIT $5"
    );
    let (application, last, number) = after.unwrap_or((i64::MAX, String::new(), 0));
    let rows = sqlx::query(AssertSqlSafe(asked))
        .bind(application)
        .bind(last)
        .bind(number)
        .bind(of.endpoint.as_ref().map(EndpointName::as_str))
        .bind(i64::from(rows_max))
        .bind(of.message.map(|message| message.0))
        .fetch_all(sql)
        .await?;
    let undecided = |row: &PgRow| {
        let application = read::application(row)?;
        Ok(Undecided { application, delivery: read::delivery(row, 17)? })
    };
    rows.iter().map(undecided).collect()
}
