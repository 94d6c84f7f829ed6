//! Asks a console in another process what a portal asks here: a portal knows one address only.
//!
//! Who asks is found out at the edge and told to the console beside a secret both hold. Nothing of
//! what the portal sent around its question goes on, so no portal can ask in another's name.

use std::{
    fmt,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures_util::{Stream, stream};
use messaging::{Failure, FailureKind, SenderName};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use tonic::{
    Code, Request, Response, Status, Streaming,
    metadata::{Ascii, MetadataValue},
    transport::{Channel, Endpoint},
};
use tonic_types::StatusExt as _;
use tracing::{error, warn};
use wire::status::{
    FetchReplyRequest, FetchReplyResponse, GetStatusRequest, GetStatusResponse, ListRepliesRequest,
    ListRepliesResponse, WatchStatusRequest, WatchStatusResponse,
    status_service_client::StatusServiceClient, status_service_server::StatusService,
};

use crate::{codes, pace::Pace, refusal::Refusal};

/// How long an answer, or the first piece of one, may take. A console waits 2 s itself until it has
/// read what was receipted.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(10);

/// How long the next piece of a reply may take.
const PIECE_TIME_MAX: Duration = Duration::from_secs(30);

const CONNECT_TIME_MAX: Duration = Duration::from_secs(2);

/// How often a silent connection is asked whether it is there, and how long it may think.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(5);

/// A case with a thousand messages and all their timelines.
const ANSWER_BYTES_MAX: usize = 64 << 20;

/// A console takes 200 calls at once on a connection, and may have 1,000 watches open.
const WATCH_CONNECTIONS: usize = 8;

/// The domain of the codes a console gives.
const DOMAIN: &str = "amtsbote.de";

/// Serves `StatusService` by asking a console. Connects when it is first asked.
pub struct Forwarder {
    questions: StatusServiceClient<Channel>,
    /// Watches stay, so they have connections of their own.
    watches: Vec<StatusServiceClient<Channel>>,
    next_watch: AtomicUsize,
    token: Option<MetadataValue<Ascii>>,
    pace: Arc<Pace>,
    shutdown: CancellationToken,
}

/// Not the token.
impl fmt::Debug for Forwarder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Forwarder").field("pace", &self.pace).finish_non_exhaustive()
    }
}

type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

impl Forwarder {
    /// Asks the console at `url`, e.g. `http://console:7080`, and shows it `token`.
    ///
    /// # Errors
    /// `Defect` where `url` is none, or `token` has characters no header carries.
    pub fn new(url: &str, token: Option<&str>) -> messaging::Result<Self> {
        let unusable = |cause: &str| -> Failure {
            FailureKind::Defect.because(codes::CONSOLE_REFUSES, cause.to_owned())
        };
        let endpoint = Endpoint::from_shared(url.to_owned())
            .map_err(|_| unusable("the console's address is no URL"))?
            .connect_timeout(CONNECT_TIME_MAX)
            .http2_keep_alive_interval(KEEPALIVE_INTERVAL)
            .keep_alive_timeout(KEEPALIVE_TIMEOUT)
            .keep_alive_while_idle(true)
            .tcp_nodelay(true);
        let client = || {
            StatusServiceClient::new(endpoint.connect_lazy())
                .max_decoding_message_size(ANSWER_BYTES_MAX)
        };
        let bearer = |token: &str| {
            let mut bearer = format!("Bearer {token}")
                .parse::<MetadataValue<Ascii>>()
                .map_err(|_| unusable("the token has characters no header carries"))?;
            bearer.set_sensitive(true);
            Ok::<_, Failure>(bearer)
        };
        Ok(Self {
            questions: client(),
            watches: (0..WATCH_CONNECTIONS).map(|_| client()).collect(),
            next_watch: AtomicUsize::new(0),
            token: token.map(bearer).transpose()?,
            pace: Arc::default(),
            shutdown: CancellationToken::new(),
        })
    }

    /// The same, ending its watches when `shutdown` begins: they would end never otherwise.
    #[must_use]
    pub fn with_shutdown(self, shutdown: CancellationToken) -> Self {
        Self { shutdown, ..self }
    }

    /// Asks, unless the console was not there a moment ago. Dropping it asks no more, and loses
    /// nothing.
    async fn ask<Q, A>(
        &self,
        request: Request<Q>,
        call: impl AsyncFnOnce(Request<Q>) -> Result<Response<A>, Status>,
    ) -> Result<A, Status> {
        let request = self.signed(request)?;
        if let Some(pause) = self.pace.pause(Instant::now()) {
            return Err(Refusal::console_unreachable(pause).into());
        }
        match timeout(ANSWER_TIME_MAX, call(request)).await {
            Ok(Ok(answer)) => {
                self.pace.reached();
                Ok(answer.into_inner())
            }
            Ok(Err(status)) => Err(judged(&status, &self.pace)),
            Err(_) => {
                warn!(code = codes::CONSOLE_UNREACHABLE, "the console does not answer in time");
                Err(Refusal::console_unreachable(CONNECT_TIME_MAX).into())
            }
        }
    }

