//! Stores what was judged acceptable, durably and once, and makes its receipt.

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use channels::codec;
use messaging::{
    Channel, ChannelName, Claims, Clock, Envelope, FailureKind, Payload, Position, Record, Result,
    SenderName, TraceParent,
};
use telemetry::{Metrics, Span, names::attr};
use tokio::time::{Instant, timeout};
use tokio_util::task::TaskTracker;
use tracing::warn;
use wire::intake::{Receipt, SubmitResponse};

use crate::{
    Limits,
    admission::Admitted,
    codes, convert,
    judge::Draft,
    limits::INLINE_BYTES_MAX,
    recent::{Claimed, Entered, Outcome, Recent},
    refusal::{Refusal, Refused},
    storing::Storing,
    traced,
};

/// What storing needs. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Publisher {
    pub(crate) channel: Arc<dyn Channel>,
    pub(crate) claims: Arc<dyn Claims>,
    pub(crate) recent: Arc<Recent>,
    pub(crate) tasks: TaskTracker,
    pub(crate) limits: Limits,
    pub(crate) clock: Clock,
    pub(crate) metrics: Metrics,
    pub(crate) source: Arc<str>,
    pub(crate) storing: Storing,
}

/// One message that this call, and no other, appends.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) claimed: Claimed,
    pub(crate) draft: Draft,
    pub(crate) trace: Option<TraceParent>,
    /// Its room, until it is stored, even if its client goes.
    pub(crate) admitted: Option<Admitted>,
}

/// A receipt, and whether it was given before.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) response: Arc<SubmitResponse>,
    pub(crate) is_repetition: bool,
}

impl Publisher {
    /// Stores one message. Dropping this loses nothing: what was begun ends in a task of its own.
    pub(crate) async fn submit(
        &self,
        draft: Draft,
        trace: Option<TraceParent>,
        admitted: Option<Admitted>,
    ) -> std::result::Result<Answer, Refused> {
        let known = |response| Answer { response, is_repetition: true };
        match self.recent.enter(draft.head.message_id, draft.head.sha256) {
            Entered::Known(response) => Ok(known(Arc::new(*response))),
            Entered::Conflict => Err(Refusal::already_exists()),
            Entered::Running(waiting) => {
                drop(admitted);
                let outcome = timeout(self.limits.append_time_max, waiting.outcome()).await;
                outcome.map_err(|_| Refusal::append_timeout())?.map(known)
            }
            Entered::Mine(claimed) => {
                let job = Job { claimed, draft, trace, admitted };
                let outcome = self.append(vec![job]).await.pop();
                let outcome = outcome.unwrap_or_else(|| Err(Refusal::defect(codes::INCONSISTENT)));
                outcome.map(|response| Answer { response, is_repetition: false })
            }
        }
    }

    /// Appends a batch in its order and tells how each ended. Dropping this, or waiting in vain,
    /// leaves the task to end and to tell the table of recent receipts.
    pub(crate) async fn append(&self, jobs: Vec<Job>) -> Vec<Outcome> {
        let count = jobs.len();
        let publisher = self.clone();
        let task = async move { publisher.append_now(jobs).await };
        let task = self.tasks.spawn(task);
        let failed = match timeout(self.limits.append_time_max, task).await {
            Ok(Ok(outcomes)) => return outcomes,
            Ok(Err(_)) => Refusal::defect(codes::TASK_VANISHED),
            Err(_) => Refusal::append_timeout(),
        };
        vec![Err(failed); count]
    }

    /// Decided before; records in claims, then in the channel; then tells. A crash in between leaves
    /// claims marked used that no record refers to: they end with their retention.
    async fn append_now(&self, jobs: Vec<Job>) -> Vec<Outcome> {
        let (mut records, mut receipts, mut failed) = (Vec::new(), Vec::new(), None);
        // Of each message, where its first record is: that one's position is its receipt's.
        let mut firsts = Vec::new();
        let system = self.channel.system();
        let send = |Job { draft, trace, .. }: &Job| {
            traced::sending(system, &draft.head, &draft.channel, trace.as_ref())
        };
        let mut spans: Vec<Span> = jobs.iter().map(send).collect();
        for (job, span) in jobs.iter().zip(&mut spans) {
            match self.records(&job.draft, traced::carried(span, job.trace.as_ref())).await {
                Ok(of_message) => {
                    let bytes = of_message.first().map_or(0, |record| record.value.len());
                    span.describe(|span| span.count(attr::BODY_BYTES, bytes as u64));
                    firsts.push(records.len());
                    records.extend(of_message);
                }
                Err(failure) => {
                    // What comes after it in its stream must not overtake it.
                    failed = Some(failure);
                    break;
                }
            }
        }
        let appended = match records.is_empty() {
            true => Ok(Vec::new()),
            false => self.append_records(records).await,
        };
        match appended {
            Ok(positions) => {
                receipts.extend(firsts.iter().filter_map(|at| positions.get(*at).cloned().map(Ok)));
            }
            Err(failure) => failed = Some(failure),
        }
        if let Some(failure) = &failed {
            warn!(code = failure.code(), cause = failure.report(), "messages cannot be stored");
        }
        let refusal = failed.map(|failure| Refusal::of_failure(&failure));
        let refusal = refusal.unwrap_or_else(|| Refusal::defect(codes::POSITIONS));
        receipts.resize_with(jobs.len(), || Err(refusal.clone()));
        spans.iter_mut().zip(&receipts).for_each(|(span, sent)| traced::sent(span, sent));
        drop(spans);
        let settle = |(job, position): (Job, std::result::Result<Position, Refused>)| {
            let outcome = position.map(|position| Arc::new(response(&job.draft, &position)));
            job.claimed.settle(outcome.clone());
            drop(job.admitted);
            outcome
        };
        jobs.into_iter().zip(receipts).map(settle).collect()
    }

