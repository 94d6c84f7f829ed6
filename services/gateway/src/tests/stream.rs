//! The pipelined conversation.

use std::collections::{BTreeMap, HashMap};

use futures_util::{StreamExt as _, stream};
use messaging::FailureKind;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Code;
use wire::intake::{SubmitRequest, SubmitStreamRequest, submit_stream_response::Answer};

use super::world::{World, code, letter, letter_to};
use crate::codes;

const NORDSACHSEN: &str = "application.post.nordsachsen";

fn asked(correlation: u64, request: SubmitRequest) -> SubmitStreamRequest {
    SubmitStreamRequest { correlation, request: Some(request) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_of_one_case_keep_the_streams_order() {
    let world = World::start().await;
    let mut sent: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut requests = Vec::new();
    for n in 0..400_usize {
        let case = format!("akte-{}", n % 5);
        // Sizes differ, so that checking ends in another order than it began.
        let rest = format!("<text>{}</text>", "x".repeat((n * 7_919) % 20_000));
        let mut request = letter(&format!("m-{n}"), &rest);
        request.case_reference.clone_from(&case);
        sent.entry(case).or_default().push(format!("m-{n}"));
        requests.push(asked(n as u64, request));
    }
    let mut answers =
        world.client().await.submit_stream(stream::iter(requests)).await.unwrap().into_inner();
    let mut receipts = HashMap::new();
    while let Some(answer) = answers.message().await.unwrap() {
        let Some(Answer::Accepted(accepted)) = answer.answer else { panic!("{answer:?}") };
        let receipt = accepted.receipt.unwrap();
        assert_eq!(receipt.own_id, format!("m-{}", answer.correlation));
        assert!(receipts.insert(answer.correlation, receipt).is_none(), "one answer each");
    }
    assert_eq!(receipts.len(), 400);
    let mut stored: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for envelope in world.envelopes(NORDSACHSEN).await {
        let case = envelope.head.case_reference.unwrap();
        stored.entry(case).or_default().push(envelope.head.own_id.unwrap().to_string());
    }
    assert_eq!(stored, sent);
    world.stop().await;
}

#[tokio::test]
async fn a_refusal_is_an_answer_and_does_not_end_the_stream() {
    let world = World::start().await;
    let requests = vec![
        asked(1, letter("a", "")),
        asked(2, letter_to("svb:99999000", "", "b", "")),
        SubmitStreamRequest { correlation: 3, request: None },
        asked(4, letter("a", "")),
        asked(5, letter("a", "<betreff>1</betreff>")),
        asked(6, letter("c", "")),
    ];
    let answers = world.client().await.submit_stream(stream::iter(requests)).await.unwrap();
    let mut told: Vec<_> = answers
        .into_inner()
        .map(|answer| {
            let answer = answer.unwrap();
            let text = match answer.answer.unwrap() {
                Answer::Accepted(accepted) => accepted.receipt.unwrap().own_id,
                Answer::Refused(refused) => refused.code,
            };
            (answer.correlation, text)
        })
        .collect()
        .await;
    told.sort();
    let expected = [
        (1, "a"),
        (2, codes::NO_ROUTE),
        (3, codes::MALFORMED),
        (4, "a"),
        (5, codes::ALREADY_EXISTS),
        (6, "c"),
    ];
    let expected: Vec<_> = expected.map(|(n, text)| (n, text.to_owned())).into();
    assert_eq!(told, expected);
    assert_eq!(world.records(NORDSACHSEN).await.len(), 2);
    world.stop().await;
}

#[tokio::test]
async fn an_unknown_outcome_ends_the_stream_so_that_nothing_overtakes_it() {
    let world = World::start().await;
    world.channel.set_broken(Some(FailureKind::Unavailable));
    let (requests, receiver) = mpsc::channel(1);
    let mut answers = world
        .client()
        .await
        .submit_stream(ReceiverStream::new(receiver))
        .await
        .unwrap()
        .into_inner();
    requests.send(asked(1, letter("a", ""))).await.unwrap();
    let answer = answers.message().await.unwrap().unwrap();
    let Some(Answer::Refused(refused)) = answer.answer else { panic!("{answer:?}") };
    assert_eq!(refused.status, Code::Unavailable as i32);
    assert!(0 < refused.retry_after_ms);
    world.channel.set_broken(None);
    let status = answers.message().await.unwrap_err();
    assert_eq!((status.code(), code(&status).as_str()), (Code::Unavailable, "AB-2001"));
    world.stop().await;
}

#[tokio::test]
async fn a_fault_on_our_side_refuses_one_message_and_does_not_end_the_stream() {
    let world = World::start().await;
    world.channel.set_broken(Some(FailureKind::Defect));
    let (requests, receiver) = mpsc::channel(1);
    let mut client = world.client().await;
    let answers = client.submit_stream(ReceiverStream::new(receiver)).await.unwrap();
    let mut answers = answers.into_inner();
    requests.send(asked(1, letter("a", ""))).await.unwrap();
    let answer = answers.message().await.unwrap().unwrap();
    let Some(Answer::Refused(refused)) = answer.answer else { panic!("{answer:?}") };
    assert_eq!(refused.status, Code::Internal as i32);
    world.channel.set_broken(None);
    requests.send(asked(2, letter("b", ""))).await.unwrap();
    let answer = answers.message().await.unwrap().unwrap();
    assert!(matches!(answer.answer, Some(Answer::Accepted(_))), "{answer:?}");
    drop((requests, answers));
    world.stop().await;
}

#[tokio::test]
async fn a_client_that_goes_in_the_middle_loses_nothing_that_was_begun() {
    let world = World::start().await;
    world.channel.shut();
    let (requests, receiver) = mpsc::channel(8);
    let mut client = world.client().await;
    let answers = client.submit_stream(ReceiverStream::new(receiver)).await.unwrap();
    requests.send(asked(1, letter("a", ""))).await.unwrap();
    world.channel.arrived.acquire().await.unwrap().forget();
    drop((answers, requests));
    world.channel.open();
    world.stored(NORDSACHSEN, 1).await;
    let receipt = client.submit(letter("a", "")).await.unwrap().into_inner().receipt.unwrap();
    assert_eq!(receipt.position.unwrap().offset, 0);
    assert_eq!(world.records(NORDSACHSEN).await.len(), 1);
    world.stop().await;
}

#[tokio::test]
async fn a_shutdown_ends_what_was_begun_and_says_why_the_rest_has_no_answer() {
    let world = World::start().await;
    let (requests, receiver) = mpsc::channel(8);
    let mut client = world.client().await;
    let mut answers =
        client.submit_stream(ReceiverStream::new(receiver)).await.unwrap().into_inner();
    requests.send(asked(1, letter("a", ""))).await.unwrap();
    assert_eq!(answers.message().await.unwrap().unwrap().correlation, 1);
    world.shutdown.cancel();
    let status = answers.message().await.unwrap_err();
    assert_eq!(code(&status), codes::SHUTTING_DOWN);
    world.stop().await;
}

#[tokio::test]
async fn a_fast_stream_is_held_back_and_not_refused() {
    let world = World::with(|parts| {
        parts.limits.rate_per_second = 200;
        parts.limits.rate_burst = 1;
    })
    .await;
    let requests: Vec<_> = (0..20).map(|n| asked(n, letter(&format!("m-{n}"), ""))).collect();
    let answers = world.client().await.submit_stream(stream::iter(requests)).await.unwrap();
    let accepted = answers
        .into_inner()
        .filter(|answer| {
            let answer = answer.as_ref().unwrap().answer.as_ref().unwrap();
            std::future::ready(matches!(answer, Answer::Accepted(_)))
        })
        .count()
        .await;
    assert_eq!(accepted, 20);
    world.stop().await;
}

#[tokio::test]
async fn a_document_over_the_limit_is_an_answer_too() {
    let world = World::with(|parts| parts.limits.message_bytes_max = 10_000).await;
    let large = format!("<text>{}</text>", "x".repeat(10_001));
    let requests = vec![asked(1, letter("a", &large)), asked(2, letter("b", ""))];
    let answers = world.client().await.submit_stream(stream::iter(requests)).await.unwrap();
    let mut told: Vec<_> = answers
        .into_inner()
        .map(|answer| match answer.unwrap().answer.unwrap() {
            Answer::Accepted(accepted) => accepted.receipt.unwrap().own_id,
            Answer::Refused(refused) => refused.code,
        })
        .collect()
        .await;
    told.sort();
    assert_eq!(told, [codes::TOO_LARGE, "b"]);
    world.stop().await;
}
