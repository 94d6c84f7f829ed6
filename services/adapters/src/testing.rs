//! What the tests of several adapters share: a message and an attempt.

use std::{path::Path, sync::Arc, time::Duration};

use bytes::Bytes;
use messaging::{
    Adapter, ApplicationHead, Attachment, Attempt, Authority, Claims, Domain, EndpointName,
    Envelope, OwnId, Payload, ProcedureName, SenderName, Timestamp, TraceParent, identity,
};

use stores::claims::MemoryClaims;

use crate::{BuildContext, find};

/// Where an adapter of tests is built.
pub(crate) fn context(base: &Path) -> BuildContext {
    BuildContext { endpoint: endpoint(), base: base.to_owned(), concurrency: 4 }
}

/// The adapter `kind` with `config`.
pub(crate) fn build(kind: &str, config: &str, base: &Path) -> anyhow::Result<Arc<dyn Adapter>> {
    (find(kind).unwrap().build)(config.parse().unwrap(), &context(base))
}

/// What is wrong with `config`.
pub(crate) fn fault(kind: &str, config: &str, base: &Path) -> String {
    format!("{:#}", build(kind, config, base).unwrap_err())
}

fn endpoint() -> EndpointName {
    EndpointName::new("nordsachsen-kfz").unwrap()
}

/// Where attachments are kept.
pub(crate) fn claims() -> Arc<dyn Claims> {
    Arc::new(MemoryClaims::default())
}

/// A message without attachments.
pub(crate) fn message(document: &str) -> Envelope {
    let sender = SenderName::new("portal").unwrap();
    let own_id = OwnId::new("AZ 7/2026 Müßig").unwrap();
    let sha256 = identity::sha256(document.as_bytes(), &[]);
    let message_id = identity::message_id(&sender, Some(&own_id), &sha256);
    Envelope {
        head: ApplicationHead {
            message_id,
            own_id: Some(own_id),
            case_id: identity::case_id(&sender, Some("vorgang-1"), message_id),
            case_reference: Some("vorgang-1".to_owned()),
            refers_to: None,
            sender,
            authority: Authority::new("svb:14730000").unwrap(),
            further_authorities: Vec::new(),
            domain: Domain::new("kfz").unwrap(),
            service: Some("99036008058000".to_owned()),
            procedure: ProcedureName {
                standard: "amtsbote-kfz".to_owned(),
                version: "1.0".to_owned(),
                message_type: "kfz.neuzulassung.0101".to_owned(),
            },
            is_test: false,
            sha256,
            received_at: Timestamp(0),
            trace: None,
        },
        original: Payload::Inline(Bytes::copy_from_slice(document.as_bytes())),
        normalised: None,
        canonical: Payload::Inline(Bytes::new()),
        media_type: "application/xml; charset=iso-8859-1".to_owned(),
        attachments: Vec::new(),
        warnings: Vec::new(),
    }
}

/// `envelope` with attachments of those names and bytes.
pub(crate) async fn with_attachments(
    mut envelope: Envelope,
    claims: &Arc<dyn Claims>,
    files: &[(&str, Bytes)],
) -> Envelope {
    for (name, bytes) in files {
        let mut writer = claims.create(&envelope.head.sender, Timestamp(0)).await.unwrap();
        writer.write(bytes.clone()).await.unwrap();
        let ticket = writer.finish().await.unwrap();
        envelope.attachments.push(Attachment {
            name: (*name).to_owned(),
            media_type: "application/pdf".to_owned(),
            claim: ticket.claim,
            len: ticket.len,
            sha256: ticket.sha256,
        });
    }
    envelope
}

/// The first attempt to deliver `envelope`.
pub(crate) fn attempt(envelope: &Envelope, claims: &Arc<dyn Claims>) -> Attempt {
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    Attempt {
        number: 1,
        endpoint: endpoint(),
        key: identity::delivery_key(envelope.head.message_id, &endpoint(), 0),
        time_max: Duration::from_secs(10),
        claims: Arc::clone(claims),
        trace: Some(TraceParent::new(trace).unwrap()),
    }
}
