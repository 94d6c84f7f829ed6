//! Orders about many deliveries and about what is over, calendars and chains, with the real program.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::time::Duration;

use serde_json::Value;
use tests::{
    configuration::{Configuration, System},
    documents::Kfz,
    operator::Operator,
    portal::Portal,
    process::Program,
    receiver::{Manner, Receiver},
    wait,
};

const SOON: Duration = Duration::from_secs(60);
const COUNT: u32 = 12;

/// One system that gives up after its first attempt.
fn with(receiver: &Receiver, contract: &str, more: &str) -> Configuration {
    let inbox = System {
        more: format!("retry = {{ attempts_max = 1 }}\n{more}"),
        ..System::http("inbox", &receiver.url("inbox"), contract)
    };
    Configuration::new().with_standard_route("kfz").with_system(&inbox)
}

/// So many cases whose only message is dead, and its system is well again.
async fn dead(receiver: &Receiver, program: &Program, operator: &Operator) -> Vec<String> {
    receiver.behave("inbox", Manner { status: 500, ..Manner::default() });
    let (kfz, portal) = (Kfz::read(), Portal::new(program.gateway()));
    let mut ids = Vec::new();
    for case in 1..=COUNT {
        ids.push(portal.receipt(kfz.document(case, 0)).await.message_id);
    }
    for id in &ids {
        portal.until(id, "dead", SOON).await;
    }
    receiver.behave("inbox", Manner::default());
    wait::until("all of them to be listed", SOON, || async {
        let listed = operator.says(&["dead", "list"]).await.stdout;
        (String::from_utf8_lossy(&listed).lines().count() == ids.len()).then_some(())
    })
    .await;
    ids
}

async fn done(operator: &Operator, id: &str) -> Value {
    wait::until("the bulk to be done", SOON, || async {
        let shown = operator.says(&["bulk", "show", id]).await;
        let shown: Value = serde_json::from_slice(&shown.stdout).ok()?;
        (shown["state"] == "done").then_some(shown)
    })
    .await
}

#[tokio::test]
async fn a_bulk_is_shown_before_and_goes_on_through_a_kill_with_a_result_for_each() {
    let receiver = Receiver::start().await;
    let configuration = with(&receiver, "deduplicates", "");
    let program = Program::start(&configuration).await;
    let operator = Operator::at(&program, &configuration).await;
    let ids = dead(&receiver, &program, &operator).await;

    let filter = ["replay", "--filter", "endpoint=inbox,state=dead"];
    let preview = operator.says(&[&filter[..], &["--dry-run"]].concat()).await;
    let preview = String::from_utf8_lossy(&preview.stdout).into_owned();
    assert_eq!(preview.lines().count(), ids.len());
    assert!(ids.iter().all(|id| preview.contains(id)), "{preview}");
    assert_eq!(receiver.count("inbox"), ids.len(), "nothing was ordered");

    let rule = ["--canary", "2", "--rate", "4/s", "--reason", "Zertifikat erneuert"];
    let ordered = operator.orders(&[&filter[..], &rule].concat()).await;
    assert_eq!(ordered["command"]["order"], "bulk_replay");
    let bulk = ordered["command"]["command_id"].as_str().expect("its id").to_owned();
    wait::until("a part of it", SOON, || async {
        (ids.len() + 4 <= receiver.count("inbox")).then_some(())
    })
    .await;
    program.kill().await;

    let program = Program::start(&configuration).await;
    let operator = Operator::of(format!("http://{}", program.console()), &configuration);
    let shown = done(&operator, &bulk).await;
    assert_eq!(shown["results"]["succeeded"], ids.len());
    let items = shown["items"].as_array().expect("items");
    let told: Vec<&str> = items.iter().filter_map(|item| item["message_id"].as_str()).collect();
    assert_eq!(told, ids, "each, in the order in which they came");
    let effects = receiver.effects_of("inbox");
    assert_eq!(effects.len(), ids.len(), "each once");
    let listed = operator.orders(&["bulk", "list"]).await;
    assert_eq!(listed["command"]["reason"], "Zertifikat erneuert");
    let nothing = operator.fails(&filter).await;
    assert_eq!(nothing, (Some(1), "AB-5050".to_owned()));
    assert!(program.end().await.success());
}

