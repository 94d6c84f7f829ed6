//! Another document instead of the one that came: what is ordered, and what is told of it.

use std::fmt;

use bytes::Bytes;

use crate::{Command, CommandId, Order, Sha256, Target, identity};

/// Longest document of a correction, in bytes: it travels in the command, as an application's does in
/// its record.
pub const CORRECTION_BYTES_MAX: usize = 256 << 10;

/// An order to hand another document over.
#[derive(Clone, PartialEq, Eq)]
pub struct Correction {
    /// Whose delivery is revived with it.
    pub target: Target,
    /// The document, 1 byte to [`CORRECTION_BYTES_MAX`]; empty once the order is only remembered.
    pub document: Bytes,
    /// Of the document alone, also when that is not kept any more.
    pub sha256: Sha256,
}

impl Correction {
    /// The word for it.
    pub(crate) const ORDER: &str = "edit";

    /// To hand `document` over instead.
    #[must_use]
    pub fn new(target: Target, document: Bytes) -> Self {
        let sha256 = identity::sha256(&document, &[]);
        Self { target, document, sha256 }
    }

    /// What is remembered of it: the document itself is kept for as long as payloads are, an order
    /// longer.
    #[must_use]
    pub fn without_document(&self) -> Self {
        Self { document: Bytes::new(), ..self.clone() }
    }
}

/// Neither the document nor anything of it.
impl fmt::Debug for Correction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Correction")
            .field("target", &self.target)
            .field("bytes", &self.document.len())
            .finish_non_exhaustive()
    }
}

impl Command {
    /// What is remembered of it, where that is less than all: no document.
    #[must_use]
    pub fn without_document(&self) -> Option<Self> {
        let Order::Edit(correction) = &self.order else { return None };
        let order = Order::Edit(Box::new(correction.without_document()));
        Some(Self { order, ..self.clone() })
    }
}

/// What is told of a document that was handed over, or is to be, instead of the one that came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Edit {
    /// By which command.
    pub command: CommandId,
    /// Of the document with its attachments, as the application's own hash is made.
    pub sha256: Sha256,
    /// The application's own hash.
    pub instead_of: Sha256,
}

const BY: &str = "ordered by command ";
const WITH: &str = " with an edited document: SHA-256 ";
const INSTEAD: &str = " instead of ";

impl Edit {
    /// Reads back what [`fmt::Display`] wrote: events are kept as sentences.
    #[must_use]
    pub fn of_cause(cause: &str) -> Option<Self> {
        let (command, hashes) = cause.strip_prefix(BY)?.split_once(WITH)?;
        let (sha256, instead_of) = hashes.split_once(INSTEAD)?;
        Some(Self {
            command: command.parse().ok()?,
            sha256: sha256.parse().ok()?,
            instead_of: instead_of.parse().ok()?,
        })
    }
}

/// As the cause of an event.
impl fmt::Display for Edit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { command, sha256, instead_of } = self;
        write!(f, "{BY}{command}{WITH}{sha256}{INSTEAD}{instead_of}")
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::{EndpointName, MessageId, OperatorName, Timestamp};

    #[test]
    fn nothing_prints_the_document_and_a_remembered_order_has_none() {
        let target = Target { message_id: MessageId(Uuid::nil()), seen: None };
        let correction = Correction::new(target, Bytes::from_static(b"<a>Muster</a>"));
        let command = Command {
            id: CommandId(Uuid::nil()),
            at: Timestamp(0),
            operator: OperatorName::new("erika").unwrap(),
            endpoint: EndpointName::new("kfz").unwrap(),
            order: Order::Edit(Box::new(correction.clone())),
            reason: None,
        };
        let printed = format!("{command:?}");
        assert!(!printed.contains("Muster") && !printed.contains("77, 117"), "{printed}");
        let remembered = command.without_document().unwrap();
        assert_eq!((remembered.order.name(), remembered.id), ("edit", command.id));
        let Order::Edit(remembered) = remembered.order else { panic!("the same order") };
        assert_eq!((remembered.document.len(), remembered.sha256), (0, correction.sha256));
        assert_eq!(Command { order: Order::Pause, ..command }.without_document(), None);
    }

    #[test]
    fn what_is_told_of_an_edit_reads_back() {
        let edit = Edit {
            command: CommandId(Uuid::from_u128(7)),
            sha256: Sha256([1; 32]),
            instead_of: Sha256([2; 32]),
        };
        assert_eq!(Edit::of_cause(&edit.to_string()), Some(edit));
        for other in ["", "ordered by command 7", "ordered by command x with an edited document: "]
        {
            assert_eq!(Edit::of_cause(other), None, "{other}");
        }
    }
}
