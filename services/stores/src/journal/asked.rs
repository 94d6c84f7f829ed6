//! What people type into a search field, and what names a reply.

use uuid::Uuid;

/// Fewer characters would find everything.
pub(super) const PREFIX_MIN: usize = 8;

/// The ids that begin with `text`, if ids can.
pub(super) fn range_of(text: &str) -> Option<(Uuid, Uuid)> {
    let digits: String = text.chars().filter(|c| *c != '-').collect();
    if !(PREFIX_MIN..=32).contains(&digits.len()) || !digits.bytes().all(|b| b.is_ascii_hexdigit())
    {
        return None;
    }
    let low = Uuid::parse_str(&format!("{digits:0<32}")).ok()?;
    let high = Uuid::parse_str(&format!("{digits:f<32}")).ok()?;
    Some((low, high))
}

/// What a reply is called, `<message id>.<16 hex digits>`: the message, and the fingerprint.
pub(super) fn reply_of(reply_id: &str) -> Option<(Uuid, i64)> {
    let (message, fingerprint) = reply_id.split_once('.')?;
    let fingerprint = u64::from_str_radix(fingerprint, 16).ok()?;
    Some((Uuid::parse_str(message).ok()?, fingerprint.cast_signed()))
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
