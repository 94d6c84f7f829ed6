//! What is counted about message channels, by whoever appends to them or reads them.

use std::time::Duration;

use prometheus::{HistogramVec, IntCounterVec, IntGaugeVec, Registry};

use super::{LATENCY_BUCKETS, Label, counters, gauges, histograms, level};
use crate::names::metric;

/// The message channels' metrics.
#[derive(Debug)]
pub struct ChannelMetrics {
    records: IntCounterVec,
    bytes: IntCounterVec,
    failures: IntCounterVec,
    duration: HistogramVec,
    lag: IntGaugeVec,
    expiring: IntGaugeVec,
    channels: Label,
}

impl ChannelMetrics {
    pub(super) fn new(registry: &Registry) -> Self {
        let by_channel: &[&str] = &["channel"];
        Self {
            records: counters(registry, metric::APPENDED_RECORDS, "Records appended", by_channel),
            bytes: counters(registry, metric::APPENDED_BYTES, "Bytes appended", by_channel),
            failures: counters(
                registry,
                metric::APPEND_FAILURES,
                "Appends that failed",
                by_channel,
            ),
            duration: histograms(
                registry,
                metric::APPEND_DURATION,
                "Time until an append was durable",
                &LATENCY_BUCKETS,
                by_channel,
            ),
            lag: gauges(
                registry,
                metric::LAG,
                "Records a reader has not read yet",
                &["channel", "reader"],
            ),
            expiring: gauges(
                registry,
                metric::EXPIRING,
                "Unread records for which half of the time they are kept is over",
                &["channel", "reader"],
            ),
            channels: Label::default(),
        }
    }

    /// `records` of `bytes` in all were durable on `channel` this long after the append began.
    pub fn appended(&self, channel: &str, records: u64, bytes: u64, after: Duration) {
        let channel = &[self.channels.bounded(channel)];
        self.records.with_label_values(channel).inc_by(records);
        self.bytes.with_label_values(channel).inc_by(bytes);
        self.duration.with_label_values(channel).observe(after.as_secs_f64());
    }

    /// An append to `channel` failed.
    pub fn append_failed(&self, channel: &str) {
        self.failures.with_label_values(&[self.channels.bounded(channel)]).inc();
    }

    /// `reader` (`dispatcher` or `console`) has this many records of `channel` before it.
    pub fn set_lag(&self, channel: &str, reader: &'static str, records: u64) {
        let channel = self.channels.bounded(channel);
        self.lag.with_label_values(&[channel, reader]).set(level(records));
    }

    /// Of those, as many go soon, read or not.
    pub fn set_expiring(&self, channel: &str, reader: &'static str, records: u64) {
        let channel = self.channels.bounded(channel);
        self.expiring.with_label_values(&[channel, reader]).set(level(records));
    }
}
