//! What `amtsbote.toml` says: every key with its unit and default, and what reading makes of it.
//!
//! `docs/configuration.md` is this page for operators; a test holds both together.

mod broker;
mod calendar;
mod claims;
mod effective;
mod endpoints;
mod fault;
mod limits;
mod read;
mod retention;
mod section;
mod sections;
mod secured;
mod store;
mod variables;
mod words;

use std::{fmt, net::SocketAddr, path::PathBuf, time::Duration};

use channels::kafka;
use messaging::{ChannelName, Domain, SenderName, Sha256};

pub(crate) use self::{
    broker::PARTITIONS_MAX,
    claims::ClaimsBackend,
    fault::{Fault, Faults},
    read::{read_file, read_text},
    secured::Kafka,
    store::StoreBackend,
};

/// One installation, checked.
#[derive(Debug)]
pub(crate) struct Config {
    /// `data`: the folder where everything lies that no other key puts elsewhere. Default `./data`.
    pub(crate) data: PathBuf,
    /// `channel`: where messages travel. `embedded:DIR` or `kafka://HOST:PORT[,HOST:PORT]…`.
    /// Default: embedded in `data`.
    pub(crate) channel: ChannelBackend,
    /// `[kafka]`: how the brokers of `channel` are reached.
    pub(crate) kafka: Kafka,
    /// `store`: where ledger, journal and register lie. `embedded:DIR` or `postgres://USER@HOST/DATABASE`.
    /// Default: embedded in `data`.
    pub(crate) store: StoreBackend,
    /// `claims`: where large bodies and attachments lie. `embedded:DIR`, `file:///DIR` or
    /// `s3://BUCKET`. Default: embedded in `data`.
    pub(crate) claims: ClaimsBackend,
    /// `source`: this installation's name in every record (`ce_source`), a URI reference. Default
    /// `urn:amtsbote`.
    pub(crate) source: String,
    /// `shutdown_time_max`: how long a shutdown may take. Default `20s`.
    pub(crate) shutdown_time_max: Duration,
    /// `[gateway]`.
    pub(crate) gateway: Gateway,
    /// `[[sender]]`: who may submit. None: whoever reaches the loopback address, as `local`.
    pub(crate) senders: Vec<Sender>,
    /// `[standards]`.
    pub(crate) standards: Standards,
    /// `[[route]]`: the first that matches wins. None: one per installed domain, for every
    /// authority, no test messages.
    pub(crate) routes: Vec<Route>,
    /// `[dispatcher]`.
    pub(crate) dispatcher: Dispatcher,
    /// `[[endpoint]]`: departmental systems.
    pub(crate) endpoints: Vec<Endpoint>,
    /// `[console]`.
    pub(crate) console: Console,
    /// `[operations]`.
    pub(crate) operations: Operations,
    /// `[telemetry]`.
    pub(crate) telemetry: Telemetry,
    /// `[retention]`.
    pub(crate) retention: Retention,
}

/// Where messages travel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ChannelBackend {
    /// `embedded:DIR`: as the other backends.
    Embedded(Backend),
    /// `kafka://HOST:PORT[,HOST:PORT]…?prefix=…&partitions=…&replication=…&make_topics=…`.
    Kafka(Box<kafka::Settings>),
}

/// What a backend URL names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Backend {
    /// `embedded:DIR`: files below the folder, this process alone.
    Embedded(PathBuf),
}

/// Where portals push.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Gateway {
    /// `listen`: address and port for gRPC; port 0 takes a free one. Default `127.0.0.1:7001`.
    pub(crate) listen: SocketAddr,
    /// `allow_plaintext`: listen, and ask the console, unencrypted where others can reach it. Default
    /// `false`.
    pub(crate) allow_plaintext: bool,
    /// `status`: where the console is that runs in another process, e.g. `http://console:7080`.
    /// Default: in this process.
    pub(crate) status: Option<url::Url>,
    /// `status_token_file`: holds what proves to that console that a gateway asks.
    pub(crate) status_token: Option<StatusToken>,
    /// `notice_time`: how long a process that is to end says on `/readyz` that it does, and works on,
    /// before its listener closes; at most half of `shutdown_time_max`. Default `0s`.
    pub(crate) notice_time: Duration,
    /// `[gateway.limits]`: bounds on what comes in.
    pub(crate) limits: gateway::Limits,
}

