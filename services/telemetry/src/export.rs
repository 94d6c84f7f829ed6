//! Sends ended spans away, best effort: whatever the receiver does, the path does not notice.
//!
//! A span that ends is put into a bounded queue, or dropped and counted. One task exports, one
//! batch at a time; what the receiver does not take is dropped and counted too.

use std::{sync::LazyLock, time::Duration};

use anyhow::ensure;
use opentelemetry_sdk::{
    error::OTelSdkResult,
    trace::{Span, SpanData, SpanExporter, SpanProcessor},
};
use prometheus::{IntCounter, IntCounterVec, Opts};
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinSet,
    time::{Instant, timeout, timeout_at},
};
use tracing::{info, warn};

use crate::names::metric;

/// Ended spans that wait to be exported, a few MiB at most.
const QUEUE_MAX: usize = 4_096;
/// Spans exported at once.
const BATCH_MAX: usize = 512;
/// How long a span waits for others to be exported with it.
const GATHER_TIME: Duration = Duration::from_secs(1);
/// How long an export may take, and how long the last ones are waited for at the end.
pub(crate) const EXPORT_TIME_MAX: Duration = Duration::from_secs(5);

/// Why a span was dropped.
const QUEUE_FULL: &str = "queue_full";
const NOT_TAKEN: &str = "not_taken";

/// Of the whole process, as its one tracer is.
pub(crate) static COUNTS: LazyLock<Counts> = LazyLock::new(Counts::new);

/// What became of ended spans.
#[derive(Debug)]
pub(crate) struct Counts {
    pub(crate) exported: IntCounter,
    pub(crate) dropped: IntCounterVec,
}

/// Where ended spans are put.
#[derive(Debug)]
pub(crate) struct Queue(mpsc::Sender<SpanData>);

/// The task that exports.
#[derive(Debug)]
pub(crate) struct Exporting {
    end: oneshot::Sender<()>,
    task: JoinSet<u64>,
}

/// A queue, and the task that empties it into `exporter`. Call it within a runtime.
pub(crate) fn start(exporter: impl SpanExporter + 'static) -> (Queue, Exporting) {
    let (queue, ended) = mpsc::channel(QUEUE_MAX);
    let (end, asked_to_end) = oneshot::channel();
    let worker = Worker { exporter, ended, is_failing: false };
    let mut task = JoinSet::new();
    task.spawn(worker.run(asked_to_end));
    (Queue(queue), Exporting { end, task })
}

impl Counts {
    fn new() -> Self {
        let exported = IntCounter::new(metric::SPANS_EXPORTED, "Spans the receiver has taken");
        let dropped = Opts::new(metric::SPANS_DROPPED, "Spans lost, by reason");
        let dropped = IntCounterVec::new(dropped, &["reason"]);
        let counts = Self {
            exported: exported.expect("a metric's name is a constant and valid"),
            dropped: dropped.expect("names and labels of metrics are constants and valid"),
        };
        // Shown from the start, so that an alarm on them is one on nothing missing.
        counts.dropped(QUEUE_FULL, 0);
        counts.dropped(NOT_TAKEN, 0);
        counts
    }

    fn dropped(&self, reason: &str, spans: usize) {
        self.dropped.with_label_values(&[reason]).inc_by(spans as u64);
    }
}

impl SpanProcessor for Queue {
    fn on_start(&self, _: &mut Span, _: &opentelemetry::Context) {}

    fn on_end(&self, span: SpanData) {
        if self.0.try_send(span).is_err() {
            COUNTS.dropped(QUEUE_FULL, 1);
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    /// The task is ended by [`Exporting::shutdown`].
    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}

impl Exporting {
    /// Exports what is left, for at most [`EXPORT_TIME_MAX`].
    pub(crate) async fn shutdown(mut self) -> anyhow::Result<()> {
        // Fails if the task has gone, which is seen below.
        self.end.send(()).ok();
        let Ok(ended) = timeout(EXPORT_TIME_MAX, self.task.join_next()).await else {
            anyhow::bail!("not taken within {EXPORT_TIME_MAX:?}");
        };
        let lost = ended.transpose()?.unwrap_or_default();
        ensure!(lost == 0, "{lost} spans were not taken");
        Ok(())
    }
}

struct Worker<E> {
    exporter: E,
    ended: mpsc::Receiver<SpanData>,
    is_failing: bool,
}

impl<E: SpanExporter> Worker<E> {
    /// Exports until it is asked to end, then what is left; tells how much of that was lost.
    async fn run(mut self, mut end: oneshot::Receiver<()>) -> u64 {
        let mut batch = Vec::with_capacity(BATCH_MAX);
        loop {
            tokio::select! {
                biased;
                _ = &mut end => break,
                () = gather(&mut self.ended, &mut batch) => {}
            }
            self.export(std::mem::take(&mut batch)).await;
        }
        self.ended.close();
        let mut lost = 0;
        loop {
            while let room @ 1.. = BATCH_MAX - batch.len()
                && self.ended.recv_many(&mut batch, room).await != 0
            {}
            if batch.is_empty() {
                return lost;
            }
            let spans = batch.len() as u64;
            lost += if self.export(std::mem::take(&mut batch)).await { 0 } else { spans };
        }
    }

    /// One try: who waits for a receiver that is down has no room for what comes next.
    async fn export(&mut self, batch: Vec<SpanData>) -> bool {
        let spans = batch.len();
        let outcome = match timeout(EXPORT_TIME_MAX, self.exporter.export(batch)).await {
            Ok(outcome) => outcome.map_err(|error| error.to_string()),
            Err(_) => Err(format!("no answer within {EXPORT_TIME_MAX:?}")),
        };
        match &outcome {
            Ok(()) => COUNTS.exported.inc_by(spans as u64),
            Err(_) => COUNTS.dropped(NOT_TAKEN, spans),
        }
        let was_failing = std::mem::replace(&mut self.is_failing, outcome.is_err());
        match outcome {
            Ok(()) if was_failing => info!("traces are taken again"),
            Err(cause) if !was_failing => {
                warn!(cause, "traces are lost until their receiver takes them again");
            }
            Ok(()) | Err(_) => {}
        }
        !self.is_failing
    }
}

/// Waits for a span and takes what comes within [`GATHER_TIME`] of it. Dropping it loses nothing
/// that is not in `batch`.
async fn gather(ended: &mut mpsc::Receiver<SpanData>, batch: &mut Vec<SpanData>) {
    if batch.is_empty() && ended.recv_many(batch, BATCH_MAX).await == 0 {
        // Closed, which it is at the end only.
        return std::future::pending().await;
    }
    let until = Instant::now() + GATHER_TIME;
    while batch.len() < BATCH_MAX {
        let room = BATCH_MAX - batch.len();
        match timeout_at(until, ended.recv_many(batch, room)).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
    }
}
