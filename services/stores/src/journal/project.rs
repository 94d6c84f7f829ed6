//! What follows from each thing that is told, whatever database it is written to.

use messaging::{
    ApplicationHead, DeliveryState, EndpointReport, Event, EventKind, Partition, Position, Reason,
    ReplyEvent, Timestamp,
};
use uuid::Uuid;

use super::{
    keys::{int, of_texts, reasons_to_column},
    rows::{Delivery, Projected},
    state,
};

/// Rows that belong to no application.
pub(super) const NO_APPLICATION: i64 = 0;

/// What is known of a message when something about it comes.
#[derive(Clone)]
pub(super) struct Known {
    pub(super) id: i64,
    pub(super) has_head: bool,
    pub(super) sha256: Option<Vec<u8>>,
    pub(super) state: String,
    pub(super) verdict: Option<String>,
}

/// Whose message an event or a reply is about.
#[derive(Clone, Copy)]
pub(super) struct About<'a> {
    pub(super) message_id: Uuid,
    pub(super) case_id: Option<Uuid>,
    pub(super) sender: Option<&'a str>,
}

/// A row of `event`.
#[derive(Default)]
pub(super) struct Row<'a> {
    pub(super) application: i64,
    pub(super) fingerprint: i64,
    pub(super) at: i64,
    pub(super) kind: &'a str,
    pub(super) endpoint: Option<&'a str>,
    pub(super) code: Option<&'a str>,
    pub(super) cause: Option<&'a str>,
    pub(super) place: Option<&'a str>,
    pub(super) trace: Option<&'a str>,
    pub(super) receipt: Option<&'a str>,
    pub(super) reasons: Option<String>,
    pub(super) reply_kind: Option<&'a str>,
    pub(super) delivery: Option<&'a Delivery>,
}

impl<'a> Row<'a> {
    fn new(application: i64, fingerprint: i64, at: Timestamp, kind: &'a str) -> Self {
        Self { application, fingerprint, at: at.0, kind, ..Self::default() }
    }
}

/// A journal that is being written.
pub(super) trait Sheet {
    /// Of the database.
    type Error;

