//! Reads application channels and makes records ready for admission: decodes them and pins the
//! claims they refer to, so that delivery depends neither on retention nor on the gateway.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use channels::{codec, spans};
use messaging::{
    Batch, Channel, ChannelName, Claims, Envelope, Failure, FailureKind, Partition, Position,
    Record, Result, StoredPositions, Subscription, fault,
};
use stores::ledger::Ledger;
use telemetry::{Span, readiness::Check};
use tokio::sync::mpsc;
use tracing::{error, warn};

use crate::{codes, control, numbers::Numbers};

/// Records in one batch.
const RECORDS_MAX: usize = 500;
/// How long one look at a quiet channel takes; bounds how late a shutdown is noticed.
const RECEIVE_WAIT: Duration = Duration::from_millis(500);
/// Pauses between tries of what is unavailable: doubling from the first to the last.
const PAUSE_MIN: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(10);

/// A batch ready for admission.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) partition: Partition,
    pub(crate) from: u64,
    pub(crate) next: u64,
    pub(crate) records: Vec<PreparedRecord>,
    /// Ends when it is admitted; none where nobody records.
    pub(crate) span: Option<Span>,
}

#[derive(Debug)]
pub(crate) struct PreparedRecord {
    pub(crate) offset: u64,
    /// The record as one blob, as the ledger keeps it.
    pub(crate) bytes: Bytes,
    pub(crate) content: Content,
}

#[derive(Debug)]
pub(crate) enum Content {
    Application(Arc<Envelope>),
    /// Nobody can read it, and why.
    Undecodable(Record, String),
}

#[derive(Debug)]
pub(crate) struct Reader {
    pub(crate) channel: Arc<dyn Channel>,
    pub(crate) claims: Arc<dyn Claims>,
    pub(crate) ledger: Arc<dyn Ledger>,
    pub(crate) channels: Vec<ChannelName>,
    pub(crate) ready: Check,
    pub(crate) handed: Handed,
}

/// How far the engine was given records. Ahead of the ledger while they wait for their commit: a
/// reader that begins anew must not give them a second time.
#[derive(Clone, Debug, Default)]
pub(crate) struct Handed {
    until: Arc<Mutex<HashMap<Partition, u64>>>,
    round: Arc<AtomicU64>,
}

impl Handed {
    pub(crate) fn set(&self, partition: &Partition, next: u64) {
        let mut handed = self.until.lock().unwrap_or_else(PoisonError::into_inner);
        handed.insert(partition.clone(), next);
    }

    fn get(&self, partition: &Partition) -> Option<u64> {
        if fault::is_on("handed-batch-forgotten") {
            return None;
        }
        self.until.lock().unwrap_or_else(PoisonError::into_inner).get(partition).copied()
    }

    /// Some of it was dropped: whoever reads begins anew where the ledger stands.
    pub(crate) fn begin_anew(&self) {
        self.round.fetch_add(1, Ordering::SeqCst);
    }

    /// How often that was said.
    pub(crate) fn round(&self) -> u64 {
        self.round.load(Ordering::SeqCst)
    }

