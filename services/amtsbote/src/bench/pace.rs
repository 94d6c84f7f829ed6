//! When each message is due, and whose turn it is. With a rate the loop is open: a message is due at
//! its time whether or not answers came, and what it waits for its turn counts.

use std::{
    sync::atomic::{AtomicU32, Ordering},
    thread,
    time::Duration,
};

use tokio::{sync::Semaphore, time::Instant};
use tokio_util::sync::CancellationToken;

/// Longest pause of the thread that calls up what is due: how late it notices the end.
const PAUSE_MAX: Duration = Duration::from_millis(20);
/// Shortest one, so that it does not take the processor from what is measured.
const PAUSE_MIN: Duration = Duration::from_micros(200);

/// How many messages a second are due, from when on, and until when.
#[derive(Clone, Copy, Debug)]
pub(super) struct Schedule {
    /// `None`: as fast as answers come.
    pub(super) rate: Option<f64>,
    /// How long messages are due.
    pub(super) length: Duration,
    /// How many there are in all; `None`: as many as fit.
    pub(super) count: Option<u32>,
}

impl Schedule {
    /// When message `number` is due after the beginning.
    pub(super) fn due(&self, number: u32) -> Option<Duration> {
        self.rate.map(|rate| Duration::from_secs_f64(f64::from(number) / rate))
    }

    /// How many are due when `elapsed` has passed.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates")]
    pub(super) fn due_by(&self, elapsed: Duration) -> u32 {
        let Some(rate) = self.rate else { return u32::MAX };
        // The last one is due before the end, not at it.
        let within = elapsed.min(self.length.saturating_sub(Duration::from_nanos(1)));
        ((within.as_secs_f64() * rate).floor() as u32).saturating_add(1)
    }
}

/// Gives out the messages of a run, each once, in order.
#[derive(Debug)]
pub(super) struct Turns {
    schedule: Schedule,
    begun: Instant,
    next: AtomicU32,
    due: Semaphore,
    halt: CancellationToken,
}

/// One message, and when it was to be sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Turn {
    pub(super) number: u32,
    pub(super) due: Instant,
}

impl Turns {
    /// None is given out once `halt` is cancelled.
    pub(super) fn new(schedule: Schedule, begun: Instant, halt: CancellationToken) -> Self {
        let next = AtomicU32::new(0);
        Self { schedule, begun, next, due: Semaphore::new(0), halt }
    }

    /// Waits until a message is due that nobody has taken. Dropping it takes none.
    pub(super) async fn next(&self) -> Option<Turn> {
        if self.schedule.rate.is_some() {
            tokio::select! {
                biased;
                () = self.halt.cancelled() => return None,
                permit = self.due.acquire() => permit.ok()?.forget(),
            }
        } else if self.halt.is_cancelled() {
            return None;
        }
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        if self.schedule.count.is_some_and(|count| count <= number) {
            return None;
        }
        let due = match self.schedule.due(number) {
            Some(after) => self.begun + after,
            None => Instant::now(),
        };
        Some(Turn { number, due })
    }

    /// How many were given out.
    pub(super) fn taken(&self) -> u32 {
        self.next.load(Ordering::Relaxed)
    }

    /// How many were due when `elapsed` had passed, and nobody was free to send them.
    pub(super) fn left_behind(&self, elapsed: Duration) -> u32 {
        match self.schedule.rate {
            Some(_) => self.schedule.due_by(elapsed).saturating_sub(self.taken()),
            None => 0,
        }
    }

    /// Calls up what is due until the end, on a thread of its own: a timer of the runtime is a
    /// millisecond late, which is more than what is measured at times.
    #[allow(clippy::disallowed_methods, reason = "not on the runtime")]
    pub(super) fn call_up(&self) {
        let mut called = 0;
        while !self.halt.is_cancelled() {
            let elapsed = self.begun.elapsed();
            let due = self.schedule.due_by(elapsed);
            let more = due.saturating_sub(called);
            self.due.add_permits(more as usize);
            called = due;
            let next = self.schedule.due(due).unwrap_or_default();
            thread::sleep(next.saturating_sub(elapsed).clamp(PAUSE_MIN, PAUSE_MAX));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule(rate: f64, seconds: u64) -> Schedule {
        Schedule { rate: Some(rate), length: Duration::from_secs(seconds), count: None }
    }

    #[test]
    fn messages_are_due_at_equal_distances_and_none_at_the_end() {
        let millis = Duration::from_millis;
        let at_50 = schedule(50.0, 2);
        for (number, expected) in [(0, 0), (1, 20), (50, 1_000), (99, 1_980)] {
            assert_eq!(at_50.due(number), Some(millis(expected)), "{number}");
        }
        for (elapsed, expected) in [
            (0, 1),
            (19, 1),
            (20, 2),
            (21, 2),
            (1_000, 51),
            (1_999, 100),
            (2_000, 100),
            (9_000, 100),
        ] {
            assert_eq!(at_50.due_by(millis(elapsed)), expected, "{elapsed} ms");
        }
    }

    #[test]
    fn however_odd_the_rate_as_many_are_due_as_it_says() {
        for (rate, expected) in [(0.5, 30), (3.0, 180), (7_001.0, 420_060), (33.3, 1_998)] {
            let due = schedule(rate, 60).due_by(Duration::from_secs(60));
            assert!(due.abs_diff(expected) <= 1, "{rate}/s: {due}, not {expected}");
        }
    }

    #[tokio::test]
    async fn each_message_is_given_out_once_and_none_before_it_is_due() {
        let (begun, halt) = (Instant::now(), CancellationToken::new());
        let turns = std::sync::Arc::new(Turns::new(schedule(2_000.0, 60), begun, halt.clone()));
        let caller = std::sync::Arc::clone(&turns);
        let calling = tokio::task::spawn_blocking(move || caller.call_up());
        for expected in 0..100 {
            let turn = turns.next().await.unwrap();
            assert_eq!(turn.number, expected);
            assert!(turn.due <= Instant::now(), "{expected} came too early");
        }
        halt.cancel();
        assert!(turns.next().await.is_none());
        calling.await.unwrap();
        assert!(turns.left_behind(Duration::from_secs(1)) == 2_001 - 100);
    }
}
