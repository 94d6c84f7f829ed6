//! A running gateway with everything around it.

use std::{
    path::PathBuf,
    pin::Pin,
    sync::{
        Arc, LazyLock,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use channels::{codec, memory::MemoryChannel};
use futures_util::Stream;
use messaging::{
    Authority, Channel, ChannelName, Claims, Clock, Domain, Envelope, Event, FailureKind, GroupId,
    Position, Record, Result, StoredPositions, Subscription, Timestamp,
    conformance::channel::Positions,
};
use standards::{Options, Standards};
use stores::claims::MemoryClaims;
use telemetry::{Metrics, Readiness};
use tokio::{
    net::TcpListener,
    sync::{Semaphore, watch},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};
use tonic_types::StatusExt as _;
use wire::{
    intake::{SubmitRequest, intake_service_client::IntakeServiceClient},
    status::{
        ApplicationStatus, FetchReplyRequest, FetchReplyResponse, GetStatusRequest,
        GetStatusResponse, ListRepliesRequest, ListRepliesResponse, WatchStatusRequest,
        WatchStatusResponse, status_service_server::StatusService,
    },
};

use crate::{Limits, Parts, Route, Senders, run};

/// Threads that check documents are the dearest thing here, so all tests share them.
pub(super) static STANDARDS: LazyLock<Standards> = LazyLock::new(|| {
    let paths = vec![PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("testdata")];
    Standards::load(Options { paths, workers: 2, ..Options::default() }).unwrap()
});

/// For what must happen soon.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

pub(super) const NOON: Timestamp = Timestamp(1_780_000_000_000_000);

pub(super) struct World {
    pub(super) url: String,
    pub(super) channel: Valve,
    pub(super) claims: Arc<MemoryClaims>,
    pub(super) metrics: Metrics,
    pub(super) ready: Readiness,
    pub(super) leaving: CancellationToken,
    pub(super) shutdown: CancellationToken,
    time: Arc<AtomicI64>,
    running: JoinSet<Result<()>>,
}

/// The channel in memory behind a valve: appends wait while it is shut, and fail while it is broken.
#[derive(Clone, Debug)]
pub(super) struct Valve {
    inner: MemoryChannel,
    open: Arc<watch::Sender<bool>>,
    /// Appends that arrived.
    pub(super) arrived: Arc<Semaphore>,
    broken: Arc<watch::Sender<Option<FailureKind>>>,
}

impl World {
    pub(super) async fn start() -> Self {
        Self::with(|_| {}).await
    }

    pub(super) async fn with(change: impl FnOnce(&mut Parts)) -> Self {
        Self::answering(change, |_| WhoAmI).await
    }

    /// Whose questions about status are answered by what `status` makes; it is given the shutdown.
    pub(super) async fn answering<S: StatusService>(
        change: impl FnOnce(&mut Parts),
        status: impl FnOnce(&CancellationToken) -> S,
    ) -> Self {
        let time = Arc::new(AtomicI64::new(NOON.0));
        let clock = {
            let time = time.clone();
            Clock::new(move || Timestamp(time.load(Ordering::SeqCst)))
        };
        let channel = Valve::new(MemoryChannel::new(clock.clone()));
        let claims = Arc::new(MemoryClaims::default());
        let metrics = Metrics::new();
        let (ready, leaving) = (Readiness::new(), CancellationToken::new());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let mut parts = Parts {
            listener,
            standards: STANDARDS.clone(),
            channel: Arc::new(channel.clone()),
            claims: claims.clone(),
            routes: vec![
                route("svb:14730", false, "application.post.nordsachsen"),
                route("svb:14626", true, "application.post.test"),
                route("svb:15085", false, "application.post.harz"),
            ],
            limits: Limits::default(),
            senders: Senders::LocalOnly,
            clock,
            metrics: metrics.clone(),
            source: "/gateway/test".to_owned(),
            ready: ready.clone(),
            leaving: leaving.clone(),
        };
        change(&mut parts);
        let shutdown = CancellationToken::new();
        let mut running = JoinSet::new();
        running.spawn(run(parts, status(&shutdown), shutdown.clone()));
        Self { url, channel, claims, metrics, ready, leaving, shutdown, time, running }
    }

    pub(super) async fn connection(&self) -> tonic::transport::Channel {
        tonic::transport::Endpoint::new(self.url.clone()).unwrap().connect().await.unwrap()
    }

    pub(super) async fn client(&self) -> IntakeServiceClient<tonic::transport::Channel> {
        IntakeServiceClient::new(self.connection().await)
    }

    pub(super) fn advance(&self, by: Duration) {
        self.time.fetch_add(i64::try_from(by.as_micros()).unwrap(), Ordering::SeqCst);
    }

    /// Ends the gateway as an operator would.
    pub(super) async fn stop(mut self) {
        self.shutdown.cancel();
        self.running.join_next().await.unwrap().unwrap().unwrap();
    }

    /// Everything on `channel`, in order.
    pub(super) async fn records(&self, channel: &str) -> Vec<Record> {
        read(&self.channel.inner, channel).await
    }

    /// Waits until `count` records are on `channel`.
    pub(super) async fn stored(&self, channel: &str, count: usize) {
        let stored = async {
            while self.records(channel).await.len() < count {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, stored).await.expect("what was begun is ended");
    }

    pub(super) async fn envelopes(&self, channel: &str) -> Vec<Envelope> {
        let records = self.records(channel).await;
        records.iter().map(|record| codec::decode_application(record).unwrap()).collect()
    }

    /// The first `count` events on `status`; waits until they are there.
    pub(super) async fn events(&self, count: usize) -> Vec<Event> {
        self.stored("status", count).await;
        let records = self.records("status").await;
        records.iter().map(|record| codec::decode_event(record).unwrap()).collect()
    }
}

async fn read(channel: &MemoryChannel, name: &str) -> Vec<Record> {
    let name = ChannelName::new(name).unwrap();
    let ends = channel.ends(&name).await.unwrap();
    let mut missing: u64 = ends.iter().map(|end| end.offset).sum();
    let group = GroupId::new("test").unwrap();
    let positions = Box::new(Positions::default());
    let mut reader = channel.subscribe(&group, &[name], positions).await.unwrap();
    let mut records = Vec::new();
    while 0 < missing {
        let batch = reader.receive(1_000, Duration::from_secs(5)).await.unwrap().unwrap();
        missing -= batch.next - batch.from;
        records
            .extend(batch.records.into_iter().map(|(_, _, record)| Arc::unwrap_or_clone(record)));
    }
    records
}

impl Valve {
    fn new(inner: MemoryChannel) -> Self {
        Self {
            inner,
            open: Arc::new(watch::Sender::new(true)),
            arrived: Arc::new(Semaphore::new(0)),
            broken: Arc::new(watch::Sender::new(None)),
        }
    }

    pub(super) fn shut(&self) {
        self.open.send_replace(false);
    }

    pub(super) fn open(&self) {
        self.open.send_replace(true);
    }

    pub(super) fn set_broken(&self, kind: Option<FailureKind>) {
        self.broken.send_replace(kind);
    }
}

#[async_trait]
impl Channel for Valve {
    async fn append(&self, records: Vec<Record>) -> Result<Vec<Position>> {
        self.arrived.add_permits(1);
        self.open.subscribe().wait_for(|is_open| *is_open).await.unwrap();
        if let Some(kind) = *self.broken.borrow() {
            return Err(kind.because("AB-2001", "the valve is broken"));
        }
        self.inner.append(records).await
    }

    async fn subscribe(
        &self,
        group: &GroupId,
        channels: &[ChannelName],
        positions: Box<dyn StoredPositions>,
    ) -> Result<Box<dyn Subscription>> {
        self.inner.subscribe(group, channels, positions).await
    }

    async fn trim(&self, channel: &ChannelName, before: Timestamp) -> Result<u64> {
        self.inner.trim(channel, before).await
    }

    async fn ends(&self, channel: &ChannelName) -> Result<Vec<Position>> {
        self.inner.ends(channel).await
    }

    async fn probe(&self) -> Result<()> {
        match *self.broken.borrow() {
            Some(kind) => Err(kind.because("AB-2001", "the valve is broken")),
            None => Ok(()),
        }
    }
}

/// A status service that tells its caller's name.
struct WhoAmI;

type Answers<T> = Pin<Box<dyn Stream<Item = std::result::Result<T, Status>> + Send>>;

#[tonic::async_trait]
impl StatusService for WhoAmI {
    async fn get_status(
        &self,
        request: Request<GetStatusRequest>,
    ) -> std::result::Result<Response<GetStatusResponse>, Status> {
        let sender = request.extensions().get::<messaging::SenderName>();
        let state = sender.map(ToString::to_string).unwrap_or_default();
        let application = ApplicationStatus { state, ..ApplicationStatus::default() };
        Ok(Response::new(GetStatusResponse { applications: vec![application] }))
    }

    type WatchStatusStream = Answers<WatchStatusResponse>;

    async fn watch_status(
        &self,
        _: Request<WatchStatusRequest>,
    ) -> std::result::Result<Response<Self::WatchStatusStream>, Status> {
        Ok(Response::new(Box::pin(futures_util::stream::pending())))
    }

    async fn list_replies(
        &self,
        _: Request<ListRepliesRequest>,
    ) -> std::result::Result<Response<ListRepliesResponse>, Status> {
        Ok(Response::new(ListRepliesResponse::default()))
    }

    type FetchReplyStream = Answers<FetchReplyResponse>;

    async fn fetch_reply(
        &self,
        _: Request<FetchReplyRequest>,
    ) -> std::result::Result<Response<Self::FetchReplyStream>, Status> {
        Ok(Response::new(Box::pin(futures_util::stream::empty())))
    }
}

pub(super) fn route(prefix: &str, test: bool, channel: &str) -> Route {
    Route {
        domain: Some(Domain::new("post").unwrap()),
        authority_prefix: prefix.to_owned(),
        message_types: Vec::new(),
        test,
        channel: ChannelName::new(channel).unwrap(),
    }
}

/// A letter to Nordsachsen.
pub(super) fn letter(id: &str, rest: &str) -> SubmitRequest {
    letter_to("svb:14730000", "", id, rest)
}

pub(super) fn letter_to(authority: &str, attributes: &str, id: &str, rest: &str) -> SubmitRequest {
    assert!(Authority::new(authority).is_ok());
    let document = format!(
        "<b:brief.0101 xmlns:b=\"urn:amtsbote:test:brief:1.0\"{attributes}>\
         <id>{id}</id><an>{authority}</an>{rest}</b:brief.0101>"
    );
    SubmitRequest { document: document.into(), ..SubmitRequest::default() }
}

/// The code a refusal carries.
pub(super) fn code(status: &Status) -> String {
    status.get_details_error_info().map(|info| info.reason).unwrap_or_default()
}

pub(super) fn claims_of(world: &World) -> &dyn Claims {
    world.claims.as_ref()
}
