//! What values become.

/// `2024-05-28`, `2024-05` or `2024`, without a time zone behind it or a time of day.
pub(super) fn date(value: &str) -> Option<&str> {
    let value = value.split('T').next()?;
    let date = [10, 7, 4].into_iter().find_map(|len| value.get(..len).filter(|d| is_date(d)))?;
    let zone = value.get(date.len()..)?;
    let is_zone =
        zone.is_empty() || zone == "Z" || (zone.len() == 6 && zone.starts_with(['+', '-']));
    is_zone.then_some(date)
}

fn is_date(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let number =
        |part: &str, len: usize| (part.len() == len).then(|| part.parse::<i16>().ok()).flatten();
    let day = |y, m, d: &str| {
        jiff::civil::Date::new(y, i8::try_from(m).ok()?, i8::try_from(number(d, 2)?).ok()?).ok()
    };
    let found = match parts.as_slice() {
        [year] => number(year, 4).map(|_| ()),
        [year, month] => {
            number(year, 4).zip(number(month, 2)).and_then(|(y, m)| day(y, m, "01")).map(|_| ())
        }
        [year, month, d] => {
            number(year, 4).zip(number(month, 2)).and_then(|(y, m)| day(y, m, d)).map(|_| ())
        }
        _ => None,
    };
    found.is_some()
}

pub(super) fn cents(value: &str) -> Option<u64> {
    let (euros, cents) = value.split_once('.').unwrap_or((value, "0"));
    let cents = match cents.len() {
        1 => cents.parse::<u64>().ok()?.checked_mul(10)?,
        2 => cents.parse::<u64>().ok()?,
        _ => return None,
    };
    euros.parse::<u64>().ok()?.checked_mul(100)?.checked_add(cents)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_lose_their_time_zone_and_keep_what_is_unknown_unknown() {
        let rows = [
            ("2024-05-28", Some("2024-05-28")),
            ("2024-05-28+02:00", Some("2024-05-28")),
            ("2024-05-28Z", Some("2024-05-28")),
            ("2024-05-28T09:00:00.000+02:00", Some("2024-05-28")),
            ("1957-00", None),
            ("1957-03", Some("1957-03")),
            ("1957", Some("1957")),
            ("2023-02-29", None),
            ("28.05.2024", None),
            ("", None),
        ];
        for (value, expected) in rows {
            assert_eq!(date(value), expected, "{value}");
        }
    }

    #[test]
    fn euros_become_cents() {
        let rows =
            [("12.80", Some(1280)), ("12", Some(1200)), ("12.8", Some(1280)), ("1.234", None)];
        for (value, expected) in rows {
            assert_eq!(cents(value), expected, "{value}");
        }
        assert_eq!(cents("-1"), None);
    }
}
