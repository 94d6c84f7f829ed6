//! One attempt: hands an envelope to an adapter, or asks it, within a deadline.

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use bytes::Bytes;
use channels::codec;
use futures_util::FutureExt as _;
use messaging::{
    Attempt, Claims, Envelope, Failure, FailureKind, Result, Timestamp, TraceParent, fault,
    identity,
};
use stores::ledger::{IntentRow, MessageRow};
use telemetry::{
    Kind, Span,
    names::{attr, operation},
};
use tokio::time::Instant;
use tracing::error;

use crate::{
    Endpoint, codes,
    gate::{blame::Choice, ramp::Round},
    ruling::Ending,
    schedule::{Entry, Step},
};

/// What is to be done, decided and recorded.
#[derive(Debug)]
pub(crate) struct Job {
    /// Index of the endpoint.
    pub(crate) served: usize,
    pub(crate) entry: Entry,
    pub(crate) letter: Letter,
    /// Under which intent; a look-up needs none, as it changes nothing.
    pub(crate) intent: Option<IntentRow>,
    /// Under which tenure of the endpoint it was handed out.
    pub(crate) fence: Option<u64>,
    pub(crate) started_at: Timestamp,
    /// In which round of its endpoint's ramp it began.
    pub(crate) round: Round,
    /// With which others it was chosen.
    pub(crate) choice: Choice,
}

/// What is handed over.
#[derive(Clone, Debug)]
pub(crate) enum Letter {
    Open(Arc<Envelope>),
    /// A record as it was kept; attempts open it, beside each other and beside the turns.
    Sealed(Bytes),
    /// Not kept any more, or damaged.
    Gone,
}

impl Job {
    /// `None`: it is gone, or sealed.
    pub(crate) fn envelope(&self) -> Option<&Arc<Envelope>> {
        match &self.letter {
            Letter::Open(envelope) => Some(envelope),
            Letter::Sealed(_) | Letter::Gone => None,
        }
    }

    fn open(mut self) -> Self {
        if let Letter::Sealed(record) = &self.letter {
            self.letter = opened(record.clone(), self.entry.message);
        }
        self
    }
}

fn opened(record: Bytes, message: MessageRow) -> Letter {
    match codec::from_bytes(record).and_then(|record| codec::decode_application(&record)) {
        Ok(envelope) => Letter::Open(Arc::new(envelope)),
        Err(cause) => {
            error!(code = codes::UNDECODABLE, row = message.0, %cause, "record is damaged");
            Letter::Gone
        }
    }
}

/// How it ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) job: Job,
    pub(crate) ending: Ending,
    pub(crate) took: Duration,
    /// Stopped; what follows is still to be said.
    pub(crate) span: Span,
    /// For what is told of it.
    pub(crate) trace: Option<TraceParent>,
}

/// Tries once. Dropping it leaves the outcome unknown; the intent remembers. `system` is what the
/// message came by.
pub(crate) async fn run(
    job: Job,
    endpoint: Arc<Endpoint>,
    claims: Arc<dyn Claims>,
    system: &'static str,
) -> Ended {
    let began = Instant::now();
    let job = job.open();
    let mut span = span_of(&job, &endpoint, system);
    let trace = trace_of(&job, &span);
    let ending = within(&job, &endpoint, claims, trace.clone()).await;
    span.stop();
    Ended { job, ending, took: began.elapsed(), span, trace }
}

/// Tries nothing: the gate closed while the intent was written.
pub(crate) async fn withdraw(job: Job, endpoint: Arc<Endpoint>, system: &'static str) -> Ended {
    let job = job.open();
    let mut span = span_of(&job, &endpoint, system);
    let trace = trace_of(&job, &span);
    span.stop();
    Ended { job, ending: Ending::Withdrawn, took: Duration::ZERO, span, trace }
}

/// A part of the message's trace, however long ago that began.
fn span_of(job: &Job, endpoint: &Endpoint, system: &'static str) -> Span {
    let (kind, operation) = match job.entry.step {
        Step::Deliver => (Kind::Consumer, operation::DELIVER),
        Step::LookUp => (Kind::Internal, operation::LOOK_UP),
    };
    let head = job.envelope().map(|envelope| &envelope.head);
    let trace = head.and_then(|head| head.trace.as_ref()).map(TraceParent::as_str);
    let mut span = Span::begin(kind, trace, || format!("{operation} {}", endpoint.name));
    span.describe(|span| {
        span.set(attr::SYSTEM, system);
        span.set(attr::OPERATION, operation);
        span.set(attr::OPERATION_TYPE, "process");
        span.set(attr::ENDPOINT, endpoint.name.to_string());
        span.count(attr::ATTEMPT, number_of(job).into());
        if let Some(head) = head {
            span.set(attr::MESSAGE_ID, head.message_id.to_string());
            span.set(attr::CASE_ID, head.case_id.to_string());
        }
    });
    span
}

/// A look-up is about the attempt before it.
fn number_of(job: &Job) -> u32 {
    job.entry.attempts + u32::from(job.entry.step == Step::Deliver)
}

/// The span's; where nobody records, the message's as it came.
fn trace_of(job: &Job, span: &Span) -> Option<TraceParent> {
    let ours = span.traceparent().and_then(|text| TraceParent::new(text).ok());
    ours.or_else(|| job.envelope()?.head.trace.clone())
}

async fn within(
    job: &Job,
    endpoint: &Endpoint,
    claims: Arc<dyn Claims>,
    trace: Option<TraceParent>,
) -> Ending {
    let Some(envelope) = job.envelope() else {
        let gone = FailureKind::Defect.because(codes::BODY_GONE, "the record is not kept any more");
        return Ending::Delivered(Err(gone));
    };
    let is_new_key = fault::is_on("new-key-per-attempt");
    let generation = match fault::is_on("edit-under-old-key") {
        true => 0,
        false => job.entry.generation + if is_new_key { job.entry.attempts } else { 0 },
    };
    let attempt = Attempt {
        number: job.entry.attempts + 1,
        endpoint: endpoint.name.clone(),
        key: identity::delivery_key(envelope.head.message_id, &endpoint.name, generation),
        time_max: endpoint.timeout,
        claims,
        trace,
    };
    match job.entry.step {
        Step::Deliver => {
            Ending::Delivered(bounded(endpoint, endpoint.adapter.deliver(envelope, &attempt)).await)
        }
        Step::LookUp => {
            Ending::LookedUp(bounded(endpoint, endpoint.adapter.find(envelope, &attempt)).await)
        }
    }
}

async fn bounded<T>(endpoint: &Endpoint, work: impl Future<Output = Result<T>>) -> Result<T> {
    let work = AssertUnwindSafe(work).catch_unwind();
    match tokio::time::timeout(endpoint.timeout, work).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(_panic)) => Err(panicked()),
        Err(_) => {
            let text = format!("no answer within {:?}", endpoint.timeout);
            Err(FailureKind::Uncertain.because(codes::TIMED_OUT, text))
        }
    }
}

/// Whether it took effect is unknown; that the adapter is broken is certain.
fn panicked() -> Failure {
    FailureKind::Defect.because(codes::ADAPTER_PANICKED, "the adapter panicked")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_damaged_record_is_as_good_as_gone() {
        for record in [&b""[..], b"\x01", b"no record of ours"] {
            let letter = opened(Bytes::from_static(record), MessageRow(1));
            assert!(matches!(letter, Letter::Gone), "{letter:?}");
        }
    }
}
