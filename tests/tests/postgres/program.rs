//! The real program with ledger and journal on PostgreSQL: the server is killed under load while the
//! program runs, then the program itself; receivers count raw arrivals.

use std::{collections::HashMap, env, sync::Arc, time::Duration};

use tests::{
    chance::Chance,
    configuration::{Configuration, System},
    crash::Load,
    portal::Portal,
    postgres::{ADMIN, Postgres},
    process::Program,
    receiver::{Manner, Receiver},
    wait,
};
use tokio::sync::watch;

/// Kills of the server, unless `AMTSBOTE_POSTGRES_KILL_ROUNDS` says otherwise.
const ROUNDS: u64 = 4;
/// A kill comes up to this long after the systems are busy.
const MOMENT_MAX: Duration = Duration::from_secs(1);
/// How far the portals run ahead of what the systems have done.
const AHEAD_MAX: usize = 100;
const CONCURRENCY: usize = 6;
const SENDERS: usize = 4;
const BUSY_WITHIN: Duration = Duration::from_secs(60);
const DONE_WITHIN: Duration = Duration::from_secs(180);
const RECOGNISES: (&str, &str) = ("recognises", "svb:14730000");
const ASKS: (&str, &str) = ("asks-a-person", "svb:15085000");

fn configuration(receiver: &Receiver, postgres: &Postgres) -> Configuration {
    let store = format!("store = \"postgres://{ADMIN}@127.0.0.1:{}/postgres\"", postgres.port());
    let mut configuration = Configuration::new().with_head(&store).with_standard_route("kfz");
    for ((name, authority), contract) in [(RECOGNISES, "deduplicates"), (ASKS, "none")] {
        let system = System::http(name, &receiver.url(name), contract);
        configuration = configuration.with_system(&system.of(authority).at_once(CONCURRENCY));
        let recognises_keys = contract == "deduplicates";
        let answer_after = Duration::from_millis(60);
        receiver.behave(name, Manner { recognises_keys, answer_after, ..Manner::default() });
    }
    configuration
}

/// How often each message came to a system.
fn counts(receiver: &Receiver, (name, _): (&str, &str)) -> HashMap<String, usize> {
    let mut counts = HashMap::new();
    for arrival in receiver.arrivals().iter().filter(|arrival| arrival.inbox == name) {
        let own_id = arrival.own_id.expect("a document of ours").to_string();
        *counts.entry(own_id).or_default() += 1;
    }
    counts
}

fn repeats(counts: &HashMap<String, usize>) -> usize {
    counts.values().map(|count| count - 1).sum()
}

async fn busy(receiver: &Receiver) {
    wait::until("messages in flight", BUSY_WITHIN, || async {
        (CONCURRENCY <= receiver.open()).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_or_repeated_when_the_server_is_killed_under_the_program() {
    let Some(mut postgres) = Postgres::start("PostgreSQL killed under the program") else { return };
    let mut chance = Chance::printed("postgres");
    let rounds = env::var("AMTSBOTE_POSTGRES_KILL_ROUNDS").ok().and_then(|n| n.parse().ok());
    let receiver = Arc::new(Receiver::start().await);
    let configuration = configuration(&receiver, &postgres);
    let program = Program::start(&configuration).await;
    let (address, gateway) = watch::channel(Some(program.gateway()));
    let mut load = Load::new(gateway);
    for subject in [RECOGNISES, ASKS] {
        let receiver = Arc::clone(&receiver);
        let is_full = move |sent: usize| receiver.count(subject.0) + AHEAD_MAX < sent;
        load.send_to(subject.1, SENDERS, is_full);
    }
    for round in 1..=rounds.unwrap_or(ROUNDS) {
        busy(&receiver).await;
        tokio::time::sleep(chance.within(MOMENT_MAX)).await;
        postgres.kill();
        tokio::time::sleep(chance.within(MOMENT_MAX)).await;
        postgres.go_on();
        eprintln!("kill {round}: {} receipts", load.sent().len());
    }
    // Nobody but the server was killed: whatever was under way was recorded in the end.
    busy(&receiver).await;
    for subject in [RECOGNISES, ASKS] {
        assert_eq!(repeats(&counts(&receiver, subject)), 0, "{}", subject.0);
    }
    let questions = "SELECT count(*) FROM amtsbote_ledger.delivery WHERE state = 'uncertain'";
    assert_eq!(postgres.sql(questions), "0", "nothing is unknown");

    // Now the program, in the middle of its work. The next start waits for a lease, as it cannot know
    // that the former one is gone.
    busy(&receiver).await;
    program.kill().await;
    address.send_replace(None);
    let program = Program::start(&configuration).await;
    address.send_replace(Some(program.gateway()));
    load.finish().await;
    let sent = load.sent();
    all_done(&program, &sent).await;
    let [recognised, asked] = [RECOGNISES, ASKS].map(|subject| counts(&receiver, subject));
    assert!(repeats(&recognised) <= CONCURRENCY, "{}", repeats(&recognised));
    assert_eq!(repeats(&asked), 0, "never where nobody can tell");
    let questions: usize = postgres.sql(questions).parse().expect("a number");
    assert!(questions <= CONCURRENCY, "{questions} questions");
    for message in sent.iter().filter(|message| message.authority == RECOGNISES.1) {
        assert!(recognised.contains_key(&message.own_id.to_string()), "{}", message.message_id);
    }
    eprintln!("{} receipts, {questions} questions", sent.len());
    assert!(program.end().await.success(), "it ends in order");
    let owners = "SELECT count(*) FROM amtsbote_ledger.endpoint_state WHERE owner IS NOT NULL";
    assert_eq!(postgres.sql(owners), "0", "and gives back what it had");
}

/// Waits until the portal is told of each message's end, or of what holds it.
async fn all_done(program: &Program, sent: &[tests::crash::Sent]) {
    let portal = Portal::new(program.gateway());
    for message in sent {
        wait::until(&message.message_id, DONE_WITHIN, || async {
            let status = portal.status(&message.message_id).await.expect("it has a receipt");
            let may_wait = message.authority == ASKS.1;
            let is_done = match status.state.as_str() {
                "delivered" => true,
                // The question, and what is held behind one.
                "uncertain" | "pending" | "accepted" => may_wait,
                _ => false,
            };
            is_done.then_some(())
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_with_the_server_is_told_at_the_start_with_a_code() {
    let Some(postgres) = Postgres::start("a program without rights on PostgreSQL") else { return };
    postgres.sql("CREATE ROLE clerk LOGIN");
    let of = |user: &str, more: &str| {
        let port = postgres.port();
        Configuration::new()
            .with_standard_route("kfz")
            .with_head(&format!("store = \"postgres://{user}@127.0.0.1:{port}/postgres{more}\""))
    };
    let (_, said) = Program::refuse(&of("clerk", ""), "it may not make a schema").await;
    assert!(said.contains("AB-2311"), "{said}");
    postgres.sql("CREATE SCHEMA other_ledger; CREATE TABLE other_ledger.letter (text text)");
    let (_, said) = Program::refuse(&of(ADMIN, "?prefix=other"), "it is something else").await;
    assert!(said.contains("AB-2312"), "{said}");
}
