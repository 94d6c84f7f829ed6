//! A database restored by its own means, and the ledger in it marked as restored, with the real program.

use std::{
    ops::RangeInclusive,
    path::{Path, PathBuf},
    time::Duration,
};

use serde_json::Value;
use tests::{
    configuration::{Configuration, System},
    documents::{Kfz, own_id_of},
    kafka::Broker,
    operator::Operator,
    portal::Portal,
    postgres::{ADMIN, Postgres},
    process::{self, Process, Program, STARTS_WITHIN, Wrapper},
    receiver::{Manner, Receiver},
    wait,
};

const SOON: Duration = Duration::from_secs(60);
/// Everything goes to three: one that can tell nothing, one that can be asked, one that knows keys.
const SYSTEMS: [(&str, &str); 3] =
    [("inbox", "none"), ("asked", "can_look_up"), ("keys", "deduplicates")];

fn with(receiver: &Receiver, postgres: &Postgres, database: &str, data: &Path) -> Configuration {
    let store = format!("store = \"postgres://{ADMIN}@127.0.0.1:{}/{database}\"", postgres.port());
    receiver.behave("inbox", Manner { recognises_keys: false, ..Manner::default() });
    let inbox = System {
        more: "timeout = \"2s\"".to_owned(),
        ..System::http("inbox", &receiver.url("inbox"), "none")
    };
    Configuration::new()
        .with_data(data)
        .with_head(&store)
        .with_standard_route("kfz")
        .with_system(&inbox)
}

async fn restore(configuration: &Configuration) -> (Option<i32>, Value) {
    restore_by(configuration, &configuration.write()).await
}

/// Exit code and what it says.
async fn restore_by(configuration: &Configuration, file: &Path) -> (Option<i32>, Value) {
    let words = ["ledger", "restore", "--config", file.to_str().expect("a path of ours"), "--json"];
    let output = process::run(&words, configuration.folder(), SOON).await;
    let said = String::from_utf8_lossy(&output.stdout);
    let told = serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}"));
    (output.status.code(), told)
}

