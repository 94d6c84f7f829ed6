//! `amtsbote run`: serves until it is asked to end.

use std::net::SocketAddr;

use messaging::Clock;
use serde_json::json;
use telemetry::Guard;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::{
    check,
    cli::Run,
    codes,
    config::{Config, Telemetry},
    exit::{Exit, Stop},
    output::Output,
    reload::{self, Reloader},
    roles::Roles,
    system::{Addresses, System},
};

/// Runs the command.
pub(crate) async fn run(args: &Run, clock: Clock, output: &Output) -> Result<Exit, Stop> {
    let config = check::read(args.config.as_deref())?;
    let roles = Roles::named(&args.roles);
    roles.refuse(&config)?;
    let guard = telemetry(&config.telemetry, roles)?;
    // Nobody is to mistake a build for tests for one that keeps its promises.
    if let Some(fault) = messaging::fault::named() {
        tracing::warn!(fault, "AMTSBOTE_FAULT breaks a promise on purpose: for tests alone");
    }
    for warning in check::warnings(&config, roles) {
        tracing::warn!("{warning}");
    }
    let served = serve(config, roles, clock, output).await;
    flush(guard).await;
    served.map(|()| Exit::Done)
}

/// Sets up logs and traces of a process with `roles`.
pub(crate) fn telemetry(config: &Telemetry, roles: Roles) -> Result<Guard, Stop> {
    let options = telemetry::Options {
        format: config.format,
        filter: config.filter.clone(),
        otlp_endpoint: config.otlp.clone(),
        sampling: config.sampling,
        service_name: roles.service_name(),
        instance_id: uuid::Uuid::new_v4().to_string(),
    };
    telemetry::init(options)
        .map_err(|error| Stop::usage(codes::TELEMETRY_REFUSED, format!("{error:#}")))
}

/// Sends the last traces. That they did not arrive is told, and no reason to end otherwise.
pub(crate) async fn flush(guard: Guard) {
    if let Err(error) = guard.shutdown().await {
        tracing::warn!(cause = format!("{error:#}"), "the last traces are lost");
    }
}

/// Ends at the first signal in order, at the second at once.
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// From now on, signals end nothing by themselves.
    pub(crate) fn catch() -> Result<Self, Stop> {
        let catch = |kind| {
            signal(kind)
                .map_err(|error| Stop::new(Exit::Defect, codes::ROLE_ENDED, error.to_string()))
        };
        Ok(Self {
            terminate: catch(SignalKind::terminate())?,
            interrupt: catch(SignalKind::interrupt())?,
        })
    }

    /// Waits for the next one.
    pub(crate) async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

async fn serve(config: Config, roles: Roles, clock: Clock, output: &Output) -> Result<(), Stop> {
    let mut signals = Signals::catch()?;
    let hangups = reload::hangups()?;
    let system = System::open(config, roles, clock).await?;
    let mut following = std::pin::pin!(follow(system.reloader(), hangups));
    tell_ready(&system.addresses(), output);
    let shutdown = CancellationToken::new();
    let mut serving = std::pin::pin!(system.serve(shutdown.clone()));
    tokio::select! {
        ended = &mut serving => return ended,
        () = &mut following => {}
        () = signals.next() => shutdown.cancel(),
    }
    tokio::select! {
        ended = &mut serving => ended,
        () = signals.next() => {
            let what = "asked to end a second time; what was under way is cut off";
            Err(Stop::unavailable(codes::SHUTDOWN_LATE, what))
        }
    }
}

/// Reads standards anew when asked to; where there are none, a SIGHUP is passed over. Never ends.
async fn follow(reloader: Option<Reloader>, hangups: Signal) {
    if let Some(reloader) = reloader {
        reloader.follow(hangups).await;
    }
    std::future::pending().await
}

/// Names what listens, and nothing else.
fn tell_ready(addresses: &Addresses, output: &Output) {
    let all = [
        ("gateway", addresses.gateway, "gRPC, for portals"),
        ("console", addresses.console, "web pages, metrics, gRPC, for operators"),
        ("operations", addresses.operations, "health and metrics"),
    ];
    let listening =
        || all.iter().filter_map(|(name, address, what)| Some((name, (*address)?, what)));
    if output.is_json {
        let told = |(name, address, _): (&&str, SocketAddr, _)| {
            ((*name).to_owned(), address.to_string().into())
        };
        let ready: serde_json::Map<_, _> = listening().map(told).collect();
        output.json(&json!({ "ready": ready }));
        return;
    }
    for (name, address, what) in listening() {
        output.line(format_args!("{name:<9} http://{address}  ({what})"));
    }
}
