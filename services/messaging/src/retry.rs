//! When to try again: a pure function of the failure, the attempt and a throw of the dice.

use std::time::Duration;

use crate::{Failure, FailureKind};

/// A remote side that asks for more is mistaken, or will not mind an earlier question.
const ASKED_MAX: Duration = Duration::from_secs(24 * 3_600);

/// Bounds on trying one message again. Words as in crate `backoff`, so that operators know them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RetryPolicy {
    /// The wait after the first failed attempt.
    pub initial_interval: Duration,
    /// How much longer each further wait is; at least 1.
    pub multiplier: f64,
    /// A wait `w` is drawn from `w·(1−r) ..= w·(1+r)`; 0 to 1.
    pub randomization_factor: f64,
    /// The longest wait before the draw.
    pub max_interval: Duration,
    /// Give up when this long has passed since the first attempt; `None` = never for that reason.
    pub max_elapsed_time: Option<Duration>,
    /// Attempts in all, at least 1; the last failure dead-letters.
    pub attempts_max: u32,
}

impl Default for RetryPolicy {
    /// 1 s, doubling to 10 min, ±20 %, 16 attempts: about an hour and a half.
    fn default() -> Self {
        Self {
            initial_interval: Duration::from_secs(1),
            multiplier: 2.0,
            randomization_factor: 0.2,
            max_interval: Duration::from_secs(600),
            max_elapsed_time: None,
            attempts_max: 16,
        }
    }
}

/// What the dispatcher does next with a delivery that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Try again after the wait; the attempt counts.
    Retry(Duration),
    /// Close the endpoint's gate for the wait; the attempt does not count.
    CloseGate(Duration),
    /// Nobody knows whether it took effect: the effect contract decides.
    Uncertain,
    /// Final answer of the departmental system.
    Reject,
    /// Out of attempts, or hopeless: an operator's turn.
    DeadLetter,
}

impl RetryPolicy {
    /// Decides about a delivery whose attempt number `attempt` (from 1) failed, `elapsed` after its
    /// first one began. `chance` is drawn evenly from `0.0..1.0`.
    #[must_use]
    pub fn decide(
        &self,
        failure: &Failure,
        attempt: u32,
        elapsed: Duration,
        chance: f64,
    ) -> Decision {
        let wait = self.wait_after(failure, attempt, chance);
        match failure.kind() {
            FailureKind::Defect => Decision::DeadLetter,
            FailureKind::Rejected => Decision::Reject,
            FailureKind::Uncertain => Decision::Uncertain,
            FailureKind::Unavailable => Decision::CloseGate(wait),
            FailureKind::Transient if self.is_exhausted(attempt, elapsed) => Decision::DeadLetter,
            FailureKind::Transient => Decision::Retry(wait),
        }
    }

    /// What the remote side asked for, as far as anybody waits so long, else what the policy says.
    #[must_use]
    pub fn wait_after(&self, failure: &Failure, attempt: u32, chance: f64) -> Duration {
        let asked = failure.wait_requested().map(|asked| asked.min(self.wait_max()));
        asked.unwrap_or_else(|| self.wait(attempt, chance))
    }

    /// No wait is longer, whoever asked for it: a day, or what the policy itself can come to.
    #[must_use]
    pub fn wait_max(&self) -> Duration {
        self.wait(u32::MAX, 1.0).max(ASKED_MAX)
    }

    /// Whether a delivery tried `attempts` times within `elapsed` is not to be tried again.
    #[must_use]
    pub fn is_exhausted(&self, attempts: u32, elapsed: Duration) -> bool {
        self.attempts_max <= attempts || self.max_elapsed_time.is_some_and(|max| max <= elapsed)
    }

    /// The wait after attempt number `attempt` (from 1).
    #[must_use]
    pub fn wait(&self, attempt: u32, chance: f64) -> Duration {
        let exponent = i32::try_from(attempt.saturating_sub(1)).unwrap_or(i32::MAX);
        let grown = self.initial_interval.as_secs_f64() * self.multiplier.max(1.0).powi(exponent);
        // Nothing times infinity is no number, and stays nothing.
        let grown = if grown.is_nan() { 0.0 } else { grown };
        let capped = grown.min(self.max_interval.as_secs_f64());
        let spread = self.randomization_factor.clamp(0.0, 1.0) * (2.0 * chance - 1.0);
        Duration::try_from_secs_f64(capped * (1.0 + spread)).unwrap_or(self.max_interval)
    }
}

#[cfg(test)]
mod tests;
