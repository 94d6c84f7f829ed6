//! What every [`Ledger`] must do; the suite panics at the first rule broken.

mod bulks;
mod edits;
pub(crate) mod fixtures;
mod numbering;
mod restore;
mod retention;

use std::{fmt, sync::Arc};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use messaging::{CommandId, DeliveryState, Result, Sha256, Timestamp};
use uuid::Uuid;

use self::fixtures::{
    admission, commit, control, first, is_kept_out, load, message, order, partition, settlement,
    spec, started, tried, untold,
};
use super::{
    Admission, DeliveryId, IntentRow, Ledger, MessageRow, NewDelivery, Numbering, OutboxEntry,
    Part, PartitionBatch, PauseRow, Restored, Standing, Switch, Transaction,
};

/// A place where a ledger is kept, empty at first.
pub struct Site {
    /// Opens the ledger; again after all handles of it are gone, as a new process would.
    pub open: Box<dyn Fn() -> BoxFuture<'static, Arc<dyn Ledger>> + Send + Sync>,
    /// Restores the ledger as it is, after all handles of it are gone: a new epoch begins.
    pub restore: Box<dyn Fn() -> BoxFuture<'static, Restored> + Send + Sync>,
    /// What the ledger says before a switch, after all handles of it are gone.
    pub standing: Box<dyn Fn() -> BoxFuture<'static, Result<Standing>> + Send + Sync>,
    /// Begins another generation, after all handles of it are gone.
    pub switch: Box<dyn Fn(Switch) -> BoxFuture<'static, Result<Numbering>> + Send + Sync>,
}

impl Site {
    async fn open(&self) -> Arc<dyn Ledger> {
        (self.open)().await
    }
}

impl fmt::Debug for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Site").finish_non_exhaustive()
    }
}

/// Runs the suite; `make` gives each rule a site of its own.
pub async fn check(make: impl AsyncFn() -> Site) {
    what_was_committed_is_there_after_a_restart(&make().await).await;
    a_position_moves_from_where_the_batch_began_or_nothing_happens(&make().await).await;
    a_delivery_is_settled_once(&make().await).await;
    a_start_knows_what_was_handed_out_and_not_settled(&make().await).await;
    an_unrouted_message_stays_until_an_endpoint_wants_it(&make().await).await;
    changed_subscriptions_stop_an_admission_made_under_the_old_ones(&make().await).await;
    a_command_its_position_and_its_effect_are_one(&make().await).await;
    an_open_delivery_is_found_by_its_message_or_by_its_number(&make().await).await;
    restore::check(&make).await;
    numbering::check(&make).await;
    bulks::check(&make).await;
    edits::check(&make).await;
    retention::check(&make).await;
}

async fn what_was_committed_is_there_after_a_restart(site: &Site) {
    let ledger = site.open().await;
    let loaded = load(&*ledger, vec![spec("nordsachsen-kfz", "kfz")]).await;
    assert!(loaded.subscriptions_changed);
    let mut transaction = admission(1..4, Some(first(&loaded)));
    transaction.outbox =
        vec![OutboxEntry { sequence: 1, record: Bytes::from_static(b"event"), of: Part::Whole }];
    commit(&*ledger, transaction).await.expect("it answers");
    let (id, start) = (ledger.identity().id.clone(), ledger.identity().start);
    drop(ledger);

    let ledger = site.open().await;
    assert_eq!((ledger.identity().id.clone(), ledger.identity().start), (id, start + 1));
    let loaded = load(&*ledger, vec![spec("nordsachsen-kfz", "kfz")]).await;
    assert!(!loaded.subscriptions_changed);
    assert_eq!(loaded.open.len(), 3);
    assert_eq!(loaded.fingerprints.len(), 3);
    assert_eq!(loaded.delivery_last, DeliveryId(3));
    assert_eq!(ledger.next_offset(&partition()).await.expect("it answers"), Some(3));
    let last = ledger.last_admitted(&partition()).await.expect("it answers").expect("it is there");
    let Admission::Message(third) = message(3, None) else { unreachable!("as it was made") };
    let expected = (third.offset, third.message_id, third.sha256);
    assert_eq!((last.offset, last.message_id, last.sha256), expected);
    assert_eq!(untold(&*ledger).await.len(), 1);
    let records = ledger.records(vec![MessageRow(2)]).await.expect("it answers");
    assert_eq!(records, [(MessageRow(2), Bytes::from_static(b"record"))]);
}

