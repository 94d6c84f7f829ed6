//! Another number of partitions, with the real program on real Kafka: nothing is lost, nothing is done
//! twice, and each case keeps its order.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::{collections::BTreeSet, time::Duration};

use channels::kafka::{KafkaChannel, Settings};
use messaging::{
    Channel as _, ChannelName, Clock, GroupId, Timestamp, conformance::channel::Positions,
};
use serde_json::Value;
use tests::{
    configuration::{Configuration, System},
    documents::{Kfz, place_of},
    kafka::Broker,
    operator::Operator,
    portal::{self, Portal},
    postgres::{ADMIN, Postgres},
    process::{self, Process, Program, STARTS_WITHIN, Wrapper},
    receiver::{Manner, Receiver},
    wait,
};
use tonic::Code;
use tonic_types::StatusExt as _;

const SOON: Duration = Duration::from_secs(60);
const CASES: u32 = 12;
/// No multiple of the former number, so that cases go on in any partition.
const MORE: u32 = 5;
/// A case of which a gateway may have taken something too late, so that its order is not proven.
const LATE: u32 = 99;

/// Exit code, and what it says.
async fn says(configuration: &Configuration, words: &[&str]) -> (Option<i32>, Value) {
    let file = configuration.write_role("dispatcher");
    let file = file.to_str().expect("a path of ours");
    let more = ["--operator", "erika", "--config", file, "--json"];
    let words = [&["channel", "switch"], words, &more].concat();
    let output = process::run(&words, configuration.folder(), SOON).await;
    let said = String::from_utf8_lossy(&output.stdout);
    let told = serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}"));
    (output.status.code(), told)
}

/// What must be done: what it says of it.
async fn switched(configuration: &Configuration, words: &[&str]) -> Value {
    let (exit, told) = says(configuration, words).await;
    assert_eq!(exit, Some(0), "{told}");
    told["switch"].clone()
}

/// What must be refused: exit code and code.
async fn refused(configuration: &Configuration, words: &[&str]) -> (Option<i32>, String) {
    let (exit, told) = says(configuration, words).await;
    (exit, told["error"]["code"].as_str().unwrap_or_default().to_owned())
}

fn with(broker: &Broker, receiver: &Receiver) -> Configuration {
    let system = |name| System::http(name, &receiver.url(name), "deduplicates");
    Configuration::apart(broker.address())
        .with_standard_route("kfz")
        .with_system(&system("away"))
        .with_system(&system("there"))
}

fn go_away(receiver: &Receiver) {
    receiver.behave("away", Manner { status: 503, ..Manner::default() });
}

async fn submit(portal: &Portal, kfz: &Kfz, sequence: u32) {
    for case in 1..=CASES {
        portal.receipt_at_last(kfz.document(case, sequence), SOON).await;
    }
}

/// What took effect at `inbox`, in its order: case and place in it.
fn effects(receiver: &Receiver, inbox: &str) -> Vec<(u32, u32)> {
    let effects = receiver.effects_of(inbox).into_iter();
    let places = effects.map(|effect| place_of(effect.own_id.expect("a document of ours")));
    places.filter(|(case, _)| *case != LATE).collect()
}

async fn until_there(receiver: &Receiver, sequences: u32) {
    let count = usize::try_from(CASES * sequences).expect("few");
    let there = || async { effects(receiver, "there").len() };
    wait::until_equal("everything to be there", SOON, count, there).await;
}

/// Waits until both systems have so many of each case, each once and in order.
async fn until_all_have(receiver: &Receiver, sequences: u32) {
    let count = usize::try_from(CASES * sequences).expect("few");
    for inbox in ["there", "away"] {
        let done = || async { effects(receiver, inbox).len() };
        wait::until_equal(&format!("everything to be at {inbox}"), SOON, count, done).await;
        let effects = effects(receiver, inbox);
        for case in 1..=CASES {
            let of_case = effects.iter().filter(|(of, _)| *of == case);
            let order: Vec<u32> = of_case.map(|(_, sequence)| *sequence).collect();
            assert_eq!(order, (0..sequences).collect::<Vec<_>>(), "case {case} at {inbox}");
        }
    }
}

