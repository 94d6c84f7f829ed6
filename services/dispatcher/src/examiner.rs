//! Who says what standards make of a document that is to go instead of another.

use std::fmt;

use async_trait::async_trait;
use bytes::Bytes;
use messaging::{ProcedureName, Reason, Sha256};

/// Judges documents as the gateway does, whenever it is asked: a dispatcher is seldom asked to hand
/// over another document, and until then needs no standards.
#[async_trait]
pub trait Examiner: fmt::Debug + Send + Sync {
    /// Judges `document`, within a bounded time. Cancel safe: nothing is kept.
    async fn examine(&self, document: Bytes) -> Examined;
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Examined {
    /// It may go.
    Valid(Box<Examinee>),
    /// It may not.
    Invalid {
        /// Violations, those that are not told as well.
        total: usize,
        /// The first of them: `AB-nnnn`, and where. No values.
        first: Vec<(&'static str, String)>,
    },
    /// Nobody could judge it now; the same later may help. Says why, in a few words.
    Unjudged(&'static str),
}

/// A valid document: what it says of itself, and the forms it travels in.
#[derive(Clone, PartialEq, Eq)]
pub struct Examinee {
    /// Standard, version and message type.
    pub procedure: ProcedureName,
    /// The message's id, where the document names one.
    pub own_id: Option<String>,
    /// The business process, where it names one.
    pub case_reference: Option<String>,
    /// Who is responsible, where it says so.
    pub authority: Option<String>,
    /// Who gets it besides, in its order.
    pub further_authorities: Vec<String>,
    /// Whether its root carries `test`.
    pub is_test: bool,
    /// UTF-8 in NFC, where that differs from the document.
    pub normalised: Option<Bytes>,
    /// `amtsbote.canonical.v1.Application`, encoded.
    pub canonical: Bytes,
    /// Media type.
    pub media_type: String,
    /// The files it refers to, each with the hash it names, if any.
    pub attachments: Vec<(String, Option<Sha256>)>,
    /// What was let through: codes and paths, no values.
    pub warnings: Vec<Reason>,
}

/// Nothing of the document.
impl fmt::Debug for Examinee {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Examinee").field("procedure", &self.procedure).finish_non_exhaustive()
    }
}
