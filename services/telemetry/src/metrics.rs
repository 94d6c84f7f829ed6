//! Counters, gauges and histograms of all roles, in a registry that belongs to whoever made it.

use std::{
    collections::HashSet,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use prometheus::{
    Gauge, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge,
    IntGaugeVec, Opts, Registry, TextEncoder, core::Collector,
};

mod console;
mod dispatcher;
mod gateway;
mod traffic;

pub use console::ConsoleMetrics;
pub use dispatcher::DispatcherMetrics;
pub use gateway::{GatewayMetrics, InFlight};
pub use traffic::ChannelMetrics;

use crate::{export, names::metric};

/// Different values one label takes before further ones are counted as `other`.
const LABEL_VALUES_MAX: usize = 1_000;

/// From half a millisecond to a minute.
const LATENCY_BUCKETS: [f64; 16] =
    [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0];

/// From a tenth of a second to a week: a county's weekend outage must still have a bucket.
const DELIVERY_BUCKETS: [f64; 16] = [
    0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 1_800.0, 3_600.0, 14_400.0, 86_400.0,
    259_200.0, 604_800.0,
];

/// Every metric of the process. Cheap to clone; all clones count into the same registry.
#[derive(Clone)]
pub struct Metrics(Arc<Inner>);

struct Inner {
    registry: Registry,
    gateway: GatewayMetrics,
    channel: ChannelMetrics,
    dispatcher: DispatcherMetrics,
    console: ConsoleMetrics,
    start: Gauge,
    memory: IntGauge,
}

impl Metrics {
    /// All at zero.
    #[must_use]
    pub fn new() -> Self {
        let registry = Registry::new();
        let build = Opts::new(metric::BUILD_INFO, "Always 1; the version is its label")
            .const_label("version", env!("CARGO_PKG_VERSION"));
        let build = register(&registry, IntGauge::with_opts(build));
        build.set(1);
        let spans = &*export::COUNTS;
        register(&registry, Ok(spans.exported.clone()));
        register(&registry, Ok(spans.dropped.clone()));
        let start = gauge_opts(metric::PROCESS_START, "Start of the process, Unix time");
        let memory = gauge_opts(metric::PROCESS_MEMORY, "Resident memory of the process");
        Self(Arc::new(Inner {
            gateway: GatewayMetrics::new(&registry),
            channel: ChannelMetrics::new(&registry),
            dispatcher: DispatcherMetrics::new(&registry),
            console: ConsoleMetrics::new(&registry),
            start: register(&registry, Gauge::with_opts(start)),
            memory: register(&registry, IntGauge::with_opts(memory)),
            registry,
        }))
    }

    /// The gateway's.
    #[must_use]
    pub fn gateway(&self) -> &GatewayMetrics {
        &self.0.gateway
    }

    /// The message channels', for whoever appends or reads.
    #[must_use]
    pub fn channel(&self) -> &ChannelMetrics {
        &self.0.channel
    }

    /// The dispatcher's.
    #[must_use]
    pub fn dispatcher(&self) -> &DispatcherMetrics {
        &self.0.dispatcher
    }

    /// The console's.
    #[must_use]
    pub fn console(&self) -> &ConsoleMetrics {
        &self.0.console
    }

    /// Tells when the process started, in seconds since 1970.
    pub fn set_start(&self, unix_seconds: f64) {
        self.0.start.set(unix_seconds);
    }

    /// Everything in Prometheus' text format.
    #[must_use]
    pub fn render(&self) -> String {
        if let Some(bytes) = resident_bytes() {
            self.0.memory.set(bytes);
        }
        // Encoding fails on a family without metrics alone, and `gather` leaves those out.
        TextEncoder::new().encode_to_string(&self.0.registry.gather()).unwrap_or_default()
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}

/// Keeps a label from taking more values than a chart can show, whatever a mistake puts in.
#[derive(Debug, Default)]
struct Label(Mutex<HashSet<String>>);

impl Label {
    fn bounded<'v>(&self, value: &'v str) -> &'v str {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.contains(value) {
            return value;
        }
        if LABEL_VALUES_MAX <= known.len() {
            return "other";
        }
        known.insert(value.to_owned());
        value
    }
}

fn register<C: Collector + Clone + 'static>(registry: &Registry, made: prometheus::Result<C>) -> C {
    let collector = made.expect("names and labels of metrics are constants and valid");
    registry.register(Box::new(collector.clone())).expect("each metric is registered once");
    collector
}

fn gauge_opts(name: &str, help: &str) -> Opts {
    Opts::new(name, help)
}

fn counter(registry: &Registry, name: &str, help: &str) -> IntCounter {
    register(registry, IntCounter::new(name, help))
}

fn counters(registry: &Registry, name: &str, help: &str, labels: &[&str]) -> IntCounterVec {
    register(registry, IntCounterVec::new(Opts::new(name, help), labels))
}

fn gauge(registry: &Registry, name: &str, help: &str) -> IntGauge {
    register(registry, IntGauge::new(name, help))
}

fn gauges(registry: &Registry, name: &str, help: &str, labels: &[&str]) -> IntGaugeVec {
    register(registry, IntGaugeVec::new(Opts::new(name, help), labels))
}

fn histogram(registry: &Registry, name: &str, help: &str, buckets: &[f64]) -> Histogram {
    let options = HistogramOpts::new(name, help).buckets(buckets.to_vec());
    register(registry, Histogram::with_opts(options))
}

fn histograms(
    registry: &Registry,
    name: &str,
    help: &str,
    buckets: &[f64],
    labels: &[&str],
) -> HistogramVec {
    let options = HistogramOpts::new(name, help).buckets(buckets.to_vec());
    register(registry, HistogramVec::new(options, labels))
}

/// A count as a gauge's value; what does not fit is shown as the most there is.
fn level(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// Linux says it in kB; elsewhere nothing is told.
fn resident_bytes() -> Option<i64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: i64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
    kilobytes.checked_mul(1_024)
}

#[cfg(test)]
mod tests;
