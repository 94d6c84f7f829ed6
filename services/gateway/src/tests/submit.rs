//! Submitting one message, and submitting it again.

use futures_util::future::join_all;
use messaging::{FailureKind, Payload, identity};
use prost::Message as _;
use tonic::{Code, Request};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
use tonic_types::StatusExt as _;
use wire::{canonical, intake::intake_service_client::IntakeServiceClient};

use super::world::{NOON, World, claims_of, code, letter, letter_to};
use crate::codes;

const NORDSACHSEN: &str = "application.post.nordsachsen";

#[tokio::test]
async fn a_receipt_says_where_the_message_lies_and_there_it_lies() {
    let world = World::start().await;
    let mut request = letter("a-1", "<betreff>7</betreff>");
    request.case_reference = "akte-9".to_owned();
    let document = request.document.clone();
    let answer = world.client().await.submit(request).await.unwrap().into_inner();
    let receipt = answer.receipt.unwrap();
    let position = receipt.position.unwrap();
    assert_eq!((position.channel.as_str(), position.offset), (NORDSACHSEN, 0));
    assert_eq!(receipt.own_id, "a-1");
    assert_eq!((receipt.standard.as_str(), receipt.version.as_str()), ("brief", "1.0"));
    assert_eq!(receipt.received_at.unwrap().seconds, NOON.0 / 1_000_000);

    let [envelope] = &world.envelopes(NORDSACHSEN).await[..] else { panic!("one record") };
    let head = &envelope.head;
    assert_eq!(receipt.message_id, head.message_id.to_string());
    assert_eq!(receipt.case_id, head.case_id.to_string());
    assert_eq!(receipt.sha256, identity::sha256(&document, &[]).to_string());
    assert_eq!(head.sender.as_str(), "local");
    assert_eq!(head.case_reference.as_deref(), Some("akte-9"));
    assert_eq!(envelope.original, Payload::Inline(document));
    let Payload::Inline(canonical) = &envelope.canonical else { panic!("small") };
    let canonical = canonical::Application::decode(canonical.clone()).unwrap();
    assert_eq!(canonical.header.unwrap().own_id, "a-1");
    world.stop().await;
}

/// A Recipient List (Enterprise Integration Patterns) that the document itself carries.
#[tokio::test]
async fn a_message_for_several_authorities_lies_in_the_channel_of_each_under_one_receipt() {
    let world = World::start().await;
    let further = "<auch>svb:15085000</auch><auch>svb:14730100</auch><auch>svb:15085000</auch>";
    let answer = world.client().await.submit(letter("a-1", further)).await.unwrap().into_inner();
    let receipt = answer.receipt.unwrap();
    assert_eq!(receipt.position.unwrap().channel, NORDSACHSEN, "the responsible authority's");
    assert_eq!(receipt.authority, "svb:14730000");
    let mut heads = Vec::new();
    for channel in [NORDSACHSEN, "application.post.harz"] {
        let [envelope] = &world.envelopes(channel).await[..] else { panic!("one in {channel}") };
        heads.push(envelope.head.clone());
    }
    assert_eq!(heads[0], heads[1], "the same message");
    let all: Vec<&str> = heads[0].authorities().map(|authority| authority.as_str()).collect();
    assert_eq!(all, ["svb:14730000", "svb:15085000", "svb:14730100"], "each once");

    let nobody = letter("a-2", "<auch>svb:99999000</auch>");
    let status = world.client().await.submit(nobody).await.unwrap_err();
    assert_eq!(code(&status), codes::NO_ROUTE);
    assert_eq!(world.records(NORDSACHSEN).await.len(), 1, "it goes to all of them or to nobody");
    world.stop().await;
}

#[tokio::test]
async fn a_repetition_gets_the_same_receipt_and_other_bytes_are_refused() {
    let world = World::start().await;
    let mut client = world.client().await;
    let first = client.submit(letter("a-1", "")).await.unwrap().into_inner();
    world.advance(std::time::Duration::from_secs(60));
    let again = client.submit(letter("a-1", "")).await.unwrap().into_inner();
    assert_eq!(first, again);
    let status = client.submit(letter("a-1", "<betreff>1</betreff>")).await.unwrap_err();
    assert_eq!((status.code(), code(&status).as_str()), (Code::AlreadyExists, "AB-1018"));
    assert_eq!(world.records(NORDSACHSEN).await.len(), 1);
    assert!(world.metrics.render().contains("submissions_total{outcome=\"repeated\"} 1"));
    world.stop().await;
}

#[tokio::test]
async fn one_message_sent_many_times_at_once_is_one_record() {
    let world = World::start().await;
    world.channel.shut();
    let client = world.client().await;
    let calls = (0..20).map(|_| {
        let mut client = client.clone();
        async move { client.submit(letter("a-1", "")).await.unwrap().into_inner() }
    });
    let open = async {
        world.channel.arrived.acquire().await.unwrap().forget();
        world.channel.open();
    };
    let (receipts, ()) = tokio::join!(join_all(calls), open);
    assert!(receipts.iter().all(|receipt| *receipt == receipts[0]));
    assert_eq!(world.records(NORDSACHSEN).await.len(), 1);
    world.stop().await;
}

