//! The role that shows: projects the channels into the journal, and serves status, pages and
//! operations from it.

use std::sync::Arc;

use messaging::{Channel, ChannelName, Clock, Result};
use stores::journal::Journal;
use tokio::{net::TcpListener, task::JoinSet};
use tokio_util::sync::CancellationToken;

mod answer;
mod citizen;
mod codes;
mod control;
mod convert;
mod cursor;
mod projector;
mod sentences;
mod serve;
mod status;
#[cfg(test)]
mod tests;
mod web;

use projector::Projector;
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
    /// Shown on `/readyz`; the console adds its own component.
    pub ready: telemetry::Readiness,
}

/// Runs the console until `shutdown`.
///
/// # Errors
/// When the listener fails.
pub async fn run(parts: Parts, shutdown: CancellationToken) -> Result<()> {
    let projector = Projector {
        journal: parts.journal.clone(),
        channel: parts.channel,
        application_channels: parts.application_channels,
        clock: parts.clock,
        metrics: parts.metrics.clone(),
        check: parts.ready.add("journal"),
    };
    let mut tasks = JoinSet::new();
    tasks.spawn(projector.run(shutdown.clone()));
    let router = serve::router(parts.journal, parts.metrics, parts.ready);
    let served = serve::serve(parts.listener, router, shutdown.clone()).await;
    shutdown.cancel();
    while tasks.join_next().await.is_some() {}
    served
}
