//! Another document instead of the one that came: one test per rule.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use channels::codec;
use messaging::{
    ChannelName, Correction, DeliveryState, EffectContract as Contract, Event, EventKind,
    FailureKind, Order, Payload, Target, identity,
};

use stores::ledger::{Ledger, MessageRow};

use super::{
    commands::{begun, reach, until},
    system::Arrival,
    world::{Act, System, TIMEOUT, World, command, endpoint, record_for, target},
};
use crate::{AfterDeadLetter, Endpoint, Interest};

const LONG: Duration = Duration::from_secs(600);
const DIES: Act = Act::Fail(FailureKind::Defect);

fn edit(target: Target, document: &str) -> Order {
    Order::Edit(Box::new(Correction::new(target, Bytes::copy_from_slice(document.as_bytes()))))
}

/// What came, in order: which message, with which document.
fn came(system: &System) -> Vec<(String, String)> {
    let arrivals = system.arrivals.lock().unwrap();
    arrivals.iter().map(|(_, it)| (it.own_id.clone(), it.document.clone())).collect()
}

fn arrival(system: &System, place: usize) -> Arrival {
    system.arrivals.lock().unwrap()[place].1.clone()
}

/// A case of two messages, of which the first is dead, at a system with this contract.
async fn with_dead(contract: Contract, acts: &[Act]) -> (World, Arc<System>) {
    let (world, system) = (World::new(), System::new(contract, acts));
    dies(&world, vec![endpoint("kfz", &system)]).await;
    (world, system)
}

async fn dies(world: &World, endpoints: Vec<Endpoint>) {
    world.submit("a1", "a").await;
    world.submit("a2", "a").await;
    world
        .while_dispatching(endpoints, async {
            begun(world).await;
            reach(world, "a1", DeliveryState::Dead).await;
            // What else is under way ends.
            tokio::time::sleep(TIMEOUT).await;
        })
        .await;
}

async fn edited(world: &World) -> Event {
    let mut events = world.events().await.into_iter();
    events.find(|event| matches!(event.kind, EventKind::Edited(_))).unwrap()
}

#[tokio::test(start_paused = true)]
async fn an_edited_document_goes_under_a_key_of_its_own_and_before_what_it_held() {
    let (world, system) = with_dead(Contract::None, &[DIES]).await;
    let endpoints = || vec![endpoint("kfz", &system)];
    let id = world
        .while_dispatching(endpoints(), async {
            let seen = reach(&world, "a1", DeliveryState::Dead).await;
            let target = Target { seen: Some(seen), ..target("a1") };
            let id = world.order("kfz", edit(target, "<b/>")).await;
            assert_eq!(world.answer(id).await.code, None);
            until(|| system.took_effect().len() == 2).await;
            id
        })
        .await;
    let [a1, a2] = ["a1", "a2"].map(str::to_owned);
    let [old, new] = ["<a/>", "<b/>"].map(str::to_owned);
    assert_eq!(came(&system), [(a1.clone(), old.clone()), (a1, new), (a2, old)]);
    assert_ne!(arrival(&system, 0).key, arrival(&system, 1).key, "it is not taken for the first");

    let told = edited(&world).await;
    let EventKind::Edited(edit) = told.kind else { unreachable!("as it was chosen") };
    assert_eq!((edit.command, told.cause), (id, Some(edit.to_string())));
    assert_eq!(edit.sha256, identity::sha256(b"<b/>", &[]));
    assert_eq!(edit.instead_of, identity::sha256(b"<a/>", &[]));
    let delivery = told.delivery.unwrap();
    assert_eq!((delivery.state, delivery.attempts), (DeliveryState::Pending, 0));
    // What came is still there.
    let ledger: Arc<dyn Ledger> = Arc::new(world.ledger());
    let (_, kept) = ledger.kept(MessageRow(1)).await.unwrap().unwrap();
    let record = codec::from_bytes(kept).unwrap();
    let original = codec::decode_application(&record).unwrap().original;
    assert_eq!(original, Payload::Inline(Bytes::from_static(b"<a/>")));
}

