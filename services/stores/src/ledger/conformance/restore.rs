//! What a ledger restored from a backup begins with.

use bytes::Bytes;
use messaging::{ChannelName, DeliveryState, Position, StoredPositions as _};

use super::{
    Site,
    fixtures::{
        admission, commit, control, first, load, order, partition, settlement, spec, started,
    },
};
use crate::ledger::{
    Admission, CommandRow, CommandState, DeliveryId, IntentRow, Ledger, OutboxEntry, Part,
    PartitionBatch, Transaction, epoch_at,
};

pub(super) async fn check(make: &impl AsyncFn() -> Site) {
    where_channels_ended_is_said_once_in_an_epoch(&make().await).await;
    nothing_that_was_open_is_certain_in_a_restored_ledger(&make().await).await;
    what_is_admitted_beyond_the_backup_is_uncertain_from_the_beginning(&make().await).await;
    a_restored_ledger_gives_no_number_a_second_time(&make().await).await;
    an_order_that_waited_in_the_backup_is_past(&make().await).await;
}

fn specs() -> Vec<crate::ledger::EndpointSpec> {
    vec![spec("nordsachsen-kfz", "kfz")]
}

fn at(partition: messaging::Partition, offset: u64) -> Position {
    Position { partition, offset }
}

async fn floors(ledger: &dyn Ledger, channel: &ChannelName) -> Option<Vec<(u32, u64)>> {
    let floors = ledger.floors(channel).await.expect("it answers")?;
    let mut floors: Vec<(u32, u64)> = floors.into_iter().collect();
    floors.sort_unstable();
    Some(floors)
}

async fn where_channels_ended_is_said_once_in_an_epoch(site: &Site) {
    let (orders, applications) = (ChannelName::control(), partition().channel);
    let ledger = site.open().await;
    assert_eq!(ledger.identity().epoch, 1);
    assert!(!ledger.identity().is_restored());
    assert_eq!(floors(&*ledger, &orders).await, None);
    ledger.set_floors(&orders, vec![at(control(), 12)]).await.expect("it answers");
    ledger.set_floors(&applications, Vec::new()).await.expect("it answers");
    drop(ledger);

    let ledger = site.open().await;
    for (channel, end, expected) in
        [(&orders, at(control(), 99), (0, 12)), (&applications, at(partition(), 99), (0, 0))]
    {
        ledger.set_floors(channel, vec![end]).await.expect("it answers");
        assert_eq!(floors(&*ledger, channel).await, Some(vec![expected]), "the first counts");
    }
    drop(ledger);

    let restored = (site.restore)().await;
    let ledger = site.open().await;
    assert!(ledger.identity().is_restored());
    assert_eq!(
        (&ledger.identity().id, ledger.identity().epoch),
        (&restored.ledger, restored.epoch)
    );
    assert!(epoch_at(messaging::Timestamp(0)) <= restored.epoch);
    for channel in [&orders, &applications] {
        assert_eq!(floors(&*ledger, channel).await, None, "asked for anew");
    }
    drop(ledger);
    let again = (site.restore)().await;
    assert!(restored.epoch < again.epoch);
}

async fn nothing_that_was_open_is_certain_in_a_restored_ledger(site: &Site) {
    let ledger = site.open().await;
    let loaded = load(&*ledger, specs()).await;
    let mut transaction = admission(1..5, Some(first(&loaded)));
    transaction.intent = Some((IntentRow(1), vec![started(1), started(4)]));
    transaction.outbox =
        vec![OutboxEntry { sequence: 1, record: Bytes::from_static(b"event"), of: Part::Whole }];
    commit(&*ledger, transaction).await.expect("it answers");
    let settlements = vec![
        settlement(1, 2, DeliveryState::Delivered),
        settlement(2, 2, DeliveryState::Dead),
        settlement(3, 2, DeliveryState::Waiting),
    ];
    commit(&*ledger, Transaction { settlements, ..Transaction::default() })
        .await
        .expect("it answers");
    drop(ledger);

    let restored = (site.restore)().await;
    assert_eq!((restored.uncertain, restored.paused.len()), (3, 0));
    assert_eq!(restored.positions, [at(partition(), 4)]);
    for _ in 0..2 {
        let ledger = site.open().await;
        let loaded = load(&*ledger, specs()).await;
        let open: Vec<_> =
            loaded.open.iter().map(|it| (it.delivery.0, it.state, it.version)).collect();
        let uncertain = DeliveryState::Uncertain;
        assert_eq!(open, [(2, uncertain, 3), (3, uncertain, 3), (4, uncertain, 2)]);
        let expected = [2, 3, 4].map(DeliveryId);
        assert_eq!(loaded.restored, expected.into(), "until something happens to them");
        assert_eq!(loaded.untried, expected.into(), "nothing is written down of an attempt");
        assert_eq!((loaded.interrupted, loaded.intents), (Vec::new(), Vec::new()));
        assert!(loaded.open.iter().all(|it| it.next_at.is_none()));
        let untold = super::fixtures::untold(&*ledger).await;
        assert_eq!(untold.len(), 1, "what was not told is told still");
        assert_eq!(ledger.next_offset(&partition()).await.expect("it answers"), Some(4));
    }
    let ledger = site.open().await;
    load(&*ledger, specs()).await;
    let settlements = vec![settlement(3, 4, DeliveryState::Uncertain)];
    commit(&*ledger, Transaction { settlements, ..Transaction::default() })
        .await
        .expect("it answers");
    let restored = load(&*ledger, specs()).await.restored;
    assert_eq!(restored, [2, 4].map(DeliveryId).into(), "something happened to the third");
}