async fn a_position_moves_from_where_the_batch_began_or_nothing_happens(site: &Site) {
    let ledger = site.open().await;
    let loaded = load(&*ledger, vec![spec("nordsachsen-kfz", "kfz")]).await;
    commit(&*ledger, admission(1..4, Some(first(&loaded)))).await.expect("it answers");

    let mut stale = admission(3..6, Some(first(&loaded)));
    stale.settlements = vec![settlement(1, 2, DeliveryState::Delivered)];
    assert!(is_kept_out(commit(&*ledger, stale).await));
    let loaded = load(&*ledger, vec![spec("nordsachsen-kfz", "kfz")]).await;
    // On a shared ledger what is about another part is kept; on the others nothing is.
    let expected = if ledger.shared().is_some() { 2 } else { 3 };
    assert_eq!(loaded.open.len(), expected, "nothing is admitted");
}

async fn a_delivery_is_settled_once(site: &Site) {
    let ledger = site.open().await;
    let loaded = load(&*ledger, vec![spec("nordsachsen-kfz", "kfz")]).await;
    commit(&*ledger, admission(1..2, Some(first(&loaded)))).await.expect("it answers");
    let settle = || Transaction {
        settlements: vec![tried(settlement(1, 2, DeliveryState::Delivered))],
        ..Transaction::default()
    };
    commit(&*ledger, settle()).await.expect("it answers");
    assert_eq!(commit(&*ledger, settle()).await.expect_err("it is refused").code(), "AB-2307");
}

async fn a_start_knows_what_was_handed_out_and_not_settled(site: &Site) {
    let ledger = site.open().await;
    let loaded = load(&*ledger, vec![spec("nordsachsen-kfz", "kfz")]).await;
    let mut transaction = admission(1..4, Some(first(&loaded)));
    transaction.intent = Some((IntentRow(1), vec![started(1), started(2)]));
    commit(&*ledger, transaction).await.expect("it answers");
    let settlements = vec![settlement(1, 2, DeliveryState::Delivered)];
    commit(&*ledger, Transaction { settlements, ..Transaction::default() })
        .await
        .expect("it answers");
    drop(ledger);

    let ledger = site.open().await;
    let loaded = load(&*ledger, vec![spec("nordsachsen-kfz", "kfz")]).await;
    assert_eq!(loaded.interrupted, [(DeliveryId(2), 1)]);
    let settled = Transaction {
        settlements: vec![settlement(2, 2, DeliveryState::Uncertain)],
        intents_done: vec![IntentRow(1)],
        ..Transaction::default()
    };
    commit(&*ledger, settled).await.expect("it settles");
    drop(ledger);
    let ledger = site.open().await;
    let loaded = load(&*ledger, vec![spec("nordsachsen-kfz", "kfz")]).await;
    assert_eq!((loaded.interrupted, loaded.intents), (Vec::new(), Vec::new()));
}

