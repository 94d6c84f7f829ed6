//! What a turn wants to become true, and what follows once it is.

use channels::codec;
use messaging::{Partition, Record, Timestamp};
use stores::ledger::{OutboxEntry, Part, Transaction};
use telemetry::Span;
use tokio::time::Instant;

use super::tenure::{Admitted, Numbers};
use crate::attempt::Job;

#[derive(Debug)]
pub(super) struct Draft {
    pub(super) transaction: Transaction,
    /// What the outbox gets, to be told when it is durable.
    pub(super) events: Vec<(u64, Record)>,
    /// Started when it is durable.
    pub(super) jobs: Vec<Job>,
    /// Told to the reader when it is durable.
    pub(super) progress: Vec<(Partition, u64)>,
    /// Taken up when it is durable, on a shared ledger.
    pub(super) admitted: Vec<Admitted>,
    /// About what it admits; they end when it is durable.
    pub(super) spans: Vec<Span>,
    /// What people read.
    pub(super) at: Timestamp,
    /// As the clock would say if it had never been set since the start.
    pub(super) steady: Timestamp,
    /// What waits are measured by.
    pub(super) now: Instant,
}

impl Draft {
    pub(super) fn new(at: Timestamp, steady: Timestamp, subscriptions_version: u64) -> Self {
        let transaction = Transaction { subscriptions_version, at, ..Transaction::default() };
        let (events, jobs, progress, admitted) = Default::default();
        let (spans, now) = (Vec::new(), Instant::now());
        Self { transaction, events, jobs, progress, admitted, spans, at, steady, now }
    }

    /// Adds a record to the outbox, which tells of a part of the transaction and goes with it.
    pub(super) fn tell_of(&mut self, of: Part, numbers: &mut Numbers, record: Record) {
        numbers.outbox += 1;
        let (sequence, bytes) = (numbers.outbox, codec::to_bytes(&record));
        self.transaction.outbox.push(OutboxEntry { sequence, record: bytes, of });
        self.events.push((sequence, record));
    }
}
