//! The envelope: one accepted application on its way.

use std::fmt;

use bytes::Bytes;

use crate::{
    Authority, CaseId, ClaimId, Domain, MessageId, OwnId, SenderName, Sha256, Timestamp,
    TraceParent,
};

/// `<standard>/<version>/<message type>`, e.g. `amtsbote-kfz/1.0/kfz.neuzulassung.0101`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ProcedureName {
    /// Folder below `schemas/`.
    pub standard: String,
    /// Folder below the standard's.
    pub version: String,
    /// As `standard.toml` calls it.
    pub message_type: String,
}

/// Everything about an application but its bodies: what routes, subscribes and searches look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApplicationHead {
    /// Globally unique; see [`crate::identity`].
    pub message_id: MessageId,
    /// As the sender wrote it.
    pub own_id: Option<OwnId>,
    /// The unit of order.
    pub case_id: CaseId,
    /// As the sender wrote it: request's reference or the document's business process id.
    pub case_reference: Option<String>,
    /// The message this one refers to (`referenzUUID`); a link, not a case.
    pub refers_to: Option<String>,
    /// Who sent it.
    pub sender: SenderName,
    /// Who is responsible.
    pub authority: Authority,
    /// Who gets the same message besides, in the document's order; none of them twice.
    pub further_authorities: Vec<Authority>,
    /// Which family of procedures.
    pub domain: Domain,
    /// LeiKa key (`99` + 12 digits), if the document or the request named one.
    pub service: Option<String>,
    /// Recognised standard, version and message type.
    pub procedure: ProcedureName,
    /// Whether the root carried `test`, whatever its value.
    pub is_test: bool,
    /// Over document and attachments.
    pub sha256: Sha256,
    /// When the gateway had received it whole.
    pub received_at: Timestamp,
    /// To continue the trace.
    pub trace: Option<TraceParent>,
}

impl ApplicationHead {
    /// Whom it is for: who is responsible, and who gets it besides.
    pub fn authorities(&self) -> impl Iterator<Item = &Authority> {
        std::iter::once(&self.authority).chain(&self.further_authorities)
    }
}

/// One accepted application with its bodies.
#[derive(Clone, PartialEq, Eq)]
pub struct Envelope {
    /// What it is.
    pub head: ApplicationHead,
    /// The document exactly as received.
    pub original: Payload,
    /// UTF-8 in NFC, where that differs from the original.
    pub normalised: Option<Payload>,
    /// `amtsbote.canonical.v1.Application`, protobuf.
    pub canonical: Payload,
    /// Media type of the original, e.g. `application/xml`.
    pub media_type: String,
    /// In the document's order.
    pub attachments: Vec<Attachment>,
    /// Codes of what was let through, e.g. `AB-4101`; with paths, without values.
    pub warnings: Vec<crate::Reason>,
}

/// A body: here, or kept as a claim.
#[derive(Clone, PartialEq, Eq)]
pub enum Payload {
    /// The bytes.
    Inline(Bytes),
    /// Where they are.
    Claim {
        /// The claim.
        claim: ClaimId,
        /// Its length in bytes.
        len: u64,
        /// Its hash.
        sha256: Sha256,
    },
}

/// A file that belongs to the application.
#[derive(Clone, PartialEq, Eq)]
pub struct Attachment {
    /// As the document refers to it.
    pub name: String,
    /// E.g. `application/pdf`.
    pub media_type: String,
    /// The claim that holds it.
    pub claim: ClaimId,
    /// Bytes.
    pub len: u64,
    /// Its hash.
    pub sha256: Sha256,
}

impl Envelope {
    /// Every claim it refers to: bodies and attachments.
    pub fn claims(&self) -> impl Iterator<Item = ClaimId> {
        let bodies = [Some(&self.original), self.normalised.as_ref(), Some(&self.canonical)];
        let bodies = bodies.into_iter().flatten().filter_map(|body| match body {
            Payload::Claim { claim, .. } => Some(*claim),
            Payload::Inline(_) => None,
        });
        bodies.chain(self.attachments.iter().map(|attachment| attachment.claim))
    }
}

/// Never the payload.
impl fmt::Debug for Envelope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Envelope")
            .field("message_id", &self.head.message_id)
            .field("case_id", &self.head.case_id)
            .field("procedure", &self.head.procedure)
            .finish_non_exhaustive()
    }
}

/// Never the payload.
impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Inline(bytes) => write!(f, "Inline({} bytes)", bytes.len()),
            Self::Claim { claim, len, .. } => write!(f, "Claim({claim}, {len} bytes)"),
        }
    }
}

/// Never the name.
impl fmt::Debug for Attachment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Attachment({}, {} bytes)", self.claim, self.len)
    }
}