/// One who may submit.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Sender {
    /// `name`: part of every message's identity; never change it.
    pub(crate) name: SenderName,
    /// `token_file`: holds the bearer token, at least 16 characters, white space around it ignored.
    pub(crate) token_file: PathBuf,
    /// Of the token; the token itself is not kept.
    pub(crate) token_sha256: Sha256,
}

/// Not even the hash.
impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Which standards there are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Standards {
    /// `paths`: folders with further standards beside the built-in ones. Default none.
    pub(crate) paths: Vec<PathBuf>,
    /// `workers`: threads that check documents, 1 to 256. Default: one per core.
    pub(crate) workers: usize,
    /// `cross_check`: which share of the documents that are proven valid goes the full validator's way too,
    /// e.g. `"1%"`; here of a million. Default `"0%"`.
    pub(crate) cross_check_ppm: u32,
    /// `defects`: where documents are kept that show a fault of ours: whose check fails, or of which two
    /// judges say different things. Default nowhere.
    pub(crate) defects: Option<PathBuf>,
}

/// Who is responsible for what, and on which channel it travels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Route {
    /// `domain`: a family of procedures. Default: every.
    pub(crate) domain: Option<Domain>,
    /// `authority`: the first characters of the authority's `prefix:key`. Default: every.
    pub(crate) authority: String,
    /// `message_types`: as the standard calls them. Default: every.
    pub(crate) message_types: Vec<String>,
    /// `test`: takes test messages, and only them. Default `false`.
    pub(crate) test: bool,
    /// `channel`, or made of `domain` and `area`: `application.<domain>[.<area>]`.
    pub(crate) channel: ChannelName,
    /// Where it stands in the file; 0: it is a default.
    pub(crate) line: usize,
}

/// What a gateway shows a console in another process, with each question of a portal.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct StatusToken {
    /// Where it is kept.
    pub(crate) file: PathBuf,
    /// At least 16 characters that a header can carry.
    pub(crate) token: String,
}

impl StatusToken {
    /// All that who checks it needs.
    pub(crate) fn sha256(&self) -> Sha256 {
        messaging::identity::sha256(self.token.as_bytes(), &[])
    }
}

/// Nothing of it.
impl fmt::Debug for StatusToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StatusToken").field("file", &self.file).finish_non_exhaustive()
    }
}

/// Who hands over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Dispatcher {
    /// `channels`: what it reads, at least every channel a route names. Default: those. What else
    /// lies on an embedded channel is read too, so that a renamed route strands nothing.
    pub(crate) channels: Option<Vec<ChannelName>>,
    /// `replies`: `canonical` reads what departmental systems answer in a standard that is installed;
    /// `as_sent` does not. Default `canonical`; it costs nothing until there is such an answer.
    pub(crate) has_replies_read: bool,
    /// `name`: by which a dispatcher is known to others on its ledger across restarts; two have two.
    /// Default: the machine's name.
    pub(crate) name: Option<String>,
}

/// One departmental system of one authority.
#[derive(Clone, Debug)]
pub(crate) struct Endpoint {
    /// `adapter`: a kind, e.g. `file_drop`.
    pub(crate) kind: &'static str,
    /// `[endpoint.settings]`: the kind's own keys.
    pub(crate) settings: toml::Table,
    /// `name`: part of every delivery's key; never change it.
    ///
    /// `subscribe`: what it gets, at least one; each with `domain`, `authority` (its first
    /// characters), `message_types` and `test`, every one of which matches everything by default,
    /// but for `test`, which is `false`.
    ///
    /// `retry`: when to try again; see [`messaging::RetryPolicy`] for its keys and defaults.
    ///
    /// `concurrency`: deliveries at the same time, 1 to 1,000. Default 4. After an outage, a pause, a
    /// closing time it begins with one and grows with each answer; after a start one is enough.
    ///
    /// `rate`: what it is handed in a time at most, e.g. `10/s`, `600/min` or `50/h`. Default: no
    /// bound. `burst`: so many at once after a lull, 1 to 10,000. Default 1.
    ///
    /// `calendar`: when it may be handed anything; see [`dispatcher::Calendar`]. Default: always.
    ///
    /// `timeout`: how long one try may take, `100ms` to `1h`. Default `30s`.
    ///
    /// `after_dead_letter`: `hold` or `continue` the case. Default `hold`.
    pub(crate) spec: dispatcher::Endpoint,
    /// Where it stands in the file.
    pub(crate) line: usize,
}

