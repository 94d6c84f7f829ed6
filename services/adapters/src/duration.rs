//! Durations as people write them: `30s`, `5m`, `1h 30m`.

use std::time::Duration;

use jiff::SignedDuration;
use serde::{Deserialize, Deserializer, de::Error as _};

/// Longest duration a setting may ask for.
const DURATION_MAX: Duration = Duration::from_hours(24);

/// Reads a positive duration of at most a day.
pub(crate) fn human<'de, D: Deserializer<'de>>(input: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(input)?;
    parse(&text).ok_or_else(|| {
        D::Error::custom(format!(
            "`{text}` is no duration: write e.g. \"30s\" or \"5m\", up to 24h"
        ))
    })
}

fn parse(text: &str) -> Option<Duration> {
    let duration = Duration::try_from(text.parse::<SignedDuration>().ok()?).ok()?;
    (Duration::ZERO < duration && duration <= DURATION_MAX).then_some(duration)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_has_a_unit_and_an_end() {
        let check = |text, expected: Option<u64>| {
            assert_eq!(parse(text), expected.map(Duration::from_millis), "{text}");
        };
        check("30s", Some(30_000));
        check("5m", Some(300_000));
        check("250ms", Some(250));
        check("1h 30m", Some(5_400_000));
        check("PT5M", Some(300_000));
        check("24h", Some(86_400_000));
        check("25h", None);
        check("0s", None);
        check("-5s", None);
        check("5", None);
        check("", None);
        check("soon", None);
    }
}
