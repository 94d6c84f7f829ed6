//! What operators order, with the real program: from the command line over the console and the
//! channel to the dispatcher, and the answer back.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]
#![allow(clippy::result_large_err, reason = "SQLite's errors")]

use std::time::Duration;

use serde_json::Value;
use tests::{
    configuration::{Configuration, System},
    documents::Kfz,
    kafka::Broker,
    operator::Operator,
    portal::Portal,
    process::Program,
    receiver::{Manner, Receiver},
    wait,
};
use wire::intake::Receipt;

const SOON: Duration = Duration::from_secs(60);

/// One system that gives up after its first attempt.
fn with(receiver: &Receiver, contract: &str) -> Configuration {
    let inbox = System {
        more: "retry = { attempts_max = 1 }".to_owned(),
        ..System::http("inbox", &receiver.url("inbox"), contract)
    };
    Configuration::new().with_standard_route("kfz").with_system(&inbox)
}

#[tokio::test]
async fn a_paused_system_gets_nothing_through_a_kill_and_everything_once_when_it_is_resumed() {
    let receiver = Receiver::start().await;
    let configuration = with(&receiver, "deduplicates");
    let kfz = Kfz::read();
    let program = Program::start(&configuration).await;
    let operator = Operator::at(&program, &configuration).await;
    let paused = operator
        .orders(&["endpoint", "pause", "inbox", "--operator", "erika", "--reason", "Wartung"])
        .await;
    assert_eq!(paused["command"]["state"], "accepted");
    let portal = Portal::new(program.gateway());
    let mut receipts = Vec::new();
    for case in 1..=5 {
        receipts.push(portal.receipt(kfz.document(case, 0)).await);
    }
    for receipt in &receipts {
        portal.until(&receipt.message_id, "pending", SOON).await;
    }
    let before = operator.orders(&["endpoint", "show", "inbox"]).await;
    program.kill().await;
    // It is projected anew, and what was ordered is in none of these files.
    for end in ["", "-wal", "-shm"] {
        let file = configuration.folder().join("data").join(format!("journal.sqlite{end}"));
        std::fs::remove_file(file).expect("the journal");
    }

    let program = Program::start(&configuration).await;
    let portal = Portal::new(program.gateway());
    let later = portal.receipt(kfz.document(6, 0)).await;
    portal.until(&later.message_id, "pending", SOON).await;
    assert_eq!(receiver.sequence(), 0, "not one delivery while it is paused");

    let console = format!("http://{}", program.console());
    let operator = Operator::of(console, &configuration);
    let shown = operator.orders(&["endpoint", "show", "inbox"]).await;
    assert_eq!((&shown["is_open"], &shown["gate_code"]), (&false.into(), &"AB-3220".into()));
    let told = shown["commands"].as_array().expect("a list");
    assert_eq!(shown["commands"], before["commands"], "each order once, with what became of it");
    let pause = told.iter().find(|command| command["order"] == "pause").expect("the pause");
    assert_eq!((&pause["operator"], &pause["reason"]), (&"erika".into(), &"Wartung".into()));

    operator.orders(&["endpoint", "resume", "inbox"]).await;
    for receipt in receipts.iter().chain([&later]) {
        portal.until(&receipt.message_id, "delivered", SOON).await;
    }
    assert_eq!(receiver.sequence(), 6, "each once");
    let listed = operator.orders(&["endpoint", "list"]).await;
    assert_eq!(listed["is_open"], true);
    assert!(program.end().await.success());
}

/// Two of one case, of which the first is dead; the system is well again.
async fn one_dead_before_another(receiver: &Receiver, portal: &Portal, kfz: &Kfz) -> [Receipt; 2] {
    receiver.behave("inbox", Manner { status: 500, ..Manner::default() });
    let first = portal.receipt(kfz.document(1, 0)).await;
    let second = portal.receipt(kfz.document(1, 1)).await;
    portal.until(&first.message_id, "dead", SOON).await;
    receiver.behave("inbox", Manner::default());
    [first, second]
}

