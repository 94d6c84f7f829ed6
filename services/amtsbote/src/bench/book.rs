//! The books of a run: what was sent, receipted and delivered, how long it took, and what is still
//! under way. Pure: every moment is an argument. Memory is that of what is under way, not of all.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use hdrhistogram::Histogram;
use tokio::time::Instant;
use uuid::Uuid;

use super::slots::{Slot, Slots};

/// Messages under way at once; beyond, sending ends. About 150 MB.
pub(super) const UNDER_WAY_MAX: u32 = 2_000_000;
/// Longest latency told apart, in microseconds: longer than any run.
const LATENCY_MAX_US: u64 = 2 * 3_600_000_000;
/// Digits of a latency that are right.
const LATENCY_DIGITS: u8 = 3;
/// Ids that came before their receipts, or are not ours at all. Twice as many are kept; then the
/// older ones go.
const EARLY_MAX: usize = 100_000;

/// Who says that a message was delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Witness {
    /// `StatusService`; it names messages by their message id.
    Status,
    /// A departmental system of ours; it sees own ids, and the order within a case.
    Receiver,
    /// Nobody: receipts alone.
    Nobody,
}

/// What is counted.
#[derive(Clone, Debug, Default)]
pub(super) struct Counts {
    pub(super) sent: u64,
    pub(super) accepted: u64,
    pub(super) accepted_in_window: u64,
    /// In it and after it.
    pub(super) accepted_since_window: u64,
    /// Sent again, as there was no answer or no room.
    pub(super) repeated: u64,
    /// Nobody knows whether they were taken.
    pub(super) unknown: u64,
    /// Not taken for certain.
    pub(super) failed: u64,
    /// Every answer that was no receipt, by its code.
    pub(super) errors: BTreeMap<String, u64>,
    pub(super) delivered: u64,
    pub(super) delivered_in_window: u64,
    /// In it and after it.
    pub(super) delivered_since_window: u64,
    pub(super) duplicates: u64,
    /// Of them, those with another key than before: no receiver can recognise them.
    pub(super) duplicates_of_other_key: u64,
    pub(super) out_of_order: u64,
    /// Delivered, though the sender never saw a receipt.
    pub(super) delivered_without_receipt: u64,
    /// Ended otherwise than delivered, by state.
    pub(super) ended_otherwise: BTreeMap<String, u64>,
    /// Deliveries of messages that are not of this run.
    pub(super) foreign: u64,
    /// Accepted, and never taken by the receiver, as was asked for.
    pub(super) kept_back: u64,
    pub(super) kept_back_since_window: u64,
    /// How often one of them was handed over.
    pub(super) kept_back_attempts: u64,
}

/// Of one run.
#[derive(Debug)]
pub(super) struct Book {
    begun: Instant,
    /// What is measured, in microseconds since the beginning.
    window: (u32, u32),
    witness: Witness,
    slots: Slots,
    under_way: u32,
    /// By message id, where the status tells of deliveries.
    ids: HashMap<Uuid, u32>,
    /// Delivered before the receipt was here: newer ones, and older ones.
    early: [HashMap<Uuid, u32>; 2],
    /// By case: when the message sent last was sent, of those that arrived. From 1; 0 is none.
    sent_last: Vec<u32>,
    /// In the measured time.
    first_arrival: Option<u32>,
    last_arrival: u32,
    counts: Counts,
    receipts: Histogram<u64>,
    deliveries: Histogram<u64>,
}

impl Book {
    /// Measured is from `warmup` after the beginning on, for `duration`.
    pub(super) fn new(
        begun: Instant,
        warmup: Duration,
        duration: Duration,
        cases: u32,
        witness: Witness,
    ) -> Self {
        let histogram = || {
            Histogram::new_with_bounds(1, LATENCY_MAX_US, LATENCY_DIGITS).expect("bounds that hold")
        };
        let has_order = witness == Witness::Receiver;
        Self {
            begun,
            window: (micros(warmup), micros(warmup + duration)),
            witness,
            slots: Slots::default(),
            under_way: 0,
            ids: HashMap::new(),
            early: [HashMap::new(), HashMap::new()],
            sent_last: vec![0; if has_order { cases as usize } else { 0 }],
            first_arrival: None,
            last_arrival: 0,
            counts: Counts::default(),
            receipts: histogram(),
            deliveries: histogram(),
        }
    }

