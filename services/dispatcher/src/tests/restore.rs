//! A ledger restored from a backup knows nothing of what was done after that: one test per rule.

use std::{sync::Arc, time::Duration};

use messaging::{
    BulkState, DeliveryState, EffectContract as Contract, Event, EventKind, FailureKind,
    ItemResult, Order, Target,
};
use tokio::time::{Instant, sleep};

use super::{
    bulks::{bulk, dead, endpoints, results},
    commands::{begun, reach, until},
    world::{Act, System, TIMEOUT, World, endpoint, target},
};
use crate::Endpoint;

const RESTORED: &str = "AB-3234";
const LONG: Duration = Duration::from_secs(600);

fn served(system: &Arc<System>) -> Vec<Endpoint> {
    vec![endpoint("kfz", system)]
}

/// Submits messages, each of a case of its own, and waits until they took effect.
async fn deliver(world: &World, system: &Arc<System>, own_ids: &[&str]) {
    let before = system.took_effect().len();
    for own_id in own_ids {
        world.submit(own_id, own_id).await;
    }
    let done = || system.took_effect().len() == before + own_ids.len();
    world
        .while_dispatching(served(system), async {
            until(done).await;
            for own_id in own_ids {
                reach(world, own_id, DeliveryState::Delivered).await;
            }
        })
        .await;
}

/// What was told of a message because the ledger was restored: whether a person is asked, each time.
async fn doubts(world: &World, own_id: &str) -> Vec<bool> {
    let message = target(own_id).message_id;
    let is_it = |event: &Event| {
        event.message_id == Some(message) && event.code.as_deref() == Some(RESTORED)
    };
    let mut told: Vec<Event> = world.events().await.into_iter().filter(is_it).collect();
    told.dedup_by(|again, first| again.id == first.id);
    let questions = told.iter().map(|event| match event.kind {
        EventKind::Uncertain { is_question } => is_question,
        ref kind => panic!("{kind:?}"),
    });
    questions.collect()
}

#[tokio::test(start_paused = true)]
async fn where_nobody_can_tell_everything_beyond_the_backup_is_one_question_and_no_repeat() {
    let world = World::new();
    let system = System::new(Contract::None, &[]);
    deliver(&world, &system, &["a1"]).await;
    world.back_up();
    deliver(&world, &system, &["a2", "a3"]).await;
    let restored = world.restore();
    assert_eq!((restored.uncertain, restored.paused.len()), (0, 0));
    // It came while no ledger was there: whether it was handed out nobody can say either.
    world.submit("a4", "a4").await;

    let beyond = ["a2", "a3", "a4"];
    world.while_dispatching(served(&system), sleep(LONG)).await;
    assert_eq!(system.arrived(), ["a1", "a2", "a3"], "nothing beyond it is handed out");
    world
        .while_dispatching(served(&system), async {
            for own_id in beyond {
                reach(&world, own_id, DeliveryState::Uncertain).await;
            }
            world.submit("a5", "a5").await;
            reach(&world, "a5", DeliveryState::Delivered).await;
            sleep(LONG).await;
        })
        .await;
    // As does a start after a crash, whatever came between.
    world.submit("a6", "a6").await;
    world
        .while_dispatching(served(&system), async {
            reach(&world, "a6", DeliveryState::Delivered).await;
            sleep(LONG).await;
        })
        .await;
    assert_eq!(system.arrived(), ["a1", "a2", "a3", "a5", "a6"], "none of them twice");
    for own_id in beyond {
        assert_eq!(doubts(&world, own_id).await, [true], "{own_id}: one question");
    }
    assert!(doubts(&world, "a1").await.is_empty(), "what is final in the backup is final");

    world
        .while_dispatching(served(&system), async {
            for (own_id, order, state) in [
                ("a2", Order::ConfirmDelivered(target("a2")), DeliveryState::Delivered),
                ("a4", Order::SendAgain(target("a4")), DeliveryState::Delivered),
                ("a3", Order::Discard(target("a3")), DeliveryState::Discarded),
            ] {
                sleep(TIMEOUT * 2).await;
                assert_eq!(world.obeyed("kfz", order).await, None, "{own_id}");
                reach(&world, own_id, state).await;
            }
        })
        .await;
    assert_eq!(system.arrived(), ["a1", "a2", "a3", "a5", "a6", "a4"]);
}

