//! The role that shows: projects the channels into the journal, records orders in the register, and serves
//! status, pages and operations from both.

use std::{pin::pin, sync::Arc, time::Duration};

use messaging::{Channel, ChannelName, Clock, Failure, FailureKind, Result, Sha256};
use stores::{journal::Journal, register::Register};
use tokio::{
    net::TcpListener,
    task::{JoinError, JoinSet},
};
use tokio_util::sync::CancellationToken;

mod answer;
mod chain;
mod citizen;
mod codes;
mod control;
mod convert;
mod cursor;
mod forwarded;
mod guard;
mod projector;
mod retention;
mod sentences;
mod serve;
mod status;
#[cfg(test)]
mod tests;
mod web;

use control::ControlServer;
pub use forwarded::Forwarded;
use projector::Projector;
use retention::Keeper;
pub use status::StatusServer;

/// What the console is made of.
#[derive(Debug)]
pub struct Parts {
    /// Where pages, operations and `ControlService` are served.
    pub listener: TcpListener,
    /// What is projected into and read from; the same one as [`StatusServer`]'s.
    pub journal: Arc<dyn Journal>,
    /// Where what operators ordered is recorded.
    pub register: Arc<dyn Register>,
    /// What is projected.
    pub channel: Arc<dyn Channel>,
    /// Every channel that carries applications.
    pub application_channels: Vec<ChannelName>,
    /// `ce_source` of the commands it issues, e.g. `amtsbote/console`.
    pub source: String,
    /// What a gateway in another process may ask; `None` where it is in this one.
    pub forwarded: Option<Forwarded>,
    /// Of the token operators show. `None`: whoever reaches the address is believed, and only heard
    /// where that is the loopback address: elsewhere such a console shows, and takes no orders.
    pub operator_token_sha256: Option<Sha256>,
    /// How long the journal keeps applications of which nothing is open, and the register commands
    /// that were answered.
    pub retention: Duration,
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
/// `Unavailable` when the listener fails, `Defect` when the projecting ends before `shutdown`.
pub async fn run(parts: Parts, shutdown: CancellationToken) -> Result<()> {
    let check = parts.ready.add("journal");
    let address = parts.listener.local_addr();
    let address = address.map_err(|error| FailureKind::Unavailable.because(codes::LISTENER, error));
    let is_loopback = address?.ip().is_loopback();
    let control = ControlServer {
        journal: parts.journal.clone(),
        register: parts.register.clone(),
        channel: parts.channel.clone(),
        clock: parts.clock.clone(),
        source: parts.source,
        takes_orders: guard::takes_orders(is_loopback, parts.operator_token_sha256),
    };
    let keeper = Keeper {
        journal: parts.journal.clone(),
        register: parts.register.clone(),
        clock: parts.clock.clone(),
        metrics: parts.metrics.clone(),
        keep: parts.retention,
    };
    let projector = Projector {
        journal: parts.journal,
        register: parts.register,
        channel: parts.channel,
        application_channels: parts.application_channels,
        clock: parts.clock,
        metrics: parts.metrics.clone(),
        ready: parts.ready.clone(),
    };
    let mut tasks = JoinSet::new();
    tasks.spawn(projector.run(check.clone(), shutdown.clone()));
    tasks.spawn(keeper.run(shutdown.clone()));
    let doors = serve::Doors {
        is_loopback,
        operator_token_sha256: parts.operator_token_sha256,
        forwarded: parts.forwarded,
    };
    let router = serve::router(control, parts.metrics, parts.ready, doors);
    let mut serving = pin!(serve::serve(parts.listener, router, shutdown.clone()));
    let first = tokio::select! {
        served = &mut serving => Ok(served),
        ended = tasks.join_next() => Err(ended),
    };
    let served = match first {
        Ok(served) => served,
        // A shutdown ends both; open requests may go on for a while.
        Err(Some(Ok(()))) if shutdown.is_cancelled() => serving.await,
        Err(ended) => Err(projecting_ended(ended, &check)),
    };
    shutdown.cancel();
    while tasks.join_next().await.is_some() {}
    served
}

/// Serves health, readiness and metrics until `shutdown`, for a process without console.
///
/// # Errors
/// `Unavailable` when the listener fails.
pub async fn operations(
    listener: TcpListener,
    metrics: telemetry::Metrics,
    ready: telemetry::Readiness,
    shutdown: CancellationToken,
) -> Result<()> {
    serve::serve(listener, web::machines(metrics, ready), shutdown).await
}

/// Nothing new is shown from now on, which nobody could tell from the pages.
fn projecting_ended(
    ended: Option<std::result::Result<(), JoinError>>,
    check: &telemetry::Check,
) -> Failure {
    let code = codes::PROJECTING_ENDED;
    // What it said when it panicked is in the log already, and may be about anything.
    let cause = match ended {
        Some(Err(error)) if error.is_panic() => "the projecting panicked",
        _ => "the projecting ended by itself",
    };
    tracing::error!(code, cause, "the console ends");
    check.not_ready(format!("{code}: {cause}"));
    FailureKind::Defect.because(code, cause)
}
