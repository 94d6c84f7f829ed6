//! Applications: the envelope as a record.

use messaging::{
    ApplicationHead, Attachment, Authority, ChannelName, Envelope, ProcedureName, Record,
};
use prost::Message as _;
use uuid::Uuid;
use wire::record as proto;

use super::{APPLICATION, Headers, Undecodable, check_headers, fields};

type Result<T> = std::result::Result<T, Undecodable>;

/// The record that carries `envelope` on `channel`. `source` is the gateway's name as a URI
/// reference. Every call makes another event id: sending twice is two events of one message.
#[must_use]
pub fn encode_application(channel: ChannelName, envelope: &Envelope, source: &str) -> Record {
    let head = &envelope.head;
    let id = format!("{}.{}", head.message_id, Uuid::new_v4());
    let mut headers = Headers::new(&id, source, APPLICATION, head.received_at);
    headers.add("ce_subject", head.case_id);
    headers.add("ce_messageid", head.message_id);
    headers.add_some("ce_ownid", head.own_id.as_ref());
    headers.add("ce_sender", head.sender.as_str());
    headers.add("ce_authority", head.authority.as_str());
    headers.add("ce_domain", head.domain.as_str());
    headers.add_some("ce_service", head.service.as_ref());
    headers.add_some("ce_standard", Some(&head.procedure.standard));
    headers.add_some("ce_standardversion", Some(&head.procedure.version));
    headers.add_some("ce_messagetype", Some(&head.procedure.message_type));
    headers.add("ce_test", if head.is_test { "true" } else { "false" });
    headers.add("ce_sha256", head.sha256);
    headers.add_some("traceparent", head.trace.as_ref());
    let key = Record::key_of(head.case_id);
    let value = to_proto(envelope).encode_to_vec().into();
    Record { channel, key, headers: headers.finish(), value }
}

/// What the application is, without looking into its bodies.
///
/// # Errors
/// When it is none of ours, or damaged.
pub fn decode_head(record: &Record) -> Result<ApplicationHead> {
    decode(record).and_then(|application| head(&application, record))
}

/// The whole application; bodies share the record's memory.
///
/// # Errors
/// As [`decode_head`].
pub fn decode_application(record: &Record) -> Result<Envelope> {
    let application = decode(record)?;
    let head = head(&application, record)?;
    let normalised = application.normalised.map(|body| fields::payload(Some(body))).transpose()?;
    Ok(Envelope {
        head,
        original: fields::payload(application.original)?,
        normalised,
        canonical: fields::payload(application.canonical)?,
        media_type: application.media_type,
        attachments: application.attachments.into_iter().map(attachment).collect::<Result<_>>()?,
        warnings: fields::reasons(application.warnings),
    })
}

/// Byte fields of the value are slices of the record, so this costs no copy of a body.
fn decode(record: &Record) -> Result<proto::Application> {
    check_headers(record, APPLICATION)?;
    Ok(proto::Application::decode(record.value.clone())?)
}

fn head(application: &proto::Application, record: &Record) -> Result<ApplicationHead> {
    let head = ApplicationHead {
        message_id: fields::message_id(&application.message_id)?,
        own_id: fields::parse_some(&application.own_id, "not an own id")?,
        case_id: fields::case_id(&application.case_id)?,
        case_reference: fields::some_text(application.case_reference.clone()),
        refers_to: fields::some_text(application.refers_to.clone()),
        sender: fields::parse(&application.sender, "not a sender's name")?,
        authority: fields::parse(&application.authority, "not an authority")?,
        further_authorities: further_authorities(application)?,
        domain: fields::parse(&application.domain, "not a domain")?,
        service: fields::some_text(application.service.clone()),
        procedure: ProcedureName {
            standard: application.standard.clone(),
            version: application.version.clone(),
            message_type: application.message_type.clone(),
        },
        is_test: application.is_test,
        sha256: fields::hash(&application.sha256)?,
        received_at: fields::time(application.received_at)?,
        trace: record.header("traceparent").and_then(fields::trace),
    };
    // The key decides the order and the headers the way: both must be those of this message.
    if record.key != head.case_id.0.as_bytes().as_slice() {
        return Err(Undecodable::because("the key is not the case of the value"));
    }
    if record.header("ce_messageid") != Some(application.message_id.as_str()) {
        return Err(Undecodable::because("the headers name another message than the value"));
    }
    Ok(head)
}

fn further_authorities(application: &proto::Application) -> Result<Vec<Authority>> {
    let authorities = application.further_authorities.iter();
    authorities.map(|authority| fields::parse(authority, "not an authority")).collect()
}

fn attachment(attachment: proto::Attachment) -> Result<Attachment> {
    let claim = attachment.claim.ok_or_else(|| Undecodable::because("a claim is missing"))?;
    let (claim, len, sha256) = fields::claim(&claim)?;
    let proto::Attachment { name, media_type, .. } = attachment;
    Ok(Attachment { name, media_type, claim, len, sha256 })
}

fn to_proto(envelope: &Envelope) -> proto::Application {
    let head = &envelope.head;
    let attachment = |file: &Attachment| proto::Attachment {
        name: file.name.clone(),
        media_type: file.media_type.clone(),
        claim: Some(fields::claim_to_proto(file.claim, file.len, file.sha256)),
    };
    proto::Application {
        message_id: head.message_id.to_string(),
        own_id: fields::text_of(head.own_id.as_ref()),
        case_id: head.case_id.to_string(),
        case_reference: fields::text_of(head.case_reference.as_ref()),
        refers_to: fields::text_of(head.refers_to.as_ref()),
        sender: head.sender.to_string(),
        authority: head.authority.to_string(),
        further_authorities: head.further_authorities.iter().map(ToString::to_string).collect(),
        domain: head.domain.to_string(),
        service: fields::text_of(head.service.as_ref()),
        standard: head.procedure.standard.clone(),
        version: head.procedure.version.clone(),
        message_type: head.procedure.message_type.clone(),
        is_test: head.is_test,
        sha256: head.sha256.0.to_vec().into(),
        received_at: Some(fields::time_to_proto(head.received_at)),
        media_type: envelope.media_type.clone(),
        original: Some(fields::payload_to_proto(&envelope.original)),
        normalised: envelope.normalised.as_ref().map(fields::payload_to_proto),
        canonical: Some(fields::payload_to_proto(&envelope.canonical)),
        attachments: envelope.attachments.iter().map(attachment).collect(),
        warnings: fields::reasons_to_proto(&envelope.warnings),
    }
}
