//! The codes an adapter gives an operator; each has a page in `docs/errors/`.

/// An attachment or body is not kept any more, or is not what it was.
pub const CLAIM_GONE: &str = "AB-3001";
/// The canonical message cannot be read.
pub const CANONICAL_UNREADABLE: &str = "AB-3002";
/// The message has attachments, and the endpoint is configured to take none.
pub const ATTACHMENTS_NOT_TAKEN: &str = "AB-3003";
/// The directory is missing, full, or not mounted.
pub const DIRECTORY_DOWN: &str = "AB-3004";
/// The file system does not let us write there.
pub const DIRECTORY_FORBIDDEN: &str = "AB-3005";
/// A file could not be written for another reason.
pub const WRITE_FAILED: &str = "AB-3006";
/// The file is visible, but whether it survives a power cut is unknown.
pub const SYNC_FAILED: &str = "AB-3007";
/// Something else bears the file's name.
pub const NAME_TAKEN: &str = "AB-3008";
/// No connection: nothing was sent.
pub const NO_CONNECTION: &str = "AB-3010";
/// The system answered that it is unavailable.
pub const SAYS_UNAVAILABLE: &str = "AB-3011";
/// The system's answer looks like a wrong address or wrong credentials.
pub const MISCONFIGURED: &str = "AB-3012";
/// A secret or certificate file cannot be read or used.
pub const SECRET_UNUSABLE: &str = "AB-3013";
/// Sending began, and no complete answer came.
pub const ANSWER_LOST: &str = "AB-3014";
/// The system, or something in front of it, failed with 5xx.
pub const SERVER_ERROR: &str = "AB-3015";
/// An answer that is configured to mean "later".
pub const LATER: &str = "AB-3016";
/// The system refused the message.
pub const REFUSED: &str = "AB-3017";
/// An answer that has no meaning here: the request is wrong.
pub const REQUEST_WRONG: &str = "AB-3018";
/// The message was taken, but its reply is too large to carry.
pub const REPLY_TOO_LARGE: &str = "AB-3019";
/// Success was answered before the whole message was sent.
pub const ANSWERED_EARLY: &str = "AB-3020";
/// The look-up was answered with a status that says neither found nor absent.
pub const LOOK_UP_UNCLEAR: &str = "AB-3021";
/// The request could not be put together.
pub const REQUEST_UNBUILDABLE: &str = "AB-3022";

/// Codes of `Unavailable` that time alone does not cure: an operator must act.
pub const CONFIGURATION_FAULTS: &[&str] = &[DIRECTORY_FORBIDDEN, MISCONFIGURED, SECRET_UNUSABLE];
