//! A ledger restored from a backup, with the real program: what was done after the backup is done no
//! second time, whatever the system on the other side can tell.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::{path::Path, process::Output, time::Duration};

use serde_json::Value;
use tests::{
    configuration::{Configuration, System},
    documents::Kfz,
    kafka::Broker,
    operator::Operator,
    portal::Portal,
    process::{self, Program},
    receiver::{Manner, Receiver},
    wait,
};

const SOON: Duration = Duration::from_secs(60);

/// Everything goes to three: one that can tell nothing, one that can be asked, one that knows keys.
const SYSTEMS: [(&str, &str); 3] =
    [("inbox", "none"), ("asked", "can_look_up"), ("keys", "deduplicates")];

fn with(receiver: &Receiver) -> Configuration {
    let mut configuration = Configuration::new().with_standard_route("kfz");
    for (name, contract) in SYSTEMS {
        receiver.behave(
            name,
            Manner { recognises_keys: contract == "deduplicates", ..Manner::default() },
        );
        let system = System {
            more: "timeout = \"2s\"".to_owned(),
            ..System::http(name, &receiver.url(name), contract)
        };
        configuration = configuration.with_system(&system);
    }
    configuration
}

async fn says(configuration: &Configuration, words: &[&str]) -> Output {
    let file = match configuration.is_apart() {
        true => configuration.write_role("dispatcher"),
        false => configuration.write(),
    };
    let file = file.to_str().expect("a path of ours");
    let words = [words, &["--config", file, "--json"]].concat();
    process::run(&words, configuration.folder(), SOON).await
}

/// What must succeed.
async fn done(configuration: &Configuration, words: &[&str]) -> Value {
    let output = says(configuration, words).await;
    let (out, err) = (&output.stdout, &output.stderr);
    let said = || format!("{}{}", String::from_utf8_lossy(out), String::from_utf8_lossy(err));
    assert!(output.status.success(), "{words:?}: {}", said());
    serde_json::from_slice(out).expect("one JSON value")
}

/// What must fail: exit code and code.
async fn refused(configuration: &Configuration, words: &[&str]) -> (Option<i32>, String) {
    let output = says(configuration, words).await;
    let told: Value = serde_json::from_slice(&output.stdout).expect("one JSON value");
    let code = told.pointer("/error/code").and_then(Value::as_str).unwrap_or_default();
    (output.status.code(), code.to_owned())
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path of ours")
}

#[tokio::test]
async fn nothing_done_after_the_backup_is_done_again_beyond_what_contracts_allow() {
    let receiver = Receiver::start().await;
    let configuration = with(&receiver);
    let kfz = Kfz::read();
    let program = Program::start(&configuration).await;
    let operator = Operator::at(&program, &configuration).await;
    let portal = Portal::new(program.gateway());
    let before = portal.receipt(kfz.document(1, 0)).await.message_id;
    portal.until(&before, "delivered", SOON).await;

    // While it is worked on.
    let file = configuration.folder().join("ledger.backup");
    let backup = done(&configuration, &["ledger", "backup", text(&file)]).await;
    assert!(backup["backup"]["ledger"].as_str().is_some_and(|id| id.starts_with("ledger-")));
    let again = refused(&configuration, &["ledger", "backup", text(&file)]).await;
    assert_eq!(again, (Some(3), "AB-2308".to_owned()), "no backup is written over");

    let mut beyond = Vec::new();
    for (case, sequence) in [(1, 1), (2, 0), (3, 0)] {
        let id = portal.receipt(kfz.document(case, sequence)).await.message_id;
        portal.until(&id, "delivered", SOON).await;
        beyond.push(id);
    }
    operator.orders(&["endpoint", "pause", "inbox", "--operator", "erika"]).await;
    let in_use = refused(&configuration, &["ledger", "restore", text(&file)]).await;
    assert_eq!(in_use, (Some(2), "AB-2001".to_owned()), "not under a dispatcher that works");
    program.kill().await;
    for (name, _) in SYSTEMS {
        assert_eq!(receiver.count(name), 4, "{name}");
    }

    let restored = done(&configuration, &["ledger", "restore", text(&file)]).await;
    let restored = &restored["restored"];
    assert_eq!((&restored["uncertain"], &restored["paused"]), (&0.into(), &Value::Array(vec![])));
    let kept = restored["kept"].as_str().expect("what was there is kept");
    assert!(Path::new(kept).is_file(), "{kept}");
    let told = (restored["ledger"].clone(), restored["epoch"].as_u64());
    assert_eq!(told.0, backup["backup"]["ledger"], "the same ledger");
    assert!(backup["backup"]["epoch"].as_u64() < told.1, "in a new epoch");

    // Twice, as the first start may be cut short: what it recorded of the orders stays recorded.
    let first = Program::start(&configuration).await;
    let recorded = "an order of after the backup to be recorded";
    wait::until(recorded, SOON, async || first.log().contains("AB-3227").then_some(())).await;
    first.kill().await;
    let program = Program::start(&configuration).await;
    let portal = Portal::new(program.gateway());
    for id in &beyond {
        portal.until(id, "uncertain", SOON).await;
    }
    // Whoever knows keys gets them again, whoever can be asked is asked.
    wait::until("the others to be sure again", SOON, || async {
        let shown = Operator::of(format!("http://{}", program.console()), &configuration);
        let mut open = 0;
        for name in ["asked", "keys"] {
            let shown = shown.orders(&["endpoint", "show", name]).await;
            open += shown["deliveries"]["uncertain"].as_u64().unwrap_or_default();
        }
        (open == 0 && 3 <= receiver.look_ups() && 7 <= receiver.count("keys")).then_some(())
    })
    .await;
    assert_eq!((receiver.count("inbox"), receiver.count("asked")), (4, 4), "none again");
    let effects = receiver.effects_of("keys");
    assert_eq!(effects.len(), 4, "none of them took effect twice");
    operator_decides(&receiver, &configuration, &program, &beyond).await;

    // What comes now is as ever.
    let new = portal.receipt(kfz.document(4, 0)).await.message_id;
    portal.until(&new, "delivered", SOON).await;
    assert_eq!((receiver.count("inbox"), receiver.count("asked")), (5, 5));
    assert!(program.end().await.success());
}

