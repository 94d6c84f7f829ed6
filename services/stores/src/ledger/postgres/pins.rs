//! Pins of claims: which kept record needs which claim, and lifting the pins nobody needs. As in
//! SQLite: recorded with the removal, acted on after that commit, and looked at once more.

use messaging::ClaimId;
use sqlx::{Connection as _, PgConnection, Row as _, postgres::PgRow};
use uuid::Uuid;

use crate::ledger::{DoubtfulPin, VerdictKind, VerdictRow};

/// Verdicts and messages are numbered apart.
pub(super) fn holder_of_verdict(verdict: i64) -> i64 {
    -verdict
}

/// Which claim is needed by which holder.
pub(super) async fn hold(sql: &mut PgConnection, claims: Vec<(Uuid, i64)>) -> sqlx::Result<()> {
    if claims.is_empty() {
        return Ok(());
    }
    let (claims, holders): (Vec<Uuid>, Vec<i64>) = claims.into_iter().unzip();
    sqlx::query(
        "INSERT INTO claim SELECT DISTINCT * FROM unnest($1::uuid[], $2::bigint[])
         ON CONFLICT DO NOTHING",
    )
    .bind(claims)
    .bind(holders)
    .execute(sql)
    .await
    .map(drop)
}

/// A conflict's record is kept and needs its claims. A duplicate's is not: whatever was pinned for it
/// alone is needed by nobody.
pub(super) async fn hold_verdict(
    sql: &mut PgConnection,
    verdict: i64,
    row: &VerdictRow,
) -> sqlx::Result<()> {
    let holder = holder_of_verdict(verdict);
    hold(sql, row.claims.iter().map(|claim| (claim.0, holder)).collect()).await?;
    match row.kind {
        VerdictKind::Duplicate if !row.claims.is_empty() => release(sql, vec![holder]).await,
        _ => Ok(()),
    }
}

/// `holders` need nothing any more.
pub(super) async fn release(sql: &mut PgConnection, holders: Vec<i64>) -> sqlx::Result<()> {
    sqlx::query(
        "WITH gone AS (DELETE FROM claim WHERE holder = ANY ($1) RETURNING claim)
         INSERT INTO lift (claim, is_lifted)
         SELECT DISTINCT claim, false FROM gone g
         WHERE NOT EXISTS (SELECT 1 FROM claim o
                           WHERE o.claim = g.claim AND o.holder <> ALL ($1))
         ON CONFLICT (claim) DO UPDATE SET is_lifted = false",
    )
    .bind(holders)
    .execute(sql)
    .await
    .map(drop)
}

pub(super) async fn doubtful(
    connection: &mut PgConnection,
    is_lifted: bool,
    limit: u32,
) -> sqlx::Result<Vec<DoubtfulPin>> {
    let rows = sqlx::query(
        "SELECT claim, EXISTS (SELECT 1 FROM claim c WHERE c.claim = lift.claim) FROM lift
         WHERE is_lifted = $1 ORDER BY claim LIMIT $2",
    )
    .bind(is_lifted)
    .bind(i64::from(limit))
    .fetch_all(connection)
    .await?;
    let pin = |row: &PgRow| {
        let (claim, is_needed) = (ClaimId(row.try_get(0)?), row.try_get(1)?);
        Ok(DoubtfulPin { claim, is_lifted, is_needed })
    };
    rows.iter().map(pin).collect()
}

pub(super) async fn settle(
    connection: &mut PgConnection,
    lifted: &[ClaimId],
    done: &[DoubtfulPin],
) -> sqlx::Result<()> {
    let mut sql = connection.begin().await?;
    sqlx::query("UPDATE lift SET is_lifted = true WHERE claim = ANY ($1)")
        .bind(lifted.iter().map(|claim| claim.0).collect::<Vec<Uuid>>())
        .execute(&mut *sql)
        .await?;
    // Another may have come and gone meanwhile; that is another doubt.
    sqlx::query(
        "DELETE FROM lift l USING unnest($1::uuid[], $2::bool[]) g (claim, is_lifted)
         WHERE l.claim = g.claim AND l.is_lifted = g.is_lifted",
    )
    .bind(done.iter().map(|pin| pin.claim.0).collect::<Vec<Uuid>>())
    .bind(done.iter().map(|pin| pin.is_lifted).collect::<Vec<bool>>())
    .execute(&mut *sql)
    .await?;
    sql.commit().await
}
