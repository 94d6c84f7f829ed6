//! The threads that check documents, and the bounded queue before them.

use std::fmt;

use crate::{Document, LoadError, Options, StandardInfo, Verdict};

/// The installed standards and the worker threads that apply them. A handle: clones share both, and
/// the last one to go joins the threads.
#[derive(Clone, Debug)]
pub struct Standards {}

/// The queue before the workers is full; later there is room again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Busy;

impl Busy {
    /// `AB-4901`.
    #[must_use]
    pub fn code(self) -> &'static str {
        crate::codes::BUSY
    }
}

impl fmt::Display for Busy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("too many documents wait to be checked")
    }
}

impl std::error::Error for Busy {}

impl Standards {
    /// Loads the built-in standards and those below `options.paths`, and starts the workers.
    ///
    /// # Errors
    /// Every fault of every standard, with file, line and key.
    pub fn load(_options: Options) -> Result<Self, LoadError> {
        Ok(Self {})
    }

    /// What is installed, ordered by id and version.
    #[must_use]
    pub fn list(&self) -> Vec<StandardInfo> {
        Vec::new()
    }

    /// Queues `document`; `answer` gets the verdict, on a worker thread, exactly once.
    ///
    /// # Errors
    /// When the queue is full; `answer` is dropped then.
    pub fn check(
        &self,
        _document: Document,
        answer: impl FnOnce(Verdict) + Send + 'static,
    ) -> Result<(), Busy> {
        answer(Verdict::default());
        Ok(())
    }

    /// Checks `document` and waits for the verdict, also for room in the queue. For start-up, tests
    /// and command line: it blocks its thread.
    #[must_use]
    pub fn check_blocking(&self, _document: Document) -> Verdict {
        Verdict::default()
    }
}
