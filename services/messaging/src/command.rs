//! What an operator orders on `control`, and what is answered on `status`.

use std::{fmt, time::Duration};

use crate::{CommandId, Correction, EndpointName, MessageId, NameError, Timestamp};

/// Longest name of an operator, in bytes.
pub const OPERATOR_BYTES_MAX: usize = 200;
/// Longest reason, in bytes.
pub const REASON_BYTES_MAX: usize = 500;
/// Deliveries of one bulk.
pub const BULK_TARGETS_MAX: usize = 10_000;
/// Longest pause between two deliveries of a bulk.
pub const BULK_INTERVAL_MAX: Duration = Duration::from_secs(3_600);

/// Who ordered it, as the command line or the page said: until there is a login, nobody has
/// checked it. The name of a person, so no formatter but `as_str` shows it.
#[derive(Clone, PartialEq, Eq)]
pub struct OperatorName(String);

impl OperatorName {
    /// Checks `name`.
    ///
    /// # Errors
    /// When it is empty, longer than [`OPERATOR_BYTES_MAX`] or holds control characters.
    pub fn new(name: impl Into<String>) -> std::result::Result<Self, NameError> {
        let name = name.into();
        let is_printable = !name.chars().any(char::is_control);
        if !name.trim().is_empty() && name.len() <= OPERATOR_BYTES_MAX && is_printable {
            return Ok(Self(name));
        }
        let rule = "1 to 200 bytes without control characters";
        Err(NameError::of("operator's name", rule))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Not the name.
impl fmt::Debug for OperatorName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OperatorName")
    }
}

/// One thing an operator ordered. What it is about is named whole, so that it means the same
/// wherever and whenever it is read.
#[derive(Clone, PartialEq, Eq)]
pub struct Command {
    /// Unique; the same once more changes nothing.
    pub id: CommandId,
    /// When it was issued.
    pub at: Timestamp,
    /// By whom.
    pub operator: OperatorName,
    /// Whose owner executes it; also its key on `control`.
    pub endpoint: EndpointName,
    /// What.
    pub order: Order,
    /// Why, in the operator's words, at most [`REASON_BYTES_MAX`].
    pub reason: Option<String>,
}

/// Neither who nor why.
impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Command")
            .field("id", &self.id)
            .field("endpoint", &self.endpoint)
            .field("order", &self.order)
            .finish_non_exhaustive()
    }
}

/// What is ordered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// Hand nothing more to the endpoint until it is resumed; attempts under way may end.
    Pause,
    /// Serve it again.
    Resume,
    /// Revive a dead or uncertain delivery: the same row, the same key, still the head of its case.
    Replay(Target),
    /// Give a dead or uncertain delivery up for good; its case goes on.
    Discard(Target),
    /// An uncertain delivery did take effect: somebody has looked.
    ConfirmDelivered(Target),
    /// An uncertain delivery took no effect: hand it over once more.
    SendAgain(Target),
    /// Hand a delivery that is over to the endpoint once more, as a delivery of its own with the same
    /// key, outside the order of its case: the receiver may recognise it.
    ReplayAgain(Target),
    /// The same with a key of its own: a new effect.
    ReplayAnew(Target),
    /// Revive a dead delivery with another document under another key, in its place.
    Edit(Box<Correction>),
    /// The same order about many deliveries, one after the other.
    Bulk(Box<Bulk>),
    /// Order nothing more of a bulk that is under way.
    StopBulk(CommandId),
    /// Ordered by a newer version; to be refused in so many words.
    Unknown {
        /// Its word for it.
        name: String,
        /// What it is about, if it is a delivery.
        target: Option<Target>,
    },
}

/// Which delivery of the endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Of this message.
    pub message_id: MessageId,
    /// As the operator saw it. What has changed since is not what was decided about, and the
    /// command is refused. `None`: whatever it is.
    pub seen: Option<Seen>,
}

/// One version of one delivery; see [`crate::DeliveryVersion`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The ledger that told it.
    pub ledger: String,
    /// Restores of that ledger.
    pub epoch: u32,
    /// The ledger's number of the delivery.
    pub delivery: u64,
    /// Changes of it.
    pub version: u64,
}

/// A set of deliveries that was looked at, and how it is worked through. It is frozen: nothing is
/// ordered about anything else, and nothing about what has changed since.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bulk {
    /// What is ordered about each.
    pub each: EachOrder,
    /// In this order, at most [`BULK_TARGETS_MAX`]; each as it was seen.
    pub targets: Vec<Target>,
    /// So many first; the others when it is known what became of all of these.
    pub canary: u32,
    /// One is ordered so long after another, at most [`BULK_INTERVAL_MAX`].
    pub interval: Duration,
    /// Stops when so many have failed; 0: whatever fails.
    pub failures_max: u32,
}

/// What can be ordered about many deliveries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EachOrder {
    /// [`Order::Replay`]
    Replay,
    /// [`Order::Discard`]
    Discard,
    /// [`Order::ConfirmDelivered`]
    ConfirmDelivered,
    /// [`Order::SendAgain`]
    SendAgain,
    /// [`Order::ReplayAgain`]
    ReplayAgain,
    /// [`Order::ReplayAnew`]
    ReplayAnew,
}

