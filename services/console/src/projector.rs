//! Reads the channels into the journal, and what they tell of orders into the register: the one writer of
//! both.

use std::{slice, sync::Arc, time::Duration};

use channels::{
    codec::{self, Undecodable},
    spans,
};
use futures_util::future::join_all;
use messaging::{
    Batch, Channel, ChannelName, Clock, Failure, FailureKind, Record, Result, Subscription,
    Timestamp,
};
use stores::{
    journal::{Journal, Progress, Projected, Projection},
    register::{Register, Told},
};
use telemetry::{Check, Metrics, Readiness};
use tokio_util::sync::CancellationToken;

use crate::codes;

/// Records taken of one partition at a time.
const RECORDS_MAX: usize = 1_000;

/// Batches that share a transaction.
const BATCHES_MAX: usize = 8;

/// How long a few records wait for company: a transaction costs a sync, and what was read just now
/// is told as on its way until then.
const GATHER: Duration = Duration::from_millis(10);

/// So many are worth a transaction of their own.
const GATHERED: usize = 200;

/// How long it waits for records before it looks around.
const RECEIVE_WAIT: Duration = Duration::from_secs(1);

/// The pause after a failure, doubled each time.
const PAUSE_MIN: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub(crate) struct Projector {
    pub(crate) journal: Arc<dyn Journal>,
    pub(crate) register: Arc<dyn Register>,
    pub(crate) channel: Arc<dyn Channel>,
    pub(crate) application_channels: Vec<ChannelName>,
    pub(crate) clock: Clock,
    pub(crate) metrics: Metrics,
    pub(crate) ready: Readiness,
}

impl Projector {
    /// Projects until `shutdown`; `check` says how it is. A defect ends the projecting of the
    /// channel it is in, not the console: what is known is still shown, what other channels carry
    /// is projected, and `/readyz` says what is missing.
    pub(crate) async fn run(self, check: Check, shutdown: CancellationToken) {
        let mut channels =
            vec![ChannelName::status(), ChannelName::reply(), ChannelName::control()];
        channels.extend(self.application_channels.iter().cloned());
        channels.sort();
        channels.dedup();
        tokio::select! {
            () = shutdown.cancelled() => {}
            // Dropping it between commit and report repeats nothing: positions are stored.
            () = self.project_all(&channels, &check) => shutdown.cancelled().await,
        }
    }

    /// With one reader as long as nothing is damaged, and with one for each channel then, so that
    /// the damage is shut in where it is. Ends when every channel is set aside.
    async fn project_all(&self, channels: &[ChannelName], check: &Check) {
        let failure = self.keep_projecting(channels, check).await;
        let (code, cause) = (failure.code(), failure.report());
        tracing::warn!(code, cause, "projecting goes on channel by channel");
        // From now on each channel says how it is.
        check.ready();
        join_all(channels.iter().map(|channel| self.project_alone(channel))).await;
        check.not_ready(format!("{}: every channel is set aside", codes::SET_ASIDE));
    }

    /// Ends when `channel` is set aside.
    async fn project_alone(&self, channel: &ChannelName) {
        let check = self.ready.add(format!("journal of {channel}"));
        let failure = self.keep_projecting(slice::from_ref(channel), &check).await;
        let code = codes::SET_ASIDE;
        let cause = format!("{}: {}", failure.code(), failure.report());
        check.not_ready(format!("{code}: set aside: {cause}"));
        tracing::error!(code, %channel, cause, "the channel is set aside");
    }

    /// Projects until there is a defect; whatever else fails passes.
    async fn keep_projecting(&self, channels: &[ChannelName], check: &Check) -> Failure {
        let mut pause = PAUSE_MIN;
        loop {
            let failure = self.project(channels, check, &mut pause).await;
            let (code, cause) = (failure.code(), failure.report());
            check.not_ready(format!("projecting: {cause}"));
            if failure.kind() == FailureKind::Defect {
                return failure;
            }
            tracing::warn!(code, cause, "projecting pauses");
            tokio::time::sleep(pause).await;
            pause = PAUSE_MAX.min(pause * 2);
        }
    }

    /// Reads on from the stored positions until something fails.
    async fn project(
        &self,
        channels: &[ChannelName],
        check: &Check,
        pause: &mut Duration,
    ) -> Failure {
        let positions = Box::new(self.journal.clone());
        let group = self.journal.group();
        let mut subscription = match self.channel.subscribe(&group, channels, positions).await {
            Ok(subscription) => subscription,
            Err(failure) => return failure,
        };
        check.ready();
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
            if batches.is_empty() && batch.records.len() < GATHERED {
                tokio::time::sleep(GATHER).await;
            }
            batches.push(batch);
            wait = Duration::ZERO;
        }
        if batches.is_empty() {
            return Ok(());
        }
        let (now, group, system) = (self.clock.now(), self.journal.group(), self.channel.system());
        let span = |batch| spans::projecting(system, batch, &group);
        let mut projecting: Vec<_> = batches.iter().map(span).collect();
        let mut told = Vec::new();
        let projections = batches.iter().map(|batch| projection(batch, &mut told)).collect();
        let applied = self.apply(told, projections, now).await;
        spans::conclude(&mut projecting, &applied);
        drop(projecting);
        applied?;
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

    /// The register first: it has no position, and the journal's says how far both have come. What is
    /// interrupted in between is read again, and is in the register once all the same. Rows and
    /// positions of the journal are one transaction.
    async fn apply(
        &self,
        told: Vec<Told>,
        projections: Vec<Projection>,
        now: Timestamp,
    ) -> Result<Progress> {
        // People order seldom: most batches have nothing for it.
        if !told.is_empty() {
            self.register.record(told).await?;
        }
        self.journal.apply(projections, now).await
    }
}

/// Whose a record is.
enum Decoded {
    Journal(Projected),
    Register(Told),
}

/// What of `batch` is the journal's; the rest goes to `told`.
fn projection(batch: &Batch, told: &mut Vec<Told>) -> Projection {
    let mut entries = Vec::with_capacity(batch.records.len());
    for (offset, at, record) in &batch.records {
        match decode(record) {
            Ok(Decoded::Journal(entry)) => entries.push(entry),
            Ok(Decoded::Register(order)) => told.push(order),
            Err(undecodable) => {
                let (place, code) = (&batch.partition, codes::UNDECODABLE);
                tracing::error!(%place, offset, code, cause = %undecodable, "record was skipped");
                let (offset, at, cause) = (*offset, *at, undecodable.to_string());
                entries.push(Projected::Undecodable { offset, at, code, cause });
            }
        }
    }
    let (partition, from, next) = (batch.partition.clone(), batch.from, batch.next);
    Projection { partition, from, next, entries }
}

fn decode(record: &Record) -> std::result::Result<Decoded, Undecodable> {
    if record.channel.is_application() {
        let head = codec::decode_head(record)?;
        return Ok(Decoded::Journal(Projected::Application(Box::new(head))));
    }
    if record.channel == ChannelName::reply() {
        let reply = codec::decode_reply(record)?;
        return Ok(Decoded::Journal(Projected::Reply(Box::new(reply))));
    }
    if record.channel == ChannelName::control() {
        let command = codec::decode_command(record)?;
        return Ok(Decoded::Register(Told::Issued(Box::new(command))));
    }
    let event = codec::decode_event(record)?;
    Ok(match Told::of(&event) {
        Some(told) => Decoded::Register(told),
        None => Decoded::Journal(Projected::Event(Box::new(event))),
    })
}