    /// What was counted so far.
    pub(super) fn counts(&self) -> &Counts {
        &self.counts
    }

    /// How long receipts took, in microseconds: of messages due while it was measured.
    pub(super) fn receipts(&self) -> &Histogram<u64> {
        &self.receipts
    }

    /// As [`Book::receipts`], of deliveries.
    pub(super) fn deliveries(&self) -> &Histogram<u64> {
        &self.deliveries
    }

    /// Messages whose end is not known yet.
    pub(super) fn under_way(&self) -> u32 {
        self.under_way
    }

    /// Messages with a receipt that were not delivered, and of which nothing else is known.
    pub(super) fn missing(&self) -> u64 {
        self.slots.live().filter(|slot| slot.is_accepted() && !slot.is_at_its_end()).count() as u64
    }

    /// From now on it is measured, to the end.
    pub(super) fn measure_from(&mut self, at: Instant) {
        self.window = (self.since(at), u32::MAX);
    }

    /// From when on it was measured to the first delivery, and from there to the last.
    pub(super) fn of_arrivals(&self) -> Option<(Duration, Duration)> {
        let first = self.first_arrival?;
        let apart = |from: u32, to: u32| Duration::from_micros(u64::from(to.saturating_sub(from)));
        Some((apart(self.window.0, first), apart(first, self.last_arrival)))
    }

    /// From when on it was measured to the last delivery.
    pub(super) fn until_last_arrival(&self) -> Duration {
        Duration::from_micros(u64::from(self.last_arrival.saturating_sub(self.window.0)))
    }

    /// Message `number` goes out for the first time.
    pub(super) fn sent(&mut self, number: u32, case: u32, due: Instant, at: Instant) {
        let (due, sent) = (self.since(due), self.since(at));
        self.slots.put(number, Slot::new(case, due, sent));
        self.counts.sent += 1;
        self.under_way += 1;
    }

    /// Its receipt is here, with this message id.
    pub(super) fn receipted(&mut self, number: u32, id: Option<Uuid>, at: Instant) {
        let at = self.since(at);
        let is_watched = self.witness != Witness::Nobody;
        let Some(slot) = self.slots.get(number) else { return };
        slot.accept(at);
        if !is_watched {
            slot.end();
        }
        let due = slot.due;
        self.counts.accepted += 1;
        self.counts.accepted_in_window += u64::from(self.is_measured(at));
        self.counts.accepted_since_window += u64::from(self.window.0 <= at);
        if self.is_measured(due) {
            self.receipts.saturating_record(u64::from(at.saturating_sub(due)));
        }
        if self.witness == Witness::Status
            && let Some(id) = id
        {
            let [newer, older] = &mut self.early;
            match newer.remove(&id).or_else(|| older.remove(&id)) {
                Some(arrived) => self.arrive(number, 0, arrived),
                None => drop(self.ids.insert(id, number)),
            }
        }
        self.settle(number);
    }

    /// It has a receipt, and the receiver is never to take it: nothing more is expected of it.
    pub(super) fn kept_back(&mut self, number: u32, at: Instant) {
        let is_since_window = self.window.0 <= self.since(at);
        let Some(slot) = self.slots.get(number) else { return };
        slot.end();
        self.counts.kept_back += 1;
        self.counts.kept_back_since_window += u64::from(is_since_window);
        self.settle(number);
    }

    /// One of those was handed over.
    pub(super) fn kept_back_again(&mut self) {
        self.counts.kept_back_attempts += 1;
    }

    /// It goes out again.
    pub(super) fn repeated(&mut self) {
        self.counts.repeated += 1;
    }

    /// An answer that is no receipt.
    pub(super) fn erred(&mut self, code: &str) {
        if let Some(count) = self.counts.errors.get_mut(code) {
            *count += 1;
        } else {
            self.counts.errors.insert(code.to_owned(), 1);
        }
    }

