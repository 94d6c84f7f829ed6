//! How fast an endpoint gets on, and when nothing will be left: measured, never hoped. Pure: time is
//! an argument.

use std::time::Duration;

use messaging::{Drained, Timestamp};
use tokio::time::Instant;

use super::calendar::Calendar;

/// What was measured counts half after so much time of work.
const HALF_LIFE: Duration = Duration::from_secs(60);
/// A measure is one after so much time of work.
const WORK_MIN: Duration = Duration::from_secs(1);
/// No further is looked ahead.
const HORIZON: Duration = Duration::from_secs(400 * 24 * 3_600);
/// Openings and closings looked at, at most.
const CHANGES_MAX: usize = 4_000;

/// Deliveries that ended while something was under way, and how long that was.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Pace {
    ended: f64,
    worked_s: f64,
    since: Option<Instant>,
}

impl Pace {
    /// `ended` deliveries have ended; from now on something is under way, or nothing.
    pub(crate) fn note(&mut self, now: Instant, ended: usize, is_working: bool) {
        if let Some(since) = self.since {
            let worked = now.saturating_duration_since(since).as_secs_f64();
            let kept = 0.5_f64.powf(worked / HALF_LIFE.as_secs_f64());
            self.worked_s = self.worked_s * kept + worked;
            self.ended *= kept;
        }
        self.ended += f64::from(u32::try_from(ended).unwrap_or(u32::MAX));
        self.since = is_working.then_some(now);
    }

    /// Deliveries a second of work, once enough was seen.
    pub(crate) fn per_second(&self) -> Option<f64> {
        let is_measured = WORK_MIN.as_secs_f64() <= self.worked_s && 0.0 < self.ended;
        is_measured.then(|| self.ended / self.worked_s)
    }
}

/// What a forecast is made of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outlook<'a> {
    pub(crate) at: Timestamp,
    /// Deliveries that can go; those behind a decision are not among them.
    pub(crate) backlog: usize,
    /// How long the last of those that wait will wait.
    pub(crate) wait_max: Duration,
    /// As measured.
    pub(crate) per_second: Option<f64>,
    /// As allowed.
    pub(crate) interval: Option<Duration>,
    pub(crate) calendar: Option<&'a Calendar>,
    pub(crate) is_paused: bool,
    /// It does not answer.
    pub(crate) is_down: bool,
}

/// When the last of the backlog will be gone, if everything stays as it is and nothing comes.
pub(crate) fn drained(outlook: &Outlook<'_>) -> Drained {
    if outlook.backlog == 0 {
        return Drained::Empty;
    }
    if outlook.is_paused {
        return Drained::Paused;
    }
    if outlook.is_down {
        return Drained::Down;
    }
    let Some(per_second) = outlook.per_second else { return Drained::Unmeasured };
    let backlog = f64::from(u32::try_from(outlook.backlog).unwrap_or(u32::MAX));
    let allowed = outlook.interval.map_or(f64::INFINITY, |every| 1.0 / every.as_secs_f64());
    let work = Duration::try_from_secs_f64(backlog / per_second.min(allowed)).unwrap_or(HORIZON);
    let until = through(outlook.calendar, outlook.at, work);
    // What waits is handed out when its time has come, not before.
    let waited = outlook.at.after(outlook.wait_max);
    match until.map(|until| until.max(waited)) {
        Some(until) if until <= outlook.at.after(HORIZON) => Drained::At(until),
        _ => Drained::Beyond,
    }
}

