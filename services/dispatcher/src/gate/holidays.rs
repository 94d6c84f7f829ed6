//! Public holidays of the German federal states, by rule, and whatever else is configured.
//!
//! The rules are those of the states' holiday laws (Feiertagsgesetze) as of 2026. What only some
//! municipalities keep (Fronleichnam in parts of Sachsen and Thüringen, Mariä Himmelfahrt in parts
//! of Bayern, the Friedensfest in Augsburg) is for the configuration to say.

use std::{fmt, str::FromStr};

use jiff::civil::{Date, Weekday};

use self::State::{BB, BE, BW, BY, HB, HE, HH, MV, NI, NW, RP, SH, SL, SN, ST, TH};

/// A federal state, called as in ISO 3166-2 without `DE-`.
#[allow(missing_docs, reason = "the codes say it")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    BW,
    BY,
    BE,
    BB,
    HB,
    HH,
    HE,
    MV,
    NI,
    NW,
    RP,
    SL,
    SN,
    ST,
    SH,
    TH,
}

/// A day that is none to work on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holiday {
    /// This one day.
    On(Date),
    /// Month and day of every year.
    Yearly(i8, i8),
    /// So many days after Easter Sunday, or before it.
    Easter(i16),
}

/// When a rule applies.
enum Rule {
    Day(i8, i8),
    Easter(i16),
    /// The Wednesday before 23 November.
    Repentance,
}

/// Every rule: where, and from which year on to which.
const RULES: [(Rule, &[State], i16, i16); 23] = [
    (Rule::Day(1, 1), &State::ALL, 0, END),
    (Rule::Day(1, 6), &[BW, BY, ST], 0, END),
    (Rule::Day(3, 8), &[BE], 2019, END),
    (Rule::Day(3, 8), &[MV], 2023, END),
    (Rule::Easter(-2), &State::ALL, 0, END),
    (Rule::Easter(0), &[BB], 0, END),
    (Rule::Easter(1), &State::ALL, 0, END),
    (Rule::Day(5, 1), &State::ALL, 0, END),
    (Rule::Day(5, 8), &[BE], 2025, 2025),
    (Rule::Easter(39), &State::ALL, 0, END),
    (Rule::Easter(49), &[BB], 0, END),
    (Rule::Easter(50), &State::ALL, 0, END),
    (Rule::Easter(60), &[BW, BY, HE, NW, RP, SL], 0, END),
    (Rule::Day(6, 17), &[BE], 2028, 2028),
    (Rule::Day(8, 15), &[SL], 0, END),
    (Rule::Day(9, 20), &[TH], 2019, END),
    (Rule::Day(10, 3), &State::ALL, 1990, END),
    (Rule::Day(10, 31), &[BB, MV, SN, ST, TH], 0, END),
    (Rule::Day(10, 31), &[HB, HH, NI, SH], 2018, END),
    (Rule::Day(11, 1), &[BW, BY, NW, RP, SL], 0, END),
    (Rule::Repentance, &[SN], 0, END),
    (Rule::Day(12, 25), &State::ALL, 0, END),
    (Rule::Day(12, 26), &State::ALL, 0, END),
];

const END: i16 = i16::MAX;
/// So far from Easter a day may be named.
const EASTER_DAYS_MAX: i16 = 200;

impl State {
    /// All of them.
    pub const ALL: [Self; 16] = [BW, BY, BE, BB, HB, HH, HE, MV, NI, NW, RP, SL, SN, ST, SH, TH];

    /// Whether `date` is a public holiday in all of the state.
    #[must_use]
    pub fn keeps(self, date: Date) -> bool {
        let applies = |(rule, states, from, until): &(Rule, &[Self], i16, i16)| {
            (*from..=*until).contains(&date.year()) && states.contains(&self) && rule.is_on(date)
        };
        RULES.iter().any(applies)
    }
}

impl Rule {
    fn is_on(&self, date: Date) -> bool {
        match *self {
            Self::Day(month, day) => (date.month(), date.day()) == (month, day),
            Self::Easter(days) => is_after_easter(date, days),
            Self::Repentance => {
                date.month() == 11
                    && (16..=22).contains(&date.day())
                    && date.weekday() == Weekday::Wednesday
            }
        }
    }
}

impl Holiday {
    /// Whether `date` is such a day.
    #[must_use]
    pub fn is_on(&self, date: Date) -> bool {
        match *self {
            Self::On(day) => day == date,
            Self::Yearly(month, day) => (date.month(), date.day()) == (month, day),
            Self::Easter(days) => is_after_easter(date, days),
        }
    }
}

fn is_after_easter(date: Date, days: i16) -> bool {
    easter(date.year()).is_some_and(|easter| i32::from(days) == days_between(easter, date))
}

fn days_between(from: Date, until: Date) -> i32 {
    until.since(from).map_or(i32::MAX, |span| span.get_days())
}

/// Easter Sunday of a year in the Gregorian calendar, by the algorithm that J.-M. Oudin gave in
/// 1940.
fn easter(year: i16) -> Option<Date> {
    let year = i32::from(year);
    let (century, golden) = (year / 100, year % 19);
    let correction = (century - 17) / 25;
    let moon = (century - century / 4 - (century - correction) / 3 + 19 * golden + 15) % 30;
    let moon = moon - (moon / 28) * (1 - (29 / (moon + 1)) * ((21 - golden) / 11));
    let weekday = (year + year / 4 + moon + 2 - century + century / 4) % 7;
    let days = moon - weekday;
    let month = 3 + (days + 40) / 44;
    let day = days + 28 - 31 * (month / 4);
    let (year, month, day) =
        (i16::try_from(year).ok()?, i8::try_from(month).ok()?, i8::try_from(day).ok()?);
    Date::new(year, month, day).ok()
}