    /// It was not taken, for certain.
    pub(super) fn failed(&mut self, number: u32) {
        self.counts.failed += 1;
        let Some(slot) = self.slots.get(number) else { return };
        slot.fail();
        slot.end();
        self.settle(number);
    }

    /// Nobody knows whether it was taken; a delivery may still come.
    pub(super) fn unknown(&mut self, number: u32) {
        self.counts.unknown += 1;
        let Some(slot) = self.slots.get(number) else { return };
        slot.fail();
        let is_watched = self.witness == Witness::Receiver;
        if !is_watched {
            // Without a receipt there is no message id to be told of.
            slot.end();
        } else if slot.has_arrived() {
            self.counts.delivered_without_receipt += 1;
        }
        self.settle(number);
    }

    /// A departmental system has message `number`, or a message of somebody else; `key` stands for
    /// the delivery key.
    pub(super) fn arrived(&mut self, number: Option<u32>, key: u32, at: Instant) {
        let at = self.since(at);
        match number {
            Some(number) => self.arrive(number, key, at),
            None => self.counts.foreign += 1,
        }
    }

    /// The status says that a message was delivered.
    pub(super) fn told_delivered(&mut self, id: Uuid, at: Instant) {
        let at = self.since(at);
        match self.ids.remove(&id) {
            Some(number) => {
                self.arrive(number, 0, at);
                self.settle(number);
            }
            None => self.remember(id, at),
        }
    }

    /// The status says that a message came to an end that is no delivery.
    pub(super) fn told_ended(&mut self, id: Uuid, state: &str) {
        let Some(number) = self.ids.remove(&id) else { return };
        *self.counts.ended_otherwise.entry(state.to_owned()).or_default() += 1;
        if let Some(slot) = self.slots.get(number) {
            slot.end();
        }
        self.settle(number);
    }

    fn arrive(&mut self, number: u32, key: u32, at: u32) {
        let slot = match self.slots.get(number) {
            Some(slot) if !slot.has_arrived() => slot,
            // What is not there any more was delivered, or refused and cannot have come.
            before => {
                let is_other = before.is_some_and(|slot| slot.key() != key);
                self.counts.duplicates += 1;
                self.counts.duplicates_of_other_key += u64::from(is_other);
                return;
            }
        };
        slot.arrive(key);
        let Slot { due, case, .. } = *slot;
        let (sent, receipted) = (slot.sent, slot.receipted());
        self.counts.delivered_without_receipt += u64::from(slot.is_failed());
        self.counts.delivered += 1;
        self.counts.delivered_in_window += u64::from(self.is_measured(at));
        self.counts.delivered_since_window += u64::from(self.window.0 <= at);
        if self.window.0 <= at {
            self.first_arrival.get_or_insert(at);
        }
        self.last_arrival = self.last_arrival.max(at);
        if self.is_measured(due) {
            self.deliveries.saturating_record(u64::from(at.saturating_sub(due)));
        }
        if let Some(sent_last) = self.sent_last.get_mut(case as usize) {
            // Overtaken by one that was sent only after this one's receipt was here.
            let is_overtaken = receipted.is_some_and(|receipted| receipted < *sent_last);
            self.counts.out_of_order += u64::from(is_overtaken);
            *sent_last = (*sent_last).max(sent);
        }
        self.settle(number);
    }

    /// Gives a message free of which nothing more is expected.
    fn settle(&mut self, number: u32) {
        if self.slots.settle(number) {
            self.under_way -= 1;
        }
    }

    fn remember(&mut self, id: Uuid, at: u32) {
        let [newer, older] = &mut self.early;
        if EARLY_MAX <= newer.len() {
            self.counts.foreign += older.len() as u64;
            *older = std::mem::take(newer);
        }
        newer.insert(id, at);
    }

    fn is_measured(&self, at: u32) -> bool {
        (self.window.0..self.window.1).contains(&at)
    }

    /// Microseconds since the beginning, from 1: 0 stands for never.
    fn since(&self, at: Instant) -> u32 {
        micros(at.saturating_duration_since(self.begun)).max(1)
    }
}

/// Saturates after 71 minutes, which is longer than a run.
fn micros(duration: Duration) -> u32 {
    u32::try_from(duration.as_micros()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
