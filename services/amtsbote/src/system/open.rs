//! Opens what the roles of this process need, before anything is served.

use std::{
    collections::BTreeSet,
    fs,
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    sync::Arc,
};

use channels::{
    embedded::{DirectoryLock, Durability, EmbeddedChannel},
    kafka::{KafkaChannel, Settings},
};
use messaging::{Channel, ChannelName, Clock, Domain, Failure, Timestamp};
use standards::Standards;
use stores::{
    claims::ObjectClaims,
    journal::{Journal, PgJournal, SqliteJournal},
    ledger::{Ledger, PgLedger, SqliteLedger, numbering},
    register::{PgRegister, Register, SqliteRegister},
};
use telemetry::{Metrics, Readiness};
use tokio::{net::TcpListener, runtime::Handle};

use super::{Addresses, Console, Gateway, System, claims};
use crate::{
    codes,
    config::{ChannelBackend, ClaimsBackend, Config, StoreBackend},
    defects,
    exit::{Exit, Stop},
    roles::Roles,
    standard,
};

/// Below `embedded:DIR` of `store`; the channel's file lies in its folder itself.
pub(crate) const LEDGER_FILE: &str = "ledger.sqlite";
const JOURNAL_FILE: &str = "journal.sqlite";
const REGISTER_FILE: &str = "register.sqlite";

/// Where health is told on this machine, unless said otherwise.
const GATEWAY_OPERATIONS_PORT: u16 = 7081;
const OPERATIONS_PORT: u16 = 7082;

/// What lies on disk or behind a broker; of it, what the roles need.
struct Stores {
    channel: Arc<dyn Channel>,
    /// Application channels that were there before.
    found: Vec<ChannelName>,
    lock: Option<DirectoryLock>,
    claims: Option<Arc<ObjectClaims>>,
    ledger: Option<Arc<dyn Ledger>>,
    console: Option<ConsoleStores>,
}

/// What the console works on.
struct ConsoleStores {
    journal: Arc<dyn Journal>,
    register: Arc<dyn Register>,
}

impl System {
    /// Listens, then opens what `roles` need. What is wrong with an address, a folder, a file or a
    /// standard ends here.
    pub(crate) async fn open(config: Config, roles: Roles, clock: Clock) -> Result<Self, Stop> {
        let listeners = Listeners::bind(&config, roles).await?;
        let addresses = listeners.addresses()?;
        let loading = load_standards(&config, roles);
        let backends = Backends::of(&config, roles);
        let stores_clock = clock.clone();
        let opening = tokio::task::spawn_blocking(move || backends.open(stores_clock));
        let (standards, stores) = tokio::join!(loading, opening);
        // Of two faults the stores' is told, as it is the more urgent one.
        let Stores { channel, found, lock, claims, ledger, console } = joined(stores)?;
        if let Some(claims) = claims.as_ref().filter(|_| config.claims.is_shared()) {
            claims::meet(claims).await?;
        }
        let standards = standards?;
        let forwarder = forwarder(&config, roles)?;
        let gateway = listeners.gateway.zip(standards).map(|(listener, standards)| {
            let routes = routes(&config, &standards);
            Gateway { listener, standards, routes, forwarder }
        });
        let console = listeners.console.zip(console).map(|(listener, stores)| {
            let ConsoleStores { journal, register } = stores;
            Console { listener, journal, register }
        });
        Ok(Self {
            config,
            clock,
            addresses,
            channel,
            found,
            lock,
            claims,
            gateway,
            ledger,
            console,
            operations: listeners.operations,
            metrics: Metrics::new(),
            ready: Readiness::new(),
        })
    }
}

/// One for each that listens.
struct Listeners {
    gateway: Option<TcpListener>,
    console: Option<TcpListener>,
    operations: Option<TcpListener>,
}

impl Listeners {
    async fn bind(config: &Config, roles: Roles) -> Result<Self, Stop> {
        let port = if roles.gateway { GATEWAY_OPERATIONS_PORT } else { OPERATIONS_PORT };
        let otherwise = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let operations = config.operations.listen.unwrap_or(otherwise);
        Ok(Self {
            gateway: listen("gateway", config.gateway.listen, roles.gateway).await?,
            console: listen("console", config.console.listen, roles.console).await?,
            operations: listen("operations", operations, !roles.console).await?,
        })
    }

    fn addresses(&self) -> Result<Addresses, Stop> {
        Ok(Addresses {
            gateway: self.gateway.as_ref().map(address).transpose()?,
            console: self.console.as_ref().map(address).transpose()?,
            operations: self.operations.as_ref().map(address).transpose()?,
        })
    }
}

/// Only who judges needs them: they are most of what a process has in memory at its start.
async fn load_standards(config: &Config, roles: Roles) -> Result<Option<Standards>, Stop> {
    if !roles.gateway {
        return Ok(None);
    }
    let options = standards::Options {
        paths: config.standards.paths.clone(),
        workers: config.standards.workers,
        tables: Some(config.tables()),
        cross_check_ppm: config.standards.cross_check_ppm,
        on_defect: config.standards.defects.clone().map(defects::keep_in),
        ..standards::Options::default()
    };
    joined(tokio::task::spawn_blocking(move || standard::load(options)).await).map(Some)
}

/// Where the stores are, and what of them is opened.
struct Backends {
    roles: Roles,
    channel: ChannelBackend,
    store: StoreBackend,
    /// By which a dispatcher is known on a shared ledger.
    name: String,
    claims: ClaimsBackend,
}