#[tokio::test]
async fn a_dead_delivery_is_replayed_with_its_key_and_before_its_case() {
    let receiver = Receiver::start().await;
    let configuration = with(&receiver, "deduplicates");
    let kfz = Kfz::read();
    let program = Program::start(&configuration).await;
    let operator = Operator::at(&program, &configuration).await;
    let portal = Portal::new(program.gateway());
    let [first, second] = one_dead_before_another(&receiver, &portal, &kfz).await;

    let listed = wait::until("the list of the dead", SOON, || async {
        let listed = operator.says(&["dead", "list"]).await;
        (!listed.stdout.is_empty()).then_some(listed)
    });
    let listed = listed.await;
    let listed: Value = serde_json::from_slice(&listed.stdout).expect("one line");
    assert_eq!((&listed["state"], &listed["endpoint"]), (&"dead".into(), &"inbox".into()));
    assert_eq!(listed["message_id"], first.message_id.as_str());
    let shown = operator.orders(&["dead", "show", &first.message_id]).await;
    assert_eq!(shown["undecided"][0]["version"], listed["version"]);

    operator.orders(&["dead", "replay", &first.message_id]).await;
    for receipt in [&first, &second] {
        portal.until(&receipt.message_id, "delivered", SOON).await;
    }
    let arrivals = receiver.arrivals();
    assert_eq!(arrivals.len(), 3);
    assert_eq!(arrivals[0].key, arrivals[1].key, "the same delivery, the same key");
    assert_eq!(arrivals[0].own_id, arrivals[1].own_id, "and before what came after it");
    let again = operator.fails(&["dead", "replay", &first.message_id]).await;
    assert_eq!(again, (Some(1), "AB-5050".to_owned()));
    assert!(program.end().await.success());
}

#[tokio::test]
async fn a_dead_delivery_is_corrected_and_goes_before_its_case_under_another_key() {
    let receiver = Receiver::start().await;
    let configuration = with(&receiver, "deduplicates");
    let kfz = Kfz::read();
    let program = Program::start(&configuration).await;
    let operator = Operator::at(&program, &configuration).await;
    let portal = Portal::new(program.gateway());
    let [first, second] = one_dead_before_another(&receiver, &portal, &kfz).await;

    let of_first = |hausnummer| {
        let text = String::from_utf8(kfz.document(1, 0).to_vec()).expect("UTF-8");
        let (before, after) = text.split_once("hausnummer>").expect("an address");
        let (_, after) = after.split_once('<').expect("it ends");
        format!("{before}hausnummer>{hausnummer}<{after}")
    };
    let file = |name: &str, text: &[u8]| {
        let path = configuration.folder().join(name);
        std::fs::write(&path, text).expect("a folder of ours");
        path.to_str().expect("UTF-8").to_owned()
    };
    let good = file("good.xml", of_first("17a").as_bytes());
    let unknown = of_first("17a").replace("hausnummer>", "hausnahmer>");
    for (document, reason, expected) in [
        (&good, "", (2, "AB-5055")),
        (&file("large.xml", &vec![b' '; 262_145]), "so", (2, "AB-5055")),
        (&file("bad.xml", unknown.as_bytes()), "so", (1, "AB-3251")),
        (&file("other.xml", &kfz.document(1, 1)), "so", (1, "AB-3252")),
    ] {
        let words = ["dead", "edit", &first.message_id, "--document", document, "--reason", reason];
        let (exit, code) = operator.fails(&words).await;
        assert_eq!((exit, code.as_str()), (Some(expected.0), expected.1), "{document}");
    }
    let words = ["dead", "edit", &first.message_id, "--document", &good, "--reason", "Hausnummer"];
    let ordered = operator.orders(&words).await;
    let command = ordered["command"]["command_id"].as_str().expect("an id").to_owned();
    for receipt in [&first, &second] {
        portal.until(&receipt.message_id, "delivered", SOON).await;
    }
    let arrivals = receiver.arrivals();
    assert_eq!(arrivals.len(), 3);
    assert_eq!(arrivals[0].body, kfz.document(1, 0));
    assert_eq!(arrivals[1].body, of_first("17a").as_bytes(), "what was corrected");
    assert_ne!(arrivals[0].key, arrivals[1].key, "and is not taken for what came");
    assert_eq!(arrivals[2].body, kfz.document(1, 1), "before what it held");

    let status = portal.status(&first.message_id).await.expect("it is known");
    let told = status.timeline.iter().find(|entry| entry.kind == "edited").expect("it is told");
    assert!(told.german.contains(&command) && told.english.contains(&command), "{told:?}");
    assert!(program.end().await.success());
    let ledger = configuration.folder().join("data").join("ledger.sqlite");
    let ledger = rusqlite::Connection::open(ledger).expect("the ledger");
    let count = |what: &str| -> i64 {
        let of = format!("SELECT count(*) FROM {what}");
        ledger.query_row(&of, [], |row| row.get(0)).expect("a number")
    };
    assert_eq!((count("body"), count("edit")), (2, 1), "what came is kept beside it");
}