#[tokio::test(start_paused = true)]
async fn an_edit_outlives_a_restart_between_the_order_and_its_attempt() {
    let (world, system) = with_dead(Contract::None, &[DIES]).await;
    let endpoints = || vec![endpoint("kfz", &system)];
    world
        .while_dispatching(endpoints(), async {
            assert_eq!(world.obeyed("kfz", Order::Pause).await, None);
            assert_eq!(world.obeyed("kfz", edit(target("a1"), "<b/>")).await, None);
        })
        .await;
    assert_eq!(system.arrived().len(), 1);
    world
        .while_dispatching(endpoints(), async {
            assert_eq!(world.obeyed("kfz", Order::Resume).await, None);
            until(|| system.took_effect().len() == 2).await;
        })
        .await;
    assert_eq!(came(&system)[1], ("a1".to_owned(), "<b/>".to_owned()));
    assert_ne!(arrival(&system, 0).key, arrival(&system, 1).key);
    assert_eq!(system.arrived(), ["a1", "a1", "a2"]);
}

#[tokio::test(start_paused = true)]
async fn what_is_no_correction_of_it_is_refused_and_changes_nothing() {
    let (world, system) = with_dead(Contract::None, &[DIES]).await;
    let endpoints = || vec![endpoint("kfz", &system)];
    world
        .while_dispatching(endpoints(), async {
            for (document, code, says) in [
                ("wrong=/a/b", "AB-3251", "violations: 3 (AB-4020 /a/b);"),
                ("away=1", "AB-3253", "nobody is there"),
                ("standard=other", "AB-3252", "another standard"),
                ("version=1.1", "AB-3252", "another standard"),
                ("type=kfz.umschreibung.0301", "AB-3252", "message type"),
                ("own_id=a2", "AB-3252", "another message id"),
                ("case=b", "AB-3252", "another case"),
                ("authority=svb:14626000", "AB-3252", "another authority"),
                ("further=svb:14626000", "AB-3252", "further authorities"),
                ("test=1", "AB-3252", "test flag"),
                ("file=a.pdf", "AB-3252", "attachments"),
                ("canonical=262145", "AB-3254", "256 KiB"),
            ] {
                let id = world.order("kfz", edit(target("a1"), document)).await;
                let answer = world.answer(id).await;
                assert_eq!(answer.code.as_deref(), Some(code), "{document}");
                let sentence = answer.cause.unwrap();
                assert!(sentence.contains(says), "{document}: {sentence}");
            }
            let held = world.obeyed("kfz", edit(target("a2"), "<b/>")).await;
            assert_eq!(held.as_deref(), Some("AB-3224"), "what waits is not dead");
            let nothing = world.obeyed("kfz", edit(target("z9"), "<b/>")).await;
            assert_eq!(nothing.as_deref(), Some("AB-3222"));
            tokio::time::sleep(LONG).await;
            assert_eq!(system.arrived(), ["a1"]);
            // What it says is what the application said.
            let same = "own_id=a1\ncase=a\nauthority=svb:14730000\nfurther=svb:14730000";
            assert_eq!(world.obeyed("kfz", edit(target("a1"), same)).await, None);
            until(|| system.took_effect().len() == 2).await;
        })
        .await;
}

#[tokio::test(start_paused = true)]
async fn what_may_have_taken_effect_is_not_edited() {
    let world = World::new();
    let system = System::new(Contract::Deduplicates, &[Act::AcceptSilently; 3]);
    world.submit("a1", "a").await;
    world
        .while_dispatching(vec![endpoint("kfz", &system)], async {
            begun(&world).await;
            assert_eq!(world.obeyed("kfz", Order::Pause).await, None);
            until(|| system.arrived().len() == 1).await;
            reach(&world, "a1", DeliveryState::Uncertain).await;
            let refused = world.obeyed("kfz", edit(target("a1"), "<b/>")).await;
            assert_eq!(refused.as_deref(), Some("AB-3250"));
        })
        .await;
}

#[tokio::test(start_paused = true)]
async fn the_same_edit_twice_is_one_edit() {
    let (world, system) = with_dead(Contract::None, &[DIES, DIES]).await;
    let endpoints = || vec![endpoint("kfz", &system)];
    let command = command("kfz", edit(target("a1"), "<b/>"));
    let record = codec::encode_command(&command, "test");
    let another = messaging::Command { order: edit(target("a1"), "<c/>"), ..command.clone() };
    let another = codec::encode_command(&another, "test");
    world
        .while_dispatching(endpoints(), async {
            world.append(vec![record.clone(), record.clone()]).await;
            assert_eq!(world.answer(command.id).await.code, None);
            until(|| system.arrived().len() == 2).await;
            reach(&world, "a1", DeliveryState::Dead).await;
            // Not even with another document under its id.
            world.append(vec![record, another]).await;
            tokio::time::sleep(LONG).await;
        })
        .await;
    assert_eq!(system.arrived().len(), 2);
    assert_eq!(world.event_counts().await["edited"], 1);
}

