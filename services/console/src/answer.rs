//! What every answer is made of: refusals with details, times, and the caller's name.

use std::{collections::HashMap, time::Duration};

use messaging::{CommandId, Failure, FailureKind, SenderName, Timestamp};
use tonic::{Code, Request, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use crate::codes;

/// The domain of all codes.
const DOMAIN: &str = "amtsbote.de";

/// What a client waits before it asks again.
const RETRY_WAIT: Duration = Duration::from_secs(1);

/// Who asks, as the edge found out.
pub(crate) fn sender_of<T>(request: &Request<T>) -> Result<SenderName, Status> {
    request.extensions().get::<SenderName>().cloned().ok_or_else(|| {
        let text = "No valid credential was given.";
        refusal(Code::Unauthenticated, codes::UNAUTHENTICATED, text, None)
    })
}

/// Who asks for another is no gateway that is known here, or does not say for whom.
pub(crate) fn unproven() -> Status {
    let text = "This is for gateways of this installation; portals ask the gateway.";
    refusal(Code::Unauthenticated, codes::UNPROVEN, text, None)
}

/// Whoever looks or orders has not shown the token.
pub(crate) fn no_operator() -> Status {
    let text = "This is for operators of this installation; show its token.";
    refusal(Code::Unauthenticated, codes::NO_OPERATOR, text, None)
}

/// A browser may have sent it, for whatever page is open in it.
pub(crate) fn from_a_page(why: &str) -> Status {
    refusal(Code::PermissionDenied, codes::FROM_A_PAGE, why, None)
}

/// Others can reach the console, and could be anybody.
pub(crate) fn orders_unproven() -> Status {
    let text = "Others can reach this console, and it has no token to tell operators from them; \
                it takes no orders.";
    refusal(Code::PermissionDenied, codes::ORDERS_UNPROVEN, text, None)
}

/// The id is another command's.
pub(crate) fn command_reused() -> Status {
    let text = "This id belongs to another command; give this one an id of its own.";
    refusal(Code::AlreadyExists, codes::COMMAND_REUSED, text, None)
}

/// A field that is wrong.
pub(crate) fn invalid(field: &str, text: &str) -> Status {
    let mut details = ErrorDetails::with_bad_request_violation(field, text);
    details.set_error_info(codes::INVALID, DOMAIN, HashMap::new());
    Status::with_error_details(Code::InvalidArgument, text, details)
}

/// Definitive: there is none that this sender may see.
pub(crate) fn not_found() -> Status {
    let text = "There is no such message or reply of this sender.";
    refusal(Code::NotFound, codes::NOT_FOUND, text, None)
}

/// No command of this id was projected.
pub(crate) fn command_unknown() -> Status {
    let text = "There is no such command, or it is not projected yet.";
    refusal(Code::NotFound, codes::COMMAND_UNKNOWN, text, None)
}

/// Appending failed: whether the command is there is not known.
pub(crate) fn not_issued(command: CommandId, failure: &Failure) -> Status {
    let (code, cause) = (failure.code(), failure.report());
    tracing::warn!(%command, code, cause, "a command cannot be recorded");
    let text = format!(
        "The command could not be recorded for sure; repeat it with this command id: {command}"
    );
    match failure.kind() {
        FailureKind::Defect => refusal(Code::Internal, code, &text, None),
        _ => refusal(Code::Unavailable, code, &text, Some(RETRY_WAIT)),
    }
}

/// Not definitive: ask again.
pub(crate) fn not_caught_up() -> Status {
    let text = "The status is not up to date yet; ask again.";
    refusal(Code::Unavailable, codes::NOT_CAUGHT_UP, text, Some(RETRY_WAIT))
}

/// As many streams as there may be.
pub(crate) fn too_many_watches() -> Status {
    let text = "Too many status streams are open; close one or try again later.";
    refusal(Code::ResourceExhausted, codes::TOO_MANY_WATCHES, text, Some(RETRY_WAIT))
}

/// The stream goes on at its last cursor, wherever the service is served next.
pub(crate) fn shutting_down() -> Status {
    let text = "The service is shutting down; resume with the last cursor.";
    refusal(Code::Unavailable, codes::SHUTTING_DOWN, text, Some(RETRY_WAIT))
}

/// A store or a channel failed.
pub(crate) fn failed(failure: &Failure) -> Status {
    match failure.kind() {
        FailureKind::Defect => {
            tracing::error!(code = failure.code(), cause = failure.report(), "cannot answer");
            refusal(Code::Internal, failure.code(), "The status cannot be read.", None)
        }
        _ => {
            let text = "The status cannot be read now; ask again.";
            refusal(Code::Unavailable, failure.code(), text, Some(RETRY_WAIT))
        }
    }
}

fn refusal(code: Code, reason: &str, text: &str, wait: Option<Duration>) -> Status {
    let mut details = ErrorDetails::with_error_info(reason, DOMAIN, HashMap::new());
    if wait.is_some() {
        details.set_retry_info(wait);
    }
    Status::with_error_details(code, text, details)
}

/// On the wire.
pub(crate) fn time(at: Timestamp) -> prost_types::Timestamp {
    let nanos = i32::try_from(at.0.rem_euclid(1_000_000) * 1_000).unwrap_or(0);
    prost_types::Timestamp { seconds: at.0.div_euclid(1_000_000), nanos }
}
