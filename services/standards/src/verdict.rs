//! What goes in and what comes out: a document and the verdict on it.

use std::fmt;

use bytes::Bytes;
use messaging::{Domain, ProcedureName, Reason, Sha256, Timestamp};

/// One document as received.
#[derive(Clone)]
pub struct Document {
    /// Exactly as received.
    pub bytes: Bytes,
    /// As the sender called it; `None`: recognised from the first character.
    pub media_type: Option<String>,
    /// When it was received; standards have validity dates.
    pub now: Timestamp,
}

/// Never the payload.
impl fmt::Debug for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Document")
            .field("bytes", &self.bytes.len())
            .field("media_type", &self.media_type)
            .finish_non_exhaustive()
    }
}

/// Everything found out about one document.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// The procedure it belongs to, if it is one of ours.
    pub recognised: Option<Recognised>,
    /// What its header says, as far as it could be read; also of documents that are refused.
    pub header: Header,
    /// Errors and warnings in the order of the document, capped.
    pub violations: Vec<Violation>,
    /// How many there are, those beyond the cap too.
    pub violations_total: usize,
    /// What is passed on; there iff the document is acceptable, that is without error.
    pub message: Option<Message>,
    /// How the judgement of its XSD came about, a word of a closed list: `proven`, or why it was not and
    /// the validator judged; `None` where none was asked.
    pub proof: Option<&'static str>,
}

impl Verdict {
    /// Whether it may go on.
    #[must_use]
    pub fn is_acceptable(&self) -> bool {
        self.message.is_some()
    }
}

/// A document of a standard that is installed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recognised {
    /// Standard, version and message type.
    pub procedure: ProcedureName,
    /// Family of procedures, for routing.
    pub domain: Domain,
    /// The message type's title in German.
    pub title: String,
    /// What it is in the course of a procedure.
    pub kind: MessageKind,
}

/// What a message type is in the course of a procedure. A rejection is never answered with a
/// rejection, a receipt never acknowledged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum MessageKind {
    /// It begins or continues a case.
    #[default]
    Application,
    /// It says how far a case is.
    Status,
    /// It asks for something.
    Question,
    /// It decides a case.
    Decision,
    /// It says that a message has arrived.
    Receipt,
    /// It gives a message back with reasons.
    Rejection,
}

impl MessageKind {
    /// Every kind.
    pub const ALL: [Self; 6] = [
        Self::Application,
        Self::Status,
        Self::Question,
        Self::Decision,
        Self::Receipt,
        Self::Rejection,
    ];

    /// As `standard.toml` calls it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Application => "application",
            Self::Status => "status",
            Self::Question => "question",
            Self::Decision => "decision",
            Self::Receipt => "receipt",
            Self::Rejection => "rejection",
        }
    }
}

/// What routing and identity need of a document; `None` where it says nothing.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Header {
    /// The message's id, as sent.
    pub own_id: Option<String>,
    /// The business process.
    pub case_reference: Option<String>,
    /// The message it refers to.
    pub refers_to: Option<String>,
    /// The reader, `prefix:key`.
    pub authority: Option<String>,
    /// Who gets it besides, in the document's order; those that are not `prefix:key` left out.
    pub further_authorities: Vec<String>,
    /// Who wrote it, `prefix:key`.
    pub author: Option<String>,
    /// LeiKa key.
    pub service: Option<String>,
    /// Whether the root carries `test`, whatever its value.
    pub is_test: bool,
}

/// Nothing but what is no personal data for certain: a document can hold anything anywhere.
impl fmt::Debug for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Header").field("is_test", &self.is_test).finish_non_exhaustive()
    }
}

/// An acceptable document in the forms it travels in.
#[derive(Clone, PartialEq, Eq)]
pub struct Message {
    /// UTF-8 in NFC, where that differs from the document as received.
    pub normalised: Option<Bytes>,
    /// `amtsbote.canonical.v1.Application`, encoded.
    pub canonical: Bytes,
    /// What it is: `application/xml` or `application/json`.
    pub media_type: String,
    /// The files it refers to, in its order.
    pub attachments: Vec<AttachmentNeed>,
}

/// Never the payload.
impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message")
            .field("canonical", &self.canonical.len())
            .field("media_type", &self.media_type)
            .field("attachments", &self.attachments.len())
            .finish_non_exhaustive()
    }
}

/// A file the document refers to and that must come with it.
#[derive(Clone, PartialEq, Eq)]
pub struct AttachmentNeed {
    /// As the document calls it.
    pub name: String,
    /// As the document says, else empty.
    pub media_type: String,
    /// The hash the document names, if any.
    pub sha256: Option<Sha256>,
}

/// File names can be personal data.
impl fmt::Debug for AttachmentNeed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AttachmentNeed")
            .field("media_type", &self.media_type)
            .finish_non_exhaustive()
    }
}

/// Whether a violation refuses the document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Severity {
    /// Told, not refused.
    Warning,
    /// Refused.
    Error,
}

/// Warnings that go along with an application; its receipt has all of them.
pub const WARNINGS_MAX: usize = 100;
/// Of where each was found; the record must stay below what a Kafka broker takes by default.
pub const WARNING_PATH_CHARS_MAX: usize = 200;

/// Warnings as they go along with an application: at most [`WARNINGS_MAX`] of `found`.
#[must_use]
pub fn warnings(found: &[Violation]) -> Vec<Reason> {
    found.iter().take(WARNINGS_MAX).map(|it| it.reason(WARNING_PATH_CHARS_MAX)).collect()
}

/// One place where a document is not as it should be. Its texts hold values only where they cannot
/// be personal data: codes, versions, names of elements.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// `AB-4nnn`, or `AB-9nnn` for a fault of ours.
    pub code: &'static str,
    /// XInneres error code v2, where one fits.
    pub xoev_code: Option<&'static str>,
    /// Error or warning.
    pub severity: Severity,
    /// XPath as a person would write it, or JSON pointer; empty for the document as a whole.
    pub path: String,
    /// From 1; 0 where there is none.
    pub line: u32,
    /// From 1, in characters; 0 where there is none.
    pub column: u32,
    /// One German sentence.
    pub german: String,
    /// The same in English.
    pub english: String,
    /// The validator's rule, e.g. `cvc-pattern-valid`; `None` for our own rules.
    pub rule: Option<String>,
}

impl Violation {
    /// Its code, and where it is, at most `path_chars_max` characters of that: no value.
    #[must_use]
    pub fn reason(&self, path_chars_max: usize) -> Reason {
        let text = self.path.chars().take(path_chars_max).collect();
        Reason { code: Some(self.code.to_owned()), text }
    }
}
