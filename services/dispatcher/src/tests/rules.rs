//! One test per rule.

use std::time::Duration;

use bytes::Bytes;
use messaging::{ChannelName, DeliveryState, EffectContract as Contract, EventKind, FailureKind};
use tokio_util::sync::CancellationToken;

use super::world::{Act, System, World, channel, endpoint, record, record_for};
use crate::{AfterDeadLetter, Endpoint};

#[tokio::test(start_paused = true)]
async fn a_case_is_delivered_in_its_order_however_often_its_head_fails() {
    let world = World::new();
    let failing = [Act::Fail(FailureKind::Transient), Act::Fail(FailureKind::Transient)];
    let system = System::new(Contract::Deduplicates, &failing);
    for own_id in ["a1", "a2", "a3"] {
        world.submit(own_id, "a").await;
    }
    let endpoints = vec![endpoint("kfz", &system)];
    world.dispatch_until(endpoints, || system.took_effect().len() == 3).await;
    assert_eq!(system.arrived(), ["a1", "a1", "a1", "a2", "a3"]);
}

#[tokio::test(start_paused = true)]
async fn a_failing_message_parks_its_case_and_no_other() {
    let world = World::new();
    let system = System::new(Contract::None, &[Act::Fail(FailureKind::Transient)]);
    world.submit("a1", "a").await;
    world.submit("a2", "a").await;
    world.submit("b1", "b").await;
    let endpoints = vec![Endpoint { concurrency: 1, ..endpoint("kfz", &system) }];
    world.dispatch_until(endpoints, || system.took_effect().len() == 3).await;
    assert_eq!(system.arrived(), ["a1", "b1", "a1", "a2"]);
}

#[tokio::test(start_paused = true)]
async fn an_absent_endpoint_never_kills_a_message() {
    let world = World::new();
    let down = vec![Act::Fail(FailureKind::Unavailable); 2];
    let system = System::new(Contract::None, &down);
    // A weekend of failing probes.
    *system.probes.lock().unwrap() = vec![false; 200].into();
    world.submit("a1", "a").await;
    let endpoints = || vec![endpoint("kfz", &system)];
    world.dispatch_until(endpoints(), || system.took_effect().len() == 1).await;

    let numbers: Vec<u32> = system.arrivals.lock().unwrap().iter().map(|(n, _)| *n).collect();
    assert_eq!(numbers, [1, 1, 1], "no attempt is spent");
    let counts = world.event_counts().await;
    assert_eq!(counts.get("dead_lettered"), None);
    // A start tells once that the gate is open.
    assert_eq!((counts["gate_closed"], counts["gate_opened"]), (2, 2 + 1));
}

