//! What the dispatcher counts.

use std::time::Duration;

use prometheus::{HistogramVec, IntCounterVec, IntGauge, IntGaugeVec, Registry};

use super::{DELIVERY_BUCKETS, LATENCY_BUCKETS, Label, counters, gauge, gauges, histograms, level};
use crate::names::metric;

/// The dispatcher's metrics.
#[derive(Debug)]
pub struct DispatcherMetrics {
    admitted: IntCounterVec,
    verdicts: IntCounterVec,
    attempts: IntCounterVec,
    attempt: HistogramVec,
    delivery: HistogramVec,
    in_flight: IntGaugeVec,
    deliveries: IntGaugeVec,
    gate: IntGaugeVec,
    unrouted: IntGauge,
    outbox: IntGauge,
    ledger: HistogramVec,
    trimmed: IntCounterVec,
    channels: Label,
    endpoints: Label,
}

impl DispatcherMetrics {
    pub(super) fn new(registry: &Registry) -> Self {
        let endpoint: &[&str] = &["endpoint"];
        Self {
            admitted: counters(registry, metric::ADMITTED, "Records admitted", &["channel"]),
            verdicts: counters(
                registry,
                metric::VERDICTS,
                "Records that became a verdict instead of a delivery",
                &["verdict"],
            ),
            attempts: counters(registry, metric::ATTEMPTS, "Attempts", &["endpoint", "outcome"]),
            attempt: histograms(
                registry,
                metric::ATTEMPT_DURATION,
                "Duration of attempts",
                &LATENCY_BUCKETS,
                endpoint,
            ),
            delivery: histograms(
                registry,
                metric::DELIVERY_DURATION,
                "Time from receipt to delivery",
                &DELIVERY_BUCKETS,
                endpoint,
            ),
            in_flight: gauges(registry, metric::IN_FLIGHT, "Attempts under way", endpoint),
            deliveries: gauges(
                registry,
                metric::DELIVERIES,
                "Deliveries by state",
                &["endpoint", "state"],
            ),
            gate: gauges(registry, metric::GATE_OPEN, "1 while the endpoint is served", endpoint),
            unrouted: gauge(registry, metric::UNROUTED, "Messages no endpoint subscribes to"),
            outbox: gauge(registry, metric::OUTBOX, "Events not relayed yet"),
            ledger: histograms(
                registry,
                metric::LEDGER_DURATION,
                "Duration of ledger transactions",
                &LATENCY_BUCKETS,
                &["kind"],
            ),
            trimmed: counters(
                registry,
                metric::LEDGER_TRIMMED,
                "Rows that went by retention",
                &["kind"],
            ),
            channels: Label::default(),
            endpoints: Label::default(),
        }
    }

    /// `records` of `channel` were admitted into the ledger.
    pub fn admitted(&self, channel: &str, records: u64) {
        self.admitted.with_label_values(&[self.channels.bounded(channel)]).inc_by(records);
    }

    /// A record became a verdict: `duplicate`, `conflict`, `undecodable` or `unrouted`.
    pub fn verdict(&self, verdict: &'static str) {
        self.verdicts.with_label_values(&[verdict]).inc();
    }

    /// An attempt ended: `delivered` or the name of the failure's kind.
    pub fn attempted(&self, endpoint: &str, outcome: &'static str, after: Duration) {
        let endpoint = self.endpoints.bounded(endpoint);
        self.attempts.with_label_values(&[endpoint, outcome]).inc();
        self.attempt.with_label_values(&[endpoint]).observe(after.as_secs_f64());
    }

    /// A departmental system has a message this long after its receipt was given.
    pub fn delivered(&self, endpoint: &str, after_receipt: Duration) {
        let endpoint = self.endpoints.bounded(endpoint);
        self.delivery.with_label_values(&[endpoint]).observe(after_receipt.as_secs_f64());
    }

    /// So many attempts are under way.
    pub fn set_in_flight(&self, endpoint: &str, attempts: u64) {
        let endpoint = self.endpoints.bounded(endpoint);
        self.in_flight.with_label_values(&[endpoint]).set(level(attempts));
    }

    /// So many deliveries are in `state` (a word of the closed list of states).
    pub fn set_deliveries(&self, endpoint: &str, state: &'static str, count: u64) {
        let endpoint = self.endpoints.bounded(endpoint);
        self.deliveries.with_label_values(&[endpoint, state]).set(level(count));
    }

    /// Whether the endpoint is served.
    pub fn set_gate(&self, endpoint: &str, is_open: bool) {
        let endpoint = self.endpoints.bounded(endpoint);
        self.gate.with_label_values(&[endpoint]).set(i64::from(is_open));
    }

    /// So many messages wait for an endpoint to subscribe to them.
    pub fn set_unrouted(&self, messages: u64) {
        self.unrouted.set(level(messages));
    }

    /// So many events wait to be relayed.
    pub fn set_outbox(&self, events: u64) {
        self.outbox.set(level(events));
    }

    /// A ledger transaction of a kind (`batch`, `intent`, …) took this long.
    pub fn ledger_transaction(&self, kind: &'static str, took: Duration) {
        self.ledger.with_label_values(&[kind]).observe(took.as_secs_f64());
    }

    /// So many rows of a kind (`payload`, `delivery`, …) went by retention; `pin`: were lifted.
    pub fn trimmed(&self, kind: &'static str, rows: u64) {
        self.trimmed.with_label_values(&[kind]).inc_by(rows);
    }
}
