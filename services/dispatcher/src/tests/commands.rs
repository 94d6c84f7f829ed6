//! What operators order: one test per rule.

use std::time::Duration;

use bytes::Bytes;
use channels::codec;
use messaging::{
    ChannelName, DeliveryState, EffectContract as Contract, Event, EventKind, FailureKind, Order,
    Record, Seen, Target,
};

use super::world::{Act, System, TIMEOUT, World, command, endpoint, target};
use crate::{AfterDeadLetter, Endpoint};

const LONG: Duration = Duration::from_secs(600);

pub(super) async fn until(done: impl Fn() -> bool) {
    while !done() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Waits until a new ledger executes what is ordered, and not only records it.
pub(super) async fn begun(world: &World) {
    while world.obeyed("kfz", Order::Resume).await.is_some() {}
}

/// What was told of gates, in order.
async fn gates(world: &World) -> Vec<(&'static str, Option<String>)> {
    let events = world.events().await.into_iter();
    let of_gates = events.filter(|event| {
        matches!(event.kind, EventKind::GateClosed { .. } | EventKind::GateOpened { .. })
    });
    of_gates.map(|event| (event.kind.name(), event.code)).collect()
}

async fn last_state(world: &World, own_id: &str) -> (DeliveryState, Seen) {
    let message_id = target(own_id).message_id;
    let events = world.events().await.into_iter();
    let of_it = events.filter(|event| event.message_id == Some(message_id));
    let told = of_it.filter_map(|event| event.delivery);
    let delivery = told.max_by_key(|told| (told.epoch, told.version)).unwrap();
    let seen = Seen {
        ledger: delivery.ledger,
        epoch: delivery.epoch,
        delivery: delivery.delivery,
        version: delivery.version,
    };
    (delivery.state, seen)
}

pub(super) async fn reach(world: &World, own_id: &str, state: DeliveryState) -> Seen {
    loop {
        let is_told = |event: &Event| event.message_id == Some(target(own_id).message_id);
        if world.events().await.iter().any(is_told) {
            let (now, seen) = last_state(world, own_id).await;
            if now == state {
                return seen;
            }
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_paused_endpoint_gets_nothing_until_it_is_resumed_whatever_restarts() {
    let world = World::new();
    let (system, other) = (System::new(Contract::None, &[]), System::new(Contract::None, &[]));
    let endpoints = || vec![endpoint("kfz", &system), endpoint("copy", &other)];
    world
        .while_dispatching(endpoints(), async {
            begun(&world).await;
            assert_eq!(world.obeyed("kfz", Order::Pause).await, None);
            world.submit("a1", "a").await;
            until(|| other.took_effect().len() == 1).await;
        })
        .await;
    world
        .while_dispatching(endpoints(), async {
            world.submit("a2", "a").await;
            until(|| other.took_effect().len() == 2).await;
            tokio::time::sleep(LONG).await;
            assert!(system.arrived().is_empty(), "not one lease is granted");
            assert_eq!(world.obeyed("kfz", Order::Resume).await, None);
            until(|| system.took_effect().len() == 2).await;
        })
        .await;
    assert_eq!(system.arrived(), ["a1", "a2"]);
    // The third start finds it served.
    world.submit("a3", "a").await;
    world.dispatch_until(endpoints(), || system.took_effect().len() == 3).await;

    let told = gates(&world).await;
    let paused = told.iter().filter(|(_, code)| code.as_deref() == Some("AB-3220")).count();
    assert_eq!(paused, 2, "once when it was ordered, once by the start that found it so");
}

#[tokio::test(start_paused = true)]
async fn what_is_under_way_when_an_endpoint_is_paused_may_end() {
    let world = World::new();
    let system = System::new(Contract::None, &[]);
    let endpoints = vec![Endpoint { concurrency: 1, ..endpoint("kfz", &system) }];
    world
        .while_dispatching(endpoints, async {
            begun(&world).await;
            world.submit("a1", "a").await;
            world.submit("b1", "b").await;
            until(|| system.arrived().len() == 1).await;
            assert_eq!(world.obeyed("kfz", Order::Pause).await, None);
            tokio::time::sleep(LONG).await;
        })
        .await;
    assert_eq!(system.arrived(), system.took_effect());
    assert_eq!(last_state(&world, "a1").await.0, DeliveryState::Delivered);
    assert!(system.arrived().len() < 2 || last_state(&world, "b1").await.0.is_final());
}

#[tokio::test(start_paused = true)]
async fn a_pause_does_not_open_a_gate_and_a_gate_does_not_end_a_pause() {
    let world = World::new();
    let system = System::new(Contract::None, &[Act::Fail(FailureKind::Unavailable)]);
    *system.probes.lock().unwrap() = vec![false; 3].into();
    world.submit("a1", "a").await;
    world
        .while_dispatching(vec![endpoint("kfz", &system)], async {
            until(|| system.arrived().len() == 1).await;
            tokio::time::sleep(Duration::from_millis(100)).await;
            assert_eq!(world.obeyed("kfz", Order::Pause).await, None);
            tokio::time::sleep(LONG).await;
            assert_eq!(system.probes.lock().unwrap().len(), 3, "what is paused is left alone");
            assert_eq!(world.obeyed("kfz", Order::Resume).await, None);
            until(|| system.took_effect().len() == 1).await;
        })
        .await;
    let expected = [
        ("gate_opened", None),
        ("gate_closed", Some("AB-0000")),
        ("gate_closed", Some("AB-3220")),
        ("gate_closed", Some("AB-0000")),
        ("gate_opened", None),
    ];
    let told = gates(&world).await;
    let told: Vec<_> = told.iter().map(|(kind, code)| (*kind, code.as_deref())).collect();
    assert_eq!(told, expected);
}

#[tokio::test(start_paused = true)]
async fn a_command_that_comes_again_changes_nothing() {
    let world = World::new();
    let system = System::new(Contract::None, &[]);
    let pause = command("kfz", Order::Pause);
    let record = codec::encode_command(&pause, "test");
    let endpoints = || vec![endpoint("kfz", &system)];
    world
        .while_dispatching(endpoints(), async {
            begun(&world).await;
            world.append(vec![record.clone(), record.clone()]).await;
            world.answer(pause.id).await;
            assert_eq!(world.obeyed("kfz", Order::Resume).await, None);
        })
        .await;
    world
        .while_dispatching(endpoints(), async {
            world.append(vec![record]).await;
            assert_eq!(world.obeyed("kfz", Order::Resume).await, None);
            world.submit("a1", "a").await;
            until(|| system.took_effect().len() == 1).await;
        })
        .await;
    let closed = gates(&world).await.iter().filter(|(kind, _)| *kind == "gate_closed").count();
    assert_eq!(closed, 1);
}

#[tokio::test(start_paused = true)]
async fn a_dead_delivery_is_replayed_in_place_with_its_key_and_before_its_case() {
    let world = World::new();
    let system = System::new(Contract::None, &[Act::Fail(FailureKind::Defect)]);
    let endpoints = || vec![endpoint("kfz", &system)];
    for own_id in ["a1", "a2"] {
        world.submit(own_id, "a").await;
    }
    world
        .while_dispatching(endpoints(), async {
            reach(&world, "a1", DeliveryState::Dead).await;
        })
        .await;
    world
        .while_dispatching(endpoints(), async {
            assert_eq!(world.obeyed("kfz", Order::Replay(target("a1"))).await, None);
            until(|| system.took_effect().len() == 2).await;
            reach(&world, "a1", DeliveryState::Delivered).await;
            let again = world.obeyed("kfz", Order::Replay(target("a1"))).await;
            assert_eq!(again.as_deref(), Some("AB-3222"), "delivered is delivered");
        })
        .await;
    assert_eq!(system.arrived(), ["a1", "a1", "a2"]);
    let keys: Vec<_> = system.arrivals.lock().unwrap().iter().map(|(_, it)| it.key).collect();
    assert_eq!(keys[0], keys[1]);
    assert_eq!(world.event_counts().await["replayed"], 1);
}

#[tokio::test(start_paused = true)]
async fn what_is_revived_and_fails_again_may_use_its_attempts_again() {
    let world = World::new();
    let failing = vec![Act::Fail(FailureKind::Transient); 5];
    let system = System::new(Contract::None, &failing);
    world.submit("a1", "a").await;
    world
        .while_dispatching(vec![endpoint("kfz", &system)], async {
            reach(&world, "a1", DeliveryState::Dead).await;
            assert_eq!(world.obeyed("kfz", Order::Replay(target("a1"))).await, None);
            until(|| system.took_effect().len() == 1).await;
        })
        .await;
    let numbers: Vec<u32> = system.arrivals.lock().unwrap().iter().map(|(n, _)| *n).collect();
    assert_eq!(numbers, [1, 2, 3, 1, 2, 3]);
}

#[tokio::test(start_paused = true)]
async fn discarding_lets_the_case_go_on_and_is_final() {
    for after_dead_letter in [AfterDeadLetter::Hold, AfterDeadLetter::Continue] {
        let world = World::new();
        let system = System::new(Contract::None, &[Act::Fail(FailureKind::Defect)]);
        let endpoints = || vec![Endpoint { after_dead_letter, ..endpoint("kfz", &system) }];
        world.submit("a1", "a").await;
        world
            .while_dispatching(endpoints(), async {
                reach(&world, "a1", DeliveryState::Dead).await;
                // Two at once: the second finds it decided.
                let first = world.order("kfz", Order::Discard(target("a1"))).await;
                let second = world.order("kfz", Order::Discard(target("a1"))).await;
                assert_eq!(world.answer(first).await.code, None);
                let refused = world.answer(second).await.code.unwrap();
                assert!(["AB-3222", "AB-3223"].contains(&refused.as_str()), "{refused}");
                world.submit("a2", "a").await;
                until(|| system.took_effect().len() == 1).await;
            })
            .await;
        world.submit("a3", "a").await;
        world.dispatch_until(endpoints(), || system.took_effect().len() == 2).await;
        assert_eq!(system.arrived(), ["a1", "a2", "a3"]);
        assert_eq!(last_state(&world, "a1").await.0, DeliveryState::Discarded);
    }
}

#[tokio::test(start_paused = true)]
async fn a_dead_delivery_that_holds_nothing_is_replayed_behind_its_case() {
    let world = World::new();
    let system = System::new(Contract::None, &[Act::Fail(FailureKind::Defect)]);
    let after_dead_letter = AfterDeadLetter::Continue;
    let endpoints = || vec![Endpoint { after_dead_letter, ..endpoint("kfz", &system) }];
    for own_id in ["a1", "a2"] {
        world.submit(own_id, "a").await;
    }
    world.dispatch_until(endpoints(), || system.took_effect().len() == 1).await;
    world
        .while_dispatching(endpoints(), async {
            assert_eq!(world.obeyed("kfz", Order::Replay(target("a1"))).await, None);
            until(|| system.took_effect().len() == 2).await;
            reach(&world, "a1", DeliveryState::Delivered).await;
        })
        .await;
    assert_eq!(system.took_effect(), ["a2", "a1"]);
}

#[tokio::test(start_paused = true)]
async fn where_nobody_can_tell_an_operator_says_what_happened() {
    for (order, effects) in [
        (Order::ConfirmDelivered as fn(Target) -> Order, vec!["a1", "a2"]),
        (Order::SendAgain as fn(Target) -> Order, vec!["a1", "a1", "a2"]),
        (Order::Discard as fn(Target) -> Order, vec!["a1", "a2"]),
    ] {
        let world = World::new();
        let system = System::new(Contract::None, &[Act::AcceptSilently]);
        for own_id in ["a1", "a2"] {
            world.submit(own_id, "a").await;
        }
        world
            .while_dispatching(vec![endpoint("kfz", &system)], async {
                let seen = reach(&world, "a1", DeliveryState::Uncertain).await;
                let blind = world.obeyed("kfz", Order::Replay(target("a1"))).await;
                assert_eq!(blind.as_deref(), Some("AB-3225"), "never just repeated");
                let asked = Target { seen: Some(seen), ..target("a1") };
                assert_eq!(world.obeyed("kfz", order(asked.clone())).await, None);
                // One question is answered once, also by somebody who clicks twice.
                let twice = world.obeyed("kfz", order(asked)).await.unwrap();
                assert!(["AB-3222", "AB-3223"].contains(&twice.as_str()), "{twice}");
                until(|| system.took_effect().len() == effects.len()).await;
                tokio::time::sleep(LONG).await;
            })
            .await;
        assert_eq!(system.took_effect(), effects, "{:?}", order(target("a1")).name());
    }
}

#[tokio::test(start_paused = true)]
async fn an_uncertain_delivery_that_can_be_looked_up_is_asked_about_before_it_is_sent_again() {
    let visible_within = Duration::from_secs(60);
    let world = World::new();
    let system = System::new(Contract::CanLookUp { visible_within }, &[Act::AcceptSilently]);
    world.submit("a1", "a").await;
    world
        .while_dispatching(vec![endpoint("kfz", &system)], async {
            reach(&world, "a1", DeliveryState::Uncertain).await;
            assert_eq!(world.obeyed("kfz", Order::Replay(target("a1"))).await, None);
            reach(&world, "a1", DeliveryState::Delivered).await;
        })
        .await;
    assert_eq!(system.arrived(), ["a1"], "it was found");
}

#[tokio::test(start_paused = true)]
async fn nobody_decides_about_an_attempt_that_may_still_take_effect() {
    let world = World::new();
    let system = System::new(Contract::None, &[Act::Hang]);
    world.submit("a1", "a").await;
    let endpoints = || vec![endpoint("kfz", &system)];
    world
        .while_dispatching(endpoints(), async {
            begun(&world).await;
            until(|| system.arrived().len() == 1).await;
            let busy = world.obeyed("kfz", Order::Discard(target("a1"))).await;
            assert_eq!(busy.as_deref(), Some("AB-3224"), "it is not open to decisions");
        })
        .await;
    world
        .while_dispatching(endpoints(), async {
            let early = world.obeyed("kfz", Order::SendAgain(target("a1"))).await;
            assert_eq!(early.as_deref(), Some("AB-3226"));
        })
        .await;
    // A second start does not know how much time has passed either.
    world
        .while_dispatching(endpoints(), async {
            let early = world.obeyed("kfz", Order::SendAgain(target("a1"))).await;
            assert_eq!(early.as_deref(), Some("AB-3226"));
            tokio::time::sleep(TIMEOUT * 2).await;
            assert_eq!(world.obeyed("kfz", Order::SendAgain(target("a1"))).await, None);
            until(|| system.took_effect().len() == 1).await;
        })
        .await;
}

#[tokio::test(start_paused = true)]
async fn a_command_from_before_the_ledger_is_recorded_and_not_executed() {
    let world = World::new();
    let system = System::new(Contract::None, &[]);
    let before = world.order("kfz", Order::Pause).await;
    world.submit("a1", "a").await;
    let endpoints = || vec![endpoint("kfz", &system)];
    world
        .while_dispatching(endpoints(), async {
            assert_eq!(world.answer(before).await.code.as_deref(), Some("AB-3227"));
            until(|| system.took_effect().len() == 1).await;
        })
        .await;
    // While it stands still, its ledger stays what it is: such commands are for it.
    let meanwhile = world.order("kfz", Order::Pause).await;
    world
        .while_dispatching(endpoints(), async {
            assert_eq!(world.answer(meanwhile).await.code, None);
        })
        .await;
}

#[tokio::test(start_paused = true)]
async fn what_is_not_ours_is_left_to_others_and_what_is_unknown_is_refused() {
    let world = World::new();
    let system = System::new(Contract::None, &[]);
    world.submit("a1", "a").await;
    world
        .while_dispatching(vec![endpoint("kfz", &system)], async {
            begun(&world).await;
            let elsewhere = world.order("goerlitz", Order::Pause).await;
            let foreign = Record {
                channel: ChannelName::control(),
                key: Bytes::from_static(b"kfz"),
                headers: Vec::new(),
                value: Bytes::from_static(b"pause!"),
            };
            world.append(vec![foreign]).await;
            let newer = Order::Unknown { name: "fly".to_owned(), target: None };
            assert_eq!(world.obeyed("kfz", newer).await.as_deref(), Some("AB-3221"));
            let nobody = world.obeyed("kfz", Order::Discard(target("z9"))).await;
            assert_eq!(nobody.as_deref(), Some("AB-3222"));
            let other =
                Seen { ledger: "ledger-other".to_owned(), epoch: 1, delivery: 1, version: 1 };
            let of_other = Target { seen: Some(other), ..target("a1") };
            let elsewhere_seen = world.order("goerlitz", Order::Discard(of_other.clone())).await;
            let stale = world.obeyed("kfz", Order::Discard(of_other)).await;
            assert_eq!(stale.as_deref(), Some("AB-3223"), "who serves the endpoint answers");
            tokio::time::sleep(LONG).await;
            let events = world.events().await;
            let answered = |id| {
                events.iter().any(|event| {
                    matches!(&event.kind,
                    EventKind::CommandRefused { command, .. }
                    | EventKind::CommandAccepted { command, .. } if *command == id)
                })
            };
            assert!(!answered(elsewhere) && !answered(elsewhere_seen));
        })
        .await;
    let letters = world.told(ChannelName::dead()).await;
    assert_eq!(letters.len(), 1, "a record nobody can read is kept");
}

#[tokio::test(start_paused = true)]
async fn what_is_open_of_a_former_endpoint_can_still_be_given_up() {
    let world = World::new();
    let system = System::new(Contract::None, &[Act::Fail(FailureKind::Defect)]);
    world.submit("a1", "a").await;
    world
        .while_dispatching(vec![endpoint("kfz", &system)], async {
            reach(&world, "a1", DeliveryState::Dead).await;
        })
        .await;
    world
        .while_dispatching(vec![endpoint("other", &system)], async {
            let replayed = world.obeyed("kfz", Order::Replay(target("a1"))).await;
            assert_eq!(replayed.as_deref(), Some("AB-3228"));
            assert_eq!(world.obeyed("kfz", Order::Discard(target("a1"))).await, None);
        })
        .await;
    assert_eq!(last_state(&world, "a1").await.0, DeliveryState::Discarded);
}
