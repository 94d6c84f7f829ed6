//! `kill -9` of the program and of its Kafka broker, in turn and under load. The receiver is asked what
//! arrived: no receipt without a delivery, however often its sender had to repeat itself.

#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(clippy::print_stderr, reason = "a long test says how far it is")]

use std::{env, sync::Arc, time::Duration};

use tests::{
    chance::Chance,
    configuration::{Configuration, System},
    crash::{self, Load, Oracle, Promise},
    kafka::Broker,
    portal::Portal,
    process::Program,
    receiver::{Manner, Receiver},
    wait,
};
use tokio::{sync::watch, time::Instant};

/// Kills of each, unless `AMTSBOTE_KAFKA_KILL_ROUNDS` says otherwise.
const ROUNDS: u64 = 10;
const NAME: &str = "recognises";
const AUTHORITY: &str = "svb:14730000";
const CONCURRENCY: usize = 12;
const SENDERS: usize = 12;
/// How far the portals run ahead of what the system has done.
const AHEAD_MAX: usize = 100;
/// New receipts, and new arrivals, before the next kill.
const PROGRESS: usize = 20;
/// A kill, and a broker's return, come up to this long later.
const MOMENT_MAX: Duration = Duration::from_millis(500);
const GOES_ON_WITHIN: Duration = Duration::from_secs(90);
const DONE_WITHIN: Duration = Duration::from_secs(180);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receipt_is_one_delivery_whoever_is_killed_and_however_often_its_sender_repeats() {
    let Some(mut broker) = Broker::start("kills of program and broker") else { return };
    let mut chance = Chance::printed("kafka_kill");
    let rounds = env::var("AMTSBOTE_KAFKA_KILL_ROUNDS").ok().and_then(|n| n.parse().ok());
    let receiver = Arc::new(Receiver::start().await);
    // Late enough for a kill to fall between request, effect and answer.
    let (effect_after, answer_after) = (Duration::from_millis(50), Duration::from_millis(100));
    receiver.behave(NAME, Manner { effect_after, answer_after, ..Manner::default() });
    let configuration = configuration(&broker, &receiver);
    let (address, gateway) = watch::channel(None);
    let mut load = Load::new(gateway);
    let mut oracle = Oracle::default();
    let counting = Arc::clone(&receiver);
    load.send_to(AUTHORITY, SENDERS, move |sent| counting.count(NAME) + AHEAD_MAX < sent);

    let mut program = Program::start(&configuration).await;
    address.send_replace(Some(program.gateway()));
    for round in 1..=rounds.unwrap_or(ROUNDS) {
        flows(&load, &receiver).await;
        tokio::time::sleep(chance.within(MOMENT_MAX)).await;
        program.kill().await;
        address.send_replace(None);
        oracle.killed(receiver.sequence());
        program = Program::start(&configuration).await;
        address.send_replace(Some(program.gateway()));

        flows(&load, &receiver).await;
        tokio::time::sleep(chance.within(MOMENT_MAX)).await;
        broker.kill();
        if round == 1 {
            // Long enough once for portals to hear that nobody knows.
            let before = load.repeated();
            wait::until("a call without an outcome", GOES_ON_WITHIN, || async {
                (before < load.repeated()).then_some(())
            })
            .await;
        }
        tokio::time::sleep(chance.within(MOMENT_MAX)).await;
        broker.go_on();
        eprintln!("round {round}: {} receipts, {} repeated", load.sent().len(), load.repeated());
    }
    flows(&load, &receiver).await;
    load.finish().await;
    let sent = load.sent();
    let portal = Portal::new(program.gateway());
    for sent in &sent {
        portal.until(&sent.message_id, "delivered", DONE_WITHIN).await;
    }
    assert!(program.end().await.success(), "it ends in order");

    let (arrivals, effects) = (receiver.arrivals(), receiver.effects_of(NAME));
    oracle.judge(NAME, Promise::Recognises, CONCURRENCY, &sent, (&arrivals, &effects));
    eprintln!(
        "{} receipts, {} calls repeated, {} arrivals",
        sent.len(),
        load.repeated(),
        arrivals.len()
    );
    assert_eq!(effects.len(), sent.len(), "one delivery for each id");
    crash::no_promise_is_broken(oracle.faults());
}

fn configuration(broker: &Broker, receiver: &Receiver) -> Configuration {
    let address = broker.address();
    let channel =
        format!("channel = \"kafka://{address}?prefix=kill.&partitions=3&replication=1\"");
    let system = System::http(NAME, &receiver.url(NAME), "deduplicates");
    Configuration::new()
        .with_head(&channel)
        .with_standard_route("kfz")
        .with_system(&system.of(AUTHORITY).at_once(CONCURRENCY))
}

/// Waits until receipts are given and messages arrive (again).
async fn flows(load: &Load, receiver: &Receiver) {
    let begun = Instant::now();
    let (receipts, arrivals) = (load.sent().len(), receiver.count(NAME));
    wait::until("receipts and deliveries", GOES_ON_WITHIN, || async {
        let is_flowing =
            receipts + PROGRESS <= load.sent().len() && arrivals + PROGRESS <= receiver.count(NAME);
        is_flowing.then_some(())
    })
    .await;
    eprintln!("{PROGRESS} receipts and {PROGRESS} arrivals more within {:?}", begun.elapsed());
}