impl EachOrder {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Replay,
        Self::Discard,
        Self::ConfirmDelivered,
        Self::SendAgain,
        Self::ReplayAgain,
        Self::ReplayAnew,
    ];

    /// The order about one of them.
    #[must_use]
    pub fn about(self, target: Target) -> Order {
        match self {
            Self::Replay => Order::Replay(target),
            Self::Discard => Order::Discard(target),
            Self::ConfirmDelivered => Order::ConfirmDelivered(target),
            Self::SendAgain => Order::SendAgain(target),
            Self::ReplayAgain => Order::ReplayAgain(target),
            Self::ReplayAnew => Order::ReplayAnew(target),
        }
    }

    /// The word for a bulk of them.
    #[must_use]
    pub fn bulk_name(self) -> &'static str {
        match self {
            Self::Replay => "bulk_replay",
            Self::Discard => "bulk_discard",
            Self::ConfirmDelivered => "bulk_confirm_delivered",
            Self::SendAgain => "bulk_send_again",
            Self::ReplayAgain => "bulk_replay_again",
            Self::ReplayAnew => "bulk_replay_anew",
        }
    }

    /// The one whose bulk is called `name`.
    #[must_use]
    pub fn of_bulk(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|each| each.bulk_name() == name)
    }
}

impl Order {
    /// The word used in records, stores, interfaces and on pages.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Replay(_) => "replay",
            Self::Discard(_) => "discard",
            Self::ConfirmDelivered(_) => "confirm_delivered",
            Self::SendAgain(_) => "send_again",
            Self::ReplayAgain(_) => "replay_again",
            Self::ReplayAnew(_) => "replay_anew",
            Self::Edit(_) => Correction::ORDER,
            Self::Bulk(bulk) => bulk.each.bulk_name(),
            Self::StopBulk(_) => "stop_bulk",
            Self::Unknown { name, .. } => name,
        }
    }

    /// The order called `name`, about `target`. A word nobody here knows is an order as well, and
    /// so is one that lacks its target.
    #[must_use]
    pub fn named(name: &str, target: Option<Target>) -> Self {
        match (name, target) {
            ("pause", None) => Self::Pause,
            ("resume", None) => Self::Resume,
            ("replay", Some(target)) => Self::Replay(target),
            ("discard", Some(target)) => Self::Discard(target),
            ("confirm_delivered", Some(target)) => Self::ConfirmDelivered(target),
            ("send_again", Some(target)) => Self::SendAgain(target),
            ("replay_again", Some(target)) => Self::ReplayAgain(target),
            ("replay_anew", Some(target)) => Self::ReplayAnew(target),
            (name, target) => Self::Unknown { name: name.to_owned(), target },
        }
    }

    /// The delivery it is about.
    #[must_use]
    pub fn target(&self) -> Option<&Target> {
        match self {
            Self::Pause | Self::Resume | Self::Bulk(_) | Self::StopBulk(_) => None,
            Self::Replay(target)
            | Self::Discard(target)
            | Self::ConfirmDelivered(target)
            | Self::SendAgain(target)
            | Self::ReplayAgain(target)
            | Self::ReplayAnew(target) => Some(target),
            Self::Edit(correction) => Some(&correction.target),
            Self::Unknown { target, .. } => target.as_ref(),
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn an_order_reads_back_as_it_is_called() {
        let target = Target { message_id: MessageId(Uuid::nil()), seen: None };
        let some = || Some(target.clone());
        for (name, of) in [
            ("pause", None),
            ("resume", None),
            ("replay", some()),
            ("discard", some()),
            ("confirm_delivered", some()),
            ("send_again", some()),
            ("replay_again", some()),
            ("replay_anew", some()),
        ] {
            let order = Order::named(name, of.clone());
            assert!(!matches!(order, Order::Unknown { .. }), "{name}");
            assert_eq!((order.name(), order.target()), (name, of.as_ref()));
        }
    }

    #[test]
    fn what_nobody_knows_is_told_as_unknown_and_not_taken_for_something_else() {
        for (name, target) in [("fly", None), ("replay", None), ("Pause", None)] {
            let order = Order::named(name, target);
            assert!(matches!(&order, Order::Unknown { .. }), "{name}");
            assert_eq!(order.name(), name);
        }
    }

    #[test]
    fn nothing_prints_who_ordered_it_or_why() {
        let command = Command {
            id: CommandId(Uuid::nil()),
            at: Timestamp(0),
            operator: OperatorName::new("erika").unwrap(),
            endpoint: EndpointName::new("nordsachsen-kfz").unwrap(),
            order: Order::Pause,
            reason: Some("Frau Muster rief an".to_owned()),
        };
        let printed = format!("{command:?}");
        assert!(!printed.contains("erika") && !printed.contains("Muster"), "{printed}");
    }

    #[test]
    fn an_operator_has_a_name() {
        assert!(OperatorName::new("erika@leitstelle").is_ok());
        for bad in [String::new(), "  ".to_owned(), "a\nb".to_owned(), "x".repeat(201)] {
            assert!(OperatorName::new(bad.clone()).is_err(), "{bad:?}");
        }
    }
}
