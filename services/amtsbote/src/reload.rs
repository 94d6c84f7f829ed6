//! On SIGHUP a gateway reads its standards anew: what is new or changed is taken from then on, and on
//! any fault everything stays as it was.

use std::{collections::BTreeSet, path::PathBuf};

use standards::{LoadError, Reloaded, Standards};
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    task,
};

use crate::{
    codes,
    config::Config,
    exit::{Exit, Stop},
};

/// What a gateway needs to read its standards anew.
#[derive(Debug)]
pub(crate) struct Reloader {
    standards: Standards,
    paths: Vec<PathBuf>,
    /// Domains that have a route; empty where one route takes every domain.
    routed: BTreeSet<String>,
}

impl Reloader {
    /// Reads `standards` anew from where `config` says they are.
    pub(crate) fn new(standards: Standards, config: &Config) -> Self {
        let domains = |standards: &Standards| -> BTreeSet<String> {
            let types = standards.list().into_iter().flat_map(|standard| standard.message_types);
            types.map(|message_type| message_type.domain.to_string()).collect()
        };
        let routed = if config.routes.is_empty() {
            domains(&standards)
        } else if config.routes.iter().any(|route| route.domain.is_none()) {
            BTreeSet::new()
        } else {
            config
                .routes
                .iter()
                .filter_map(|route| Some(route.domain.as_ref()?.to_string()))
                .collect()
        };
        Self { standards, paths: config.standards.paths.clone(), routed }
    }

    /// Reads anew at every SIGHUP, for ever. Cancel safe: a reading under way ends by itself.
    pub(crate) async fn follow(self, mut hangup: Signal) {
        while hangup.recv().await.is_some() {
            let (standards, paths) = (self.standards.clone(), self.paths.clone());
            let read = task::spawn_blocking(move || standards.reload(&paths)).await;
            match read {
                Ok(found) => self.tell(found),
                Err(error) => {
                    tracing::error!(code = codes::ROLE_ENDED, cause = %error, "reading standards anew failed")
                }
            }
        }
    }

    fn tell(&self, found: Result<Reloaded, LoadError>) {
        match found {
            Ok(Reloaded { standards, added, removed }) => {
                tracing::info!(
                    standards,
                    added = added.join(", "),
                    removed = removed.join(", "),
                    "standards were read anew"
                );
                self.warn_of_unrouted();
            }
            Err(error) => {
                for fault in &error.faults {
                    tracing::error!(code = error.code(), %fault, "a standard cannot be loaded");
                }
                tracing::error!(code = error.code(), "standards stay as they were");
            }
        }
    }

    /// A new domain needs a route, and routes are read at the start.
    fn warn_of_unrouted(&self) {
        if self.routed.is_empty() {
            return;
        }
        let types = self.standards.list().into_iter().flat_map(|standard| standard.message_types);
        let domains: BTreeSet<String> = types.map(|of| of.domain.to_string()).collect();
        for domain in domains.difference(&self.routed) {
            tracing::warn!(domain, "no route takes this domain: add a [[route]] and restart");
        }
    }
}

/// From now on a SIGHUP ends nothing.
pub(crate) fn hangups() -> Result<Signal, Stop> {
    signal(SignalKind::hangup())
        .map_err(|error| Stop::new(Exit::Defect, codes::ROLE_ENDED, error.to_string()))
}