#[tokio::test(start_paused = true)]
async fn nothing_is_handed_over_while_the_gate_is_closed() {
    let world = World::new();
    let system = System::new(Contract::None, &[Act::Fail(FailureKind::Unavailable)]);
    *system.probes.lock().unwrap() = vec![false; 10].into();
    for n in 0..50 {
        world.submit(&format!("m{n}"), &format!("case {n}")).await;
    }
    let endpoints = vec![Endpoint { concurrency: 1, ..endpoint("kfz", &system) }];
    let probed = || system.probes.lock().unwrap().is_empty();
    world.dispatch_until(endpoints, probed).await;
    assert_eq!(system.arrived().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_is_not_delivered_within_a_second_is_told_as_pending_once() {
    let world = World::new();
    let system = System::new(Contract::None, &[Act::Hang]);
    world.submit("a1", "a").await;
    world.submit("a2", "a").await;
    let stop = CancellationToken::new();
    let watching = async {
        tokio::time::sleep(Duration::from_secs(5)).await;
        world.event_counts().await
    };
    let counts = tokio::select! {
        () = world.dispatch(vec![endpoint("kfz", &system)], stop) => unreachable!(),
        counts = watching => counts,
    };
    assert_eq!(counts.get("admitted"), Some(&2));
}

#[tokio::test(start_paused = true)]
async fn a_message_for_two_systems_is_told_of_for_both_before_one_of_them_has_it() {
    let world = World::new();
    let systems = [
        ("quick", System::new(Contract::Deduplicates, &[])),
        ("slow", System::new(Contract::Deduplicates, &[Act::Hang])),
    ];
    world.submit("a1", "a").await;
    let endpoints = systems.iter().map(|(name, system)| endpoint(name, system)).collect();
    world.while_dispatching(endpoints, tokio::time::sleep(Duration::from_millis(500))).await;
    let told = world.events().await;
    let told: Vec<_> = told
        .iter()
        .filter_map(|event| Some((event.kind.name(), event.delivery.as_ref()?.endpoint.as_str())))
        .collect();
    let Some(first) = told.iter().position(|told| *told == ("delivered", "quick")) else {
        panic!("{told:?}");
    };
    assert!(told.iter().take(first).any(|told| *told == ("admitted", "slow")), "{told:?}");
}

#[tokio::test(start_paused = true)]
async fn an_unknown_end_is_repeated_looked_up_or_asked_by_contract() {
    let visible_within = Duration::from_secs(60);
    for (contract, arrivals, effects) in [
        (Contract::Deduplicates, 2, 1),
        (Contract::CanLookUp { visible_within }, 1, 1),
        (Contract::None, 1, 1),
    ] {
        let world = World::new();
        let system = System::new(contract, &[Act::AcceptSilently]);
        world.submit("a1", "a").await;
        let stop = CancellationToken::new();
        tokio::select! {
            () = world.dispatch(vec![endpoint("kfz", &system)], stop) => unreachable!(),
            () = tokio::time::sleep(Duration::from_secs(600)) => {}
        }
        assert_eq!(system.arrived().len(), arrivals, "{contract:?}");
        assert_eq!(system.took_effect().len(), effects, "{contract:?}");
        let events = world.events().await;
        let questions = events
            .iter()
            .filter(|event| matches!(event.kind, EventKind::Uncertain { is_question: true }));
        let is_asked = contract == Contract::None;
        assert_eq!(questions.count(), usize::from(is_asked), "{contract:?}");
        let is_delivered = events.iter().any(|event| event.kind.name() == "delivered");
        assert_eq!(is_delivered, !is_asked, "{contract:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_restart_repeats_what_was_in_flight_if_its_contract_allows_and_nothing_else() {
    for (contract, is_repeated) in [(Contract::Deduplicates, true), (Contract::None, false)] {
        let world = World::new();
        let system = System::new(contract, &[Act::Accept, Act::AcceptSilently]);
        for own_id in ["a1", "b1"] {
            world.submit(own_id, own_id).await;
        }
        let endpoints = || vec![Endpoint { concurrency: 1, ..endpoint("kfz", &system) }];
        world.dispatch_until(endpoints(), || system.took_effect().len() == 2).await;

        let again = async {
            tokio::select! {
                () = world.dispatch(endpoints(), CancellationToken::new()) => unreachable!(),
                () = tokio::time::sleep(Duration::from_secs(600)) => {}
            }
        };
        again.await;
        let expected: &[&str] = if is_repeated { &["a1", "b1", "b1"] } else { &["a1", "b1"] };
        assert_eq!(system.arrived(), expected, "{contract:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn nobody_touches_a_case_before_its_interrupted_attempt_surely_ended() {
    let world = World::new();
    let system = System::new(Contract::Deduplicates, &[Act::Hang]);
    world.submit("a1", "a").await;
    let endpoints = || vec![endpoint("kfz", &system)];
    world.dispatch_until(endpoints(), || system.arrived().len() == 1).await;
    let restarted = tokio::time::Instant::now();
    world.dispatch_until(endpoints(), || system.arrived().len() == 2).await;
    assert!(super::world::TIMEOUT < restarted.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_dead_letter_holds_its_case_unless_it_is_told_to_go_on() {
    for (after_dead_letter, expected) in
        [(AfterDeadLetter::Hold, vec!["b1"]), (AfterDeadLetter::Continue, vec!["b1", "a2"])]
    {
        let world = World::new();
        let system = System::new(Contract::None, &[Act::Fail(FailureKind::Defect)]);
        for (own_id, case) in [("a1", "a"), ("b1", "b"), ("a2", "a")] {
            world.submit(own_id, case).await;
        }
        let endpoints =
            vec![Endpoint { after_dead_letter, concurrency: 1, ..endpoint("kfz", &system) }];
        tokio::select! {
            () = world.dispatch(endpoints, CancellationToken::new()) => unreachable!(),
            () = tokio::time::sleep(Duration::from_secs(600)) => {}
        }
        assert_eq!(system.took_effect(), expected);
        let letters = world.told(ChannelName::dead()).await;
        let letter = channels::codec::decode_dead_letter(&letters[0]).unwrap();
        assert_eq!(letter.position.offset, 0);
        assert_eq!(letter.event.delivery.unwrap().state, DeliveryState::Dead);
        let original = channels::codec::decode_application(&letter.record).unwrap();
        assert_eq!(original.head.own_id.unwrap().as_str(), "a1");
    }
}

#[tokio::test(start_paused = true)]
async fn a_repeated_message_is_a_verdict_and_no_second_delivery() {
    let world = World::new();
    let system = System::new(Contract::None, &[]);
    let copies = vec![record("a1", "a", "<a/>"), record("a1", "a", "<a/>")];
    world.append(copies).await;
    world.append(vec![record("a1", "a", "<other/>"), record("a2", "a", "<a/>")]).await;
    let endpoints = || vec![endpoint("kfz", &system)];
    world.dispatch_until(endpoints(), || system.took_effect().len() == 2).await;
    // Once more after a restart: the ledger remembers.
    world.append(vec![record("a1", "a", "<a/>"), record("a3", "a", "<a/>")]).await;
    world.dispatch_until(endpoints(), || system.took_effect().len() == 3).await;

    assert_eq!(system.arrived(), ["a1", "a2", "a3"]);
    let counts = world.event_counts().await;
    assert_eq!((counts["duplicate"], counts["conflict"]), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn a_record_nobody_can_read_becomes_a_dead_letter_and_holds_nothing_back() {
    let world = World::new();
    let system = System::new(Contract::None, &[]);
    let foreign = messaging::Record {
        channel: channel(),
        key: Bytes::from_static(b"foreign"),
        headers: Vec::new(),
        value: Bytes::from_static(b"{\"not\": \"ours\"}"),
    };
    world.append(vec![foreign.clone(), record("a1", "a", "<a/>")]).await;
    let endpoints = vec![endpoint("kfz", &system)];
    world.dispatch_until(endpoints, || system.took_effect().len() == 1).await;
    let letters = world.told(ChannelName::dead()).await;
    let letter = channels::codec::decode_dead_letter(&letters[0]).unwrap();
    assert_eq!(letter.record.value, foreign.value);
    assert_eq!(letter.event.code.as_deref(), Some("AB-3206"));
}

#[tokio::test(start_paused = true)]
async fn a_message_nobody_wanted_goes_first_to_the_endpoint_that_comes_for_it() {
    let world = World::new();
    let system = System::new(Contract::None, &[]);
    let far = System::new(Contract::None, &[]);
    world.append(vec![record_for("svb:14626000", "z1", "z", "<a/>")]).await;
    world.submit("a1", "a").await;
    let near = vec![endpoint("kfz", &system)];
    world.dispatch_until(near, || system.took_effect().len() == 1).await;
    assert_eq!(world.event_counts().await["unrouted"], 1);

    world.append(vec![record_for("svb:14626000", "z2", "z", "<a/>")]).await;
    let mut goerlitz = endpoint("goerlitz", &far);
    goerlitz.interests[0].authority_prefix = "svb:14626".to_owned();
    let both = vec![endpoint("kfz", &system), goerlitz];
    world.dispatch_until(both, || far.took_effect().len() == 2).await;
    assert_eq!(far.took_effect(), ["z1", "z2"]);
    assert_eq!(system.took_effect(), ["a1"]);
}

#[tokio::test(start_paused = true)]
async fn many_cases_that_end_without_a_word_close_the_gate() {
    let world = World::new();
    let silent = vec![Act::Fail(FailureKind::Uncertain); 5];
    let system = System::new(Contract::Deduplicates, &silent);
    for n in 0..10 {
        world.submit(&format!("m{n}"), &format!("case {n}")).await;
    }
    let endpoints = vec![Endpoint { concurrency: 1, ..endpoint("kfz", &system) }];
    world.dispatch_until(endpoints, || system.took_effect().len() == 10).await;
    assert_eq!(world.event_counts().await["gate_closed"], 1);
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_lets_attempts_under_way_end_and_starts_no_more() {
    let world = World::new();
    let system = System::new(Contract::None, &[]);
    for n in 0..20 {
        world.submit(&format!("m{n}"), &format!("case {n}")).await;
    }
    let stop = CancellationToken::new();
    let stopping = async {
        // It begins with one at once.
        let all = |visits: &Vec<(_, usize)>| visits.last().is_some_and(|visit| visit.1 == 4);
        while !all(&system.visits.lock().unwrap()) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        stop.cancel();
    };
    tokio::join!(world.dispatch(vec![endpoint("kfz", &system)], stop.clone()), stopping);
    let arrived = system.arrived().len();
    assert!((4..20).contains(&arrived), "{arrived}");
    assert_eq!(system.took_effect().len(), arrived, "those under way end");
    let delivered = world.event_counts().await.get("delivered").copied();
    assert_eq!(delivered, Some(arrived), "and all of them are told");
}

#[tokio::test(start_paused = true)]
async fn what_waits_for_a_person_is_not_sent_because_something_came_before_it() {
    let world = World::new();
    let system = System::new(Contract::None, &[Act::AcceptSilently]);
    world.append(vec![record_for("svb:14626000", "a1", "a", "<a/>")]).await;
    world.submit("a2", "a").await;
    let near = || vec![endpoint("kfz", &system)];
    world.dispatch_until(near(), || system.took_effect().len() == 1).await;

    // The endpoint now wants a1 too, which lies before a2 in the log.
    let mut wider = endpoint("kfz", &system);
    wider.interests[0].authority_prefix = "svb:14".to_owned();
    tokio::select! {
        () = world.dispatch(vec![wider], CancellationToken::new()) => unreachable!(),
        () = tokio::time::sleep(Duration::from_secs(600)) => {}
    }
    assert_eq!(system.arrived(), ["a2"], "and nothing of its case overtakes it");
}

#[tokio::test(start_paused = true)]
async fn a_log_that_was_made_anew_is_not_read_on() {
    let mut world = World::new();
    let system = System::new(Contract::None, &[]);
    world.submit("a1", "a").await;
    let kfz = || vec![endpoint("kfz", &system)];
    world.dispatch_until(kfz(), || system.took_effect().len() == 1).await;

    // Longer than what was read, so that the position lies within it.
    world.replace_channel();
    for own_id in ["b1", "b2", "b3"] {
        world.submit(own_id, "b").await;
    }
    tokio::select! {
        () = world.dispatch(kfz(), CancellationToken::new()) => unreachable!(),
        () = tokio::time::sleep(Duration::from_secs(600)) => {}
    }
    assert_eq!(system.arrived(), ["a1"], "b1 would be skipped without a word");
}

#[tokio::test(start_paused = true)]
async fn an_outage_is_no_time_in_which_to_give_up() {
    let world = World::new();
    let script = [Act::Fail(FailureKind::Unavailable), Act::Fail(FailureKind::Transient)];
    let system = System::new(Contract::None, &script);
    *system.probes.lock().unwrap() = vec![false; 20].into();
    world.submit("a1", "a").await;
    let mut impatient = endpoint("kfz", &system);
    impatient.policy.max_elapsed_time = Some(Duration::from_secs(30));
    world.dispatch_until(vec![impatient], || system.took_effect().len() == 1).await;
    assert_eq!(world.event_counts().await.get("dead_lettered"), None);
}

#[tokio::test(start_paused = true)]
async fn a_settlement_waits_for_company_only_where_a_repetition_is_harmless() {
    for (contract, expected) in [(Contract::Deduplicates, 2), (Contract::None, 1)] {
        let world = World::new();
        let system = System::new(contract, &[]);
        world.submit("a1", "a").await;
        let endpoints = || vec![endpoint("kfz", &system)];
        // Ended as soon as the system has it, which is before a settlement that lingers.
        world.dispatch_until(endpoints(), || system.took_effect().len() == 1).await;
        tokio::select! {
            () = world.dispatch(endpoints(), CancellationToken::new()) => unreachable!(),
            () = tokio::time::sleep(Duration::from_secs(600)) => {}
        }
        assert_eq!(system.arrived().len(), expected, "{contract:?}");
        assert_eq!(world.event_counts().await["delivered"], 1, "{contract:?}");
    }
}