#[tokio::test(start_paused = true)]
async fn a_later_edit_supersedes_and_what_is_over_is_repeated_as_it_went_last() {
    let (world, system) = with_dead(Contract::Deduplicates, &[DIES, DIES]).await;
    let endpoints = || vec![endpoint("kfz", &system)];
    let again = |seen| Target { seen: Some(seen), ..target("a1") };
    let first = world
        .while_dispatching(endpoints(), async {
            let first = world.order("kfz", edit(target("a1"), "<b/>")).await;
            assert_eq!(world.answer(first).await.code, None);
            until(|| system.arrived().len() == 2).await;
            reach(&world, "a1", DeliveryState::Dead).await;
            first
        })
        .await;
    world
        .while_dispatching(endpoints(), async {
            assert_eq!(world.obeyed("kfz", edit(target("a1"), "<c/>")).await, None);
            let seen = reach(&world, "a1", DeliveryState::Delivered).await;
            assert_eq!(world.obeyed("kfz", Order::ReplayAgain(again(seen.clone()))).await, None);
            until(|| system.arrived().len() == 5).await;
            tokio::time::sleep(LONG).await;
            assert_eq!(world.obeyed("kfz", Order::ReplayAnew(again(seen))).await, None);
            until(|| system.arrived().len() == 6).await;
        })
        .await;
    let of_a1 = came(&system).into_iter().filter(|(own_id, _)| own_id == "a1");
    let documents: Vec<String> = of_a1.map(|(_, document)| document).collect();
    assert_eq!(documents, ["<a/>", "<b/>", "<c/>", "<c/>", "<c/>"]);
    let keys: Vec<_> = [0, 1, 2, 4, 5].map(|place| arrival(&system, place).key).into();
    assert_eq!(keys[2], keys[3], "the same key, the same document");
    for (one, other) in [(0, 1), (1, 2), (0, 2), (2, 4), (1, 4)] {
        assert_ne!(keys[one], keys[other]);
    }

    let letters = world.told(ChannelName::dead()).await;
    let mut letters: Vec<_> =
        letters.iter().map(|letter| codec::decode_dead_letter(letter).unwrap()).collect();
    // Each may be told again after a restart.
    letters.dedup_by_key(|letter| letter.event.id.clone());
    assert_eq!(letters.len(), 2);
    assert_eq!(letters[0].edit, None);
    let edit = letters[1].edit.unwrap();
    let head = codec::decode_head(&letters[1].record).unwrap();
    assert_eq!((edit.command, edit.sha256), (first, head.sha256));
    assert_eq!(head.sha256, identity::sha256(b"<b/>", &[]), "the letter carries what was refused");
    assert_eq!(letters[1].position, letters[0].position);
}

#[tokio::test(start_paused = true)]
async fn what_is_looked_up_after_an_edit_is_the_edited_one() {
    let visible_within = Duration::from_secs(60);
    let contract = Contract::CanLookUp { visible_within };
    let (world, system) = with_dead(contract, &[DIES, Act::AcceptSilently]).await;
    let endpoints = || vec![endpoint("kfz", &system)];
    world
        .while_dispatching(endpoints(), async {
            assert_eq!(world.obeyed("kfz", edit(target("a1"), "<b/>")).await, None);
            reach(&world, "a1", DeliveryState::Delivered).await;
        })
        .await;
    assert_eq!(came(&system)[1].1, "<b/>");
    assert_eq!(system.arrived()[..2], ["a1", "a1"], "it was found under its own key");
}

