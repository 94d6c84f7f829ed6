//! Paces tries to reach what is not there.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// Pauses between tries: doubling from the first to the last, forgotten at the first answer.
const PAUSE_MIN: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(2);

/// When the next try is due.
#[derive(Debug, Default)]
pub(crate) struct Pace(Mutex<Option<Pause>>);

#[derive(Clone, Copy, Debug)]
struct Pause {
    until: Instant,
    length: Duration,
}

impl Pace {
    /// How long nobody tries now; `None`: try.
    pub(crate) fn pause(&self, now: Instant) -> Option<Duration> {
        let pause = (*self.lock())?;
        pause.until.checked_duration_since(now).filter(|left| !left.is_zero())
    }

    /// A try was in vain. Those that began before the pause and end in it lengthen nothing.
    pub(crate) fn failed(&self, now: Instant) {
        let mut pause = self.lock();
        let length = match *pause {
            Some(current) if now < current.until => return,
            Some(last) => (last.length * 2).min(PAUSE_MAX),
            None => PAUSE_MIN,
        };
        *pause = Some(Pause { until: now + length, length });
    }

    /// It answers.
    pub(crate) fn reached(&self) {
        *self.lock() = None;
    }

    fn lock(&self) -> MutexGuard<'_, Option<Pause>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_bound_and_an_answer_ends_them() {
        let (pace, mut now) = (Pace::default(), Instant::now());
        assert_eq!(pace.pause(now), None);
        for expected in [100, 200, 400, 800, 1_600, 2_000, 2_000] {
            pace.failed(now);
            let expected = Duration::from_millis(expected);
            assert_eq!(pace.pause(now), Some(expected));
            pace.failed(now + expected / 2);
            assert_eq!(pace.pause(now), Some(expected), "one outage, one pause");
            now += expected;
            assert_eq!(pace.pause(now), None, "time for a try");
        }
        pace.failed(now);
        pace.reached();
        assert_eq!(pace.pause(now), None);
        pace.failed(now);
        assert_eq!(pace.pause(now), Some(PAUSE_MIN), "a new outage begins anew");
    }
}