/// The topics of `configuration`, as a process that goes by `partitions` sees them.
fn topics(
    configuration: &Configuration,
    broker: &Broker,
    partitions: u32,
) -> std::sync::Arc<KafkaChannel> {
    let file = configuration.write_role("gateway");
    let text = std::fs::read_to_string(file).expect("as written");
    let prefix = text.split("prefix=").nth(1).and_then(|rest| rest.split('&').next());
    let topic_prefix = prefix.expect("it has one").to_owned();
    let settings = Settings { topic_prefix, partitions, ..Settings::new(broker.address()) };
    KafkaChannel::open(settings, Clock::new(|| Timestamp(now()))).expect("a client")
}

#[allow(clippy::disallowed_methods, reason = "it is compared with the broker's")]
fn now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    i64::try_from(since.unwrap_or_default().as_micros()).unwrap_or(i64::MAX)
}

fn applications() -> ChannelName {
    ChannelName::new("application.kfz").expect("a name")
}

#[tokio::test(flavor = "multi_thread")]
async fn cases_keep_their_order_whatever_waits_when_the_number_is_switched() {
    let Some(broker) = Broker::start("another number of partitions") else { return };
    let receiver = Receiver::start().await;
    go_away(&receiver);
    let configuration = with(&broker, &receiver);
    let kfz = Kfz::read();
    let mut program = Program::start(&configuration).await;
    let portal = Portal::new(program.gateway());
    submit(&portal, &kfz, 0).await;
    let more = ["--partitions", &MORE.to_string()];
    let working = refused(&configuration, &more).await;
    assert_eq!(working, (Some(2), "AB-2001".to_owned()), "not under a dispatcher that works");

    program.kill_role("dispatcher").await;
    submit(&portal, &kfz, 1).await;
    let unread = says(&configuration, &more).await;
    assert_eq!(
        (unread.0, &unread.1["error"]["code"]),
        (Some(3), &"AB-5083".into()),
        "{}",
        unread.1
    );
    let left = unread.1["error"]["details"].as_array().map_or(0, Vec::len);
    assert!((1..=3).contains(&left), "each partition is named: {}", unread.1);
    assert_eq!(
        refused(&configuration, &["--partitions", "2"]).await,
        (Some(2), "AB-5082".to_owned())
    );
    program.start_role("dispatcher").await;
    until_there(&receiver, 2).await;
    let read = async || says(&configuration, &[&more[..], &["--dry-run"]].concat()).await.0;
    wait::until_equal("nothing to be left, as is told while it works", SOON, Some(0), read).await;
    program.kill_role("dispatcher").await;

    let dry = switched(&configuration, &[&more[..], &["--dry-run"]].concat()).await;
    assert_eq!((&dry["former"], &dry["generation"]), (&3.into(), &Value::Null), "{dry}");
    let grown: Vec<&str> = dry["grown"]
        .as_array()
        .map_or_else(Vec::new, |topics| topics.iter().filter_map(Value::as_str).collect());
    // Those of what was never told are not there yet.
    assert!(["application.kfz", "control", "status"].iter().all(|it| grown.contains(it)), "{dry}");
    let done = switched(&configuration, &more).await;
    assert_eq!((&done["generation"], &done["partitions"]), (&1.into(), &MORE.into()), "{done}");
    let again = switched(&configuration, &more).await;
    assert_eq!((&again["generation"], &again["grown"]), (&Value::Null, &Value::Array(vec![])));
    former_processes_are_refused(&configuration, &program, &kfz).await;
    assert!(program.end().await.success());

    let configuration = configuration.with_partitions(MORE);
    let mut program = Program::start(&configuration).await;
    let portal = Portal::new(program.gateway());
    submit(&portal, &kfz, 2).await;
    what_is_written_by_the_former_number_is_told(&configuration, &broker, &program).await;
    until_there(&receiver, 3).await;
    // What waits for the other system is rebuilt from the ledger, from before and after.
    program.kill_role("dispatcher").await;
    program.start_role("dispatcher").await;
    assert!(receiver.effects_of("away").is_empty());
    receiver.behave("away", Manner::default());
    until_all_have(&receiver, 3).await;
    assert!(program.end().await.success());
}

