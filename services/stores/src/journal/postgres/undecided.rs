//! What waits for an operator.

use messaging::EndpointName;
use sqlx::{AssertSqlSafe, PgConnection, postgres::PgRow};

use super::read::{self, APPLICATION};
use crate::journal::{Undecided, UndecidedCursor, UndecidedOf};

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
