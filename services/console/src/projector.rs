//! Reads the channels into the journal: the one writer of it.

use std::{sync::Arc, time::Duration};

use channels::codec::{self, Undecodable};
use messaging::{
    Batch, Channel, ChannelName, Clock, Failure, FailureKind, Record, Result, Subscription,
    Timestamp,
};
use stores::journal::{Journal, Projected, Projection};
use telemetry::{Check, Metrics};
use tokio_util::sync::CancellationToken;

use crate::codes;

/// Records taken of one partition at a time.
const RECORDS_MAX: usize = 1_000;

/// Batches that share a transaction.
const BATCHES_MAX: usize = 8;

/// How long it waits for records before it looks around.
const RECEIVE_WAIT: Duration = Duration::from_secs(1);

/// The pause after a failure, doubled each time.
const PAUSE_MIN: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub(crate) struct Projector {
    pub(crate) journal: Journal,
    pub(crate) channel: Arc<dyn Channel>,
    pub(crate) application_channels: Vec<ChannelName>,
    pub(crate) clock: Clock,
    pub(crate) metrics: Metrics,
    pub(crate) check: Check,
}

impl Projector {
    /// Projects until `shutdown`. A defect ends the projecting, not the console: what is known is
    /// still shown, and `/readyz` says why nothing new comes.
    pub(crate) async fn run(self, shutdown: CancellationToken) {
        let mut pause = PAUSE_MIN;
        loop {
            let failure = tokio::select! {
                () = shutdown.cancelled() => return,
                // Dropping it between commit and report repeats nothing: positions are stored.
                failure = self.project(&mut pause) => failure,
            };
            let (code, cause) = (failure.code(), failure.report());
            self.check.not_ready(format!("projecting: {cause}"));
            if failure.kind() == FailureKind::Defect {
                tracing::error!(code, cause, "projecting has ended");
                shutdown.cancelled().await;
                return;
            }
            tracing::warn!(code, cause, "projecting pauses");
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep(pause) => pause = PAUSE_MAX.min(pause * 2),
            }
        }
    }

    /// Reads on from the stored positions until something fails.
    async fn project(&self, pause: &mut Duration) -> Failure {
        let mut channels = vec![ChannelName::status(), ChannelName::reply()];
        channels.extend(self.application_channels.iter().cloned());
        let positions = Box::new(self.journal.clone());
        let group = self.journal.group();
        let mut subscription = match self.channel.subscribe(&group, &channels, positions).await {
            Ok(subscription) => subscription,
            Err(failure) => return failure,
        };
        self.check.ready();
        loop {
            match self.step(subscription.as_mut()).await {
                Ok(()) => *pause = PAUSE_MIN,
                Err(failure) => return failure,
            }
        }
    }

    async fn step(&self, subscription: &mut dyn Subscription) -> Result<()> {
        let mut batches: Vec<Batch> = Vec::new();
        let mut wait = RECEIVE_WAIT;
        while batches.len() < BATCHES_MAX {
            let Some(batch) = subscription.receive(RECORDS_MAX, wait).await? else { break };
            batches.push(batch);
            wait = Duration::ZERO;
        }
        if batches.is_empty() {
            return Ok(());
        }
        let now = self.clock.now();
        let projections = batches.iter().map(projection).collect();
        // Rows and positions are one transaction: whatever is interrupted here is read again or is
        // there already.
        self.journal.apply(projections, now).await?;
        for batch in &batches {
            let channel = batch.partition.channel.as_str();
            self.metrics.console().projected(channel, batch.records.len() as u64);
            if let Some((_, at, _)) = batch.records.last() {
                self.metrics.console().set_projection_lag(now.since(*at));
            }
            subscription.report_progress(&batch.partition, batch.next).await?;
        }
        Ok(())
    }
}

fn projection(batch: &Batch) -> Projection {
    let entry = |(offset, at, record): &(u64, Timestamp, Record)| {
        decode(record).unwrap_or_else(|undecodable| {
            let (place, code) = (&batch.partition, codes::UNDECODABLE);
            tracing::error!(%place, offset, code, cause = %undecodable, "record was skipped");
            Projected::Undecodable {
                offset: *offset,
                at: *at,
                code,
                cause: undecodable.to_string(),
            }
        })
    };
    Projection {
        partition: batch.partition.clone(),
        from: batch.from,
        next: batch.next,
        entries: batch.records.iter().map(entry).collect(),
    }
}

fn decode(record: &Record) -> std::result::Result<Projected, Undecodable> {
    if record.channel.is_application() {
        return codec::decode_head(record).map(|head| Projected::Application(Box::new(head)));
    }
    if record.channel == ChannelName::reply() {
        return codec::decode_reply(record).map(|reply| Projected::Reply(Box::new(reply)));
    }
    codec::decode_event(record).map(|event| Projected::Event(Box::new(event)))
}
