//! That there is no room before the workers.

use std::fmt;

use crate::codes;

/// The queue before the workers is full; later there is room again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Busy;

impl Busy {
    /// `AB-4901`.
    #[must_use]
    pub fn code(self) -> &'static str {
        codes::BUSY
    }
}

impl fmt::Display for Busy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("too many documents wait to be checked")
    }
}

impl std::error::Error for Busy {}
