//! What operators ordered about many deliveries, and about what is over.

use messaging::{BulkState, CommandId, DeliveryState, ItemResult};
use uuid::Uuid;

use super::{
    Site,
    fixtures::{admission, commit, control, first, load, order, settlement, spec},
};
use crate::ledger::{
    BulkItemRow, BulkRow, DeliveryId, EndpointRow, FinalDelivery, MessageRow, PartitionBatch,
    ReplayRow, Transaction,
};

pub(super) async fn check(make: &impl AsyncFn() -> Site) {
    a_bulk_and_its_items_are_there_until_it_is_done(&make().await).await;
    what_is_over_is_found_by_its_number_and_repeated_in_a_row_of_its_own(&make().await).await;
}

fn item(item: u32, delivery: Option<i64>, result: ItemResult) -> BulkItemRow {
    let command = CommandId(Uuid::from_u128(1));
    let (endpoint, delivery) = (EndpointRow(1), delivery.map(DeliveryId));
    BulkItemRow { command, endpoint, item, delivery, result }
}

async fn a_bulk_and_its_items_are_there_until_it_is_done(site: &Site) {
    let ledger = site.open().await;
    load(&*ledger, vec![spec("nordsachsen-kfz", "kfz")]).await;
    let command = CommandId(Uuid::from_u128(1));
    let row = |state| BulkRow { command, endpoint: EndpointRow(1), state };
    let batch =
        PartitionBatch { partition: control(), from: 0, next: 1, records: vec![order(1, 0)] };
    let transaction = Transaction {
        admissions: vec![batch],
        subscriptions_version: 1,
        bulks: vec![row(BulkState::Running)],
        bulk_items: vec![item(0, Some(7), ItemResult::Ordered), item(1, None, ItemResult::Refused)],
        ..Transaction::default()
    };
    assert!(!transaction.is_empty());
    commit(&*ledger, transaction).await.expect("it answers");
    drop(ledger);

    let ledger = site.open().await;
    let loaded = load(&*ledger, vec![spec("nordsachsen-kfz", "kfz")]).await;
    let [bulk] = &loaded.bulks[..] else { unreachable!("one bulk") };
    assert_eq!((bulk.row, bulk.record.as_ref()), (row(BulkState::Running), b"record".as_ref()));
    assert_eq!(
        bulk.items,
        [item(0, Some(7), ItemResult::Ordered), item(1, None, ItemResult::Refused)]
    );
    let later = Transaction {
        bulks: vec![row(BulkState::Stopped)],
        bulk_items: vec![item(0, None, ItemResult::Failed)],
        ..Transaction::default()
    };
    commit(&*ledger, later).await.expect("it answers");
    let loaded = load(&*ledger, vec![spec("nordsachsen-kfz", "kfz")]).await;
    let [bulk] = &loaded.bulks[..] else { unreachable!("still one") };
    assert_eq!(bulk.row.state, BulkState::Stopped);
    let kept = item(0, Some(7), ItemResult::Failed);
    assert_eq!(bulk.items.first(), Some(&kept), "which delivery it was stays known");
    let done = Transaction { bulks: vec![row(BulkState::Done)], ..Transaction::default() };
    commit(&*ledger, done).await.expect("it answers");
    let loaded = load(&*ledger, vec![spec("nordsachsen-kfz", "kfz")]).await;
    assert!(loaded.bulks.is_empty());
}

async fn what_is_over_is_found_by_its_number_and_repeated_in_a_row_of_its_own(site: &Site) {
    let ledger = site.open().await;
    let loaded = load(&*ledger, vec![spec("nordsachsen-kfz", "kfz")]).await;
    let endpoint = first(&loaded);
    commit(&*ledger, admission(1..3, Some(endpoint))).await.expect("it answers");
    let find = async |delivery: i64| {
        let (message, named) = (MessageRow(1), DeliveryId(delivery));
        ledger.final_delivery(endpoint, message, named).await.expect("it answers")
    };
    assert_eq!(find(1).await, None, "it is not over");
    let settlements = vec![settlement(1, 2, DeliveryState::Delivered)];
    commit(&*ledger, Transaction { settlements, ..Transaction::default() })
        .await
        .expect("it answers");
    let over = FinalDelivery {
        state: DeliveryState::Delivered,
        version: 2,
        generation: 0,
        generation_last: 0,
        has_open: false,
    };
    assert_eq!(find(1).await, Some(over));
    assert_eq!(find(2).await, None, "another message's");

    let replay = ReplayRow {
        delivery: DeliveryId(3),
        endpoint,
        message: MessageRow(1),
        generation: 1,
        replay_of: DeliveryId(1),
    };
    let transaction = Transaction { replays: vec![replay], ..Transaction::default() };
    commit(&*ledger, transaction).await.expect("it answers");
    let found = FinalDelivery { generation_last: 1, has_open: true, ..over };
    assert_eq!(find(1).await, Some(found));
    let loaded = load(&*ledger, vec![spec("nordsachsen-kfz", "kfz")]).await;
    assert_eq!(loaded.delivery_last, DeliveryId(3));
    let open = loaded.open.iter().find(|open| open.delivery == DeliveryId(3));
    let open = open.expect("it is to be delivered");
    assert_eq!((open.message, open.generation, open.version), (MessageRow(1), 1, 1));
    assert_eq!((open.state, open.attempts), (DeliveryState::Pending, 0));
    let repeats: Vec<_> = loaded.open.iter().filter(|open| open.is_replay).collect();
    assert_eq!(repeats, [open], "and no other repeats one that is over");
    let settlements = vec![settlement(3, 2, DeliveryState::Delivered)];
    commit(&*ledger, Transaction { settlements, ..Transaction::default() })
        .await
        .expect("it answers");
    assert_eq!(find(1).await, Some(FinalDelivery { has_open: false, ..found }));
    assert_eq!(find(3).await.map(|it| it.generation), Some(1), "and that can be repeated, too");
}