/// One question each, with the reason; one order answers them all.
async fn operator_decides(
    receiver: &Receiver,
    configuration: &Configuration,
    program: &Program,
    beyond: &[String],
) {
    let operator = Operator::of(format!("http://{}", program.console()), configuration);
    let shown = operator.orders(&["endpoint", "show", "inbox"]).await;
    assert_eq!(shown["is_open"], true, "and it is not carried out");
    let portal = Portal::new(program.gateway());
    for id in beyond {
        let status = portal.status(id).await.expect("it is known");
        let questions = status.deliveries.iter().filter(|it| it.state == "uncertain");
        let told: Vec<_> = questions.map(|it| (it.endpoint.as_str(), it.code.as_str())).collect();
        assert_eq!(told, [("inbox", "AB-3234")], "{id}");
    }
    let listed = operator.says(&["dead", "list"]).await.stdout;
    assert_eq!(String::from_utf8_lossy(&listed).lines().count(), beyond.len());

    let filter = "endpoint=inbox,state=uncertain,code=AB-3234";
    let words = ["replay", "--filter", filter, "--order", "delivered", "--reason", "nachgesehen"];
    operator.says(&[&words[..], &["--wait"]].concat()).await;
    for id in beyond {
        portal.until(id, "delivered", SOON).await;
    }
    assert_eq!(receiver.count("inbox"), 4);
}

#[tokio::test]
async fn a_dispatcher_of_its_own_begins_where_its_topics_ended_when_it_came_back() {
    let Some(broker) = Broker::start("a ledger restored on Kafka") else { return };
    let receiver = Receiver::start().await;
    receiver.behave("inbox", Manner { recognises_keys: false, ..Manner::default() });
    let inbox = System {
        more: "timeout = \"2s\"".to_owned(),
        ..System::http("inbox", &receiver.url("inbox"), "none")
    };
    let configuration =
        Configuration::apart(broker.address()).with_standard_route("kfz").with_system(&inbox);
    let kfz = Kfz::read();
    let mut program = Program::start(&configuration).await;
    let portal = Portal::new(program.gateway());
    let before = portal.receipt(kfz.document(1, 0)).await.message_id;
    portal.until(&before, "delivered", SOON).await;
    let file = configuration.folder().join("ledger.backup");
    done(&configuration, &["ledger", "backup", text(&file)]).await;
    let mut beyond = Vec::new();
    for case in 2..=6 {
        beyond.push(portal.receipt(kfz.document(case, 0)).await.message_id);
    }
    for id in &beyond {
        portal.until(id, "delivered", SOON).await;
    }
    program.kill_role("dispatcher").await;
    // The gateway takes on, whoever reads.
    for case in 7..=9 {
        beyond.push(portal.receipt(kfz.document(case, 0)).await.message_id);
    }
    done(&configuration, &["ledger", "restore", text(&file)]).await;
    program.start_role("dispatcher").await;
    for id in &beyond {
        portal.until(id, "uncertain", SOON).await;
    }
    let new = portal.receipt(kfz.document(10, 0)).await.message_id;
    portal.until(&new, "delivered", SOON).await;
    assert_eq!(receiver.count("inbox"), 7, "what is in doubt is not handed over");
    assert!(program.end().await.success());
}

#[tokio::test]
async fn what_cannot_be_done_is_told_with_a_code_and_changes_nothing() {
    let receiver = Receiver::start().await;
    let configuration = with(&receiver);
    let program = Program::start(&configuration).await;
    assert!(program.end().await.success());
    let nowhere = configuration.folder().join("nowhere");
    let letter = configuration.folder().join("letter");
    std::fs::write(&letter, b"a letter to the county".repeat(100)).expect("a file of ours");
    for (words, expected) in [
        (["restore", text(&nowhere)], (Some(3), "AB-2301")),
        (["restore", text(&letter)], (Some(2), "AB-2302")),
        (["backup", "/nowhere/ledger"], (Some(3), "AB-2308")),
    ] {
        let (exit, code) = refused(&configuration, &[&["ledger"], &words[..]].concat()).await;
        assert_eq!((exit, code.as_str()), expected, "{words:?}");
    }
    let elsewhere = Configuration::new()
        .with_head("store = \"postgres://amtsbote@127.0.0.1:1/amtsbote\"")
        .with_standard_route("kfz");
    for words in [["ledger", "backup", "a"], ["ledger", "restore", "a"]] {
        let refused = refused(&elsewhere, &words).await;
        assert_eq!(refused, (Some(2), "AB-5080".to_owned()), "{words:?}");
    }
    let program = Program::start(&configuration).await;
    assert!(program.end().await.success(), "as before");
}
