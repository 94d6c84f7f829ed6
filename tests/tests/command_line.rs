//! The program as people use it: commands, their exit codes, the console's pages, the demonstration.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::{fs, process::Output, time::Duration};

use serde_json::Value;
use tests::{
    configuration::{Configuration, System},
    documents::{self, Kfz},
    portal::Portal,
    process::{self, Program},
    receiver::Receiver,
    source, wait,
};

const SOON: Duration = Duration::from_secs(30);
const DEMO_WITHIN: Duration = Duration::from_secs(120);

#[tokio::test]
async fn a_document_is_submitted_followed_and_found() {
    let receiver = Receiver::start().await;
    let configuration = Configuration::new().with_standard_route("kfz").with_system(&System::http(
        "inbox",
        &receiver.url("inbox"),
        "deduplicates",
    ));
    let program = Program::start(&configuration).await;
    let to = format!("http://{}", program.gateway());
    let file = configuration.folder().join("antrag.xml");
    fs::write(&file, Kfz::read().document(1, 0)).expect("a file of ours");
    let file = file.display().to_string();

    let submitted = run(&["submit", &file, "--to", &to, "--wait", "--json"], &configuration).await;
    assert_eq!(submitted.status.code(), Some(0), "{}", said(&submitted));
    let own_id = documents::own_id_of(1, 0).to_string();
    assert!(said(&submitted).contains(&own_id), "{}", said(&submitted));
    assert_eq!(receiver.effects().len(), 1, "it waited until the system had it");

    let status = run(&["status", &own_id, "--to", &to, "--json"], &configuration).await;
    assert_eq!(status.status.code(), Some(0), "{}", said(&status));
    let lines: Vec<Value> = String::from_utf8_lossy(&status.stdout)
        .lines()
        .map(|line| serde_json::from_str(line).expect("one JSON value a line"))
        .collect();
    assert!(!lines.is_empty());
    assert!(said(&status).contains("delivered"), "{}", said(&status));
}

#[tokio::test]
async fn exit_codes_say_whether_the_same_again_helps() {
    let configuration = Configuration::new().with_standard_route("kfz");
    let program = Program::start(&configuration).await;
    let to = format!("http://{}", program.gateway());
    let file = configuration.folder().join("kaputt.xml");
    fs::write(&file, "<kaputt/>").expect("a file of ours");
    let file = file.display().to_string();
    let nowhere = "http://127.0.0.1:1";
    for (arguments, expected) in [
        (vec!["submit", &file, "--to", &to], 1),
        (vec!["standard", "check", &file], 1),
        (vec!["submit", "fehlt.xml", "--to", &to], 2),
        (vec!["run", "--config", "fehlt.toml"], 2),
        (vec!["check", "fehlt.toml"], 2),
        (vec!["submit", &file, "--to", nowhere], 3),
        (vec!["check", "amtsbote.toml"], 0),
        (vec!["standard", "list"], 0),
        (vec!["errors"], 0),
        (vec!["errors", "AB-5003"], 0),
        (vec!["--help"], 0),
    ] {
        let ended = run(&arguments, &configuration).await;
        assert_eq!(ended.status.code(), Some(expected), "{arguments:?}\n{}", said(&ended));
        assert!(!said(&ended).contains("panicked at"), "{arguments:?}");
        if expected != 0 {
            let codes = source::codes(&said(&ended));
            let has_page = codes.iter().any(|code| source::error_pages().contains_key(code));
            assert!(has_page, "{arguments:?} names no code with a page:\n{}", said(&ended));
        }
    }
}

#[tokio::test]
async fn operators_find_it_on_the_console() {
    let configuration = Configuration::new().with_standard_route("kfz");
    let program = Program::start(&configuration).await;
    let receipt = Portal::new(program.gateway()).receipt(Kfz::read().document(1, 0)).await;
    let page = async |path: &str| {
        let answer = reqwest::get(format!("http://{}{path}", program.console())).await;
        let answer = answer.expect("the console answers");
        assert!(answer.status().is_success(), "{path}: {}", answer.status());
        answer.text().await.expect("a text")
    };
    let ready = format!("http://{}/readyz", program.console());
    wait::until("the program to be ready", SOON, async || {
        reqwest::get(&ready).await.ok().filter(|answer| answer.status().is_success())
    })
    .await;
    for path in ["/healthz", "/readyz"] {
        page(path).await;
    }
    wait::until("the message on the console", SOON, || async {
        page("/").await.contains(&receipt.message_id).then_some(())
    })
    .await;
    let metrics = page("/metrics").await;
    assert!(metrics.lines().any(|line| line.starts_with("amtsbote_")), "{metrics}");
    assert!(!metrics.contains(&receipt.message_id), "no ids in metrics");
}

#[tokio::test]
async fn the_demonstration_shows_the_whole_way_and_ends() {
    let configuration = Configuration::new();
    let demo = run_within(DEMO_WITHIN, &["demo", "--exit-when-done"], &configuration).await;
    assert_eq!(demo.status.code(), Some(0), "{}", said(&demo));
    assert!(!said(&demo).contains("panicked at"));
}

async fn run(arguments: &[&str], configuration: &Configuration) -> Output {
    run_within(SOON * 2, arguments, configuration).await
}

async fn run_within(bound: Duration, arguments: &[&str], configuration: &Configuration) -> Output {
    process::run(arguments, configuration.folder(), bound).await
}

fn said(output: &Output) -> String {
    let (out, err) = (&output.stdout, &output.stderr);
    format!("{}{}", String::from_utf8_lossy(out), String::from_utf8_lossy(err))
}
