//! Two dispatchers on one ledger, which read the same partitions at once: worse than any group of
//! readers that is being divided.

use std::{collections::HashMap, time::Duration};

use channels::codec;
use messaging::{
    Channel as _, Command, CommandId, EffectContract, EndpointName, EventKind, OperatorName, Order,
    Timestamp,
};
use stores::ledger::{Claim, EndpointSpec, Ledger as _, PgLedger};
use tests::postgres::Postgres;
use uuid::Uuid;

use super::{
    settings,
    world::{System, World, endpoint, until},
};

const HERE: &str = "svb:14730000";
const THERE: &str = "svb:14626000";
const MESSAGES: usize = 200;
const CASES: usize = 20;
/// Attempts an endpoint has at once.
const CONCURRENCY: usize = 4;
/// Longer than a lease.
const LONG: Duration = Duration::from_secs(9);

fn name(n: usize) -> String {
    format!("m{n:04}")
}

/// One after the other, so that whoever reads comes to read each of them.
async fn submit(world: &World, authority: &str, range: std::ops::Range<usize>) {
    for n in range {
        tokio::time::sleep(Duration::from_millis(3)).await;
        world.submit(authority, &name(n), &format!("case{}", n % CASES)).await;
    }
}

/// Each message came, in the order of its case; gives how many came more often than once.
fn repeats(system: &System, messages: usize) -> usize {
    let counts: HashMap<String, usize> = system.counts();
    for n in 0..messages {
        assert!(counts.contains_key(&name(n)), "{} never came", name(n));
    }
    for (case, came) in system.by_case() {
        assert!(came.is_sorted(), "{case}: {came:?}");
    }
    counts.values().map(|count| count - 1).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn two_dispatchers_deliver_each_message_once_and_in_order() {
    let Some(world) = World::new("two dispatchers on one ledger") else { return };
    let system = System::new(EffectContract::Deduplicates, Duration::from_millis(5));
    let endpoints = || vec![endpoint("nordsachsen-kfz", "svb:14730", &system)];
    let one = world.dispatch("one", endpoints());
    let two = world.dispatch("two", endpoints());
    until("both beat", || world.count("writer WHERE beat > 1") == 2).await;
    submit(&world, HERE, 0..MESSAGES).await;
    until("all are delivered", || world.count("delivery WHERE state = 'delivered'") == MESSAGES)
        .await;
    assert_eq!(repeats(&system, MESSAGES), 0);
    assert_eq!(world.count("message"), MESSAGES, "admitted once, by whichever read it first");
    assert_eq!(world.count("verdict"), 0, "what both have read is no repetition");
    one.stop();
    two.stop();
    assert_eq!(world.count("endpoint_state WHERE owner IS NOT NULL"), 0, "given back");
    assert_eq!(world.count("intent"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_dispatcher_had_is_taken_over_and_nothing_is_lost() {
    let Some(world) = World::new("a dispatcher that is killed") else { return };
    let system = System::new(EffectContract::Deduplicates, Duration::from_millis(20));
    let endpoints = || vec![endpoint("nordsachsen-kfz", "svb:14730", &system)];
    let one = world.dispatch("one", endpoints());
    until("one has it", || world.count("endpoint_state WHERE owner IS NOT NULL") == 1).await;
    let two = world.dispatch("two", endpoints());
    submit(&world, HERE, 0..MESSAGES).await;
    until("some are delivered", || MESSAGES / 4 < system.counts().len()).await;
    one.kill();
    until("all are delivered", || world.count("delivery WHERE state = 'delivered'") == MESSAGES)
        .await;
    let repeated = repeats(&system, MESSAGES);
    assert!(repeated <= CONCURRENCY, "{repeated} were repeated, {CONCURRENCY} were under way");
    // What the first one had recorded and not told is told by the second.
    until("all is told", || world.count("outbox") == 0).await;
    let told = world.events().await.into_iter();
    let delivered = told.filter(|event| matches!(event.kind, EventKind::Delivered { .. }));
    let mut ids: Vec<String> = delivered.map(|event| event.id).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), MESSAGES);
    two.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn where_nobody_can_tell_a_takeover_asks_and_never_repeats() {
    let Some(world) = World::new("a takeover where nobody can tell") else { return };
    let system = System::new(EffectContract::None, Duration::from_millis(100));
    let endpoints = || vec![endpoint("nordsachsen-kfz", "svb:14730", &system)];
    let one = world.dispatch("one", endpoints());
    until("one has it", || world.count("endpoint_state WHERE owner IS NOT NULL") == 1).await;
    let two = world.dispatch("two", endpoints());
    // Each a case of its own, so that a question holds nothing else.
    for n in 0..60 {
        world.submit(HERE, &name(n), &format!("own{n}")).await;
    }
    until("some are delivered", || 10 < system.counts().len()).await;
    one.kill();
    until("all have come", || system.counts().len() == 60).await;
    until("all are settled", || {
        world.count("delivery WHERE state IN ('delivered', 'uncertain')") == 60
    })
    .await;
    assert_eq!(repeats(&system, 60), 0);
    let questions = world.count("delivery WHERE state = 'uncertain'");
    assert!((1..=CONCURRENCY).contains(&questions), "{questions} questions");
    two.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_stood_still_changes_nothing_and_takes_part_again() {
    let Some(world) = World::new("a dispatcher that stands still") else { return };
    let system = System::new(EffectContract::Deduplicates, Duration::from_millis(30));
    let endpoints = || vec![endpoint("nordsachsen-kfz", "svb:14730", &system)];
    let one = world.dispatch("one", endpoints());
    until("one has it", || world.count("endpoint_state WHERE owner IS NOT NULL") == 1).await;
    let two = world.dispatch("two", endpoints());
    submit(&world, HERE, 0..MESSAGES / 2).await;
    until("some are delivered", || 20 < system.counts().len()).await;
    // In the middle of attempts, and perhaps of a commit.
    one.stall(LONG);
    until("two has it", || world.count("endpoint_state WHERE fence > 1") == 1).await;
    submit(&world, HERE, MESSAGES / 2..MESSAGES).await;
    until("all are delivered", || world.count("delivery WHERE state = 'delivered'") == MESSAGES)
        .await;
    let repeated = repeats(&system, MESSAGES);
    assert!(repeated <= CONCURRENCY, "{repeated} were repeated, {CONCURRENCY} were under way");
    // It has woken, and takes over in its turn.
    tokio::time::sleep(LONG).await;
    two.kill();
    world.submit(HERE, &name(MESSAGES), "case0").await;
    until("the last is delivered", || {
        world.count("delivery WHERE state = 'delivered'") == MESSAGES + 1
    })
    .await;
    assert!(repeats(&system, MESSAGES + 1) <= 2 * CONCURRENCY);
    one.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn no_subscription_is_lost_while_files_differ() {
    let Some(world) = World::new("dispatchers with different files") else { return };
    let latency = Duration::from_millis(1);
    let here = System::new(EffectContract::Deduplicates, latency);
    let there = System::new(EffectContract::Deduplicates, latency);
    let old = || vec![endpoint("nordsachsen-kfz", "svb:14730", &here)];
    let new = || {
        let mut endpoints = old();
        endpoints.push(endpoint("goerlitz-kfz", "svb:14626", &there));
        endpoints
    };
    let one = world.dispatch("one", old());
    until("one has it", || world.count("endpoint_state WHERE owner IS NOT NULL") == 1).await;
    let two = world.dispatch("two", new());
    until("two has it", || world.count("endpoint_state WHERE owner IS NOT NULL") == 2).await;
    submit(&world, THERE, 0..40).await;
    until("all came", || there.counts().len() == 40).await;
    // The one with the new file is restarted; the one with the old file admits meanwhile.
    two.stop();
    submit(&world, THERE, 40..80).await;
    until("they are admitted", || world.count("message") == 80).await;
    one.stop();
    let one = world.dispatch("one", old());
    submit(&world, THERE, 80..120).await;
    until("they are admitted", || world.count("message") == 120).await;
    assert_eq!(world.count("unrouted"), 0, "somebody will want them");
    let two = world.dispatch("two", new());
    until("all came", || there.counts().len() == 120).await;
    assert_eq!(repeats(&there, 120), 0);
    one.stop();
    two.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_is_obeyed_once_by_whoever_owns_the_endpoint() {
    let Some(world) = World::new("commands to one of two dispatchers") else { return };
    let latency = Duration::from_millis(1);
    let systems = [(); 2].map(|()| System::new(EffectContract::Deduplicates, latency));
    let one = world.dispatch("one", vec![endpoint("nordsachsen-kfz", "svb:14730", &systems[0])]);
    let two = world.dispatch("two", vec![endpoint("goerlitz-kfz", "svb:14626", &systems[1])]);
    until("each has its own", || world.count("endpoint_state WHERE owner IS NOT NULL") == 2).await;
    let order = |endpoint: &str, order: Order, id: u128| Command {
        id: CommandId(Uuid::from_u128(id)),
        at: Timestamp(1),
        operator: OperatorName::new("erika").expect("a name"),
        endpoint: EndpointName::new(endpoint).expect("a name"),
        order,
        reason: None,
    };
    // Both read them, and only the owner can obey.
    let commands = [
        order("nordsachsen-kfz", Order::Pause, 1),
        order("goerlitz-kfz", Order::Pause, 2),
        order("nordsachsen-kfz", Order::Pause, 3),
    ];
    let records = commands.iter().map(|command| codec::encode_command(command, "test")).collect();
    world.channel.append(records).await.expect("memory");
    until("all are obeyed", || world.count("command WHERE state = 'accepted'") == 3).await;
    assert_eq!(world.count("endpoint_state WHERE paused_at IS NOT NULL"), 2);
    until("all is told", || world.count("outbox") == 0).await;
    let answered = |id: u128| {
        let id = CommandId(Uuid::from_u128(id));
        move |kind: &EventKind| matches!(kind, EventKind::CommandAccepted { command, .. } if *command == id)
    };
    let events = world.events().await;
    for id in 1..=3 {
        let is_it = answered(id);
        assert_eq!(events.iter().filter(|event| is_it(&event.kind)).count(), 1, "{id}");
    }
    // A pause outlives its owner.
    submit(&world, HERE, 0..5).await;
    one.stop();
    let one = world.dispatch("one", vec![endpoint("nordsachsen-kfz", "svb:14730", &systems[0])]);
    until("it is back", || world.count("endpoint_state WHERE owner IS NOT NULL") == 2).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(systems[0].counts().len(), 0);
    let resume = order("nordsachsen-kfz", Order::Resume, 4);
    let record = codec::encode_command(&resume, "test");
    world.channel.append(vec![record]).await.expect("memory");
    until("all came", || systems[0].counts().len() == 5).await;
    one.stop();
    two.stop();
}

#[tokio::test]
async fn one_that_was_forgotten_takes_no_endpoint_which_nobody_could_take_from_it() {
    let Some(postgres) = Postgres::start("a dispatcher that was forgotten") else { return };
    let settings = settings(&postgres);
    let former = PgLedger::open(&settings, "one").await.expect("it opens");
    let name = EndpointName::new("nordsachsen-kfz").expect("a name");
    let spec = EndpointSpec { name, interests: "all".to_owned() };
    let endpoint = former.load(vec![spec.clone()]).await.expect("it answers").endpoints[0];
    // It stood still meanwhile, or was cut off from the server.
    PgLedger::restore(&settings, Timestamp(1)).await.expect("it is not seen to work");
    let claims = || vec![Claim { endpoint, lease: LONG, stands_still: None }];
    let taken = former.shared().expect("on a server").claim(claims()).await.expect("it answers");
    assert!(taken.is_empty(), "{taken:?}");
    let new = PgLedger::open(&settings, "one").await.expect("it opens");
    new.load(vec![spec]).await.expect("it answers");
    let taken = new.shared().expect("on a server").claim(claims()).await.expect("it answers");
    assert_eq!(taken.len(), 1, "as nobody has it");
}