impl Backends {
    fn of(config: &Config, roles: Roles) -> Self {
        let name = config.dispatcher.name.clone().unwrap_or_else(machine_name);
        let (channel, store) = (config.channel.clone(), config.store.clone());
        Self { roles, channel, store, name, claims: config.claims.clone() }
    }

    fn open(self, clock: Clock) -> Result<Stores, Stop> {
        self.check_folders()?;
        self.open_all(clock).map_err(|failure| Stop::at_start(&failure))
    }

    /// Ledger, or journal and register.
    fn has_store(&self) -> bool {
        self.roles.dispatcher || self.roles.console
    }

    fn has_claims(&self) -> bool {
        self.roles.gateway || self.roles.dispatcher
    }

    fn check_folders(&self) -> Result<(), Stop> {
        let mut folders = BTreeSet::new();
        folders.extend(self.store.own_folder().filter(|_| self.has_store()));
        folders.extend(self.claims.own_folder().filter(|_| self.has_claims()));
        if let ChannelBackend::Embedded(backend) = &self.channel {
            folders.insert(backend.folder());
        }
        folders.into_iter().try_for_each(check_writable)
    }

    /// The channel first: its lock, or one in its place, keeps a second process away from everything.
    fn open_all(self, clock: Clock) -> Result<Stores, Failure> {
        let now = clock.now();
        let (channel, found, lock): (Arc<dyn Channel>, _, _) = match &self.channel {
            ChannelBackend::Embedded(backend) => {
                let channel = EmbeddedChannel::open_with(backend.folder(), clock, durability())?;
                let found = channel.application_channels();
                (channel, found, None)
            }
            ChannelBackend::Kafka(settings) => {
                let folder = self.store.own_folder().filter(|_| self.has_store());
                let lock = folder.map(DirectoryLock::take).transpose()?;
                // Topics outlive what names them; those that nobody names are left to their owner.
                (KafkaChannel::open(self.reading(settings), clock)?, Vec::new(), lock)
            }
        };
        let claims = || claims::open(&self.claims);
        let ledger = || self.ledger(&*channel, now);
        let ledger = self.roles.dispatcher.then(ledger).transpose()?;
        Ok(Stores {
            channel,
            found,
            lock,
            claims: self.has_claims().then(claims).transpose()?,
            ledger,
            console: self.roles.console.then(|| self.console()).transpose()?,
        })
    }
}

impl Backends {
    /// A ledger on a server may have several dispatchers, which are one group: with the same name, each would put
    /// the other out of it. A journal has one console, and whoever comes is to take its place at once.
    fn reading(&self, settings: &Settings) -> Settings {
        let is_shared = self.roles.dispatcher && matches!(self.store, StoreBackend::Postgres(_));
        let member = if is_shared { Some(self.name.clone()) } else { settings.member.clone() };
        Settings { member, ..settings.clone() }
    }

    /// On a thread that may wait. A ledger that goes by another number of partitions is refused.
    fn ledger(&self, channel: &dyn Channel, now: Timestamp) -> Result<Arc<dyn Ledger>, Failure> {
        let ledger: Arc<dyn Ledger> = match &self.store {
            StoreBackend::Embedded(backend) => {
                Arc::new(SqliteLedger::open(&backend.folder().join(LEDGER_FILE))?)
            }
            StoreBackend::Postgres(database) => Arc::new(
                Handle::current().block_on(PgLedger::open(&database.settings, &self.name))?,
            ),
        };
        if let Some(partitions) = channel.partitions() {
            Handle::current().block_on(numbering::agree(&*ledger, partitions, now))?;
        }
        Ok(ledger)
    }

    /// As [`Backends::ledger`]. The register first: a journal of a former version hands orders over to
    /// it.
    fn console(&self) -> Result<ConsoleStores, Failure> {
        match &self.store {
            StoreBackend::Embedded(backend) => {
                let file = |name| backend.folder().join(name);
                let register = SqliteRegister::open(&file(REGISTER_FILE), &file(JOURNAL_FILE))?;
                let journal = SqliteJournal::open(&file(JOURNAL_FILE))?;
                Ok(ConsoleStores { journal: Arc::new(journal), register: Arc::new(register) })
            }
            StoreBackend::Postgres(database) => Handle::current().block_on(async {
                let register = PgRegister::open(&database.settings).await?;
                let journal = PgJournal::open(&database.settings).await?;
                Ok(ConsoleStores { journal: Arc::new(journal), register: Arc::new(register) })
            }),
        }
    }
}

/// As the system calls it; the same after each restart of the machine.
fn machine_name() -> String {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name = name.trim();
    if name.is_empty() { "dispatcher".to_owned() } else { name.to_owned() }
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

/// Portals ask the gateway; where the console is elsewhere, it asks on.
fn forwarder(config: &Config, roles: Roles) -> Result<Option<gateway::Forwarder>, Stop> {
    let gateway = &config.gateway;
    let (false, Some(url)) = (roles.console, &gateway.status) else { return Ok(None) };
    let token = gateway.status_token.as_ref().map(|token| token.token.as_str());
    let made = gateway::Forwarder::new(url.as_str(), token);
    made.map(Some).map_err(|failure| Stop::at_start(&failure))
}

async fn listen(
    role: &str,
    address: SocketAddr,
    is_here: bool,
) -> Result<Option<TcpListener>, Stop> {
    if !is_here {
        return Ok(None);
    }
    TcpListener::bind(address).await.map(Some).map_err(|error| {
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
