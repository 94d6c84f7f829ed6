//! What a portal, and operations, learn of a refusal.

use messaging::EventKind;
use tonic::Code;
use tonic_types::StatusExt as _;
use wire::intake::{SubmitRequest, ValidateRequest};

use super::world::{World, code, letter, letter_to};
use crate::codes;

fn document(text: impl Into<bytes::Bytes>) -> SubmitRequest {
    SubmitRequest { document: text.into(), ..SubmitRequest::default() }
}

#[tokio::test]
async fn every_kind_of_bad_input_has_its_own_code() {
    let world = World::start().await;
    let letter =
        |attributes: &str, rest: &str| letter_to("svb:14730000", attributes, "a", rest).document;
    let deep = letter("", &format!("{}{}", "<a>".repeat(100_000), "</a>".repeat(100_000)));
    let wide = letter(&format!(" test=\"{}\"", "x".repeat(1 << 20)), "");
    let two_roots = [letter("", ""), letter("", "")].concat();
    let rows: [(&str, bytes::Bytes, &str); 9] = [
        ("nothing", "".into(), "AB-4001"),
        ("neither XML nor JSON", "Sehr geehrte Damen und Herren".into(), "AB-4009"),
        ("not well-formed", letter("", "<text></b>"), "AB-4004"),
        ("two roots", two_roots.into(), "AB-4004"),
        ("a DOCTYPE", "<!DOCTYPE a [<!ENTITY e \"x\">]><a>&e;</a>".into(), "AB-4005"),
        ("too deep", deep, "AB-4007"),
        ("a large attribute", wide, "AB-4008"),
        ("unknown namespace", "<a xmlns=\"urn:nobody\"/>".into(), "AB-4020"),
        ("unknown version", "<a xmlns=\"urn:amtsbote:test:brief:9\"/>".into(), "AB-4021"),
    ];
    let mut client = world.client().await;
    for (what, bytes, expected) in rows {
        let status = client.submit(document(bytes)).await.unwrap_err();
        assert_eq!(
            (status.code(), code(&status).as_str()),
            (Code::InvalidArgument, expected),
            "{what}"
        );
    }
    assert_eq!(world.records("application.post.nordsachsen").await.len(), 0);
    world.stop().await;
}

#[tokio::test]
async fn thirty_violations_are_all_told_and_the_trailer_stays_small() {
    let world = World::start().await;
    let mut client = world.client().await;
    let request = letter("a", &"<betreff>kein Wert</betreff>".repeat(30));
    let status = client.submit(request.clone()).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    let told = status.get_details_bad_request().unwrap().field_violations;
    assert!(!told.is_empty() && told.len() <= 30);
    let total = &status.get_details_error_info().unwrap().metadata["violations_total"];
    let total: usize = total.parse().unwrap();
    assert!(30 <= total, "{total}");
    assert!(status.details().len() < 5_000, "{} bytes", status.details().len());

    let request = ValidateRequest { request: Some(request) };
    let answer = client.validate(request).await.unwrap().into_inner();
    assert!(!answer.is_acceptable);
    assert_eq!(answer.violations.len(), total);
    assert_eq!(answer.violations_total as usize, total);
    assert_eq!(answer.message_type, "brief.0101");
    assert_eq!(answer.refusal.unwrap().status, Code::InvalidArgument as i32);
    world.stop().await;
}

#[tokio::test]
async fn validating_says_what_submitting_would_and_keeps_nothing() {
    let world = World::start().await;
    let mut client = world.client().await;
    let validate = |request| ValidateRequest { request: Some(request) };
    let answer = client.validate(validate(letter("a", ""))).await.unwrap().into_inner();
    assert!(answer.is_acceptable && answer.refusal.is_none());
    assert_eq!(answer.channel, "application.post.nordsachsen");
    assert_eq!((answer.own_id.as_str(), answer.authority.as_str()), ("a", "svb:14730000"));
    assert_eq!(world.records("application.post.nordsachsen").await.len(), 0);

    client.submit(letter("a", "")).await.unwrap();
    let other = letter("a", "<betreff>1</betreff>");
    let answer = client.validate(validate(other)).await.unwrap().into_inner();
    assert_eq!(answer.refusal.unwrap().code, codes::ALREADY_EXISTS);
    let unknown = validate(letter_to("svb:99999000", "", "b", ""));
    let answer = client.validate(unknown).await.unwrap().into_inner();
    assert_eq!(answer.refusal.unwrap().code, codes::NO_ROUTE);
    assert_eq!(answer.authority, "svb:99999000");
    let status = client.validate(ValidateRequest { request: None }).await.unwrap_err();
    assert_eq!(code(&status), codes::MALFORMED);
    world.stop().await;
}

#[tokio::test]
async fn document_and_request_that_contradict_each_other_are_refused_with_every_place() {
    let world = World::start().await;
    let mut request = letter("a", "");
    request.own_id = "b".to_owned();
    request.authority = "svb:14626000".to_owned();
    request.service = "Kfz".to_owned();
    let status = world.client().await.submit(request).await.unwrap_err();
    let places: Vec<_> = status
        .get_details_bad_request()
        .unwrap()
        .field_violations
        .into_iter()
        .map(|place| place.field)
        .collect();
    assert_eq!(places, ["own_id", "authority", "service"]);
    world.stop().await;
}

#[tokio::test]
async fn operations_see_what_is_refused_without_its_payload() {
    let world = World::start().await;
    let mut client = world.client().await;
    let secret = "Erika Mustermann";
    let rest = format!("<betreff>{secret}</betreff><text>{secret}</text>");
    client.submit(letter("a", &rest)).await.unwrap_err();
    let [event] = &world.events(1).await[..] else { panic!("one event") };
    assert_eq!(event.sender.as_ref().unwrap().as_str(), "local");
    assert!(event.message_id.is_some(), "it had an id");
    let EventKind::Refused { reasons } = &event.kind else { panic!("{event:?}") };
    assert!(reasons.iter().any(|reason| reason.text.contains("betreff")));
    assert_eq!(event.code, reasons[0].code);
    for record in world.records("status").await {
        let bytes = channels::codec::to_bytes(&record);
        let is_told = bytes.windows(5).any(|window| window == b"Erika");
        assert!(!is_told, "payload in an event");
    }
    world.stop().await;
}

#[tokio::test]
async fn a_flood_of_refusals_is_thinned_out_and_counted() {
    let world = World::start().await;
    world.channel.shut();
    let mut client = world.client().await;
    for n in 0..300 {
        client.submit(letter_to("svb:99999000", "", &n.to_string(), "")).await.unwrap_err();
    }
    let text = world.metrics.render();
    let dropped = text
        .lines()
        .find_map(|line| line.strip_prefix("amtsbote_gateway_refused_events_dropped_total "))
        .unwrap();
    assert_ne!(dropped, "0");
    world.channel.open();
    world.stop().await;
}
