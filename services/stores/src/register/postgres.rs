//! A register on a PostgreSQL server. Whatever two consoles record at once ends the same.

mod read;
mod record;
mod retain;
mod schema;
mod takeover;

use std::time::Duration;

use async_trait::async_trait;
use messaging::{CommandId, EndpointName, Result, Timestamp};

use self::schema::SCHEMA;
use super::{BulkItem, BulkOverview, CommandRow, Register, Told};
use crate::{
    age::Age,
    pass::Trimmed,
    postgres::{PostgresSettings, Server},
};

/// A register in a schema of a database. Cheap to clone.
#[derive(Clone, Debug)]
pub struct PgRegister {
    server: Server,
}

impl PgRegister {
    /// Opens the register on the server, or makes one. What of it a journal of a former version beside it
    /// holds is taken over, and a console of that version projects no more; the journal is opened after
    /// that, and refuses as long as it holds any.
    ///
    /// # Errors
    /// `Unavailable` if the server cannot be reached (AB-2310) or refuses us (AB-2311); `Defect` if
    /// the schema holds something else (AB-2312) or a newer register (AB-2313).
    pub async fn open(settings: &PostgresSettings) -> Result<Self> {
        let server = Server::open(settings, &SCHEMA).await?;
        server.write(async |sql| takeover::take_over(sql, &settings.prefix).await).await?;
        Ok(Self { server })
    }
}

#[async_trait]
impl Register for PgRegister {
    async fn record(&self, told: Vec<Told>) -> Result<()> {
        self.server.write(async |sql| record::record(sql, &told).await).await
    }

    async fn command(&self, id: CommandId) -> Result<Option<CommandRow>> {
        self.server.read(async |sql| read::by_id(sql, id).await).await
    }

    async fn commands(
        &self,
        before: Option<i64>,
        endpoint: Option<EndpointName>,
        rows_max: u32,
    ) -> Result<Vec<CommandRow>> {
        let before = before.unwrap_or(i64::MAX);
        let list = async |sql: &mut _| read::list(sql, before, endpoint.as_ref(), rows_max).await;
        self.server.read(list).await
    }

    async fn bulk(&self, command: CommandId) -> Result<Option<BulkOverview>> {
        self.server.read(async |sql| read::bulk(sql, command).await).await
    }

    async fn bulk_items(
        &self,
        command: CommandId,
        after: Option<u32>,
        rows_max: u32,
    ) -> Result<Vec<BulkItem>> {
        self.server.read(async |sql| read::items(sql, command, after, rows_max).await).await
    }

    async fn grow_older(&self, now: Timestamp, step_max: Duration) -> Result<Age> {
        self.server.read(async |sql| retain::grow_older(sql, now, step_max).await).await
    }

    async fn trim(&self, keep: Duration, after: i64) -> Result<Trimmed> {
        self.server.trim(async |sql| retain::trim(sql, keep, after).await).await
    }
}
