//! One attempt: hands an envelope to an adapter, or asks it, within a deadline.

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures_util::FutureExt as _;
use messaging::{
    Attempt, Claims, Envelope, Failure, FailureKind, Result, Timestamp, TraceParent, identity,
};
use stores::ledger::IntentRow;
use tokio::time::Instant;
use tracing::{Instrument as _, Span, info_span};

use crate::{
    Endpoint, codes,
    ruling::Ending,
    schedule::{Entry, Step},
};

/// What is to be done, decided and recorded.
#[derive(Debug)]
pub(crate) struct Job {
    /// Index of the endpoint.
    pub(crate) served: usize,
    pub(crate) entry: Entry,
    /// `None`: the record is gone.
    pub(crate) envelope: Option<Arc<Envelope>>,
    /// Under which intent; a look-up needs none, as it changes nothing.
    pub(crate) intent: Option<IntentRow>,
    pub(crate) started_at: Timestamp,
}

/// How it ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) job: Job,
    pub(crate) ending: Ending,
    pub(crate) took: Duration,
}

/// Tries once. Dropping it leaves the outcome unknown; the intent remembers.
pub(crate) async fn run(job: Job, endpoint: Arc<Endpoint>, claims: Arc<dyn Claims>) -> Ended {
    let began = Instant::now();
    let span = match job.entry.step {
        Step::Deliver => info_span!(
            "deliver",
            message_id = tracing::field::Empty,
            endpoint = %endpoint.name,
            attempt = job.entry.attempts + 1,
            outcome = tracing::field::Empty,
        ),
        Step::LookUp => info_span!(
            "look_up",
            message_id = tracing::field::Empty,
            endpoint = %endpoint.name,
            attempt = job.entry.attempts,
            outcome = tracing::field::Empty,
        ),
    };
    // Before the span is entered: a span that has begun keeps the trace it began in.
    if let Some(trace) = job.envelope.as_ref().and_then(|envelope| envelope.head.trace.as_ref()) {
        telemetry::continue_trace(&span, trace.as_str());
    }
    let ending = within(&job, &endpoint, claims, &span).instrument(span.clone()).await;
    Ended { job, ending, took: began.elapsed() }
}

async fn within(job: &Job, endpoint: &Endpoint, claims: Arc<dyn Claims>, span: &Span) -> Ending {
    let Some(envelope) = &job.envelope else {
        let gone = FailureKind::Defect.because(codes::BODY_GONE, "the record is not kept any more");
        return Ending::Delivered(Err(gone));
    };
    span.record("message_id", tracing::field::display(envelope.head.message_id));
    let attempt = Attempt {
        number: job.entry.attempts + 1,
        endpoint: endpoint.name.clone(),
        key: identity::delivery_key(envelope.head.message_id, &endpoint.name, job.entry.generation),
        time_max: endpoint.timeout,
        claims,
        trace: telemetry::traceparent_of(span).and_then(|trace| TraceParent::new(trace).ok()),
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
