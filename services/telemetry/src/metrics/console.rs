//! What the console counts.

use std::time::Duration;

use prometheus::{Gauge, IntCounterVec, Registry};

use super::{Label, counters, register};
use crate::names::metric;

/// The console's metrics.
#[derive(Debug)]
pub struct ConsoleMetrics {
    projected: IntCounterVec,
    lag: Gauge,
    trimmed: IntCounterVec,
    channels: Label,
}

impl ConsoleMetrics {
    pub(super) fn new(registry: &Registry) -> Self {
        let lag = Gauge::new(
            metric::PROJECTION_LAG,
            "Age of the newest projected record when it was projected",
        );
        Self {
            projected: counters(
                registry,
                metric::PROJECTED,
                "Records projected into the journal",
                &["channel"],
            ),
            lag: register(registry, lag),
            trimmed: counters(
                registry,
                metric::JOURNAL_TRIMMED,
                "Rows that went by retention",
                &["kind"],
            ),
            channels: Label::default(),
        }
    }

    /// `records` of `channel` are in the journal now.
    pub fn projected(&self, channel: &str, records: u64) {
        self.projected.with_label_values(&[self.channels.bounded(channel)]).inc_by(records);
    }

    /// The newest projected record was this old when it was projected.
    pub fn set_projection_lag(&self, age: Duration) {
        self.lag.set(age.as_secs_f64());
    }

    /// So many rows of a kind (`application`, `event`, `command`) went by retention.
    pub fn trimmed(&self, kind: &'static str, rows: u64) {
        self.trimmed.with_label_values(&[kind]).inc_by(rows);
    }
}
