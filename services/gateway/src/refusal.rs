//! The answer "no": why, in two languages, and whether sending the same again helps.

use std::time::Duration;

use messaging::{Authority, Failure, FailureKind};
use standards::{ComposeError, Severity, Violation};
use tonic::Code;

use crate::{answering, codes};

mod details;

/// How long a client waits when nothing better is known.
const RETRY_WAIT: Duration = Duration::from_secs(1);

/// How long a client waits for a store or channel that is not there.
const OUTAGE_WAIT: Duration = Duration::from_secs(5);

/// Codes below are about requests and about documents that cannot be read; from here on, about what
/// a standard demands.
const FIRST_RULE: &str = "AB-4100";

/// A refusal on its way through `Result`s.
pub(crate) type Refused = Box<Refusal>;

/// Why not. Its texts hold no payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) status: Code,
    pub(crate) code: &'static str,
    pub(crate) german: String,
    pub(crate) english: String,
    /// Errors and warnings, request's and document's, capped.
    pub(crate) violations: Vec<Violation>,
    pub(crate) violations_total: usize,
    /// `None`: sending the same again does not help.
    pub(crate) retry_after: Option<Duration>,
}

impl Refusal {
    fn new(
        status: Code,
        code: &'static str,
        german: impl Into<String>,
        english: impl Into<String>,
    ) -> Self {
        Self {
            status,
            code,
            german: german.into(),
            english: english.into(),
            violations: Vec::new(),
            violations_total: 0,
            retry_after: None,
        }
    }

    fn retry_after(mut self, wait: Duration) -> Refused {
        self.retry_after = Some(wait);
        Box::new(self)
    }

    /// The document or the request is wrong. At least one violation is an error; `total` counts
    /// those beyond the cap too.
    pub(crate) fn invalid(violations: Vec<Violation>, total: usize) -> Refused {
        let errors = || violations.iter().filter(|found| found.severity == Severity::Error);
        // What keeps a document from being read says more than what was found on the way there.
        let first = errors().find(|found| found.code < FIRST_RULE).or_else(|| errors().next());
        let is_alone = errors().nth(1).is_none();
        let code = first.map_or(codes::INCONSISTENT, |first| first.code);
        let mut refusal = match first {
            Some(first) if is_alone => {
                Self::new(Code::InvalidArgument, code, &first.german, &first.english)
            }
            _ => Self::new(
                Code::InvalidArgument,
                code,
                format!("Die Nachricht wird nicht angenommen; Beanstandungen: {total}."),
                format!("The message is not accepted; violations: {total}."),
            ),
        };
        (refusal.violations, refusal.violations_total) = (violations, total);
        Box::new(refusal)
    }

    pub(crate) fn malformed(path: &str, english: &str, german: &str) -> Refused {
        Self::invalid(vec![violation(codes::MALFORMED, path, german, english)], 1)
    }

    pub(crate) fn too_large(bytes_max: usize) -> Refused {
        Box::new(Self::new(
            Code::ResourceExhausted,
            codes::TOO_LARGE,
            format!("Die Nachricht ist zu groß; erlaubt sind {bytes_max} Bytes."),
            format!("The message is too large; at most {bytes_max} bytes are allowed."),
        ))
    }

    pub(crate) fn overloaded(code: &'static str) -> Refused {
        Self::new(
            Code::ResourceExhausted,
            code,
            "Zurzeit wird zu viel gleichzeitig bearbeitet; bitte gleich noch einmal senden.",
            "Too much is being worked on at this moment; send it again shortly.",
        )
        .retry_after(RETRY_WAIT)
    }

    pub(crate) fn too_fast(wait: Duration) -> Refused {
        Self::new(
            Code::ResourceExhausted,
            codes::TOO_FAST,
            "Dieser Absender sendet schneller als vereinbart; bitte langsamer senden.",
            "This sender sends faster than it may; slow down.",
        )
        .retry_after(wait)
    }

    pub(crate) fn unauthenticated() -> Refused {
        Box::new(Self::new(
            Code::Unauthenticated,
            codes::UNAUTHENTICATED,
            "Der Absender hat sich nicht oder nicht gültig ausgewiesen.",
            "No valid credential was given.",
        ))
    }

    pub(crate) fn stalled() -> Refused {
        Self::new(
            Code::DeadlineExceeded,
            codes::STALLED,
            "Die Übertragung ist stehen geblieben und wurde abgebrochen.",
            "The client stopped sending, and the transfer was ended.",
        )
        .retry_after(RETRY_WAIT)
    }

    pub(crate) fn check_timeout() -> Refused {
        Self::new(
            Code::ResourceExhausted,
            codes::CHECK_TIMEOUT,
            "Die Prüfung des Dokuments hat zu lange gedauert.",
            "Checking the document took too long.",
        )
        .retry_after(OUTAGE_WAIT)
    }

    pub(crate) fn shutting_down() -> Refused {
        Self::new(
            Code::Unavailable,
            codes::SHUTTING_DOWN,
            "Der Empfänger wird gerade beendet; bitte gleich noch einmal senden.",
            "The gateway is shutting down; send it again shortly.",
        )
        .retry_after(RETRY_WAIT)
    }

    pub(crate) fn console_unreachable(wait: Duration) -> Refused {
        Self::new(
            Code::Unavailable,
            codes::CONSOLE_UNREACHABLE,
            "Der Bearbeitungsstand kann gerade nicht abgefragt werden; angenommen wird weiterhin.",
            "The status cannot be asked for at this moment; applications are taken all the same.",
        )
        .retry_after(wait.max(RETRY_WAIT))
    }

