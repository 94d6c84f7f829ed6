//! What goes by retention and what stays.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use bytes::Bytes;
use messaging::{ClaimId, CommandId, DeliveryState, MessageId, Sha256, Timestamp};
use uuid::Uuid;

use super::{
    Site,
    edits::{edit, goes},
    fixtures::{
        admission, commit, control, first, load, message, order, partition, settlement, spec,
    },
};
use crate::ledger::{
    Admission, EndpointRow, Kind, Ledger, MessageRow, PartitionBatch, PauseRow, Retention,
    Settlement, Transaction, VerdictKind, VerdictRow,
};

const START: Timestamp = Timestamp(1_800_000_000_000_000);
const PAYLOAD: Duration = Duration::from_secs(10);
const HISTORY: Duration = Duration::from_secs(20);
const HORIZON: Duration = Duration::from_secs(30);
const MICRO: Duration = Duration::from_micros(1);

pub(super) async fn check(make: &impl AsyncFn() -> Site) {
    what_is_final_goes_in_its_time_and_nothing_else(&make().await).await;
    what_is_not_final_or_wanted_by_nobody_stays(&make().await).await;
    an_edit_goes_with_what_it_went_instead_of(&make().await).await;
    claims_are_in_doubt_once_no_kept_record_needs_them(&make().await).await;
    commands_and_verdicts_go_but_what_explains_something_stays(&make().await).await;
    an_age_goes_in_steps_and_never_back(&make().await).await;
}

async fn trim(ledger: &dyn Ledger) -> [u64; 6] {
    let retention = Arc::new(Retention {
        payload: PAYLOAD,
        payload_of: BTreeMap::new(),
        history: HISTORY,
        dedupe_horizon: HORIZON,
    });
    let mut rows = [0; 6];
    for (kind, rows) in Kind::ALL.into_iter().zip(&mut rows) {
        let mut after = Some(0);
        while let Some(from) = after {
            let trimmed = ledger.trim(kind, Arc::clone(&retention), from).await;
            let trimmed = trimmed.expect("it trims");
            *rows += trimmed.rows;
            after = trimmed.next;
        }
    }
    rows
}

/// A ledger that counts its age, and its endpoint.
async fn begin(site: &Site) -> (Arc<dyn Ledger>, EndpointRow) {
    let ledger = site.open().await;
    let loaded = load(&*ledger, vec![spec("nordsachsen-kfz", "kfz")]).await;
    ledger.grow_older(START, Duration::ZERO).await.expect("it ages");
    (ledger, first(&loaded))
}

async fn age(ledger: &dyn Ledger, since_start: Duration) {
    ledger.grow_older(START.after(since_start), Duration::MAX).await.expect("it ages");
}

fn settled(settlements: Vec<Settlement>) -> Transaction {
    Transaction { settlements, at: START, ..Transaction::default() }
}

async fn has_record(ledger: &dyn Ledger, message: i64) -> bool {
    !ledger.records(vec![MessageRow(message)]).await.expect("it reads").is_empty()
}

async fn what_is_final_goes_in_its_time_and_nothing_else(site: &Site) {
    let (ledger, endpoint) = begin(site).await;
    // The newest row of a table stays, as the next number follows it.
    commit(&*ledger, admission(1..3, Some(endpoint))).await.expect("it admits");
    let done = settled(vec![settlement(1, 2, DeliveryState::Delivered)]);
    commit(&*ledger, done).await.expect("it settles");
    for (since, gone) in [
        (PAYLOAD - MICRO, [0; 6]),
        (PAYLOAD, [1, 0, 0, 0, 0, 0]),
        (HISTORY - MICRO, [0; 6]),
        (HISTORY, [0, 0, 1, 0, 0, 0]),
        (HORIZON - MICRO, [0; 6]),
        (HORIZON, [0, 0, 0, 1, 0, 0]),
        (HORIZON * 1_000, [0; 6]),
    ] {
        age(&*ledger, since).await;
        assert_eq!(trim(&*ledger).await, gone, "{since:?}");
    }
    assert!(!has_record(&*ledger, 1).await && has_record(&*ledger, 2).await);
    assert_eq!(ledger.kept(MessageRow(1)).await.expect("it reads"), None);
}

async fn an_edit_goes_with_what_it_went_instead_of(site: &Site) {
    let (ledger, endpoint) = begin(site).await;
    commit(&*ledger, admission(1..3, Some(endpoint))).await.expect("it admits");
    commit(&*ledger, settled(vec![settlement(1, 2, DeliveryState::Dead)])).await.expect("it dies");
    commit(&*ledger, edit(endpoint, 1)).await.expect("it is edited");
    age(&*ledger, PAYLOAD * 2).await;
    assert_eq!((trim(&*ledger).await, goes(&*ledger, endpoint, 1).await.is_some()), ([0; 6], true));
    let done = settled(vec![settlement(1, 4, DeliveryState::Delivered)]);
    commit(&*ledger, done).await.expect("it settles");
    age(&*ledger, PAYLOAD * 3).await;
    assert_eq!(trim(&*ledger).await, [1, 0, 0, 0, 0, 0]);
    assert_eq!(goes(&*ledger, endpoint, 1).await, None);
}

