//! The portal of a run: sends what is due, again where the outcome is unknown or there was no room,
//! and ends the run at the first refusal instead of hammering.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;
use tonic::{Code, Status, transport::Channel};
use tonic_types::StatusExt as _;
use uuid::Uuid;
use wire::intake::{SubmitResponse, intake_service_client::IntakeServiceClient};

use super::{
    book::UNDER_WAY_MAX,
    desk::Desk,
    mill::Mill,
    pace::{Turn, Turns},
};
use crate::{
    cli::Language,
    client::{self, Client},
    codes,
    exit::{Exit, Stop},
};

/// How long one call may take before its outcome counts as unknown.
pub(super) const CALL_TIME_MAX: Duration = Duration::from_secs(60);
/// How often a message is sent in all.
const ROUNDS_MAX: u32 = 8;
/// The wait before the second round where the server names none; each further one is as much longer.
const ROUND_WAIT: Duration = Duration::from_millis(250);
/// The longest wait the server may ask for.
const ROUND_WAIT_MAX: Duration = Duration::from_secs(30);

/// One place of `--in-flight`: sends a message, waits for its receipt, takes the next.
pub(super) async fn work(client: Client, desk: Arc<Desk>, mill: Arc<Mill>, turns: Arc<Turns>) {
    let mut intake = client.intake();
    while let Some(turn) = turns.next().await {
        push(&client, &mut intake, &desk, &mill, turn).await;
    }
}

/// Sends one message until it has a receipt, or it is known that it gets none, or sending ends.
pub(super) async fn push(
    client: &Client,
    intake: &mut IntakeServiceClient<Channel>,
    desk: &Desk,
    mill: &Mill,
    Turn { number, due }: Turn,
) {
    let message = mill.request(number);
    let under_way = desk.book(|book| {
        book.sent(number, mill.case_of(number), due, Instant::now());
        book.under_way()
    });
    if UNDER_WAY_MAX <= under_way {
        let what = format!("{UNDER_WAY_MAX} messages are under way, more than can be followed");
        desk.stop(Stop::new(Exit::Unavailable, codes::RUN_UNCLEAN, what));
    }
    let mut is_unknown = false;
    for round in 1..=ROUNDS_MAX {
        let mut request = client.request(message.clone());
        request.set_timeout(CALL_TIME_MAX);
        let answer = intake.submit(request).await;
        let at = Instant::now();
        let status = match answer {
            Ok(response) => {
                let id = message_id(&response.into_inner());
                let is_kept_back = desk.keeps_back(number);
                desk.book(|book| {
                    book.receipted(number, id, at);
                    if is_kept_back {
                        book.kept_back(number, at);
                    }
                });
                return;
            }
            Err(status) => status,
        };
        desk.book(|book| book.erred(&code_of(&status)));
        let wait = match followed_by(&status) {
            Next::Never => {
                desk.book(|book| book.failed(number));
                desk.stop(refused(&status, desk.language));
                return;
            }
            Next::After(wait) => wait,
            Next::Unknown => {
                is_unknown = true;
                ROUND_WAIT * round
            }
        };
        let is_over = tokio::select! {
            biased;
            () = desk.halt.cancelled() => true,
            () = tokio::time::sleep(wait.min(ROUND_WAIT_MAX)) => false,
        };
        if is_over || round == ROUNDS_MAX {
            break;
        }
        desk.book(|book| book.repeated());
    }
    // A round without an answer may have taken effect, whatever a later one was told.
    desk.book(|book| if is_unknown { book.unknown(number) } else { book.failed(number) });
}

/// What an error leaves to be done.
#[derive(Debug, PartialEq, Eq)]
enum Next {
    /// The same again, after this.
    After(Duration),
    /// Nobody knows; the same again finds out.
    Unknown,
    /// The same again gives the same answer.
    Never,
}

fn followed_by(status: &Status) -> Next {
    let details = status.get_error_details();
    let retry_after = details.retry_info().and_then(|info| info.retry_delay);
    match (status.code(), retry_after) {
        (Code::ResourceExhausted, Some(wait)) => Next::After(wait),
        (Code::Unavailable | Code::DeadlineExceeded | Code::Cancelled | Code::Unknown, _) => {
            Next::Unknown
        }
        // A connection that breaks in the middle; the server's own defects have a code.
        (Code::Internal, _) if details.error_info().is_none() => Next::Unknown,
        _ => Next::Never,
    }
}

/// `AB-nnnn`, or gRPC's own name where something between has answered.
fn code_of(status: &Status) -> String {
    match status.get_details_error_info() {
        Some(info) => info.reason,
        None => format!("{:?}", status.code()),
    }
}

fn refused(status: &Status, language: Language) -> Stop {
    let stop = client::stop(status, language);
    let first = language.of("abgelehnt, nichts mehr gesendet", "refused, nothing more was sent");
    stop.of(first)
}

fn message_id(response: &SubmitResponse) -> Option<Uuid> {
    Uuid::parse_str(&response.receipt.as_ref()?.message_id).ok()
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use tonic_types::ErrorDetails;

    use super::*;

    #[test]
    fn only_what_may_still_be_taken_is_sent_again() {
        let info = || ErrorDetails::with_error_info("AB-1003", "amtsbote.de", HashMap::new());
        let wait = Duration::from_millis(40);
        let mut with_wait = info();
        with_wait.set_retry_info(Some(wait));
        let plain = ErrorDetails::new;
        for (code, details, expected) in [
            (Code::ResourceExhausted, with_wait, Next::After(wait)),
            (Code::ResourceExhausted, info(), Next::Never),
            (Code::Unavailable, plain(), Next::Unknown),
            (Code::DeadlineExceeded, plain(), Next::Unknown),
            (Code::Unknown, plain(), Next::Unknown),
            (Code::Internal, plain(), Next::Unknown),
            (Code::Internal, info(), Next::Never),
            (Code::InvalidArgument, info(), Next::Never),
            (Code::Unauthenticated, info(), Next::Never),
            (Code::AlreadyExists, info(), Next::Never),
        ] {
            let status = Status::with_error_details(code, "", details);
            assert_eq!(followed_by(&status), expected, "{code:?}");
        }
    }

    #[test]
    fn an_error_without_a_code_of_ours_goes_by_grpcs_name() {
        assert_eq!(code_of(&Status::unavailable("")), "Unavailable");
        let details = ErrorDetails::with_error_info("AB-1003", "amtsbote.de", HashMap::new());
        let status = Status::with_error_details(Code::ResourceExhausted, "", details);
        assert_eq!(code_of(&status), "AB-1003");
    }
}
