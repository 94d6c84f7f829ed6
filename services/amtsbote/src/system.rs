//! All roles wired in one process: everything is opened before anything is served, and ends in the
//! order of the path.

mod claims;
mod housekeeping;
mod open;
#[cfg(test)]
mod tests;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use channels::embedded::DirectoryLock;
use messaging::{Channel, ChannelName, Claims, Clock, Result as RoleResult};
use stores::{claims::ObjectClaims, journal::Journal, ledger::Ledger};
use telemetry::{Metrics, Readiness, names::field};
use tokio::{
    net::TcpListener,
    task::{JoinError, JoinSet},
    time::{Instant, timeout_at},
};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::{
    codes,
    config::Config,
    exit::{Exit, Stop},
};

/// Opened, and listening; serves nothing yet.
#[derive(Debug)]
pub(crate) struct System {
    config: Config,
    clock: Clock,
    gateway: TcpListener,
    console: TcpListener,
    addresses: Addresses,
    channel: Arc<dyn Channel>,
    /// Application channels that were there before, whoever named them then.
    found: Vec<ChannelName>,
    /// Keeps a second process away from the files of a store beside Kafka.
    lock: Option<DirectoryLock>,
    claims: Arc<ObjectClaims>,
    ledger: Ledger,
    journal: Journal,
    standards: standards::Standards,
    routes: Vec<gateway::Route>,
    metrics: Metrics,
    ready: Readiness,
}

/// Where it listens, with the ports it really got.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Addresses {
    /// Portals push and ask here.
    pub(crate) gateway: SocketAddr,
    /// Operators look here.
    pub(crate) console: SocketAddr,
}

