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
/// Records that were not read will be removed.
pub(crate) const BACKLOG_OLD: &str = "AB-3212";
/// The ledger counts another age than the clock says.
pub(crate) const AGE_DIFFERS: &str = "AB-3213";
/// An operator has paused the endpoint.
pub(crate) const PAUSED: &str = "AB-3220";
/// An order of a newer version.
pub(crate) const ORDER_UNKNOWN: &str = "AB-3221";
/// No delivery of that message to that endpoint waits for a decision.
pub(crate) const ORDER_WITHOUT_DELIVERY: &str = "AB-3222";
/// The delivery is not what the operator saw any more.
pub(crate) const ORDER_STALE: &str = "AB-3223";
/// The order does not apply to the delivery's state.
pub(crate) const ORDER_UNFIT: &str = "AB-3224";
/// A repetition where nobody can tell whether it would be one.
pub(crate) const ORDER_BLIND: &str = "AB-3225";
/// An attempt or a question about the delivery is under way.
pub(crate) const ORDER_TOO_EARLY: &str = "AB-3226";
/// Issued before this ledger, or this epoch of it, began.
pub(crate) const ORDER_PAST: &str = "AB-3227";
/// The endpoint is not configured any more, and nothing can be handed to it.
pub(crate) const ORDER_FORMER: &str = "AB-3228";
/// The id of a command came again with another one.
pub(crate) const ORDER_REUSED: &str = "AB-3229";
/// What is ordered about was erased by retention.
pub(crate) const ORDER_ERASED: &str = "AB-3230";
/// The endpoint's calendar is closed.
pub(crate) const CALENDAR: &str = "AB-3231";
/// A repetition under the same key where the receiver knows no key.
pub(crate) const ORDER_SAME_KEY: &str = "AB-3232";
/// More bulks at once than anybody oversees.
pub(crate) const ORDER_BULKS: &str = "AB-3233";
/// The ledger was restored from a backup and does not know what was done after that.
pub(crate) const RESTORED: &str = "AB-3234";
/// Another document for a delivery of which nobody knows whether it took effect.
pub(crate) const EDIT_UNCERTAIN: &str = "AB-3250";
/// The document that is to go instead has violations.
pub(crate) const EDIT_INVALID: &str = "AB-3251";
/// The document that is to go instead is another application.
pub(crate) const EDIT_FOREIGN: &str = "AB-3252";
/// The document that is to go instead could not be judged.
pub(crate) const EDIT_UNJUDGED: &str = "AB-3253";
/// The document that is to go instead is larger than an edit may be.
pub(crate) const EDIT_TOO_LARGE: &str = "AB-3254";
/// Another dispatcher has taken an endpoint over.
pub(crate) const TENURE_LOST: &str = "AB-3240";
/// Another dispatcher has admitted what was read here.
pub(crate) const ADMITTED_ELSEWHERE: &str = "AB-3241";
/// What an endpoint subscribes to was written by a newer version.
pub(crate) const INTERESTS_UNKNOWN: &str = "AB-3242";
/// A record was written by a smaller number of partitions than the ledger has.
pub(crate) const NUMBERED_BEFORE: &str = "AB-3243";
/// A partition goes on by a greater number of partitions than the ledger has.
pub(crate) const NUMBERED_AHEAD: &str = "AB-3244";
/// The adapter panicked.
pub(crate) const ADAPTER_PANICKED: &str = "AB-9201";
/// The reader or the relay is gone.
pub(crate) const HELPER_LOST: &str = "AB-9202";
