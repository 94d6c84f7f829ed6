//! The roles of one process, wired: everything they need is opened before anything is served, and
//! ends in the order of the path.

mod claims;
mod examining;
mod housekeeping;
pub(crate) mod open;
mod replies;
mod start;
#[cfg(test)]
mod tests;

use std::{net::SocketAddr, pin::Pin, sync::Arc, time::Duration};

use channels::embedded::DirectoryLock;
use messaging::{Channel, ChannelName, Clock, Result as RoleResult};
use stores::{claims::ObjectClaims, journal::Journal, ledger::Ledger, register::Register};
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
    reload::Reloader,
};

/// Opened, and listening; serves nothing yet. What belongs to a role that is not in this process is
/// not there.
#[derive(Debug)]
pub(crate) struct System {
    config: Config,
    clock: Clock,
    addresses: Addresses,
    channel: Arc<dyn Channel>,
    /// Application channels that were there before, whoever named them then.
    found: Vec<ChannelName>,
    /// Keeps a second process away from the files of a store beside Kafka.
    lock: Option<DirectoryLock>,
    /// The gateway's and the dispatcher's.
    claims: Option<Arc<ObjectClaims>>,
    gateway: Option<Gateway>,
    /// The dispatcher's.
    ledger: Option<Arc<dyn Ledger>>,
    console: Option<Console>,
    /// Where health is told in a process without console.
    operations: Option<TcpListener>,
    metrics: Metrics,
    ready: Readiness,
}

/// What the gateway alone needs.
#[derive(Debug)]
struct Gateway {
    listener: TcpListener,
    standards: standards::Standards,
    routes: Vec<gateway::Route>,
    /// Asks the console where that is elsewhere.
    forwarder: Option<gateway::Forwarder>,
}

/// What the console alone needs.
#[derive(Debug)]
struct Console {
    listener: TcpListener,
    journal: Arc<dyn Journal>,
    register: Arc<dyn Register>,
}

/// Where it listens, with the ports it really got.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Addresses {
    /// Portals push and ask here.
    pub(crate) gateway: Option<SocketAddr>,
    /// Operators look here.
    pub(crate) console: Option<SocketAddr>,
    /// Machines look here, where there is no console.
    pub(crate) operations: Option<SocketAddr>,
}

/// Where a process with all roles listens.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AllAddresses {
    /// Portals push and ask here.
    pub(crate) gateway: SocketAddr,
    /// Operators look here.
    pub(crate) console: SocketAddr,
}

impl Addresses {
    /// Those of a process with all roles.
    pub(crate) fn of_all(&self) -> Result<AllAddresses, Stop> {
        match *self {
            Self { gateway: Some(gateway), console: Some(console), .. } => {
                Ok(AllAddresses { gateway, console })
            }
            _ => Err(absent_role()),
        }
    }
}

/// A caller that started all roles and misses one.
fn absent_role() -> Stop {
    Stop::new(Exit::Defect, codes::ROLE_ENDED, "a role of this process is not there")
}

