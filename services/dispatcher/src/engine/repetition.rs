//! Recognising a command that comes again, and what only bears the same id.

use bytes::Bytes;
use channels::codec;
use messaging::{Command, Order};
use tracing::{info, warn};

use crate::codes;

/// Whatever it orders, it changes nothing; but what is not what came first is told.
pub(super) fn note(again: &Command, first: Bytes) {
    let command = again.id;
    match repeats(again, first) {
        true => info!(%command, "a command that came again changes nothing"),
        false => {
            let code = codes::ORDER_REUSED;
            warn!(%command, code, "a command has the id of another, and is not carried out");
        }
    }
}

/// Whether `again` orders what the recorded one did. When, by whom and why may differ.
fn repeats(again: &Command, first: Bytes) -> bool {
    let first = codec::from_bytes(first).and_then(|record| codec::decode_command(&record));
    let what = |command: &Command| {
        let message = command.order.target().map(|target| target.message_id);
        let many = match &command.order {
            order @ (Order::Bulk(_) | Order::StopBulk(_)) => Some(order.clone()),
            _ => None,
        };
        let document = match &command.order {
            Order::Edit(correction) => Some(correction.sha256),
            _ => None,
        };
        (command.endpoint.clone(), command.order.name().to_owned(), message, many, document)
    };
    first.is_ok_and(|first| what(&first) == what(again))
}

#[cfg(test)]
mod tests {
    use messaging::{
        CommandId, Correction, EndpointName, MessageId, OperatorName, Target, Timestamp,
    };
    use uuid::Uuid;

    use super::*;

    fn discard(message: u128) -> Order {
        Order::Discard(Target { message_id: MessageId(Uuid::from_u128(message)), seen: None })
    }

    fn command(endpoint: &str, order: Order, at: i64) -> Command {
        Command {
            id: CommandId(Uuid::from_u128(7)),
            at: Timestamp(at),
            operator: OperatorName::new("erika").unwrap(),
            endpoint: EndpointName::new(endpoint).unwrap(),
            order,
            reason: None,
        }
    }

    #[test]
    fn a_command_is_repeated_by_what_orders_the_same_and_by_nothing_else() {
        let first = codec::encode_command(&command("kfz", discard(1), 5), "test");
        let first = codec::to_bytes(&first);
        for (endpoint, order, expected) in [
            ("kfz", discard(1), true),
            ("kfz", discard(2), false),
            ("kfz", Order::Pause, false),
            ("copy", discard(1), false),
        ] {
            let again = command(endpoint, order, 6);
            assert_eq!(repeats(&again, first.clone()), expected, "{again:?}");
        }
        assert!(!repeats(&command("kfz", discard(1), 5), Bytes::from_static(b"?")));

        // Of another document the hash is remembered, and not itself.
        let edit = |document: &'static str| {
            let Order::Discard(target) = discard(1) else { unreachable!("as it was made") };
            Order::Edit(Box::new(Correction::new(target, Bytes::from_static(document.as_bytes()))))
        };
        let first = command("kfz", edit("<a/>"), 5).without_document().unwrap();
        let first = codec::to_bytes(&codec::encode_command(&first, "test"));
        for (document, expected) in [("<a/>", true), ("<b/>", false)] {
            assert_eq!(repeats(&command("kfz", edit(document), 6), first.clone()), expected);
        }
    }
}
