//! Serves the gateway's address until told to stop.

use std::{sync::Arc, time::Duration};

use messaging::{Channel, Claims, Clock, FailureKind, Result};
use standards::Standards;
use telemetry::{Check, Readiness};
use tokio::{
    net::TcpListener,
    sync::Semaphore,
    task::JoinSet,
    time::{sleep, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tonic::transport::Server;
use tonic_health::{ServingStatus, server::HealthReporter};
use tonic_reflection::server::{
    Builder as ReflectionBuilder,
    v1::{ServerReflection as V1, ServerReflectionServer as V1Server},
    v1alpha::{ServerReflection as V1Alpha, ServerReflectionServer as V1AlphaServer},
};
use tracing::{info, warn};
use wire::{
    intake::intake_service_server::{self, IntakeServiceServer},
    status::{
        answer_service_server::{self, AnswerServiceServer},
        status_service_server::{self, StatusService, StatusServiceServer},
    },
};

use crate::{
    Limits, Route, Senders,
    answering::Answering,
    codes, connections,
    edge::EdgeLayer,
    intake::{Desk, Intake},
    judge::Judge,
    publish::Publisher,
    rate::Rate,
    recent::Recent,
    refused,
    storing::Storing,
};

/// What one call may send before it is read.
const STREAM_WINDOW_BYTES: u32 = 256 << 10;

/// HTTP/2 allows twice as much.
const CONNECTION_WINDOW_BYTES_MAX: u32 = 1 << 30;

/// How often a silent connection is asked whether it is there, and how long it may think.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(30);
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(20);

/// Bytes of the headers of one call.
const HEADER_BYTES_MAX: u32 = 16 << 10;

/// What the gateway works with.
#[derive(Debug)]
pub struct Parts {
    /// Where clients connect.
    pub listener: TcpListener,
    /// Judges documents.
    pub standards: Standards,
    /// Where applications and refusals are told.
    pub channel: Arc<dyn Channel>,
    /// Keeps attachments and large bodies.
    pub claims: Arc<dyn Claims>,
    /// Which channel an application goes to; the first match wins.
    pub routes: Vec<Route>,
    /// How much at once.
    pub limits: Limits,
    /// Who may send.
    pub senders: Senders,
    /// The time on receipts.
    pub clock: Clock,
    /// What is counted.
    pub metrics: telemetry::Metrics,
    /// `ce_source` of records: a URI reference that names this gateway.
    pub source: String,
    /// Shown on `/readyz`; the gateway adds its own components.
    pub ready: Readiness,
    /// Cancelled some time before `shutdown`: from then on it says that it ends, and takes all the
    /// same what comes.
    pub leaving: CancellationToken,
}

/// Serves `IntakeService`, `status`, answers made of it, health and reflection until `shutdown`, then drains: what was
/// begun is ended for as long as the limits say, and nothing new is taken.
///
/// # Errors
/// `Unavailable` when the listener cannot be served.
pub async fn run<S: StatusService>(
    parts: Parts,
    status: S,
    shutdown: CancellationToken,
) -> Result<()> {
    let (tasks, relay_stop) = (TaskTracker::new(), CancellationToken::new());
    let source: Arc<str> = parts.source.as_str().into();
    let (refusals, relay) = refused::queue(
        parts.channel.clone(),
        source.clone(),
        parts.clock.clone(),
        parts.metrics.clone(),
    );
    let mut relaying = JoinSet::new();
    relaying.spawn(relay.run(relay_stop.clone()));
    let storing = Storing::new(parts.ready.add("gateway.channel"));
    relaying.spawn(storing.clone().keep_trying(parts.channel.clone(), relay_stop.clone()));
    let serving = Serving {
        check: parts.ready.add("gateway"),
        leaving: parts.leaving,
        connections_end: CancellationToken::new(),
        shutdown: shutdown.clone(),
    };
    let connections_end = serving.connections_end.clone();

    let limits = parts.limits.clone();
    let edge = EdgeLayer::new(parts.senders.clone(), limits.clone(), &parts.metrics);
    let listener = parts.listener;
    let status = Arc::new(status);
    let answering = Answering {
        status: status.clone(),
        standards: parts.standards.clone(),
        clock: parts.clock.clone(),
    };
    let desk = Desk {
        publisher: Publisher {
            channel: parts.channel,
            claims: parts.claims.clone(),
            recent: Recent::new(limits.recent_max, limits.recent_time_max),
            tasks: tasks.clone(),
            limits: limits.clone(),
            clock: parts.clock.clone(),
            metrics: parts.metrics.clone(),
            source,
            storing,
        },
        judge: Judge {
            standards: parts.standards,
            claims: parts.claims,
            routes: parts.routes.into(),
            limits: limits.clone(),
            clock: parts.clock.clone(),
        },
        refusals,
        rate: Rate::new(limits.rate_per_second, limits.rate_burst),
        uploads: Arc::new(Semaphore::new(limits.uploads_max.clamp(1, Semaphore::MAX_PERMITS))),
        clock: parts.clock,
        metrics: parts.metrics,
        tasks: tasks.clone(),
        shutdown,
        limits: limits.clone(),
    };
    let questions = (StatusServiceServer::from_arc(status), AnswerServiceServer::new(answering));
    let served = serve(listener, edge, desk, questions, serving).await;

    // Connections that outlive the drain break; appends that were begun are waited for.
    connections_end.cancel();
    tasks.close();
    if timeout(limits.append_time_max, tasks.wait()).await.is_err() {
        warn!(tasks = tasks.len(), "the gateway ends with work under way");
    }
    relay_stop.cancel();
    let relayed = async { while relaying.join_next().await.is_some() {} };
    drop(timeout(limits.drain_time_max, relayed).await);
    served
}

/// How the address is served, from its opening to its end.
struct Serving {
    check: Check,
    leaving: CancellationToken,
    connections_end: CancellationToken,
    shutdown: CancellationToken,
}

impl Serving {
    /// Says that it ends as soon as that is known. Never ends itself.
    async fn leave(&self, health: &HealthReporter) {
        tokio::select! {
            () = self.leaving.cancelled() => {}
            () = self.shutdown.cancelled() => {}
        }
        self.check.not_ready("is ending");
        set_health(health, ServingStatus::NotServing).await;
        std::future::pending().await
    }
}

async fn serve<S: StatusService>(
    listener: TcpListener,
    edge: EdgeLayer,
    desk: Desk,
    (status, answers): (StatusServiceServer<S>, AnswerServiceServer<Answering<S>>),
    serving: Serving,
) -> Result<()> {
    let limits = desk.limits.clone();
    let (health, health_service) = tonic_health::server::health_reporter();
    set_health(&health, ServingStatus::Serving).await;
    let intake = IntakeServiceServer::new(Intake(Arc::new(desk)))
        .max_decoding_message_size(limits.request_bytes_max());
    let router = builder(&limits)
        .layer(edge)
        .add_service(intake)
        .add_service(status)
        .add_service(answers)
        .add_service(health_service)
        .add_service(reflection_v1()?)
        .add_service(reflection_v1alpha()?);
    let connections = connections::incoming(
        listener,
        limits.connections_max,
        limits.preface_time_max,
        serving.connections_end.clone(),
    );
    let closing = serving.shutdown.clone().cancelled_owned();
    let served = router.serve_with_incoming_shutdown(connections, closing);
    let overdue = async {
        serving.shutdown.cancelled().await;
        sleep(limits.drain_time_max).await;
    };
    serving.check.ready();
    tokio::select! {
        served = served => {
            served.map_err(|error| FailureKind::Unavailable.because(codes::SERVE, error))
        }
        () = serving.leave(&health) => Ok(()),
        () = overdue => {
            info!("calls that outlive the drain are ended");
            Ok(())
        }
    }
}

fn builder(limits: &Limits) -> Server {
    // Every stream can fill its window and still leave room on its connection: a stream that waits
    // for admission with its bytes unread must never hold up another.
    let connection_window = limits.streams_per_connection_max.saturating_mul(STREAM_WINDOW_BYTES);
    Server::builder()
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(connection_window.min(CONNECTION_WINDOW_BYTES_MAX))
        .max_concurrent_streams(limits.streams_per_connection_max)
        .http2_keepalive_interval(Some(KEEPALIVE_INTERVAL))
        .http2_keepalive_timeout(Some(KEEPALIVE_TIMEOUT))
        .http2_max_header_list_size(HEADER_BYTES_MAX)
}

async fn set_health(health: &HealthReporter, status: ServingStatus) {
    let services = [
        "",
        intake_service_server::SERVICE_NAME,
        status_service_server::SERVICE_NAME,
        answer_service_server::SERVICE_NAME,
    ];
    for service in services {
        health.set_service_status(service, status).await;
    }
}

fn reflection_v1() -> Result<V1Server<impl V1>> {
    reflection().build_v1().map_err(|error| FailureKind::Defect.because(codes::SERVE, error))
}

/// Tools of some years ago know no other.
fn reflection_v1alpha() -> Result<V1AlphaServer<impl V1Alpha>> {
    reflection().build_v1alpha().map_err(|error| FailureKind::Defect.because(codes::SERVE, error))
}

fn reflection() -> ReflectionBuilder<'static> {
    ReflectionBuilder::configure()
        .register_encoded_file_descriptor_set(wire::DESCRIPTORS)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        // So that generic clients can show the details of an error.
        .register_encoded_file_descriptor_set(tonic_types::pb::FILE_DESCRIPTOR_SET)
        .with_service_name(intake_service_server::SERVICE_NAME)
        .with_service_name(status_service_server::SERVICE_NAME)
        .with_service_name(answer_service_server::SERVICE_NAME)
        .with_service_name(tonic_health::pb::health_server::SERVICE_NAME)
}
