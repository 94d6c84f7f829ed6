//! How what is old is looked through: in small steps, between which a store's other work has the
//! writing connection to itself. The same for every store that trims.

use std::{future::Future, time::Duration};

use messaging::Result;
use tokio::time::Instant;

/// Between two rounds, and before the first: a process that starts again and again ages nothing.
pub const ROUND_EVERY: Duration = Duration::from_secs(600);

/// How much older a store grows in one round at most: six times as fast as time, so that it catches
/// up after a standstill, and a clock that is wrong for an hour erases six hours too early.
pub const AGE_STEP_MAX: Duration = Duration::from_secs(3_600);

/// The shortest pause between two steps.
pub const PAUSE_MIN: Duration = Duration::from_millis(20);

/// After each step the store is left alone for so many times as long as the step took.
const LEAVE_ALONE: u32 = 9;

/// What one step removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Trimmed {
    /// Rows removed, or emptied of their record.
    pub rows: u64,
    /// Where the next step begins; `None`: all was looked through.
    pub next: Option<i64>,
}

/// Looks through rows of one kind from `after` on, in at most `steps_max` steps, and leaves in
/// `after` where the next pass goes on. Says how many rows went, also where a step failed.
///
/// Cancel safe: the rows of a dropped pass have gone or not, and the next looks again.
pub async fn pass<F>(
    steps_max: usize,
    after: &mut i64,
    mut step: impl FnMut(i64) -> F,
) -> (u64, Result<()>)
where
    F: Future<Output = Result<Trimmed>>,
{
    let mut rows = 0;
    for _ in 0..steps_max {
        let began = Instant::now();
        let trimmed = match step(*after).await {
            Ok(trimmed) => trimmed,
            Err(failure) => return (rows, Err(failure)),
        };
        rows += trimmed.rows;
        *after = trimmed.next.unwrap_or(0);
        if trimmed.next.is_none() {
            break;
        }
        tokio::time::sleep(PAUSE_MIN.max(began.elapsed() * LEAVE_ALONE)).await;
    }
    (rows, Ok(()))
}

#[cfg(test)]
mod tests {
    use messaging::FailureKind;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_pass_goes_on_where_the_last_one_stopped_and_begins_anew_at_the_end() {
        let mut after = 0;
        let step = |from: i64| async move {
            Ok(Trimmed { rows: 2, next: (from < 30).then_some(from + 10) })
        };
        let first = pass(3, &mut after, step).await;
        assert_eq!((first.0, first.1.is_ok(), after), (6, true, 30));
        let second = pass(3, &mut after, step).await;
        assert_eq!((second.0, second.1.is_ok(), after), (2, true, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn what_went_before_a_step_failed_is_told_and_the_failed_step_comes_again() {
        let mut after = 0;
        let step = |from: i64| async move {
            match from {
                0 => Ok(Trimmed { rows: 5, next: Some(10) }),
                _ => Err(FailureKind::Unavailable.because("AB-2201", "away")),
            }
        };
        let (rows, outcome) = pass(9, &mut after, step).await;
        assert_eq!((rows, outcome.is_err(), after), (5, true, 10));
    }
}
