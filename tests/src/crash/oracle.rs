//! Judges a crash test by what arrived at the departmental systems.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::Sent;
use crate::{documents, receiver::Arrival};

/// What one system was promised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Promise {
    /// It recognises keys: any number of arrivals, as long as no more than were under way repeat.
    Recognises,
    /// It can be asked: exactly one effect, though it recognises nothing.
    CanBeAsked,
    /// Neither: at most one arrival, and a person is asked about the rest.
    AsksAPerson,
}

/// What was seen from outside while the program was killed again and again.
#[derive(Clone, Debug, Default)]
pub struct Oracle {
    /// How many requests had come when the program was killed, for each kill.
    kills: Vec<u64>,
    /// Message ids that were said to be delivered, and how many requests had come by then.
    settled: BTreeMap<String, u64>,
    faults: Vec<String>,
}

impl Oracle {
    /// The program was killed when `sequence` requests had come.
    pub fn killed(&mut self, sequence: u64) {
        self.kills.push(sequence);
    }

    /// A message was said to be delivered, and after that `sequence` requests had come.
    pub fn settled(&mut self, message_id: &str, sequence: u64) {
        self.settled.entry(message_id.to_owned()).or_insert(sequence);
    }

    /// Whether the message is known to be delivered.
    #[must_use]
    pub fn is_settled(&self, message_id: &str) -> bool {
        self.settled.contains_key(message_id)
    }

    /// How many messages are known to be delivered.
    #[must_use]
    pub fn settled_count(&self) -> usize {
        self.settled.len()
    }

    /// Every broken promise so far.
    #[must_use]
    pub fn faults(&self) -> &[String] {
        &self.faults
    }

    /// Judges one system: what was `sent` to it with a receipt, what arrived, what took effect.
    pub fn judge(
        &mut self,
        name: &str,
        promise: Promise,
        concurrency: usize,
        sent: &[Sent],
        (arrivals, effects): (&[Arrival], &[Arrival]),
    ) {
        self.nothing_is_missing(name, promise, sent, effects);
        self.bodies_are_what_was_sent(name, sent, arrivals);
        self.repeats_were_under_way(name, promise, concurrency, arrivals);
        self.nothing_comes_after_a_settle(name, sent, arrivals);
        self.effects_are_single(name, effects);
        self.cases_keep_their_order(name, effects);
    }

    fn nothing_is_missing(
        &mut self,
        name: &str,
        promise: Promise,
        sent: &[Sent],
        effects: &[Arrival],
    ) {
        if promise == Promise::AsksAPerson {
            // What waits for a person is counted by the caller, who can ask for it.
            return;
        }
        let there: BTreeSet<Uuid> = effects.iter().filter_map(|effect| effect.own_id).collect();
        for missing in sent.iter().filter(|sent| !there.contains(&sent.own_id)) {
            let place = documents::place_of(missing.own_id);
            self.fault(
                name,
                format!("{} {place:?} has a receipt, and is missing", missing.message_id),
            );
        }
    }

    fn bodies_are_what_was_sent(&mut self, name: &str, sent: &[Sent], arrivals: &[Arrival]) {
        let documents: BTreeMap<Uuid, &Sent> =
            sent.iter().map(|sent| (sent.own_id, sent)).collect();
        for arrival in arrivals {
            match arrival.own_id.and_then(|own_id| documents.get(&own_id)) {
                Some(sent) if sent.document == arrival.body => {}
                Some(sent) => {
                    self.fault(name, format!("{} came with other bytes", sent.message_id))
                }
                None => self.fault(name, format!("{:?} came, and nobody sent it", arrival.own_id)),
            }
        }
    }

    /// Repeats at most what was in flight at the kills, counted up to each of them.
    fn repeats_were_under_way(
        &mut self,
        name: &str,
        promise: Promise,
        concurrency: usize,
        arrivals: &[Arrival],
    ) {
        let mut last_life: BTreeMap<&str, usize> = BTreeMap::new();
        let mut repeats = 0;
        let mut faults = Vec::new();
        for arrival in arrivals {
            let life = self.kills.partition_point(|kill| *kill < arrival.sequence);
            let Some(before) = last_life.insert(&arrival.key, life) else { continue };
            repeats += 1;
            if before == life {
                faults.push(format!("{} came twice without a kill in between", arrival.key));
            }
            if promise == Promise::AsksAPerson {
                faults.push(format!("{} came again, and nobody said that it may", arrival.key));
            }
            if life * concurrency < repeats {
                faults
                    .push(format!("{repeats} repeats after {life} kills of {concurrency} at once"));
            }
        }
        faults.into_iter().for_each(|fault| self.fault(name, fault));
    }

    fn nothing_comes_after_a_settle(&mut self, name: &str, sent: &[Sent], arrivals: &[Arrival]) {
        let ids: BTreeMap<Uuid, &str> =
            sent.iter().map(|sent| (sent.own_id, sent.message_id.as_str())).collect();
        let mut faults = Vec::new();
        for arrival in arrivals {
            let message_id = arrival.own_id.and_then(|own_id| ids.get(&own_id));
            let settled = message_id.and_then(|id| self.settled.get(*id));
            if settled.is_some_and(|settled| *settled < arrival.sequence) {
                faults.push(format!("{message_id:?} came again after it was settled"));
            }
        }
        faults.into_iter().for_each(|fault| self.fault(name, fault));
    }

    fn effects_are_single(&mut self, name: &str, effects: &[Arrival]) {
        let mut seen = BTreeSet::new();
        for effect in effects {
            if !seen.insert(effect.own_id) {
                self.fault(name, format!("{} took effect twice", effect.key));
            }
        }
    }

    fn cases_keep_their_order(&mut self, name: &str, effects: &[Arrival]) {
        let mut next: BTreeMap<u32, u32> = BTreeMap::new();
        for (case, sequence) in effects.iter().filter_map(|e| e.own_id).map(documents::place_of) {
            let expected = next.entry(case).or_default();
            if *expected != sequence {
                let fault = format!("case {case}: number {sequence} came when {expected} was due");
                self.faults.push(format!("{name}: {fault}"));
            }
            *expected = sequence + 1;
        }
    }

    fn fault(&mut self, name: &str, fault: impl Into<String>) {
        self.faults.push(format!("{name}: {}", fault.into()));
    }
}
