//! The file beside a dropped message that says which message it is.

use messaging::{Attempt, Envelope, FailureKind, Result};
use serde::Serialize;

use super::files::Names;
use crate::codes;

#[derive(Serialize)]
struct Sidecar<'a> {
    delivery_key: String,
    message_id: String,
    case_id: String,
    own_id: Option<&'a str>,
    case_reference: Option<&'a str>,
    refers_to: Option<&'a str>,
    sender: &'a str,
    authority: &'a str,
    domain: &'a str,
    service: Option<&'a str>,
    procedure: Procedure<'a>,
    is_test: bool,
    sha256: String,
    document: &'a str,
    media_type: &'a str,
    attachments: Vec<File<'a>>,
}

#[derive(Serialize)]
struct Procedure<'a> {
    standard: &'a str,
    version: &'a str,
    message_type: &'a str,
}

#[derive(Serialize)]
struct File<'a> {
    file: &'a str,
    name: &'a str,
    media_type: &'a str,
    bytes: u64,
    sha256: String,
}

/// The same for every attempt of a delivery.
pub(super) fn text(
    envelope: &Envelope,
    attempt: &Attempt,
    names: &Names,
    media_type: &str,
) -> Result<Vec<u8>> {
    let head = &envelope.head;
    let attachments = envelope.attachments.iter().zip(&names.attachments);
    let sidecar = Sidecar {
        delivery_key: attempt.key.to_string(),
        message_id: head.message_id.to_string(),
        case_id: head.case_id.to_string(),
        own_id: head.own_id.as_ref().map(messaging::OwnId::as_str),
        case_reference: head.case_reference.as_deref(),
        refers_to: head.refers_to.as_deref(),
        sender: head.sender.as_str(),
        authority: head.authority.as_str(),
        domain: head.domain.as_str(),
        service: head.service.as_deref(),
        procedure: Procedure {
            standard: &head.procedure.standard,
            version: &head.procedure.version,
            message_type: &head.procedure.message_type,
        },
        is_test: head.is_test,
        sha256: head.sha256.to_string(),
        document: &names.document,
        media_type,
        attachments: attachments
            .map(|(attachment, file)| File {
                file,
                name: &attachment.name,
                media_type: &attachment.media_type,
                bytes: attachment.len,
                sha256: attachment.sha256.to_string(),
            })
            .collect(),
    };
    serde_json::to_vec_pretty(&sidecar)
        .map_err(|error| FailureKind::Defect.because(codes::WRITE_FAILED, error))
}
