//! How times and sizes are written: a number and a unit.

use std::time::Duration;

/// Units of time in milliseconds, the longest first.
const TIMES: [(&str, u64); 5] =
    [("d", 86_400_000), ("h", 3_600_000), ("min", 60_000), ("s", 1_000), ("ms", 1)];

/// Units of size in bytes, the largest first.
const SIZES: [(&str, u64); 4] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];

/// Reads e.g. `30s` or `1.5h`.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let rule = "a time like `500ms`, `30s`, `10min`, `24h` or `7d`";
    let millis = quantity(text, &TIMES).ok_or_else(|| format!("`{text}` is not {rule}"))?;
    Ok(Duration::from_millis(millis))
}

/// Reads e.g. `16MiB`.
pub(super) fn bytes(text: &str) -> Result<usize, String> {
    let rule = "a size like `512B`, `256KiB`, `16MiB` or `1GiB`";
    let bytes = quantity(text, &SIZES).ok_or_else(|| format!("`{text}` is not {rule}"))?;
    usize::try_from(bytes).map_err(|_| format!("`{text}` is more than this machine can address"))
}

/// Writes what [`duration`] reads.
pub(super) fn duration_text(time: Duration) -> String {
    let millis = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    largest_unit(millis, &TIMES)
}

/// Writes what [`bytes`] reads.
pub(super) fn bytes_text(bytes: usize) -> String {
    largest_unit(bytes as u64, &SIZES)
}

fn quantity(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let unit_at = text.find(|c: char| c.is_ascii_alphabetic())?;
    let (number, unit) = text.split_at_checked(unit_at)?;
    let (_, factor) = units.iter().find(|(name, _)| *name == unit.trim())?;
    let number = number.trim();
    match number.split_once('.') {
        None => number.parse::<u64>().ok()?.checked_mul(*factor),
        Some((whole, fraction)) if !fraction.is_empty() && fraction.len() <= 3 => {
            let fraction_of = 10_u64.pow(u32::try_from(fraction.len()).ok()?);
            let whole = whole.parse::<u64>().ok()?.checked_mul(*factor)?;
            let fraction = fraction.parse::<u64>().ok()?.checked_mul(*factor)? / fraction_of;
            whole.checked_add(fraction)
        }
        Some(_) => None,
    }
}

/// In the largest unit that divides it.
fn largest_unit(value: u64, units: &[(&str, u64)]) -> String {
    let fits = |factor: &u64| value != 0 && value.is_multiple_of(*factor);
    let found = units.iter().find(|(_, factor)| fits(factor)).or(units.last());
    found.map_or_else(String::new, |(unit, factor)| format!("{}{unit}", value / factor))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_a_number_and_a_unit() {
        for (text, expected) in [
            ("500ms", Some(500)),
            ("30s", Some(30_000)),
            ("1.5h", Some(5_400_000)),
            ("10 min", Some(600_000)),
            ("400d", Some(34_560_000_000)),
            ("0s", Some(0)),
            ("30", None),
            ("30 seconds", None),
            ("-1s", None),
            ("s", None),
            ("1.s", None),
            ("99999999999999999999d", None),
            ("18446744073709551615d", None),
            ("ä3s", None),
        ] {
            let read = duration(text).ok().map(|time| time.as_millis());
            assert_eq!(read, expected, "{text}");
        }
    }

    #[test]
    fn a_size_is_a_number_and_a_unit() {
        for (text, expected) in [
            ("16MiB", Some(16 << 20)),
            ("1B", Some(1)),
            ("256 KiB", Some(256 << 10)),
            ("0.5GiB", Some(512 << 20)),
            ("16MB", None),
            ("16", None),
            ("many", None),
        ] {
            assert_eq!(bytes(text).ok(), expected, "{text}");
        }
    }

    #[test]
    fn what_is_written_reads_back() {
        for millis in [0, 1, 999, 1_000, 60_000, 90_000, 86_400_000] {
            let time = Duration::from_millis(millis);
            assert_eq!(duration(&duration_text(time)), Ok(time));
        }
        for size in [0, 1, 1_023, 1_024, 16 << 20, 3 << 30] {
            assert_eq!(bytes(&bytes_text(size)), Ok(size));
        }
    }
}