async fn what_is_admitted_beyond_the_backup_is_uncertain_from_the_beginning(site: &Site) {
    drop(site.open().await);
    (site.restore)().await;
    let ledger = site.open().await;
    let loaded = load(&*ledger, specs()).await;
    let mut transaction = admission(1..3, Some(first(&loaded)));
    transaction.subscriptions_version = loaded.subscriptions_version;
    let records = transaction.admissions.first_mut().map(|batch| &mut batch.records);
    if let Some(Admission::Message(message)) = records.and_then(|records| records.first_mut()) {
        message.deliveries.iter_mut().for_each(|new| new.is_doubtful = true);
    }
    commit(&*ledger, transaction).await.expect("it answers");
    if let Some(shared) = ledger.shared() {
        let endpoints = loaded.endpoints.clone();
        let followed = shared.follow(&partition(), (0, 9), endpoints, 9).await.expect("it reads");
        let doubts: Vec<bool> = followed
            .iter()
            .flat_map(|message| message.deliveries.iter().map(|new| new.is_doubtful))
            .collect();
        assert_eq!(doubts, [true, false], "whoever takes them up knows it");
    }
    drop(ledger);
    let ledger = site.open().await;
    let loaded = load(&*ledger, specs()).await;
    let states: Vec<_> = loaded.open.iter().map(|it| (it.delivery.0, it.state)).collect();
    assert_eq!(states, [(1, DeliveryState::Uncertain), (2, DeliveryState::Pending)]);
    assert_eq!(loaded.restored, [DeliveryId(1)].into());
}

/// Its owner may have carried it out after the backup. On a ledger that is not shared none waits.
async fn an_order_that_waited_in_the_backup_is_past(site: &Site) {
    let ledger = site.open().await;
    if ledger.shared().is_none() {
        return;
    }
    let waiting = async |ledger: &dyn Ledger, id, offset| {
        let loaded = load(ledger, specs()).await;
        let Admission::Command(row) = order(id, offset) else { unreachable!("as it was made") };
        let records = vec![Admission::Command(CommandRow { state: CommandState::Waiting, ..row })];
        let batch =
            PartitionBatch { partition: control(), from: offset, next: offset + 1, records };
        let subscriptions_version = loaded.subscriptions_version;
        let admissions = vec![batch];
        let transaction =
            Transaction { admissions, subscriptions_version, ..Transaction::default() };
        commit(ledger, transaction).await.expect("it answers");
        loaded.endpoints
    };
    waiting(&*ledger, 1, 0).await;
    drop(ledger);
    (site.restore)().await;
    let ledger = site.open().await;
    let end = at(control(), 1);
    ledger.set_floors(&ChannelName::control(), vec![end]).await.expect("it answers");
    let endpoints = waiting(&*ledger, 2, 1).await;
    let Some(shared) = ledger.shared() else { return };
    let orders = shared.waiting_orders(endpoints, 9).await.expect("it reads");
    let orders: Vec<_> = orders.iter().map(|order| (order.id.0.as_u128(), order.is_past)).collect();
    assert_eq!(orders, [(1, true), (2, false)]);
}

async fn a_restored_ledger_gives_no_number_a_second_time(site: &Site) {
    let ledger = site.open().await;
    let given = async |ledger: &dyn Ledger| match ledger.shared() {
        Some(shared) => shared.reserve(1, 1, 1).await.expect("it answers").deliveries.0,
        None => load(ledger, specs()).await.delivery_last.0 + 1,
    };
    let before = given(&*ledger).await;
    drop(ledger);
    (site.restore)().await;
    let after = given(&*site.open().await).await;
    assert!(before + 1_000_000_000 < after, "{before} {after}");
}
