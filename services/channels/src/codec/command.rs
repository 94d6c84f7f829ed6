//! What is ordered: commands on `control`.

use std::time::Duration;

use bytes::Bytes;
use messaging::{
    Bulk, ChannelName, Command, Correction, EachOrder, MessageId, OperatorName, Order, Record,
    Seen, Target,
    command::{BULK_INTERVAL_MAX, BULK_TARGETS_MAX, REASON_BYTES_MAX},
    correction::CORRECTION_BYTES_MAX,
};
use prost::Message as _;
use uuid::Uuid;
use wire::record as proto;

use super::{COMMAND, Headers, Undecodable, check_headers, fields};

type Result<T> = std::result::Result<T, Undecodable>;

/// The record that carries `command` on `control`. Who ordered it and why stay in the value.
#[must_use]
pub fn encode_command(command: &Command, source: &str) -> Record {
    let mut headers = Headers::new(&command.id.to_string(), source, COMMAND, command.at);
    headers.add("ce_subject", command.endpoint.as_str());
    headers.add("ce_endpoint", command.endpoint.as_str());
    headers.add_some("ce_messageid", command.order.target().map(|target| target.message_id));
    headers.add_some("ce_order", Some(command.order.name()));
    let value = proto::Command {
        id: command.id.to_string(),
        at: Some(fields::time_to_proto(command.at)),
        operator: command.operator.as_str().to_owned(),
        endpoint: command.endpoint.to_string(),
        reason: fields::text_of(command.reason.as_ref()),
        order: command.order.name().to_owned(),
        target: command.order.target().map(target_to_proto),
        bulk: match &command.order {
            Order::Bulk(bulk) => Some(bulk_to_proto(bulk)),
            _ => None,
        },
        stopped: match &command.order {
            Order::StopBulk(stopped) => stopped.to_string(),
            _ => String::new(),
        },
        correction: match &command.order {
            Order::Edit(edit) => Some(proto::command::Correction {
                document: edit.document.clone(),
                sha256: edit.sha256.0.to_vec().into(),
            }),
            _ => None,
        },
    };
    let key = Bytes::copy_from_slice(command.endpoint.as_str().as_bytes());
    let value = value.encode_to_vec().into();
    Record { channel: ChannelName::control(), key, headers: headers.finish(), value }
}

/// The command a record carries. One whose order is not known here is a command as well
/// ([`Order::Unknown`]): whoever owns the endpoint refuses it, and nobody takes it for damage.
///
/// # Errors
/// When it is none of ours, or damaged.
pub fn decode_command(record: &Record) -> Result<Command> {
    check_headers(record, COMMAND)?;
    let command = proto::Command::decode(record.value.clone())?;
    if record.key != command.endpoint.as_bytes() {
        return Err(Undecodable::because("the key is not the endpoint"));
    }
    let operator = OperatorName::new(command.operator)
        .map_err(|_| Undecodable::because("not an operator's name"))?;
    if command.order.is_empty() {
        return Err(Undecodable::because("nothing is ordered"));
    }
    if REASON_BYTES_MAX < command.reason.len() {
        return Err(Undecodable::because("the reason is too long"));
    }
    let order = match (EachOrder::of_bulk(&command.order), command.bulk) {
        (Some(each), Some(told)) => Order::Bulk(Box::new(bulk(each, told)?)),
        _ if command.correction.is_some() => correction(command.target, command.correction)?,
        _ if !command.stopped.is_empty() => {
            Order::StopBulk(fields::parse(&command.stopped, "not a command's id")?)
        }
        _ => Order::named(&command.order, command.target.map(target).transpose()?),
    };
    Ok(Command {
        id: fields::parse(&command.id, "not a command's id")?,
        at: fields::time(command.at)?,
        operator,
        endpoint: fields::parse(&command.endpoint, "not an endpoint")?,
        order,
        reason: fields::some_text(command.reason),
    })
}

fn target_to_proto(target: &Target) -> proto::command::Target {
    let message_id = target.message_id.to_string();
    match &target.seen {
        None => proto::command::Target { message_id, ..Default::default() },
        Some(Seen { ledger, epoch, delivery, version }) => proto::command::Target {
            message_id,
            ledger: ledger.clone(),
            epoch: *epoch,
            delivery: *delivery,
            version: *version,
        },
    }
}

