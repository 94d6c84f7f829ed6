//! What ledgers are tried with.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use messaging::{
    CaseId, ChannelName, CommandId, DeliveryState, EndpointName, MessageId, Partition, SenderName,
    Sha256, Timestamp,
};
use uuid::Uuid;

use crate::ledger::{
    Admission, AdmittedMessage, AttemptRow, Claim, CommandRow, CommandState, Committed, DeliveryId,
    EndpointRow, EndpointSpec, Ledger, Loaded, MessageRow, NewDelivery, OutboxEntry, Owned,
    PartitionBatch, Settlement, Started, Tenure, Transaction,
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
    let deliveries = endpoint.map(|endpoint| NewDelivery {
        delivery: DeliveryId(row),
        endpoint,
        is_doubtful: false,
    });
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
        // The first one of a new ledger.
        endpoint: EndpointRow(1),
        version,
        state,
        attempts: 1,
        next_at: None,
        first_attempt_at: Some(Timestamp(1)),
        attempt: None,
    }
}

/// `of` with the attempt that led to it.
pub(crate) fn tried(of: Settlement) -> Settlement {
    let attempt = AttemptRow {
        number: of.attempts,
        started_at: Timestamp(1),
        ended_at: Timestamp(2),
        outcome: "accepted",
        code: None,
        cause: None,
        receipt: None,
    };
    Settlement { attempt: Some(attempt), ..of }
}

/// Registers `specs` and reads what is open. Of a shared ledger, this dispatcher takes them all, from
/// whoever has them, as if that one had stood still.
pub(crate) async fn load(ledger: &dyn Ledger, specs: Vec<EndpointSpec>) -> Loaded {
    let mut loaded = ledger.load(specs).await.expect("it loads");
    let Some(shared) = ledger.shared() else { return loaded };
    let round = shared.beat().await.expect("it beats");
    let beat_of = |writer| round.beats.iter().find(|beat| beat.writer == writer).copied();
    let mine = loaded.endpoints.iter().filter_map(|endpoint| {
        let owned = round.owned.iter().find(|owned| owned.endpoint == *endpoint)?;
        (owned.owner != Some(shared.writer())).then_some(Claim {
            endpoint: *endpoint,
            lease: Duration::from_secs(10),
            stands_still: owned.owner.and_then(beat_of),
        })
    });
    let claims: Vec<Claim> = mine.collect();
    let wanted = claims.len();
    assert_eq!(shared.claim(claims).await.expect("it claims").len(), wanted);
    let taken = shared.take(loaded.endpoints.clone()).await.expect("it takes");
    loaded.open = taken.open;
    loaded.doubtful = taken.doubtful;
    loaded.restored = taken.restored;
    loaded.untried = taken.untried;
    loaded.interrupted = taken.interrupted;
    loaded.paused = taken.paused;
    loaded.bulks = taken.bulks;
    loaded.delivery_last =
        DeliveryId(loaded.open.iter().map(|it| it.delivery.0).max().unwrap_or(0));
    loaded
}

/// Commits; of a shared ledger, under the tenures this dispatcher has.
pub(crate) async fn commit(
    ledger: &dyn Ledger,
    mut transaction: Transaction,
) -> messaging::Result<Committed> {
    if let Some(shared) = ledger.shared() {
        let round = shared.beat().await.expect("it beats");
        let mine = round.owned.iter().filter(|owned| owned.owner == Some(shared.writer()));
        let tenure = |owned: &Owned| Tenure { endpoint: owned.endpoint, fence: owned.fence };
        transaction.tenures = mine.map(tenure).collect();
    }
    ledger.commit(Arc::new(transaction)).await
}

/// Whether what was drafted under something outdated was kept out: on a shared ledger its part alone.
pub(crate) fn is_kept_out(outcome: messaging::Result<Committed>) -> bool {
    match outcome {
        Ok(committed) => committed.is_outdated || !committed.moved.is_empty(),
        Err(failure) => failure.code() == "AB-2307",
    }
}

/// Events that are not told, whoever wrote them.
pub(crate) async fn untold(ledger: &dyn Ledger) -> Vec<OutboxEntry> {
    let mut entries = ledger.outbox(0, 10).await.expect("it reads");
    if let Some(shared) = ledger.shared() {
        for writer in shared.beat().await.expect("it beats").untold {
            entries.extend(shared.untold(writer, 10).await.expect("it reads"));
        }
    }
    entries
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

/// A delivery handed out as it was admitted.
pub(crate) fn started(delivery: i64) -> Started {
    Started { delivery: DeliveryId(delivery), version: 1, endpoint: EndpointRow(1) }
}
