//! Serves the gateway's address until told to stop.

use std::sync::Arc;

use channels as _;
use messaging::{Channel, Claims, Clock, FailureKind, Result};
use standards::Standards;
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tokio_util::sync::CancellationToken;
use tonic::transport::Server;
use wire::status::status_service_server::{StatusService, StatusServiceServer};

use crate::{Limits, Route, Senders, codes};

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
}

/// Serves `IntakeService`, `status`, health and reflection until `shutdown`, then drains.
///
/// # Errors
/// `Unavailable` when the listener cannot be served.
pub async fn run<S: StatusService>(
    parts: Parts,
    status: S,
    shutdown: CancellationToken,
) -> Result<()> {
    Server::builder()
        .add_service(StatusServiceServer::new(status))
        .serve_with_incoming_shutdown(
            TcpListenerStream::new(parts.listener),
            shutdown.cancelled_owned(),
        )
        .await
        .map_err(|error| FailureKind::Unavailable.because(codes::SERVE, error))
}
