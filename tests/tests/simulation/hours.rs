//! When a departmental system is open, in minutes of a life: the calendar its endpoint is configured
//! with, and the same once more as plain times, by which is judged whether anything came outside them.

use std::{ops::Range, time::Duration};

use dispatcher::Calendar;
use jiff::tz::TimeZone;

use super::weather::Weather;

/// A life begins at this hour (UTC) of a day; days are all the same, so a clock that is wrong by whole
/// days says the right time of the day.
const BEGINS_AT_HOUR: u64 = 8;

/// What opens and closes within a life.
#[derive(Clone, Debug)]
pub(crate) struct Hours {
    /// As it is configured.
    pub(crate) calendar: Calendar,
    /// Closed in these minutes of a life.
    closed: Vec<Range<u64>>,
}

impl Hours {
    /// Three short closings, of which some outlast the storms: with office hours around them, or as times
    /// of maintenance.
    pub(crate) fn draw(weather: &Weather) -> Self {
        let mut minute = weather.below(2);
        let mut closed = Vec::new();
        for _ in 0..3 {
            let until = minute + 1 + weather.below(2);
            closed.push(minute..until);
            minute = until + 1 + weather.below(2);
        }
        let mut calendar = Calendar {
            zone: TimeZone::UTC,
            open: Vec::new(),
            state: None,
            holidays: Vec::new(),
            maintenance: Vec::new(),
        };
        if weather.below(2) == 0 {
            let of = |closed: &Range<u64>| window(closed).parse().expect("a window");
            calendar.maintenance = closed.iter().map(of).collect();
        } else {
            let ends = closed.iter().skip(1).map(|next| next.start).chain([12 * 60]);
            let open = closed.iter().zip(ends).map(|(before, end)| before.end..end);
            // What is open before the first closing, if anything is.
            let first = closed.first().map(|first| 0..first.start).filter(|it| !it.is_empty());
            let of = |open: Range<u64>| window(&open).parse().expect("a window");
            calendar.open = first.into_iter().chain(open).map(of).collect();
        }
        Self { calendar, closed }
    }

    /// Whether nothing may come at this moment of a life.
    pub(crate) fn are_over(&self, age: Duration) -> bool {
        self.closed.iter().any(|closed| closed.contains(&(age.as_secs() / 60)))
    }
}

/// These minutes of a life, every day, as people write them.
fn window(minutes: &Range<u64>) -> String {
    let at = |minute: u64| format!("{:02}:{:02}", BEGINS_AT_HOUR + minute / 60, minute % 60);
    format!("Mon-Sun {}-{}", at(minutes.start), at(minutes.end))
}