#[tokio::test]
async fn where_nobody_can_tell_a_person_decides_and_the_case_goes_on() {
    let receiver = Receiver::start().await;
    let configuration = with(&receiver, "none");
    let kfz = Kfz::read();
    let program = Program::start(&configuration).await;
    let operator = Operator::at(&program, &configuration).await;
    let portal = Portal::new(program.gateway());
    receiver.behave("inbox", Manner { status: 500, ..Manner::default() });
    let mut receipts = Vec::new();
    for case in 1..=3 {
        let head = portal.receipt(kfz.document(case, 0)).await;
        portal.until(&head.message_id, "uncertain", SOON).await;
        let next = portal.receipt(kfz.document(case, 1)).await;
        receipts.push((head.message_id, next.message_id));
    }
    receiver.behave("inbox", Manner::default());
    let [delivered, again, discarded] = receipts.as_slice() else { panic!("three cases") };

    let blind = operator.fails(&["dead", "replay", &delivered.0]).await;
    assert_eq!(blind, (Some(1), "AB-3225".to_owned()));
    operator.orders(&["dead", "delivered", &delivered.0]).await;
    operator.orders(&["dead", "send-again", &again.0]).await;
    operator.orders(&["dead", "discard", &discarded.0, "--reason", "Antrag zurückgezogen"]).await;
    for (head, state) in [(delivered, "delivered"), (again, "delivered"), (discarded, "discarded")]
    {
        portal.until(&head.0, state, SOON).await;
        portal.until(&head.1, "delivered", SOON).await;
    }
    // Three heads, one of them once more, and three that waited behind them.
    assert_eq!(receiver.arrivals().len(), 7);
    assert!(program.end().await.success());
}

#[tokio::test]
async fn what_cannot_be_done_is_told_with_a_code_and_an_exit_code() {
    let receiver = Receiver::start().await;
    let configuration = with(&receiver, "none");
    let program = Program::start(&configuration).await;
    let operator = Operator::at(&program, &configuration).await;
    for (words, expected) in [
        // Perhaps a dispatcher owns it that does not run: the same later may help.
        (vec!["endpoint", "pause", "goerlitz", "--wait-max", "1"], (3, "AB-5052")),
        (vec!["endpoint", "pause", "Görlitz"], (1, "AB-1401")),
        (vec!["endpoint", "pause", "inbox", "--operator", ""], (1, "AB-1401")),
        (vec!["endpoint", "show", "goerlitz"], (1, "AB-5023")),
        (vec!["dead", "show", "94b7ead4-a60b-5443-b4ed-b7d4042a2b91"], (1, "AB-5023")),
        (vec!["dead", "discard", "94b7"], (1, "AB-1401")),
    ] {
        let (exit, code) = operator.fails(&words).await;
        assert_eq!((exit, code.as_str()), (Some(expected.0), expected.1), "{words:?}");
    }
    let words = ["endpoint", "pause", "goerlitz", "--wait-max", "12"];
    assert_eq!(
        operator.fails(&words).await,
        (Some(3), "AB-1410".to_owned()),
        "and the console says so"
    );
    let nowhere = Operator::of("http://127.0.0.1:1".to_owned(), &configuration);
    assert_eq!(nowhere.fails(&["endpoint", "list"]).await, (Some(3), "AB-5021".to_owned()));
    assert!(program.end().await.success());
}

#[tokio::test]
async fn an_order_waits_for_a_dispatcher_that_is_away_and_is_carried_out_when_it_comes_back() {
    let Some(broker) = Broker::start("operators and roles apart") else { return };
    let receiver = Receiver::start().await;
    let inbox = System::http("inbox", &receiver.url("inbox"), "deduplicates");
    let configuration =
        Configuration::apart(broker.address()).with_standard_route("kfz").with_system(&inbox);
    let mut program = Program::start(&configuration).await;
    let operator = Operator::at(&program, &configuration).await;
    program.kill_role("dispatcher").await;
    let away = operator.fails(&["endpoint", "pause", "inbox", "--wait-max", "1"]).await;
    assert_eq!(away.0, Some(3), "{away:?}: the same later may help");
    let portal = Portal::new(program.gateway());
    let receipt = portal.receipt(Kfz::read().document(1, 0)).await;

    program.start_role("dispatcher").await;
    wait::until("the pause to be obeyed", SOON, || async {
        let shown = operator.orders(&["endpoint", "show", "inbox"]).await;
        (shown["gate_code"] == "AB-3220").then_some(())
    })
    .await;
    let arrived = receiver.count("inbox");
    operator.orders(&["endpoint", "resume", "inbox"]).await;
    portal.until(&receipt.message_id, "delivered", SOON).await;
    // It may have gone before the dispatcher had read of the pause, but once in any case.
    assert_eq!((receiver.count("inbox"), arrived <= 1), (1, true));
    assert!(program.end().await.success());
}
