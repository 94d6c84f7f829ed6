//! What the gateway's spans say: how a call ended, and what was sent on.

use messaging::{ApplicationHead, ChannelName, MessageId, Position, TraceParent};
use telemetry::{
    Kind, Span,
    names::{attr, operation},
};
use tonic::Code;

use crate::{
    publish::Answer,
    refusal::{Refusal, Refused},
};

/// Says how a message's submission ended.
pub(crate) fn conclude(
    span: &mut Span,
    message_id: Option<MessageId>,
    outcome: Result<&Answer, &Refusal>,
) {
    span.describe(|span| {
        if let Some(message_id) = message_id {
            span.set(attr::MESSAGE_ID, message_id.to_string());
        }
        let outcome_word = match outcome {
            Ok(answer) if answer.is_repetition => "repeated",
            Ok(_) => "accepted",
            Err(_) => "refused",
        };
        span.set(attr::OUTCOME, outcome_word);
    });
    answered(span, outcome.map(drop));
}

/// Says how a call was answered.
pub(crate) fn answered(span: &mut Span, outcome: Result<(), &Refusal>) {
    span.describe(|span| match outcome {
        Ok(()) => span.set(attr::RPC_STATUS, word(Code::Ok)),
        Err(refusal) => {
            span.set(attr::RPC_STATUS, word(refusal.status));
            span.set(attr::CODE, refusal.code);
            if is_ours(refusal.status) {
                span.fail(refusal.code);
            }
        }
    });
}

/// Says that a call was broken off by its client, the network, or a bound on its body.
pub(crate) fn broken(span: &mut Span, status: Code) {
    span.describe(|span| {
        span.set(attr::RPC_STATUS, word(status));
        if is_ours(status) {
            span.fail(word(status));
        }
    });
}

/// A span about the sending of one application below `trace`. Its context travels in the record:
/// from here on, everything about the application is a part of it.
pub(crate) fn sending(
    system: &'static str,
    head: &ApplicationHead,
    channel: &ChannelName,
    trace: Option<&TraceParent>,
) -> Span {
    let send = operation::SEND;
    let parent = trace.map(TraceParent::as_str);
    let mut span = Span::begin(Kind::Producer, parent, || format!("{send} {channel}"));
    span.describe(|span| {
        span.set(attr::SYSTEM, system);
        span.set(attr::OPERATION, send);
        span.set(attr::OPERATION_TYPE, "send");
        span.set(attr::CHANNEL, channel.to_string());
        span.set(attr::MESSAGE_ID, head.message_id.to_string());
        span.set(attr::CASE_ID, head.case_id.to_string());
    });
    span
}

/// The trace that goes into a record: `span`'s, or where nobody records the one it came with.
pub(crate) fn carried(span: &Span, trace: Option<&TraceParent>) -> Option<TraceParent> {
    let ours = span.traceparent().and_then(|text| TraceParent::new(text).ok());
    ours.or_else(|| trace.cloned())
}

/// Says where a record lies now, or why it does not.
pub(crate) fn sent(span: &mut Span, outcome: &Result<Position, Refused>) {
    span.describe(|span| match outcome {
        Ok(Position { partition, offset }) => {
            span.set(attr::PARTITION, partition.number.to_string());
            span.count(attr::OFFSET, *offset);
        }
        Err(refusal) => span.fail(refusal.code),
    });
}

/// Whether it is an error of the one who answers, as OpenTelemetry counts them.
fn is_ours(status: Code) -> bool {
    matches!(
        status,
        Code::Unknown
            | Code::DeadlineExceeded
            | Code::Unimplemented
            | Code::Internal
            | Code::Unavailable
            | Code::DataLoss
    )
}

/// As gRPC writes it.
fn word(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}
