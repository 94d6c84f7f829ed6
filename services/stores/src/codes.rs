//! The codes of this crate; each has a page in `docs/errors/`.

use crate::sqlite::Codes;

/// The ledger's file.
pub(crate) const LEDGER: Codes = Codes {
    unavailable: "AB-2301",
    foreign: "AB-2302",
    newer: "AB-2303",
    corrupt: "AB-2304",
    write: "AB-2305",
    gone: "AB-2306",
};

/// Another dispatcher works on this ledger.
pub(crate) const SUPERSEDED: &str = "AB-2307";
