//! What people type into a search field, and what names a reply.

use std::collections::BTreeSet;

use messaging::SenderName;
use rusqlite::Connection;
use uuid::Uuid;

use super::{
    read,
    rows::{Application, ReplyBody},
};

/// Fewer characters would find everything.
const PREFIX_MIN: usize = 8;

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

/// The ids that begin with `text`, if ids can.
fn range_of(text: &str) -> Option<(Uuid, Uuid)> {
    let digits: String = text.chars().filter(|c| *c != '-').collect();
    if !(PREFIX_MIN..=32).contains(&digits.len()) || !digits.bytes().all(|b| b.is_ascii_hexdigit())
    {
        return None;
    }
    let low = Uuid::parse_str(&format!("{digits:0<32}")).ok()?;
    let high = Uuid::parse_str(&format!("{digits:f<32}")).ok()?;
    Some((low, high))
}

/// The reply called `reply_id`, `<message id>.<16 hex digits>`, if it answers `sender`.
pub(super) fn reply(
    connection: &Connection,
    sender: &SenderName,
    reply_id: &str,
) -> rusqlite::Result<Option<ReplyBody>> {
    let parsed = reply_id.split_once('.').and_then(|(message, fingerprint)| {
        let fingerprint = u64::from_str_radix(fingerprint, 16).ok()?;
        Some((Uuid::parse_str(message).ok()?, fingerprint.cast_signed()))
    });
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_is_a_range_of_ids() {
        let (low, high) = range_of("1d37bdbc-3f3e").unwrap();
        assert_eq!(low.to_string(), "1d37bdbc-3f3e-0000-0000-000000000000");
        assert_eq!(high.to_string(), "1d37bdbc-3f3e-ffff-ffff-ffffffffffff");
        for text in ["1d37bdb", "KFZ-2026-0001", "", "ä1d37bdbc"] {
            assert_eq!(range_of(text), None, "{text}");
        }
    }
}
