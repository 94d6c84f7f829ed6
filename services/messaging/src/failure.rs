//! The one error that crosses a crate boundary on the message path.

use std::{error::Error, fmt, sync::Arc, time::Duration};

/// A result on the message path.
pub type Result<T> = std::result::Result<T, Failure>;

/// Whatever went wrong underneath.
type Source = Box<dyn Error + Send + Sync>;

/// Why a message could not move on. Cheap to clone.
///
/// Code branches on [`Failure::kind`] alone; people read the code and the chain. `Display` prints
/// this layer only, so a printer that walks the chain never repeats itself. Neither the failure nor
/// its sources hold personal data; a receiver's words for the portal travel in
/// [`Failure::reasons`], which no formatter prints.
#[derive(Clone)]
pub struct Failure(Arc<Repr>);

/// What happens next. Each kind has exactly one consequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FailureKind {
    /// This message failed for now: try it again later, up to the policy's limit.
    Transient,
    /// It may or may not have taken effect: the endpoint's effect contract decides.
    Uncertain,
    /// The receiver certainly did nothing. Unless it answers others meanwhile, it is down for every
    /// message: close the gate, spend no attempt.
    Unavailable,
    /// The receiver's final answer to this message: tell the portal, let the case go on.
    Rejected,
    /// Our code or configuration is wrong: dead-letter it now and raise an alarm.
    Defect,
}

struct Repr {
    kind: FailureKind,
    code: &'static str,
    wait: Option<Duration>,
    is_for_all: bool,
    reasons: Vec<crate::Reason>,
    source: Source,
}

impl FailureKind {
    /// A failure of this kind. `code` names a page in `docs/errors/`, e.g. `AB-2003`.
    pub fn because(self, code: &'static str, source: impl Into<Source>) -> Failure {
        Failure(Arc::new(Repr {
            kind: self,
            code,
            wait: None,
            is_for_all: false,
            reasons: Vec::new(),
            source: source.into(),
        }))
    }
}

impl Failure {
    /// This failure with the wait the remote side asked for. Keeps the chain.
    #[must_use]
    pub fn with_wait(self, wait: Duration) -> Self {
        Self(Arc::new(Repr { wait: Some(wait), ..self.below() }))
    }

    /// This failure, said of whatever is sent and not of this message: the remote side is asked too
    /// often. Keeps the chain.
    #[must_use]
    pub fn for_all(self) -> Self {
        Self(Arc::new(Repr { is_for_all: true, ..self.below() }))
    }

    /// The same, with this failure as its source.
    fn below(self) -> Repr {
        Repr {
            kind: self.kind(),
            code: self.code(),
            wait: self.0.wait,
            is_for_all: self.0.is_for_all,
            reasons: self.0.reasons.clone(),
            source: Box::new(self),
        }
    }

    /// A rejection with the receiver's reasons, for the portal's eyes only.
    pub fn rejected(
        code: &'static str,
        reasons: Vec<crate::Reason>,
        source: impl Into<Source>,
    ) -> Self {
        let kind = FailureKind::Rejected;
        let source = source.into();
        Self(Arc::new(Repr { kind, code, wait: None, is_for_all: false, reasons, source }))
    }

    /// What to do about it.
    #[must_use]
    pub fn kind(&self) -> FailureKind {
        self.0.kind
    }

    /// The operator's code, e.g. `AB-2003`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.0.code
    }

    /// The wait the remote side asked for, if it asked.
    #[must_use]
    pub fn wait_requested(&self) -> Option<Duration> {
        self.0.wait
    }

    /// Whether it was said of whatever is sent, so that it is not this message's, whatever becomes of
    /// others.
    #[must_use]
    pub fn is_for_all(&self) -> bool {
        self.0.is_for_all
    }

    /// Why the receiver refused, in its own words. May be about a person: never logged.
    #[must_use]
    pub fn reasons(&self) -> &[crate::Reason] {
        &self.0.reasons
    }

    /// The whole chain in one line, for the history and the log.
    #[must_use]
    pub fn report(&self) -> String {
        let mut report = self.to_string();
        let mut cause = self.source();
        while let Some(error) = cause {
            // `with_wait` and `for_all` put a failure under itself; its own line says nothing new.
            if error.downcast_ref::<Self>().is_none() {
                report.push_str(": ");
                report.push_str(&error.to_string());
            }
            cause = error.source();
        }
        report
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let action = match self.0.kind {
            FailureKind::Transient => "failed for now",
            FailureKind::Uncertain => "outcome is unknown",
            FailureKind::Unavailable => "unavailable",
            FailureKind::Rejected => "rejected by the receiver",
            FailureKind::Defect => "defect",
        };
        write!(f, "{}: {action}", self.0.code)
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Failure")
            .field("kind", &self.0.kind)
            .field("code", &self.0.code)
            .field("wait", &self.0.wait)
            .field("source", &self.0.source)
            .finish_non_exhaustive()
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(self.0.source.as_ref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Reason;

    #[test]
    fn a_report_names_each_cause_once() {
        let failure = FailureKind::Unavailable.because("AB-3001", "connection refused");
        assert_eq!(failure.report(), "AB-3001: unavailable: connection refused");
        let asked = failure.with_wait(Duration::from_secs(5));
        assert_eq!(asked.report(), "AB-3001: unavailable: connection refused");
        assert_eq!(asked.wait_requested(), Some(Duration::from_secs(5)));
        assert!(!asked.is_for_all());
        let of_all = asked.for_all();
        assert_eq!(of_all.report(), "AB-3001: unavailable: connection refused");
        assert_eq!(of_all.wait_requested(), Some(Duration::from_secs(5)));
        assert!(of_all.is_for_all() && of_all.with_wait(Duration::ZERO).is_for_all());
    }

    #[test]
    fn nothing_prints_the_receivers_words() {
        let reason = Reason { code: None, text: "Erika Mustermann fehlt".to_owned() };
        let failure = Failure::rejected("AB-3010", vec![reason], "status 422");
        assert!(!format!("{failure} {failure:?} {}", failure.report()).contains("Erika"));
        assert_eq!(failure.reasons().len(), 1);
    }
}
