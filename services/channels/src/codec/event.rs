//! What is told: events on `status`, replies on `reply`, dead letters on `dead`.

use bytes::Bytes;
use messaging::{
    BulkState, ChannelName, DeadLetter, DeliveryState, DeliveryVersion, Drained, Edit,
    EndpointName, EndpointReport, Event, EventKind, HeaderName, ItemResult, ProcedureName,
    ReadReply, Record, Reply, ReplyEvent,
};
use prost::Message as _;
use wire::record as proto;

use super::{DEAD_LETTER, EVENT, Headers, REPLY, Undecodable, check_headers, fields};

type Result<T> = std::result::Result<T, Undecodable>;

/// The record that tells `event` on `status`.
#[must_use]
pub fn encode_event(event: &Event, source: &str) -> Record {
    let headers = event_headers(event, source, EVENT);
    let value = event_to_proto(event).encode_to_vec().into();
    Record {
        channel: ChannelName::status(),
        key: event_key(event),
        headers: headers.finish(),
        value,
    }
}

/// The event a record tells.
///
/// # Errors
/// When it is none of ours, or damaged.
pub fn decode_event(record: &Record) -> Result<Event> {
    check_headers(record, EVENT)?;
    event(proto::Event::decode(record.value.clone())?)
}

/// The record that brings `reply` back on `reply`.
#[must_use]
pub fn encode_reply(reply: &ReplyEvent, source: &str) -> Record {
    let mut headers = Headers::new(&reply.id, source, REPLY, reply.at);
    headers.add("ce_subject", reply.case_id);
    headers.add("ce_messageid", reply.message_id);
    headers.add("ce_sender", reply.sender.as_str());
    headers.add("ce_endpoint", reply.endpoint.as_str());
    headers.add_some("ce_replykind", Some(&reply.reply.kind));
    headers.add_some("traceparent", reply.trace.as_ref());
    let read = reply.reply.read.as_ref();
    let named = |name: fn(&ProcedureName) -> &String| {
        read.map(|read| name(&read.procedure).clone()).unwrap_or_default()
    };
    let value = proto::Reply {
        event_id: reply.id.clone(),
        at: Some(fields::time_to_proto(reply.at)),
        message_id: reply.message_id.to_string(),
        case_id: reply.case_id.to_string(),
        sender: reply.sender.to_string(),
        endpoint: reply.endpoint.to_string(),
        reply_id: reply.reply.id.clone(),
        kind: reply.reply.kind.clone(),
        media_type: reply.reply.media_type.clone(),
        body: reply.reply.body.clone(),
        traceparent: fields::text_of(reply.trace.as_ref()),
        standard: named(|procedure| &procedure.standard),
        version: named(|procedure| &procedure.version),
        message_type: named(|procedure| &procedure.message_type),
        canonical: read.map(|read| read.canonical.clone()).unwrap_or_default(),
        code: reply.reply.code.clone().unwrap_or_default(),
    };
    let key = Record::key_of(reply.case_id);
    let value = value.encode_to_vec().into();
    Record { channel: ChannelName::reply(), key, headers: headers.finish(), value }
}

/// The reply a record brings.
///
/// # Errors
/// As [`decode_event`].
pub fn decode_reply(record: &Record) -> Result<ReplyEvent> {
    check_headers(record, REPLY)?;
    let reply = proto::Reply::decode(record.value.clone())?;
    Ok(ReplyEvent {
        id: reply.event_id,
        at: fields::time(reply.at)?,
        message_id: fields::message_id(&reply.message_id)?,
        case_id: fields::case_id(&reply.case_id)?,
        sender: fields::parse(&reply.sender, "not a sender's name")?,
        endpoint: fields::parse(&reply.endpoint, "not an endpoint")?,
        reply: Reply {
            id: reply.reply_id,
            kind: reply.kind,
            media_type: reply.media_type,
            body: reply.body,
            read: (!reply.standard.is_empty()).then_some(ReadReply {
                procedure: ProcedureName {
                    standard: reply.standard,
                    version: reply.version,
                    message_type: reply.message_type,
                },
                canonical: reply.canonical,
            }),
            code: (!reply.code.is_empty()).then_some(reply.code),
        },
        trace: fields::trace(&reply.traceparent),
    })
}

