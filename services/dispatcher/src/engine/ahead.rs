//! Reading ahead in a backlog: while what was started is under way, the records of what is due next
//! are read back, so that the next turn does not wait for them. What came just now is in memory anyway.

use std::{collections::HashMap, sync::Arc};

use messaging::{Envelope, Result};
use stores::ledger::MessageRow;
use tokio::task::JoinSet;

use super::{Engine, start::decoded_all};
use crate::patient::Patient;

/// Records read ahead at most; each is at most as long as one that travels without a claim.
const AHEAD_MAX: usize = 128;

/// What was read ahead, and what is being read.
#[derive(Debug, Default)]
pub(super) struct Ahead {
    read: HashMap<MessageRow, Arc<Envelope>>,
    /// One task at most.
    reading: JoinSet<Result<HashMap<MessageRow, Arc<Envelope>>>>,
}

impl Ahead {
    pub(super) fn has(&self, message: MessageRow) -> bool {
        self.read.contains_key(&message)
    }

    /// It stays until it is not due next any more: several endpoints may want it in one turn.
    pub(super) fn get(&self, message: MessageRow) -> Option<Arc<Envelope>> {
        self.read.get(&message).map(Arc::clone)
    }

    /// Waits for what is being read. Dropping it loses nothing that could not be read again.
    pub(super) async fn arrive(&mut self) -> Result<()> {
        while let Some(read) = self.reading.join_next().await {
            self.read.extend(read.expect("reading neither panics nor is aborted")?);
        }
        Ok(())
    }

    /// Begins to read what of `next` is not there, and lets go of everything else.
    fn turn_to(&mut self, next: Vec<MessageRow>, ledger: &Patient) {
        let mut before = std::mem::take(&mut self.read);
        let mut missing = Vec::new();
        for message in next {
            match before.remove(&message) {
                Some(envelope) => drop(self.read.insert(message, envelope)),
                None => missing.push(message),
            }
        }
        if !missing.is_empty() {
            let ledger = ledger.clone();
            self.reading.spawn(async move { Ok(decoded_all(ledger.records(missing).await?)) });
        }
    }
}

impl Engine {
    /// Turns to what is due next and not in memory, unless something is being read.
    pub(super) fn read_ahead(&mut self) {
        if !self.ahead.reading.is_empty() {
            return;
        }
        let open = self.served.iter().filter(|served| served.is_open());
        let due = open.flat_map(|served| served.schedule.due_next(served.ramp.limit()));
        let missing = due.filter(|message| !self.envelopes.has(*message));
        let next: Vec<MessageRow> = missing.take(AHEAD_MAX).collect();
        self.ahead.turn_to(next, &self.ledger);
    }
}
