//! What channels tell of orders: `control` that they were given, `status` what became of them.

use messaging::{BulkState, Command, CommandId, EndpointName, Event, EventKind, Timestamp};

use super::rows::{Answer, BulkItem};

/// One thing that is told of an order.
#[derive(Clone, Debug)]
pub enum Told {
    /// An operator gave it.
    Issued(Box<Command>),
    /// It was answered.
    Answered(Answered),
    /// How a bulk is getting on.
    Bulk(BulkTold),
    /// What became of one delivery of a bulk.
    Item(ItemTold),
}

/// What was answered to a command.
#[derive(Clone, Debug)]
pub struct Answered {
    /// To which.
    pub command: CommandId,
    /// About which endpoint.
    pub endpoint: EndpointName,
    /// What.
    pub answer: Answer,
}

/// How a bulk was getting on at a moment.
#[derive(Clone, Copy, Debug)]
pub struct BulkTold {
    /// Which.
    pub command: CommandId,
    /// How many deliveries it is about.
    pub total: u32,
    /// How it is getting on.
    pub state: BulkState,
    /// Since when.
    pub at: Timestamp,
}

/// What became of one delivery of a bulk.
#[derive(Clone, Debug)]
pub struct ItemTold {
    /// Of which bulk.
    pub command: CommandId,
    /// Which delivery, and what.
    pub item: BulkItem,
}

impl Told {
    /// What `event` tells of an order; `None`: it is about something else.
    #[must_use]
    pub fn of(event: &Event) -> Option<Self> {
        let answered = |command: &CommandId, endpoint: &EndpointName, is_accepted| {
            let (code, cause) = (event.code.clone(), event.cause.clone());
            let answer = Answer { at: event.at, is_accepted, code, cause };
            Self::Answered(Answered { command: *command, endpoint: endpoint.clone(), answer })
        };
        match &event.kind {
            EventKind::CommandAccepted { command, endpoint } => {
                Some(answered(command, endpoint, true))
            }
            EventKind::CommandRefused { command, endpoint } => {
                Some(answered(command, endpoint, false))
            }
            EventKind::BulkState { command, total, state, .. } => {
                let (command, total, state) = (*command, *total, *state);
                Some(Self::Bulk(BulkTold { command, total, state, at: event.at }))
            }
            EventKind::BulkItem { command, item, message, result, .. } => {
                let (item, message_id, result) = (*item, message.0, *result);
                let (code, at) = (event.code.clone(), event.at);
                let item = BulkItem { item, message_id, result, code, at };
                Some(Self::Item(ItemTold { command: *command, item }))
            }
            _ => None,
        }
    }
}