/// How a role ended.
type Ended = (&'static str, RoleResult<()>);

/// The roles at work. Each is told to end by its own token: the gateway and the dispatcher first,
/// then the console, so that what they still say can be read.
struct Roles {
    tasks: JoinSet<Ended>,
    producers: CancellationToken,
    readers: CancellationToken,
}

impl System {
    /// Where it listens.
    pub(crate) fn addresses(&self) -> Addresses {
        self.addresses
    }

    /// What judges documents here.
    pub(crate) fn standards(&self) -> &standards::Standards {
        &self.standards
    }

    /// Serves until `shutdown`, then ends what was begun. A role that ends before is the end of all.
    ///
    /// Dropping it loses nothing that has a receipt; deliveries under way become uncertain.
    pub(crate) async fn serve(mut self, shutdown: CancellationToken) -> Result<(), Stop> {
        let time_max = self.config.shutdown_time_max;
        let lock = self.lock.take();
        let mut roles = self.start();
        let first = tokio::select! {
            biased;
            () = shutdown.cancelled() => None,
            ended = roles.tasks.join_next() => ended,
        };
        let failed = first.map(|ended| match outcome(ended) {
            Ok(role) => {
                let what = format!("the {role} ended by itself");
                Stop::new(Exit::Defect, codes::ROLE_ENDED, what)
            }
            Err(stop) => stop,
        });
        if let Some(stop) = &failed {
            error!(code = stop.code, cause = stop.what, "a role ended; shutting down");
        } else {
            info!("shutting down");
        }
        let ended = roles.end(Instant::now() + time_max).await;
        drop(lock);
        match failed {
            Some(stop) => Err(stop),
            None => ended,
        }
    }

    fn start(self) -> Roles {
        let channels = self.application_channels();
        self.tell_forgotten();
        let (producers, readers) = (CancellationToken::new(), CancellationToken::new());
        let mut tasks = JoinSet::new();
        let status = console::StatusServer::new(
            self.journal.clone(),
            self.channel.clone(),
            channels.clone(),
            self.clock.clone(),
        )
        .with_shutdown(producers.clone());
        let console = console::Parts {
            listener: self.console,
            journal: self.journal,
            channel: self.channel.clone(),
            application_channels: channels.clone(),
            source: format!("{}:console", self.config.source),
            clock: self.clock.clone(),
            metrics: self.metrics.clone(),
            ready: self.ready.clone(),
        };
        let token = readers.clone();
        tasks.spawn(async move { ("console", console::run(console, token).await) });

        let dispatcher = dispatcher::Parts {
            ledger: self.ledger.clone(),
            channel: self.channel.clone(),
            claims: self.claims.clone(),
            channels: channels.clone(),
            endpoints: self.config.endpoints.iter().map(|e| e.spec.clone()).collect(),
            clock: self.clock.clone(),
            metrics: self.metrics.clone(),
            ready: self.ready.clone(),
            source: format!("{}:dispatcher", self.config.source),
            seed: uuid::Uuid::new_v4().as_u64_pair().0,
            drain_max: drain_time(self.config.shutdown_time_max),
        };
        let token = producers.clone();
        tasks.spawn(async move { ("dispatcher", dispatcher::run(dispatcher, token).await) });

        let mut limits = self.config.gateway.limits.clone();
        limits.drain_time_max =
            limits.drain_time_max.min(drain_time(self.config.shutdown_time_max));
        let gateway = gateway::Parts {
            listener: self.gateway,
            standards: self.standards,
            channel: self.channel.clone(),
            claims: self.claims.clone(),
            routes: self.routes,
            limits,
            senders: senders(&self.config),
            clock: self.clock.clone(),
            metrics: self.metrics,
            source: format!("{}:gateway", self.config.source),
        };
        let token = producers.clone();
        tasks.spawn(async move { ("gateway", gateway::run(gateway, status, token).await) });

        let keeper = housekeeping::Keeper {
            channel: self.channel,
            claims: self.claims as Arc<dyn Claims>,
            admitted: Box::new(self.ledger),
            channels,
            retention: self.config.retention,
            clock: self.clock,
        };
        let token = readers.clone();
        tasks.spawn(async move { ("housekeeping", keeper.run(token).await) });
        Roles { tasks, producers, readers }
    }

    /// The routes', the dispatcher's, and what is there besides. All are read: what was accepted
    /// before a route was renamed is delivered all the same.
    fn application_channels(&self) -> Vec<ChannelName> {
        let mut channels = self.named_channels();
        channels.extend(self.found.iter().cloned());
        channels.sort();
        channels.dedup();
        channels
    }

    /// The routes' and the dispatcher's.
    fn named_channels(&self) -> Vec<ChannelName> {
        let mut channels = self.config.dispatcher.channels.clone().unwrap_or_default();
        channels.extend(self.routes.iter().map(|route| route.channel.clone()));
        channels
    }

    fn tell_forgotten(&self) {
        let named = self.named_channels();
        for channel in self.found.iter().filter(|channel| !named.contains(channel)) {
            warn!(
                { field::CHANNEL } = %channel,
                "no route names this channel any more; it is read all the same"
            );
        }
    }
}

impl Roles {
    /// Ends them in order; whatever is not ended by `deadline` is dropped.
    async fn end(mut self, deadline: Instant) -> Result<(), Stop> {
        // The readers go on until nothing is told any more: two of the roles are producers.
        const READERS: usize = 2;
        let mut first_failure = Ok(());
        self.producers.cancel();
        let in_time = timeout_at(deadline, async {
            while let Some(ended) = self.tasks.join_next().await {
                let outcome = outcome(ended).map(drop);
                first_failure = std::mem::replace(&mut first_failure, Ok(())).and(outcome);
                if self.tasks.len() <= READERS {
                    self.readers.cancel();
                }
            }
        });
        if in_time.await.is_err() {
            let open = self.tasks.len();
            self.tasks.shutdown().await;
            let what = format!("{open} roles did not end in time; what they were doing is cut off");
            return Err(Stop::unavailable(codes::SHUTDOWN_LATE, what));
        }
        first_failure
    }
}

/// Which role ended well, or why not.
fn outcome(ended: Result<Ended, JoinError>) -> Result<&'static str, Stop> {
    match ended {
        Ok((role, Ok(()))) => Ok(role),
        Ok((role, Err(failure))) => Err(Stop::from(failure).of(role)),
        Err(error) => Err(Stop::new(Exit::Defect, codes::ROLE_ENDED, error.to_string())),
    }
}

/// What a role may take of the whole, so that the others have some left.
fn drain_time(shutdown_time_max: Duration) -> Duration {
    shutdown_time_max / 4 * 3
}

fn senders(config: &Config) -> gateway::Senders {
    if config.senders.is_empty() {
        return gateway::Senders::LocalOnly;
    }
    let tokens = config.senders.iter().map(|sender| (sender.name.clone(), sender.token_sha256));
    gateway::Senders::Tokens(tokens.collect())
}
