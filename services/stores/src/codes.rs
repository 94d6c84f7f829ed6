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

/// A backup or a restored ledger cannot be written.
pub(crate) const BACKUP_UNWRITABLE: &str = "AB-2308";
/// A restore was cut short.
pub(crate) const RESTORE_HALF_DONE: &str = "AB-2309";
/// The backup is another ledger's.
pub(crate) const BACKUP_FOREIGN: &str = "AB-2315";
/// A dispatcher works on the ledger that is to be restored.
pub(crate) const RESTORE_DISTURBED: &str = "AB-2316";
/// There is no ledger that could have been restored.
pub(crate) const RESTORE_MISSING: &str = "AB-2317";
/// Configuration and ledger have other numbers of partitions.
pub(crate) const NUMBERING_DIFFERS: &str = "AB-2318";
/// Somebody works on the ledger whose number of partitions is to be switched.
pub(crate) const SWITCH_DISTURBED: &str = "AB-2319";

/// The PostgreSQL server cannot be reached or used now.
pub(crate) const POSTGRES_UNAVAILABLE: &str = "AB-2310";
/// It refuses us: login, rights, database, or encryption.
pub(crate) const POSTGRES_REFUSED: &str = "AB-2311";
/// The schema holds something else.
pub(crate) const POSTGRES_FOREIGN: &str = "AB-2312";
/// The schema was made by a newer version.
pub(crate) const POSTGRES_NEWER: &str = "AB-2313";
/// What is there contradicts itself.
pub(crate) const POSTGRES_DAMAGED: &str = "AB-2314";

/// The store of the claims cannot be used: a directory that is none, a server that cannot do enough.
pub(crate) const CLAIMS_UNUSABLE: &str = "AB-2201";
/// No room for a claim.
pub(crate) const CLAIMS_DISK_FULL: &str = "AB-2202";
/// Claims cannot be written or read now.
pub(crate) const CLAIMS_UNAVAILABLE: &str = "AB-2203";
/// There is no such claim.
pub(crate) const CLAIM_MISSING: &str = "AB-2204";
/// A claim's bytes are not those that were written.
pub(crate) const CLAIM_DAMAGED: &str = "AB-2205";
/// The store of the claims refuses us: another key, or too few rights.
pub(crate) const CLAIMS_REFUSED: &str = "AB-2206";
/// The bucket or directory of the claims is not there.
pub(crate) const CLAIMS_GONE: &str = "AB-2207";
/// Too many large bodies are being written at once.
pub(crate) const CLAIMS_BUSY: &str = "AB-2208";

/// The journal's file.
pub(crate) const JOURNAL: Codes = Codes {
    unavailable: "AB-2401",
    foreign: "AB-2402",
    newer: "AB-2403",
    corrupt: "AB-2404",
    write: "AB-2405",
    gone: "AB-2406",
};

/// Somebody else writes this journal.
pub(crate) const JOURNAL_MOVED: &str = "AB-2407";

/// The register's file.
pub(crate) const REGISTER: Codes = Codes {
    unavailable: "AB-2411",
    foreign: "AB-2412",
    newer: "AB-2413",
    corrupt: "AB-2414",
    write: "AB-2415",
    gone: "AB-2416",
};
