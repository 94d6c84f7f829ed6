//! How the program ends: a number for scripts, and one error with code and cause for people.

use std::{ops::Deref, process::ExitCode};

use messaging::{Failure, FailureKind};

/// What the exit code says. Documented in `docs/cli.md` and in `--help`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Exit {
    /// Everything asked for was done.
    Done,
    /// Refused, or not delivered: sending the same again gives the same answer.
    Refused,
    /// Wrong usage or configuration.
    Usage,
    /// Something is not there now, or the outcome is unknown: the same again later may help.
    Unavailable,
    /// A fault of ours.
    Defect,
}

impl Exit {
    /// The number.
    pub(crate) fn number(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Refused => 1,
            Self::Usage => 2,
            Self::Unavailable => 3,
            Self::Defect => 4,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.number())
    }
}

/// Why a command cannot go on. Small, as every function here can end with it.
#[derive(Debug)]
pub(crate) struct Stop(Box<Told>);

/// What is told about it.
#[derive(Debug)]
pub(crate) struct Told {
    /// What the exit code says.
    pub(crate) exit: Exit,
    /// Names a page in `docs/errors/`.
    pub(crate) code: String,
    /// What is wrong, one line; lower case, no full stop.
    pub(crate) what: String,
    /// Each thing that is wrong, where there are several.
    pub(crate) details: Vec<String>,
}

impl Deref for Stop {
    type Target = Told;

    fn deref(&self) -> &Told {
        &self.0
    }
}

impl Stop {
    /// Wrong usage or configuration.
    pub(crate) fn usage(code: &str, what: impl Into<String>) -> Self {
        Self::new(Exit::Usage, code, what)
    }

    /// A part that cannot be opened: whatever is wrong, it is with what surrounds the program.
    pub(crate) fn at_start(failure: &Failure) -> Self {
        let exit = match failure.kind() {
            FailureKind::Defect | FailureKind::Rejected => Exit::Usage,
            FailureKind::Unavailable | FailureKind::Transient | FailureKind::Uncertain => {
                Exit::Unavailable
            }
        };
        // The first line only says which kind it is.
        let causes = anyhow::Chain::new(failure).skip(1).map(ToString::to_string);
        Self::new(exit, failure.code(), causes.collect::<Vec<_>>().join(": "))
    }

    /// Something is not there now.
    pub(crate) fn unavailable(code: &str, what: impl Into<String>) -> Self {
        Self::new(Exit::Unavailable, code, what)
    }

    /// Any.
    pub(crate) fn new(exit: Exit, code: &str, what: impl Into<String>) -> Self {
        let (code, what) = (code.to_owned(), what.into());
        Self(Box::new(Told { exit, code, what, details: Vec::new() }))
    }

    /// This stop, of the part called `part`.
    pub(crate) fn of(mut self, part: &str) -> Self {
        self.0.what = format!("{part}: {}", self.what);
        self
    }

    /// This stop with `details` below it.
    pub(crate) fn with_details(mut self, details: Vec<String>) -> Self {
        self.0.details = details;
        self
    }
}

/// A part that ended by itself; its code comes first in its report and is not said twice.
impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        let exit = match failure.kind() {
            FailureKind::Defect => Exit::Defect,
            FailureKind::Rejected => Exit::Refused,
            FailureKind::Unavailable | FailureKind::Transient | FailureKind::Uncertain => {
                Exit::Unavailable
            }
        };
        let report = failure.report();
        let what = report.strip_prefix(failure.code()).unwrap_or(&report);
        Self::new(exit, failure.code(), what.trim_start_matches(':').trim())
    }
}
