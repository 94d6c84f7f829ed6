//! The message dispatcher: admits applications into the ledger and sees each delivery to a state
//! that a person can explain.
//!
//! Start at [`run`]: a reader turns records into admissions, the [`engine`] decides and records in
//! one transaction a turn, attempts act, and the relay tells the world what was recorded. Order is
//! the design: **decide, record, act, settle.** What was handed out is written down before it goes,
//! so a restart knows what may have taken effect and repeats nothing else.

mod admission;
mod attempt;
mod backlog;
mod bulk;
mod codes;
mod control;
mod correction;
mod engine;
mod examiner;
mod gate;
mod known;
mod numbers;
mod orders;
mod patient;
mod reader;
mod relay;
mod restored;
mod retention;
mod ruling;
mod schedule;
mod steward;
mod subscribers;
mod teller;

use std::{sync::Arc, time::Duration};

pub use examiner::{Examined, Examinee, Examiner};
pub use gate::{
    calendar::Calendar,
    holidays::{Holiday, State},
    rate::Rate,
    window::{Maintenance, Weekly},
};

use messaging::{
    Adapter, ApplicationHead, Channel, ChannelName, Claims, Clock, Domain, EndpointName, Result,
    RetryPolicy,
};
use stores::ledger::{Ledger, Retention};
use telemetry::{Metrics, Readiness};
use tokio_util::sync::CancellationToken;

/// Everything a dispatcher works with.
#[derive(Debug)]
pub struct Parts {
    /// The truth about deliveries; this process is its only writer, unless it is a shared one.
    pub ledger: Arc<dyn Ledger>,
    /// Where applications come from and events go.
    pub channel: Arc<dyn Channel>,
    /// Bodies and attachments.
    pub claims: Arc<dyn Claims>,
    /// The application channels to read.
    pub channels: Vec<ChannelName>,
    /// The departmental systems to serve.
    pub endpoints: Vec<Endpoint>,
    /// Who judges documents that are to go instead of others.
    pub examiner: Arc<dyn Examiner>,
    /// For what people read; no wait is measured by it.
    pub clock: Clock,
    /// How long the ledger keeps what is done.
    pub retention: Retention,
    /// What is counted.
    pub metrics: Metrics,
    /// Whether it works.
    pub ready: Readiness,
    /// `ce_source` of its events, e.g. `amtsbote/dispatcher`.
    pub source: String,
    /// Where the spread of waits begins.
    pub seed: u64,
    /// How long attempts under way may take to end once `shutdown` is cancelled.
    pub drain_max: Duration,
}

/// One departmental system.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// Its name.
    pub name: EndpointName,
    /// How it is fed.
    pub adapter: Arc<dyn Adapter>,
    /// What it subscribes to; any one suffices.
    pub interests: Vec<Interest>,
    /// When to give up.
    pub policy: RetryPolicy,
    /// Attempts at once, at least 1; after whatever kept it closed it begins with one.
    pub concurrency: usize,
    /// What it is handed in a time, if that is bounded.
    pub rate: Option<Rate>,
    /// Attempts that may begin at once after a lull, where there is a rate; at least 1.
    pub burst: u32,
    /// When it may be handed anything; `None`: always.
    pub calendar: Option<Calendar>,
    /// Longest time of one attempt.
    pub timeout: Duration,
    /// Whether a dead letter holds back its case.
    pub after_dead_letter: AfterDeadLetter,
}

/// What a dead letter does to later messages of its case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AfterDeadLetter {
    /// They wait until an operator has decided about it.
    #[default]
    Hold,
    /// They are delivered without it.
    Continue,
}

/// Which applications an endpoint wants. Fields that are empty or `None` match everything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interest {
    /// Family of procedures.
    pub domain: Option<Domain>,
    /// Beginning of the authority's identifier, e.g. `svb:14730`.
    pub authority_prefix: String,
    /// Message types.
    pub message_types: Vec<String>,
    /// Whether test messages are wanted, and nothing but them.
    pub test: bool,
}

impl Interest {
    /// Whether `head` is wanted.
    #[must_use]
    pub fn matches(&self, head: &ApplicationHead) -> bool {
        self.test == head.is_test
            && self.domain.as_ref().is_none_or(|domain| *domain == head.domain)
            && head.authorities().any(|of| of.as_str().starts_with(&self.authority_prefix))
            && (self.message_types.is_empty()
                || self.message_types.contains(&head.procedure.message_type))
    }
}

/// Dispatches until `shutdown` is cancelled, then lets attempts under way end.
///
/// Dropping it loses nothing: what was handed out and not settled is uncertain at the next start.
///
/// # Errors
/// `Defect` if the ledger contradicts itself or is used by another dispatcher; an adapter's or the
/// channel's failures end here.
pub async fn run(parts: Parts, shutdown: CancellationToken) -> Result<()> {
    engine::Engine::start(parts, shutdown).await?.run().await
}

#[cfg(test)]
mod tests;
