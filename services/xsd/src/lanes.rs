//! Sixteen bytes at once: as a vector where the machine has some, and byte by byte as everywhere.

use std::fmt::Debug;

use wide::u8x16;

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::Vector {}
    impl Sealed for super::Scalar {}
}

/// How many bytes there are at once.
pub(crate) const WIDTH: usize = 16;

/// Sixteen bytes, or what became of each: all bits set where something holds of it.
pub trait Lanes: Copy + Debug + sealed::Sealed {
    /// These bytes.
    fn of(bytes: &[u8; WIDTH]) -> Self;

    /// Where it is `byte`.
    #[must_use]
    fn is(self, byte: u8) -> Self;

    /// Where it is the byte of `other` there.
    #[must_use]
    fn equals(self, other: Self) -> Self;

    /// Where it is `from`, `to` or anything between.
    #[must_use]
    fn is_within(self, from: u8, to: u8) -> Self;

    /// Where either holds.
    #[must_use]
    fn or(self, other: Self) -> Self;

    /// One bit for each byte, the lowest for the first.
    fn bits(self) -> u32;
}

/// By instructions of the processor.
#[derive(Clone, Copy, Debug)]
pub struct Vector(u8x16);

impl Lanes for Vector {
    #[inline(always)]
    fn of(bytes: &[u8; WIDTH]) -> Self {
        Self(u8x16::new(*bytes))
    }

    #[inline(always)]
    fn is(self, byte: u8) -> Self {
        Self(self.0.simd_eq(u8x16::splat(byte)))
    }

    #[inline(always)]
    fn equals(self, other: Self) -> Self {
        Self(self.0.simd_eq(other.0))
    }

    #[inline(always)]
    fn is_within(self, from: u8, to: u8) -> Self {
        let above = self.0 - u8x16::splat(from);
        Self(above.min(u8x16::splat(to.wrapping_sub(from))).simd_eq(above))
    }

    #[inline(always)]
    fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    #[inline(always)]
    fn bits(self) -> u32 {
        self.0.to_bitmask()
    }
}

/// Byte by byte.
#[derive(Clone, Copy, Debug)]
pub struct Scalar([u8; WIDTH]);

impl Scalar {
    fn where_(self, holds: impl Fn(u8) -> bool) -> Self {
        Self(self.0.map(|byte| if holds(byte) { u8::MAX } else { 0 }))
    }
}

impl Lanes for Scalar {
    fn of(bytes: &[u8; WIDTH]) -> Self {
        Self(*bytes)
    }

    fn is(self, byte: u8) -> Self {
        self.where_(|other| other == byte)
    }

    fn equals(self, other: Self) -> Self {
        let mut same = self;
        for (byte, other) in same.0.iter_mut().zip(other.0) {
            *byte = if *byte == other { u8::MAX } else { 0 };
        }
        same
    }

    fn is_within(self, from: u8, to: u8) -> Self {
        self.where_(|byte| (from..=to).contains(&byte))
    }

    fn or(self, other: Self) -> Self {
        let mut both = self;
        both.0.iter_mut().zip(other.0).for_each(|(byte, more)| *byte |= more);
        both
    }

    fn bits(self) -> u32 {
        (0..).zip(self.0).fold(0, |bits, (place, byte)| bits | u32::from(byte >> 7) << place)
    }
}

/// The bytes at `at`; zeros behind the end.
#[inline(always)]
pub(crate) fn load<L: Lanes>(bytes: &[u8], at: usize) -> L {
    match bytes.get(at..).and_then(|rest| rest.first_chunk()) {
        Some(chunk) => L::of(chunk),
        None => L::of(&last(bytes, at)),
    }
}

#[cold]
#[inline(never)]
fn last(bytes: &[u8], at: usize) -> [u8; WIDTH] {
    let mut padded = [0; WIDTH];
    let rest = bytes.get(at..).unwrap_or_default();
    padded.iter_mut().zip(rest).for_each(|(place, byte)| *place = *byte);
    padded
}

/// The bits below the lowest of `bits`, which has one.
#[inline(always)]
pub(crate) fn below_lowest(bits: u32) -> u32 {
    (bits & bits.wrapping_neg()).wrapping_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vector_and_scalar_say_the_same_of_every_byte() {
        for base in (0..=255_u8).step_by(16) {
            let bytes: [u8; WIDTH] = std::array::from_fn(|at| base + u8::try_from(at).unwrap());
            let (vector, scalar) = (Vector::of(&bytes), Scalar::of(&bytes));
            for byte in 0..=255_u8 {
                assert_eq!(vector.is(byte).bits(), scalar.is(byte).bits(), "{byte}");
                let (v, s) = (vector.is_within(b'A', byte), scalar.is_within(b'A', byte));
                if byte >= b'A' {
                    assert_eq!(v.bits(), s.bits(), "A-{byte}");
                }
                let (v, s) = (vector.is(byte).or(v), scalar.is(byte).or(s));
                assert!(byte < b'A' || v.bits() == s.bits());
            }
        }
        assert_eq!(load::<Vector>(b"abc", 1).is(0).bits(), 0xFFFC);
        assert_eq!(load::<Scalar>(b"abc", 5).is(0).bits(), 0xFFFF);
        assert_eq!(below_lowest(0b1_0100), 0b11);
    }
}
