//! The role that shows: projects the channels into the journal, and serves status, pages and
//! operations from it.

use std::sync::Arc;

use messaging::{Channel, ChannelName, Clock, Result};
use stores::journal::Journal;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

mod status;

pub use status::StatusServer;

/// What the console is made of.
#[derive(Debug)]
pub struct Parts {
    /// Where pages, operations and `ControlService` are served.
    pub listener: TcpListener,
    /// What is projected into and read from; the same one as [`StatusServer`]'s.
    pub journal: Journal,
    /// What is projected.
    pub channel: Arc<dyn Channel>,
    /// Every channel that carries applications.
    pub application_channels: Vec<ChannelName>,
    /// The wall clock.
    pub clock: Clock,
    /// Shown on `/metrics`.
    pub metrics: telemetry::Metrics,
    /// Shown on `/readyz`; the console adds its own components.
    pub ready: telemetry::Readiness,
}

/// Runs the console until `shutdown`.
///
/// # Errors
/// When the listener fails.
pub async fn run(parts: Parts, shutdown: CancellationToken) -> Result<()> {
    drop(parts);
    shutdown.cancelled().await;
    Ok(())
}
