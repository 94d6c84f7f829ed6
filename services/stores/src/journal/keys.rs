//! Fingerprints: 64 bits that find a row; where it matters the full key decides.

use messaging::Reason;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

/// Sequence numbers that share a part of the search indexes: 2^17.
const SEGMENT_BITS: u32 = 17;

/// The segment of a sequence number.
pub(super) fn segment(id: i64) -> i64 {
    id >> SEGMENT_BITS
}

/// The first half of an id, ordered as the id is.
pub(super) fn of_uuid(id: Uuid) -> i64 {
    let (high, _) = id.as_u64_pair();
    // Flipping the sign bit keeps the order in a signed column.
    (high ^ (1 << 63)).cast_signed()
}

/// Of texts, joined length-prefixed.
pub(super) fn of_texts(parts: &[&str]) -> i64 {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part);
    }
    let hash: [u8; 32] = hasher.finalize().into();
    let [a, b, c, d, e, f, g, h, ..] = hash;
    i64::from_be_bytes([a, b, c, d, e, f, g, h])
}

/// SQLite's integers are signed; what does not fit is capped.
pub(super) fn int(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// Reasons as one column; `None` if there are none.
pub(super) fn reasons_to_column(reasons: &[Reason]) -> Option<String> {
    if reasons.is_empty() {
        return None;
    }
    let pairs: Vec<(Option<&str>, &str)> =
        reasons.iter().map(|reason| (reason.code.as_deref(), reason.text.as_str())).collect();
    Some(serde_json::to_string(&pairs).expect("texts are JSON"))
}

/// And back.
pub(super) fn reasons_of_column(column: Option<&str>) -> Vec<Reason> {
    let pairs: Vec<(Option<String>, String)> =
        column.and_then(|column| serde_json::from_str(column).ok()).unwrap_or_default();
    pairs.into_iter().map(|(code, text)| Reason { code, text }).collect()
}
