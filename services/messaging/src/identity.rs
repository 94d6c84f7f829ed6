//! Who a message is: the one page that derives ids, used everywhere.
//!
//! Every derived id is a UUIDv5 over parts that are joined length-prefixed, so that sender `kfz1`
//! with id `0` is not sender `kfz` with id `10`.

use sha2::{Digest as _, Sha256 as Hasher};
use uuid::Uuid;

use crate::{CaseId, DeliveryKey, EndpointName, MessageId, OwnId, SenderName, Sha256};

/// The namespace of all ids of Amtsbote: UUIDv5 of `amtsbote` in the nil namespace. Never changes.
fn namespace() -> Uuid {
    Uuid::new_v5(&Uuid::nil(), b"amtsbote")
}

/// The message's id: from sender and own id, or from sender and bytes where it has no id.
#[must_use]
pub fn message_id(sender: &SenderName, own_id: Option<&OwnId>, sha256: &Sha256) -> MessageId {
    MessageId(match own_id {
        Some(own_id) => {
            derive(&[b"message", sender.as_str().as_bytes(), own_id.as_str().as_bytes()])
        }
        None => derive(&[b"message-by-hash", sender.as_str().as_bytes(), &sha256.0]),
    })
}

/// The case's id: from sender and the reference the request or else the document gives; a message
/// without one is a case of its own. `referenzUUID` is a link between messages and never a case.
#[must_use]
pub fn case_id(sender: &SenderName, reference: Option<&str>, message_id: MessageId) -> CaseId {
    match reference {
        Some(reference) => {
            CaseId(derive(&[b"case", sender.as_str().as_bytes(), reference.as_bytes()]))
        }
        None => CaseId(message_id.0),
    }
}

/// The receiver's idempotency key. `generation` counts the new effects an operator ordered, from 0.
#[must_use]
pub fn delivery_key(message: MessageId, endpoint: &EndpointName, generation: u32) -> DeliveryKey {
    let parts: [&[u8]; 4] = [
        b"delivery",
        message.0.as_bytes(),
        endpoint.as_str().as_bytes(),
        &generation.to_be_bytes(),
    ];
    DeliveryKey(derive(&parts))
}

/// The id of an answer to a message, which is named by its id or its hash: of the same state of the
/// same message the same again, so that an answer asked for twice is one message, sent twice.
#[must_use]
pub fn answer_id(message: &[u8], state: &str) -> MessageId {
    MessageId(derive(&[b"answer", message, state.as_bytes()]))
}

/// The hash a receipt shows: over the received bytes, then each attachment's hash in order.
#[must_use]
pub fn sha256(document: &[u8], attachments: &[Sha256]) -> Sha256 {
    let mut hasher = Hasher::new();
    hasher.update(document);
    for attachment in attachments {
        hasher.update(attachment.0);
    }
    Sha256(hasher.finalize().into())
}

fn derive(parts: &[&[u8]]) -> Uuid {
    let mut joined = Vec::new();
    for part in parts {
        joined.extend_from_slice(&(part.len() as u64).to_be_bytes());
        joined.extend_from_slice(part);
    }
    Uuid::new_v5(&namespace(), &joined)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sender(name: &str) -> SenderName {
        SenderName::new(name).unwrap()
    }

    fn own(id: &str) -> OwnId {
        OwnId::new(id).unwrap()
    }

    #[test]
    fn a_sender_that_repeats_itself_gets_the_same_id() {
        let (portal, hash) = (sender("portal"), sha256(b"<a/>", &[]));
        let first = message_id(&portal, Some(&own("693c64d6")), &hash);
        let again = message_id(&portal, Some(&own("693c64d6")), &sha256(b"<b/>", &[]));
        assert_eq!(first, again);
        assert_eq!(message_id(&portal, None, &hash), message_id(&portal, None, &hash));
    }

    #[test]
    fn parts_cannot_flow_into_each_other() {
        let hash = sha256(b"", &[]);
        let one = message_id(&sender("kfz1"), Some(&own("0")), &hash);
        let other = message_id(&sender("kfz"), Some(&own("10")), &hash);
        assert_ne!(one, other);
    }

    #[test]
    fn ids_never_change_between_releases() {
        let id = message_id(&sender("portal"), Some(&own("a")), &sha256(b"", &[]));
        assert_eq!(id.to_string(), "1d37bdbc-3f3e-5965-8644-69a9b2319674");
    }

    #[test]
    fn a_message_without_reference_is_its_own_case() {
        let id = message_id(&sender("portal"), Some(&own("a")), &sha256(b"", &[]));
        assert_eq!(case_id(&sender("portal"), None, id).0, id.0);
        assert_ne!(case_id(&sender("portal"), Some("v-1"), id).0, id.0);
    }

    #[test]
    fn a_new_effect_has_a_new_key() {
        let id = MessageId(Uuid::nil());
        let endpoint = EndpointName::new("nordsachsen-kfz").unwrap();
        assert_ne!(delivery_key(id, &endpoint, 0), delivery_key(id, &endpoint, 1));
    }

    #[test]
    fn the_hash_covers_the_attachments_in_order() {
        let (a, b) = (sha256(b"a", &[]), sha256(b"b", &[]));
        assert_ne!(sha256(b"x", &[a, b]), sha256(b"x", &[b, a]));
        assert_ne!(sha256(b"x", &[a]), sha256(b"x", &[]));
    }
}