impl FromStr for State {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|state| state.to_string() == text);
        found.ok_or_else(|| format!("`{text}` is no federal state like `DE-SN`"))
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DE-{self:?}")
    }
}

impl FromStr for Holiday {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let read = if let Some(days) = text.strip_prefix("easter") {
            let days = if days.is_empty() { Some(0) } else { signed(days) };
            days.filter(|days| days.abs() <= EASTER_DAYS_MAX).map(Self::Easter)
        } else if text.len() == MONTH_DAY.len() {
            // A leap year, so that 29 February is a day.
            let day = format!("2024-{text}").parse::<Date>().ok();
            day.map(|day| Self::Yearly(day.month(), day.day()))
        } else {
            text.parse().ok().filter(|_| text.len() == DAY.len()).map(Self::On)
        };
        let rule = format!("`{DAY}`, `{MONTH_DAY}` or `easter+60`");
        read.ok_or_else(|| format!("`{text}` is no day like {rule}"))
    }
}

const DAY: &str = "2026-12-24";
const MONTH_DAY: &str = "12-24";

/// A number that says which way.
fn signed(text: &str) -> Option<i16> {
    text.starts_with(['+', '-']).then(|| text.parse().ok()).flatten()
}

impl fmt::Display for Holiday {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::On(date) => write!(f, "{date}"),
            Self::Yearly(month, day) => write!(f, "{month:02}-{day:02}"),
            Self::Easter(days) => write!(f, "easter{days:+}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    fn of_year(state: State, year: i16) -> Vec<String> {
        let days = date(year, 1, 1).series(jiff::Span::new().days(1));
        let days = days.take_while(|day| day.year() == year).filter(|day| state.keeps(*day));
        days.map(|day| day.strftime("%d.%m.").to_string()).collect()
    }

    #[test]
    fn easter_is_where_the_church_has_it() {
        for (year, month, day) in [
            (1943, 4, 25),
            (1954, 4, 18),
            (1981, 4, 19),
            (2000, 4, 23),
            (2008, 3, 23),
            (2024, 3, 31),
            (2025, 4, 20),
            (2026, 4, 5),
            (2027, 3, 28),
            (2028, 4, 16),
            (2038, 4, 25),
            (2049, 4, 18),
            (2076, 4, 19),
            (2285, 3, 22),
        ] {
            assert_eq!(easter(year), Some(date(year, month, day)));
        }
        for year in 1583..4000 {
            let sunday = easter(year).unwrap();
            assert_eq!(sunday.weekday(), Weekday::Sunday, "{year}");
            assert!((date(year, 3, 22)..=date(year, 4, 25)).contains(&sunday), "{year}");
        }
    }

    #[test]
    fn each_state_keeps_its_own_days() {
        let sachsen = [
            "01.01.", "03.04.", "06.04.", "01.05.", "14.05.", "25.05.", "03.10.", "31.10.",
            "18.11.", "25.12.", "26.12.",
        ];
        assert_eq!(of_year(SN, 2026), sachsen);
        let brandenburg = [
            "01.01.", "03.04.", "05.04.", "06.04.", "01.05.", "14.05.", "24.05.", "25.05.",
            "03.10.", "31.10.", "25.12.", "26.12.",
        ];
        assert_eq!(of_year(BB, 2026), brandenburg);
        let saarland = [
            "01.01.", "18.04.", "21.04.", "01.05.", "29.05.", "09.06.", "19.06.", "15.08.",
            "03.10.", "01.11.", "25.12.", "26.12.",
        ];
        assert_eq!(of_year(SL, 2025), saarland);
        for (state, year, count) in [
            (ST, 2026, 11),
            (TH, 2026, 11),
            (MV, 2022, 10),
            (MV, 2026, 11),
            (NI, 2016, 9),
            (NI, 2026, 10),
            (BE, 2026, 10),
            (BE, 2025, 11),
            (BE, 2028, 11),
            (BY, 2026, 12),
            (BW, 2026, 12),
            (NW, 2026, 11),
            (HE, 2026, 10),
        ] {
            assert_eq!(of_year(state, year).len(), count, "{state} {year}");
        }
        assert!(SN.keeps(date(2025, 11, 19)) && SN.keeps(date(2027, 11, 17)));
    }

    #[test]
    fn a_configured_day_reads_back_as_it_is_written() {
        for text in ["2026-12-24", "12-24", "02-29", "easter+60", "easter-2", "easter+0"] {
            assert_eq!(text.parse::<Holiday>().unwrap().to_string(), text);
        }
        for wrong in ["", "24.12.", "2026-02-29", "13-01", "easter60", "easter+999", "2026-12"] {
            assert!(wrong.parse::<Holiday>().is_err(), "{wrong}");
        }
        let fronleichnam: Holiday = "easter+60".parse().unwrap();
        assert!(fronleichnam.is_on(date(2026, 6, 4)) && !fronleichnam.is_on(date(2027, 6, 4)));
        assert!("12-24".parse::<Holiday>().unwrap().is_on(date(2031, 12, 24)));
        assert_eq!("DE-SN".parse(), Ok(SN));
        assert!("SN".parse::<State>().is_err());
    }
}
