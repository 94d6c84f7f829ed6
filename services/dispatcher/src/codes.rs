//! The codes of this crate; each has a page in `docs/errors/`.

/// The adapter gave no answer in time.
pub(crate) const TIMED_OUT: &str = "AB-3201";
/// A process ended while the attempt was under way.
pub(crate) const INTERRUPTED: &str = "AB-3202";
/// The departmental system can be asked and does not have it.
pub(crate) const ABSENT: &str = "AB-3203";
/// Nobody but an operator can tell.
pub(crate) const CANNOT_TELL: &str = "AB-3204";
/// The body is gone.
pub(crate) const BODY_GONE: &str = "AB-3205";
/// A record nobody can read.
pub(crate) const UNDECODABLE: &str = "AB-3206";
/// No endpoint subscribes.
pub(crate) const UNROUTED: &str = "AB-3207";
/// The same message once more.
pub(crate) const DUPLICATE: &str = "AB-3208";
/// The same id with other bytes.
pub(crate) const CONFLICT: &str = "AB-3209";
/// Many cases in a row failed without a word.
pub(crate) const FAILING_IN_A_ROW: &str = "AB-3210";
/// The channel and the ledger contradict each other.
pub(crate) const READER_STOPPED: &str = "AB-3211";
/// The adapter panicked.
pub(crate) const ADAPTER_PANICKED: &str = "AB-9201";
/// The reader or the relay is gone.
pub(crate) const HELPER_LOST: &str = "AB-9202";
