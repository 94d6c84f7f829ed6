//! Questions about status, on their way to a console in another process.

use std::{
    collections::HashMap,
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, Mutex},
    time::Duration,
};

use futures_util::{Stream, StreamExt as _, stream};
use tokio::{net::TcpListener, task::JoinSet, time::Instant};
use tokio_util::sync::CancellationToken;
use tonic::{
    Code, Request, Response, Status,
    metadata::MetadataMap,
    transport::{Channel, Server},
};
use tonic_types::{ErrorDetails, StatusExt as _};
use wire::status::{
    ApplicationStatus, FetchReplyRequest, FetchReplyResponse, GetStatusRequest, GetStatusResponse,
    ListRepliesRequest, ListRepliesResponse, WatchStatusRequest, WatchStatusResponse,
    status_service_client::StatusServiceClient,
    status_service_server::{StatusService, StatusServiceServer},
};

use super::world::{PATIENCE, World, code};
use crate::{Forwarder, connections};

/// What a console was asked, and how it answers.
#[derive(Clone, Default)]
struct Desk {
    seen: Arc<Mutex<Vec<MetadataMap>>>,
    refusal: Arc<Mutex<Option<Status>>>,
}

/// Stands in for the console's process.
struct FakeConsole {
    desk: Desk,
    address: SocketAddr,
    running: JoinSet<()>,
    /// Breaks its connections.
    end: CancellationToken,
}

impl FakeConsole {
    async fn start() -> Self {
        Self::start_at("127.0.0.1:0".parse().unwrap()).await
    }

    async fn start_at(address: SocketAddr) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let desk = Desk::default();
        let service = StatusServiceServer::new(desk.clone());
        let end = CancellationToken::new();
        let incoming = connections::incoming(listener, 100, PATIENCE, end.clone());
        let mut running = JoinSet::new();
        running.spawn(async move {
            Server::builder().add_service(service).serve_with_incoming(incoming).await.unwrap();
        });
        Self { desk, address, running, end }
    }

    fn refuses_with(&self, status: Status) {
        *self.desk.refusal.lock().unwrap() = Some(status);
    }

    async fn die(mut self) -> SocketAddr {
        self.running.shutdown().await;
        self.end.cancel();
        self.address
    }
}

impl Desk {
    fn note<T>(&self, request: &Request<T>) -> Result<(), Status> {
        self.seen.lock().unwrap().push(request.metadata().clone());
        self.refusal.lock().unwrap().clone().map_or(Ok(()), Err)
    }
}

type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

#[tonic::async_trait]
impl StatusService for Desk {
    type WatchStatusStream = Answers<WatchStatusResponse>;
    type FetchReplyStream = Answers<FetchReplyResponse>;

    async fn get_status(
        &self,
        request: Request<GetStatusRequest>,
    ) -> Result<Response<GetStatusResponse>, Status> {
        self.note(&request)?;
        let application = ApplicationStatus { state: "delivered".into(), ..Default::default() };
        Ok(Response::new(GetStatusResponse { applications: vec![application] }))
    }

    async fn watch_status(
        &self,
        request: Request<WatchStatusRequest>,
    ) -> Result<Response<Self::WatchStatusStream>, Status> {
        self.note(&request)?;
        let first = WatchStatusResponse { cursor: "1".to_owned(), ..Default::default() };
        Ok(Response::new(Box::pin(stream::iter([Ok(first)]).chain(stream::pending()))))
    }

    async fn list_replies(
        &self,
        request: Request<ListRepliesRequest>,
    ) -> Result<Response<ListRepliesResponse>, Status> {
        self.note(&request)?;
        Ok(Response::new(ListRepliesResponse::default()))
    }

    async fn fetch_reply(
        &self,
        request: Request<FetchReplyRequest>,
    ) -> Result<Response<Self::FetchReplyStream>, Status> {
        self.note(&request)?;
        let piece = |byte: u8| Ok(FetchReplyResponse { info: None, chunk: vec![byte; 9].into() });
        Ok(Response::new(Box::pin(stream::iter([piece(1), piece(2)]))))
    }
}

async fn gateway(console: SocketAddr, token: Option<&str>) -> World {
    let forwarder = Forwarder::new(&format!("http://{console}"), token).unwrap();
    World::answering(|_| {}, |end: &CancellationToken| forwarder.with_shutdown(end.clone())).await
}

async fn portal(world: &World) -> StatusServiceClient<Channel> {
    StatusServiceClient::new(world.connection().await)
}

