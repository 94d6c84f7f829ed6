//! How far a bulk may go: canary, rate and stop rule. Pure: time is an argument.

use std::time::Duration;

use messaging::{BulkState, ItemResult, fault};
use tokio::time::Instant;

/// What is known of a bulk's deliveries, and what may be ordered next.
#[derive(Clone, Debug)]
pub(crate) struct Progress {
    results: Vec<Option<ItemResult>>,
    canary: usize,
    interval: Duration,
    /// 0: whatever fails.
    failures_max: usize,
    is_stopped: bool,
    /// Not before.
    next_at: Instant,
    /// All before it were decided about.
    next: usize,
    /// Ordered, and not known yet.
    open: usize,
    failures: usize,
}

/// The bounds of a bulk.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) total: usize,
    pub(crate) canary: usize,
    pub(crate) interval: Duration,
    pub(crate) failures_max: usize,
}

impl Progress {
    /// Nothing is ordered yet; the first may be after one interval, so that restarts order no faster.
    pub(crate) fn new(bounds: Bounds, now: Instant) -> Self {
        let Bounds { total, canary, interval, failures_max } = bounds;
        let next_at = now + interval;
        let (results, is_stopped) = (vec![None; total], false);
        let (next, open, failures) = (0, 0, 0);
        Self { results, canary, interval, failures_max, is_stopped, next_at, next, open, failures }
    }

    /// The next to be ordered, if one may be now.
    pub(crate) fn due(&self, now: Instant) -> Option<usize> {
        self.is_free().then_some(self.next).filter(|_| self.next_at <= now)
    }

    /// When the next may be ordered, if nothing has to happen first.
    pub(crate) fn wakes_at(&self) -> Option<Instant> {
        self.is_free().then_some(self.next_at)
    }

    /// Whether one may be ordered, whenever.
    fn is_free(&self) -> bool {
        let is_in_canary = self.next < self.canary || fault::is_on("canary-ignored");
        let is_canary_over = self.open == 0 || self.canary < self.next;
        self.next < self.results.len() && !self.is_over() && (is_in_canary || is_canary_over)
    }

    /// What became of an item: first, and once more if it was ordered only.
    pub(crate) fn note(&mut self, item: usize, result: ItemResult, now: Instant) {
        let Some(known) = self.results.get_mut(item) else { return };
        if known.is_some_and(|known| known != ItemResult::Ordered) {
            return;
        }
        let was_open = known.replace(result).is_some();
        match (was_open, result) {
            (false, ItemResult::Ordered) => self.open += 1,
            (true, ItemResult::Ordered) | (false, _) => {}
            (true, _) => self.open -= 1,
        }
        self.failures += usize::from(result == ItemResult::Failed);
        if !was_open {
            self.next = self.next.max(item + 1);
            self.next_at = now + self.interval;
        }
    }

    /// The next cannot be ordered yet.
    pub(crate) fn put_off(&mut self, until: Instant) {
        self.next_at = self.next_at.max(until);
    }

    /// Nothing more is ordered.
    pub(crate) fn stop(&mut self) {
        self.is_stopped = true;
    }

    /// Whether the stop rule, or somebody, has ended it.
    pub(crate) fn is_over(&self) -> bool {
        let is_enough = self.failures_max != 0 && self.failures_max <= self.failures;
        self.is_stopped || (is_enough && !fault::is_on("stop-rule-ignored"))
    }

    /// Those that were never ordered and never will be.
    pub(crate) fn skipped(&self) -> impl Iterator<Item = usize> + use<> {
        if self.is_over() { self.next..self.results.len() } else { 0..0 }
    }

    /// How it is getting on; done when everything is known.
    pub(crate) fn state(&self) -> BulkState {
        let is_known = |it: &Option<ItemResult>| it.is_some_and(|it| it != ItemResult::Ordered);
        if self.results.iter().all(is_known) {
            BulkState::Done
        } else if self.is_over() {
            BulkState::Stopped
        } else {
            BulkState::Running
        }
    }

