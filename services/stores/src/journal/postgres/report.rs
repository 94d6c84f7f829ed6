//! Reports of how endpoints are served.

use messaging::Timestamp;
use sqlx::{PgConnection, Row as _};

use super::sheet::Draft;
use crate::journal::{report, rows::Overview};

/// Endpoints are reported seldom: one by one.
pub(super) async fn flush(sql: &mut PgConnection, draft: &Draft) -> sqlx::Result<()> {
    for (endpoint, (at, told)) in &draft.reports {
        sqlx::query(
            "INSERT INTO report AS r (endpoint, at, told) VALUES ($1, $2, $3)
             ON CONFLICT (endpoint) DO UPDATE SET at = $2, told = $3 WHERE r.at <= $2",
        )
        .bind(endpoint)
        .bind(at.0)
        .bind(told)
        .execute(&mut *sql)
        .await?;
    }
    Ok(())
}

/// Adds the newest report of each endpoint.
pub(super) async fn add_reports(
    sql: &mut PgConnection,
    overview: &mut Overview,
) -> sqlx::Result<()> {
    for row in sqlx::query("SELECT endpoint, at, told FROM report").fetch_all(sql).await? {
        let (endpoint, at) = (row.try_get::<String, _>(0)?, Timestamp(row.try_get(1)?));
        let told = report::from_text(&endpoint, row.try_get(2)?);
        overview.endpoints.entry(endpoint).or_default().report = told.map(|told| (at, told));
    }
    Ok(())
}
