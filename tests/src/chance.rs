//! Chance that can be had again: numbers from a seed, which a failing test prints.

use std::{
    env,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// SplitMix64: enough to choose moments.
#[derive(Clone, Debug)]
pub struct Chance(u64);

impl Chance {
    /// From `AMTSBOTE_TEST_SEED`, else from the clock; prints the seed.
    #[must_use]
    #[allow(clippy::disallowed_methods, reason = "a new seed for every run, printed")]
    pub fn printed(test: &str) -> Self {
        let given = env::var("AMTSBOTE_TEST_SEED").ok().and_then(|seed| seed.parse().ok());
        let seed = given.unwrap_or_else(|| {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            now.as_secs() ^ u64::from(now.subsec_nanos())
        });
        eprintln!("{test}: again with AMTSBOTE_TEST_SEED={seed}");
        Self(seed)
    }

    /// With this seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`, which is at least 1.
    pub fn below(&mut self, end: u64) -> u64 {
        self.draw() % end.max(1)
    }

    /// A time between none and `max`.
    pub fn within(&mut self, max: Duration) -> Duration {
        let micros = u64::try_from(max.as_micros()).unwrap_or(u64::MAX);
        Duration::from_micros(self.below(micros.saturating_add(1)))
    }
}