    #[cfg(test)]
    fn result(&self, item: usize) -> Option<ItemResult> {
        self.results.get(item).copied().flatten()
    }
}

#[cfg(test)]
mod tests {
    use ItemResult::{Failed, Ordered, Refused, Succeeded};
    use proptest::prelude::*;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn progress(canary: usize, failures_max: usize, now: Instant) -> Progress {
        Progress::new(Bounds { total: 5, canary, interval: SECOND, failures_max }, now)
    }

    #[tokio::test(start_paused = true)]
    async fn the_rest_waits_until_it_is_known_what_became_of_the_canary() {
        let mut now = Instant::now();
        let mut bulk = progress(2, 0, now);
        assert_eq!(bulk.due(now), None, "not faster after a restart");
        now += SECOND;
        assert_eq!(bulk.due(now), Some(0));
        bulk.note(0, Ordered, now);
        assert_eq!(bulk.due(now), None, "the rate");
        now += SECOND;
        assert_eq!(bulk.due(now), Some(1));
        bulk.note(1, Ordered, now);
        now += 100 * SECOND;
        assert_eq!((bulk.due(now), bulk.wakes_at()), (None, None), "the canary is out");
        bulk.note(0, Succeeded, now);
        assert_eq!(bulk.due(now), None, "all of it");
        bulk.note(1, Failed, now);
        assert_eq!(bulk.due(now), Some(2));
        bulk.note(2, Ordered, now);
        now += SECOND;
        assert_eq!(bulk.due(now), Some(3), "from then on nobody waits");
    }

    #[tokio::test(start_paused = true)]
    async fn it_stops_with_the_failure_it_was_told_and_not_for_what_was_refused() {
        let now = Instant::now();
        let later = now + SECOND;
        let mut bulk = progress(0, 2, now);
        bulk.note(0, Refused, now);
        bulk.note(1, Ordered, now);
        bulk.note(1, Failed, now);
        assert_eq!((bulk.due(later), bulk.state()), (Some(2), BulkState::Running));
        bulk.note(2, Ordered, now);
        bulk.note(2, Failed, now);
        assert_eq!((bulk.due(later), bulk.state()), (None, BulkState::Stopped));
        assert_eq!(bulk.skipped().collect::<Vec<_>>(), [3, 4]);
        for item in bulk.skipped() {
            bulk.note(item, ItemResult::Skipped, now);
        }
        assert_eq!(bulk.state(), BulkState::Done, "everything is known");
    }

    proptest! {
        #![proptest_config(crate::tests::the_same_each_time(300))]
        #[test]
        fn each_is_ordered_once_at_most_in_order_and_within_all_bounds(
            total in 1_usize..40,
            canary in 0_usize..10,
            failures_max in 0_usize..6,
            steps in prop::collection::vec((0_u64..3, 0_usize..40, 0_u8..4), 1..200),
        ) {
            let mut now = Instant::now();
            let bounds = Bounds { total, canary, interval: SECOND, failures_max };
            let mut bulk = Progress::new(bounds, now);
            let mut ordered: Vec<(usize, Instant)> = Vec::new();
            for (seconds, item, what) in steps {
                now += u32::try_from(seconds).unwrap() * SECOND;
                if let Some(due) = bulk.due(now) {
                    let failed = (0..total).filter(|it| bulk.result(*it) == Some(Failed)).count();
                    prop_assert!(failures_max == 0 || failed < failures_max, "stopped is stopped");
                    let is_out = |it: usize| matches!(bulk.result(it), None | Some(Ordered));
                    prop_assert!(due < canary || !(0..canary.min(total)).any(is_out), "canary");
                    if let Some((last, at)) = ordered.last() {
                        prop_assert_eq!(due, last + 1, "in order, each once");
                        prop_assert!(SECOND <= now.duration_since(*at), "the rate");
                    }
                    ordered.push((due, now));
                    bulk.note(due, if what == 3 { Refused } else { Ordered }, now);
                }
                if bulk.result(item) == Some(Ordered) {
                    bulk.note(item, if what == 0 { Failed } else { Succeeded }, now);
                }
            }
        }
    }
}
