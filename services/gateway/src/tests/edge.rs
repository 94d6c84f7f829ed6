//! What every call passes: credentials, limits, health, reflection, the end.

use std::time::Duration;

use messaging::{FailureKind, SenderName, identity};
use tokio::{io::AsyncReadExt as _, net::TcpStream, time::timeout};
use tonic::{Code, Request};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
use tonic_reflection::pb::v1::{
    ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
    server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
};
use tonic_types::StatusExt as _;
use wire::status::{GetStatusRequest, status_service_client::StatusServiceClient};

use super::world::{PATIENCE, World, code, letter};
use crate::Senders;

#[tokio::test]
async fn without_a_credential_there_is_health_and_reflection_and_nothing_else() {
    let portal = (SenderName::new("portal").unwrap(), identity::sha256(b"geheim", &[]));
    let world = World::with(|parts| parts.senders = Senders::Tokens(vec![portal])).await;
    let status = world.client().await.submit(letter("a", "")).await.unwrap_err();
    assert_eq!((status.code(), code(&status).as_str()), (Code::Unauthenticated, "AB-1004"));
    let mut status_client = StatusServiceClient::new(world.connection().await);
    let refused = status_client.get_status(GetStatusRequest::default()).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unauthenticated);

    let mut request = Request::new(GetStatusRequest::default());
    request.metadata_mut().insert("authorization", "Bearer geheim".parse().unwrap());
    let answer = status_client.get_status(request).await.unwrap().into_inner();
    assert_eq!(answer.applications[0].state, "portal", "the status service knows its caller");

    let mut health = HealthClient::new(world.connection().await);
    for service in ["", "amtsbote.intake.v1.IntakeService", "amtsbote.status.v1.StatusService"] {
        let request = HealthCheckRequest { service: service.to_owned() };
        let answer = health.check(request).await.unwrap().into_inner();
        assert_eq!(answer.status, 1, "`{service}` serves");
    }
    world.stop().await;
}

#[tokio::test]
async fn reflection_lists_every_service() {
    let world = World::start().await;
    let mut client = ServerReflectionClient::new(world.connection().await);
    let request = ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    };
    let requests = futures_util::stream::iter([request]);
    let mut answers = client.server_reflection_info(requests).await.unwrap().into_inner();
    let answer = answers.message().await.unwrap().unwrap().message_response.unwrap();
    let MessageResponse::ListServicesResponse(services) = answer else { panic!("a list") };
    let names: Vec<_> = services.service.iter().map(|service| service.name.as_str()).collect();
    for expected in [
        "amtsbote.intake.v1.IntakeService",
        "amtsbote.status.v1.StatusService",
        "amtsbote.status.v1.AnswerService",
        "grpc.health.v1.Health",
    ] {
        assert!(names.contains(&expected), "{names:?}");
    }
    world.stop().await;
}

#[tokio::test]
async fn a_message_over_the_limit_gets_a_code_and_no_hint_to_repeat_it() {
    let world = World::with(|parts| parts.limits.message_bytes_max = 100_000).await;
    let mut client = world.client().await;
    for text in ["x".repeat(100_001), "x".repeat(1 << 20)] {
        let request = letter("a", &format!("<text>{text}</text>"));
        let status = client.submit(request).await.unwrap_err();
        assert_eq!((status.code(), code(&status).as_str()), (Code::ResourceExhausted, "AB-1001"));
        assert!(status.get_details_retry_info().is_none());
    }
    world.stop().await;
}

#[tokio::test]
async fn too_much_at_once_is_told_when_to_come_back() {
    let world = World::with(|parts| {
        parts.limits.requests_in_flight_max = 1;
        parts.limits.admission_time_max = Duration::from_millis(20);
    })
    .await;
    world.channel.shut();
    let (mut first, mut second) = (world.client().await, world.client().await);
    let crowd = async {
        world.channel.arrived.acquire().await.unwrap().forget();
        let status = second.submit(letter("b", "")).await.unwrap_err();
        assert_eq!((status.code(), code(&status).as_str()), (Code::ResourceExhausted, "AB-1002"));
        assert!(status.get_details_retry_info().is_some());
        world.channel.open();
    };
    let (first, ()) = tokio::join!(first.submit(letter("a", "")), crowd);
    first.unwrap();
    second.submit(letter("b", "")).await.unwrap();
    world.stop().await;
}

