//! What the gateway counts.

use std::time::Duration;

use prometheus::{Histogram, IntCounter, IntCounterVec, IntGauge, Registry};

use super::{LATENCY_BUCKETS, Label, counter, counters, gauge, histogram, level};
use crate::names::metric;

/// The gateway's metrics.
#[derive(Debug)]
pub struct GatewayMetrics {
    submissions: IntCounterVec,
    outcomes: Label,
    proofs: IntCounterVec,
    receipt: Histogram,
    bytes: IntGauge,
    requests: IntGauge,
    uploads: IntCounterVec,
    upload_bytes: IntCounter,
    refused_dropped: IntCounter,
}

/// A request being worked on; it counts until dropped.
#[derive(Debug)]
#[must_use = "it counts until dropped"]
pub struct InFlight {
    bytes: IntGauge,
    requests: IntGauge,
    held: i64,
}

impl GatewayMetrics {
    pub(super) fn new(registry: &Registry) -> Self {
        Self {
            submissions: counters(
                registry,
                metric::SUBMISSIONS,
                "Answers to submissions",
                &["outcome"],
            ),
            outcomes: Label::default(),
            proofs: counters(
                registry,
                metric::PROOFS,
                "Documents proven valid, or why the validator had to judge",
                &["outcome"],
            ),
            receipt: histogram(
                registry,
                metric::RECEIPT_DURATION,
                "Time from arrival to receipt",
                &LATENCY_BUCKETS,
            ),
            bytes: gauge(registry, metric::BYTES_IN_FLIGHT, "Bytes of requests being worked on"),
            requests: gauge(registry, metric::REQUESTS_IN_FLIGHT, "Requests being worked on"),
            uploads: counters(registry, metric::UPLOADS, "Ends of uploads", &["outcome"]),
            upload_bytes: counter(registry, metric::UPLOAD_BYTES, "Bytes of attachments stored"),
            refused_dropped: counter(
                registry,
                metric::REFUSED_DROPPED,
                "Events about refusals dropped because too many came at once",
            ),
        }
    }

    /// A submission was answered: `accepted`, `repeated` or the code of the refusal.
    pub fn submitted(&self, outcome: &str) {
        self.submissions.with_label_values(&[self.outcomes.bounded(outcome)]).inc();
    }

    /// A document was judged by its XSD: `proven`, or why the validator had to judge, of a closed list.
    pub fn judged(&self, outcome: &'static str) {
        self.proofs.with_label_values(&[outcome]).inc();
    }

    /// A receipt was given this long after its submission arrived.
    pub fn receipted(&self, after: Duration) {
        self.receipt.observe(after.as_secs_f64());
    }

    /// A request of `bytes` is worked on until the guard is dropped.
    pub fn in_flight(&self, bytes: usize) -> InFlight {
        let held = level(bytes as u64);
        self.bytes.add(held);
        self.requests.inc();
        InFlight { bytes: self.bytes.clone(), requests: self.requests.clone(), held }
    }

    /// An upload ended: `stored` or the code of the refusal; `bytes` of it were stored.
    pub fn uploaded(&self, outcome: &str, bytes: u64) {
        self.uploads.with_label_values(&[self.outcomes.bounded(outcome)]).inc();
        self.upload_bytes.inc_by(bytes);
    }

    /// An event about a refusal was dropped.
    pub fn refused_event_dropped(&self) {
        self.refused_dropped.inc();
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.bytes.sub(self.held);
        self.requests.dec();
    }
}
