//! Single fields between protobuf and vocabulary; what is empty there is absent here.

use messaging::{
    CaseId, ClaimId, MessageId, Payload, Position, Reason, Sha256, Timestamp, TraceParent,
};
use uuid::Uuid;
use wire::record as proto;

use super::Undecodable;

type Result<T> = std::result::Result<T, Undecodable>;

/// Checks a text with the rule of its type.
pub(super) fn parse<T: std::str::FromStr>(text: &str, why: &'static str) -> Result<T> {
    text.parse().map_err(|_| Undecodable::because(why))
}

/// As [`parse`], where nothing is allowed.
pub(super) fn parse_some<T: std::str::FromStr>(text: &str, why: &'static str) -> Result<Option<T>> {
    if text.is_empty() { Ok(None) } else { parse(text, why).map(Some) }
}

pub(super) fn some_text(text: String) -> Option<String> {
    Some(text).filter(|text| !text.is_empty())
}

pub(super) fn text_of(value: Option<&impl ToString>) -> String {
    value.map(ToString::to_string).unwrap_or_default()
}

pub(super) fn message_id(text: &str) -> Result<MessageId> {
    uuid(text).map(MessageId)
}

pub(super) fn case_id(text: &str) -> Result<CaseId> {
    uuid(text).map(CaseId)
}

pub(super) fn trace(text: &str) -> Option<TraceParent> {
    // A damaged trace is no reason to lose an application.
    TraceParent::new(text).ok()
}

fn uuid(text: &str) -> Result<Uuid> {
    Uuid::try_parse(text).map_err(|_| Undecodable::because("an id is no UUID"))
}

pub(super) fn hash(bytes: &[u8]) -> Result<Sha256> {
    bytes.try_into().map(Sha256).map_err(|_| Undecodable::because("a hash has not 32 bytes"))
}

pub(super) fn time_to_proto(at: Timestamp) -> prost_types::Timestamp {
    let nanos = i32::try_from(at.0.rem_euclid(1_000_000) * 1_000).unwrap_or_default();
    prost_types::Timestamp { seconds: at.0.div_euclid(1_000_000), nanos }
}

pub(super) fn time(at: Option<prost_types::Timestamp>) -> Result<Timestamp> {
    let wrong = || Undecodable::because("a time is missing or out of range");
    let at = at.ok_or_else(wrong)?;
    if !(0..1_000_000_000).contains(&at.nanos) {
        return Err(wrong());
    }
    let micros = at.seconds.checked_mul(1_000_000).ok_or_else(wrong)?;
    micros.checked_add(i64::from(at.nanos / 1_000)).map(Timestamp).ok_or_else(wrong)
}

pub(super) fn payload_to_proto(payload: &Payload) -> proto::Payload {
    let body = match payload {
        Payload::Inline(bytes) => proto::payload::Body::Inline(bytes.clone()),
        Payload::Claim { claim, len, sha256 } => {
            proto::payload::Body::Claim(claim_to_proto(*claim, *len, *sha256))
        }
    };
    proto::Payload { body: Some(body) }
}

pub(super) fn payload(payload: Option<proto::Payload>) -> Result<Payload> {
    match payload.and_then(|payload| payload.body) {
        None => Err(Undecodable::because("a body is missing")),
        Some(proto::payload::Body::Inline(bytes)) => Ok(Payload::Inline(bytes)),
        Some(proto::payload::Body::Claim(body)) => {
            let (claim, len, sha256) = claim(&body)?;
            Ok(Payload::Claim { claim, len, sha256 })
        }
    }
}

pub(super) fn claim_to_proto(claim: ClaimId, len: u64, sha256: Sha256) -> proto::Claim {
    let sha256 = sha256.0.to_vec().into();
    proto::Claim { claim: claim.to_string(), len, sha256 }
}

pub(super) fn claim(claim: &proto::Claim) -> Result<(ClaimId, u64, Sha256)> {
    Ok((ClaimId(uuid(&claim.claim)?), claim.len, hash(&claim.sha256)?))
}

pub(super) fn reasons_to_proto(reasons: &[Reason]) -> Vec<proto::Reason> {
    let to_proto = |reason: &Reason| proto::Reason {
        code: text_of(reason.code.as_ref()),
        text: reason.text.clone(),
    };
    reasons.iter().map(to_proto).collect()
}

pub(super) fn reasons(reasons: Vec<proto::Reason>) -> Vec<Reason> {
    reasons.into_iter().map(|r| Reason { code: some_text(r.code), text: r.text }).collect()
}

pub(super) fn position_to_proto(position: &Position) -> proto::Position {
    proto::Position {
        channel: position.partition.channel.to_string(),
        partition: position.partition.number,
        offset: position.offset,
    }
}

pub(super) fn position(position: Option<proto::Position>) -> Result<Position> {
    let position = position.ok_or_else(|| Undecodable::because("a position is missing"))?;
    let channel = parse(&position.channel, "a position names no channel")?;
    let partition = messaging::Partition { channel, number: position.partition };
    Ok(Position { partition, offset: position.offset })
}