fn target(target: proto::command::Target) -> Result<Target> {
    let message_id: MessageId = fields::message_id(&target.message_id)?;
    let proto::command::Target { ledger, epoch, delivery, version, .. } = target;
    let seen = (!ledger.is_empty()).then_some(Seen { ledger, epoch, delivery, version });
    Ok(Target { message_id, seen })
}

/// One without a document is one that is only remembered.
fn correction(
    of: Option<proto::command::Target>,
    told: Option<proto::command::Correction>,
) -> Result<Order> {
    let (Some(of), Some(told)) = (of, told) else {
        return Err(Undecodable::because("a correction of nothing"));
    };
    let sha256 = fields::hash(&told.sha256)?;
    if CORRECTION_BYTES_MAX < told.document.len() {
        return Err(Undecodable::because("a correction beyond its bounds"));
    }
    let read = Correction::new(target(of)?, told.document);
    if !read.document.is_empty() && read.sha256 != sha256 {
        return Err(Undecodable::because("a correction's hash is not that of its document"));
    }
    Ok(Order::Edit(Box::new(Correction { sha256, ..read })))
}

/// All of one ledger and epoch; what is of another is told without number, and refused.
fn bulk_to_proto(bulk: &Bulk) -> proto::command::Bulk {
    let first = bulk.targets.iter().find_map(|target| target.seen.as_ref());
    let of = |seen: &Seen| (seen.ledger.clone(), seen.epoch);
    let (ledger, epoch) = first.map(of).unwrap_or_default();
    let item = |target: &Target| {
        let seen = target.seen.as_ref().filter(|seen| of(seen) == (ledger.clone(), epoch));
        proto::command::Item {
            message_id: target.message_id.0.as_bytes().to_vec().into(),
            delivery: seen.map_or(0, |seen| seen.delivery),
            version: seen.map_or(0, |seen| seen.version),
        }
    };
    proto::command::Bulk {
        items: bulk.targets.iter().map(item).collect(),
        canary: bulk.canary,
        interval_micros: u64::try_from(bulk.interval.as_micros()).unwrap_or(u64::MAX),
        failures_max: bulk.failures_max,
        ledger,
        epoch,
    }
}

fn bulk(each: EachOrder, told: proto::command::Bulk) -> Result<Bulk> {
    let proto::command::Bulk { items, ledger, epoch, canary, interval_micros, failures_max } = told;
    let interval = Duration::from_micros(interval_micros);
    if BULK_TARGETS_MAX < items.len() || BULK_INTERVAL_MAX < interval {
        return Err(Undecodable::because("a bulk beyond its bounds"));
    }
    let target = |item: proto::command::Item| {
        let id = Uuid::from_slice(&item.message_id);
        let id = id.map_err(|_| Undecodable::because("not a message's id"))?;
        let proto::command::Item { delivery, version, .. } = item;
        let seen = Some(Seen { ledger: ledger.clone(), epoch, delivery, version });
        Ok(Target { message_id: MessageId(id), seen })
    };
    let targets = items.into_iter().map(target).collect::<Result<_>>()?;
    Ok(Bulk { each, targets, canary, interval, failures_max })
}

#[cfg(test)]
mod tests {
    use messaging::{CommandId, EndpointName, Timestamp};
    use uuid::Uuid;

    use super::*;

    fn command(order: Order) -> Command {
        Command {
            id: CommandId(Uuid::from_u128(7)),
            at: Timestamp(1_795_341_600_000_001),
            operator: OperatorName::new("erika").unwrap(),
            endpoint: EndpointName::new("nordsachsen-kfz").unwrap(),
            order,
            reason: Some("Wartung bis 14 Uhr".to_owned()),
        }
    }

    fn target(version: Option<u64>) -> Target {
        let seen = |version| Seen { ledger: "ledger-1".to_owned(), epoch: 2, delivery: 9, version };
        Target { message_id: MessageId(Uuid::from_u128(1)), seen: version.map(seen) }
    }

    fn edit() -> Order {
        Order::Edit(Box::new(Correction::new(target(Some(4)), Bytes::from_static(b"<a/>"))))
    }

