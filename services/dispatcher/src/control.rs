//! Reads `control`: what operators order, for whichever dispatcher owns the endpoint.
//!
//! Apart from the applications, so that neither holds up the other. What is read here is decided
//! and executed by the engine, in the transaction that moves the position.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use channels::codec;
use messaging::{
    Batch, Channel, ChannelName, Command, Failure, FailureKind, Partition, Record, Result, Sha256,
    StoredPositions as _, Subscription, fault, identity,
};
use stores::ledger::Ledger;
use telemetry::readiness::Check;
use tokio::sync::mpsc;
use tracing::{error, warn};

use crate::{
    codes,
    reader::{Handed, Positions},
    restored,
};

/// Commands in one batch.
const RECORDS_MAX: usize = 100;
/// How long one look at a quiet channel takes; an end is noticed in between.
const RECEIVE_WAIT: Duration = Duration::from_secs(10);
/// Pauses between tries of what is unavailable: doubling from the first to the last.
const PAUSE_MIN: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(10);

/// Commands of one partition, in order.
#[derive(Debug)]
pub(crate) struct Orders {
    pub(crate) partition: Partition,
    pub(crate) from: u64,
    pub(crate) next: u64,
    pub(crate) records: Vec<OrderRecord>,
}

#[derive(Debug)]
pub(crate) struct OrderRecord {
    pub(crate) offset: u64,
    /// Of the value.
    pub(crate) sha256: Sha256,
    /// The record as one blob, as the ledger keeps it.
    pub(crate) bytes: Bytes,
    pub(crate) content: Content,
}

#[derive(Debug)]
pub(crate) enum Content {
    /// To be executed by the endpoint's owner.
    Command(Command),
    /// Issued before this epoch of the ledger began: to be recorded, whoever executed it then.
    Past(Command),
    /// Nobody can read it, and why.
    Undecodable(Record, String),
}

#[derive(Debug)]
pub(crate) struct ControlReader {
    pub(crate) channel: Arc<dyn Channel>,
    pub(crate) ledger: Arc<dyn Ledger>,
    pub(crate) ready: Check,
    pub(crate) handed: Handed,
}

impl ControlReader {
    /// Reads until `orders` is closed.
    pub(crate) async fn run(self, orders: mpsc::Sender<Orders>) {
        let mut pause = PAUSE_MIN;
        while !orders.is_closed() {
            let Err(failure) = self.read(&orders, &mut pause).await else {
                // Ended, or something of it was dropped.
                self.handed.clear();
                continue;
            };
            let (code, cause) = (failure.code(), failure.report());
            if failure.kind() == FailureKind::Unavailable {
                warn!(code, cause, "commands cannot be read now");
                self.ready.not_ready(cause);
                tokio::select! {
                    biased;
                    () = orders.closed() => return,
                    () = tokio::time::sleep(pause) => {}
                }
                pause = (pause * 2).min(PAUSE_MAX);
            } else {
                // Reading on would skip what the failure names; deliveries are not affected.
                self.stopped(&failure);
                orders.closed().await;
            }
        }
    }

    fn stopped(&self, failure: &Failure) {
        let cause = failure.report();
        error!(code = codes::READER_STOPPED, cause, "commands are read no further");
        self.ready.not_ready(format!("{}: {cause}", codes::READER_STOPPED));
    }

    async fn read(&self, orders: &mpsc::Sender<Orders>, pause: &mut Duration) -> Result<()> {
        let floors = self.floors().await?;
        let positions = Positions { ledger: self.ledger.clone(), handed: self.handed.clone() };
        let channels = [ChannelName::control()];
        let group = self.ledger.group();
        let mut subscription =
            self.channel.subscribe(group, &channels, Box::new(positions)).await?;
        // How far was handed over and not yet told to the channel as admitted.
        let mut untold: BTreeMap<Partition, u64> = BTreeMap::new();
        let mut contradictions = BTreeSet::new();
        let round = self.handed.round();
        self.ready.ready();
        while !orders.is_closed() && self.handed.round() == round {
            let received = tokio::select! {
                biased;
                () = orders.closed() => return Ok(()),
                received = subscription.receive(RECORDS_MAX, RECEIVE_WAIT) => received,
            };
            match received {
                Ok(None) => {}
                Ok(Some(batch)) => {
                    let prepared = prepare(batch, &floors);
                    self.handed.set(&prepared.partition, prepared.next);
                    untold.insert(prepared.partition.clone(), prepared.next);
                    if orders.send(prepared).await.is_err() {
                        return Ok(());
                    }
                }
                Err(failure) if failure.kind() == FailureKind::Unavailable => return Err(failure),
                // This partition is read no further, or what the failure names would be skipped.
                Err(failure) => {
                    if contradictions.insert(failure.report()) {
                        self.stopped(&failure);
                    }
                    tokio::time::sleep(PAUSE_MIN).await;
                }
            }
            *pause = PAUSE_MIN;
            self.report(subscription.as_mut(), &mut untold).await?;
        }
        Ok(())
    }

    /// Where `control` ended when this epoch of the ledger began. A ledger that is new, or restored
    /// from a backup, cannot know which of the commands before were executed.
    async fn floors(&self) -> Result<HashMap<u32, u64>> {
        restored::floors(&*self.ledger, &*self.channel, &ChannelName::control()).await
    }

    async fn report(
        &self,
        subscription: &mut dyn Subscription,
        untold: &mut BTreeMap<Partition, u64>,
    ) -> Result<()> {
        let mut told = Vec::new();
        for (partition, handed) in untold.iter() {
            let admitted = self.ledger.next_offset(partition).await?.unwrap_or(0);
            if *handed <= admitted {
                subscription.report_progress(partition, admitted).await?;
                told.push(partition.clone());
            }
        }
        for partition in told {
            untold.remove(&partition);
        }
        Ok(())
    }
}

fn prepare(batch: Batch, floors: &HashMap<u32, u64>) -> Orders {
    let Batch { partition, from, next, records } = batch;
    let floor = floors.get(&partition.number).copied().unwrap_or(0);
    let records = records.into_iter().map(|(offset, _, record)| {
        let bytes = codec::to_bytes(&record);
        let sha256 = hash(&record);
        let content = match codec::decode_command(&record) {
            Ok(command) if offset < floor && !fault::is_on("restored-command-runs") => {
                Content::Past(command)
            }
            Ok(command) => Content::Command(command),
            Err(undecodable) => {
                Content::Undecodable(Arc::unwrap_or_clone(record), undecodable.to_string())
            }
        };
        OrderRecord { offset, sha256, bytes, content }
    });
    Orders { partition, from, next, records: records.collect() }
}

/// What tells a record of `control` from another at its place.
pub(crate) fn hash(record: &Record) -> Sha256 {
    identity::sha256(&record.value, &[])
}