async fn an_unrouted_message_stays_until_an_endpoint_wants_it(site: &Site) {
    let ledger = site.open().await;
    load(&*ledger, vec![spec("nordsachsen-kfz", "kfz")]).await;
    commit(&*ledger, admission(1..2, None)).await.expect("it answers");
    assert_eq!(ledger.unrouted(MessageRow(0), 10).await.expect("it answers").len(), 1);

    let specs = vec![spec("nordsachsen-kfz", "kfz"), spec("goerlitz-kfz", "kfz")];
    let loaded = load(&*ledger, specs).await;
    assert!(loaded.subscriptions_changed);
    let wanted = NewDelivery {
        delivery: DeliveryId(1),
        endpoint: *loaded.endpoints.get(1).expect("two were given"),
        is_doubtful: false,
    };
    let transaction = Transaction {
        routed: vec![(MessageRow(1), vec![wanted])],
        subscriptions_version: loaded.subscriptions_version,
        ..Transaction::default()
    };
    commit(&*ledger, transaction).await.expect("it answers");
    assert!(ledger.unrouted(MessageRow(0), 10).await.expect("it answers").is_empty());
}

async fn changed_subscriptions_stop_an_admission_made_under_the_old_ones(site: &Site) {
    let ledger = site.open().await;
    let loaded = load(&*ledger, vec![spec("nordsachsen-kfz", "kfz")]).await;
    load(&*ledger, vec![spec("nordsachsen-kfz", "kfz and more")]).await;
    let old = admission(1..2, Some(first(&loaded)));
    assert!(is_kept_out(commit(&*ledger, old).await));
}

async fn a_command_its_position_and_its_effect_are_one(site: &Site) {
    let ledger = site.open().await;
    let specs = || vec![spec("nordsachsen-kfz", "kfz")];
    let loaded = load(&*ledger, specs()).await;
    let pause = PauseRow { at: Timestamp(7), command: CommandId(Uuid::from_u128(1)) };
    let transaction = |records, from| Transaction {
        admissions: vec![PartitionBatch { partition: control(), from, next: from + 1, records }],
        pauses: vec![(first(&loaded), Some(pause))],
        subscriptions_version: 1,
        ..Transaction::default()
    };
    commit(&*ledger, transaction(vec![order(1, 0)], 0)).await.expect("it answers");
    assert!(is_kept_out(commit(&*ledger, transaction(vec![order(2, 0)], 0)).await));
    drop(ledger);

    let ledger = site.open().await;
    let loaded = load(&*ledger, specs()).await;
    assert_eq!(loaded.paused.get(&first(&loaded)), Some(&pause));
    let ids = [1, 2].map(|id| CommandId(Uuid::from_u128(id)));
    let known = ledger.commands_known(ids.to_vec()).await.expect("it answers");
    assert_eq!(known, [(CommandId(Uuid::from_u128(1)), Bytes::from_static(b"record"))].into());
    assert_eq!(ledger.next_offset(&control()).await.expect("it answers"), Some(1));
    let last = ledger.last_admitted(&control()).await.expect("it answers").expect("it is there");
    assert_eq!((last.offset, last.sha256), (0, Sha256([9; 32])));

    let pauses = vec![(first(&loaded), None)];
    commit(&*ledger, Transaction { pauses, ..Transaction::default() }).await.expect("it answers");
    assert!(load(&*ledger, specs()).await.paused.is_empty());
}

async fn an_open_delivery_is_found_by_its_message_or_by_its_number(site: &Site) {
    let ledger = site.open().await;
    let loaded = load(&*ledger, vec![spec("nordsachsen-kfz", "kfz")]).await;
    let endpoint = first(&loaded);
    commit(&*ledger, admission(1..4, Some(endpoint))).await.expect("it answers");
    let settlements = vec![settlement(3, 2, DeliveryState::Delivered)];
    commit(&*ledger, Transaction { settlements, ..Transaction::default() })
        .await
        .expect("it answers");
    for (message, named, expected) in [
        (2, None, Some(2)),
        (2, Some(2), Some(2)),
        (2, Some(1), None),
        (3, None, None),
        (3, Some(3), None),
        (3, Some(9), None),
    ] {
        let named = named.map(DeliveryId);
        let found =
            ledger.open_delivery(endpoint, MessageRow(message), named).await.expect("it answers");
        assert_eq!(found.map(|open| open.delivery.0), expected, "{message} {named:?}");
    }
}