    #[test]
    fn a_correction_that_is_too_large_or_is_not_what_it_says_is_refused() {
        let changed = |change: fn(&mut proto::command::Correction)| {
            let record = encode_command(&command(edit()), "/amtsbote/console");
            let mut told = proto::Command::decode(record.value.clone()).unwrap();
            change(told.correction.as_mut().unwrap());
            decode_command(&Record { value: told.encode_to_vec().into(), ..record }).is_ok()
        };
        assert!(changed(|_| {}));
        assert!(!changed(|told| told.document = Bytes::from_static(b"<b/>")));
        assert!(!changed(|told| told.sha256 = Bytes::new()));
        assert!(!changed(|told| {
            told.document = vec![b' '; CORRECTION_BYTES_MAX + 1].into();
            told.sha256 = messaging::identity::sha256(&told.document, &[]).0.to_vec().into();
        }));
    }

    #[test]
    fn a_command_is_decoded_as_it_was_encoded() {
        for order in [
            Order::Pause,
            Order::Resume,
            Order::Replay(target(Some(4))),
            Order::Discard(target(None)),
            Order::ConfirmDelivered(target(Some(0))),
            Order::SendAgain(target(Some(u64::MAX))),
            Order::ReplayAgain(target(Some(4))),
            Order::ReplayAnew(target(Some(4))),
            Order::StopBulk(CommandId(Uuid::from_u128(8))),
            edit(),
            Order::Edit(Box::new(Correction {
                document: Bytes::new(),
                ..Correction::new(target(Some(4)), Bytes::from_static(b"<a/>"))
            })),
            Order::Bulk(Box::new(Bulk {
                each: EachOrder::ReplayAnew,
                targets: vec![target(Some(4)), target(Some(7))],
                canary: 3,
                interval: Duration::from_millis(100),
                failures_max: 5,
            })),
        ] {
            let command = command(order);
            let record = encode_command(&command, "/amtsbote/console");
            assert_eq!(decode_command(&record), Ok(command.clone()));
            let silent = Command { reason: None, ..command };
            let record = encode_command(&silent, "/amtsbote/console");
            assert_eq!(decode_command(&record), Ok(silent));
        }
    }

    #[test]
    fn an_order_of_a_newer_version_arrives_as_unknown() {
        let newer = Order::Unknown { name: "edit_and_resend".to_owned(), target: None };
        let record = encode_command(&command(newer.clone()), "/amtsbote/console");
        assert_eq!(decode_command(&record).unwrap().order, newer);
    }

    #[test]
    fn its_headers_name_no_person() {
        let record = encode_command(&command(Order::Replay(target(None))), "/amtsbote/console");
        let headers: Vec<(&str, &str)> = record
            .headers
            .iter()
            .map(|(name, value)| (&**name, std::str::from_utf8(value).unwrap()))
            .collect();
        let expected = [
            ("ce_specversion", "1.0"),
            ("ce_id", "00000000-0000-0000-0000-000000000007"),
            ("ce_source", "/amtsbote/console"),
            ("ce_type", "de.amtsbote.command.v1"),
            ("ce_time", "2026-11-22T10:00:00.000001Z"),
            ("content-type", "application/protobuf"),
            ("ce_codecversion", "1"),
            ("ce_subject", "nordsachsen-kfz"),
            ("ce_endpoint", "nordsachsen-kfz"),
            ("ce_messageid", "00000000-0000-0000-0000-000000000001"),
            ("ce_order", "replay"),
        ];
        assert_eq!(headers, expected);
        assert_eq!(record.key, "nordsachsen-kfz".as_bytes());
    }

    #[test]
    fn what_cannot_be_a_command_is_refused() {
        let good = encode_command(&command(Order::Pause), "/amtsbote/console");
        let check = |change: &dyn Fn(&mut proto::Command), why: &str| {
            let mut value = proto::Command::decode(good.value.clone()).unwrap();
            change(&mut value);
            let key = value.endpoint.clone().into();
            let value = value.encode_to_vec().into();
            let record = Record { key, value, ..good.clone() };
            let error = decode_command(&record).expect_err(why).to_string();
            assert!(error.contains(why), "{error}");
        };
        check(&|value| value.id = "7".to_owned(), "not a command's id");
        check(&|value| value.at = None, "a time is missing");
        check(&|value| value.operator.clear(), "not an operator's name");
        check(&|value| value.endpoint = "Nordsachsen".to_owned(), "not an endpoint");
        check(&|value| value.order.clear(), "nothing is ordered");
        check(&|value| value.reason = "x".repeat(501), "the reason is too long");
        let lost = Record { key: Bytes::from_static(b"goerlitz-kfz"), ..good.clone() };
        assert!(decode_command(&lost).unwrap_err().to_string().contains("not the endpoint"));
    }
}
