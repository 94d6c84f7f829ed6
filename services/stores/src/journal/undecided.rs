//! What waits for an operator.

use messaging::{EndpointName, MessageId};

use super::rows::{Application, Delivery};

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