    /// The message's row, copies with other bytes aside.
    fn find(&mut self, message_id: Uuid) -> Result<Option<Known>, Self::Error>;
    /// An application that is its own "accepted" entry.
    fn insert_accepted(&mut self, head: &ApplicationHead, is_copy: bool)
    -> Result<(), Self::Error>;
    /// A row for what is told before its application is.
    fn insert_announced(&mut self, about: About<'_>) -> Result<i64, Self::Error>;
    /// The application itself has come.
    fn fill_in(&mut self, id: i64, head: &ApplicationHead) -> Result<(), Self::Error>;
    /// Whether it was new: a repeated event changes nothing.
    fn insert_event(&mut self, row: &Row<'_>) -> Result<bool, Self::Error>;
    /// In no order.
    fn deliveries(&mut self, application: i64) -> Result<Vec<Delivery>, Self::Error>;
    /// New, or in the place of what was known of it.
    fn insert_delivery(&mut self, application: i64, row: &Delivery) -> Result<(), Self::Error>;
    /// The one word.
    fn set_state(&mut self, application: i64, state: &'static str) -> Result<(), Self::Error>;
    /// What was said of it without any delivery.
    fn set_verdict(&mut self, application: i64, verdict: &'static str) -> Result<(), Self::Error>;
    /// A reply, which has a row of `event` already.
    fn insert_reply(
        &mut self,
        application: i64,
        fingerprint: i64,
        reply: &ReplyEvent,
    ) -> Result<(), Self::Error>;
    /// The later time wins, whatever comes first.
    fn set_gate(
        &mut self,
        endpoint: &str,
        event: &Event,
        is_closed: bool,
    ) -> Result<(), Self::Error>;
    /// The newest says it all; what was before is no history of anything.
    fn report(&mut self, report: &EndpointReport, at: Timestamp) -> Result<(), Self::Error>;
    /// So many more stand there.
    fn count(&mut self, endpoint: &str, state: &'static str, change: i64);
}

/// Writes what follows from `entry`.
pub(super) fn project<S: Sheet>(
    sheet: &mut S,
    entry: &Projected,
    partition: &Partition,
) -> Result<(), S::Error> {
    match entry {
        Projected::Application(head) => application(sheet, head),
        Projected::Event(told) => event(sheet, told),
        Projected::Reply(told) => reply(sheet, told),
        Projected::Undecodable { offset, at, code, cause } => {
            let place = place(&Position { partition: partition.clone(), offset: *offset });
            let row = Row {
                code: Some(code),
                cause: Some(cause),
                place: Some(&place),
                ..Row::new(NO_APPLICATION, of_texts(&[&place]), *at, "undecodable")
            };
            sheet.insert_event(&row).map(drop)
        }
    }
}

/// The message an entry is about, and the fingerprint of its event, as far as it has them.
pub(super) fn keys_of(entry: &Projected, partition: &Partition) -> (Option<Uuid>, Option<i64>) {
    match entry {
        Projected::Application(head) => (Some(head.message_id.0), Some(accepted_fingerprint())),
        Projected::Event(event) => {
            let place = Details::of(event).position.map(place);
            let fingerprint = event_fingerprint(event, place.as_deref());
            (event.message_id.map(|id| id.0), Some(fingerprint))
        }
        Projected::Reply(reply) => (Some(reply.message_id.0), Some(reply_fingerprint(reply))),
        Projected::Undecodable { offset, .. } => {
            let place = place(&Position { partition: partition.clone(), offset: *offset });
            (None, Some(of_texts(&[&place])))
        }
    }
}

fn accepted_fingerprint() -> i64 {
    of_texts(&["accepted"])
}

fn event_fingerprint(event: &Event, place: Option<&str>) -> i64 {
    match (&event.kind, place) {
        // The dispatcher and this projector find the same record unreadable: told once.
        (EventKind::Undecodable { .. }, Some(place)) => of_texts(&[place]),
        _ => of_texts(&[&event.id]),
    }
}

fn reply_fingerprint(reply: &ReplyEvent) -> i64 {
    of_texts(&["reply", reply.endpoint.as_str(), &reply.reply.id])
}

/// Of two records with one id and other bytes, the one that is read here first is shown as the
/// message, and the other as its conflict. The ledger decides by what it reads first. Both read
/// a partition in the same order, so they can differ only if the two lie in different ones: the
/// copy names another case, came by another channel, or after a change of the number of
/// partitions. Then the hash shown may be that of the copy the ledger put aside; the ledger's
/// `conflict` event in the timeline names the place of the record that lost.
fn application<S: Sheet>(sheet: &mut S, head: &ApplicationHead) -> Result<(), S::Error> {
    match sheet.find(head.message_id.0)? {
        None => {
            sheet.insert_accepted(head, false)?;
            sheet.count("", "applications", 1);
            Ok(())
        }
        Some(known) if !known.has_head => {
            sheet.fill_in(known.id, head)?;
            sheet.count("", "applications", 1);
            let fingerprint = accepted_fingerprint();
            sheet.insert_event(&Row::new(known.id, fingerprint, head.received_at, "accepted"))?;
            let deliveries = sheet.deliveries(known.id)?;
            settle_state(sheet, &Known { has_head: true, ..known }, &deliveries)
        }
        // The sender repeated itself; the ledger tells so.
        Some(known) if known.sha256.as_deref() == Some(head.sha256.0.as_slice()) => Ok(()),
        Some(_) => sheet.insert_accepted(head, true),
    }
}

fn event<S: Sheet>(sheet: &mut S, event: &Event) -> Result<(), S::Error> {
    match event.kind {
        EventKind::EndpointReported(ref report) => return sheet.report(report, event.at),
        // What becomes of orders is the register's.
        EventKind::CommandAccepted { .. }
        | EventKind::CommandRefused { .. }
        | EventKind::BulkState { .. }
        | EventKind::BulkItem { .. } => return Ok(()),
        _ => {}
    }
    let known = match event.message_id {
        Some(message_id) => Some(find_or_insert(
            sheet,
            About {
                message_id: message_id.0,
                case_id: event.case_id.map(|case| case.0),
                sender: event.sender.as_ref().map(|sender| sender.as_str()),
            },
        )?),
        None => None,
    };
    let application = known.as_ref().map_or(NO_APPLICATION, |known| known.id);
    let details = Details::of(event);
    let place = details.position.map(place);
    let fingerprint = event_fingerprint(event, place.as_deref());
    let trace = event.trace.as_ref().map(|trace| trace.as_str());
    let delivery = delivery_of(event, &details);
    let row = Row {
        endpoint: details.endpoint,
        code: event.code.as_deref(),
        cause: event.cause.as_deref(),
        place: place.as_deref(),
        trace,
        receipt: details.receipt,
        reasons: reasons_to_column(details.reasons),
        delivery: delivery.as_ref(),
        ..Row::new(application, fingerprint, event.at, event.kind.name())
    };
    if !sheet.insert_event(&row)? {
        return Ok(());
    }
    match (&event.kind, known) {
        (EventKind::GateClosed { endpoint }, _) => sheet.set_gate(endpoint.as_str(), event, true),
        (EventKind::GateOpened { endpoint }, _) => sheet.set_gate(endpoint.as_str(), event, false),
        (EventKind::Refused { .. }, None) => {
            sheet.count("", "refused", 1);
            Ok(())
        }
        (_, Some(known)) => touch(sheet, known, event, delivery),
        (_, None) => Ok(()),
    }
}

/// Draws what follows from an event for its application.
fn touch<S: Sheet>(
    sheet: &mut S,
    mut known: Known,
    event: &Event,
    delivery: Option<Delivery>,
) -> Result<(), S::Error> {
    let verdict = match event.kind {
        EventKind::Refused { .. } => {
            sheet.count("", "refused", 1);
            Some(state::REFUSED)
        }
        EventKind::Unrouted => Some(state::UNROUTED),
        _ => None,
    };
    if verdict.is_none() && delivery.is_none() {
        return Ok(());
    }
    if let Some(verdict) = verdict
        && known.verdict.as_deref() != Some(state::UNROUTED)
    {
        known.verdict = Some(verdict.to_owned());
        sheet.set_verdict(known.id, verdict)?;
    }
    let mut deliveries = sheet.deliveries(known.id)?;
    if let Some(told) = delivery {
        deliver(sheet, known.id, &mut deliveries, told)?;
    }
    settle_state(sheet, &known, &deliveries)
}

fn deliver<S: Sheet>(
    sheet: &mut S,
    application: i64,
    deliveries: &mut Vec<Delivery>,
    told: Delivery,
) -> Result<(), S::Error> {
    let key = (told.endpoint.clone(), told.ledger.clone(), told.number);
    let is_it =
        |row: &&Delivery| (&row.endpoint, &row.ledger, row.number) == (&key.0, &key.1, key.2);
    let before = deliveries.iter().find(is_it).map(|row| row.state);
    if !state::merge(deliveries, told) {
        return Ok(());
    }
    let row = deliveries.iter().find(is_it).expect("it was merged just now");
    if let Some(before) = before {
        sheet.count(&key.0, before.name(), -1);
    }
    sheet.count(&key.0, row.state.name(), 1);
    sheet.insert_delivery(application, row)?;
    for (ended, before) in state::end_forgotten(deliveries) {
        sheet.count(&ended.endpoint, before.name(), -1);
        sheet.count(&ended.endpoint, ended.state.name(), 1);
        sheet.insert_delivery(application, &ended)?;
    }
    Ok(())
}

/// Writes the one word anew if it changed.
fn settle_state<S: Sheet>(
    sheet: &mut S,
    known: &Known,
    deliveries: &[Delivery],
) -> Result<(), S::Error> {
    let state = state::state(deliveries, known.verdict.as_deref(), known.has_head);
    if state == known.state {
        return Ok(());
    }
    sheet.set_state(known.id, state)
}

fn reply<S: Sheet>(sheet: &mut S, reply: &ReplyEvent) -> Result<(), S::Error> {
    let about = About {
        message_id: reply.message_id.0,
        case_id: Some(reply.case_id.0),
        sender: Some(reply.sender.as_str()),
    };
    let known = find_or_insert(sheet, about)?;
    let fingerprint = reply_fingerprint(reply);
    let row = Row {
        endpoint: Some(reply.endpoint.as_str()),
        trace: reply.trace.as_ref().map(|trace| trace.as_str()),
        reply_kind: Some(&reply.reply.kind),
        code: reply.reply.code.as_deref(),
        ..Row::new(known.id, fingerprint, reply.at, "reply")
    };
    if !sheet.insert_event(&row)? {
        return Ok(());
    }
    sheet.insert_reply(known.id, fingerprint, reply)
}

/// What is told of a message may come before the message itself.
fn find_or_insert<S: Sheet>(sheet: &mut S, about: About<'_>) -> Result<Known, S::Error> {
    if let Some(known) = sheet.find(about.message_id)? {
        return Ok(known);
    }
    let id = sheet.insert_announced(about)?;
    let state = state::ACCEPTED.to_owned();
    Ok(Known { id, has_head: false, sha256: None, state, verdict: None })
}

/// What only some kinds of events have.
#[derive(Default)]
struct Details<'a> {
    endpoint: Option<&'a str>,
    receipt: Option<&'a str>,
    reasons: &'a [Reason],
    position: Option<&'a Position>,
}

impl<'a> Details<'a> {
    fn of(event: &'a Event) -> Self {
        let of_delivery = event.delivery.as_ref().map(|delivery| delivery.endpoint.as_str());
        let mut details = Self { endpoint: of_delivery, ..Self::default() };
        match &event.kind {
            EventKind::Refused { reasons } | EventKind::Rejected { reasons } => {
                details.reasons = reasons;
            }
            EventKind::Duplicate { position }
            | EventKind::Conflict { position }
            | EventKind::Undecodable { position } => details.position = Some(position),
            EventKind::Delivered { receipt } => details.receipt = receipt.as_deref(),
            EventKind::GateClosed { endpoint }
            | EventKind::GateOpened { endpoint }
            | EventKind::CommandAccepted { endpoint, .. }
            | EventKind::CommandRefused { endpoint, .. }
            | EventKind::BulkItem { endpoint, .. }
            | EventKind::BulkState { endpoint, .. } => {
                details.endpoint = Some(endpoint.as_str());
            }
            EventKind::EndpointReported(report) => {
                details.endpoint = Some(report.endpoint.as_str());
            }
            EventKind::Unrouted
            | EventKind::Admitted
            | EventKind::AttemptFailed
            | EventKind::DeadLettered
            | EventKind::Uncertain { .. }
            | EventKind::Discarded
            | EventKind::Replayed
            | EventKind::Edited(_) => {}
        }
        details
    }
}

fn place(position: &Position) -> String {
    format!("{}/{}", position.partition, position.offset)
}

/// The delivery as the event tells it.
fn delivery_of(event: &Event, details: &Details<'_>) -> Option<Delivery> {
    let told = event.delivery.as_ref()?;
    // A failure that is over explains nothing any more.
    let code = event.code.clone().filter(|_| told.state != DeliveryState::Delivered);
    Some(Delivery {
        endpoint: told.endpoint.to_string(),
        ledger: told.ledger.clone(),
        number: int(told.delivery),
        epoch: i64::from(told.epoch),
        version: int(told.version),
        state: told.state,
        attempts: told.attempts,
        next_at: told.next_at,
        receipt: details.receipt.map(str::to_owned),
        code,
        reasons: match event.kind {
            EventKind::Rejected { .. } => details.reasons.to_vec(),
            _ => Vec::new(),
        },
    })
}
