//! The journal's rows on the wire.

use messaging::{EndpointReport, ProcedureName, Timestamp};
use stores::journal::{Delivery, Entry, ReplyInfo, Step, Whole};
use wire::{control, status as proto};

use crate::{answer::time, citizen, sentences};

pub(crate) fn application(whole: &Whole) -> proto::ApplicationStatus {
    let last_reply = whole.timeline.iter().rev().find_map(|entry| match &entry.reply_kind {
        Some(kind) if kind == "question" || kind == "decision" => Some(kind.as_str()),
        _ => None,
    });
    let mut status = row(&whole.application, &whole.deliveries);
    status.citizen_status =
        citizen::status(&whole.application.state, &whole.deliveries, last_reply).into();
    status.timeline = whole.timeline.iter().map(entry).collect();
    status.replies = whole.replies.iter().map(reply).collect();
    status
}

/// Without timeline and replies.
pub(crate) fn row(
    row: &stores::journal::Application,
    deliveries: &[Delivery],
) -> proto::ApplicationStatus {
    let text = |column: &Option<String>| column.clone().unwrap_or_default();
    proto::ApplicationStatus {
        message_id: row.message_id.to_string(),
        own_id: text(&row.own_id),
        case_id: row.case_id.map(|case| case.to_string()).unwrap_or_default(),
        sha256: text(&row.sha256),
        received_at: row.received_at.map(time),
        standard: text(&row.standard),
        version: text(&row.version),
        message_type: text(&row.message_type),
        authority: text(&row.authority),
        is_test: row.is_test,
        is_projected: row.has_head,
        citizen_status: citizen::status(&row.state, deliveries, None).into(),
        deliveries: deliveries.iter().map(delivery).collect(),
        timeline: Vec::new(),
        replies: Vec::new(),
        state: row.state.clone(),
        case_reference: text(&row.case_reference),
    }
}

pub(crate) fn delivery(row: &Delivery) -> proto::DeliveryStatus {
    proto::DeliveryStatus {
        endpoint: row.endpoint.clone(),
        state: row.state.name().to_owned(),
        attempts: row.attempts,
        next_at: row.next_at.map(time),
        receipt: row.receipt.clone().unwrap_or_default(),
        code: row.code.clone().unwrap_or_default(),
        reasons: row
            .reasons
            .iter()
            .map(|reason| proto::Reason {
                code: reason.code.clone().unwrap_or_default(),
                text: reason.text.clone(),
            })
            .collect(),
        ..proto::DeliveryStatus::default()
    }
}

pub(crate) fn report(at: Timestamp, report: EndpointReport) -> control::EndpointReport {
    control::EndpointReport {
        at: Some(time(at)),
        open: report.open,
        waiting: report.waiting,
        held: report.held,
        in_flight: report.in_flight,
        limit: report.limit,
        concurrency: report.concurrency,
        per_hour: report.per_hour,
        calendar_at: report.calendar_at.map(time),
        drained: report.drained.name().to_owned(),
        drained_at: report.drained.at().map(time),
        contract: report.contract,
        is_held_by_dead: report.is_held_by_dead,
    }
}

pub(crate) fn entry(row: &Entry) -> proto::TimelineEntry {
    let (german, english) = sentences::of(row);
    proto::TimelineEntry {
        at: Some(time(row.at)),
        kind: row.kind.clone(),
        endpoint: row.endpoint.clone().unwrap_or_default(),
        code: row.code.clone().unwrap_or_default(),
        cause: row.cause.clone().unwrap_or_default(),
        german,
        english,
    }
}

pub(crate) fn reply(row: &ReplyInfo) -> proto::ReplyInfo {
    let named = |name: fn(&ProcedureName) -> &String| {
        row.procedure.as_ref().map(|procedure| name(procedure).clone()).unwrap_or_default()
    };
    proto::ReplyInfo {
        reply_id: row.reply_id.clone(),
        message_id: row.message_id.to_string(),
        endpoint: row.endpoint.clone(),
        kind: row.kind.clone(),
        media_type: row.media_type.clone(),
        size: row.size,
        received_at: Some(time(row.at)),
        standard: named(|procedure| &procedure.standard),
        version: named(|procedure| &procedure.version),
        message_type: named(|procedure| &procedure.message_type),
    }
}

pub(crate) fn step(step: &Step, cursor: String, is_restart: bool) -> proto::WatchStatusResponse {
    let row = &step.application;
    let word = citizen::status(&row.state, &step.deliveries, step.reply_kind.as_deref());
    proto::WatchStatusResponse {
        cursor,
        message_id: row.message_id.to_string(),
        case_id: row.case_id.map(|case| case.to_string()).unwrap_or_default(),
        entry: step.entry.as_ref().map(entry),
        state: row.state.clone(),
        citizen_status: word.into(),
        deliveries: step.deliveries.iter().map(delivery).collect(),
        is_restart,
    }
}