/// The record that tells `letter` on `dead`. The original record lay where `letter.position` says,
/// so its channel is not repeated.
#[must_use]
pub fn encode_dead_letter(letter: &DeadLetter, source: &str) -> Record {
    let headers = event_headers(&letter.event, source, DEAD_LETTER);
    let header = |(name, value): &(HeaderName, Bytes)| proto::dead_letter::Header {
        name: name.clone().into_owned(),
        value: value.clone(),
    };
    let value = proto::DeadLetter {
        event: Some(event_to_proto(&letter.event)),
        reasons: fields::reasons_to_proto(&letter.reasons),
        position: Some(fields::position_to_proto(&letter.position)),
        key: letter.record.key.clone(),
        headers: letter.record.headers.iter().map(header).collect(),
        value: letter.record.value.clone(),
        edit: letter.edit.map(edit_to_proto),
    };
    let key = event_key(&letter.event);
    let value = value.encode_to_vec().into();
    Record { channel: ChannelName::dead(), key, headers: headers.finish(), value }
}

/// The dead letter a record tells.
///
/// # Errors
/// As [`decode_event`].
pub fn decode_dead_letter(record: &Record) -> Result<DeadLetter> {
    check_headers(record, DEAD_LETTER)?;
    let letter = proto::DeadLetter::decode(record.value.clone())?;
    let told = letter.event.ok_or_else(|| Undecodable::because("the event is missing"))?;
    let position = fields::position(letter.position)?;
    let original = Record {
        channel: position.partition.channel.clone(),
        key: letter.key,
        headers: letter
            .headers
            .into_iter()
            .map(|header| (header.name.into(), header.value))
            .collect(),
        value: letter.value,
    };
    let reasons = fields::reasons(letter.reasons);
    let edit = letter.edit.as_ref().map(edit_of).transpose()?;
    Ok(DeadLetter { event: event(told)?, reasons, position, record: original, edit })
}

/// Events of a case keep its order; the others need none, and spread by their ids.
fn event_key(event: &Event) -> Bytes {
    match (event.case_id, gate(&event.kind)) {
        (Some(case), _) => Record::key_of(case),
        (None, Some(endpoint)) => Bytes::copy_from_slice(endpoint.as_str().as_bytes()),
        (None, None) => Bytes::copy_from_slice(event.id.as_bytes()),
    }
}

fn gate(kind: &EventKind) -> Option<&EndpointName> {
    match kind {
        EventKind::GateClosed { endpoint }
        | EventKind::GateOpened { endpoint }
        | EventKind::CommandAccepted { endpoint, .. }
        | EventKind::CommandRefused { endpoint, .. }
        | EventKind::BulkItem { endpoint, .. }
        | EventKind::BulkState { endpoint, .. } => Some(endpoint),
        EventKind::EndpointReported(report) => Some(&report.endpoint),
        _ => None,
    }
}

fn event_headers(event: &Event, source: &str, kind: &'static str) -> Headers {
    let mut headers = Headers::new(&event.id, source, kind, event.at);
    let endpoint = event.delivery.as_ref().map(|delivery| &delivery.endpoint);
    headers.add_some("ce_subject", event.case_id);
    headers.add_some("ce_messageid", event.message_id);
    headers.add_some("ce_sender", event.sender.as_ref());
    headers.add("ce_kind", name(&event.kind));
    headers.add_some("ce_endpoint", endpoint.or_else(|| gate(&event.kind)));
    headers.add_some("ce_state", event.delivery.as_ref().map(|d| d.state.name()));
    headers.add_some("ce_code", event.code.as_ref());
    headers.add_some("traceparent", event.trace.as_ref());
    headers
}