#[tokio::test]
async fn a_message_without_an_id_is_known_by_its_bytes() {
    let world = World::start().await;
    let mut client = world.client().await;
    let mut request = letter("", "");
    request.document =
        String::from_utf8(request.document.to_vec()).unwrap().replace("<id></id>", "").into();
    let first = client.submit(request.clone()).await.unwrap().into_inner().receipt.unwrap();
    assert_eq!(first.own_id, "");
    let again = client.submit(request.clone()).await.unwrap().into_inner().receipt.unwrap();
    assert_eq!(first, again);
    request.own_id = "given-by-the-request".to_owned();
    let named = client.submit(request).await.unwrap().into_inner().receipt.unwrap();
    assert_eq!(named.own_id, "given-by-the-request");
    assert_ne!(named.message_id, first.message_id);
    world.stop().await;
}

#[tokio::test]
async fn who_is_responsible_is_answered_at_once() {
    let world = World::start().await;
    let mut client = world.client().await;
    let unknown = client.submit(letter_to("svb:99999000", "", "a", "")).await.unwrap_err();
    assert_eq!((unknown.code(), code(&unknown).as_str()), (Code::FailedPrecondition, "AB-1030"));
    let info = unknown.get_details_error_info().unwrap();
    assert_eq!(info.metadata["xoev_code"], "T080");
    let test = " test=\"false\"";
    let no_test = client.submit(letter_to("svb:14730000", test, "b", "")).await.unwrap_err();
    assert_eq!(code(&no_test), codes::NO_TEST_ROUTE);
    let only_test = client.submit(letter_to("svb:14626000", "", "c", "")).await.unwrap_err();
    assert_eq!(code(&only_test), codes::NO_ROUTE);
    let taken = client.submit(letter_to("svb:14626000", test, "d", "")).await.unwrap();
    let receipt = taken.into_inner().receipt.unwrap();
    assert!(receipt.is_test);
    assert_eq!(receipt.position.unwrap().channel, "application.post.test");
    world.stop().await;
}

#[tokio::test]
async fn a_cancelled_call_neither_loses_nor_doubles() {
    let world = World::start().await;
    world.channel.shut();
    let connection = world.connection().await;
    let mut client = IntakeServiceClient::new(connection.clone());
    tokio::select! {
        _ = client.submit(letter("a-1", "")) => panic!("the valve is shut"),
        arrived = world.channel.arrived.acquire() => arrived.unwrap().forget(),
    }
    // Frames of one connection keep their order: after this the gateway knows of the cancellation.
    let mut health = HealthClient::new(connection);
    health.check(HealthCheckRequest::default()).await.unwrap();
    world.channel.open();
    world.stored(NORDSACHSEN, 1).await;
    let receipt = client.submit(letter("a-1", "")).await.unwrap().into_inner().receipt.unwrap();
    assert_eq!(receipt.position.unwrap().offset, 0);
    assert_eq!(world.channel.arrived.available_permits(), 0, "nothing was appended again");
    world.stop().await;
}

#[tokio::test]
async fn a_channel_that_is_away_leaves_the_outcome_open_and_the_id_free() {
    let world = World::start().await;
    let mut client = world.client().await;
    world.channel.set_broken(Some(FailureKind::Unavailable));
    let status = client.submit(letter("a-1", "")).await.unwrap_err();
    assert_eq!((status.code(), code(&status).as_str()), (Code::Unavailable, "AB-2001"));
    assert!(status.get_details_retry_info().unwrap().retry_delay.is_some());
    world.channel.set_broken(None);
    client.submit(letter("a-1", "")).await.unwrap();
    world.stop().await;
}

#[tokio::test]
async fn large_bodies_are_kept_as_claims_and_marked_used() {
    let world = World::start().await;
    let text = format!("<text>{}</text>", "Grüße ".repeat(60_000));
    let request = letter("a-1", &text);
    let document = request.document.clone();
    world.client().await.submit(request).await.unwrap();
    let [envelope] = &world.envelopes(NORDSACHSEN).await[..] else { panic!("one record") };
    let Payload::Claim { claim, len, sha256 } = envelope.original else { panic!("large") };
    assert_eq!(len, document.len() as u64);
    assert_eq!(sha256, identity::sha256(&document, &[]));
    let claims: Vec<_> = envelope.claims().collect();
    assert_eq!(claims.len(), 2, "document and canonical message");
    for claim in claims {
        let info = claims_of(&world).look_up(claim).await.unwrap().unwrap();
        assert!(info.used_at.is_some());
    }
    let mut reader = claims_of(&world).read(claim).await.unwrap();
    let mut read = Vec::new();
    while let Some(bytes) = futures_util::StreamExt::next(&mut reader).await {
        read.extend_from_slice(&bytes.unwrap());
    }
    assert_eq!(read, document);
    world.stop().await;
}

#[tokio::test]
async fn the_portals_trace_goes_on_in_the_record() {
    let world = World::start().await;
    let portal = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let mut request = Request::new(letter("a-1", ""));
    request.metadata_mut().insert("traceparent", portal.parse().unwrap());
    world.client().await.submit(request).await.unwrap();
    let [envelope] = &world.envelopes(NORDSACHSEN).await[..] else { panic!("one record") };
    let trace = envelope.head.trace.as_ref().unwrap().as_str();
    assert_eq!(trace.split('-').nth(1), portal.split('-').nth(1));
    world.stop().await;
}