#[tokio::test]
async fn a_sender_that_is_too_fast_is_told_to_slow_down() {
    let world = World::with(|parts| {
        parts.limits.rate_per_second = 1;
        parts.limits.rate_burst = 2;
    })
    .await;
    let mut client = world.client().await;
    client.submit(letter("a", "")).await.unwrap();
    client.submit(letter("b", "")).await.unwrap();
    let status = client.submit(letter("c", "")).await.unwrap_err();
    assert_eq!((status.code(), code(&status).as_str()), (Code::ResourceExhausted, "AB-1003"));
    let wait = status.get_details_retry_info().unwrap().retry_delay.unwrap();
    assert!(Duration::ZERO < wait && wait <= Duration::from_secs(1), "{wait:?}");
    world.stop().await;
}

#[tokio::test]
async fn a_shutdown_waits_for_what_was_begun() {
    let world = World::start().await;
    world.channel.shut();
    let mut client = world.client().await;
    let submit = client.submit(letter("a", ""));
    let stop = async {
        world.channel.arrived.acquire().await.unwrap().forget();
        world.shutdown.cancel();
        world.channel.open();
    };
    let (receipt, ()) = tokio::join!(submit, stop);
    receipt.unwrap();
    world.stop().await;
}

#[tokio::test]
async fn health_says_when_the_gateway_drains() {
    let world = World::start().await;
    let mut health = HealthClient::new(world.connection().await);
    let mut watch = health.watch(HealthCheckRequest::default()).await.unwrap().into_inner();
    assert_eq!(watch.message().await.unwrap().unwrap().status, 1);
    world.shutdown.cancel();
    assert_eq!(watch.message().await.unwrap().unwrap().status, 2, "not serving");
    drop(watch);
    world.stop().await;
}

#[tokio::test]
async fn connections_that_say_nothing_make_room() {
    let world = World::with(|parts| {
        parts.limits.connections_max = 2;
        parts.limits.preface_time_max = Duration::from_millis(50);
    })
    .await;
    let address = world.url.strip_prefix("http://").unwrap();
    let mut silent = TcpStream::connect(address).await.unwrap();
    let _also_silent = TcpStream::connect(address).await.unwrap();
    let submitted = async { world.client().await.submit(letter("a", "")).await };
    timeout(PATIENCE, submitted).await.expect("there is room again").unwrap();
    let mut rest = Vec::new();
    let ended = timeout(PATIENCE, silent.read_to_end(&mut rest)).await;
    assert!(ended.is_ok(), "the silent connection was ended");
    world.stop().await;
}

#[tokio::test]
async fn a_call_that_never_ends_does_not_hold_up_the_shutdown() {
    let world = World::with(|parts| parts.limits.drain_time_max = Duration::from_millis(50)).await;
    let mut client = StatusServiceClient::new(world.connection().await);
    let request = wire::status::WatchStatusRequest::default();
    let mut watch = client.watch_status(request).await.unwrap().into_inner();
    world.stop().await;
    assert!(watch.message().await.is_err(), "its connection broke");
}

/// Why the gateway is not ready, component by component.
fn reasons(world: &World) -> Vec<String> {
    world.ready.components().into_iter().filter_map(|component| component.reason).collect()
}

async fn until_ready(world: &World, is_ready: bool) {
    let turned = async {
        while world.ready.is_ready() != is_ready {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, turned).await.expect("readiness turns");
}

#[tokio::test]
async fn a_gateway_that_cannot_store_says_so_until_it_can_though_nobody_sends_anything() {
    let world = World::start().await;
    let mut client = world.client().await;
    client.submit(letter("a", "")).await.unwrap();
    until_ready(&world, true).await;

    world.channel.set_broken(Some(FailureKind::Defect));
    client.submit(letter("b", "")).await.unwrap_err();
    assert!(world.ready.is_ready(), "a defect is about that message");

    world.channel.set_broken(Some(FailureKind::Unavailable));
    let refused = client.submit(letter("c", "")).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unavailable);
    assert!(refused.get_details_retry_info().is_some());
    let [reason] = &reasons(&world)[..] else { panic!("one reason: {:?}", reasons(&world)) };
    assert!(reason.starts_with("AB-2001"), "{reason}");
    world.channel.set_broken(None);
    until_ready(&world, true).await;
    world.stop().await;
}

#[tokio::test]
async fn who_is_about_to_end_says_so_and_takes_all_the_same_what_comes() {
    let world = World::start().await;
    let mut health = HealthClient::new(world.connection().await);
    until_ready(&world, true).await;
    world.leaving.cancel();
    until_ready(&world, false).await;
    assert_eq!(reasons(&world), ["is ending"]);
    let answer = health.check(HealthCheckRequest::default()).await.unwrap().into_inner();
    assert_eq!(answer.status, 2, "it does not serve any more");
    world.client().await.submit(letter("a", "")).await.expect("a new connection, a new message");
    world.stop().await;
}
