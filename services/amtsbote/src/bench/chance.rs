//! Chance that a seed gives again: what is generated is the same on every machine.

/// SplitMix64.
#[derive(Clone, Debug)]
pub(super) struct Chance(u64);

impl Chance {
    /// With this seed.
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub(super) fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        scattered(self.0)
    }

    /// A number below `end`; 0 where there is none.
    pub(super) fn below(&mut self, end: u32) -> u32 {
        reduced(self.draw(), end)
    }

    /// One of `choices`, which must hold one.
    pub(super) fn one<'c, T>(&mut self, choices: &'c [T]) -> &'c T {
        let end = u32::try_from(choices.len()).unwrap_or(u32::MAX);
        choices.get(self.below(end) as usize).expect("there is something to choose from")
    }

    /// `count` characters of an alphabet.
    pub(super) fn word(&mut self, alphabet: &[u8], count: usize) -> String {
        (0..count).map(|_| char::from(*self.one(alphabet))).collect()
    }

    /// Whether something that happens `percent` times in a hundred happens now.
    pub(super) fn happens(&mut self, percent: u32) -> bool {
        self.below(100) < percent
    }
}

/// A number below `end` that depends on `seed` and `number` alone; 0 where there is none.
pub(super) fn drawn(seed: u64, number: u32, end: u32) -> u32 {
    reduced(scattered(seed ^ scattered(u64::from(number))), end)
}

fn scattered(seed: u64) -> u64 {
    let mut z = seed;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

fn reduced(number: u64, end: u32) -> u32 {
    u32::try_from(number % u64::from(end.max(1))).expect("a remainder is below its divisor")
}
