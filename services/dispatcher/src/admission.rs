//! What is made of a record: pure, given what is known of its id.

use messaging::{ApplicationHead, Sha256, fault};

/// What a record is, compared with what was admitted before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Novelty {
    /// Seen for the first time.
    New,
    /// The same message once more.
    Duplicate,
    /// The same id with other bytes.
    Conflict,
}

/// Compares `head` with the hash admitted under its id, if one was.
pub(crate) fn novelty(head: &ApplicationHead, admitted: Option<Sha256>) -> Novelty {
    match admitted {
        Some(sha256) if sha256 == head.sha256 && fault::is_on("duplicate-delivered") => {
            Novelty::New
        }
        Some(sha256) if sha256 != head.sha256 && fault::is_on("conflict-delivered") => Novelty::New,
        None => Novelty::New,
        Some(sha256) if sha256 == head.sha256 => Novelty::Duplicate,
        Some(_) => Novelty::Conflict,
    }
}
