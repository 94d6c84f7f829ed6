//! Opens everything there is to open, before anything is served.

use std::{collections::BTreeSet, fs, net::SocketAddr, path::Path, sync::Arc};

use channels::{
    embedded::{DirectoryLock, Durability, EmbeddedChannel},
    kafka::KafkaChannel,
};
use messaging::{Channel, ChannelName, Clock, Domain, Failure};
use standards::Standards;
use stores::{claims::ObjectClaims, journal::Journal, ledger::Ledger};
use telemetry::{Metrics, Readiness};
use tokio::net::TcpListener;

use super::{Addresses, System, claims};
use crate::{
    codes,
    config::{ChannelBackend, ClaimsBackend, Config},
    exit::{Exit, Stop},
    standard,
};

/// Below `embedded:DIR` of `store`; the channel's file lies in its folder itself.
const LEDGER_FILE: &str = "ledger.sqlite";
const JOURNAL_FILE: &str = "journal.sqlite";

/// What lies on disk.
struct Stores {
    channel: Arc<dyn Channel>,
    /// Application channels that were there before.
    found: Vec<ChannelName>,
    lock: Option<DirectoryLock>,
    claims: Arc<ObjectClaims>,
    ledger: Ledger,
    journal: Journal,
}

impl System {
    /// Listens, then opens. What is wrong with an address, a folder, a file or a standard ends here.
    pub(crate) async fn open(config: Config, clock: Clock) -> Result<Self, Stop> {
        let gateway = listen("gateway", config.gateway.listen).await?;
        let console = listen("console", config.console.listen).await?;
        let addresses = Addresses { gateway: address(&gateway)?, console: address(&console)? };
        let options = standards::Options {
            paths: config.standards.paths.clone(),
            workers: config.standards.workers,
            ..standards::Options::default()
        };
        let loading = tokio::task::spawn_blocking(move || standard::load(options));
        let channel = config.channel.clone();
        let (store, claims) = (config.store.folder().to_owned(), config.claims.clone());
        let stores_clock = clock.clone();
        let opening = tokio::task::spawn_blocking(move || {
            open_stores(&channel, &store, &claims, stores_clock)
        });
        let (standards, stores) = tokio::join!(loading, opening);
        // Of two faults the stores' is told, as it is the more urgent one.
        let Stores { channel, found, lock, claims, ledger, journal } = joined(stores)?;
        if config.claims.is_shared() {
            claims::meet(&claims).await?;
        }
        let standards = joined(standards)?;
        let routes = routes(&config, &standards);
        Ok(Self {
            config,
            clock,
            gateway,
            console,
            addresses,
            channel,
            found,
            lock,
            claims,
            ledger,
            journal,
            standards,
            routes,
            metrics: Metrics::new(),
            ready: Readiness::new(),
        })
    }
}

/// The channel first: its lock, or one in its place, keeps a second process away from everything.
fn open_stores(
    channel: &ChannelBackend,
    store: &Path,
    claims: &ClaimsBackend,
    clock: Clock,
) -> Result<Stores, Stop> {
    let mut folders = BTreeSet::from([store]);
    folders.extend(claims.own_folder());
    if let ChannelBackend::Embedded(backend) = channel {
        folders.insert(backend.folder());
    }
    for folder in folders {
        check_writable(folder)?;
    }
    let opened = || {
        let (channel, found, lock): (Arc<dyn Channel>, _, _) = match channel {
            ChannelBackend::Embedded(backend) => {
                let channel = EmbeddedChannel::open_with(backend.folder(), clock, durability())?;
                let found = channel.application_channels();
                (channel, found, None)
            }
            ChannelBackend::Kafka(settings) => {
                let lock = DirectoryLock::take(store)?;
                // Topics outlive what names them; those that nobody names are left to their owner.
                (KafkaChannel::open((**settings).clone(), clock)?, Vec::new(), Some(lock))
            }
        };
        let claims = claims::open(claims)?;
        let ledger = Ledger::open(&store.join(LEDGER_FILE))?;
        let journal = Journal::open(&store.join(JOURNAL_FILE))?;
        Ok(Stores { channel, found, lock, claims, ledger, journal })
    };
    opened().map_err(|failure: Failure| Stop::at_start(&failure))
}

/// Says which folder it is and why, before a database says "unable to open".
fn check_writable(folder: &Path) -> Result<(), Stop> {
    let probe = folder.join(format!(".writable-{}", uuid::Uuid::new_v4()));
    fs::create_dir_all(folder)
        .and_then(|()| fs::write(&probe, b"?"))
        .and_then(|()| fs::remove_file(&probe))
        .map_err(|error| {
            let what = format!("cannot write in `{}`: {error}", folder.display());
            Stop::usage(codes::DATA_UNWRITABLE, what)
        })
}

#[cfg(not(feature = "test-switches"))]
fn durability() -> Durability {
    Durability::Full
}

/// Lets a test see that it notices when nothing is synced.
#[cfg(feature = "test-switches")]
fn durability() -> Durability {
    match std::env::var("AMTSBOTE_TEST_SYNCHRONOUS").as_deref() {
        Ok("off") => {
            tracing::warn!("nothing is synced: receipts promise nothing");
            Durability::OffForTests
        }
        _ => Durability::Full,
    }
}

async fn listen(role: &str, address: SocketAddr) -> Result<TcpListener, Stop> {
    TcpListener::bind(address).await.map_err(|error| {
        let what = format!("the {role} cannot listen on {address}: {error}");
        Stop::usage(codes::ADDRESS_TAKEN, what)
    })
}

fn address(listener: &TcpListener) -> Result<SocketAddr, Stop> {
    listener
        .local_addr()
        .map_err(|error| Stop::new(Exit::Defect, codes::ADDRESS_TAKEN, error.to_string()))
}

/// As configured; without any, a route per installed domain.
fn routes(config: &Config, standards: &Standards) -> Vec<gateway::Route> {
    if config.routes.is_empty() {
        return default_routes(standards);
    }
    let routes = config.routes.iter().cloned().map(|route| gateway::Route {
        domain: route.domain,
        authority_prefix: route.authority,
        message_types: route.message_types,
        test: route.test,
        channel: route.channel,
    });
    routes.collect()
}

/// Every authority's messages are taken then, and those without endpoint are seen as `unrouted`.
fn default_routes(standards: &Standards) -> Vec<gateway::Route> {
    let types = standards.list().into_iter().flat_map(|standard| standard.message_types);
    let domains: BTreeSet<Domain> = types.map(|message_type| message_type.domain).collect();
    let route = |domain: Domain| gateway::Route {
        channel: ChannelName::application(&domain, None).expect("a domain makes a channel"),
        domain: Some(domain),
        authority_prefix: String::new(),
        message_types: Vec::new(),
        test: false,
    };
    domains.into_iter().map(route).collect()
}

fn joined<T>(joined: Result<Result<T, Stop>, tokio::task::JoinError>) -> Result<T, Stop> {
    joined.map_err(|error| Stop::new(Exit::Defect, codes::ROLE_ENDED, error.to_string()))?
}
