//! Tickets of uploads: the claim's id, and what the sender said it is. The latter is the sender's
//! own word either way, so the ticket may carry it.

use messaging::ClaimId;

/// Longest media type in bytes.
const MEDIA_TYPE_BYTES_MAX: usize = 200;

const SEPARATOR: char = ':';

pub(crate) fn issue(claim: ClaimId, media_type: &str) -> String {
    if media_type.is_empty() {
        claim.to_string()
    } else {
        format!("{claim}{SEPARATOR}{media_type}")
    }
}

/// `None` for what is no ticket of ours.
pub(crate) fn claim(ticket: &str) -> Option<ClaimId> {
    let (claim, media_type) = ticket.split_once(SEPARATOR).unwrap_or((ticket, ""));
    is_media_type(media_type).then(|| claim.parse().ok())?
}

/// As said at the upload; empty if nothing was said.
pub(crate) fn media_type(ticket: &str) -> &str {
    ticket.split_once(SEPARATOR).map_or("", |(_, media_type)| media_type)
}

/// Whether a media type can be passed on, or is empty.
pub(crate) fn is_media_type(media_type: &str) -> bool {
    media_type.len() <= MEDIA_TYPE_BYTES_MAX
        && media_type.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_says_what_it_was_issued_for() {
        let id: ClaimId = "6f9619ff-8b86-4011-b42d-00cf4fc964ff".parse().unwrap();
        for kind in ["", "application/pdf", "text/plain; charset=utf-8"] {
            let ticket = issue(id, kind);
            assert_eq!((claim(&ticket), media_type(&ticket)), (Some(id), kind));
        }
        for wrong in ["", ":", "x", "6f9619ff-8b86-4011-b42d-00cf4fc964ff:a\nb"] {
            assert_eq!(claim(wrong), None, "{wrong}");
        }
    }
}
