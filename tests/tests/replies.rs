//! What a departmental system answers in a standard reaches the portal as what it says it is: the real
//! program, and a system that answers with a decision.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::time::Duration;

use axum::{Router, http::header, routing::post};
use prost::Message as _;
use tests::{
    configuration::{Configuration, System},
    documents::Kfz,
    portal::{self, Portal},
    program::Program,
    source, wait,
};
use tokio::{net::TcpListener, task::JoinSet};
use wire::{
    canonical::{Application, answer::Kind, application::Section},
    status::{FetchReplyRequest, ListRepliesRequest, ReplyInfo, list_replies_request::By},
};

const SOON: Duration = Duration::from_secs(30);
const EXAMPLES: &str = "schemas/amtsbote-antwort/1.0/examples";

/// A departmental system that answers everything with `document`; where it listens.
async fn answering(document: String, running: &mut JoinSet<()>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}/antraege", listener.local_addr().expect("an address"));
    let answer = move || async move { ([(header::CONTENT_TYPE, "application/xml")], document) };
    let router = Router::new().route("/antraege", post(answer));
    running.spawn(async move { axum::serve(listener, router).await.expect("it listens") });
    url
}

async fn reply_of(portal: &Portal, message_id: &str) -> ReplyInfo {
    let by = Some(By::MessageId(message_id.to_owned()));
    let request = ListRepliesRequest { by, ..Default::default() };
    wait::until("a reply", SOON, || async {
        match portal.status.clone().list_replies(request.clone()).await {
            Ok(listed) => listed.into_inner().replies.pop(),
            Err(answer) if portal::is_to_ask_again(&answer) => None,
            Err(answer) => panic!("a message with a receipt is known: {}", portal::told(&answer)),
        }
    })
    .await
}

async fn fetched(portal: &Portal, reply: &ReplyInfo, canonical: bool) -> Option<Vec<u8>> {
    let request = FetchReplyRequest { reply_id: reply.reply_id.clone(), canonical };
    let mut parts = portal.status.clone().fetch_reply(request).await.ok()?.into_inner();
    let mut body = Vec::new();
    while let Some(part) = parts.message().await.expect("the stream ends in order") {
        body.extend_from_slice(&part.chunk);
    }
    Some(body)
}

/// What the portal finds after a system has answered with `document`.
async fn after(document: &str) -> (Program, Portal, ReplyInfo) {
    let mut running = JoinSet::new();
    let url = answering(document.to_owned(), &mut running).await;
    let mut system = System::http("inbox", &url, "deduplicates");
    system.settings.push_str("\nreply = \"document\"");
    let configuration = Configuration::new().with_standard_route("kfz").with_system(&system);
    let program = Program::start(&configuration).await;
    let portal = Portal::new(program.gateway());
    let receipt = portal.receipt(Kfz::read().document(1, 0)).await;
    portal.until(&receipt.message_id, "delivered", SOON).await;
    let reply = reply_of(&portal, &receipt.message_id).await;
    (program, portal, reply)
}

fn example(name: &str) -> String {
    let path = source::root().join(EXAMPLES).join(name);
    std::fs::read_to_string(path).expect("the example is there")
}

#[tokio::test]
async fn a_decision_is_known_as_one_and_can_be_fetched_as_it_is_and_as_canonical_message() {
    let decision = example("valid/bescheid-nordsachsen.xml");
    let (_program, portal, reply) = after(&decision).await;
    assert_eq!(reply.kind, "decision");
    let named = (reply.standard.as_str(), reply.version.as_str(), reply.message_type.as_str());
    assert_eq!(named, ("amtsbote-antwort", "1.0", "antwort.bescheid.0904"));
    let body = fetched(&portal, &reply, false).await.expect("the document");
    assert_eq!(String::from_utf8_lossy(&body), decision);
    let canonical = fetched(&portal, &reply, true).await.expect("the canonical message");
    let canonical = Application::decode(&*canonical).expect("a canonical message");
    let Some(Section::Answer(answer)) = canonical.section else { panic!("an answer") };
    assert_eq!(answer.kind(), Kind::Decision);
    let status = portal.status(&reply.message_id).await.expect("it is known");
    assert_eq!(status.citizen_status(), wire::status::CitizenStatus::Completed);
}

#[tokio::test]
async fn an_answer_that_is_not_valid_arrives_as_it_is_with_a_code_and_the_delivery_stands() {
    let wrong = example("invalid/status-ohne-stand.xml");
    let (_program, portal, reply) = after(&wrong).await;
    assert_eq!((reply.kind.as_str(), reply.standard.as_str()), ("document", ""));
    let body = fetched(&portal, &reply, false).await.expect("the document");
    assert_eq!(String::from_utf8_lossy(&body), wrong);
    assert_eq!(fetched(&portal, &reply, true).await, None);
    let status = portal.status(&reply.message_id).await.expect("it is known");
    assert_eq!(status.state, "delivered");
    let entry = status.timeline.iter().find(|entry| entry.kind == "reply").expect("it is told");
    assert_eq!(entry.code, "AB-5028");
}
