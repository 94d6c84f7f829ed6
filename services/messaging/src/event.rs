//! What is told on `status`, `reply` and `dead`.

use std::fmt;

use bytes::Bytes;

use crate::{
    CaseId, CommandId, Edit, EndpointName, EndpointReport, MessageId, Position, ProcedureName,
    SenderName, Timestamp, TraceParent,
};

/// The states of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DeliveryState {
    /// Not tried since it became due.
    Pending,
    /// Handed to the adapter.
    Leased,
    /// To be tried again at a time.
    Waiting,
    /// Nobody knows whether it took effect.
    Uncertain,
    /// The departmental system has it. Final.
    Delivered,
    /// The departmental system refused it. Final.
    Rejected,
    /// Out of attempts or hopeless; an operator replays or discards it.
    Dead,
    /// Given up by an operator. Final.
    Discarded,
}

impl DeliveryState {
    /// Every state, in the order of a delivery's life.
    pub const ALL: [Self; 8] = [
        Self::Pending,
        Self::Leased,
        Self::Waiting,
        Self::Uncertain,
        Self::Delivered,
        Self::Rejected,
        Self::Dead,
        Self::Discarded,
    ];

    /// Whether nothing follows by itself or by an operator's revival.
    #[must_use]
    pub fn is_final(self) -> bool {
        matches!(self, Self::Delivered | Self::Rejected | Self::Discarded)
    }

    /// The word used in stores, interfaces and on pages.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Leased => "leased",
            Self::Waiting => "waiting",
            Self::Uncertain => "uncertain",
            Self::Delivered => "delivered",
            Self::Rejected => "rejected",
            Self::Dead => "dead",
            Self::Discarded => "discarded",
        }
    }

    /// The state called `name`.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }
}

/// Which delivery an event is about, and how new it is: readers keep the highest version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryVersion {
    /// The ledger that says so.
    pub ledger: String,
    /// Counts restores of that ledger from a backup; a higher one wins over any version.
    pub epoch: u32,
    /// The ledger's number of the delivery.
    pub delivery: u64,
    /// Grows with every change of that delivery, from 1.
    pub version: u64,
    /// Where it goes.
    pub endpoint: EndpointName,
    /// What it is now.
    pub state: DeliveryState,
    /// Attempts so far.
    pub attempts: u32,
    /// When it is tried again, in `Waiting`.
    pub next_at: Option<Timestamp>,
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Unique per event; a relay that repeats itself repeats it.
    pub id: String,
    /// When.
    pub at: Timestamp,
    /// To which message; none for endpoints and undecodable records.
    pub message_id: Option<MessageId>,
    /// Its case.
    pub case_id: Option<CaseId>,
    /// Its sender.
    pub sender: Option<SenderName>,
    /// Its delivery, if it is about one.
    pub delivery: Option<DeliveryVersion>,
    /// What.
    pub kind: EventKind,
    /// The operator's code, if something went wrong.
    pub code: Option<String>,
    /// The chain of causes in one line, for operators. No personal data.
    pub cause: Option<String>,
    /// The trace it happened in.
    pub trace: Option<TraceParent>,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// The gateway refused it; codes and paths, no payload.
    Refused {
        /// Up to 100, in document order.
        reasons: Vec<Reason>,
    },
    /// No endpoint subscribes to it.
    Unrouted,
    /// An endpoint was found for it later, or from the start where it is worth telling.
    Admitted,
    /// Same message, same hash, once more: nothing is delivered.
    Duplicate {
        /// Where the copy lay.
        position: Position,
    },
    /// Same id, other bytes: nothing of it is delivered.
    Conflict {
        /// Where the other lay.
        position: Position,
    },
    /// A record nobody can read; its bytes are in the dead letter.
    Undecodable {
        /// Where it lay.
        position: Position,
    },
    /// An attempt failed; `delivery` says what follows.
    AttemptFailed,
    /// The departmental system has it.
    Delivered {
        /// Its own name for it.
        receipt: Option<String>,
    },
    /// The departmental system refused it.
    Rejected {
        /// For the portal's eyes: may be about a person.
        reasons: Vec<Reason>,
    },
    /// Out of attempts, or hopeless.
    DeadLettered,
    /// Nobody knows whether it took effect.
    Uncertain {
        /// Whether only an operator can say.
        is_question: bool,
    },
    /// Given up by an operator.
    Discarded,
    /// Revived by an operator: due again.
    Replayed,
    /// Revived by an operator with another document, under another key. Readers of an older version
    /// see [`EventKind::Replayed`].
    Edited(Edit),
    /// What an operator ordered was done; what became of a delivery is told apart.
    CommandAccepted {
        /// Which.
        command: CommandId,
        /// About which endpoint.
        endpoint: EndpointName,
    },
    /// What an operator ordered was not done; code and cause say why.
    CommandRefused {
        /// Which.
        command: CommandId,
        /// About which endpoint.
        endpoint: EndpointName,
    },
    /// The endpoint is left alone: until a probe succeeds, or until an operator resumes it.
    GateClosed {
        /// Which endpoint.
        endpoint: EndpointName,
    },
    /// It is served again.
    GateOpened {
        /// Which endpoint.
        endpoint: EndpointName,
    },
    /// What became of one delivery of a bulk; code and cause say why it was refused.
    BulkItem {
        /// Which bulk.
        command: CommandId,
        /// About which endpoint.
        endpoint: EndpointName,
        /// Its place in the bulk, from 0.
        item: u32,
        /// Which message.
        message: MessageId,
        /// What.
        result: ItemResult,
    },
    /// How a bulk is getting on.
    BulkState {
        /// Which bulk.
        command: CommandId,
        /// About which endpoint.
        endpoint: EndpointName,
        /// How many deliveries it is about.
        total: u32,
        /// How.
        state: BulkState,
    },
    /// How an endpoint is served; the newest counts.
    EndpointReported(Box<EndpointReport>),
}

