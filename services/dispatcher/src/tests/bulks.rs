//! What operators order about many deliveries, and about what is over: one test per rule.

use std::{collections::BTreeMap, time::Duration};

use messaging::{
    BulkState, CommandId, DeliveryState, EachOrder, EffectContract as Contract, EventKind,
    FailureKind, ItemResult, Order, RetryPolicy, Target, command::BULK_TARGETS_MAX,
};
use tokio::time::{Instant, sleep};

use super::{
    commands::{begun, reach, until},
    world::{Act, POLICY, System, TIMEOUT, World, endpoint, target},
};
use crate::Endpoint;

const SECOND: Duration = Duration::from_secs(1);
/// Longer than any bulk here takes, whatever becomes of it.
const DONE_WITHIN: Duration = Duration::from_secs(120);
const ONCE: RetryPolicy = RetryPolicy { attempts_max: 1, ..POLICY };

pub(super) fn endpoints(system: &std::sync::Arc<System>) -> Vec<Endpoint> {
    vec![Endpoint { policy: ONCE, ..endpoint("kfz", system) }]
}

/// So many messages of cases of their own, all dead, as an operator sees them.
pub(super) async fn dead(world: &World, count: usize) -> Vec<Target> {
    begun(world).await;
    for n in 0..count {
        world.submit(&format!("m{n}"), &format!("case {n}")).await;
    }
    let mut targets = Vec::new();
    for n in 0..count {
        targets.push(seen(world, &format!("m{n}"), DeliveryState::Dead).await);
    }
    targets
}

async fn seen(world: &World, own_id: &str, state: DeliveryState) -> Target {
    let seen = reach(world, own_id, state).await;
    Target { seen: Some(seen), ..target(own_id) }
}

pub(super) fn bulk(targets: &[Target], canary: u32, failures_max: u32) -> Order {
    Order::Bulk(Box::new(messaging::Bulk {
        each: EachOrder::Replay,
        targets: targets.to_vec(),
        canary,
        interval: SECOND,
        failures_max,
    }))
}

/// The result of each item as told last, and the states of the bulk as told.
pub(super) async fn results(
    world: &World,
    bulk: CommandId,
) -> (BTreeMap<u32, ItemResult>, Vec<BulkState>) {
    let (mut results, mut states) = (BTreeMap::new(), Vec::new());
    for event in world.events().await {
        match event.kind {
            EventKind::BulkItem { command, item, result, .. } if command == bulk => {
                results.insert(item, result);
            }
            EventKind::BulkState { command, state, .. } if command == bulk => states.push(state),
            _ => {}
        }
    }
    (results, states)
}

