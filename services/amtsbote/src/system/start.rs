//! Hands each role its parts and lets it work.

use std::sync::Arc;

use console::{Forwarded, StatusServer};
use messaging::{ChannelName, Claims, Failure, FailureKind, StoredPositions};
use tokio_util::sync::CancellationToken;

use super::{
    Console, Gateway, System, Working, drain_time,
    examining::Examining,
    housekeeping,
    replies::{Library, Reading},
};
use crate::{
    codes,
    config::{Config, StatusToken},
};

impl System {
    /// Begins the roles that are here.
    pub(super) fn start(mut self) -> Working {
        let mut working = Working::default();
        self.tell_forgotten();
        let has_gateway = self.gateway.is_some();
        let console = self.console.take();
        let status = console.map(|console| self.start_console(console, has_gateway, &mut working));
        self.start_operations(&mut working);
        self.start_dispatcher(&mut working);
        // Last, as it takes what is opened; its routes name channels, so those are taken down before.
        let channels = self.application_channels();
        if let Some(gateway) = self.gateway.take() {
            self.start_gateway(gateway, status, channels, &mut working);
        }
        working
    }

    /// Watches end as soon as the end begins: they would never otherwise.
    fn status(&self, console: &Console, shutdown: &CancellationToken) -> StatusServer {
        let (journal, channel) = (console.journal.clone(), self.channel.clone());
        StatusServer::new(journal, channel, self.application_channels(), self.clock.clone())
            .with_shutdown(shutdown.clone())
    }

    /// Gives what answers portals, for a gateway in this process.
    fn start_console(
        &self,
        console: Console,
        has_gateway: bool,
        working: &mut Working,
    ) -> StatusServer {
        let channels = self.application_channels();
        let status = self.status(&console, &working.producers);
        let answers = status.clone();
        let Console { listener, journal, register } = console;
        // Only where the gateway is elsewhere: beside it, whoever is on this machine could ask.
        let token_sha256 = self.config.console.status_token.as_ref().map(StatusToken::sha256);
        let forwarded = (!has_gateway).then(|| Forwarded { status, token_sha256 });
        let parts = console::Parts {
            listener,
            journal,
            register,
            channel: self.channel.clone(),
            application_channels: channels,
            forwarded,
            operator_token_sha256: token_sha256,
            source: format!("{}:console", self.config.source),
            retention: self.config.retention.journal,
            clock: self.clock.clone(),
            metrics: self.metrics.clone(),
            ready: self.ready.clone(),
        };
        working.read("console", |end| Box::pin(console::run(parts, end)));
        answers
    }

    fn start_operations(&mut self, working: &mut Working) {
        let Some(listener) = self.operations.take() else { return };
        let (metrics, ready) = (self.metrics.clone(), self.ready.clone());
        let run = |end| console::operations(listener, metrics, ready, end);
        working.read("operations", |end| Box::pin(run(end)));
    }

    fn start_dispatcher(&self, working: &mut Working) {
        let (Some(ledger), Some(claims)) = (self.ledger.clone(), self.claims.clone()) else {
            return;
        };
        let library = self.library();
        let clock = self.clock.clone();
        let parts = dispatcher::Parts {
            endpoints: self.endpoints(&library),
            examiner: Arc::new(Examining { library, clock }),
            ledger,
            channel: self.channel.clone(),
            claims,
            channels: self.dispatched_channels(),
            clock: self.clock.clone(),
            retention: self.config.retention.ledger.clone(),
            metrics: self.metrics.clone(),
            ready: self.ready.clone(),
            source: format!("{}:dispatcher", self.config.source),
            seed: uuid::Uuid::new_v4().as_u64_pair().0,
            drain_max: drain_time(self.config.shutdown_time_max, self.notice_time()),
        };
        working.produce("dispatcher", |end| Box::pin(dispatcher::run(parts, end)));
    }

    /// The standards of this process; those of its gateway, if it has one.
    fn library(&self) -> Arc<Library> {
        let standards = self.gateway.as_ref().map(|gateway| gateway.standards.clone());
        let paths = self.config.standards.paths.clone();
        Arc::new(Library::new(standards, paths, Some(self.config.tables())))
    }

    /// As configured, each with its replies read unless they are to go as they were sent.
    fn endpoints(&self, library: &Arc<Library>) -> Vec<dispatcher::Endpoint> {
        let specs = self.config.endpoints.iter().map(|endpoint| endpoint.spec.clone());
        if !self.config.dispatcher.has_replies_read {
            return specs.collect();
        }
        let reading = |spec: dispatcher::Endpoint| {
            let (library, clock) = (library.clone(), self.clock.clone());
            let adapter = Arc::new(Reading { adapter: spec.adapter, library, clock });
            dispatcher::Endpoint { adapter, ..spec }
        };
        specs.map(reading).collect()
    }

    /// Claims are swept where they are taken in.
    fn start_gateway(
        self,
        gateway: Gateway,
        status: Option<StatusServer>,
        channels: Vec<ChannelName>,
        working: &mut Working,
    ) {
        let Some(claims) = self.claims.clone() else { return };
        let forwarder = gateway.forwarder.map(|it| it.with_shutdown(working.producers.clone()));
        let drain_time = drain_time(self.config.shutdown_time_max, self.config.gateway.notice_time);
        let mut limits = self.config.gateway.limits.clone();
        limits.drain_time_max = limits.drain_time_max.min(drain_time);
        let Gateway { listener, standards, routes, .. } = gateway;
        let parts = gateway::Parts {
            listener,
            standards,
            channel: self.channel.clone(),
            claims: claims.clone(),
            routes,
            limits,
            senders: senders(&self.config),
            clock: self.clock.clone(),
            metrics: self.metrics,
            source: format!("{}:gateway", self.config.source),
            ready: self.ready,
            leaving: working.leaving.clone(),
        };
        working.produce("gateway", |end| match (status, forwarder) {
            (Some(status), _) => Box::pin(gateway::run(parts, status, end)),
            (None, Some(forwarder)) => Box::pin(gateway::run(parts, forwarder, end)),
            (None, None) => Box::pin(async { Err(nobody_to_ask()) }),
        });

        let keeper = housekeeping::Keeper {
            channel: self.channel,
            claims: claims as Arc<dyn Claims>,
            admitted: self.ledger.map(|ledger| Box::new(ledger) as Box<dyn StoredPositions>),
            channels,
            retention: self.config.retention,
            clock: self.clock,
        };
        working.read("housekeeping", |end| Box::pin(keeper.run(end)));
    }
}

/// A gateway without console and without the address of one is refused before anything is opened.
fn nobody_to_ask() -> Failure {
    let cause = "the gateway has nobody to ask for the status";
    FailureKind::Defect.because(codes::ROLE_KEY_MISSING, cause)
}

fn senders(config: &Config) -> gateway::Senders {
    if config.senders.is_empty() {
        return gateway::Senders::LocalOnly;
    }
    let tokens = config.senders.iter().map(|sender| (sender.name.clone(), sender.token_sha256));
    gateway::Senders::Tokens(tokens.collect())
}