impl EventKind {
    /// The word used in stores, interfaces and on pages.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Refused { .. } => "refused",
            Self::Unrouted => "unrouted",
            Self::Admitted => "admitted",
            Self::Duplicate { .. } => "duplicate",
            Self::Conflict { .. } => "conflict",
            Self::Undecodable { .. } => "undecodable",
            Self::AttemptFailed => "attempt_failed",
            Self::Delivered { .. } => "delivered",
            Self::Rejected { .. } => "rejected",
            Self::DeadLettered => "dead_lettered",
            Self::Uncertain { .. } => "uncertain",
            Self::Discarded => "discarded",
            Self::Replayed => "replayed",
            Self::Edited(_) => "edited",
            Self::CommandAccepted { .. } => "command_accepted",
            Self::CommandRefused { .. } => "command_refused",
            Self::GateClosed { .. } => "gate_closed",
            Self::GateOpened { .. } => "gate_opened",
            Self::BulkItem { .. } => "bulk_item",
            Self::BulkState { .. } => "bulk_state",
            Self::EndpointReported(_) => "endpoint_reported",
        }
    }
}

/// What became of one delivery of a bulk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ItemResult {
    /// It was ordered; what follows is not known yet.
    Ordered,
    /// It came to what was wanted: delivered, or what was ordered.
    Succeeded,
    /// It was ordered, and failed again.
    Failed,
    /// It was not ordered: it had changed, or the order does not fit.
    Refused,
    /// It was not ordered: the bulk was stopped before.
    Skipped,
}

impl ItemResult {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Ordered, Self::Succeeded, Self::Failed, Self::Refused, Self::Skipped];

    /// The word used in records, stores and interfaces.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ordered => "ordered",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Refused => "refused",
            Self::Skipped => "skipped",
        }
    }

    /// The one called `name`.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|result| result.name() == name)
    }
}

/// How a bulk is getting on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BulkState {
    /// More is to be ordered, or what became of something is not known yet.
    Running,
    /// So much failed that nothing more is ordered, or an operator said so.
    Stopped,
    /// It is known what became of each.
    Done,
}

impl BulkState {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Running, Self::Stopped, Self::Done];

    /// The word used in records, stores and interfaces.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Stopped => "stopped",
            Self::Done => "done",
        }
    }

    /// The one called `name`.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }
}

/// One reason among several.
#[derive(Clone, PartialEq, Eq)]
pub struct Reason {
    /// A code: ours (`AB-4102`), XÖV's (`X001`) or the receiver's.
    pub code: Option<String>,
    /// A sentence, or a path. May be about a person: only the portal sees it.
    pub text: String,
}

/// Codes only.
impl fmt::Debug for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reason").field("code", &self.code).finish_non_exhaustive()
    }
}

/// What a departmental system sent back about an application.
#[derive(Clone, PartialEq, Eq)]
pub struct Reply {
    /// Chosen by the adapter, unique per reply of a delivery; repeating one is harmless.
    pub id: String,
    /// What it is: `status`, `question`, `decision`, `receipt`, `rejection` or `document`.
    pub kind: String,
    /// Media type of the body.
    pub media_type: String,
    /// The document, at most 256 KiB; larger ones go by claim.
    pub body: Bytes,
    /// What it says, if it is a message of an installed standard. An adapter leaves it empty.
    pub read: Option<ReadReply>,
    /// Why it was not read although it seems to be one, "AB-nnnn". An adapter leaves it empty.
    pub code: Option<String>,
}

/// A reply that is a message of a standard.
#[derive(Clone, PartialEq, Eq)]
pub struct ReadReply {
    /// Its standard, version and message type.
    pub procedure: ProcedureName,
    /// `amtsbote.canonical.v1.Application`, encoded; empty where it is larger than 256 KiB.
    pub canonical: Bytes,
}

/// Never the message.
impl fmt::Debug for ReadReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadReply")
            .field("procedure", &self.procedure)
            .field("bytes", &self.canonical.len())
            .finish()
    }
}

/// Never the body.
impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply")
            .field("kind", &self.kind)
            .field("bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// A reply on its way back to the portal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplyEvent {
    /// Unique per event; a relay that repeats itself repeats it.
    pub id: String,
    /// When the departmental system gave it.
    pub at: Timestamp,
    /// The application it answers.
    pub message_id: MessageId,
    /// Its case.
    pub case_id: CaseId,
    /// Whose application it is.
    pub sender: SenderName,
    /// Who answers.
    pub endpoint: EndpointName,
    /// What.
    pub reply: Reply,
    /// The trace it happened in.
    pub trace: Option<TraceParent>,
}

/// The copy of a dead letter on `dead`: enough to make an XÖV `Rückweisung` of it.
#[derive(Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// What happened, with delivery, code and cause.
    pub event: Event,
    /// Why, as far as reasons are known.
    pub reasons: Vec<Reason>,
    /// Where the record lay.
    pub position: Position,
    /// The record that was handed over: headers and value as they were.
    pub record: crate::Record,
    /// Where that is not what came: what went instead, and by which command.
    pub edit: Option<Edit>,
}

/// Never the record.
impl fmt::Debug for DeadLetter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeadLetter")
            .field("event", &self.event)
            .field("position", &self.position)
            .finish_non_exhaustive()
    }
}
