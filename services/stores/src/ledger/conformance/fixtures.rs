//! What ledgers are tried with.

use std::sync::Arc;

use bytes::Bytes;
use messaging::{
    CaseId, ChannelName, CommandId, DeliveryState, EndpointName, MessageId, Partition, SenderName,
    Sha256, Timestamp,
};
use uuid::Uuid;

use crate::ledger::{
    Admission, AdmittedMessage, CommandRow, CommandState, DeliveryId, EndpointRow, EndpointSpec,
    Ledger, Loaded, MessageRow, NewDelivery, PartitionBatch, Settlement, Transaction,
};

pub(crate) fn spec(name: &str, interests: &str) -> EndpointSpec {
    EndpointSpec { name: EndpointName::new(name).expect("a name"), interests: interests.to_owned() }
}

pub(crate) fn partition() -> Partition {
    Partition { channel: ChannelName::new("application.kfz").expect("a name"), number: 0 }
}

pub(crate) fn message(row: i64, endpoint: Option<EndpointRow>) -> Admission {
    let id =
        Uuid::from_u128(0x1234_5678_0000_0000_0000_0000_0000_0000 + row.unsigned_abs() as u128);
    let deliveries = endpoint.map(|endpoint| NewDelivery { delivery: DeliveryId(row), endpoint });
    Admission::Message(AdmittedMessage {
        row: MessageRow(row),
        offset: row.unsigned_abs() - 1,
        message_id: MessageId(id),
        sha256: Sha256([7; 32]),
        case_id: CaseId(id),
        sender: SenderName::new("portal").expect("a name"),
        record: Bytes::from_static(b"record"),
        claims: Vec::new(),
        deliveries: deliveries.into_iter().collect(),
    })
}

pub(crate) fn admission(rows: std::ops::Range<i64>, endpoint: Option<EndpointRow>) -> Transaction {
    let from = rows.start.unsigned_abs() - 1;
    let next = rows.end.unsigned_abs() - 1;
    let records = rows.map(|row| message(row, endpoint)).collect();
    let batch = PartitionBatch { partition: partition(), from, next, records };
    Transaction { admissions: vec![batch], subscriptions_version: 1, ..Transaction::default() }
}

pub(crate) fn settlement(delivery: i64, version: u64, state: DeliveryState) -> Settlement {
    Settlement {
        delivery: DeliveryId(delivery),
        version,
        state,
        attempts: 1,
        next_at: None,
        first_attempt_at: Some(Timestamp(1)),
        attempt: None,
    }
}

pub(crate) async fn commit(ledger: &dyn Ledger, transaction: Transaction) -> messaging::Result<()> {
    ledger.commit(Arc::new(transaction)).await
}

/// A command of `endpoint` at `offset` of `control`.
pub(crate) fn order(id: u128, offset: u64) -> Admission {
    Admission::Command(CommandRow {
        id: CommandId(Uuid::from_u128(id)),
        offset,
        sha256: Sha256([9; 32]),
        endpoint: EndpointName::new("nordsachsen-kfz").expect("a name"),
        name: "pause".to_owned(),
        issued_at: Timestamp(5),
        state: CommandState::Accepted,
        code: None,
        record: Bytes::from_static(b"record"),
    })
}

pub(crate) fn control() -> Partition {
    Partition { channel: ChannelName::control(), number: 0 }
}

/// The first endpoint given.
pub(crate) fn first(loaded: &Loaded) -> EndpointRow {
    *loaded.endpoints.first().expect("one was given")
}