    async fn append_records(&self, records: Vec<Record>) -> Result<Vec<Position>> {
        let mut sizes: BTreeMap<ChannelName, (u64, u64)> = BTreeMap::new();
        for record in &records {
            let (count, bytes) = sizes.entry(record.channel.clone()).or_default();
            (*count, *bytes) = (*count + 1, *bytes + record.len() as u64);
        }
        let (begun, count) = (Instant::now(), records.len());
        let appended = self.channel.append(records).await;
        self.storing.told(&appended);
        for (channel, (count, bytes)) in &sizes {
            let metrics = self.metrics.channel();
            match &appended {
                Ok(_) => metrics.appended(channel.as_str(), *count, *bytes, begun.elapsed()),
                Err(_) => metrics.append_failed(channel.as_str()),
            }
        }
        let positions = appended?;
        if positions.len() == count {
            Ok(positions)
        } else {
            let cause = format!("{} positions for {count} records", positions.len());
            Err(FailureKind::Defect.because(codes::POSITIONS, cause))
        }
    }

    /// Marks attachments used, keeps large bodies as claims, and encodes: one record for each channel,
    /// the responsible authority's first.
    async fn records(&self, draft: &Draft, trace: Option<TraceParent>) -> Result<Vec<Record>> {
        let sender = &draft.head.sender;
        for attachment in &draft.attachments {
            self.claims.mark_used(attachment.claim, self.clock.now()).await?;
        }
        let normalised = match &draft.message.normalised {
            Some(bytes) => Some(self.payload(sender, bytes).await?),
            None => None,
        };
        let mut head = draft.head.clone();
        head.trace = trace;
        let envelope = Envelope {
            head,
            original: self.payload(sender, &draft.document).await?,
            normalised,
            canonical: self.payload(sender, &draft.message.canonical).await?,
            media_type: draft.message.media_type.clone(),
            attachments: draft.attachments.clone(),
            warnings: standards::warnings(&draft.warnings),
        };
        let channels = std::iter::once(&draft.channel).chain(&draft.further_channels);
        let partitions = self.channel.partitions();
        let encode = |channel: &ChannelName| {
            let mut record = codec::encode_application(channel.clone(), &envelope, &self.source);
            if let Some(partitions) = partitions {
                codec::write_partitions(&mut record, partitions);
            }
            record
        };
        Ok(channels.map(encode).collect())
    }

    async fn payload(&self, sender: &SenderName, bytes: &Bytes) -> Result<Payload> {
        if bytes.len() <= INLINE_BYTES_MAX {
            return Ok(Payload::Inline(bytes.clone()));
        }
        let ticket = self.claims.keep(sender, bytes.clone(), self.clock.now()).await?;
        self.claims.mark_used(ticket.claim, self.clock.now()).await?;
        Ok(Payload::Claim { claim: ticket.claim, len: ticket.len, sha256: ticket.sha256 })
    }
}

fn response(draft: &Draft, position: &Position) -> SubmitResponse {
    let head = &draft.head;
    let receipt = Receipt {
        message_id: head.message_id.to_string(),
        own_id: head.own_id.as_ref().map(ToString::to_string).unwrap_or_default(),
        case_id: head.case_id.to_string(),
        sha256: head.sha256.to_string(),
        received_at: Some(convert::timestamp(head.received_at)),
        position: Some(wire::intake::Position {
            channel: position.partition.channel.to_string(),
            partition: position.partition.number,
            offset: position.offset,
        }),
        standard: head.procedure.standard.clone(),
        version: head.procedure.version.clone(),
        message_type: head.procedure.message_type.clone(),
        authority: head.authority.to_string(),
        is_test: head.is_test,
    };
    SubmitResponse { receipt: Some(receipt), warnings: convert::violations(&draft.warnings) }
}
