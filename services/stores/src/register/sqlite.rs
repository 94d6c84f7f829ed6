//! A register in a file of this process. One connection writes, on a thread of its own; one reads, on
//! another.

mod read;
mod record;
mod retain;
mod schema;
mod takeover;
#[cfg(test)]
mod tests;

use std::{path::Path, time::Duration};

use async_trait::async_trait;
use messaging::{CommandId, EndpointName, Result, Timestamp};

use self::schema::SCHEMA;
use super::{BulkItem, BulkOverview, CommandRow, Register, Told};
use crate::{
    age::Age,
    pass::Trimmed,
    sqlite::{self, Database},
};

/// A register in one file. Cheap to clone.
#[derive(Clone, Debug)]
pub struct SqliteRegister {
    writer: Database,
    reader: Database,
}

impl SqliteRegister {
    /// Opens the register at `path`, or makes it. What of it a journal of a former version at `journal`
    /// holds is taken over; the journal is opened after that, and refuses as long as it holds any.
    ///
    /// # Errors
    /// `Defect` if a file is something else, a newer one or damaged; `Unavailable` if one cannot be
    /// opened, read or written now.
    pub fn open(path: &Path, journal: &Path) -> Result<Self> {
        let mut writer = sqlite::open(path, &SCHEMA)?;
        takeover::take_over(&mut writer, journal)?;
        let reader = sqlite::open(path, &SCHEMA)?;
        reader.pragma_update(None, "query_only", true).map_err(SCHEMA.failure())?;
        Ok(Self {
            writer: Database::threaded("register", writer, &SCHEMA)?,
            reader: Database::threaded("register-reader", reader, &SCHEMA)?,
        })
    }
}

#[async_trait]
impl Register for SqliteRegister {
    async fn record(&self, told: Vec<Told>) -> Result<()> {
        self.writer.call(move |connection| record::record(connection, &told)).await
    }

    async fn command(&self, id: CommandId) -> Result<Option<CommandRow>> {
        self.reader.call(move |connection| read::by_id(connection, id)).await
    }

    async fn commands(
        &self,
        before: Option<i64>,
        endpoint: Option<EndpointName>,
        rows_max: u32,
    ) -> Result<Vec<CommandRow>> {
        let before = before.unwrap_or(i64::MAX);
        self.reader
            .call(move |connection| read::list(connection, before, endpoint.as_ref(), rows_max))
            .await
    }

    async fn bulk(&self, command: CommandId) -> Result<Option<BulkOverview>> {
        self.reader.call(move |connection| read::bulk(connection, command)).await
    }

    async fn bulk_items(
        &self,
        command: CommandId,
        after: Option<u32>,
        rows_max: u32,
    ) -> Result<Vec<BulkItem>> {
        self.reader.call(move |connection| read::items(connection, command, after, rows_max)).await
    }

    async fn grow_older(&self, now: Timestamp, step_max: Duration) -> Result<Age> {
        self.writer.call(move |connection| retain::grow_older(connection, now, step_max)).await
    }

    async fn trim(&self, keep: Duration, after: i64) -> Result<Trimmed> {
        self.writer.call(move |connection| retain::trim(connection, keep, after)).await
    }
}
