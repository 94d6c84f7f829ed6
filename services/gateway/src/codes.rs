//! Every code of this crate; each has a page in `docs/errors/`. A code is never used again for
//! something else.

/// The request is larger than allowed.
pub const TOO_LARGE: &str = "AB-1001";
/// Too much is being worked on at this moment.
pub const OVERLOADED: &str = "AB-1002";
/// This sender sends faster than it may.
pub const TOO_FAST: &str = "AB-1003";
/// No valid credential.
pub const UNAUTHENTICATED: &str = "AB-1004";
/// The client stopped sending in the middle.
pub const STALLED: &str = "AB-1005";
/// Checking the document took too long.
pub const CHECK_TIMEOUT: &str = "AB-1006";
/// The gateway is shutting down.
pub const SHUTTING_DOWN: &str = "AB-1007";
/// The client did not read its answers.
pub const ANSWERS_UNREAD: &str = "AB-1008";
/// A part of the request is missing or cannot be read.
pub const MALFORMED: &str = "AB-1010";
/// The message's id is no id.
pub const OWN_ID: &str = "AB-1011";
/// Document and request name different ids.
pub const OWN_ID_CONTRADICTS: &str = "AB-1012";
/// The authority is no authority.
pub const AUTHORITY: &str = "AB-1013";
/// Document and request name different authorities.
pub const AUTHORITY_CONTRADICTS: &str = "AB-1014";
/// Neither document nor request names an authority.
pub const AUTHORITY_MISSING: &str = "AB-1015";
/// The service is no LeiKa key.
pub const SERVICE: &str = "AB-1016";
/// The case reference is too long or holds control characters.
pub const CASE_REFERENCE: &str = "AB-1017";
/// The sender used this id for other bytes.
pub const ALREADY_EXISTS: &str = "AB-1018";
/// No such ticket of this sender.
pub const TICKET_UNKNOWN: &str = "AB-1020";
/// The ticket is past its time.
pub const TICKET_EXPIRED: &str = "AB-1021";
/// The stored file has another hash.
pub const ATTACHMENT_HASH: &str = "AB-1022";
/// The document refers to a file that did not come.
pub const ATTACHMENT_MISSING: &str = "AB-1023";
/// A file came that the document does not refer to.
pub const ATTACHMENT_EXTRA: &str = "AB-1024";
/// Two files of one name.
pub const ATTACHMENT_TWICE: &str = "AB-1025";
/// More files than allowed.
pub const ATTACHMENTS_TOO_MANY: &str = "AB-1026";
/// Nobody is responsible here.
pub const NO_ROUTE: &str = "AB-1030";
/// A test message, and no route for test messages.
pub const NO_TEST_ROUTE: &str = "AB-1031";
/// It is unknown whether the message was stored in time.
pub const APPEND_TIMEOUT: &str = "AB-1040";
/// The upload is larger than allowed.
pub const UPLOAD_TOO_LARGE: &str = "AB-1050";
/// The upload is not what its first message said.
pub const UPLOAD_MISMATCH: &str = "AB-1051";
/// The upload does not begin with its info, or brings it twice.
pub const UPLOAD_ORDER: &str = "AB-1052";
/// The listener cannot be served.
pub const SERVE: &str = "AB-1060";
/// The console, which knows the status, cannot be reached or does not answer.
pub const CONSOLE_UNREACHABLE: &str = "AB-1070";
/// The console does not take this gateway's questions.
pub const CONSOLE_REFUSES: &str = "AB-1071";

/// A rejection would be answered with a rejection, or a receipt acknowledged.
pub const NOT_ANSWERED: &str = "AB-1080";
/// A worker ended without an answer.
pub const CHECK_VANISHED: &str = "AB-9001";
/// The channel answered another number of positions than records were appended.
pub const POSITIONS: &str = "AB-9002";
/// A task ended without an answer.
pub const TASK_VANISHED: &str = "AB-9003";
/// Checked values do not fit together.
pub const INCONSISTENT: &str = "AB-9004";