fn event_to_proto(event: &Event) -> proto::Event {
    let mut told = proto::Event {
        id: event.id.clone(),
        at: Some(fields::time_to_proto(event.at)),
        message_id: fields::text_of(event.message_id.as_ref()),
        case_id: fields::text_of(event.case_id.as_ref()),
        sender: fields::text_of(event.sender.as_ref()),
        delivery: event.delivery.as_ref().map(delivery_to_proto),
        code: fields::text_of(event.code.as_ref()),
        cause: fields::text_of(event.cause.as_ref()),
        traceparent: fields::text_of(event.trace.as_ref()),
        kind: name(&event.kind).to_owned(),
        ..proto::Event::default()
    };
    match &event.kind {
        EventKind::Refused { reasons } | EventKind::Rejected { reasons } => {
            told.reasons = fields::reasons_to_proto(reasons);
        }
        EventKind::Duplicate { position }
        | EventKind::Conflict { position }
        | EventKind::Undecodable { position } => {
            told.position = Some(fields::position_to_proto(position));
        }
        EventKind::Delivered { receipt } => told.receipt = fields::text_of(receipt.as_ref()),
        EventKind::Edited(edit) => told.edit = Some(edit_to_proto(*edit)),
        EventKind::Uncertain { is_question } => told.is_question = *is_question,
        EventKind::GateClosed { endpoint } | EventKind::GateOpened { endpoint } => {
            told.endpoint = endpoint.to_string();
        }
        EventKind::BulkItem { command, endpoint, item, message, result } => {
            (told.command, told.endpoint) = (command.to_string(), endpoint.to_string());
            told.bulk = Some(proto::Bulk {
                item: *item,
                message_id: message.to_string(),
                result: result.name().to_owned(),
                ..proto::Bulk::default()
            });
        }
        EventKind::BulkState { command, endpoint, total, state } => {
            (told.command, told.endpoint) = (command.to_string(), endpoint.to_string());
            let (total, state) = (*total, state.name().to_owned());
            told.bulk = Some(proto::Bulk { total, state, ..proto::Bulk::default() });
        }
        EventKind::EndpointReported(report) => {
            told.endpoint = report.endpoint.to_string();
            told.report = Some(report_to_proto(report));
        }
        EventKind::CommandAccepted { command, endpoint }
        | EventKind::CommandRefused { command, endpoint } => {
            told.command = command.to_string();
            told.endpoint = endpoint.to_string();
        }
        EventKind::Unrouted
        | EventKind::Admitted
        | EventKind::AttemptFailed
        | EventKind::DeadLettered
        | EventKind::Discarded
        | EventKind::Replayed => {}
    }
    told
}

fn event(mut told: proto::Event) -> Result<Event> {
    let case_id = some(&told.case_id, fields::case_id)?;
    Ok(Event {
        message_id: some(&told.message_id, fields::message_id)?,
        case_id,
        sender: fields::parse_some(&told.sender, "not a sender's name")?,
        at: fields::time(told.at)?,
        delivery: told.delivery.take().map(delivery).transpose()?,
        kind: kind(&mut told)?,
        id: told.id,
        code: fields::some_text(told.code),
        cause: fields::some_text(told.cause),
        trace: fields::trace(&told.traceparent),
    })
}

fn some<T>(text: &str, parse: fn(&str) -> Result<T>) -> Result<Option<T>> {
    if text.is_empty() { Ok(None) } else { parse(text).map(Some) }
}

fn kind(told: &mut proto::Event) -> Result<EventKind> {
    let reasons = |told: &mut proto::Event| fields::reasons(std::mem::take(&mut told.reasons));
    let position = |told: &mut proto::Event| fields::position(told.position.take());
    let endpoint = |told: &proto::Event| fields::parse(&told.endpoint, "not an endpoint");
    let command = |told: &proto::Event| fields::parse(&told.command, "not a command's id");
    Ok(match told.kind.as_str() {
        "refused" => EventKind::Refused { reasons: reasons(told) },
        "unrouted" => EventKind::Unrouted,
        "admitted" => EventKind::Admitted,
        "duplicate" => EventKind::Duplicate { position: position(told)? },
        "conflict" => EventKind::Conflict { position: position(told)? },
        "undecodable" => EventKind::Undecodable { position: position(told)? },
        "attempt_failed" => EventKind::AttemptFailed,
        "delivered" => {
            EventKind::Delivered { receipt: fields::some_text(std::mem::take(&mut told.receipt)) }
        }
        "rejected" => EventKind::Rejected { reasons: reasons(told) },
        "dead_lettered" => EventKind::DeadLettered,
        "uncertain" => EventKind::Uncertain { is_question: told.is_question },
        "discarded" => EventKind::Discarded,
        "replayed" => match told.edit.take() {
            Some(edit) => EventKind::Edited(edit_of(&edit)?),
            None => EventKind::Replayed,
        },
        "command_accepted" => {
            EventKind::CommandAccepted { command: command(told)?, endpoint: endpoint(told)? }
        }
        "command_refused" => {
            EventKind::CommandRefused { command: command(told)?, endpoint: endpoint(told)? }
        }
        "gate_closed" => EventKind::GateClosed { endpoint: endpoint(told)? },
        "gate_opened" => EventKind::GateOpened { endpoint: endpoint(told)? },
        "bulk_item" => {
            let proto::Bulk { item, message_id, result, .. } = bulk(told)?;
            let unknown = || Undecodable::because("an unknown result of a bulk's item");
            EventKind::BulkItem {
                command: command(told)?,
                endpoint: endpoint(told)?,
                item,
                message: fields::message_id(&message_id)?,
                result: ItemResult::named(&result).ok_or_else(unknown)?,
            }
        }
        "bulk_state" => {
            let proto::Bulk { total, state, .. } = bulk(told)?;
            let unknown = || Undecodable::because("an unknown state of a bulk");
            EventKind::BulkState {
                command: command(told)?,
                endpoint: endpoint(told)?,
                total,
                state: BulkState::named(&state).ok_or_else(unknown)?,
            }
        }
        "endpoint_reported" => {
            EventKind::EndpointReported(Box::new(report(endpoint(told)?, told.report.take())?))
        }
        _ => return Err(Undecodable::because("an unknown kind of event")),
    })
}

