//! What people type into a search field, and what names a reply.

use std::collections::BTreeSet;

use messaging::SenderName;
use rusqlite::Connection;
use uuid::Uuid;

use super::{
    asked::{PREFIX_MIN, range_of, reply_of},
    read,
    rows::{Application, ReplyBody},
};

/// Whatever `text` may be: the most certain finds first, each once.
pub(super) fn search(
    connection: &Connection,
    text: &str,
    rows_max: u32,
) -> rusqlite::Result<Vec<Application>> {
    let text = text.trim();
    let mut found = Vec::new();
    if let Ok(id) = Uuid::parse_str(text) {
        found.extend(read::by_message(connection, id)?);
        found.extend(read::by_case(connection, id, rows_max)?);
    } else if let Some(range) = range_of(text) {
        found.extend(read::by_message_range(connection, range, rows_max)?);
    }
    if PREFIX_MIN <= text.len() {
        found.extend(read::by_own_id(connection, text, rows_max)?);
    }
    let mut seen = BTreeSet::new();
    found.retain(|application| seen.insert(application.id));
    found.truncate(rows_max as usize);
    Ok(found)
}

/// The reply called `reply_id`, `<message id>.<16 hex digits>`, if it answers `sender`.
pub(super) fn reply(
    connection: &Connection,
    sender: &SenderName,
    reply_id: &str,
) -> rusqlite::Result<Option<ReplyBody>> {
    let parsed = reply_of(reply_id);
    let Some((message, fingerprint)) = parsed else {
        return Ok(None);
    };
    for application in read::by_message(connection, message)? {
        if application.sender.as_deref() == Some(sender.as_str())
            && let Some(body) = read::reply_body(connection, application.id, fingerprint)?
        {
            return Ok(Some(body));
        }
    }
    Ok(None)
}