#[tokio::test(start_paused = true)]
async fn orders_wait_for_a_document_that_is_being_judged_and_deliveries_do_not() {
    let world = World::new();
    let system = System::new(Contract::None, &[DIES]);
    let other = System::new(Contract::None, &[]);
    let interests = vec![Interest {
        authority_prefix: "svb:14626".to_owned(),
        ..endpoint("kfz", &system).interests[0].clone()
    }];
    let goerlitz = Endpoint { interests, ..endpoint("goerlitz", &other) };
    let endpoints = || vec![endpoint("kfz", &system), goerlitz.clone()];
    dies(&world, endpoints()).await;
    world
        .while_dispatching(endpoints(), async {
            let edit = world.order("kfz", edit(target("a1"), "takes=25")).await;
            let discard = world.order("kfz", Order::Discard(target("a1"))).await;
            world.append(vec![record_for("svb:14626000", "b1", "b", "<a/>")]).await;
            let begun = tokio::time::Instant::now();
            until(|| other.took_effect().len() == 1).await;
            assert!(begun.elapsed() < Duration::from_secs(5), "it is delivered meanwhile");
            assert_eq!(world.answer(edit).await.code, None);
            assert!(Duration::from_secs(25) <= begun.elapsed());
            assert!(world.answer(discard).await.code.is_some(), "it came after");
            until(|| system.took_effect().len() == 2).await;
        })
        .await;
}

#[tokio::test(start_paused = true)]
async fn an_edit_of_what_holds_nothing_goes_behind_what_has_come_since() {
    let world = World::new();
    let system = System::new(Contract::None, &[DIES]);
    let after_dead_letter = AfterDeadLetter::Continue;
    let endpoints = || vec![Endpoint { after_dead_letter, ..endpoint("kfz", &system) }];
    dies(&world, endpoints()).await;
    world
        .while_dispatching(endpoints(), async {
            assert_eq!(world.obeyed("kfz", edit(target("a1"), "<b/>")).await, None);
            until(|| system.took_effect().len() == 2).await;
        })
        .await;
    assert_eq!(system.took_effect(), ["a2", "a1"]);
    assert_eq!(came(&system).last().unwrap().1, "<b/>");
}

#[tokio::test(start_paused = true)]
async fn the_ledger_remembers_the_order_without_its_document() {
    let (world, system) = with_dead(Contract::None, &[DIES]).await;
    let endpoints = || vec![endpoint("kfz", &system)];
    let ids = world
        .while_dispatching(endpoints(), async {
            let refused = world.order("kfz", edit(target("a1"), "wrong=/Musterweg")).await;
            assert!(world.answer(refused).await.code.is_some());
            let done = world.order("kfz", edit(target("a1"), "<Musterweg/>")).await;
            assert_eq!(world.answer(done).await.code, None);
            [refused, done]
        })
        .await;
    let ledger: Arc<dyn Ledger> = Arc::new(world.ledger());
    let known = ledger.commands_known(ids.to_vec()).await.unwrap();
    for id in ids {
        let record = codec::from_bytes(known[&id].clone()).unwrap();
        let Order::Edit(remembered) = codec::decode_command(&record).unwrap().order else {
            panic!("the same order")
        };
        assert!(remembered.document.is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn a_dead_repetition_of_what_is_over_is_edited_under_a_key_that_nothing_had() {
    let world = World::new();
    let system = System::new(Contract::Deduplicates, &[Act::Accept, Act::Accept, DIES]);
    let endpoints = || vec![endpoint("kfz", &system)];
    world.submit("a1", "a").await;
    world
        .while_dispatching(endpoints(), async {
            begun(&world).await;
            let seen = reach(&world, "a1", DeliveryState::Delivered).await;
            let first = Target { seen: Some(seen), ..target("a1") };
            assert_eq!(world.obeyed("kfz", Order::ReplayAnew(first.clone())).await, None);
            until(|| system.took_effect().len() == 2).await;
            tokio::time::sleep(LONG).await;
            // Under the first key again, and dead.
            assert_eq!(world.obeyed("kfz", Order::ReplayAgain(first)).await, None);
            until(|| system.arrived().len() == 3).await;
            tokio::time::sleep(LONG).await;
            assert_eq!(world.obeyed("kfz", edit(target("a1"), "<b/>")).await, None);
            until(|| system.arrived().len() == 4).await;
        })
        .await;
    let keys: Vec<_> = (0..4).map(|place| arrival(&system, place).key).collect();
    assert_eq!(keys[0], keys[2]);
    assert!(!keys[..3].contains(&keys[3]), "another document under a key that was used is none");
    assert_eq!(arrival(&system, 3).document, "<b/>");
}
