//! Lets the ledger grow older and removes what it keeps no longer, in small steps between which the
//! engine has the ledger to itself; then lifts the pins of claims nobody needs any more.

use std::{sync::Arc, time::Duration};

use channels::codec;
use messaging::{ClaimId, Claims, Clock, FailureKind, Result};
use stores::{
    Age,
    ledger::{DoubtfulPin, Kind, Ledger, MessageRow, Retention},
    pass::{AGE_STEP_MAX, PAUSE_MIN, ROUND_EVERY, pass},
};
use telemetry::{Metrics, names::field};
use tokio::time::{Instant, MissedTickBehavior, interval_at};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::codes;

/// Steps of one kind in one round: some 200,000 rows are looked at. The next round goes on there.
const STEPS_MAX: usize = 400;
/// Claims and records worked on at once.
const BATCH_MAX: u32 = 200;
/// Batches of claims or of records of a former version in one round.
const BATCHES_MAX: usize = 100;
/// The count and the clock may differ by so much before it is told.
const DIFFERENCE_MAX: Duration = Duration::from_secs(24 * 3_600);

/// Keeps the ledger from growing for ever.
#[derive(Debug)]
pub(crate) struct Keeper {
    pub(crate) ledger: Arc<dyn Ledger>,
    pub(crate) claims: Arc<dyn Claims>,
    pub(crate) clock: Clock,
    pub(crate) metrics: Metrics,
    pub(crate) retention: Arc<Retention>,
}

/// What is remembered between rounds; nothing is lost with it.
#[derive(Debug, Default)]
struct Memory {
    /// Where each pass goes on.
    after: [i64; Kind::ALL.len()],
    /// Whether it was told that count and clock differ.
    is_told: bool,
}

impl Keeper {
    /// Works until `shutdown`. A round that fails is told and made up for by the next; one that is
    /// cut off has removed a part of what it would have, and what it recorded is acted on later.
    pub(crate) async fn run(self, shutdown: CancellationToken) {
        let mut rounds = interval_at(Instant::now() + ROUND_EVERY, ROUND_EVERY);
        rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut memory = Memory::default();
        let working = async {
            loop {
                rounds.tick().await;
                if let Err(failure) = self.round(&mut memory).await {
                    warn!(
                        { field::CODE } = failure.code(),
                        { field::CAUSE } = failure.report(),
                        "trimming the ledger failed; the next round makes up for it"
                    );
                }
            }
        };
        tokio::select! {
            biased;
            () = shutdown.cancelled() => {}
            () = working => {}
        }
    }

    async fn round(&self, memory: &mut Memory) -> Result<()> {
        let age = self.ledger.grow_older(self.clock.now(), AGE_STEP_MAX).await?;
        tell(age, memory);
        self.note_claims().await?;
        for (kind, after) in Kind::ALL.into_iter().zip(&mut memory.after) {
            self.trim(kind, after).await?;
        }
        // First those of an earlier round: what is lifted now is looked at again in the next.
        self.settle_pins(true).await?;
        let pins = self.settle_pins(false).await?;
        self.count("pin", pins);
        Ok(())
    }

    async fn trim(&self, kind: Kind, after: &mut i64) -> Result<()> {
        let step = |after| self.ledger.trim(kind, Arc::clone(&self.retention), after);
        let (rows, outcome) = pass(STEPS_MAX, after, step).await;
        self.count(kind.name(), rows);
        outcome
    }

    fn count(&self, kind: &'static str, rows: u64) {
        if rows != 0 {
            self.metrics.dispatcher().trimmed(kind, rows);
            info!(kind, rows, "trimmed");
        }
    }

    /// Lifts pins of claims nobody needs, and sets those again that somebody needs after all. Says
    /// how many it lifted.
    async fn settle_pins(&self, is_lifted: bool) -> Result<u64> {
        let (ledger, mut count) = (self.ledger.group(), 0);
        for _ in 0..BATCHES_MAX {
            let pins = self.ledger.doubtful_pins(is_lifted, BATCH_MAX).await?;
            if pins.is_empty() {
                break;
            }
            let (mut lifted, mut done): (Vec<ClaimId>, Vec<DoubtfulPin>) = Default::default();
            for pin in pins {
                match (pin.is_lifted, pin.is_needed) {
                    (false, false) => {
                        self.claims.unpin(pin.claim, ledger).await?;
                        lifted.push(pin.claim);
                    }
                    (true, true) => {
                        self.pin_again(pin.claim).await?;
                        done.push(pin);
                    }
                    (false, true) | (true, false) => done.push(pin),
                }
            }
            count += u64::try_from(lifted.len()).unwrap_or(u64::MAX);
            self.ledger.settle_pins(lifted, done).await?;
            tokio::time::sleep(PAUSE_MIN).await;
        }
        Ok(count)
    }

    /// One that is gone will be missed by the attempt, which says so.
    async fn pin_again(&self, claim: ClaimId) -> Result<()> {
        match self.claims.pin(claim, self.ledger.group()).await {
            Err(failure) if failure.kind() != FailureKind::Unavailable => {
                error!(%claim, { field::CODE } = failure.code(), "a claim cannot be pinned");
                Ok(())
            }
            pinned => pinned,
        }
    }

    /// Looks up what records of a former version refer to.
    async fn note_claims(&self) -> Result<()> {
        for _ in 0..BATCHES_MAX {
            let records = self.ledger.without_claims(BATCH_MAX).await?;
            if records.is_empty() {
                break;
            }
            let found = records.into_iter().map(|(message, record)| {
                let envelope =
                    codec::from_bytes(record).and_then(|r| codec::decode_application(&r));
                let claims = envelope.inspect_err(|cause| undecodable(message, cause));
                (message, claims.map(|envelope| envelope.claims().collect()).unwrap_or_default())
            });
            self.ledger.note_claims(found.collect()).await?;
            tokio::time::sleep(PAUSE_MIN).await;
        }
        Ok(())
    }
}

/// Then its claims stay pinned.
fn undecodable(message: MessageRow, cause: &codec::Undecodable) {
    error!({ field::CODE } = codes::UNDECODABLE, row = message.0, %cause, "record is damaged");
}

fn tell(age: Age, memory: &mut Memory) {
    let difference = age.behind.max(age.ahead);
    let is_told = std::mem::replace(&mut memory.is_told, DIFFERENCE_MAX < difference);
    match (is_told, memory.is_told) {
        (false, true) => warn!(
            { field::CODE } = codes::AGE_DIFFERS,
            behind_seconds = age.behind.as_secs(),
            ahead_seconds = age.ahead.as_secs(),
            "the ledger counts another age than the clock says, and follows in steps"
        ),
        (true, false) => info!("the ledger's age agrees with the clock again"),
        _ => {}
    }
}