    pub(crate) fn console_refuses() -> Refused {
        Self::new(
            Code::Unavailable,
            codes::CONSOLE_REFUSES,
            "Der Bearbeitungsstand kann nicht abgefragt werden; der Betrieb ist zu verständigen.",
            "The status cannot be asked for; tell the operators.",
        )
        .retry_after(OUTAGE_WAIT)
    }

    pub(crate) fn answers_unread() -> Refused {
        Box::new(Self::new(
            Code::DeadlineExceeded,
            codes::ANSWERS_UNREAD,
            "Die Antworten wurden nicht abgeholt; die Übertragung wurde beendet.",
            "The answers were not read, and the stream was ended.",
        ))
    }

    pub(crate) fn append_timeout() -> Refused {
        Self::new(
            Code::Unavailable,
            codes::APPEND_TIMEOUT,
            "Es ist noch nicht bekannt, ob die Nachricht gespeichert wurde; bitte unverändert noch einmal senden.",
            "It is not known yet whether the message was stored; send the same again.",
        )
        .retry_after(OUTAGE_WAIT)
    }

    pub(crate) fn already_exists() -> Refused {
        Box::new(Self::new(
            Code::AlreadyExists,
            codes::ALREADY_EXISTS,
            "Unter dieser Nachrichten-ID wurde schon eine andere Nachricht angenommen; eine berichtigte Nachricht braucht eine eigene ID.",
            "Another message was accepted under this id before; a corrected message needs an id of its own.",
        ))
    }

    pub(crate) fn no_route(authority: &Authority, is_other_kind: bool, is_test: bool) -> Refused {
        let (code, german, english) = match (is_other_kind, is_test) {
            (true, true) => (
                codes::NO_TEST_ROUTE,
                format!("Für Testnachrichten an {authority} ist hier kein Weg eingerichtet."),
                format!("No route takes test messages for {authority} here."),
            ),
            _ => (
                codes::NO_ROUTE,
                format!("Für {authority} ist bei dieser Art von Nachricht hier niemand zuständig."),
                format!("Nobody is responsible here for {authority} and this type of message."),
            ),
        };
        Box::new(Self::new(Code::FailedPrecondition, code, german, english))
    }

    pub(crate) fn upload(status: Code, code: &'static str, german: &str, english: &str) -> Refused {
        Box::new(Self::new(status, code, german, english))
    }

    pub(crate) fn not_answered() -> Refused {
        Box::new(Self::new(
            Code::FailedPrecondition,
            codes::NOT_ANSWERED,
            "Auf eine Rückweisung folgt keine Rückweisung, und eine Quittung wird nicht quittiert.",
            "A rejection is never answered with a rejection, and a receipt never acknowledged.",
        ))
    }

    /// An answer that its standard cannot say, with everything that is in the way.
    pub(crate) fn not_written(error: &ComposeError) -> Refused {
        if error.code == standards::codes::DEFECT {
            return Self::defect(error.code);
        }
        let mut refusal = Self::new(
            Code::FailedPrecondition,
            error.code,
            "Die Antwort lässt sich in diesem Standard nicht ausdrücken.",
            "The answer cannot be said in this standard.",
        );
        refusal.violations = answering::problems(error);
        refusal.violations_total = refusal.violations.len();
        Box::new(refusal)
    }

    /// Of a store or channel. `Unavailable` leaves the outcome open.
    pub(crate) fn of_failure(failure: &Failure) -> Refused {
        match failure.kind() {
            FailureKind::Unavailable | FailureKind::Transient | FailureKind::Uncertain => {
                Self::new(
                    Code::Unavailable,
                    failure.code(),
                    "Die Nachricht kann gerade nicht sicher gespeichert werden; bitte unverändert noch einmal senden.",
                    "The message cannot be stored safely at this moment; send the same again.",
                )
                .retry_after(failure.wait_requested().unwrap_or(OUTAGE_WAIT))
            }
            FailureKind::Rejected | FailureKind::Defect => Self::defect(failure.code()),
        }
    }

    pub(crate) fn defect(code: &'static str) -> Refused {
        Box::new(Self::new(
            Code::Internal,
            code,
            "Ein Fehler auf unserer Seite verhindert die Annahme; der Betrieb ist zu verständigen.",
            "A fault on our side prevents acceptance; tell the operators.",
        ))
    }

    /// Whether the message itself was refused, rather than the moment.
    pub(crate) fn is_by_rule(&self) -> bool {
        matches!(
            self.status,
            Code::InvalidArgument | Code::AlreadyExists | Code::FailedPrecondition
        )
    }

    /// Whether the same message may be taken when it is sent again soon. A fault on our side is
    /// not: it is there at each repetition, and must not hold up what comes after it.
    pub(crate) fn is_of_the_moment(&self) -> bool {
        self.retry_after.is_some()
    }

    /// XÖV's word for it, where there is one.
    pub(crate) fn xoev_code(&self) -> Option<&'static str> {
        match self.code {
            codes::NO_ROUTE | codes::NO_TEST_ROUTE => Some("T080"),
            code => self.violations.iter().find(|found| found.code == code)?.xoev_code,
        }
    }
}

/// An error at `path` of the request.
pub(crate) fn violation(code: &'static str, path: &str, german: &str, english: &str) -> Violation {
    Violation {
        code,
        xoev_code: None,
        severity: Severity::Error,
        path: path.to_owned(),
        line: 0,
        column: 0,
        german: german.to_owned(),
        english: english.to_owned(),
        rule: None,
    }
}
