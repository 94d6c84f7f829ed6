//! Dates, times and durations.

use std::cmp::Ordering;

use super::{Doubt, Proof, number::all_digits};

/// Digits of a second's fraction: more are in doubt.
const FRACTION_DIGITS_MAX: usize = 9;

/// Seconds of a day.
const DAY: i64 = 86_400;

/// A point in time of one of the eight types, comparable with others of its type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moment {
    /// Since the year 0, in UTC if there is a zone.
    seconds: i64,
    nanoseconds: u32,
    has_zone: bool,
}

impl Moment {
    /// By value; `None` where one has a zone and the other has none.
    pub(crate) fn compare(self, other: Self) -> Option<Ordering> {
        let order = self.seconds.cmp(&other.seconds).then(self.nanoseconds.cmp(&other.nanoseconds));
        (self.has_zone == other.has_zone).then_some(order)
    }

    /// Appends it so that equal values are equal bytes.
    pub(crate) fn canonical(self, to: &mut Vec<u8>) {
        to.extend_from_slice(&self.seconds.to_be_bytes());
        to.extend_from_slice(&self.nanoseconds.to_be_bytes());
        to.push(u8::from(self.has_zone));
    }
}

/// What of a date a type has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// `xs:dateTime`
    DateTime,
    /// `xs:date`
    Date,
    /// `xs:time`
    Time,
    /// `xs:gYearMonth`
    YearMonth,
    /// `xs:gYear`
    Year,
    /// `xs:gMonthDay`
    MonthDay,
    /// `xs:gMonth`
    Month,
    /// `xs:gDay`
    Day,
}

/// Reads `text` as `form`.
#[inline]
pub(crate) fn moment(text: &[u8], form: Form) -> Result<Moment, Doubt> {
    let mut rest = Rest(text);
    // A leap year and a long month, so that what is not said forbids nothing.
    let (mut year, mut month, mut day) = (2000, 1, 1);
    if matches!(form, Form::DateTime | Form::Date | Form::YearMonth | Form::Year) {
        year = rest.year()?;
    }
    match form {
        Form::DateTime | Form::Date => {
            (month, day) = (rest.after(b"-")?, rest.after(b"-")?);
        }
        Form::YearMonth => month = rest.after(b"-")?,
        Form::MonthDay => (month, day) = (rest.after(b"--")?, rest.after(b"-")?),
        Form::Month => month = rest.after(b"--")?,
        Form::Day => day = rest.after(b"---")?,
        Form::Time | Form::Year => {}
    }
    if !(1..=12).contains(&month) || day == 0 || day > days_of(year, month) {
        return Err(Doubt::Refused);
    }
    let (mut seconds, mut nanoseconds) = (0, 0);
    if matches!(form, Form::DateTime | Form::Time) {
        let before: &[u8] = if form == Form::DateTime { b"T" } else { b"" };
        (seconds, nanoseconds) = rest.time_of_day(before)?;
    }
    let zone = rest.zone()?;
    seconds += days_before(year, month, day) * DAY - zone.unwrap_or(0) * 60;
    Ok(Moment { seconds, nanoseconds, has_zone: zone.is_some() })
}

/// What is still to be read.
struct Rest<'v>(&'v [u8]);

