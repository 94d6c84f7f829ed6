//! How many a departmental system is handed in a time: a token bucket. Pure: time is an argument.

use std::{fmt, str::FromStr, time::Duration};

use tokio::time::Instant;

const UNITS: [(&str, Duration); 3] = [
    ("s", Duration::from_secs(1)),
    ("min", Duration::from_secs(60)),
    ("h", Duration::from_secs(3_600)),
];
const COUNT_MAX: u32 = 1_000_000;

/// So many in a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    count: u32,
    per: Duration,
}

impl Rate {
    /// How far apart they are, rounded up.
    #[must_use]
    pub fn interval(self) -> Duration {
        let nanos = self.per.as_nanos().div_ceil(self.count.max(1).into());
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let read = text.split_once('/').and_then(|(count, unit)| {
            let count = count.parse().ok().filter(|count| (1..=COUNT_MAX).contains(count))?;
            let (_, per) = UNITS.iter().find(|(name, _)| *name == unit)?;
            Some(Self { count, per: *per })
        });
        read.ok_or_else(|| format!("`{text}` is no rate like `10/s`, `600/min` or `50/h`"))
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = UNITS.iter().find(|(_, per)| *per == self.per).map_or("s", |(name, _)| name);
        write!(f, "{}/{unit}", self.count)
    }
}

/// Holds at most `burst` tokens and gets one per interval. Begins empty: whatever restarts, a system
/// gets no more than its rate.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bucket {
    interval: Duration,
    burst: u32,
    /// When it is full, if nothing is taken.
    full_at: Instant,
}

impl Bucket {
    pub(crate) fn new(rate: Rate, burst: u32, now: Instant) -> Self {
        let interval = rate.interval();
        Self { interval, burst: burst.max(1), full_at: now + interval.saturating_mul(burst.max(1)) }
    }

    /// Takes a token if there is one.
    pub(crate) fn take(&mut self, now: Instant) -> bool {
        let may = self.next_at() <= now;
        if may {
            self.full_at = self.full_at.max(now) + self.interval;
        }
        may
    }

    /// From when on there is a token.
    pub(crate) fn next_at(&self) -> Instant {
        let missing = self.interval.saturating_mul(self.burst - 1);
        self.full_at.checked_sub(missing).unwrap_or(self.full_at)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_rate_reads_back_as_it_is_written() {
        for text in ["10/s", "600/min", "50/h", "1/h"] {
            assert_eq!(text.parse::<Rate>().unwrap().to_string(), text);
        }
        for wrong in ["", "10", "0/s", "-1/s", "10/d", "1.5/s", "10 / s", "9999999/s"] {
            assert!(wrong.parse::<Rate>().is_err(), "{wrong}");
        }
        let third = "3/s".parse::<Rate>().unwrap().interval();
        assert_eq!(third, Duration::from_nanos(333_333_334), "never faster than it says");
    }

    proptest! {
        #![proptest_config(crate::tests::the_same_each_time(400))]
        #[test]
        fn no_stretch_of_time_sees_more_than_its_rate_and_one_burst(
            count in 1_u32..50,
            burst in 1_u32..8,
            pauses in prop::collection::vec(0_u64..400, 1..200),
        ) {
            let rate = Rate { count, per: Duration::from_secs(1) };
            let mut now = Instant::now();
            let begun = now;
            let mut bucket = Bucket::new(rate, burst, now);
            let mut taken = Vec::new();
            for pause in pauses {
                now += Duration::from_millis(pause);
                while bucket.take(now) {
                    taken.push(now);
                }
                prop_assert!(now < bucket.next_at(), "a token is there when it is said to be");
            }
            let interval = rate.interval();
            for (first, from) in taken.iter().enumerate() {
                for (last, until) in taken.iter().enumerate().skip(first) {
                    let count = (last - first + 1) as u128;
                    let most = until.duration_since(*from).as_nanos() / interval.as_nanos();
                    prop_assert!(count <= most + u128::from(burst), "{count} within {most} intervals");
                }
            }
            prop_assert!(taken.first().is_none_or(|first| begun + interval <= *first));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_due_is_handed_out_at_the_rate_and_no_slower() {
        let start = Instant::now();
        let mut bucket = Bucket::new("10/s".parse().unwrap(), 1, start);
        let mut count = 0;
        while bucket.next_at() <= start + Duration::from_secs(60) {
            assert!(bucket.take(bucket.next_at()));
            count += 1;
        }
        assert_eq!(count, 600);
    }
}