async fn done(world: &World, bulk: CommandId) -> Vec<ItemResult> {
    let end = Instant::now() + DONE_WITHIN;
    loop {
        let (results, states) = results(world, bulk).await;
        if states.contains(&BulkState::Done) {
            return results.into_values().collect();
        }
        assert!(Instant::now() < end, "not done: {states:?} {results:?}");
        sleep(SECOND / 10).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_bulk_goes_on_through_every_end_of_the_process_and_each_delivery_goes_once() {
    let world = World::new();
    let system = System::new(Contract::Deduplicates, &[Act::Fail(FailureKind::Defect); 20]);
    let id = world
        .while_dispatching(endpoints(&system), async {
            let targets = dead(&world, 20).await;
            world.order("kfz", bulk(&targets, 3, 0)).await
        })
        .await;
    // Killed at every moment, also between an item and what becomes of it.
    for milliseconds in [1_010, 2_030, 1_005, 3_001, 1_500, 1_021, 4_000] {
        world
            .while_dispatching(endpoints(&system), sleep(Duration::from_millis(milliseconds)))
            .await;
    }
    let results = world.while_dispatching(endpoints(&system), done(&world, id)).await;
    assert_eq!(results, [ItemResult::Succeeded; 20]);
    let mut effects = system.took_effect();
    effects.sort();
    effects.dedup();
    assert_eq!(effects.len(), 20, "every one");
    assert_eq!(system.took_effect().len(), 20, "and each once");
}

#[tokio::test(start_paused = true)]
async fn the_canary_goes_alone_and_the_rest_at_its_rate() {
    let world = World::new();
    let mut system = System::new(Contract::None, &[Act::Fail(FailureKind::Defect); 10]);
    std::sync::Arc::get_mut(&mut system).unwrap().latency = 5 * SECOND;
    world
        .while_dispatching(endpoints(&system), async {
            let targets = dead(&world, 10).await;
            let id = world.order("kfz", bulk(&targets, 2, 1)).await;
            assert_eq!(done(&world, id).await, [ItemResult::Succeeded; 10]);
            let events = world.events().await.into_iter();
            let told: Vec<_> = events
                .filter_map(|event| match event.kind {
                    EventKind::BulkItem { item, result, .. } => Some((item, result, event.at)),
                    _ => None,
                })
                .collect();
            let place = |item, result| {
                told.iter().position(|told| (told.0, told.1) == (item, result)).unwrap()
            };
            let rest = place(2, ItemResult::Ordered);
            assert!([0, 1].iter().all(|item| place(*item, ItemResult::Succeeded) < rest));
            let ordered = told.iter().filter(|told| told.1 == ItemResult::Ordered);
            let at: Vec<_> = ordered.map(|told| told.2).collect();
            assert!(at.windows(2).all(|pair| SECOND <= pair[1].since(pair[0])), "{at:?}");
        })
        .await;
}

#[tokio::test(start_paused = true)]
async fn a_bulk_stops_with_the_failure_it_was_told_and_says_what_it_left() {
    let world = World::new();
    let system = System::new(Contract::None, &[Act::Fail(FailureKind::Defect); 12]);
    world
        .while_dispatching(endpoints(&system), async {
            let targets = dead(&world, 6).await;
            let id = world.order("kfz", bulk(&targets, 0, 2)).await;
            let told = done(&world, id).await;
            let (failed, left) = told.split_at(2);
            assert_eq!(failed, [ItemResult::Failed; 2]);
            assert_eq!(left, [ItemResult::Skipped; 4]);
            assert_eq!(system.arrived().len(), 6 + 2);
            let (_, states) = results(&world, id).await;
            assert_eq!(states, [BulkState::Running, BulkState::Done]);
        })
        .await;
}

#[tokio::test(start_paused = true)]
async fn nothing_is_ordered_about_what_was_not_looked_at_or_has_changed_since() {
    let world = World::new();
    let system = System::new(Contract::None, &[Act::Fail(FailureKind::Defect); 5]);
    world
        .while_dispatching(endpoints(&system), async {
            let targets = dead(&world, 4).await;
            assert_eq!(world.obeyed("kfz", Order::Discard(targets[1].clone())).await, None);
            let id = world.order("kfz", bulk(&targets, 0, 0)).await;
            world.submit("later", "later").await;
            seen(&world, "later", DeliveryState::Dead).await;
            use ItemResult::{Refused, Succeeded};
            assert_eq!(done(&world, id).await, [Succeeded, Refused, Succeeded, Succeeded]);
            let effects = system.took_effect();
            assert_eq!(effects, ["m0", "m2", "m3"]);
            let refused =
                world.events().await.into_iter().find(|event| {
                    matches!(event.kind, EventKind::BulkItem { result: Refused, .. })
                });
            assert_eq!(refused.unwrap().code.as_deref(), Some("AB-3222"));
        })
        .await;
}

#[tokio::test(start_paused = true)]
async fn an_operator_stops_a_bulk_and_what_was_ordered_may_end() {
    let world = World::new();
    let system = System::new(Contract::None, &[Act::Fail(FailureKind::Defect); 5]);
    world
        .while_dispatching(endpoints(&system), async {
            let targets = dead(&world, 5).await;
            let id = world.order("kfz", bulk(&targets, 0, 0)).await;
            until(|| system.took_effect().len() == 2).await;
            assert_eq!(world.obeyed("kfz", Order::StopBulk(id)).await, None);
            use ItemResult::{Skipped, Succeeded};
            assert_eq!(done(&world, id).await, [Succeeded, Succeeded, Skipped, Skipped, Skipped]);
            let again = world.obeyed("kfz", Order::StopBulk(id)).await;
            assert_eq!(again.as_deref(), Some("AB-3224"));
        })
        .await;
}

#[tokio::test(start_paused = true)]
async fn a_bulk_about_nothing_or_about_another_ledger_is_refused() {
    let world = World::new();
    let system = System::new(Contract::None, &[Act::Fail(FailureKind::Defect)]);
    world
        .while_dispatching(endpoints(&system), async {
            let mut targets = dead(&world, 1).await;
            let empty = world.obeyed("kfz", bulk(&[], 0, 0)).await;
            assert_eq!(empty.as_deref(), Some("AB-3224"));
            targets[0].seen.as_mut().unwrap().epoch += 1;
            let other = world.obeyed("kfz", bulk(&targets, 0, 0)).await;
            assert_eq!(other.as_deref(), Some("AB-3223"));
            let many = vec![targets[0].clone(); BULK_TARGETS_MAX + 1];
            world.order("kfz", bulk(&many, 0, 0)).await;
            let is_unread = |event: &messaging::Event| event.kind.name() == "undecodable";
            while !world.events().await.iter().any(is_unread) {
                sleep(SECOND / 10).await;
            }
        })
        .await;
}

#[tokio::test(start_paused = true)]
async fn what_is_over_is_sent_again_with_its_key_or_as_a_new_effect_as_ordered() {
    let world = World::new();
    let system = System::new(Contract::Idempotent, &[]);
    world
        .while_dispatching(endpoints(&system), async {
            begun(&world).await;
            world.submit("a1", "a").await;
            let over = seen(&world, "a1", DeliveryState::Delivered).await;
            let revived = world.obeyed("kfz", Order::Replay(over.clone())).await;
            assert_eq!(revived.as_deref(), Some("AB-3222"), "it is nobody's to revive");
            let orders = [
                Order::ReplayAgain(over.clone()),
                Order::ReplayAnew(over.clone()),
                Order::ReplayAnew(over),
            ];
            for (count, order) in (2..).zip(orders) {
                assert_eq!(world.obeyed("kfz", order).await, None);
                sleep(SECOND).await;
                assert_eq!(system.took_effect().len(), count);
            }
        })
        .await;
    let arrivals = system.arrivals.lock().unwrap();
    let keys: Vec<_> = arrivals.iter().map(|(_, arrival)| arrival.key).collect();
    assert_eq!(keys[0], keys[1], "the receiver may recognise it");
    assert!(keys[1] != keys[2] && keys[2] != keys[3], "an effect of its own each time");
}

#[tokio::test(start_paused = true)]
async fn what_knows_no_keys_gets_nothing_again_but_what_is_ordered_as_new() {
    let world = World::new();
    let system = System::new(Contract::None, &[Act::Accept, Act::Hang]);
    let over = world
        .while_dispatching(endpoints(&system), async {
            begun(&world).await;
            world.submit("a1", "a").await;
            let over = seen(&world, "a1", DeliveryState::Delivered).await;
            let same = world.obeyed("kfz", Order::ReplayAgain(over.clone())).await;
            assert_eq!(same.as_deref(), Some("AB-3232"));
            let blind = world.obeyed("kfz", Order::ReplayAnew(target("a1"))).await;
            assert_eq!(blind.as_deref(), Some("AB-3223"), "nothing that was not looked at");
            assert_eq!(world.obeyed("kfz", Order::ReplayAnew(over.clone())).await, None);
            until(|| system.arrived().len() == 2).await;
            over
        })
        .await;
    // The process ended while it was under way: it is a delivery like any other.
    world
        .while_dispatching(endpoints(&system), async {
            seen(&world, "a1", DeliveryState::Uncertain).await;
            let twice = world.obeyed("kfz", Order::ReplayAnew(over)).await;
            assert_eq!(twice.as_deref(), Some("AB-3224"), "one is not over");
            sleep(60 * SECOND).await;
        })
        .await;
    assert_eq!(system.arrived().len(), 2, "never an automatic repetition");
}

#[tokio::test(start_paused = true)]
async fn a_start_tells_nothing_else_of_a_repetition_that_waits_than_that_it_was_ordered() {
    let world = World::new();
    let system = System::new(Contract::Idempotent, &[]);
    world
        .while_dispatching(endpoints(&system), async {
            begun(&world).await;
            world.submit("a1", "a").await;
            let over = seen(&world, "a1", DeliveryState::Delivered).await;
            assert_eq!(world.obeyed("kfz", Order::Pause).await, None);
            assert_eq!(world.obeyed("kfz", Order::ReplayAnew(over)).await, None);
        })
        .await;
    world.while_dispatching(endpoints(&system), sleep(60 * SECOND)).await;
    let told: Vec<_> = world.events().await;
    let ordered = told.iter().find(|event| event.kind == EventKind::Replayed).unwrap();
    let same = told.iter().filter(|event| event.id == ordered.id);
    assert!(same.clone().all(|event| event.kind == EventKind::Replayed), "{:?}", same.count());
}

#[tokio::test(start_paused = true)]
async fn a_bulk_of_an_endpoint_that_is_gone_waits_and_can_be_stopped() {
    let world = World::new();
    let system = System::new(Contract::None, &[Act::Fail(FailureKind::Defect); 5]);
    use ItemResult::{Skipped, Succeeded};
    let id = world
        .while_dispatching(endpoints(&system), async {
            let targets = dead(&world, 5).await;
            let id = world.order("kfz", bulk(&targets, 0, 0)).await;
            let end = Instant::now() + DONE_WITHIN;
            while results(&world, id).await.0.values().filter(|it| **it == Succeeded).count() < 2 {
                assert!(Instant::now() < end, "nothing more was ordered");
                sleep(SECOND / 100).await;
            }
            id
        })
        .await;
    let other = System::new(Contract::None, &[]);
    world
        .while_dispatching(vec![endpoint("other", &other)], async {
            sleep(60 * SECOND).await;
            let (told, states) = results(&world, id).await;
            assert_eq!(told.len(), 2, "nothing more is ordered about what nobody serves");
            assert_eq!(states, [BulkState::Running], "it is not forgotten");
            assert_eq!(world.obeyed("kfz", Order::StopBulk(id)).await, None);
            let told = done(&world, id).await;
            assert_eq!(told, [Succeeded, Succeeded, Skipped, Skipped, Skipped]);
        })
        .await;
    assert_eq!(other.arrived(), [""; 0]);
    // Served again, it finds nothing that is to go on.
    world.while_dispatching(endpoints(&system), sleep(60 * SECOND)).await;
    assert_eq!(system.took_effect(), ["m0", "m1"]);
}

#[tokio::test(start_paused = true)]
async fn a_bulk_waits_for_the_lease_of_an_attempt_that_may_still_take_effect() {
    let world = World::new();
    let system = System::new(Contract::None, &[Act::Hang]);
    world.submit("a1", "a").await;
    world
        .while_dispatching(endpoints(&system), async {
            begun(&world).await;
            until(|| system.arrived().len() == 1).await;
        })
        .await;
    // One is looked at in the life that asks, and the bulk is ordered in the next, before its lease is over.
    let target = world
        .while_dispatching(endpoints(&system), async {
            seen(&world, "a1", DeliveryState::Uncertain).await
        })
        .await;
    world
        .while_dispatching(endpoints(&system), async {
            let again = Order::SendAgain(target.clone());
            assert_eq!(world.obeyed("kfz", again).await.as_deref(), Some("AB-3226"), "too early");
            let Order::Bulk(mut ordered) = bulk(&[target], 0, 0) else { unreachable!("a bulk") };
            ordered.each = EachOrder::SendAgain;
            let id = world.order("kfz", Order::Bulk(ordered)).await;
            assert_eq!(done(&world, id).await, [ItemResult::Succeeded]);
            let refused = results(&world, id).await.0.into_values();
            assert_eq!(refused.filter(|it| *it == ItemResult::Refused).count(), 0);
        })
        .await;
    let visits = system.visits.lock().unwrap();
    let [(first, _), (second, _)] = visits[..] else { panic!("two attempts: {visits:?}") };
    assert!(TIMEOUT <= second.duration_since(first), "after the lease: {visits:?}");
    assert_eq!(system.took_effect(), ["a1"]);
}