impl Rest<'_> {
    fn skip(&mut self, expected: &[u8]) -> Proof {
        self.0 = self.0.strip_prefix(expected).ok_or(Doubt::Refused)?;
        Ok(())
    }

    fn two(&mut self) -> Result<i64, Doubt> {
        let [tens, ones, rest @ ..] = self.0 else { return Err(Doubt::Refused) };
        let (tens, ones) = (tens.wrapping_sub(b'0'), ones.wrapping_sub(b'0'));
        if tens > 9 || ones > 9 {
            return Err(Doubt::Refused);
        }
        self.0 = rest;
        Ok(i64::from(tens * 10 + ones))
    }

    /// Two digits behind `before`.
    fn after(&mut self, before: &[u8]) -> Result<i64, Doubt> {
        self.skip(before)?;
        self.two()
    }

    /// Four digits; longer years and those before our era are in doubt.
    fn year(&mut self) -> Result<i64, Doubt> {
        let is_long = self.0.iter().take_while(|byte| byte.is_ascii_digit()).count() > 4;
        if is_long || self.0.starts_with(b"-") {
            return Err(Doubt::Unsure);
        }
        let year = self.two()? * 100 + self.two()?;
        // There is none in XSD 1.0, and there is one in 1.1.
        if year == 0 { Err(Doubt::Unsure) } else { Ok(year) }
    }

    fn time_of_day(&mut self, before: &[u8]) -> Result<(i64, u32), Doubt> {
        let (hour, minute, second) = (self.after(before)?, self.after(b":")?, self.after(b":")?);
        let nanoseconds = self.fraction()?;
        let is_midnight = hour == 24 && minute == 0 && second == 0 && nanoseconds == 0;
        if (hour > 23 && !is_midnight) || minute > 59 || second > 59 {
            return Err(Doubt::Refused);
        }
        Ok((hour * 3_600 + minute * 60 + second, nanoseconds))
    }

    fn fraction(&mut self) -> Result<u32, Doubt> {
        let Some(digits) = self.0.strip_prefix(b".") else { return Ok(0) };
        let count = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (digits, rest) = digits.split_at_checked(count).ok_or(Doubt::Refused)?;
        self.0 = rest;
        match count {
            0 => Err(Doubt::Refused),
            1..=FRACTION_DIGITS_MAX => {
                let read = digits.iter().fold(0_u32, |sum, d| sum * 10 + u32::from(d - b'0'));
                Ok((count..FRACTION_DIGITS_MAX).fold(read, |sum, _| sum * 10))
            }
            _ => Err(Doubt::Unsure),
        }
    }

    /// Minutes east of Greenwich, at the end.
    fn zone(mut self) -> Result<Option<i64>, Doubt> {
        let sign = match self.0 {
            [] => return Ok(None),
            [b'Z'] => return Ok(Some(0)),
            [b'+', ..] => 1,
            [b'-', ..] => -1,
            _ => return Err(Doubt::Refused),
        };
        self.0 = self.0.get(1..).unwrap_or_default();
        let (hours, minutes) = (self.two()?, self.after(b":")?);
        let is_zone = minutes < 60 && (hours < 14 || (hours == 14 && minutes == 0));
        if is_zone && self.0.is_empty() {
            Ok(Some(sign * (hours * 60 + minutes)))
        } else {
            Err(Doubt::Refused)
        }
    }
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_of(year: i64, month: i64) -> i64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if is_leap(year) => 29,
        2 => 28,
        _ => 31,
    }
}

fn days_before(year: i64, month: i64, day: i64) -> i64 {
    let years = year - 1;
    let leap = years / 4 - years / 100 + years / 400;
    let months: i64 = (1..month).map(|before| days_of(year, before)).sum();
    years * 365 + leap + months + day
}

/// `P1Y2M3DT4H5M6.7S` and parts of it.
pub(crate) fn duration(text: &[u8]) -> Proof {
    let text = text.strip_prefix(b"-").unwrap_or(text);
    let text = text.strip_prefix(b"P").ok_or(Doubt::Refused)?;
    let (date, time) = match text.iter().position(|byte| *byte == b'T') {
        None => (text, None),
        Some(at) => {
            let (date, time) = text.split_at_checked(at).ok_or(Doubt::Refused)?;
            (date, Some(time.get(1..).unwrap_or_default()))
        }
    };
    let dates = parts(date, b"YMD")?;
    let times = time.map(|time| parts(time, b"HMS")).transpose()?;
    // A `T` must be followed by something, and so must a `P`.
    if times == Some(0) || dates + times.unwrap_or(0) == 0 { Err(Doubt::Refused) } else { Ok(()) }
}