/// A gateway that was left running gives no receipts, and a dispatcher with the former number does not
/// start.
async fn former_processes_are_refused(configuration: &Configuration, program: &Program, kfz: &Kfz) {
    let portal = &Portal::new(program.gateway());
    // It may have looked at the topic a moment ago, and takes what comes in the next one.
    let mut sequence = 0;
    let status = wait::until("the gateway to refuse", SOON, || {
        sequence += 1;
        async move { portal.submit(kfz.document(LATE, sequence)).await.err() }
    })
    .await;
    assert_eq!(status.code(), Code::Unavailable, "{}", portal::told(&status));
    assert_eq!(portal::code(&status).as_deref(), Some("AB-2102"));
    assert!(status.get_details_retry_info().is_some(), "when to ask again");
    let operations = format!("http://{}", program.role("gateway").address("operations"));
    let health =
        process::run(&["health", &operations, "--json"], configuration.folder(), SOON).await;
    let said = String::from_utf8_lossy(&health.stdout);
    assert!(!health.status.success() && said.contains("AB-2102"), "{said}");
    let file = configuration.write_role("dispatcher");
    let (_, said) = Process::refuse(&["dispatcher"], &file, "another number").await;
    assert!(said.contains("AB-2318"), "{said}");
}

/// As by a gateway that has not heard of the switch; here of messages that are known.
async fn what_is_written_by_the_former_number_is_told(
    configuration: &Configuration,
    broker: &Broker,
    program: &Program,
) {
    let channel = topics(configuration, broker, MORE);
    let group = GroupId::new("test").expect("a name");
    let positions = Box::new(Positions::default());
    let mut reader =
        channel.subscribe(&group, &[applications()], positions).await.expect("it reads");
    let mut late = Vec::new();
    while late.is_empty() {
        let batch = reader.receive(500, Duration::from_secs(5)).await.expect("it reads");
        let records = batch.into_iter().flat_map(|batch| batch.records);
        let of_before = records
            .map(|(_, _, record)| std::sync::Arc::unwrap_or_clone(record))
            .filter(|record| channels::codec::partitions(record) == Some(3));
        late.extend(of_before.take(1));
    }
    channel.append(vec![late[0].clone(), late[0].clone()]).await.expect("it is taken");
    let told = async || {
        let log = program.log();
        let told = log.lines().filter(|line| line.contains("AB-3243"));
        let told: Vec<Value> = told.filter_map(|line| serde_json::from_str(line).ok()).collect();
        (!told.is_empty()).then_some(told)
    };
    let told = wait::until("it to be told", SOON, told).await;
    let partitions = told.iter().map(|line| line["partition"].to_string());
    assert_eq!(partitions.collect::<BTreeSet<_>>().len(), told.len(), "once each: {told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_came_by_the_new_number_before_the_switch_waits_for_it() {
    let Some(broker) = Broker::start("partitions that are added before a switch") else { return };
    let receiver = Receiver::start().await;
    let configuration = with(&broker, &receiver);
    let kfz = Kfz::read();
    let mut program = Program::start(&configuration).await;
    let portal = Portal::new(program.gateway());
    submit(&portal, &kfz, 0).await;
    until_all_have(&receiver, 1).await;
    program.kill_role("dispatcher").await;
    submit(&portal, &kfz, 1).await;
    assert!(program.end().await.success());

    // As a switch that was cut short, or as somebody with Kafka's own tools.
    topics(&configuration, &broker, 3).grow(&applications(), MORE).await.expect("it grows");
    let file = configuration.clone().with_partitions(MORE).write_role("gateway");
    let gateway = Process::start(&["gateway"], &file, Wrapper::default(), STARTS_WITHIN).await;
    submit(&Portal::new(gateway.address("gateway")), &kfz, 2).await;
    assert!(gateway.end().await.success());
    let more = ["--partitions", &MORE.to_string()];
    assert_eq!(refused(&configuration, &more).await, (Some(3), "AB-5083".to_owned()));

    // The dispatcher with the former number reads what is left of that, and nothing beyond.
    let file = configuration.write_role("dispatcher");
    let dispatcher =
        Process::start(&["dispatcher"], &file, Wrapper::default(), STARTS_WITHIN).await;
    until_all_have(&receiver, 2).await;
    let waits = async || dispatcher.log().contains("AB-3244").then_some(());
    wait::until("a partition to wait", SOON, waits).await;
    assert!(dispatcher.end().await.success());
    switched(&configuration, &more).await;
    let program = Program::start(&configuration.with_partitions(MORE)).await;
    until_all_have(&receiver, 3).await;
    assert!(program.end().await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn on_postgresql_a_dispatcher_that_works_forbids_the_switch_and_one_that_slept_through_it_ends()
 {
    let test = "another number of partitions on PostgreSQL";
    let Some(broker) = Broker::start(test) else { return };
    let Some(postgres) = Postgres::start(test) else { return };
    let receiver = Receiver::start().await;
    let store = format!("store = \"postgres://{ADMIN}@127.0.0.1:{}/postgres\"", postgres.port());
    let configuration = with(&broker, &receiver).with_head(&store);
    let kfz = Kfz::read();
    let mut program = Program::start(&configuration).await;
    // What waits was never tried: nothing but its place says what comes first.
    order(&configuration, &program, "pause").await;
    submit(&Portal::new(program.gateway()), &kfz, 0).await;
    until_there(&receiver, 1).await;
    let more = ["--partitions", &MORE.to_string()];
    let working = refused(&configuration, &more).await;
    assert_eq!(working, (Some(2), "AB-2319".to_owned()), "not under a dispatcher that works");
    let counts = "SELECT max(generation), max(partitions) FROM amtsbote_ledger.numbering";
    assert_eq!(postgres.sql(counts), "0|3", "nothing was changed");

    // As on a machine that has no time for it: nobody can tell it from one that is gone.
    let mut former = program.take_role("dispatcher");
    former.stand_still().await;
    let done = switched(&configuration, &more).await;
    assert_eq!((&done["generation"], &done["partitions"]), (&1.into(), &MORE.into()), "{done}");
    former_processes_are_refused(&configuration, &program, &kfz).await;
    former.go_on().await;
    let ended = former.until_ended(SOON).await;
    assert!(!ended.success() && former.log().contains("AB-2307"), "{ended}");
    assert!(program.end().await.success());

    let configuration = configuration.with_partitions(MORE);
    let mut program = Program::start(&configuration).await;
    let portal = Portal::new(program.gateway());
    submit(&portal, &kfz, 1).await;
    what_is_written_by_the_former_number_is_told(&configuration, &broker, &program).await;
    until_there(&receiver, 2).await;
    // What waits for the other system is rebuilt from the ledger, from before and after.
    assert!(program.take_role("dispatcher").end().await.success());
    program.start_role("dispatcher").await;
    assert!(receiver.effects_of("away").is_empty());
    order(&configuration, &program, "resume").await;
    until_all_have(&receiver, 2).await;
    let last = portal.receipt_at_last(kfz.document(1, 2), SOON).await;
    portal.until(&last.message_id, "delivered", SOON).await;
    assert!(program.end().await.success());
}

/// Until a dispatcher obeys: with a new ledger it only records at first.
async fn order(configuration: &Configuration, program: &Program, word: &str) {
    let operator = Operator::of(format!("http://{}", program.console()), configuration);
    let words = ["endpoint", word, "away", "--operator", "erika"];
    let is_done = async || operator.says(&words).await.status.success();
    wait::until_equal(&format!("{word} to be obeyed"), SOON, true, is_done).await;
}

#[tokio::test]
async fn a_channel_in_a_file_has_one_partition_for_good() {
    let configuration = Configuration::new().with_standard_route("kfz");
    let file = configuration.write();
    let file = file.to_str().expect("a path of ours");
    let words = ["channel", "switch", "--partitions", "3", "--config", file, "--json"];
    let output = process::run(&words, configuration.folder(), SOON).await;
    let told: Value = serde_json::from_slice(&output.stdout).expect("one JSON value");
    assert_eq!((output.status.code(), &told["error"]["code"]), (Some(2), &"AB-5081".into()));
}
