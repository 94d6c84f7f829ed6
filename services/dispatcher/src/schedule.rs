//! What one endpoint is to get next: its open deliveries by case, kept in memory.
//!
//! Only the head of a case can start, one of a case at once. A waiting, uncertain or dead head holds
//! its own case and no other. Nothing here is scanned: a due case is in `due` or `again`, a waiting one
//! in `waiting`, a held one in neither.
//!
//! What failed before has a line of its own, `again`, and at most half of what may be under way: a few
//! that never succeed, and take their time over it, must not keep the others out.

use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    time::Duration,
};

use messaging::{CaseId, DeliveryState, Timestamp, fault};
use stores::ledger::{DeliveryId, EndpointRow, MessageRow};
use tokio::time::Instant;

use crate::gate::blame::Answers;

/// One open delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) delivery: DeliveryId,
    pub(crate) endpoint: EndpointRow,
    pub(crate) message: MessageRow,
    pub(crate) case_id: CaseId,
    pub(crate) generation: u32,
    pub(crate) state: DeliveryState,
    pub(crate) attempts: u32,
    pub(crate) first_attempt_at: Option<Timestamp>,
    pub(crate) version: u64,
    /// How often this one closed the gate since it last was told from anything else.
    pub(crate) gate_closings: u32,
    /// How many answers its system had given when it failed last; `None`: it has not, in this process.
    pub(crate) answers_then: Option<Answers>,
    /// What comes next.
    pub(crate) step: Step,
}

impl Entry {
    /// Whether it was tried before and did not succeed, also where that cost no attempt.
    fn is_again(&self) -> bool {
        0 < self.attempts || 0 < self.gate_closings
    }
}

/// What is done when an entry's turn comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Hand it over.
    Deliver,
    /// Ask whether it is there.
    LookUp,
}

/// What an entry does now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// As soon as a slot is free.
    Due,
    /// From then on.
    At(Instant),
    /// When an operator says so.
    Held,
    /// It is handed out, or asked about, right now.
    Busy,
    /// Never: it is final, or no longer holds its case.
    Gone,
}

#[derive(Debug, Default)]
pub(crate) struct Schedule {
    /// Each with what it does once it is the head.
    cases: HashMap<CaseId, VecDeque<(Entry, Turn)>>,
    due: VecDeque<CaseId>,
    /// Due, and tried before.
    again: VecDeque<CaseId>,
    /// Of them, how many are busy.
    again_busy: usize,
    /// The last one that was taken, or that closed the gate.
    was_again: bool,
    waiting: BTreeSet<(Instant, CaseId)>,
    len: usize,
    /// Those in cases whose head is held.
    held: usize,
}

/// How much there is, and of what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Open deliveries.
    pub(crate) open: usize,
    /// Heads that wait for their time.
    pub(crate) waiting: usize,
    /// Held heads and all behind them.
    pub(crate) held: usize,
    /// How long the last of the waiting waits.
    pub(crate) wait_max: Duration,
}

