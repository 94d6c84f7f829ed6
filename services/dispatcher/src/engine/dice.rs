//! Chance, for waits that are not to end together.

/// Spreads waits (xorshift64*). Not for secrets.
#[derive(Debug)]
pub(super) struct Dice(pub(super) u64);

impl Dice {
    /// Even over `0.0..1.0`.
    pub(super) fn chance(&mut self) -> f64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let drawn = u32::try_from(self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 32)
            .expect("the upper half has 32 bits");
        f64::from(drawn) / (f64::from(u32::MAX) + 1.0)
    }
}
