//! Windows of time as people write them: `Mon-Fri 07:00-18:00`, or from one moment to another.

use std::{fmt, str::FromStr};

use jiff::{
    civil::{Date, DateTime, Time, Weekday},
    tz::TimeZone,
};
use messaging::Timestamp;

const DAYS: [(&str, Weekday); 7] = [
    ("Mon", Weekday::Monday),
    ("Tue", Weekday::Tuesday),
    ("Wed", Weekday::Wednesday),
    ("Thu", Weekday::Thursday),
    ("Fri", Weekday::Friday),
    ("Sat", Weekday::Saturday),
    ("Sun", Weekday::Sunday),
];

/// From a time of certain weekdays to another, at most 24 hours later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Weekly {
    /// First and last weekday; the last may be before the first: `Sat-Mon`.
    days: (Weekday, Weekday),
    /// Minutes of the day, below 1,440.
    from: i16,
    /// Minutes of the day, up to 1,440; not after `from`: of the next day.
    until: i16,
}

/// When somebody works on the departmental system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Maintenance {
    /// Every week.
    Weekly(Weekly),
    /// Once, from the first to the second.
    Once(DateTime, DateTime),
}

/// What is skipped or repeated when clocks are changed.
#[derive(Clone, Copy, Debug)]
pub(super) enum Change {
    /// As everybody's calendar does it.
    Usual,
    /// The longest it can be meant.
    Longest,
}

const MINUTES: i16 = 24 * 60;

impl Weekly {
    /// From when to when it lasts, if it begins on `date`.
    pub(super) fn on(
        &self,
        date: Date,
        zone: &TimeZone,
        change: Change,
    ) -> Option<(Timestamp, Timestamp)> {
        if !self.has(date.weekday()) {
            return None;
        }
        let end = if self.until <= self.from { self.until + MINUTES } else { self.until };
        span(at_minute(date, self.from)?, at_minute(date, end)?, zone, change)
    }

    fn has(&self, day: Weekday) -> bool {
        let (first, last) = self.days;
        first.until(day) <= first.until(last)
    }
}

impl Maintenance {
    /// From when to when it lasts, if it begins on `date`; what happens once, whatever the date.
    pub(super) fn on(&self, date: Date, zone: &TimeZone) -> Option<(Timestamp, Timestamp)> {
        match self {
            Self::Weekly(weekly) => weekly.on(date, zone, Change::Longest),
            Self::Once(from, until) => span(*from, *until, zone, Change::Longest),
        }
    }
}

fn at_minute(date: Date, minute: i16) -> Option<DateTime> {
    let date = if MINUTES <= minute { date.tomorrow().ok()? } else { date };
    let minute = minute % MINUTES;
    let (hour, minute) = (i8::try_from(minute / 60).ok()?, i8::try_from(minute % 60).ok()?);
    Some(date.to_datetime(Time::new(hour, minute, 0, 0).ok()?))
}

fn span(
    from: DateTime,
    until: DateTime,
    zone: &TimeZone,
    change: Change,
) -> Option<(Timestamp, Timestamp)> {
    let (from, until) = (zone.to_ambiguous_zoned(from), zone.to_ambiguous_zoned(until));
    let (from, until) = match change {
        Change::Usual => (from.compatible().ok()?, until.compatible().ok()?),
        Change::Longest => (from.earlier().ok()?, until.later().ok()?),
    };
    Some((moment(&from), moment(&until)))
}

pub(super) fn moment(zoned: &jiff::Zoned) -> Timestamp {
    Timestamp(zoned.timestamp().as_microsecond())
}

impl FromStr for Weekly {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is no window like `Mon-Fri 07:00-18:00`");
        let (days, times) = text.split_once(' ').ok_or_else(wrong)?;
        let (first, last) = days.split_once('-').unwrap_or((days, days));
        let days = day(first).zip(day(last)).ok_or_else(wrong)?;
        let (from, until) = times.split_once('-').ok_or_else(wrong)?;
        let from = minute(from).filter(|from| *from < MINUTES).ok_or_else(wrong)?;
        let until = minute(until).ok_or_else(wrong)?;
        if from == until {
            return Err(format!("`{text}` ends when it begins"));
        }
        Ok(Self { days, from, until })
    }
}

fn day(text: &str) -> Option<Weekday> {
    DAYS.iter().find(|(name, _)| *name == text).map(|(_, day)| *day)
}

/// Two digits each, up to `24:00`.
fn minute(text: &str) -> Option<i16> {
    let (hour, minute) = text.split_once(':')?;
    let number = |text: &str| {
        let is_two = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        is_two.then(|| text.parse::<i16>().ok()).flatten()
    };
    let (hour, minute) = (number(hour)?, number(minute)?);
    let of_day = hour * 60 + minute;
    (minute < 60 && of_day <= MINUTES).then_some(of_day)
}

impl fmt::Display for Weekly {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = |day| DAYS.iter().find(|(_, of)| *of == day).map_or("", |(name, _)| name);
        let (first, last) = self.days;
        f.write_str(name(first))?;
        if first != last {
            write!(f, "-{}", name(last))?;
        }
        let (from, until) = (self.from, self.until);
        write!(f, " {:02}:{:02}-{:02}:{:02}", from / 60, from % 60, until / 60, until % 60)
    }
}

impl FromStr for Maintenance {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let Some((from, until)) = text.split_once('/') else {
            let rule = "nor from one moment to another like `2026-12-05T20:00/2026-12-06T06:00`";
            return text.parse().map(Self::Weekly).map_err(|what| format!("{what}, {rule}"));
        };
        let read = |text: &str| {
            let is_whole = text.len() == "2026-12-05T20:00".len();
            let read = text.parse::<DateTime>().ok().filter(|_| is_whole);
            read.ok_or_else(|| format!("`{text}` is no local time like `2026-12-05T20:00`"))
        };
        let (from, until) = (read(from)?, read(until)?);
        if until <= from {
            return Err(format!("`{text}` ends before it begins"));
        }
        Ok(Self::Once(from, until))
    }
}

impl fmt::Display for Maintenance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let local = |at: &DateTime| at.strftime("%Y-%m-%dT%H:%M").to_string();
        match self {
            Self::Weekly(weekly) => weekly.fmt(f),
            Self::Once(from, until) => write!(f, "{}/{}", local(from), local(until)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_reads_back_as_it_is_written() {
        for text in ["Mon-Fri 07:00-18:00", "Sat 08:00-24:00", "Sat-Mon 22:00-02:30"] {
            assert_eq!(text.parse::<Weekly>().unwrap().to_string(), text);
            assert_eq!(text.parse::<Maintenance>().unwrap().to_string(), text);
        }
        let once = "2026-12-05T20:00/2026-12-06T06:00";
        assert_eq!(once.parse::<Maintenance>().unwrap().to_string(), once);
        for wrong in [
            "",
            "Mon",
            "Mo 07:00-18:00",
            "Mon 7:00-18:00",
            "Mon 07:00-24:01",
            "Mon 24:00-07:00",
            "Mon 07:60-08:00",
            "Mon 07:00-07:00",
            "Mon 07:00",
            "mon 07:00-18:00",
            "2026-12-05T20:00/2026-12-05T20:00",
            "2026-12-05/2026-12-06",
            "2026-02-30T20:00/2026-12-06T06:00",
        ] {
            assert!(wrong.parse::<Maintenance>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn days_may_go_round_the_weekend() {
        let window: Weekly = "Sat-Mon 08:00-12:00".parse().unwrap();
        let has = DAYS.map(|(_, day)| window.has(day));
        assert_eq!(has, [true, false, false, false, false, true, true]);
    }
}
