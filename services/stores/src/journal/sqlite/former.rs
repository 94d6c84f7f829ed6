//! Journals of former versions, which held what the register holds now.

use std::{fs, path::Path};

use messaging::Result;
use rusqlite::Connection;

use super::schema::{SCHEMA, WITH_ORDERS};
use crate::sqlite;

/// The journal at `path` as the last version that held orders left it; `None` if there is none, or a newer
/// one. What is no journal at all is for whoever opens it to say.
///
/// # Errors
/// `Defect` if the file is no journal, a newer one or damaged; `Unavailable` if it cannot be opened now.
pub(crate) fn with_orders(path: &Path) -> Result<Option<Connection>> {
    if fs::metadata(path).map_or(0, |file| file.len()) == 0 {
        return Ok(None);
    }
    let found = {
        let connection = Connection::open(path).map_err(SCHEMA.failure())?;
        sqlite::check(&connection, &SCHEMA)?
    };
    if WITH_ORDERS.version < found {
        return Ok(None);
    }
    sqlite::open(path, &WITH_ORDERS).map(Some)
}
