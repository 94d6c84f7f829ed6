//! By how many partitions cases lie, and what comes first when the number was switched.

use messaging::{Partition, Position, StoredPositions as _, Timestamp};

use super::{
    Site,
    fixtures::{commit, first, load, message, partition, spec},
};
use crate::ledger::{
    Admission, EndpointRow, EndpointSpec, Ledger, Numbering, PartitionBatch, Switch, Transaction,
    numbering::agree,
};

pub(super) async fn check(make: &impl AsyncFn() -> Site) {
    the_first_number_counts_until_another_is_ordered(&make().await).await;
    what_came_before_a_switch_is_first_wherever_it_lay(&make().await).await;
    a_switch_for_another_standing_changes_nothing(&make().await).await;
}

fn specs() -> Vec<EndpointSpec> {
    vec![spec("nordsachsen-kfz", "kfz")]
}

fn numbered(number: u32) -> Partition {
    Partition { number, ..partition() }
}

fn at(number: u32, offset: u64) -> Position {
    Position { partition: numbered(number), offset }
}

fn switch(former: u32, firsts: Vec<Position>) -> Switch {
    Switch {
        former,
        partitions: u32::try_from(firsts.len()).expect("few"),
        firsts,
        at: Timestamp(9),
        operator: "erika".to_owned(),
        reason: "mehr Anträge".to_owned(),
    }
}

/// Admits message `row`, which lies at `offset` of a partition, bound for `endpoint`.
async fn admit(ledger: &dyn Ledger, row: i64, (number, offset): (u32, u64), endpoint: EndpointRow) {
    let Admission::Message(message) = message(row, Some(endpoint)) else {
        unreachable!("as it was made")
    };
    let records = vec![Admission::Message(crate::ledger::AdmittedMessage { offset, ..message })];
    let batch =
        PartitionBatch { partition: numbered(number), from: offset, next: offset + 1, records };
    let subscriptions_version = load(ledger, specs()).await.subscriptions_version;
    let transaction =
        Transaction { admissions: vec![batch], subscriptions_version, ..Transaction::default() };
    let committed = commit(ledger, transaction).await.expect("it answers");
    assert_eq!((committed.moved.len(), committed.is_outdated), (0, false));
}

async fn the_first_number_counts_until_another_is_ordered(site: &Site) {
    let ledger = site.open().await;
    let (id, of_three) = (ledger.group().clone(), Numbering { generation: 0, partitions: 3 });
    for configured in [3, 5] {
        let counts = ledger.numbering(configured, Timestamp(1)).await.expect("it answers");
        assert_eq!(counts, of_three, "{configured}");
    }
    agree(&*ledger, 3, Timestamp(1)).await.expect("they agree");
    let refused = agree(&*ledger, 5, Timestamp(1)).await.expect_err("another number");
    assert_eq!(refused.code(), "AB-2318");
    drop(ledger);

    let standing = (site.standing)().await.expect("it answers");
    assert_eq!((standing.ledger, standing.numbering), (id, Some(of_three)));
    assert!(standing.positions.is_empty(), "{:?}", standing.positions);
    let firsts = (0..5).map(|number| at(number, 0)).collect();
    let switched = (site.switch)(switch(3, firsts)).await.expect("it is switched");
    assert_eq!(switched, Numbering { generation: 1, partitions: 5 });
    let ledger = site.open().await;
    agree(&*ledger, 5, Timestamp(1)).await.expect("they agree");
    assert_eq!(agree(&*ledger, 3, Timestamp(1)).await.expect_err("the former").code(), "AB-2318");
}

async fn what_came_before_a_switch_is_first_wherever_it_lay(site: &Site) {
    let ledger = site.open().await;
    let endpoint = first(&load(&*ledger, specs()).await);
    admit(&*ledger, 1, (0, 0), endpoint).await;
    admit(&*ledger, 2, (1, 0), endpoint).await;
    drop(ledger);
    // It begins by its own number, as one of a former version has none.
    let standing = (site.standing)().await.expect("it answers");
    assert_eq!((standing.numbering, standing.positions), (None, vec![at(0, 1), at(1, 1)]));
    let firsts = vec![at(0, 1), at(1, 1), at(2, 7)];
    let switched = (site.switch)(switch(2, firsts)).await.expect("it is switched");
    assert_eq!(switched, Numbering { generation: 1, partitions: 3 });

    let ledger = site.open().await;
    let next = ledger.next_offset(&numbered(2)).await.expect("it answers");
    assert_eq!(next, Some(7), "what is added is read from there");
    admit(&*ledger, 3, (0, 1), endpoint).await;
    admit(&*ledger, 4, (2, 7), endpoint).await;
    assert_eq!(opened(&*ledger).await, [1, 2, 3, 4]);
    drop(ledger);
    let firsts = vec![at(0, 2), at(1, 1), at(2, 8), at(3, 0)];
    (site.switch)(switch(3, firsts)).await.expect("once more");
    let ledger = site.open().await;
    admit(&*ledger, 5, (0, 2), endpoint).await;
    admit(&*ledger, 6, (3, 0), endpoint).await;
    assert_eq!(opened(&*ledger).await, [1, 2, 3, 4, 5, 6]);
}

async fn opened(ledger: &dyn Ledger) -> Vec<i64> {
    load(ledger, specs()).await.open.iter().map(|open| open.delivery.0).collect()
}

async fn a_switch_for_another_standing_changes_nothing(site: &Site) {
    let ledger = site.open().await;
    let endpoint = first(&load(&*ledger, specs()).await);
    ledger.numbering(1, Timestamp(1)).await.expect("it answers");
    admit(&*ledger, 1, (0, 0), endpoint).await;
    drop(ledger);
    let before = (site.standing)().await.expect("it answers");
    for offset in [0, 2] {
        let refused = (site.switch)(switch(1, vec![at(1, 0), at(0, offset)])).await;
        assert_eq!(refused.expect_err("it stands elsewhere").code(), "AB-2319");
        assert_eq!((site.standing)().await.expect("it answers"), before);
    }
    let ledger = site.open().await;
    agree(&*ledger, 1, Timestamp(1)).await.expect("as before");
}
