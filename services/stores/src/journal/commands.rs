//! What operators ordered and what was answered, and what waits for them.

use messaging::{CommandId, EndpointName, MessageId, Timestamp};
use uuid::Uuid;

use super::rows::{Application, Delivery};

/// One command. Who ordered it and why are people's business: no formatter of a log shows a row.
#[derive(Clone, PartialEq, Eq)]
pub struct CommandRow {
    /// Its place in the list.
    pub number: i64,
    /// Which.
    pub id: CommandId,
    /// About which endpoint.
    pub endpoint: String,
    /// What was ordered; `None` while only the answer was read.
    pub issued: Option<Issued>,
    /// What was answered; `None` until then.
    pub answer: Option<Answer>,
}

/// What an operator said.
#[derive(Clone, PartialEq, Eq)]
pub struct Issued {
    /// When.
    pub at: Timestamp,
    /// Who; not checked by anybody.
    pub operator: String,
    /// The word of what was ordered.
    pub name: String,
    /// About which message.
    pub message_id: Option<Uuid>,
    /// Why.
    pub reason: Option<String>,
}

/// What the endpoint's owner said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// When.
    pub at: Timestamp,
    /// Whether it was done.
    pub is_accepted: bool,
    /// Why not.
    pub code: Option<String>,
    /// A sentence about it.
    pub cause: Option<String>,
}

/// Neither who nor why.
impl std::fmt::Debug for Issued {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Issued")
            .field("at", &self.at)
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// Neither who nor why.
impl std::fmt::Debug for CommandRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CommandRow")
            .field("id", &self.id)
            .field("endpoint", &self.endpoint)
            .field("name", &self.issued.as_ref().map(|issued| &issued.name))
            .field("answer", &self.answer)
            .finish_non_exhaustive()
    }
}

/// A delivery that waits for an operator, or may: dead or uncertain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Undecided {
    /// Of which application.
    pub application: Application,
    /// The delivery.
    pub delivery: Delivery,
}

/// Which undecided deliveries are asked for; `None` is all.
#[derive(Clone, Debug, Default)]
pub struct UndecidedOf {
    /// For this endpoint.
    pub endpoint: Option<EndpointName>,
    /// Of this message.
    pub message: Option<MessageId>,
}

/// Where a list of undecided deliveries goes on: application, endpoint and number of the last row.
pub type UndecidedCursor = (i64, String, i64);
