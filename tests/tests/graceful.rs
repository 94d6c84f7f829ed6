//! An orderly end: what was begun is finished, nothing is left in doubt, and the next start goes on.

#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(clippy::print_stderr, reason = "tells how long a start takes")]

use std::time::Duration;

use tests::{
    configuration::{Configuration, System},
    documents::Kfz,
    portal::Portal,
    process::{Program, STARTS_WITHIN, Wrapper},
    receiver::{Manner, Receiver},
    wait,
};

const SOON: Duration = Duration::from_secs(60);
const MESSAGES: u32 = 60;

#[tokio::test]
async fn an_orderly_end_leaves_no_open_question() {
    let receiver = Receiver::start().await;
    // A system that recognises nothing and cannot be asked: whatever is cut off becomes a question.
    let manner = Manner {
        recognises_keys: false,
        answer_after: Duration::from_millis(500),
        ..Manner::default()
    };
    receiver.behave("inbox", manner);
    let system = System::http("inbox", &receiver.url("inbox"), "none").at_once(8);
    let configuration = Configuration::new().with_standard_route("kfz").with_system(&system);
    let program = Program::start(&configuration).await;
    eprintln!("first start: {:?}", program.started_within());
    let portal = Portal::new(program.gateway());
    let kfz = Kfz::read();
    let mut receipts = Vec::new();
    for case in 0..MESSAGES {
        receipts.push(portal.receipt(kfz.document(case, 0)).await);
    }
    wait::until("deliveries under way", SOON, || async { (4 <= receiver.open()).then_some(()) })
        .await;
    assert!(program.end().await.success(), "exit code 0");
    assert_eq!(receiver.open(), 0, "what was begun is finished before the end");

    let program = Program::start(&configuration).await;
    eprintln!("second start: {:?}", program.started_within());
    receiver.behave("inbox", Manner { answer_after: Duration::ZERO, ..manner });
    let portal = Portal::new(program.gateway());
    for receipt in &receipts {
        wait::until(&format!("{} to be delivered", receipt.message_id), SOON, || async {
            let status = portal.status(&receipt.message_id).await.expect("it has a receipt");
            assert_ne!(status.state, "uncertain", "{:?}", status.timeline);
            (status.state == "delivered").then_some(())
        })
        .await;
    }
    assert_eq!(receiver.effects().len(), MESSAGES as usize);
    assert_eq!(receiver.arrivals().len(), MESSAGES as usize, "no repeat");
    assert!(program.end().await.success());
}

#[tokio::test]
async fn portals_that_wait_for_news_do_not_keep_it_from_ending() {
    let configuration = Configuration::new().with_standard_route("kfz");
    let program = Program::start(&configuration).await;
    let portal = Portal::new(program.gateway());
    let mut status = portal.status.clone();
    let watching = status.watch_status(wire::status::WatchStatusRequest::default()).await;
    let _open = watching.expect("a stream").into_inner();
    let (parts, requests) = tokio::sync::mpsc::channel(1);
    let requests = tokio_stream::wrappers::ReceiverStream::new(requests);
    let _submitting = portal.intake.clone().submit_stream(requests).await.expect("a stream");
    assert!(program.end().await.success(), "exit code 0");
    drop(parts);
}

/// Only builds for tests can; nobody is to mistake one of them for the program.
#[tokio::test]
async fn a_program_that_was_told_to_break_a_promise_says_so_at_its_start() {
    let configuration = Configuration::new().with_standard_route("kfz");
    for (fault, is_told) in [(Some("no-such-promise"), true), (None, false)] {
        let told = |wrapper: Wrapper| match fault {
            Some(fault) => wrapper.with_variable("AMTSBOTE_FAULT", fault),
            None => wrapper,
        };
        let program =
            Program::start_wrapped(&configuration, told(Wrapper::default()), STARTS_WITHIN).await;
        let log = program.log();
        let warned = log.lines().filter(|line| line.contains("AMTSBOTE_FAULT")).count();
        assert_eq!(warned, usize::from(is_told), "{log}");
        assert!(program.end().await.success());
    }
}
