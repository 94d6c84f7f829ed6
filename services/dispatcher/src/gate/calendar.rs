//! When a departmental system is open: office hours, holidays, maintenance. Pure: time is an
//! argument.
//!
//! Hours are those people there see on the wall; on the days clocks are changed an hour is skipped
//! or comes twice. A window that is open begins and ends as everybody's calendar has it; one of
//! maintenance is taken for as long as it can be meant.

use std::time::Duration;

use jiff::{Timestamp as Moment, civil::Date, tz::TimeZone};
use messaging::Timestamp;

use super::{
    holidays::{Holiday, State},
    window::{Change, Maintenance, Weekly, moment},
};

/// Looked ahead this far for the next change.
const HORIZON_DAYS: u16 = 400;
/// Where no change is in sight, it is looked again after this long.
const LOOK_AGAIN: Duration = Duration::from_secs(24 * 3_600);

/// When a departmental system may be handed something.
#[derive(Clone, Debug, PartialEq)]
pub struct Calendar {
    /// Whose wall clock is meant.
    pub zone: TimeZone,
    /// Office hours; none: round the clock.
    pub open: Vec<Weekly>,
    /// Whose public holidays it keeps.
    pub state: Option<State>,
    /// Further days on which it is closed.
    pub holidays: Vec<Holiday>,
    /// Times at which it is closed besides.
    pub maintenance: Vec<Maintenance>,
}

/// How it is at a moment, and how long it stays so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    /// `None`: open.
    pub(crate) closed: Option<Closed>,
    /// When that changes, if it does within 400 days.
    pub(crate) until: Option<Timestamp>,
}

/// Why a calendar is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Closed {
    OutOfHours,
    Holiday,
    Maintenance,
}

impl Closed {
    /// In words, for operators.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::OutOfHours => "outside its hours",
            Self::Holiday => "a holiday",
            Self::Maintenance => "in maintenance",
        }
    }
}

impl Calendar {
    /// How it is at `at`.
    pub(crate) fn standing(&self, at: Timestamp) -> Standing {
        let closed = self.closed(at);
        let changes = |edge: &Timestamp| self.closed(*edge).is_some() != closed.is_some();
        let Some(today) = self.date(at) else { return Standing { closed, until: None } };
        let days = std::iter::successors(Some(today), |day| day.tomorrow().ok());
        let edges = days.take(HORIZON_DAYS.into()).flat_map(|day| self.edges(day));
        let until = edges.filter(|edge| at < *edge).find(changes);
        Standing { closed, until }
    }

    /// Why it is closed at `at`, if it is.
    pub(super) fn closed(&self, at: Timestamp) -> Option<Closed> {
        let today = self.date(at)?;
        let within = |(from, until): (Timestamp, Timestamp)| from <= at && at < until;
        // What began yesterday may last into today.
        let days = [today.yesterday().ok(), Some(today)];
        let days = || days.iter().flatten();
        let in_maintenance =
            |it: &Maintenance| days().filter_map(|day| it.on(*day, &self.zone)).any(within);
        if self.maintenance.iter().any(in_maintenance) {
            return Some(Closed::Maintenance);
        }
        if self.is_holiday(today) {
            return Some(Closed::Holiday);
        }
        let is_open =
            |it: &Weekly| days().filter_map(|d| it.on(*d, &self.zone, Change::Usual)).any(within);
        let is_closed = !self.open.is_empty() && !self.open.iter().any(is_open);
        is_closed.then_some(Closed::OutOfHours)
    }

    fn is_holiday(&self, date: Date) -> bool {
        self.state.is_some_and(|state| state.keeps(date))
            || self.holidays.iter().any(|holiday| holiday.is_on(date))
    }

    /// Whatever may change on `date`, in order.
    fn edges(&self, date: Date) -> Vec<Timestamp> {
        let begin = |date: Date| Some(moment(&date.to_zoned(self.zone.clone()).ok()?));
        let (Some(first), Some(last)) = (begin(date), date.tomorrow().ok().and_then(begin)) else {
            return Vec::new();
        };
        let mut edges = vec![first];
        for day in [date.yesterday().ok(), Some(date)].into_iter().flatten() {
            let open = self.open.iter().filter_map(|it| it.on(day, &self.zone, Change::Usual));
            let maintenance = self.maintenance.iter().filter_map(|it| it.on(day, &self.zone));
            edges.extend(open.chain(maintenance).flat_map(|(from, until)| [from, until]));
        }
        edges.retain(|edge| first <= *edge && *edge < last);
        edges.sort_unstable();
        edges.dedup();
        edges
    }

    fn date(&self, at: Timestamp) -> Option<Date> {
        let moment = Moment::from_microsecond(at.0).ok()?;
        Some(self.zone.to_datetime(moment).date())
    }
}

/// A calendar and how it is now, looked up again when that may have changed.
#[derive(Debug)]
pub(crate) struct Hours {
    calendar: Option<Calendar>,
    known: Option<(Timestamp, Standing)>,
}

impl Hours {
    pub(crate) fn new(calendar: Option<Calendar>) -> Self {
        Self { calendar, known: None }
    }

    /// Looks at the calendar; true if it opened or closed since. A clock that jumps, either way, is
    /// believed: nothing but the clock says what time it is.
    pub(crate) fn look(&mut self, at: Timestamp) -> bool {
        let Some(calendar) = &self.calendar else { return false };
        if self.holds(at) {
            return false;
        }
        let before = self.closed();
        self.known = Some((at, calendar.standing(at)));
        before.is_some() != self.closed().is_some()
    }

    /// Whether it is closed at `at`, which was not so when it was looked at: it closed meanwhile, or
    /// the clock jumped.
    pub(crate) fn has_closed(&self, at: Timestamp) -> bool {
        let is_closed = |calendar: &Calendar| calendar.closed(at).is_some();
        !self.holds(at) && self.calendar.as_ref().is_some_and(is_closed)
    }

    /// Whether what was seen is so at `at`, too.
    fn holds(&self, at: Timestamp) -> bool {
        self.known.is_some_and(|(since, standing)| {
            let until = standing.until.unwrap_or_else(|| since.after(LOOK_AGAIN));
            since <= at && at < until
        })
    }

    /// Why it is closed; open before the first look.
    pub(crate) fn closed(&self) -> Option<Closed> {
        self.known.and_then(|(_, standing)| standing.closed)
    }

    /// When it opens or closes, as far as that is in sight.
    pub(crate) fn changes_at(&self) -> Option<Timestamp> {
        self.known.and_then(|(_, standing)| standing.until)
    }

    pub(crate) fn calendar(&self) -> Option<&Calendar> {
        self.calendar.as_ref()
    }
}

#[cfg(test)]
pub(crate) mod tests;