#[tokio::test(start_paused = true)]
async fn a_system_that_can_be_asked_is_asked_and_only_what_is_absent_is_handed_over() {
    let world = World::new();
    let visible_within = Duration::from_secs(60);
    let system = System::new(Contract::CanLookUp { visible_within }, &[]);
    deliver(&world, &system, &["a1"]).await;
    world.back_up();
    deliver(&world, &system, &["a2"]).await;
    world.restore();
    world.submit("a3", "a3").await;
    let began = Instant::now();
    world
        .while_dispatching(served(&system), async {
            reach(&world, "a2", DeliveryState::Delivered).await;
            reach(&world, "a3", DeliveryState::Delivered).await;
        })
        .await;
    assert!(TIMEOUT + visible_within <= began.elapsed(), "what may still come is waited for");
    assert_eq!(system.arrived(), ["a1", "a2", "a3"]);
    assert_eq!(doubts(&world, "a2").await, [false], "nobody is asked");
}

#[tokio::test(start_paused = true)]
async fn what_was_ordered_about_one_that_waits_for_another_leaves_it_in_its_place() {
    let world = World::new();
    let system = System::new(Contract::Deduplicates, &[]);
    deliver(&world, &system, &["a0"]).await;
    world.back_up();
    world.restore();
    for own_id in ["a1", "a2"] {
        world.submit(own_id, "a").await;
    }
    world
        .while_dispatching(served(&system), async {
            begun(&world).await;
            assert_eq!(world.obeyed("kfz", Order::Pause).await, None);
            reach(&world, "a2", DeliveryState::Uncertain).await;
            sleep(TIMEOUT * 2).await;
            assert_eq!(world.obeyed("kfz", Order::Replay(target("a2"))).await, None);
        })
        .await;
    // Also to a start after that, which finds the one changed and the other not.
    world
        .while_dispatching(served(&system), async {
            assert_eq!(world.obeyed("kfz", Order::Resume).await, None);
            until(|| system.took_effect().len() == 3).await;
        })
        .await;
    assert_eq!(system.arrived(), ["a0", "a1", "a2"]);
}

#[tokio::test(start_paused = true)]
async fn a_system_that_recognises_keys_gets_everything_again_under_the_same_key() {
    let world = World::new();
    let system = System::new(Contract::Deduplicates, &[]);
    deliver(&world, &system, &["a1"]).await;
    world.back_up();
    deliver(&world, &system, &["a2"]).await;
    world.restore();
    world
        .while_dispatching(served(&system), async {
            until(|| system.arrived().len() == 3).await;
            reach(&world, "a2", DeliveryState::Delivered).await;
        })
        .await;
    assert_eq!((system.arrived(), system.took_effect().len()), (names(&["a1", "a2", "a2"]), 2));
    let keys: Vec<_> = system.arrivals.lock().unwrap().iter().map(|(_, it)| it.key).collect();
    assert_eq!(keys[1], keys[2]);
}

fn names(own_ids: &[&str]) -> Vec<String> {
    own_ids.iter().map(|own_id| (*own_id).to_owned()).collect()
}