async fn what_is_not_final_or_wanted_by_nobody_stays(site: &Site) {
    let (ledger, endpoint) = begin(site).await;
    commit(&*ledger, admission(1..6, Some(endpoint))).await.expect("it admits");
    commit(&*ledger, admission(6..8, None)).await.expect("it admits");
    let states = [
        DeliveryState::Dead,
        DeliveryState::Uncertain,
        DeliveryState::Waiting,
        DeliveryState::Pending,
    ];
    let settlements = (1..).zip(states).map(|(row, state)| settlement(row, 2, state));
    commit(&*ledger, settled(settlements.collect())).await.expect("it settles");
    age(&*ledger, HORIZON * 1_000).await;
    assert_eq!(trim(&*ledger).await, [0; 6]);
    for row in 1..8 {
        assert!(has_record(&*ledger, row).await, "{row}");
    }
}

fn claim(id: u128) -> ClaimId {
    ClaimId(Uuid::from_u128(id))
}

async fn claims_are_in_doubt_once_no_kept_record_needs_them(site: &Site) {
    let (ledger, endpoint) = begin(site).await;
    let with_claims = |row, claims: &[ClaimId]| {
        let Admission::Message(mut admitted) = message(row, Some(endpoint)) else {
            unreachable!("as it was made")
        };
        admitted.claims = claims.to_vec();
        Admission::Message(admitted)
    };
    let records = vec![
        with_claims(1, &[claim(1), claim(2)]),
        with_claims(2, &[claim(2)]),
        with_claims(3, &[]),
    ];
    let batch = PartitionBatch { partition: partition(), from: 0, next: 3, records };
    let admitted = Transaction {
        admissions: vec![batch],
        subscriptions_version: 1,
        at: START,
        ..Transaction::default()
    };
    commit(&*ledger, admitted).await.expect("it admits");
    let done = settled(vec![settlement(1, 2, DeliveryState::Delivered)]);
    commit(&*ledger, done).await.expect("it settles");
    age(&*ledger, PAYLOAD).await;
    assert_eq!(trim(&*ledger).await, [1, 0, 0, 0, 0, 0]);
    let doubtful = ledger.doubtful_pins(false, 10).await.expect("it reads");
    let found: Vec<_> = doubtful.iter().map(|pin| (pin.claim, pin.is_needed)).collect();
    assert_eq!(found, [(claim(1), false)], "the second message needs the other");
    ledger.settle_pins(vec![claim(1)], Vec::new()).await.expect("it records");
    assert!(ledger.doubtful_pins(false, 10).await.expect("it reads").is_empty());
    let lifted = ledger.doubtful_pins(true, 10).await.expect("it reads");
    assert_eq!(lifted.len(), 1, "looked at once more");
    ledger.settle_pins(Vec::new(), lifted).await.expect("it records");
    assert!(ledger.doubtful_pins(true, 10).await.expect("it reads").is_empty());
    assert!(ledger.without_claims(10).await.expect("it reads").is_empty());
}

fn verdict(kind: VerdictKind, offset: u64) -> Admission {
    Admission::Verdict(VerdictRow {
        offset,
        kind,
        message_id: Some(MessageId(Uuid::from_u128(1))),
        sha256: Some(Sha256([8; 32])),
        record: (kind != VerdictKind::Duplicate).then(|| Bytes::from_static(b"other")),
        claims: vec![claim(9)],
    })
}

async fn commands_and_verdicts_go_but_what_explains_something_stays(site: &Site) {
    let (ledger, endpoint) = begin(site).await;
    let verdicts = [
        VerdictKind::Duplicate,
        VerdictKind::Conflict,
        VerdictKind::Undecodable,
        VerdictKind::Duplicate,
    ];
    let records = (0..).zip(verdicts).map(|(offset, kind)| verdict(kind, offset)).collect();
    let orders = vec![order(1, 0), order(2, 1)];
    let pause = PauseRow { at: START, command: CommandId(Uuid::from_u128(1)) };
    let admitted = Transaction {
        admissions: vec![
            PartitionBatch { partition: partition(), from: 0, next: 4, records },
            PartitionBatch { partition: control(), from: 0, next: 2, records: orders },
        ],
        pauses: vec![(endpoint, Some(pause))],
        subscriptions_version: 1,
        at: START,
        ..Transaction::default()
    };
    commit(&*ledger, admitted).await.expect("it admits");
    age(&*ledger, PAYLOAD).await;
    assert_eq!(trim(&*ledger).await, [0, 1, 0, 0, 0, 0], "the conflict's record");
    age(&*ledger, HISTORY).await;
    // Duplicate and conflict go; the undecodable one stays, and the newest, and the pause's command.
    assert_eq!(trim(&*ledger).await, [0, 0, 0, 0, 2, 1]);
    let ids = [1, 2].map(|id| CommandId(Uuid::from_u128(id)));
    let known = ledger.commands_known(ids.to_vec()).await.expect("it reads");
    assert_eq!(known.len(), 1);
}

async fn an_age_goes_in_steps_and_never_back(site: &Site) {
    let (ledger, _) = begin(site).await;
    let step = Duration::from_secs(3_600);
    let jumped = ledger.grow_older(START.after(step * 1_000), step).await.expect("it ages");
    assert_eq!((jumped.at, jumped.behind), (START.after(step), step * 999));
    let back = ledger.grow_older(START, step).await.expect("it ages");
    assert_eq!((back.at, back.ahead), (START.after(step), step));
    drop(ledger);
    let again = site.open().await;
    let looked = again.grow_older(START, Duration::ZERO).await.expect("it looks");
    assert_eq!(looked.at, START.after(step));
}
