//! Tests of the table of recent receipts.

use futures_util::FutureExt as _;
use uuid::Uuid;
use wire::intake::Receipt;

use super::*;

fn id(n: u128) -> MessageId {
    MessageId(Uuid::from_u128(n))
}

fn hash(n: u8) -> Sha256 {
    Sha256([n; 32])
}

fn answer(own_id: &str) -> Arc<SubmitResponse> {
    let receipt = Receipt { own_id: own_id.to_owned(), ..Receipt::default() };
    Arc::new(SubmitResponse { receipt: Some(receipt), warnings: Vec::new() })
}

fn claim(recent: &Arc<Recent>, n: u128) -> Claimed {
    match recent.enter(id(n), hash(1)) {
        Entered::Mine(claimed) => claimed,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn same_bytes_get_the_same_receipt_and_others_a_conflict() {
    let recent = Recent::new(10, Duration::from_secs(60));
    claim(&recent, 1).settle(Ok(answer("a")));
    let Entered::Known(known) = recent.enter(id(1), hash(1)) else { panic!("known") };
    assert_eq!(*known, *answer("a"));
    assert!(matches!(recent.enter(id(1), hash(2)), Entered::Conflict));
    assert!(recent.is_conflict(id(1), hash(2)) && !recent.is_conflict(id(1), hash(1)));
}

#[tokio::test(start_paused = true)]
async fn while_an_id_is_appended_the_same_id_waits() {
    let recent = Recent::new(10, Duration::from_secs(60));
    let claimed = claim(&recent, 1);
    let Entered::Running(same) = recent.enter(id(1), hash(1)) else { panic!("running") };
    let Entered::Running(other) = recent.enter(id(1), hash(2)) else { panic!("running") };
    let mut same = Box::pin(same.outcome());
    assert!((&mut same).now_or_never().is_none(), "nothing is known yet");
    claimed.settle(Ok(answer("a")));
    assert_eq!(same.await.unwrap(), answer("a"));
    assert_eq!(other.outcome().await.unwrap_err().code, codes::ALREADY_EXISTS);
}

#[tokio::test(start_paused = true)]
async fn a_failed_append_leaves_the_id_free_and_is_told_to_all() {
    let recent = Recent::new(10, Duration::from_secs(60));
    let claimed = claim(&recent, 1);
    let Entered::Running(waiting) = recent.enter(id(1), hash(1)) else { panic!("running") };
    claimed.settle(Err(Refusal::append_timeout()));
    assert_eq!(waiting.outcome().await.unwrap_err().code, codes::APPEND_TIMEOUT);
    assert!(matches!(recent.enter(id(1), hash(2)), Entered::Mine(_)));
}

#[tokio::test(start_paused = true)]
async fn whoever_vanishes_takes_nobody_along() {
    let recent = Recent::new(10, Duration::from_secs(60));
    let claimed = claim(&recent, 1);
    let Entered::Running(waiting) = recent.enter(id(1), hash(1)) else { panic!("running") };
    drop(claimed);
    assert_eq!(waiting.outcome().await.unwrap_err().code, codes::TASK_VANISHED);
    assert!(matches!(recent.enter(id(1), hash(1)), Entered::Mine(_)));
}

#[tokio::test(start_paused = true)]
async fn the_table_is_bounded_in_entries_and_in_time() {
    let recent = Recent::new(3, Duration::from_secs(60));
    for n in 0..5 {
        claim(&recent, n).settle(Ok(answer("a")));
    }
    assert!(matches!(recent.enter(id(4), hash(1)), Entered::Known(_)));
    assert_eq!(recent.table().entries.len(), 3);
    tokio::time::advance(Duration::from_secs(61)).await;
    assert!(matches!(recent.enter(id(4), hash(1)), Entered::Mine(_)), "forgotten, and dropped");
    assert_eq!(recent.table().entries.len(), 0);
}
