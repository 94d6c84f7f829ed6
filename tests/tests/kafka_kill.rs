//! `kill -9` of the program, of its Kafka broker, and of the leaders of a cluster, under load. The receiver is asked what
//! arrived: no receipt without a delivery, however often its sender had to repeat itself.

#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(clippy::print_stderr, reason = "a long test says how far it is")]

use std::{env, sync::Arc, time::Duration};

use rdkafka::{
    ClientConfig,
    consumer::{BaseConsumer, Consumer as _},
};
use tests::{
    chance::Chance,
    configuration::{Configuration, System},
    crash::{self, Load, Oracle, Promise},
    kafka::{Broker, Cluster},
    portal::Portal,
    process::Program,
    receiver::{Manner, Receiver},
    wait,
};
use tokio::{sync::watch, time::Instant};

/// Kills of each, unless `AMTSBOTE_KAFKA_KILL_ROUNDS` says otherwise.
const ROUNDS: u64 = 10;
/// Leaders killed in a cluster of three, one after the other.
const LEADERS: u64 = 3;
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
    let configuration = configuration(broker.address(), 1, &receiver);
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
    judge(load, program, &receiver, oracle).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_that_loses_its_leaders_loses_no_receipt_and_repeats_no_delivery() {
    let Some(cluster) = Cluster::start("kills of a Kafka cluster's leaders") else { return };
    let mut chance = Chance::printed("kafka_kill");
    let receiver = Arc::new(Receiver::start().await);
    let configuration = configuration(cluster.address(), 3, &receiver);
    let (address, gateway) = watch::channel(None);
    let mut load = Load::new(gateway);
    let counting = Arc::clone(&receiver);
    load.send_to(AUTHORITY, SENDERS, move |sent| counting.count(NAME) + AHEAD_MAX < sent);
    let program = Program::start(&configuration).await;
    address.send_replace(Some(program.gateway()));
    for round in 1..=LEADERS {
        flows(&load, &receiver).await;
        tokio::time::sleep(chance.within(MOMENT_MAX)).await;
        let leader = in_sync(&cluster).await;
        cluster.kill(leader);
        eprintln!(
            "round {round}: broker {leader} is gone; {} receipts, {} repeated",
            load.sent().len(),
            load.repeated()
        );
        // While it is away.
        flows(&load, &receiver).await;
    }
    judge(load, program, &receiver, Oracle::default()).await;
}

/// Waits until every copy of the applications' topic is in sync, and gives the leader of one.
async fn in_sync(cluster: &Cluster) -> i32 {
    let asking: BaseConsumer =
        ClientConfig::new().set("bootstrap.servers", cluster.address()).create().expect("a client");
    let asking = Arc::new(asking);
    wait::until("three copies in sync", GOES_ON_WITHIN, || {
        let asking = Arc::clone(&asking);
        async move {
            let asked = tokio::task::spawn_blocking(move || {
                let topic = Some("kill.application.kfz");
                asking.fetch_metadata(topic, Duration::from_secs(5)).ok()
            });
            let metadata = asked.await.expect("no panic")?;
            let partitions = metadata.topics().first()?.partitions();
            let are_in_sync = partitions.iter().all(|partition| partition.isr().len() == 3);
            are_in_sync.then(|| partitions.first().map(|partition| partition.leader())).flatten()
        }
    })
    .await
}

/// Lets everything come to its end, and counts at the receiver.
async fn judge(mut load: Load, program: Program, receiver: &Receiver, mut oracle: Oracle) {
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

fn configuration(address: &str, copies: u16, receiver: &Receiver) -> Configuration {
    let channel =
        format!("channel = \"kafka://{address}?prefix=kill.&partitions=3&replication={copies}\"");
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
    wait::until("receipts", GOES_ON_WITHIN, || async {
        (receipts + PROGRESS <= load.sent().len()).then_some(())
    })
    .await;
    let receipted = begun.elapsed();
    wait::until("deliveries", GOES_ON_WITHIN, || async {
        (arrivals + PROGRESS <= receiver.count(NAME)).then_some(())
    })
    .await;
    let arrived = begun.elapsed();
    eprintln!("{PROGRESS} receipts more within {receipted:?}, as many arrivals within {arrived:?}");
}