#[tokio::test]
async fn a_portal_cannot_ask_in_anothers_name() {
    let console = FakeConsole::start().await;
    let world = gateway(console.address, Some("between-the-two")).await;
    let mut request = Request::new(GetStatusRequest::default());
    for (name, value) in [
        (wire::SENDER_METADATA, "other"),
        ("authorization", "Bearer of-the-portal"),
        ("x-anything", "else"),
    ] {
        request.metadata_mut().insert(name, value.parse().unwrap());
    }
    let answer = portal(&world).await.get_status(request).await.unwrap().into_inner();
    assert_eq!(answer.applications[0].state, "delivered");
    let seen = console.desk.seen.lock().unwrap().clone();
    let told = |name: &str| seen[0].get_all(name).iter().cloned().collect::<Vec<_>>();
    assert_eq!(told(wire::SENDER_METADATA), ["local"], "as the edge found out");
    assert_eq!(told("authorization"), ["Bearer between-the-two"]);
    assert!(told("x-anything").is_empty(), "nothing around the question goes on");
}

#[tokio::test]
async fn the_consoles_own_answer_is_the_portals() {
    let console = FakeConsole::start().await;
    let world = gateway(console.address, None).await;
    let details = ErrorDetails::with_error_info("AB-1402", "amtsbote.de", HashMap::new());
    console.refuses_with(Status::with_error_details(Code::NotFound, "there is none", details));
    let refused = portal(&world).await.get_status(GetStatusRequest::default()).await.unwrap_err();
    assert_eq!((refused.code(), code(&refused).as_str()), (Code::NotFound, "AB-1402"));
    assert_eq!(refused.message(), "there is none");
}

#[tokio::test]
async fn a_gateway_that_is_not_believed_says_that_it_is_not_the_portals_fault() {
    let console = FakeConsole::start().await;
    let world = gateway(console.address, None).await;
    console.refuses_with(Status::unauthenticated("no gateway"));
    let refused = portal(&world).await.get_status(GetStatusRequest::default()).await.unwrap_err();
    assert_eq!((refused.code(), code(&refused).as_str()), (Code::Unavailable, "AB-1071"));
}

#[tokio::test]
async fn an_absent_console_is_told_at_once_and_found_again_when_it_is_back() {
    let console = FakeConsole::start().await;
    let world = gateway(console.address, None).await;
    let mut portal = portal(&world).await;
    portal.get_status(GetStatusRequest::default()).await.unwrap();
    let address = console.die().await;
    let begun = Instant::now();
    for _ in 0..50 {
        let refused = portal.get_status(GetStatusRequest::default()).await.unwrap_err();
        assert_eq!((refused.code(), code(&refused).as_str()), (Code::Unavailable, "AB-1070"));
        assert!(refused.get_details_retry_info().is_some(), "when to ask again");
    }
    assert!(begun.elapsed() < PATIENCE, "nobody waits for what is not there");
    let _console = FakeConsole::start_at(address).await;
    let found = async {
        while portal.get_status(GetStatusRequest::default()).await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, found).await.expect("the pauses are bounded");
}

#[tokio::test]
async fn streams_pass_piece_by_piece_and_a_break_is_told_as_one() {
    let console = FakeConsole::start().await;
    let world = gateway(console.address, None).await;
    let mut portal = portal(&world).await;
    let pieces = portal.fetch_reply(FetchReplyRequest::default()).await.unwrap().into_inner();
    let pieces: Vec<_> = pieces.map(|piece| piece.unwrap().chunk[0]).collect().await;
    assert_eq!(pieces, [1, 2]);
    let watch = portal.watch_status(WatchStatusRequest::default()).await.unwrap();
    let mut watch = watch.into_inner();
    assert_eq!(watch.message().await.unwrap().unwrap().cursor, "1");
    console.die().await;
    let broken = watch.message().await.unwrap_err();
    assert_eq!((broken.code(), code(&broken).as_str()), (Code::Unavailable, "AB-1070"));
}

#[tokio::test]
async fn a_watch_ends_when_the_gateway_does() {
    let console = FakeConsole::start().await;
    let world = gateway(console.address, None).await;
    let watch = portal(&world).await.watch_status(WatchStatusRequest::default()).await.unwrap();
    let mut watch = watch.into_inner();
    watch.message().await.unwrap().unwrap();
    world.shutdown.cancel();
    let ended = watch.message().await.unwrap_err();
    assert_eq!((ended.code(), code(&ended).as_str()), (Code::Unavailable, "AB-1007"));
    world.stop().await;
}