impl Schedule {
    /// Open deliveries, held ones too.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn counts(&self, now: Instant) -> Counts {
        let last = self.waiting.last().map(|(at, _)| at.saturating_duration_since(now));
        Counts {
            open: self.len,
            waiting: self.waiting.len(),
            held: self.held,
            wait_max: last.unwrap_or_default(),
        }
    }

    /// Puts `entry` behind its case's others. `turn` counts from when it is the head.
    pub(crate) fn add(&mut self, entry: Entry, turn: Turn) {
        // Most cases have one open delivery, and room for more of each would be the most of what waits.
        let case = self.cases.entry(entry.case_id).or_insert_with(|| VecDeque::with_capacity(1));
        case.push_back((entry, turn));
        self.len += 1;
        if case.len() == 1 {
            self.place(entry.case_id, turn);
        } else if case.front().is_some_and(|(_, turn)| *turn == Turn::Held) {
            self.held += 1;
        }
    }

    /// Takes the case whose turn it is, where `limit` may be busy in all; it is busy until
    /// [`Schedule::settle`].
    pub(crate) fn take_due(&mut self, limit: usize) -> Option<Entry> {
        // In turns, as each has waited for its time.
        let is_others_turn = self.was_again && !self.due.is_empty();
        self.was_again = !is_others_turn && self.may_try_again(limit);
        let case = match self.was_again {
            true => self.again.pop_front(),
            false => self.due.pop_front(),
        }?;
        let (entry, turn) = self.cases.get_mut(&case)?.front_mut()?;
        *turn = Turn::Busy;
        self.again_busy += usize::from(entry.is_again());
        Some(*entry)
    }

    /// Whether a head waits for nothing but one of `limit` slots.
    pub(crate) fn has_due(&self, limit: usize) -> bool {
        !self.due.is_empty() || self.may_try_again(limit)
    }

    /// The messages of the first `count` heads that are due and were not tried before.
    pub(crate) fn due_next(&self, count: usize) -> impl Iterator<Item = MessageRow> {
        let heads = self.due.iter().take(count).filter_map(|case| self.cases.get(case)?.front());
        heads.map(|(entry, _)| entry.message)
    }

    /// Cases whose head is due.
    pub(crate) fn due_len(&self) -> usize {
        self.due.len() + self.again.len()
    }

    fn may_try_again(&self, limit: usize) -> bool {
        !self.again.is_empty() && self.again_busy < (limit / 2).max(1)
    }

    /// Whether what is put behind `case` now may start without a wait of those before it.
    pub(crate) fn flows(&self, case: CaseId) -> bool {
        let head = self.cases.get(&case).and_then(VecDeque::front);
        head.is_none_or(|(_, turn)| matches!(turn, Turn::Due | Turn::Busy))
    }

    /// What waits behind the head of `case`.
    pub(crate) fn behind(&self, case: CaseId) -> impl Iterator<Item = MessageRow> {
        self.cases.get(&case).into_iter().flatten().skip(1).map(|(entry, _)| entry.message)
    }

    /// Whether more of `case` waits behind its head.
    pub(crate) fn has_successor(&self, case: CaseId) -> bool {
        self.cases.get(&case).is_some_and(|entries| 1 < entries.len())
    }

    /// Says what becomes of the busy head of its case.
    pub(crate) fn settle(&mut self, entry: Entry, turn: Turn) {
        let Some(case) = self.cases.get_mut(&entry.case_id) else { return };
        debug_assert_eq!(case.front().map(|(head, _)| head.delivery), Some(entry.delivery));
        if let Some((before, Turn::Busy)) = case.front() {
            self.again_busy -= usize::from(before.is_again());
        }
        if turn == Turn::Gone {
            case.pop_front();
            self.len -= 1;
            match case.front().map(|(_, turn)| *turn) {
                Some(turn) => self.place(entry.case_id, turn),
                None => {
                    self.cases.remove(&entry.case_id);
                }
            }
            return;
        }
        if let Some(head) = case.front_mut() {
            *head = (entry, turn);
        }
        // Who closed the gate lets another go first when it opens: that one shows whose fault it was.
        self.was_again |= 0 < entry.gate_closings;
        if let (Turn::At(_), true) = (turn, fault::is_on("order-lost-on-retry")) {
            // The one behind it is next.
            case.rotate_left(1);
            let turn = case.front().map_or(turn, |(_, turn)| *turn);
            return self.place(entry.case_id, turn);
        }
        self.place(entry.case_id, turn);
    }

    /// Makes due what has waited long enough.
    pub(crate) fn wake(&mut self, now: Instant) {
        while let Some(&(at, case)) = self.waiting.first()
            && at <= now
        {
            self.waiting.pop_first();
            self.place(case, Turn::Due);
        }
    }

    /// When the next one has waited long enough.
    pub(crate) fn wakes_at(&self) -> Option<Instant> {
        self.waiting.first().map(|(at, _)| *at)
    }

    /// The open delivery, if it still is one.
    pub(crate) fn find(&self, case: CaseId, delivery: DeliveryId) -> Option<&Entry> {
        let mut entries = self.cases.get(&case)?.iter().map(|(entry, _)| entry);
        entries.find(|entry| entry.delivery == delivery)
    }

    /// The open delivery of `message`, and what it does, if it is one that holds or waits in its
    /// case.
    pub(crate) fn of_message(&self, case: CaseId, message: MessageRow) -> Option<(Entry, Turn)> {
        self.cases.get(&case)?.iter().find(|(entry, _)| entry.message == message).copied()
    }

    /// Says what becomes of an open delivery that is not busy, wherever in its case it stands.
    pub(crate) fn revise(&mut self, entry: Entry, turn: Turn) {
        let Some(case) = self.cases.get_mut(&entry.case_id) else { return };
        let Some(place) = case.iter().position(|(known, _)| known.delivery == entry.delivery)
        else {
            return;
        };
        if place == 0 {
            let before = case.front().map(|(_, turn)| *turn);
            debug_assert_ne!(before, Some(Turn::Busy));
            self.unplace(entry.case_id, before);
            self.settle(entry, turn);
        } else if turn == Turn::Gone {
            case.remove(place);
            self.len -= 1;
            self.held -= usize::from(case.front().is_some_and(|(_, turn)| *turn == Turn::Held));
        } else if let Some(slot) = case.get_mut(place) {
            *slot = (entry, turn);
        }
    }

    /// Looks through what is due only for a head that was; operators order seldom.
    fn unplace(&mut self, case: CaseId, turn: Option<Turn>) {
        if turn == Some(Turn::Held) {
            self.held -= self.cases.get(&case).map_or(0, VecDeque::len);
        }
        let is_waiting = match turn {
            Some(Turn::At(at)) => self.waiting.remove(&(at, case)),
            _ => false,
        };
        if !is_waiting && matches!(turn, Some(Turn::At(_) | Turn::Due)) {
            self.due.retain(|due| *due != case);
            self.again.retain(|due| *due != case);
        }
    }

    fn place(&mut self, case: CaseId, turn: Turn) {
        match turn {
            Turn::Due => {
                let head = self.cases.get(&case).and_then(VecDeque::front);
                match head.is_some_and(|(head, _)| head.is_again()) {
                    true => self.again.push_back(case),
                    false => self.due.push_back(case),
                }
            }
            Turn::At(at) => {
                self.waiting.insert((at, case));
            }
            Turn::Held => self.held += self.cases.get(&case).map_or(0, VecDeque::len),
            Turn::Busy | Turn::Gone => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use uuid::Uuid;

    use super::*;

    fn entry(case: u128, delivery: i64) -> Entry {
        Entry {
            delivery: DeliveryId(delivery),
            endpoint: EndpointRow(1),
            message: MessageRow(delivery),
            case_id: CaseId(Uuid::from_u128(case)),
            generation: 0,
            state: DeliveryState::Pending,
            attempts: 0,
            first_attempt_at: None,
            version: 1,
            gate_closings: 0,
            answers_then: None,
            step: Step::Deliver,
        }
    }

    fn taken(schedule: &mut Schedule) -> Vec<i64> {
        std::iter::from_fn(|| schedule.take_due(usize::MAX).map(|entry| entry.delivery.0)).collect()
    }

    #[test]
    fn one_of_a_case_at_once_in_order() {
        let mut schedule = Schedule::default();
        for (case, delivery) in [(1, 10), (1, 11), (2, 20)] {
            schedule.add(entry(case, delivery), Turn::Due);
        }
        assert_eq!(taken(&mut schedule), [10, 20]);
        schedule.settle(entry(1, 10), Turn::Gone);
        assert_eq!(taken(&mut schedule), [11]);
        schedule.settle(entry(1, 11), Turn::Gone);
        schedule.settle(entry(2, 20), Turn::Gone);
        assert_eq!(schedule.len(), 0);
        assert!(schedule.cases.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_that_waits_holds_its_case_and_no_other() {
        let (mut schedule, now) = (Schedule::default(), Instant::now());
        for (case, delivery) in [(1, 10), (1, 11), (2, 20), (2, 21)] {
            schedule.add(entry(case, delivery), Turn::Due);
        }
        assert_eq!(taken(&mut schedule), [10, 20]);
        let later = now + Duration::from_secs(5);
        schedule.settle(Entry { attempts: 1, ..entry(1, 10) }, Turn::At(later));
        schedule.settle(entry(2, 20), Turn::Gone);
        assert_eq!(taken(&mut schedule), [21]);

        schedule.wake(now);
        assert_eq!(schedule.due_len(), 0);
        assert_eq!(schedule.wakes_at(), Some(later));
        schedule.wake(later);
        assert_eq!(
            schedule.take_due(usize::MAX).map(|entry| (entry.delivery.0, entry.attempts)),
            Some((10, 1))
        );
    }

    #[test]
    fn what_failed_before_has_half_the_slots_and_takes_turns_with_the_others() {
        let mut schedule = Schedule::default();
        for case in 0..8 {
            let failed = Entry { attempts: 1, ..entry(case, 100 + i64::try_from(case).unwrap()) };
            schedule.add(failed, Turn::Due);
        }
        let failed: Vec<_> =
            std::iter::from_fn(|| schedule.take_due(4).map(|entry| entry.delivery.0)).collect();
        assert_eq!(failed, [100, 101], "and no more, though nobody else wants a slot");
        assert!(!schedule.has_due(4));
        assert_eq!(schedule.due_len(), 6);
        for case in 10..13 {
            schedule.add(entry(case, i64::try_from(case).unwrap()), Turn::Due);
        }
        assert_eq!(schedule.take_due(4).map(|entry| entry.delivery.0), Some(10));
        schedule.settle(Entry { attempts: 2, ..entry(0, 100) }, Turn::Held);
        schedule.settle(entry(1, 101), Turn::Gone);
        let taken: Vec<_> =
            std::iter::from_fn(|| schedule.take_due(4).map(|entry| entry.delivery.0)).collect();
        assert_eq!(taken, [102, 11, 103, 12]);
        // With one slot, too, each has its turn.
        for delivery in [102, 103] {
            schedule.settle(entry(u128::try_from(delivery).unwrap() - 100, delivery), Turn::Gone);
        }
        schedule.add(entry(20, 20), Turn::Due);
        assert_eq!(schedule.take_due(1).map(|entry| entry.delivery.0), Some(104));
        schedule.settle(entry(4, 104), Turn::Gone);
        assert_eq!(schedule.take_due(1).map(|entry| entry.delivery.0), Some(20));
    }

    #[test]
    fn what_is_put_behind_a_head_that_waits_does_not_start_soon() {
        let (mut schedule, now) = (Schedule::default(), Instant::now());
        for (case, turn, flows) in
            [(1, Turn::Due, true), (2, Turn::At(now), false), (3, Turn::Held, false)]
        {
            let first = i64::try_from(case).unwrap() * 10;
            assert!(schedule.flows(entry(case, 0).case_id));
            schedule.add(entry(case, first), turn);
            schedule.add(entry(case, first + 1), Turn::Due);
            assert_eq!(schedule.flows(entry(case, 0).case_id), flows, "{turn:?}");
            let behind: Vec<_> = schedule.behind(entry(case, 0).case_id).collect();
            assert_eq!(behind, [MessageRow(first + 1)]);
        }
    }

    #[test]
    fn what_is_held_stays_held_when_it_becomes_the_head() {
        let mut schedule = Schedule::default();
        schedule.add(entry(1, 10), Turn::Due);
        schedule.add(entry(1, 11), Turn::Held);
        assert_eq!(taken(&mut schedule), [10]);
        schedule.settle(entry(1, 10), Turn::Gone);
        assert_eq!(taken(&mut schedule), [0; 0]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_an_operator_revises_is_due_once_and_in_its_place() {
        let (mut schedule, now) = (Schedule::default(), Instant::now());
        let later = now + Duration::from_secs(5);
        let heads = [Turn::Due, Turn::At(later), Turn::At(now), Turn::Held];
        for (case, turn) in heads.into_iter().enumerate() {
            let case = case as u128;
            let first = i64::try_from(case).unwrap() * 10;
            schedule.add(entry(case, first), turn);
            schedule.add(entry(case, first + 1), Turn::Due);
        }
        schedule.wake(now);
        for case in 0..4 {
            schedule.revise(entry(case, i64::try_from(case).unwrap() * 10), Turn::Due);
        }
        let mut due = taken(&mut schedule);
        due.sort_unstable();
        assert_eq!(due, [0, 10, 20, 30], "each once");
        schedule.wake(later);
        assert_eq!(taken(&mut schedule), [0; 0], "and not again when its old time comes");

        assert_eq!(
            schedule.of_message(entry(1, 0).case_id, MessageRow(10)).map(|(_, turn)| turn),
            Some(Turn::Busy)
        );
        schedule.settle(entry(1, 10), Turn::Held);
        schedule.revise(entry(1, 11), Turn::Gone);
        schedule.revise(entry(1, 10), Turn::Gone);
        assert_eq!((taken(&mut schedule), schedule.len()), (Vec::new(), 6));
    }

    #[test]
    fn a_held_head_stays_until_somebody_says_so() {
        let mut schedule = Schedule::default();
        schedule.add(entry(1, 10), Turn::Held);
        schedule.add(entry(1, 11), Turn::Due);
        assert_eq!(schedule.due_len(), 0);
        assert_eq!(schedule.len(), 2);
        assert!(schedule.find(entry(1, 11).case_id, DeliveryId(11)).is_some());
    }
}