/// When `work` that begins at `at` is done, if it rests whenever the calendar is closed.
fn through(calendar: Option<&Calendar>, at: Timestamp, work: Duration) -> Option<Timestamp> {
    let Some(calendar) = calendar else { return Some(at.after(work)) };
    let (mut now, mut left) = (at, work);
    for _ in 0..CHANGES_MAX {
        let standing = calendar.standing(now);
        let is_open = standing.closed.is_none();
        let Some(until) = standing.until else { return is_open.then(|| now.after(left)) };
        let span = until.since(now);
        if is_open && left <= span {
            return Some(now.after(left));
        }
        if is_open {
            left -= span;
        }
        if HORIZON < until.since(at) {
            return None;
        }
        now = until;
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::gate::calendar::tests::{at, office};

    const NOTHING: Outlook<'_> = Outlook {
        at: Timestamp(1_800_000_000_000_000),
        backlog: 100,
        wait_max: Duration::ZERO,
        per_second: Some(2.0),
        interval: None,
        calendar: None,
        is_paused: false,
        is_down: false,
    };

    fn after(seconds: u64) -> Drained {
        Drained::At(NOTHING.at.after(Duration::from_secs(seconds)))
    }

    #[test]
    fn a_forecast_is_made_of_what_was_measured_and_says_where_there_is_none() {
        let slow = Some(Duration::from_secs(1));
        let long = Duration::from_secs(600);
        for (outlook, expected) in [
            (NOTHING, after(50)),
            (Outlook { interval: slow, ..NOTHING }, after(100)),
            (Outlook { wait_max: long, ..NOTHING }, after(600)),
            (Outlook { backlog: 0, is_paused: true, ..NOTHING }, Drained::Empty),
            (Outlook { is_paused: true, is_down: true, ..NOTHING }, Drained::Paused),
            (Outlook { is_down: true, ..NOTHING }, Drained::Down),
            (Outlook { per_second: None, ..NOTHING }, Drained::Unmeasured),
            (Outlook { per_second: Some(1e-9), ..NOTHING }, Drained::Beyond),
        ] {
            assert_eq!(drained(&outlook), expected, "{outlook:?}");
        }
    }

    #[test]
    fn what_is_not_done_by_closing_time_is_done_when_it_opens_again() {
        let calendar = office();
        let of = |from: &str, hours: usize| {
            let outlook = Outlook {
                at: at(from),
                backlog: hours * 3_600,
                per_second: Some(1.0),
                calendar: Some(&calendar),
                ..NOTHING
            };
            drained(&outlook)
        };
        // Mon-Fri 08:00-16:00 in Berlin.
        assert_eq!(of("2026-11-23T09:00+01", 2), Drained::At(at("2026-11-23T11:00+01")));
        assert_eq!(of("2026-11-23T15:00+01", 2), Drained::At(at("2026-11-24T09:00+01")));
        assert_eq!(of("2026-11-27T15:00+01", 10), Drained::At(at("2026-12-01T09:00+01")));
        assert_eq!(of("2026-11-28T12:00+01", 1), Drained::At(at("2026-11-30T09:00+01")));
    }

    #[tokio::test(start_paused = true)]
    async fn time_without_work_says_nothing_about_the_pace() {
        let mut now = Instant::now();
        let mut pace = Pace::default();
        assert_eq!(pace.per_second(), None);
        pace.note(now, 0, true);
        for _ in 0..100 {
            now += Duration::from_millis(100);
            pace.note(now, 1, true);
        }
        pace.note(now, 0, false);
        let measured = pace.per_second().unwrap();
        assert!((measured - 10.0).abs() < 1.0, "{measured}");
        now += Duration::from_secs(36_000);
        pace.note(now, 0, true);
        assert_eq!(pace.per_second(), Some(measured), "a night changes nothing");
        for _ in 0..600 {
            now += Duration::from_secs(1);
            pace.note(now, 1, true);
        }
        let slower = pace.per_second().unwrap();
        assert!((slower - 1.0).abs() < 0.1, "{slower}");
    }

    proptest! {
        #![proptest_config(crate::tests::the_same_each_time(40))]
        #[test]
        fn work_rests_exactly_while_the_calendar_is_closed(
            start in 0_u64..400 * 24, hours in 1_u64..60,
        ) {
            let calendar = office();
            let from = at("2026-01-01T00:00+01").after(Duration::from_secs(start * 3_600));
            let done = through(Some(&calendar), from, Duration::from_secs(hours * 3_600)).unwrap();
            let quarters = (0..).map(|quarter| from.after(Duration::from_secs(900 * quarter)));
            let open = quarters.take_while(|quarter| *quarter < done)
                .filter(|quarter| calendar.closed(*quarter).is_none()).count();
            prop_assert_eq!(open as u64, hours * 4);
        }
    }
}
