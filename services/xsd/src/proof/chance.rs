//! Chance that is the same each time: a seed replays everything.

/// A source of numbers.
#[derive(Clone, Debug)]
pub(super) struct Chance(u64);

impl Chance {
    pub(super) fn new(seed: u64) -> Self {
        // Neighbouring seeds begin far apart.
        let mut chance = Self(seed.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        chance.next();
        chance
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// Below `count`; zero where that is zero.
    pub(super) fn below(&mut self, count: usize) -> usize {
        usize::try_from(self.next() >> 1).unwrap() % count.max(1)
    }

    pub(super) fn one_of<'l, T>(&mut self, list: &'l [T]) -> &'l T {
        &list[self.below(list.len())]
    }

    /// Once in `count` times.
    pub(super) fn is_one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }
}
