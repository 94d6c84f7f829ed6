//! `kill -9` of each role in turn, under load, where each is a process of its own. The receiver is
//! asked what arrived: no receipt without a delivery, however often its sender had to repeat itself.

#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(clippy::print_stderr, reason = "a long test says how far it is, and what it measured")]

use std::{env, sync::Arc, time::Duration};

use tests::{
    chance::Chance,
    configuration::{Configuration, ROLES, System},
    crash::{self, Load, Oracle, Promise, Sent},
    kafka::Broker,
    portal::Portal,
    process::Program,
    receiver::{Manner, Receiver},
    wait,
};
use tokio::{sync::watch, task::JoinSet, time::Instant};

/// Kills of each role, unless `AMTSBOTE_KAFKA_KILL_ROUNDS` says otherwise.
const ROUNDS: u64 = 10;
const NAME: &str = "recognises";
const AUTHORITY: &str = "svb:14730000";
const CONCURRENCY: usize = 12;
const SENDERS: usize = 12;
/// How far the portals run ahead of what the system has done.
const AHEAD_MAX: usize = 100;
/// New receipts, and new arrivals, before the next kill.
const PROGRESS: usize = 20;
/// A kill comes up to this long later.
const MOMENT_MAX: Duration = Duration::from_millis(500);
/// How soon delivery should go on.
const AIM: Duration = Duration::from_secs(2);
const GOES_ON_WITHIN: Duration = Duration::from_secs(60);
const DONE_WITHIN: Duration = Duration::from_secs(120);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receipt_is_one_delivery_whichever_role_is_killed() {
    let Some(broker) = Broker::start("kills of each role") else { return };
    let mut chance = Chance::printed("kafka_kill_roles");
    let rounds = env::var("AMTSBOTE_KAFKA_KILL_ROUNDS").ok().and_then(|n| n.parse().ok());
    let receiver = Arc::new(Receiver::start().await);
    // Late enough for a kill to fall between request, effect and answer.
    let (effect_after, answer_after) = (Duration::from_millis(50), Duration::from_millis(100));
    receiver.behave(NAME, Manner { effect_after, answer_after, ..Manner::default() });
    let system = System::http(NAME, &receiver.url(NAME), "deduplicates");
    let configuration = Configuration::apart(broker.address())
        .with_standard_route("kfz")
        .with_system(&system.of(AUTHORITY).at_once(CONCURRENCY));
    let (address, gateway) = watch::channel(None);
    let mut load = Load::new(gateway);
    let mut oracle = Oracle::default();
    let counting = Arc::clone(&receiver);
    load.send_to(AUTHORITY, SENDERS, move |sent| counting.count(NAME) + AHEAD_MAX < sent);

    let mut program = Program::start(&configuration).await;
    address.send_replace(Some(program.gateway()));
    let mut waits: Vec<(&str, Duration)> = Vec::new();
    for round in 1..=rounds.unwrap_or(ROUNDS) {
        for role in ROLES {
            flows(&load, &receiver).await;
            tokio::time::sleep(chance.within(MOMENT_MAX)).await;
            program.kill_role(role).await;
            // Of the others' deaths a dispatcher's attempts know nothing.
            if role == "dispatcher" {
                oracle.killed(receiver.sequence());
            }
            let arrived = receiver.count(NAME);
            let begun = Instant::now();
            program.start_role(role).await;
            let waited = until_more(&receiver, arrived, begun).await;
            waits.push((role, waited));
        }
        eprintln!("round {round}: {} receipts, {} repeated", load.sent().len(), load.repeated());
    }
    flows(&load, &receiver).await;
    load.finish().await;
    let sent = load.sent();
    all_are_delivered(&Portal::new(program.gateway()), &sent).await;
    assert!(program.end().await.success(), "it ends in order");

    let (arrivals, effects) = (receiver.arrivals(), receiver.effects_of(NAME));
    oracle.judge(NAME, Promise::Recognises, CONCURRENCY, &sent, (&arrivals, &effects));
    for role in ROLES {
        tell_waits(role, &waits);
    }
    eprintln!(
        "{} receipts, {} calls repeated, {} arrivals",
        sent.len(),
        load.repeated(),
        arrivals.len()
    );
    assert_eq!(effects.len(), sent.len(), "one delivery for each id");
    crash::no_promise_is_broken(oracle.faults());
}

/// Asks for each, several at once.
async fn all_are_delivered(portal: &Portal, sent: &[Sent]) {
    let mut asking = JoinSet::new();
    for part in sent.chunks(sent.len().div_ceil(SENDERS).max(1)) {
        let (portal, part) = (portal.clone(), part.to_vec());
        asking.spawn(async move {
            for sent in part {
                portal.until(&sent.message_id, "delivered", DONE_WITHIN).await;
            }
        });
    }
    while let Some(asked) = asking.join_next().await {
        asked.expect("every receipt is a delivery");
    }
}

/// How long after `begun` the next message arrives.
async fn until_more(receiver: &Receiver, arrived: usize, begun: Instant) -> Duration {
    wait::until("delivery to go on", GOES_ON_WITHIN, || async {
        (arrived < receiver.count(NAME)).then_some(())
    })
    .await;
    begun.elapsed()
}

fn tell_waits(role: &str, waits: &[(&str, Duration)]) {
    let mut of_role: Vec<_> = waits.iter().filter(|(of, _)| *of == role).map(|(_, w)| *w).collect();
    of_role.sort();
    let late = of_role.iter().filter(|waited| AIM < **waited).count();
    let (median, last) = (of_role.get(of_role.len() / 2), of_role.last());
    eprintln!(
        "{role} killed: the next delivery came {median:?} (median), {last:?} (most) after its restart \
         began; {late} of {} later than {AIM:?}",
        of_role.len()
    );
}

/// Waits until receipts are given and messages arrive (again).
async fn flows(load: &Load, receiver: &Receiver) {
    let (receipts, arrivals) = (load.sent().len(), receiver.count(NAME));
    wait::until("receipts and deliveries", GOES_ON_WITHIN, || async {
        let is_flowing =
            receipts + PROGRESS <= load.sent().len() && arrivals + PROGRESS <= receiver.count(NAME);
        is_flowing.then_some(())
    })
    .await;
}
