//! Tells operations what is refused: codes and places, never payload. Best effort: a flood of
//! refusals is thinned out and counted, and holds nothing up.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use channels::{codec, spans};
use messaging::{Channel, Clock, Event, EventKind, MessageId, Record, SenderName, TraceParent};
use telemetry::Metrics;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::warn;
use uuid::Uuid;

use crate::{rate::Rate, refusal::Refusal};

/// Events that wait to be appended.
const QUEUE_MAX: usize = 1_000;

/// Events appended at once.
const BATCH_MAX: usize = 100;

/// Events of one sender a second, and at once after a pause.
const RATE_PER_SECOND: u32 = 50;
const RATE_BURST: u32 = 200;

/// Reasons of one event.
const REASONS_MAX: usize = 100;

/// Characters of one place.
const PATH_CHARS_MAX: usize = 300;

/// Where refusals are told.
#[derive(Debug)]
pub(crate) struct Refusals {
    queue: mpsc::Sender<Event>,
    rate: Rate,
    metrics: Metrics,
    clock: Clock,
    /// Random, so that ids of two starts differ.
    start: Uuid,
    count: AtomicU64,
}

/// Appends what is told.
#[derive(Debug)]
pub(crate) struct Relay {
    queue: mpsc::Receiver<Event>,
    channel: Arc<dyn Channel>,
    metrics: Metrics,
    source: Arc<str>,
}

/// A place to tell refusals, and what must run to append them.
pub(crate) fn queue(
    channel: Arc<dyn Channel>,
    source: Arc<str>,
    clock: Clock,
    metrics: Metrics,
) -> (Refusals, Relay) {
    let (queue, told) = mpsc::channel(QUEUE_MAX);
    let refusals = Refusals {
        queue,
        rate: Rate::new(RATE_PER_SECOND, RATE_BURST),
        metrics: metrics.clone(),
        clock,
        start: Uuid::new_v4(),
        count: AtomicU64::new(0),
    };
    (refusals, Relay { queue: told, channel, metrics, source })
}

impl Refusals {
    /// Tells one refusal, or drops and counts it.
    pub(crate) fn tell(
        &self,
        sender: &SenderName,
        message_id: Option<MessageId>,
        trace: Option<TraceParent>,
        refusal: &Refusal,
    ) {
        let is_told = self.rate.take(sender).is_ok()
            && self.queue.try_send(self.event(sender, message_id, trace, refusal)).is_ok();
        if !is_told {
            self.metrics.gateway().refused_event_dropped();
        }
    }

    fn event(
        &self,
        sender: &SenderName,
        message_id: Option<MessageId>,
        trace: Option<TraceParent>,
        refusal: &Refusal,
    ) -> Event {
        let number = self.count.fetch_add(1, Ordering::Relaxed);
        let reasons = refusal.violations.iter().take(REASONS_MAX);
        let reasons = reasons.map(|found| found.reason(PATH_CHARS_MAX));
        Event {
            id: format!("{}/{number}", self.start),
            at: self.clock.now(),
            message_id,
            case_id: None,
            sender: Some(sender.clone()),
            delivery: None,
            kind: EventKind::Refused { reasons: reasons.collect() },
            code: Some(refusal.code.to_owned()),
            cause: None,
            trace,
        }
    }
}

impl Relay {
    /// Appends until `shutdown`, then what is left.
    pub(crate) async fn run(mut self, shutdown: CancellationToken) {
        let mut batch = Vec::with_capacity(BATCH_MAX);
        loop {
            let count = tokio::select! {
                count = self.queue.recv_many(&mut batch, BATCH_MAX) => count,
                () = shutdown.cancelled() => {
                    self.queue.close();
                    self.queue.recv_many(&mut batch, BATCH_MAX).await
                }
            };
            if count == 0 {
                return;
            }
            let records = batch.drain(..).map(|event| codec::encode_event(&event, &self.source));
            let records: Vec<Record> = records.collect();
            let mut sending = spans::sending(self.channel.system(), &records);
            let appended = self.channel.append(records).await;
            spans::conclude(&mut sending, &appended);
            if let Err(failure) = appended {
                warn!(code = failure.code(), cause = failure.report(), "refusals are not told");
                (0..count).for_each(|_| self.metrics.gateway().refused_event_dropped());
            }
        }
    }
}
