//! Makes the events, replies and dead letters that tell what was recorded.
//!
//! Event ids are derived from what they tell, so that telling it again after a crash is the same
//! event: ledger, epoch, then the delivery and its version, or the record's position.

use channels::codec;
use messaging::{
    ApplicationHead, CaseId, DeadLetter, DeliveryVersion, Edit, EndpointName, Event, EventKind,
    MessageId, Position, Reason, Record, Reply, ReplyEvent, SenderName, Timestamp, TraceParent,
};
use stores::ledger::{LedgerIdentity, MessageIdentity};

use crate::schedule::Entry;

/// Whom an event is about.
#[derive(Clone, Debug)]
pub(crate) struct Subject {
    pub(crate) message_id: MessageId,
    pub(crate) case_id: CaseId,
    pub(crate) sender: SenderName,
    pub(crate) trace: Option<TraceParent>,
}

impl From<&ApplicationHead> for Subject {
    fn from(head: &ApplicationHead) -> Self {
        Self {
            message_id: head.message_id,
            case_id: head.case_id,
            sender: head.sender.clone(),
            trace: head.trace.clone(),
        }
    }
}

impl From<&MessageIdentity> for Subject {
    fn from(identity: &MessageIdentity) -> Self {
        Self {
            message_id: identity.message_id,
            case_id: identity.case_id,
            sender: identity.sender.clone(),
            trace: None,
        }
    }
}

/// What is known of why.
#[derive(Clone, Debug, Default)]
pub(crate) struct Why {
    pub(crate) code: Option<&'static str>,
    pub(crate) cause: Option<String>,
}

/// What happened to a delivery.
#[derive(Debug)]
pub(crate) struct What {
    pub(crate) kind: EventKind,
    pub(crate) why: Why,
    pub(crate) next_at: Option<Timestamp>,
    pub(crate) at: Timestamp,
}

#[derive(Debug)]
pub(crate) struct Teller {
    pub(crate) identity: LedgerIdentity,
    pub(crate) source: String,
}

impl Teller {
    /// What became of a delivery; `entry` is as it is from now on.
    pub(crate) fn about_delivery(
        &self,
        subject: &Subject,
        endpoint: &EndpointName,
        entry: &Entry,
        what: What,
    ) -> Event {
        let LedgerIdentity { id, epoch, .. } = &self.identity;
        let What { kind, why, next_at, at } = what;
        let delivery = DeliveryVersion {
            ledger: id.to_string(),
            epoch: *epoch,
            delivery: entry.delivery.0.unsigned_abs(),
            version: entry.version,
            endpoint: endpoint.clone(),
            state: entry.state,
            attempts: entry.attempts,
            next_at,
        };
        let event_id = format!("{id}-{epoch}-{}-{}", entry.delivery.0, entry.version);
        Event { delivery: Some(delivery), ..self.event(event_id, Some(subject), kind, why, at) }
    }

    /// What was made of a record that made no delivery.
    pub(crate) fn about_record(
        &self,
        subject: Option<&Subject>,
        position: &Position,
        kind: EventKind,
        why: Why,
        at: Timestamp,
    ) -> Event {
        let LedgerIdentity { id, epoch, .. } = &self.identity;
        let Position { partition, offset } = position;
        let place = format!("{}-{}-{offset}", partition.channel, partition.number);
        self.event(format!("{id}-{epoch}-{place}-{}", kind.name()), subject, kind, why, at)
    }

    /// What an endpoint's gate does; `count` tells one event of this start from another.
    pub(crate) fn about_gate(&self, kind: EventKind, why: Why, count: u64, at: Timestamp) -> Event {
        let LedgerIdentity { id, epoch, start } = &self.identity;
        self.event(format!("{id}-{epoch}-{start}-gate-{count}"), None, kind, why, at)
    }

    /// What was made of a command; the same whoever repeats it.
    pub(crate) fn about_command(&self, kind: EventKind, why: Why, at: Timestamp) -> Event {
        let LedgerIdentity { id, epoch, .. } = &self.identity;
        let command = match &kind {
            EventKind::CommandAccepted { command, .. }
            | EventKind::CommandRefused { command, .. } => command.to_string(),
            EventKind::BulkItem { command, item, result, .. } => {
                format!("{command}-{item}-{}", result.name())
            }
            EventKind::BulkState { command, state, .. } => format!("{command}-{}", state.name()),
            _ => String::new(),
        };
        self.event(format!("{id}-{epoch}-command-{command}"), None, kind, why, at)
    }

    fn event(
        &self,
        id: String,
        subject: Option<&Subject>,
        kind: EventKind,
        why: Why,
        at: Timestamp,
    ) -> Event {
        Event {
            id,
            at,
            message_id: subject.map(|subject| subject.message_id),
            case_id: subject.map(|subject| subject.case_id),
            sender: subject.map(|subject| subject.sender.clone()),
            delivery: None,
            kind,
            code: why.code.map(str::to_owned),
            cause: why.cause,
            trace: subject.and_then(|subject| subject.trace.clone()),
        }
    }

    pub(crate) fn event_record(&self, event: &Event) -> Record {
        codec::encode_event(event, &self.source)
    }

    pub(crate) fn dead_letter_record(
        &self,
        event: Event,
        reasons: Vec<Reason>,
        position: Position,
        (record, edit): (Record, Option<Edit>),
    ) -> Record {
        let letter = DeadLetter { event, reasons, position, record, edit };
        codec::encode_dead_letter(&letter, &self.source)
    }

    pub(crate) fn reply_record(
        &self,
        subject: &Subject,
        endpoint: &EndpointName,
        entry: &Entry,
        reply: Reply,
        at: Timestamp,
    ) -> Record {
        let LedgerIdentity { id, epoch, .. } = &self.identity;
        let event = ReplyEvent {
            id: format!("{id}-{epoch}-{}-reply-{}", entry.delivery.0, reply.id),
            at,
            message_id: subject.message_id,
            case_id: subject.case_id,
            sender: subject.sender.clone(),
            endpoint: endpoint.clone(),
            reply,
            trace: subject.trace.clone(),
        };
        codec::encode_reply(&event, &self.source)
    }
}