/// Counts what is written as number and one of `designators`, in their order.
fn parts(mut text: &[u8], designators: &[u8; 3]) -> Result<usize, Doubt> {
    let (mut left, mut count) = (&designators[..], 0);
    while !text.is_empty() {
        let at = text.iter().position(u8::is_ascii_alphabetic).ok_or(Doubt::Refused)?;
        let (number, rest) = text.split_at_checked(at).ok_or(Doubt::Refused)?;
        let (designator, rest) = rest.split_first().ok_or(Doubt::Refused)?;
        let place = left.iter().position(|other| other == designator).ok_or(Doubt::Refused)?;
        left = left.get(place + 1..).unwrap_or_default();
        let (whole, fraction) = match number.iter().position(|byte| *byte == b'.') {
            Some(dot) if *designator == b'S' => {
                number.split_at_checked(dot).ok_or(Doubt::Refused)?
            }
            _ => (number, &b".0"[..]),
        };
        let fraction = fraction.get(1..).unwrap_or_default();
        if whole.is_empty() || fraction.is_empty() || !all_digits(whole) || !all_digits(fraction) {
            return Err(Doubt::Refused);
        }
        // Numbers that large mean nothing to people, and not the same to validators.
        if whole.len() > 6 || fraction.len() > FRACTION_DIGITS_MAX {
            return Err(Doubt::Unsure);
        }
        (text, count) = (rest, count + 1);
    }
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(form: Form, valid: &[&str], refused: &[&str], unsure: &[&str]) {
        for text in valid {
            assert!(moment(text.as_bytes(), form).is_ok(), "{form:?} {text}");
        }
        for text in refused {
            assert_eq!(moment(text.as_bytes(), form), Err(Doubt::Refused), "{form:?} {text}");
        }
        for text in unsure {
            assert_eq!(moment(text.as_bytes(), form), Err(Doubt::Unsure), "{form:?} {text}");
        }
    }

    #[test]
    fn each_type_has_its_form_and_its_bounds() {
        check(
            Form::Date,
            &["2024-02-29", "2000-02-29", "2024-12-31Z", "2024-05-28+14:00", "2024-05-28-13:59"],
            &["2023-02-29", "1900-02-29", "2024-04-31", "2024-13-01", "2024-00-01", "2024-01-00"],
            &["-2024-01-01", "12024-01-01", "0000-01-01"],
        );
        check(
            Form::Date,
            &[],
            &["2024-1-1", "28.05.2024", "2024-05-28+14:01", "2024-05-28+1:00", "2024-05-28Zx", ""],
            &[],
        );
        check(
            Form::DateTime,
            &["2024-05-28T09:00:00", "2024-05-28T24:00:00", "2024-05-28T09:00:00.123456789+02:00"],
            &["2024-05-28", "2024-05-28T9:00:00", "2024-05-28T24:00:01", "2024-05-28T09:00:60"],
            &["2024-05-28T09:00:00.1234567890"],
        );
        check(Form::Time, &["09:00:00", "24:00:00", "09:00:00Z"], &["09:00", "25:00:00"], &[]);
        check(Form::YearMonth, &["2024-05", "2024-05Z"], &["2024-13", "2024"], &[]);
        check(Form::Year, &["2024", "2024+01:00"], &["24", "x024"], &["02024"]);
        check(Form::MonthDay, &["--02-29", "--12-31Z"], &["--02-30", "02-29"], &[]);
        check(Form::Month, &["--05", "--05Z"], &["--13", "--05--", "-05"], &[]);
        check(Form::Day, &["---31", "---01Z"], &["---32", "--31"], &[]);
    }

    #[test]
    fn moments_are_compared_by_value_where_both_have_a_zone_or_none() {
        let read = |text: &str| moment(text.as_bytes(), Form::DateTime).unwrap();
        let rows = [
            ("2024-05-28T12:00:00Z", "2024-05-28T14:00:00+02:00", Some(Ordering::Equal)),
            ("2024-05-28T24:00:00", "2024-05-29T00:00:00", Some(Ordering::Equal)),
            ("2024-02-29T00:00:00", "2024-03-01T00:00:00", Some(Ordering::Less)),
            ("2024-02-29T00:00:00.1", "2024-02-29T00:00:00.09", Some(Ordering::Greater)),
            ("2024-02-29T00:00:00", "2024-02-29T00:00:00Z", None),
        ];
        for (left, right, expected) in rows {
            assert_eq!(read(left).compare(read(right)), expected, "{left} {right}");
        }
    }

    #[test]
    fn durations_have_parts_in_order() {
        for text in ["P1Y", "-P1Y2M3DT4H5M6.7S", "PT0S", "P1M", "PT1M", "P1DT1S"] {
            assert_eq!(duration(text.as_bytes()), Ok(()), "{text}");
        }
        for text in
            ["P", "PT", "P1", "1Y", "P1M1Y", "P1YT", "PT1.S", "P1.5Y", "P1H", "PT1D", "P-1Y"]
        {
            assert_eq!(duration(text.as_bytes()), Err(Doubt::Refused), "{text}");
        }
        assert_eq!(duration(b"P1234567Y"), Err(Doubt::Unsure));
    }
}