    /// Forgets what was handed over, for a reader that begins anew.
    pub(crate) fn clear(&self) {
        self.until.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

#[derive(Debug)]
pub(crate) struct Positions {
    pub(crate) ledger: Arc<dyn Ledger>,
    pub(crate) handed: Handed,
}

#[async_trait]
impl StoredPositions for Positions {
    async fn next_offset(&self, partition: &Partition) -> Result<Option<u64>> {
        let admitted = self.ledger.next_offset(partition).await?;
        Ok(admitted.max(self.handed.get(partition)))
    }

    async fn last_offset(&self, partition: &Partition) -> Result<Option<u64>> {
        Ok(self.ledger.last_admitted(partition).await?.map(|last| last.offset))
    }

    /// A later batch may have been admitted since; then this position is asked for again next time.
    async fn is_known(&self, position: &Position, record: &Record) -> Result<bool> {
        let last = self.ledger.last_admitted(&position.partition).await?;
        let Some(last) = last.filter(|last| last.offset == position.offset) else {
            return Ok(true);
        };
        if position.partition.channel == ChannelName::control() {
            return Ok(control::hash(record) == last.sha256);
        }
        let head = codec::decode_head(record);
        Ok(head.is_ok_and(|h| (h.message_id, h.sha256) == (last.message_id, last.sha256)))
    }
}

impl Reader {
    /// Reads until `batches` is closed. `admitted` tells how far the ledger has come.
    pub(crate) async fn run(
        self,
        batches: mpsc::Sender<Prepared>,
        mut admitted: mpsc::UnboundedReceiver<(Partition, u64)>,
    ) {
        let mut pause = PAUSE_MIN;
        let mut numbers = Numbers::new(self.channel.partitions());
        while !batches.is_closed() {
            numbers.begin_anew();
            match self.read(&batches, &mut admitted, &mut pause, &mut numbers).await {
                // Ended, or something of it was dropped.
                Ok(()) => self.handed.clear(),
                Err(failure) if failure.kind() == FailureKind::Unavailable => {
                    warn!(
                        code = failure.code(),
                        cause = failure.report(),
                        "channel is unavailable"
                    );
                    self.ready.not_ready(failure.report());
                    tokio::select! {
                        biased;
                        () = batches.closed() => return,
                        () = tokio::time::sleep(pause) => {}
                    }
                    pause = (pause * 2).min(PAUSE_MAX);
                }
                // Reading on would skip what the failure names; delivery goes on from the ledger.
                Err(failure) => {
                    let cause = failure.report();
                    error!(code = codes::READER_STOPPED, cause, "reading stopped");
                    self.ready.not_ready(format!("{}: {cause}", codes::READER_STOPPED));
                    batches.closed().await;
                    return;
                }
            }
        }
    }

    async fn read(
        &self,
        batches: &mpsc::Sender<Prepared>,
        admitted: &mut mpsc::UnboundedReceiver<(Partition, u64)>,
        pause: &mut Duration,
        numbers: &mut Numbers,
    ) -> Result<()> {
        let positions = Positions { ledger: self.ledger.clone(), handed: self.handed.clone() };
        let group = self.ledger.group();
        let mut subscription =
            self.channel.subscribe(group, &self.channels, Box::new(positions)).await?;
        let mut contradictions = BTreeSet::new();
        let round = self.handed.round();
        self.ready.ready();
        while !batches.is_closed() && self.handed.round() == round {
            let received = tokio::select! {
                biased;
                () = batches.closed() => return Ok(()),
                received = subscription.receive(RECORDS_MAX, RECEIVE_WAIT) => received,
            };
            match received {
                Ok(None) => {}
                Ok(Some(mut batch)) => {
                    if fault::is_on("record-dropped-after-rebalance") && PAUSE_MIN < *pause {
                        batch.records.pop();
                    }
                    if let Some(batch) = numbers.admitted(batch, &self.ready) {
                        let prepared = self.prepare(batch).await?;
                        self.handed.set(&prepared.partition, prepared.next);
                        if batches.send(prepared).await.is_err() {
                            return Ok(());
                        }
                    }
                }
                Err(failure) if failure.kind() == FailureKind::Unavailable => return Err(failure),
                Err(failure) => self.set_aside(&failure, &mut contradictions).await,
            }
            *pause = PAUSE_MIN;
            report(subscription.as_mut(), admitted).await?;
        }
        Ok(())
    }

    /// A partition that contradicts the ledger is read no further, or what the failure names would be
    /// skipped; it tells so on each of its turns, and the others go on.
    async fn set_aside(&self, failure: &Failure, known: &mut BTreeSet<String>) {
        let cause = failure.report();
        if known.insert(cause.clone()) {
            error!(code = codes::READER_STOPPED, cause, "a partition is read no further");
            self.ready.not_ready(format!("{}: {cause}", codes::READER_STOPPED));
        }
        tokio::time::sleep(PAUSE_MIN).await;
    }

    async fn prepare(&self, batch: Batch) -> Result<Prepared> {
        let span = spans::admitting(self.channel.system(), &batch, self.ledger.group());
        let mut records = Vec::with_capacity(batch.records.len());
        for (offset, _, record) in batch.records {
            let bytes = codec::to_bytes(&record);
            let content = match codec::decode_application(&record) {
                Ok(envelope) => {
                    self.pin(&envelope).await?;
                    Content::Application(Arc::new(envelope))
                }
                Err(undecodable) => {
                    Content::Undecodable(Arc::unwrap_or_clone(record), undecodable.to_string())
                }
            };
            records.push(PreparedRecord { offset, bytes, content });
        }
        let span = Some(span).filter(Span::is_recorded);
        let Batch { partition, from, next, .. } = batch;
        Ok(Prepared { partition, from, next, records, span })
    }

    /// A claim that is gone does not stop the others: the attempt will say so.
    async fn pin(&self, envelope: &Envelope) -> Result<()> {
        for claim in envelope.claims() {
            match self.claims.pin(claim, self.ledger.group()).await {
                Err(failure) if failure.kind() != FailureKind::Unavailable => {
                    let message_id = envelope.head.message_id;
                    error!(%message_id, code = failure.code(), "a claim cannot be pinned");
                }
                pinned => pinned?,
            }
        }
        Ok(())
    }
}

async fn report(
    subscription: &mut dyn Subscription,
    admitted: &mut mpsc::UnboundedReceiver<(Partition, u64)>,
) -> Result<()> {
    while let Ok((partition, next)) = admitted.try_recv() {
        subscription.report_progress(&partition, next).await?;
    }
    Ok(())
}