#[tokio::test(start_paused = true)]
async fn what_was_open_in_the_backup_is_uncertain_whatever_it_waited_for() {
    let world = World::new();
    let fails = [Act::Fail(FailureKind::Defect), Act::Fail(FailureKind::Transient)];
    let system = System::new(Contract::None, &fails);
    // One is dead, one waits, and one waits behind that.
    world.submit("dead", "b").await;
    world
        .while_dispatching(served(&system), async {
            reach(&world, "dead", DeliveryState::Dead).await;
            world.submit("waits", "c").await;
            reach(&world, "waits", DeliveryState::Waiting).await;
            world.submit("behind", "c").await;
            sleep(Duration::from_millis(100)).await;
            world.back_up();
            until(|| system.took_effect().len() == 2).await;
            begun(&world).await;
            assert_eq!(world.obeyed("kfz", Order::Replay(target("dead"))).await, None);
            reach(&world, "dead", DeliveryState::Delivered).await;
        })
        .await;
    let before = system.arrived();
    assert_eq!(world.restore().uncertain, 3);
    world.while_dispatching(served(&system), sleep(LONG)).await;
    assert_eq!(system.arrived(), before, "nothing is repeated");
    for own_id in ["dead", "waits", "behind"] {
        assert_eq!(doubts(&world, own_id).await, [true], "{own_id}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_ordered_after_the_backup_is_recorded_and_not_executed() {
    let world = World::new();
    let system = System::new(Contract::None, &[]);
    let paused = world
        .while_dispatching(served(&system), async {
            begun(&world).await;
            world.back_up();
            let paused = world.order("kfz", Order::Pause).await;
            world.answer(paused).await;
            paused
        })
        .await;
    world.restore();
    world
        .while_dispatching(served(&system), async {
            begun(&world).await;
            world.submit("a1", "a").await;
            reach(&world, "a1", DeliveryState::Delivered).await;
        })
        .await;
    let answers = world.events().await.into_iter().filter_map(|event| match event.kind {
        EventKind::CommandAccepted { command, .. } if command == paused => Some(None),
        EventKind::CommandRefused { command, .. } if command == paused => Some(event.code),
        _ => None,
    });
    let answers: Vec<Option<String>> = answers.collect();
    assert_eq!(answers, [None, Some("AB-3227".to_owned())], "done once, and recorded once more");
}

#[tokio::test(start_paused = true)]
async fn a_message_nobody_wanted_may_have_found_somebody_after_the_backup() {
    let world = World::new();
    let (nobody, system) = (System::new(Contract::None, &[]), System::new(Contract::None, &[]));
    let elsewhere = || {
        let mut elsewhere = endpoint("goerlitz", &nobody);
        elsewhere.interests[0].authority_prefix = "svb:14626".to_owned();
        vec![elsewhere]
    };
    world.submit("a1", "a").await;
    world
        .while_dispatching(elsewhere(), async {
            while world.event_counts().await.get("unrouted") != Some(&1) {
                sleep(Duration::from_millis(10)).await;
            }
        })
        .await;
    world.back_up();
    world.dispatch_until(served(&system), || system.took_effect().len() == 1).await;
    world.restore();
    world.while_dispatching(served(&system), sleep(LONG)).await;
    assert_eq!(system.arrived(), ["a1"]);
    assert_eq!(doubts(&world, "a1").await, [true]);
}

#[tokio::test(start_paused = true)]
async fn what_an_endpoint_had_open_that_is_gone_is_a_question_too() {
    let world = World::new();
    let system = System::new(Contract::None, &[Act::Fail(FailureKind::Defect)]);
    world.submit("a1", "a").await;
    world
        .while_dispatching(served(&system), async {
            reach(&world, "a1", DeliveryState::Dead).await;
        })
        .await;
    world.back_up();
    world.restore();
    let other = System::new(Contract::None, &[]);
    world
        .while_dispatching(vec![endpoint("copy", &other)], async {
            let seen = reach(&world, "a1", DeliveryState::Uncertain).await;
            let target = Target { seen: Some(seen), ..target("a1") };
            assert_eq!(world.obeyed("kfz", Order::Discard(target)).await, None);
        })
        .await;
    assert_eq!(doubts(&world, "a1").await, [true]);
}

#[tokio::test(start_paused = true)]
async fn a_bulk_of_before_is_stopped_and_says_why() {
    let world = World::new();
    let system = System::new(Contract::Deduplicates, &[Act::Fail(FailureKind::Defect); 6]);
    let id = world
        .while_dispatching(endpoints(&system), async {
            let targets = dead(&world, 6).await;
            let id = world.order("kfz", bulk(&targets, 0, 0)).await;
            until(|| system.took_effect().len() == 2).await;
            world.back_up();
            id
        })
        .await;
    world.restore();
    world
        .while_dispatching(endpoints(&system), async {
            while !results(&world, id).await.1.contains(&BulkState::Done) {
                sleep(Duration::from_millis(100)).await;
            }
        })
        .await;
    let (items, states) = results(&world, id).await;
    assert_eq!(
        (states.first(), states.last()),
        (Some(&BulkState::Running), Some(&BulkState::Done))
    );
    let skipped = items.values().filter(|it| **it == ItemResult::Skipped).count();
    assert!((3..=4).contains(&skipped), "{items:?}");
    let told = world.events().await.into_iter().filter(|event| match &event.kind {
        EventKind::BulkItem { command, result: ItemResult::Skipped, .. } => *command == id,
        EventKind::BulkState { command, state, .. } => {
            *command == id && *state != BulkState::Running
        }
        _ => false,
    });
    assert!(told.map(|event| event.code).all(|code| code.as_deref() == Some(RESTORED)));
}
