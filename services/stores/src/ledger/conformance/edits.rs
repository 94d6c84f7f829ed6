//! Documents that go instead of those that came.

use bytes::Bytes;
use messaging::{CommandId, DeliveryState};
use uuid::Uuid;

use super::{
    Site,
    fixtures::{admission, commit, first, load, settlement, spec},
};
use crate::ledger::{
    DeliveryId, EditOf, EditRow, EndpointRow, Ledger, MessageRow, ReplayRow, Transaction,
};

pub(super) async fn check(make: &impl AsyncFn() -> Site) {
    an_edit_goes_with_its_generation_and_those_above_it(&make().await).await;
    an_edit_of_what_has_changed_is_not_kept(&make().await).await;
}

/// An edit of the first delivery, which is at version 2 before it.
pub(super) fn edit(endpoint: EndpointRow, generation: u32) -> Transaction {
    let record = Bytes::from(format!("edit {generation}"));
    let edit = EditRow {
        delivery: DeliveryId(1),
        endpoint,
        message: MessageRow(1),
        generation,
        command: CommandId(Uuid::from_u128(generation.into())),
        record,
    };
    let version = u64::from(generation) * 2 + 1;
    let settlements = vec![settlement(1, version, DeliveryState::Pending)];
    Transaction { settlements, edits: vec![edit], ..Transaction::default() }
}

/// What goes under `generation`.
pub(super) async fn goes(
    ledger: &dyn Ledger,
    endpoint: EndpointRow,
    generation: u32,
) -> Option<Bytes> {
    let of = EditOf { endpoint, message: MessageRow(1), generation };
    let other = EditOf { message: MessageRow(2), ..of };
    let mut found = ledger.edits(vec![other, of]).await.expect("it answers");
    assert_eq!(found.remove(&other), None, "another message has none");
    found.remove(&of).map(|edit| edit.record)
}

async fn an_edit_goes_with_its_generation_and_those_above_it(site: &Site) {
    let ledger = site.open().await;
    let specs = || vec![spec("nordsachsen-kfz", "kfz")];
    let loaded = load(&*ledger, specs()).await;
    let endpoint = first(&loaded);
    commit(&*ledger, admission(1..3, Some(endpoint))).await.expect("it answers");
    let die = |version| Transaction {
        settlements: vec![settlement(1, version, DeliveryState::Dead)],
        ..Transaction::default()
    };
    commit(&*ledger, die(2)).await.expect("it answers");
    assert_eq!(ledger.generation_last(endpoint, MessageRow(1)).await.expect("it answers"), 0);
    assert_eq!(goes(&*ledger, endpoint, 0).await, None);
    commit(&*ledger, edit(endpoint, 1)).await.expect("it answers");
    commit(&*ledger, die(4)).await.expect("it answers");
    commit(&*ledger, edit(endpoint, 2)).await.expect("it answers");
    drop(ledger);

    let ledger = site.open().await;
    let loaded = load(&*ledger, specs()).await;
    let generation = |delivery| {
        let found = loaded.open.iter().find(|open| open.delivery == DeliveryId(delivery));
        found.map(|open| (open.generation, open.state))
    };
    assert_eq!(generation(1), Some((2, DeliveryState::Pending)), "the same row");
    assert_eq!(generation(2), Some((0, DeliveryState::Pending)));
    assert_eq!(ledger.generation_last(endpoint, MessageRow(1)).await.expect("it answers"), 2);
    let record = |text: &'static str| Some(Bytes::from_static(text.as_bytes()));
    for (of, expected) in
        [(0, None), (1, record("edit 1")), (2, record("edit 2")), (7, record("edit 2"))]
    {
        assert_eq!(goes(&*ledger, endpoint, of).await, expected, "{of}");
    }
    assert_eq!(goes(&*ledger, EndpointRow(9), 2).await, None, "another endpoint has none");
    let records = ledger.records(vec![MessageRow(1)]).await.expect("it answers");
    assert_eq!(records, [(MessageRow(1), Bytes::from_static(b"record"))], "what came stays");

    // A repetition of what is over counts for the next generation as well.
    let replay = ReplayRow {
        delivery: DeliveryId(3),
        endpoint,
        message: MessageRow(1),
        generation: 3,
        replay_of: DeliveryId(1),
    };
    let over = Transaction {
        settlements: vec![settlement(1, 6, DeliveryState::Delivered)],
        replays: vec![replay],
        ..Transaction::default()
    };
    commit(&*ledger, over).await.expect("it answers");
    assert_eq!(ledger.generation_last(endpoint, MessageRow(1)).await.expect("it answers"), 3);
}

async fn an_edit_of_what_has_changed_is_not_kept(site: &Site) {
    let ledger = site.open().await;
    let loaded = load(&*ledger, vec![spec("nordsachsen-kfz", "kfz")]).await;
    let endpoint = first(&loaded);
    commit(&*ledger, admission(1..2, Some(endpoint))).await.expect("it answers");
    let refused = commit(&*ledger, edit(endpoint, 1)).await.expect_err("it is refused");
    assert_eq!(refused.code(), "AB-2307");
    assert_eq!(goes(&*ledger, endpoint, 1).await, None);
    assert_eq!(ledger.generation_last(endpoint, MessageRow(1)).await.expect("it answers"), 0);
}