/// Where operators look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Console {
    /// `listen`: address and port for web pages, metrics and gRPC; port 0 takes a free one.
    /// Default `127.0.0.1:7080`.
    pub(crate) listen: SocketAddr,
    /// `allow_plaintext`: listen unencrypted and without login where others can reach it. Default
    /// `false`.
    pub(crate) allow_plaintext: bool,
    /// `channels`: what it shows besides the channels of routes and dispatcher in this file. Default
    /// none.
    pub(crate) channels: Vec<ChannelName>,
    /// `status_token_file`: as the gateway's in another process; operators show it too.
    pub(crate) status_token: Option<StatusToken>,
}

/// Where machines look that watch a process without console.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Operations {
    /// `listen`: address and port for `/healthz`, `/readyz` and `/metrics`. Default
    /// `127.0.0.1:7081` with a gateway, else `127.0.0.1:7082`.
    pub(crate) listen: Option<SocketAddr>,
    /// `allow_plaintext`: listen unencrypted where others can reach it. Default `false`.
    pub(crate) allow_plaintext: bool,
}

/// Logs and traces.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Telemetry {
    /// `format`: log lines on standard error, `human` or `json`. Default `human`.
    pub(crate) format: telemetry::Format,
    /// `filter`: which, e.g. `info,dispatcher=debug`. Default `info`.
    pub(crate) filter: String,
    /// `otlp`: where traces go, OTLP over gRPC, e.g. `http://127.0.0.1:4317`. Default: nowhere.
    pub(crate) otlp: Option<String>,
    /// `sampling`: how many of the applications whose portal sends no `traceparent` are recorded, 0
    /// to 1; a portal's own word on its applications is followed. Default `1.0`.
    pub(crate) sampling: f64,
}

/// How long what is done stays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Retention {
    /// `channel`: records everybody has read, `1h` to `400d`. Default `7d`.
    pub(crate) channel: Duration,
    /// `claims_unused`: uploads nobody submitted, `24h`, as long as a ticket is valid, to `30d`.
    /// Default `24h`.
    pub(crate) claims_unused: Duration,
    /// `claims_used`: claims no ledger needs any more; not shorter than `channel`. Default: as
    /// `channel`.
    pub(crate) claims_used: Duration,
    /// `payload`: records in the ledger, since all deliveries of the message are final, from `1h`.
    /// Default `30d`. `[retention.domain.<name>] payload`: of one domain. `history`: final
    /// deliveries, verdicts and commands; not shorter than any `payload`, longer than `channel`.
    /// Default `400d`. `dedupe_horizon`: ids and hashes by which a repetition is known; not shorter
    /// than `history`. Default `400d`.
    pub(crate) ledger: stores::ledger::Retention,
    /// `journal`: applications of which nothing is open, since the last thing that happened to
    /// them, and orders that were answered, from `1h`. Default `400d`.
    pub(crate) journal: Duration,
}

impl fmt::Display for ChannelBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Embedded(backend) => backend.fmt(f),
            Self::Kafka(settings) => f.write_str(&broker::url(settings)),
        }
    }
}

impl Backend {
    /// The folder.
    pub(crate) fn folder(&self) -> &std::path::Path {
        let Self::Embedded(folder) = self;
        folder
    }
}

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Embedded(folder) = self;
        write!(f, "embedded:{}", folder.display())
    }
}

impl Config {
    /// Where tables compiled of schemas are kept between starts.
    pub(crate) fn tables(&self) -> PathBuf {
        self.data.join("tables")
    }

    /// Every application channel this file names, each once.
    pub(crate) fn application_channels(&self) -> Vec<ChannelName> {
        let mut channels = self.dispatched_channels();
        channels.extend(self.console.channels.iter().cloned());
        channels.sort();
        channels.dedup();
        channels
    }

    /// The channels the dispatcher reads, each once: as it was told, else the routes'.
    pub(crate) fn dispatched_channels(&self) -> Vec<ChannelName> {
        let routed = || self.routes.iter().map(|route| route.channel.clone()).collect();
        let mut channels: Vec<_> = self.dispatcher.channels.clone().unwrap_or_else(routed);
        channels.sort();
        channels.dedup();
        channels
    }
}

#[cfg(test)]
mod tests;
