//! What every call passes first: who sends it, and the measuring of its body.

use std::{
    future::{Ready, ready},
    sync::Arc,
    task::{Context, Poll},
};

use futures_util::future::Either;
use http::{Request, Response};
use telemetry::Metrics;
use tonic::{Status, body::Body, transport::server::TcpConnectInfo};
use tower::{Layer, Service};

use crate::{
    Limits, Senders,
    admission::{Admission, Admissions},
    body::{Measured, Rules},
    limits::{CHUNK_BYTES_MAX, REQUEST_SLACK_BYTES},
    refusal::{Refusal, Refused},
};

const INTAKE: &str = "/amtsbote.intake.v1.IntakeService/";

/// Health and reflection tell nothing about anybody.
const PUBLIC: [&str; 2] = ["/grpc.health.v1.Health/", "/grpc.reflection."];

/// A request without documents: a query of the status.
const QUERY_BYTES_MAX: usize = 1 << 20;

/// Puts the edge before all services.
#[derive(Clone, Debug)]
pub(crate) struct EdgeLayer(Arc<Rulebook>);

#[derive(Debug)]
struct Rulebook {
    senders: Senders,
    limits: Limits,
    submissions: Admission,
    uploads: Admission,
}

/// The edge before `inner`.
#[derive(Clone, Debug)]
pub(crate) struct Edge<S> {
    rulebook: Arc<Rulebook>,
    inner: S,
}

impl EdgeLayer {
    pub(crate) fn new(senders: Senders, limits: Limits, metrics: &Metrics) -> Self {
        let (requests, bytes) = (limits.requests_in_flight_max, limits.bytes_in_flight_max);
        let submissions = Admission::new(requests, bytes, metrics.clone());
        let bytes = limits.upload_bytes_in_flight_max.max(CHUNK_BYTES_MAX + REQUEST_SLACK_BYTES);
        let uploads = Admission::new(requests, bytes, metrics.clone());
        Self(Arc::new(Rulebook { senders, limits, submissions, uploads }))
    }
}

impl<S> Layer<S> for EdgeLayer {
    type Service = Edge<S>;

    fn layer(&self, inner: S) -> Edge<S> {
        Edge { rulebook: self.0.clone(), inner }
    }
}

impl<S> Service<Request<Body>> for Edge<S>
where
    S: Service<Request<Body>, Response = Response<Body>>,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Either<Ready<Result<Response<Body>, S::Error>>, S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        if PUBLIC.iter().any(|public| request.uri().path().starts_with(public)) {
            return Either::Right(self.inner.call(request));
        }
        let peer = request.extensions().get::<TcpConnectInfo>().and_then(|info| info.remote_addr());
        let Some(sender) = self.rulebook.senders.authenticate(request.headers(), peer) else {
            let refused = Status::from(Refusal::unauthenticated()).into_http();
            return Either::Left(ready(Ok(refused)));
        };
        request.extensions_mut().insert(sender);
        let request = self.rulebook.measured(request);
        Either::Right(self.inner.call(request))
    }
}

impl Rulebook {
    fn measured(&self, mut request: Request<Body>) -> Request<Body> {
        let (rules, admission) = self.rules(request.uri().path());
        let admissions = Admissions::default();
        request.extensions_mut().insert(admissions.clone());
        request.map(|body| Body::new(Measured::new(body, rules, admission.clone(), admissions)))
    }

    fn rules(&self, path: &str) -> (Rules, &Admission) {
        let limits = &self.limits;
        let unary = Rules {
            bytes_max: limits.request_bytes_max(),
            too_large: Refusal::too_large,
            idle_time_max: limits.idle_time_max,
            pause_time_max: limits.idle_time_max,
            message_time_max: limits.message_time_max,
            admission_time_max: limits.admission_time_max,
        };
        match path.strip_prefix(INTAKE) {
            Some("SubmitStream") => {
                let rules = Rules {
                    pause_time_max: limits.stream_idle_time_max,
                    admission_time_max: limits.stream_admission_time_max,
                    ..unary
                };
                (rules, &self.submissions)
            }
            Some("UploadAttachment") => {
                let rules = Rules {
                    bytes_max: CHUNK_BYTES_MAX + REQUEST_SLACK_BYTES,
                    too_large: chunk_too_large,
                    admission_time_max: limits.stream_admission_time_max,
                    ..unary
                };
                (rules, &self.uploads)
            }
            Some(_) => (unary, &self.submissions),
            None => (Rules { bytes_max: QUERY_BYTES_MAX, ..unary }, &self.submissions),
        }
    }
}

fn chunk_too_large(_: usize) -> Refused {
    Refusal::too_large(CHUNK_BYTES_MAX)
}