    /// The question with nothing around it but who asks, and our proof.
    fn signed<Q>(&self, request: Request<Q>) -> Result<Request<Q>, Status> {
        let sender = request.extensions().get::<SenderName>().cloned();
        let sender = sender.ok_or_else(|| Status::from(Refusal::unauthenticated()))?;
        let name = sender.as_str().parse();
        let name = name.map_err(|_| Status::from(Refusal::defect(codes::INCONSISTENT)))?;
        let mut signed = Request::new(request.into_inner());
        signed.metadata_mut().insert(wire::SENDER_METADATA, name);
        if let Some(token) = &self.token {
            signed.metadata_mut().insert("authorization", token.clone());
        }
        Ok(signed)
    }

    /// Passes a stream on, until it ends or a shutdown begins.
    fn passed_on<A: Send + 'static>(
        &self,
        answers: Streaming<A>,
        piece_time_max: Option<Duration>,
    ) -> Answers<A> {
        let passing = Passing {
            answers,
            piece_time_max,
            pace: self.pace.clone(),
            shutdown: self.shutdown.clone(),
        };
        Box::pin(stream::unfold(Some(passing), |passing| async {
            let mut passing = passing?;
            match passing.next().await {
                Ok(Some(answer)) => Some((Ok(answer), Some(passing))),
                Ok(None) => None,
                Err(status) => Some((Err(status), None)),
            }
        }))
    }

    fn watch_client(&self) -> StatusServiceClient<Channel> {
        let number = self.next_watch.fetch_add(1, Ordering::Relaxed) % WATCH_CONNECTIONS;
        self.watches.get(number).unwrap_or(&self.questions).clone()
    }
}

/// One stream on its way from the console to a portal.
struct Passing<A> {
    answers: Streaming<A>,
    /// `None`: the next answer may be a long time coming.
    piece_time_max: Option<Duration>,
    pace: Arc<Pace>,
    shutdown: CancellationToken,
}

impl<A> Passing<A> {
    async fn next(&mut self) -> Result<Option<A>, Status> {
        let time_max = self.piece_time_max.unwrap_or(Duration::MAX);
        let next = tokio::select! {
            biased;
            () = self.shutdown.cancelled() => return Err(Refusal::shutting_down().into()),
            next = timeout(time_max, self.answers.message()) => next,
        };
        match next {
            Ok(next) => next.map_err(|status| judged(&status, &self.pace)),
            Err(_) => Err(Refusal::console_unreachable(CONNECT_TIME_MAX).into()),
        }
    }
}

/// What the portal is told: the console's own answer as it is, anything else as what it means here.
fn judged(status: &Status, pace: &Pace) -> Status {
    let told = status.get_details_error_info().filter(|info| info.domain == DOMAIN);
    match (status.code(), told) {
        // The portal has proved who it is; it is we who are not believed, or ask the wrong place.
        (Code::Unauthenticated | Code::PermissionDenied | Code::Unimplemented, _) => {
            error!(code = codes::CONSOLE_REFUSES, status = ?status.code(), "the console refuses");
            Refusal::console_refuses().into()
        }
        (code, Some(_)) => {
            pace.reached();
            Status::with_details(code, status.message(), status.details().to_vec().into())
        }
        (code, None) => {
            let now = Instant::now();
            if pace.pause(now).is_none() {
                let cause = cause(status);
                warn!(code = codes::CONSOLE_UNREACHABLE, status = ?code, cause, "no console");
            }
            pace.failed(now);
            Refusal::console_unreachable(pace.pause(now).unwrap_or(CONNECT_TIME_MAX)).into()
        }
    }
}

/// The last of the causes says the most, e.g. "connection refused".
fn cause(status: &Status) -> String {
    let mut cause: &dyn std::error::Error = status;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}

#[tonic::async_trait]
impl StatusService for Forwarder {
    type WatchStatusStream = Answers<WatchStatusResponse>;
    type FetchReplyStream = Answers<FetchReplyResponse>;

    async fn get_status(
        &self,
        request: Request<GetStatusRequest>,
    ) -> Result<Response<GetStatusResponse>, Status> {
        let mut client = self.questions.clone();
        self.ask(request, async |request| client.get_status(request).await).await.map(Response::new)
    }

    async fn watch_status(
        &self,
        request: Request<WatchStatusRequest>,
    ) -> Result<Response<Self::WatchStatusStream>, Status> {
        let mut client = self.watch_client();
        let answers = self.ask(request, async |request| client.watch_status(request).await).await?;
        Ok(Response::new(self.passed_on(answers, None)))
    }

    async fn list_replies(
        &self,
        request: Request<ListRepliesRequest>,
    ) -> Result<Response<ListRepliesResponse>, Status> {
        let mut client = self.questions.clone();
        self.ask(request, async |request| client.list_replies(request).await)
            .await
            .map(Response::new)
    }

    async fn fetch_reply(
        &self,
        request: Request<FetchReplyRequest>,
    ) -> Result<Response<Self::FetchReplyStream>, Status> {
        let mut client = self.questions.clone();
        let answers = self.ask(request, async |request| client.fetch_reply(request).await).await?;
        Ok(Response::new(self.passed_on(answers, Some(PIECE_TIME_MAX))))
    }
}
