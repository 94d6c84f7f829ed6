//! What a turn wants to become true, and what follows once it is.

use bytes::Bytes;
use messaging::{Partition, Timestamp};
use stores::ledger::{OutboxEntry, Transaction};
use tokio::time::Instant;

use super::Numbers;
use crate::attempt::Job;

#[derive(Debug)]
pub(super) struct Draft {
    pub(super) transaction: Transaction,
    /// Started when it is durable.
    pub(super) jobs: Vec<Job>,
    /// Told to the reader when it is durable.
    pub(super) progress: Vec<(Partition, u64)>,
    /// What people read.
    pub(super) at: Timestamp,
    /// What waits are measured by.
    pub(super) now: Instant,
}

impl Draft {
    pub(super) fn new(at: Timestamp, subscriptions_version: u64) -> Self {
        let transaction = Transaction { subscriptions_version, at, ..Transaction::default() };
        Self { transaction, jobs: Vec::new(), progress: Vec::new(), at, now: Instant::now() }
    }

    /// Adds a record to the outbox.
    pub(super) fn tell(&mut self, numbers: &mut Numbers, record: Bytes) {
        numbers.outbox += 1;
        self.transaction.outbox.push(OutboxEntry { sequence: numbers.outbox, record });
    }
}
