//! What journals are tried with.

use bytes::Bytes;
use messaging::{
    ApplicationHead, Authority, ChannelName, DeliveryState, DeliveryVersion, Domain, EndpointName,
    Event, EventKind, OwnId, Partition, ProcedureName, ReadReply, Reply, ReplyEvent, SenderName,
    Sha256, Timestamp,
};

use crate::journal::{Journal, Progress, Projected, Projection};

pub(crate) fn sender(name: &str) -> SenderName {
    SenderName::new(name).expect("it is one")
}

pub(crate) fn head(of: &str, own_id: &str, reference: Option<&str>) -> ApplicationHead {
    let (sender, own_id) = (sender(of), OwnId::new(own_id).expect("it is one"));
    let sha256 = Sha256([7; 32]);
    let message_id = messaging::identity::message_id(&sender, Some(&own_id), &sha256);
    ApplicationHead {
        message_id,
        case_id: messaging::identity::case_id(&sender, reference, message_id),
        own_id: Some(own_id),
        case_reference: reference.map(str::to_owned),
        refers_to: None,
        sender,
        authority: Authority::new("svb:14730000").expect("it is one"),
        further_authorities: Vec::new(),
        domain: Domain::new("kfz").expect("it is one"),
        service: None,
        procedure: ProcedureName {
            standard: "amtsbote-kfz".to_owned(),
            version: "1.0".to_owned(),
            message_type: "kfz.neuzulassung.0101".to_owned(),
        },
        is_test: false,
        sha256,
        received_at: Timestamp(1_000_000),
        trace: None,
    }
}

pub(crate) fn event(
    of: &ApplicationHead,
    version: u64,
    state: DeliveryState,
    kind: EventKind,
) -> Event {
    Event {
        id: format!("ledger-1-{}-{version}", of.message_id),
        at: Timestamp(2_000_000 + i64::try_from(version).expect("it is one")),
        message_id: Some(of.message_id),
        case_id: Some(of.case_id),
        sender: Some(of.sender.clone()),
        delivery: Some(DeliveryVersion {
            ledger: "ledger".to_owned(),
            epoch: 1,
            delivery: 5,
            version,
            endpoint: EndpointName::new("nordsachsen-kfz").expect("it is one"),
            state,
            attempts: u32::try_from(version).expect("it is one"),
            next_at: None,
        }),
        kind,
        code: None,
        cause: None,
        trace: None,
    }
}

pub(crate) fn reply(of: &ApplicationHead, kind: &str, body: &'static [u8]) -> ReplyEvent {
    ReplyEvent {
        id: format!("reply-{kind}"),
        at: Timestamp(3_000_000),
        message_id: of.message_id,
        case_id: of.case_id,
        sender: of.sender.clone(),
        endpoint: EndpointName::new("nordsachsen-kfz").expect("it is one"),
        reply: Reply {
            id: kind.to_owned(),
            kind: kind.to_owned(),
            media_type: "application/xml".to_owned(),
            body: Bytes::from_static(body),
            read: (kind == "decision").then(|| ReadReply {
                procedure: bescheid(),
                canonical: Bytes::from_static(b"canonical"),
            }),
            code: None,
        },
        trace: None,
    }
}

pub(crate) fn bescheid() -> ProcedureName {
    ProcedureName {
        standard: "amtsbote-antwort".to_owned(),
        version: "1.0".to_owned(),
        message_type: "antwort.bescheid.0904".to_owned(),
    }
}

pub(crate) fn accepted(head: &ApplicationHead) -> Projected {
    Projected::Application(Box::new(head.clone()))
}

pub(crate) fn told(event: Event) -> Projected {
    Projected::Event(Box::new(event))
}

pub(crate) fn delivered(of: &ApplicationHead, version: u64) -> Projected {
    let kind = EventKind::Delivered { receipt: Some("AZ 1".to_owned()) };
    told(event(of, version, DeliveryState::Delivered, kind))
}

pub(crate) fn failed(of: &ApplicationHead, version: u64) -> Projected {
    told(event(of, version, DeliveryState::Waiting, EventKind::AttemptFailed))
}

pub(crate) fn partition(channel: &str) -> Partition {
    Partition { channel: ChannelName::new(channel).expect("it is one"), number: 0 }
}

/// Projects `entries` as the next ones of `channel`.
pub(crate) async fn project(
    journal: &dyn Journal,
    channel: &str,
    entries: Vec<Projected>,
) -> Progress {
    let partition = partition(channel);
    let from = journal.next_offset(&partition).await.expect("it answers").unwrap_or(0);
    let next = from + entries.len() as u64;
    let batch = Projection { partition, from, next, entries };
    journal.apply(vec![batch], Timestamp(9)).await.expect("it answers")
}

pub(crate) async fn state_of(journal: &dyn Journal, head: &ApplicationHead) -> String {
    let whole = journal
        .message(&head.sender, head.message_id)
        .await
        .expect("it answers")
        .expect("it is there");
    whole.application.state
}
