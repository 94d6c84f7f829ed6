//! Tombstones that stand for long: because there are many, because the store is slow, because others
//! come in between.

use std::{sync::Arc, time::Duration};

use messaging::Claims as _;
use object_store::{
    memory::InMemory,
    throttle::{ThrottleConfig, ThrottledStore},
};
use tokio::time::advance;

use super::*;
use crate::claims::{Description, json, store::Kind};

const AT_ALL_TIMES: Timestamp = Timestamp(i64::MAX);
const EVERYTHING: Ages = Ages { unused_before: AT_ALL_TIMES, used_before: AT_ALL_TIMES };
/// Longer than a tombstone must stand still to be a dead sweep's.
const LONG: Duration = Duration::from_secs(301);

type Slow = ThrottledStore<InMemory>;

/// A store that others use too, and what makes it slow.
fn several() -> (ObjectClaims, Arc<Slow>) {
    let objects = Arc::new(Slow::new(InMemory::new(), ThrottleConfig::default()));
    (ObjectClaims::over(Arc::clone(&objects) as _, Kind::Shared), objects)
}

/// Unused claims, all in one shard.
async fn place(claims: &ObjectClaims, count: u32) -> Vec<ClaimId> {
    let description = Description {
        sender: "local".to_owned(),
        created_at: 1,
        len: 1,
        sha256: messaging::identity::sha256(b"x", &[]).to_string(),
    };
    let mut placed = Vec::new();
    for number in 0..count {
        let claim = ClaimId(Uuid::from_u128(u128::from(number)));
        for (name, bytes) in [
            (names::body(claim), Bytes::from_static(b"x")),
            (names::description(claim), json(&description)),
        ] {
            claims.store.put(&name, bytes, PutMode::Create).await.unwrap();
        }
        placed.push(claim);
    }
    placed
}

async fn has_tombstone(claims: &ObjectClaims, claim: ClaimId) -> bool {
    claims.store.head(&names::tombstone(claim)).await.unwrap().is_some()
}

fn shard(claim: ClaimId) -> object_store::path::Path {
    let name = names::body(claim);
    names::shards().find(|shard| name.prefix_matches(shard)).unwrap()
}

#[tokio::test(start_paused = true)]
async fn however_many_are_over_in_one_shard_they_go_in_one_sweep() {
    let (claims, objects) = several();
    let placed = place(&claims, 1_000).await;
    // A tombstone for each would take longer than the first may be acted upon.
    objects.config_mut(|slow| slow.wait_put_per_call = Duration::from_millis(150));
    assert_eq!(claims.sweep(AT_ALL_TIMES, AT_ALL_TIMES).await.unwrap(), 1_000);
    assert!(claims.store.list(&shard(placed[0])).await.unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_store_too_slow_for_many_at_once_is_swept_all_the_same() {
    let (claims, objects) = several();
    place(&claims, 20).await;
    objects.config_mut(|slow| slow.wait_put_per_call = Duration::from_secs(8));
    assert_eq!(claims.sweep(AT_ALL_TIMES, AT_ALL_TIMES).await.unwrap(), 20);
}

#[tokio::test(start_paused = true)]
async fn what_a_sweep_has_no_time_for_can_be_marked_at_once() {
    let (claims, objects) = several();
    let placed = place(&claims, 8).await;
    objects.config_mut(|slow| slow.wait_delete_per_call = Duration::from_secs(10));
    let removed = claims.sweep(AT_ALL_TIMES, AT_ALL_TIMES).await.unwrap();
    assert!(0 < removed && removed < 8, "{removed}");
    let mut left = 0;
    for claim in placed {
        assert!(!has_tombstone(&claims, claim).await);
        if claims.look_up(claim).await.unwrap().is_some() {
            claims.mark_used(claim, Timestamp(1)).await.unwrap();
            left += 1;
        }
    }
    assert_eq!(removed + left, 8);
}

#[tokio::test(start_paused = true)]
async fn a_dead_tombstone_that_another_replaced_since_the_list_is_left_alone() {
    let (claims, _) = several();
    let [claim] = place(&claims, 1).await.try_into().unwrap();
    assert!(make_tombstone(&claims, claim).await.unwrap());
    assert_eq!(claims.sweep(AT_ALL_TIMES, AT_ALL_TIMES).await.unwrap(), 0);
    advance(LONG).await;
    let listed = async || list(&claims, &shard(claim)).await.unwrap();
    let stale = listed().await;
    // Another sweep clears it, and a third is just about to remove the claim.
    claims.store.delete(&names::tombstone(claim)).await.unwrap();
    assert!(make_tombstone(&claims, claim).await.unwrap());
    assert!(choose(&claims, stale, EVERYTHING).await.unwrap().is_empty());
    assert!(has_tombstone(&claims, claim).await, "it is the third's");
    // And one that stays the same is cleared.
    advance(LONG).await;
    for (then, stands) in [(LONG, true), (LONG, false)] {
        choose(&claims, listed().await, EVERYTHING).await.unwrap();
        assert_eq!(has_tombstone(&claims, claim).await, stands);
        advance(then).await;
    }
}