/// How a role ended.
type Ended = (&'static str, RoleResult<()>);

/// A role at work.
type Running = Pin<Box<dyn Future<Output = RoleResult<()>> + Send>>;

/// The roles at work. Each is told to end by its own token: the gateway and the dispatcher first,
/// then the others, so that what they still say can be read. Before all that, what is ahead is told.
#[derive(Default)]
struct Working {
    tasks: JoinSet<Ended>,
    producers: CancellationToken,
    /// Cancelled before `producers`, by the notice.
    leaving: CancellationToken,
    readers: CancellationToken,
    /// How many of the tasks end last.
    readers_count: usize,
}

impl System {
    /// Where it listens.
    pub(crate) fn addresses(&self) -> Addresses {
        self.addresses
    }

    /// What reads the standards anew, in a process that has any.
    pub(crate) fn reloader(&self) -> Option<Reloader> {
        let gateway = self.gateway.as_ref()?;
        Some(Reloader::new(gateway.standards.clone(), &self.config))
    }

    /// What judges documents here.
    pub(crate) fn standards(&self) -> Result<&standards::Standards, Stop> {
        let gateway = self.gateway.as_ref().ok_or_else(absent_role)?;
        Ok(&gateway.standards)
    }

    /// Serves until `shutdown`, then ends what was begun. A role that ends before is the end of all.
    ///
    /// Dropping it loses nothing that has a receipt; deliveries under way become uncertain.
    pub(crate) async fn serve(mut self, shutdown: CancellationToken) -> Result<(), Stop> {
        let time_max = self.config.shutdown_time_max;
        let notice_time = self.notice_time();
        let lock = self.lock.take();
        let mut working = self.start();
        let mut failed = working.until(shutdown.cancelled()).await;
        let deadline = Instant::now() + time_max;
        if failed.is_none() {
            info!(?notice_time, "shutting down");
            working.leaving.cancel();
            failed = working.until(tokio::time::sleep(notice_time)).await;
        }
        let ended = working.end(deadline).await;
        drop(lock);
        match failed {
            Some(stop) => Err(stop),
            None => ended,
        }
    }

    /// How long it is told that the process ends before anything ends: where there is a gateway, which
    /// others may have to be sent past.
    fn notice_time(&self) -> Duration {
        let is_told = self.gateway.is_some();
        if is_told { self.config.gateway.notice_time } else { Duration::ZERO }
    }

    /// What the dispatcher reads: as configured, and what is there besides: what was accepted before
    /// a route was renamed is delivered all the same.
    fn dispatched_channels(&self) -> Vec<ChannelName> {
        let mut channels = self.named_channels();
        channels.extend(self.found.iter().cloned());
        sorted(channels)
    }

    /// All that this process knows: the console shows also what other processes deliver.
    fn application_channels(&self) -> Vec<ChannelName> {
        let mut channels = self.dispatched_channels();
        channels.extend(self.config.application_channels());
        sorted(channels)
    }

    /// The routes', also those nobody wrote, and the dispatcher's.
    fn named_channels(&self) -> Vec<ChannelName> {
        let mut channels = self.config.dispatched_channels();
        let routes = self.gateway.iter().flat_map(|gateway| &gateway.routes);
        channels.extend(routes.map(|route| route.channel.clone()));
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

impl Working {
    /// Begins a role that ends as soon as it is asked to.
    fn produce(&mut self, role: &'static str, run: impl FnOnce(CancellationToken) -> Running) {
        let running = run(self.producers.clone());
        self.tasks.spawn(async move { (role, running.await) });
    }

    /// Begins one that goes on until all of the former have ended.
    fn read(&mut self, role: &'static str, run: impl FnOnce(CancellationToken) -> Running) {
        let running = run(self.readers.clone());
        self.readers_count += 1;
        self.tasks.spawn(async move { (role, running.await) });
    }

    /// Lets all work until `time`, or until one of them ends by itself, which is a failure.
    async fn until(&mut self, time: impl Future<Output = ()>) -> Option<Stop> {
        let ended = tokio::select! {
            biased;
            () = time => return None,
            ended = self.tasks.join_next() => outcome(ended?),
        };
        let stop = ended.map_or_else(std::convert::identity, |role| {
            let what = format!("the {role} ended by itself");
            Stop::new(Exit::Defect, codes::ROLE_ENDED, what)
        });
        error!(code = stop.code, cause = stop.what, "a role ended; shutting down");
        Some(stop)
    }

    /// Ends them in order; whatever is not ended by `deadline` is dropped.
    async fn end(mut self, deadline: Instant) -> Result<(), Stop> {
        let mut first_failure = Ok(());
        self.producers.cancel();
        let in_time = timeout_at(deadline, async {
            loop {
                // The readers go on until nothing is told any more.
                if self.tasks.len() <= self.readers_count {
                    self.readers.cancel();
                }
                let Some(ended) = self.tasks.join_next().await else { return };
                let outcome = outcome(ended).map(drop);
                first_failure = std::mem::replace(&mut first_failure, Ok(())).and(outcome);
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

fn sorted(mut channels: Vec<ChannelName>) -> Vec<ChannelName> {
    channels.sort();
    channels.dedup();
    channels
}

/// What a role may take of the whole, so that the others have some left.
fn drain_time(shutdown_time_max: Duration, notice_time: Duration) -> Duration {
    shutdown_time_max.saturating_sub(notice_time) / 4 * 3
}
