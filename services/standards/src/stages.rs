//! The engine on the caller's own thread, whole and stage by stage: for who checks many documents in
//! a row, and for measuring what each stage costs.

use std::fmt;

use crate::{Document, Verdict, desk::Desk};

/// A desk of the caller's own thread; see [`crate::Standards::at_a_desk`].
pub struct Stages<'d> {
    pub(crate) desk: Desk<'d>,
}

impl fmt::Debug for Stages<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Stages")
    }
}

impl Stages<'_> {
    /// The whole way of a document, as on a worker's desk. A fault of ours panics here.
    #[must_use]
    pub fn check(&self, document: &Document) -> Verdict {
        self.desk.check(document)
    }

    /// Only which message type an XML document is of: what it is called, if a standard has it.
    #[must_use]
    pub fn recognise(&self, text: &str) -> Option<&str> {
        self.desk.recognised_xml(text).map(|(_, name)| name)
    }

    /// Recognises an XML document and proves it valid, with everything it holds taken on the way: whether
    /// that is proven, if it is of a standard.
    #[must_use]
    pub fn prove(&self, text: &str) -> Option<bool> {
        self.desk.proven_xml(text)
    }

    /// Recognises an XML document and reads it through the schema: how many findings there are, if
    /// it is of a standard and well-formed.
    #[must_use]
    pub fn validate(&self, text: &str) -> Option<usize> {
        self.desk.validated_xml(text)
    }
}
