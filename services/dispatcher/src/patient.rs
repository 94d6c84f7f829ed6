//! The ledger as the engine reads it: what cannot be read now is read again, so that a server that is
//! away for a while ends nothing.

use std::{collections::HashMap, sync::Arc, time::Duration};

use bytes::Bytes;
use messaging::{CommandId, Failure, FailureKind, Position, Result, fault};
use stores::ledger::{
    Committed, DeliveryId, EditOf, EndpointRow, FinalDelivery, KeptEdit, Ledger, MessageIdentity,
    MessageRow, Numbers, OpenDelivery, Subscription, Taken, Transaction,
};
use telemetry::Check;
use tokio_util::sync::CancellationToken;
use tracing::warn;

/// What cannot be done now is tried again after this long.
const PAUSE: Duration = Duration::from_millis(500);

/// Calls until it answers, or there is no use in waiting.
macro_rules! patiently {
    ($patient:expr, $call:expr) => {
        loop {
            match $call.await {
                Err(failure) => $patient.wait(failure).await?,
                done => {
                    $patient.ready.ready();
                    break done;
                }
            }
        }
    };
}

/// A ledger that is waited for, until the process is to end.
#[derive(Clone, Debug)]
pub(crate) struct Patient {
    ledger: Arc<dyn Ledger>,
    ready: Check,
    shutdown: CancellationToken,
}

impl Patient {
    pub(crate) fn new(ledger: Arc<dyn Ledger>, ready: Check, shutdown: CancellationToken) -> Self {
        Self { ledger, ready, shutdown }
    }

    /// The ledger itself.
    pub(crate) fn inner(&self) -> &Arc<dyn Ledger> {
        &self.ledger
    }

    /// A pause before the next try, or the failure, if there is none.
    async fn wait(&self, failure: Failure) -> Result<()> {
        if failure.kind() != FailureKind::Unavailable || self.shutdown.is_cancelled() {
            return Err(failure);
        }
        let (code, cause) = (failure.code(), failure.report());
        warn!(code, cause, "ledger is unavailable");
        self.ready.not_ready(cause);
        tokio::time::sleep(PAUSE).await;
        Ok(())
    }

    /// The same transaction each time, so that it happens once.
    pub(crate) async fn commit(&self, transaction: &Arc<Transaction>) -> Result<Committed> {
        let commit = async || match self.ledger.commit(Arc::clone(transaction)).await {
            Err(failure)
                if failure.kind() == FailureKind::Unavailable
                    && fault::is_on("commit-taken-for-granted") =>
            {
                Ok(Committed::default())
            }
            done => done,
        };
        patiently!(self, commit())
    }

    pub(crate) async fn identities(&self, of: Vec<MessageRow>) -> Result<Vec<MessageIdentity>> {
        patiently!(self, self.ledger.identities(of.clone()))
    }

    pub(crate) async fn records(&self, of: Vec<MessageRow>) -> Result<Vec<(MessageRow, Bytes)>> {
        patiently!(self, self.ledger.records(of.clone()))
    }

    pub(crate) async fn kept(&self, of: MessageRow) -> Result<Option<(Position, Bytes)>> {
        patiently!(self, self.ledger.kept(of))
    }

    pub(crate) async fn commands_known(
        &self,
        commands: Vec<CommandId>,
    ) -> Result<HashMap<CommandId, Bytes>> {
        patiently!(self, self.ledger.commands_known(commands.clone()))
    }

    pub(crate) async fn open_delivery(
        &self,
        endpoint: EndpointRow,
        message: MessageRow,
        named: Option<DeliveryId>,
    ) -> Result<Option<OpenDelivery>> {
        patiently!(self, self.ledger.open_delivery(endpoint, message, named))
    }

    pub(crate) async fn final_delivery(
        &self,
        endpoint: EndpointRow,
        message: MessageRow,
        named: DeliveryId,
    ) -> Result<Option<FinalDelivery>> {
        patiently!(self, self.ledger.final_delivery(endpoint, message, named))
    }

    pub(crate) async fn edits(&self, of: Vec<EditOf>) -> Result<HashMap<EditOf, KeptEdit>> {
        patiently!(self, self.ledger.edits(of.clone()))
    }

    pub(crate) async fn generation_last(
        &self,
        endpoint: EndpointRow,
        message: MessageRow,
    ) -> Result<u32> {
        patiently!(self, self.ledger.generation_last(endpoint, message))
    }

    /// Of a shared ledger; else none.
    pub(crate) async fn reserve(
        &self,
        deliveries: u32,
        messages: u32,
        intents: u32,
    ) -> Result<Numbers> {
        let Some(shared) = self.ledger.shared() else { return Ok(Numbers::default()) };
        patiently!(self, shared.reserve(deliveries, messages, intents))
    }

    /// Of a shared ledger; else nothing.
    pub(crate) async fn take(&self, endpoints: Vec<EndpointRow>) -> Result<Taken> {
        let Some(shared) = self.ledger.shared() else { return Ok(Taken::default()) };
        patiently!(self, shared.take(endpoints.clone()))
    }

    /// Of a shared ledger; else none.
    pub(crate) async fn subscriptions(&self) -> Result<(u64, Vec<Subscription>)> {
        let Some(shared) = self.ledger.shared() else { return Ok((0, Vec::new())) };
        patiently!(self, shared.subscriptions())
    }

    /// Once: whoever ends does not wait.
    pub(crate) async fn release(&self) -> Result<()> {
        match self.ledger.shared() {
            Some(shared) => shared.release().await,
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use stores::ledger::SqliteLedger;
    use telemetry::Readiness;

    use super::*;

    fn patient(shutdown: &CancellationToken) -> (Patient, Readiness, std::path::PathBuf) {
        let path = std::env::temp_dir().join(format!("patient-{}", uuid::Uuid::new_v4()));
        let ledger = Arc::new(SqliteLedger::open_inline(&path).unwrap());
        let readiness = Readiness::new();
        let patient = Patient::new(ledger, readiness.add("ledger"), shutdown.clone());
        (patient, readiness, path)
    }

    /// Unavailable so often, then there.
    async fn asked(patient: &Patient, away: u32) -> Result<u32> {
        let tries = AtomicU32::new(0);
        let call = async || match tries.fetch_add(1, Ordering::SeqCst) {
            before if before < away => Err(FailureKind::Unavailable.because("AB-2310", "away")),
            before => Ok(before),
        };
        patiently!(patient, call())
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_away_is_waited_for_but_not_at_the_end_and_a_contradiction_is_told() {
        let shutdown = CancellationToken::new();
        let (patient, readiness, path) = patient(&shutdown);
        assert_eq!(asked(&patient, 5).await.unwrap(), 5);
        assert!(readiness.is_ready());
        let contradicted = patient.wait(FailureKind::Defect.because("AB-2314", "?")).await;
        assert_eq!(contradicted.unwrap_err().code(), "AB-2314");
        shutdown.cancel();
        assert_eq!(asked(&patient, 5).await.unwrap_err().code(), "AB-2310");
        std::fs::remove_file(path).unwrap();
    }
}
