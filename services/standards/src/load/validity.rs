//! When a version of a standard is taken: XÖV standards change on appointed days, as 1 May and
//! 1 November.

use jiff::{
    ToSpan,
    civil::Date,
    tz::{self, TimeZone},
};
use messaging::Timestamp;

use crate::load::toml_file::Table;

/// Days of the calendar change at midnight there.
const ZONE: &str = "Europe/Berlin";

/// Days before the end on which every document is warned, unless the standard says otherwise.
const WARN_DAYS: i32 = 30;

/// The days a version is taken on; without limits, always.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Validity {
    /// The first day.
    pub(crate) from: Option<Date>,
    /// The last day.
    pub(crate) until: Option<Date>,
    warn_days: Option<i32>,
}

/// What a day is to a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Term {
    /// Taken.
    Valid,
    /// Taken for the last time on this day, which is near.
    EndsSoon(Date),
    /// Not taken before this day.
    NotYet(Date),
    /// Not taken any more since this day was over.
    Over(Date),
}

impl Validity {
    /// Reads `from`, `until` and `warn_days`.
    pub(crate) fn read(mut table: Table<'_>) -> Self {
        let mut date = |name| {
            let entry = table.take(name)?;
            let report = entry.reporter();
            let date = entry.text()?.parse::<Date>();
            date.map_err(|_| report("a day as `2026-11-01` is expected")).ok()
        };
        let (from, until) = (date("from"), date("until"));
        let warn_days = table.take("warn_days").and_then(|entry| {
            let report = entry.reporter();
            let days = entry.integer()?;
            let days = i32::try_from(days).ok().filter(|days| (0..=366).contains(days));
            if days.is_none() {
                report("0 to 366 days are expected");
            }
            days
        });
        if let (Some(from), Some(until)) = (from, until)
            && until < from
        {
            table.fault("until", "is before `from`");
        }
        table.finish();
        Self { from, until, warn_days }
    }

    /// What `day` is to it.
    pub(crate) fn on(self, day: Date) -> Term {
        let warn_days = self.warn_days.unwrap_or(WARN_DAYS);
        let is_near = |until: Date| {
            until.checked_sub(warn_days.days()).is_ok_and(|from| day > from) && warn_days > 0
        };
        match (self.from, self.until) {
            (Some(from), _) if day < from => Term::NotYet(from),
            (_, Some(until)) if day > until => Term::Over(until),
            (_, Some(until)) if is_near(until) => Term::EndsSoon(until),
            _ => Term::Valid,
        }
    }
}

/// The calendar's day in Germany at `now`.
pub(crate) fn day(now: Timestamp) -> Date {
    let at = jiff::Timestamp::from_microsecond(now.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    let zone = tz::db().get(ZONE).unwrap_or(TimeZone::UTC);
    at.to_zoned(zone).date()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Date {
        let at: jiff::Timestamp = text.parse().expect("a time");
        day(Timestamp(at.as_microsecond()))
    }

    #[test]
    fn days_change_at_midnight_in_germany_in_summer_and_in_winter() {
        let rows = [
            ("2026-04-30T21:59:59Z", "2026-04-30"),
            ("2026-04-30T22:00:00Z", "2026-05-01"),
            ("2026-10-31T22:59:59Z", "2026-10-31"),
            ("2026-10-31T23:00:00Z", "2026-11-01"),
        ];
        for (time, expected) in rows {
            assert_eq!(at(time).to_string(), expected, "{time}");
        }
    }

    #[test]
    fn a_version_is_taken_from_its_first_to_its_last_day_and_warned_of_before_the_end() {
        let date = |text: &str| text.parse::<Date>().expect("a day");
        let (from, until) = (date("2026-05-01"), date("2026-10-31"));
        let validity = Validity { from: Some(from), until: Some(until), warn_days: None };
        let rows = [
            ("2026-04-30", Term::NotYet(from)),
            ("2026-05-01", Term::Valid),
            ("2026-10-01", Term::Valid),
            ("2026-10-02", Term::EndsSoon(until)),
            ("2026-10-31", Term::EndsSoon(until)),
            ("2026-11-01", Term::Over(until)),
        ];
        for (day, expected) in rows {
            assert_eq!(validity.on(date(day)), expected, "{day}");
        }
        assert_eq!(Validity::default().on(date("1970-01-01")), Term::Valid);
        let quiet = Validity { warn_days: Some(0), ..validity };
        assert_eq!(quiet.on(until), Term::Valid);
    }
}