/// An edit is a replay to whoever does not know it.
fn name(kind: &EventKind) -> &'static str {
    match kind {
        EventKind::Edited(_) => EventKind::Replayed.name(),
        kind => kind.name(),
    }
}

fn edit_to_proto(edit: Edit) -> proto::Edit {
    proto::Edit {
        command: edit.command.to_string(),
        sha256: edit.sha256.0.to_vec().into(),
        instead_of: edit.instead_of.0.to_vec().into(),
    }
}

fn edit_of(told: &proto::Edit) -> Result<Edit> {
    Ok(Edit {
        command: fields::parse(&told.command, "not a command's id")?,
        sha256: fields::hash(&told.sha256)?,
        instead_of: fields::hash(&told.instead_of)?,
    })
}

fn bulk(told: &mut proto::Event) -> Result<proto::Bulk> {
    told.bulk.take().ok_or_else(|| Undecodable::because("the bulk is missing"))
}

fn delivery_to_proto(delivery: &DeliveryVersion) -> proto::Delivery {
    proto::Delivery {
        ledger: delivery.ledger.clone(),
        epoch: delivery.epoch,
        delivery: delivery.delivery,
        version: delivery.version,
        endpoint: delivery.endpoint.to_string(),
        state: delivery.state.name().to_owned(),
        attempts: delivery.attempts,
        next_at: delivery.next_at.map(fields::time_to_proto),
    }
}

fn delivery(delivery: proto::Delivery) -> Result<DeliveryVersion> {
    let unknown = || Undecodable::because("an unknown state of a delivery");
    Ok(DeliveryVersion {
        epoch: delivery.epoch,
        delivery: delivery.delivery,
        version: delivery.version,
        endpoint: fields::parse(&delivery.endpoint, "not an endpoint")?,
        state: DeliveryState::named(&delivery.state).ok_or_else(unknown)?,
        attempts: delivery.attempts,
        next_at: delivery.next_at.map(|at| fields::time(Some(at))).transpose()?,
        ledger: delivery.ledger,
    })
}

fn report_to_proto(report: &EndpointReport) -> proto::EndpointReport {
    proto::EndpointReport {
        open: report.open,
        waiting: report.waiting,
        held: report.held,
        in_flight: report.in_flight,
        limit: report.limit,
        concurrency: report.concurrency,
        per_hour: report.per_hour,
        calendar_at: report.calendar_at.map(fields::time_to_proto),
        drained: report.drained.name().to_owned(),
        drained_at: report.drained.at().map(fields::time_to_proto),
        contract: report.contract.clone(),
        is_held_by_dead: report.is_held_by_dead,
    }
}

fn report(endpoint: EndpointName, told: Option<proto::EndpointReport>) -> Result<EndpointReport> {
    let told = told.ok_or_else(|| Undecodable::because("the report is missing"))?;
    let time = |at: Option<_>| at.map(|at| fields::time(Some(at))).transpose();
    Ok(EndpointReport {
        endpoint,
        open: told.open,
        waiting: told.waiting,
        held: told.held,
        in_flight: told.in_flight,
        limit: told.limit,
        concurrency: told.concurrency,
        per_hour: told.per_hour,
        calendar_at: time(told.calendar_at)?,
        drained: Drained::named(&told.drained, time(told.drained_at)?),
        contract: told.contract,
        is_held_by_dead: told.is_held_by_dead,
    })
}