#[tokio::test]
async fn a_database_from_a_backup_begins_an_epoch_in_which_nothing_is_repeated() {
    let Some(postgres) = Postgres::start("a ledger restored on PostgreSQL") else { return };
    let receiver = Receiver::start().await;
    let folder = Configuration::new();
    let data = folder.folder().join("data");
    let kfz = Kfz::read();
    let configuration = with(&receiver, &postgres, "postgres", &data);
    let program = Program::start(&configuration).await;
    let portal = Portal::new(program.gateway());
    let before = portal.receipt(kfz.document(1, 0)).await.message_id;
    portal.until(&before, "delivered", SOON).await;
    let working = restore(&configuration).await;
    assert_eq!((working.0, &working.1["error"]["code"]), (Some(2), &"AB-2316".into()));
    assert!(program.end().await.success());
    postgres.sql("CREATE DATABASE backup TEMPLATE postgres");

    let program = Program::start(&configuration).await;
    let portal = Portal::new(program.gateway());
    let beyond = portal.receipt(kfz.document(2, 0)).await.message_id;
    portal.until(&beyond, "delivered", SOON).await;
    program.kill().await;
    assert_eq!(receiver.count("inbox"), 2);

    let restored = with(&receiver, &postgres, "backup", &data);
    let (exit, told) = restore(&restored).await;
    assert_eq!(exit, Some(0), "{told}");
    assert!(told["restored"]["epoch"].as_u64() > Some(1), "{told}");
    let program = Program::start(&restored).await;
    let portal = Portal::new(program.gateway());
    let status = portal.until(&beyond, "uncertain", SOON).await;
    assert!(status.deliveries.iter().any(|it| it.code == "AB-3234"), "{status:?}");
    let new = portal.receipt(kfz.document(3, 0)).await.message_id;
    portal.until(&new, "delivered", SOON).await;
    assert_eq!(receiver.count("inbox"), 3, "the one in doubt came once");
    assert!(program.end().await.success());

    let empty = with(&receiver, &postgres, "template1", &data);
    let (exit, told) = restore(&empty).await;
    assert_eq!((exit, &told["error"]["code"]), (Some(2), &"AB-2317".into()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_dispatchers_on_a_ledger_put_back_repeat_nothing_and_obey_no_order_a_second_time() {
    let test = "a ledger put back under two dispatchers";
    let Some(broker) = Broker::shared(test) else { return };
    let Some(postgres) = Postgres::start(test) else { return };
    let receiver = Receiver::start().await;
    let configuration = with_three(broker, &postgres, &receiver);
    let gateway = start("gateway", &configuration.write_role("gateway")).await;
    let console = start("console", &configuration.write_role("console")).await;
    let files = ["one", "two"].map(|name| configuration.write_dispatcher(name));
    let dispatchers = start_all(&files).await;
    let (kfz, portal) = (Kfz::read(), Portal::new(gateway.address("gateway")));
    let operator = Operator::of(format!("http://{}", console.address("console")), &configuration);
    let resume = ["endpoint", "resume", "inbox"];
    let obeys = async || operator.says(&resume).await.status.success();
    wait::until_equal("a dispatcher to obey", SOON, true, obeys).await;
    deliver(&portal, &kfz, 1..=2).await;
    // One was tried and waits when the copy is made; all else is delivered after it.
    behave(&receiver, 503);
    let mut beyond = vec![portal.receipt(kfz.document(3, 0)).await.message_id];
    let tried = async || SYSTEMS.iter().all(|(name, _)| 2 < receiver.count(name));
    wait::until_equal("it to be tried", SOON, true, tried).await;
    let backup = configuration.folder().join("ledger.dump");
    postgres.dump("amtsbote_ledger", &backup);
    behave(&receiver, 200);
    portal.until(&beyond[0], "delivered", SOON).await;
    let filter = format!("endpoint=inbox,state=delivered,own_id={}", own_id_of(1, 0));
    let again = ["replay", "--filter", &filter, "--new-effect", "--wait"];
    assert!(operator.says(&again).await.status.success(), "as a new effect");
    beyond.extend(deliver(&portal, &kfz, 4..=6).await);
    let effects = || SYSTEMS.map(|(name, _)| receiver.effects_of(name).len());
    assert_eq!(effects(), [7, 6, 6]);
    for dispatcher in dispatchers {
        dispatcher.kill().await;
    }
    beyond.push(portal.receipt(kfz.document(7, 0)).await.message_id);

    postgres.put_back("amtsbote_ledger", &backup);
    let (exit, told) = restore_by(&configuration, &files[0]).await;
    assert_eq!(exit, Some(0), "{told}");
    let dispatchers = start_all(&files).await;
    for id in &beyond {
        portal.until(id, "uncertain", SOON).await;
    }
    // The others are sure again: one was asked, and one got the same under the same keys.
    let deliveries = "SELECT count(*) FILTER (WHERE state = 'uncertain'), count(*) \
                      FROM amtsbote_ledger.delivery WHERE state <> 'delivered'";
    let open = async || postgres.sql(deliveries);
    let questions = format!("{0}|{0}", beyond.len());
    wait::until_equal("one question for each", SOON, questions, open).await;
    assert_eq!(effects(), [7, 7, 7], "what was never handed over is new to those who can tell");
    let is_recorded = async || dispatchers.iter().any(|it| it.log().contains("AB-3227"));
    wait::until_equal("the order to be recorded", SOON, true, is_recorded).await;
    deliver(&portal, &kfz, 8..=8).await;
    assert_eq!(effects(), [8, 8, 8], "and what comes now is as ever");
    for process in dispatchers.into_iter().chain([gateway, console]) {
        assert!(process.end().await.success());
    }
}

fn with_three(broker: &Broker, postgres: &Postgres, receiver: &Receiver) -> Configuration {
    let store = format!("store = \"postgres://{ADMIN}@127.0.0.1:{}/postgres\"", postgres.port());
    let configuration = Configuration::apart(broker.address()).with_head(&store);
    behave(receiver, 200);
    let systems = SYSTEMS.map(|(name, contract)| {
        let more = "timeout = \"2s\"".to_owned();
        System { more, ..System::http(name, &receiver.url(name), contract) }
    });
    let with = |configuration: Configuration, system| configuration.with_system(system);
    systems.iter().fold(configuration.with_standard_route("kfz"), with)
}

/// One of them knows keys; to the others, whatever comes is something new.
fn behave(receiver: &Receiver, status: u16) {
    for (name, contract) in SYSTEMS {
        let recognises_keys = contract == "deduplicates";
        receiver.behave(name, Manner { recognises_keys, status, ..Manner::default() });
    }
}

/// A message of each case, delivered to all.
async fn deliver(portal: &Portal, kfz: &Kfz, cases: RangeInclusive<u32>) -> Vec<String> {
    let mut ids = Vec::new();
    for case in cases {
        ids.push(portal.receipt_at_last(kfz.document(case, 0), SOON).await.message_id);
    }
    for id in &ids {
        portal.until(id, "delivered", SOON).await;
    }
    ids
}

async fn start_all(files: &[PathBuf]) -> Vec<Process> {
    let mut processes = Vec::new();
    for file in files {
        processes.push(start("dispatcher", file).await);
    }
    processes
}

async fn start(role: &str, file: &Path) -> Process {
    Process::start(&[role], file, Wrapper::default(), STARTS_WITHIN).await
}