#[tokio::test]
async fn a_bulk_that_fails_again_stops_and_says_what_it_left() {
    let receiver = Receiver::start().await;
    let configuration = with(&receiver, "deduplicates", "");
    let program = Program::start(&configuration).await;
    let operator = Operator::at(&program, &configuration).await;
    let ids = dead(&receiver, &program, &operator).await;
    receiver.behave("inbox", Manner { status: 500, ..Manner::default() });
    let words = ["replay", "--filter", "endpoint=inbox", "--canary", "3", "--stop-after", "2"];
    let ordered = operator.orders(&words).await;
    let bulk = ordered["command"]["command_id"].as_str().expect("its id");
    let shown = done(&operator, bulk).await;
    let (failed, skipped) = (&shown["results"]["failed"], &shown["results"]["skipped"]);
    let failed = failed.as_u64().expect("a number");
    assert!((2..=3).contains(&failed), "the canary at most: {failed}");
    assert_eq!(skipped.as_u64(), Some(u64::from(COUNT) - failed));
    assert_eq!(receiver.count("inbox") as u64, ids.len() as u64 + failed);
    let exit = operator.says(&["bulk", "show", bulk]).await.status.code();
    assert_eq!(exit, Some(1), "a script hears of it");
    let over = operator.fails(&["bulk", "stop", bulk]).await;
    assert_eq!(over, (Some(1), "AB-3224".to_owned()));
    assert!(program.end().await.success());
}

#[tokio::test]
async fn what_is_over_is_sent_again_only_as_somebody_says() {
    let receiver = Receiver::start().await;
    let configuration = with(&receiver, "none", "");
    let program = Program::start(&configuration).await;
    let operator = Operator::at(&program, &configuration).await;
    let (kfz, portal) = (Kfz::read(), Portal::new(program.gateway()));
    let first = portal.receipt(kfz.document(1, 0)).await.message_id;
    portal.until(&first, "delivered", SOON).await;
    let second = portal.receipt(kfz.document(1, 1)).await.message_id;
    portal.until(&second, "delivered", SOON).await;

    let own_id = tests::documents::own_id_of(1, 0).to_string();
    let filter = format!("endpoint=inbox,state=delivered,own_id={own_id}");
    let words = ["replay", "--filter", &filter];
    assert_eq!(operator.fails(&words).await, (Some(2), "AB-5053".to_owned()));
    let preview = operator.orders(&[&words[..], &["--new-effect", "--dry-run"]].concat()).await;
    assert_eq!(preview["message_id"], first.as_str());
    assert_eq!(preview["delivered_since"][0], second.as_str(), "later ones are named");

    let same = operator.orders(&[&words[..], &["--same-key"]].concat()).await;
    let same = done(&operator, same["command"]["command_id"].as_str().expect("its id")).await;
    assert_eq!(same["items"][0]["code"], "AB-3232", "it knows no keys");
    let new = operator.orders(&[&words[..], &["--new-effect"]].concat()).await;
    let new = done(&operator, new["command"]["command_id"].as_str().expect("its id")).await;
    assert_eq!(new["items"][0]["result"], "succeeded");
    let arrivals = receiver.arrivals();
    assert_eq!(arrivals.len(), 3);
    assert_eq!(arrivals[0].own_id, arrivals[2].own_id);
    assert_ne!(arrivals[0].key, arrivals[2].key, "an effect of its own");
    assert!(program.end().await.success());
}

#[tokio::test]
async fn a_closed_calendar_and_a_held_case_are_shown_for_what_they_are() {
    let receiver = Receiver::start().await;
    let closed = "calendar = { maintenance = [\"2026-01-01T00:00/2099-01-01T00:00\"] }";
    let configuration = with(&receiver, "deduplicates", closed);
    let program = Program::start(&configuration).await;
    let operator = Operator::at(&program, &configuration).await;
    let (kfz, portal) = (Kfz::read(), Portal::new(program.gateway()));
    let mut ids = Vec::new();
    for number in 0..3 {
        ids.push(portal.receipt(kfz.document(1, number)).await.message_id);
    }
    for id in &ids {
        portal.until(id, "pending", SOON).await;
    }
    let shown = wait::until("the report", SOON, || async {
        let shown = operator.orders(&["endpoint", "show", "inbox"]).await;
        (shown["report"]["open"] == 3).then_some(shown)
    });
    let shown = shown.await;
    assert_eq!((&shown["is_open"], &shown["gate_code"]), (&false.into(), &"AB-3231".into()));
    let report = &shown["report"];
    assert_eq!((&report["contract"], &report["limit"]), (&"deduplicates".into(), &1.into()));
    assert_eq!(report["drained"], "unmeasured", "nobody promises what nobody has seen");
    assert_eq!(receiver.sequence(), 0, "not one delivery");

    let last = operator.orders(&["dead", "show", &ids[2]]).await;
    let chain = &last["deliveries"][0];
    assert_eq!(chain["waits_for"], ids[0].as_str());
    assert_eq!((&chain["ahead"], &chain["behind"]), (&2.into(), &0.into()));
    assert!(program.end().await.success());
}
