//! Numbers as XSD writes them, of any size.

use std::cmp::Ordering;

use super::{Doubt, Proof};

/// Digits of one number: no document needs more, and what they mean to a validator is its affair.
const DIGITS_MAX: usize = 64;

/// A decimal number: its digits without zeros that say nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Decimal<'v> {
    is_negative: bool,
    whole: &'v [u8],
    fraction: &'v [u8],
}

impl<'v> Decimal<'v> {
    /// Reads `-12.50`; `Unsure` for more digits than are certain everywhere.
    #[inline]
    pub(crate) fn read(text: &'v [u8]) -> Result<Self, Doubt> {
        let (is_negative, digits) = signed(text);
        let dot = digits.iter().position(|byte| *byte == b'.').unwrap_or(digits.len());
        let (whole, fraction) = digits.split_at_checked(dot).ok_or(Doubt::Refused)?;
        let fraction = fraction.strip_prefix(b".").unwrap_or(fraction);
        if whole.is_empty() && fraction.is_empty() || !all_digits(whole) || !all_digits(fraction) {
            return Err(Doubt::Refused);
        }
        if digits.len() > DIGITS_MAX {
            return Err(Doubt::Unsure);
        }
        let whole = whole.trim_ascii_start_zeros();
        let fraction = fraction.trim_ascii_end_zeros();
        let is_zero = whole.is_empty() && fraction.is_empty();
        Ok(Self { is_negative: is_negative && !is_zero, whole, fraction })
    }

    /// The same without a fraction.
    pub(crate) fn read_integer(text: &'v [u8]) -> Result<Self, Doubt> {
        if text.contains(&b'.') { Err(Doubt::Refused) } else { Self::read(text) }
    }

    /// How many digits its value has.
    pub(crate) fn digits(self) -> usize {
        self.whole.len() + self.fraction.len()
    }

    /// How many of them are behind the point.
    pub(crate) fn fraction_digits(self) -> usize {
        self.fraction.len()
    }

    /// By value.
    pub(crate) fn compare(self, other: Self) -> Ordering {
        let size = |number: Self| {
            let by_length = self.whole.len().cmp(&number.whole.len());
            by_length
                .then_with(|| self.whole.cmp(number.whole))
                .then(self.fraction.cmp(number.fraction))
        };
        match (self.is_negative, other.is_negative) {
            (false, true) => Ordering::Greater,
            (true, false) => Ordering::Less,
            (false, false) => size(other),
            (true, true) => size(other).reverse(),
        }
    }

    /// Appends it so that equal values are equal bytes.
    pub(crate) fn canonical(self, to: &mut Vec<u8>) {
        if self.is_negative {
            to.push(b'-');
        }
        to.extend_from_slice(self.whole);
        to.push(b'.');
        to.extend_from_slice(self.fraction);
    }
}

trait Zeros {
    fn trim_ascii_start_zeros(&self) -> &Self;
    fn trim_ascii_end_zeros(&self) -> &Self;
}

impl Zeros for [u8] {
    fn trim_ascii_start_zeros(&self) -> &Self {
        let mut rest = self;
        while let [b'0', more @ ..] = rest {
            rest = more;
        }
        rest
    }

    fn trim_ascii_end_zeros(&self) -> &Self {
        let mut rest = self;
        while let [more @ .., b'0'] = rest {
            rest = more;
        }
        rest
    }
}

fn signed(text: &[u8]) -> (bool, &[u8]) {
    match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    }
}

pub(super) fn all_digits(text: &[u8]) -> bool {
    text.iter().all(u8::is_ascii_digit)
}

/// A binary number such as `1.5E3`, `INF` or `NaN`. Those that only some take are in doubt.
pub(crate) fn float(text: &[u8]) -> Result<f64, Doubt> {
    match text {
        b"INF" => return Ok(f64::INFINITY),
        b"-INF" => return Ok(f64::NEG_INFINITY),
        b"NaN" => return Ok(f64::NAN),
        _ => {}
    }
    let at = text.iter().position(|byte| matches!(byte, b'e' | b'E')).unwrap_or(text.len());
    let (mantissa, exponent) = text.split_at_checked(at).ok_or(Doubt::Refused)?;
    Decimal::read(mantissa)?;
    if let [_, exponent @ ..] = exponent {
        let digits = signed(exponent).1;
        if digits.is_empty() || !all_digits(digits) {
            return Err(Doubt::Refused);
        }
        if digits.len() > 2 {
            // Where it is too large for the type, validators differ.
            return Err(Doubt::Unsure);
        }
    }
    let text = str::from_utf8(text).map_err(|_| Doubt::Refused)?;
    let number: f64 = text.parse().map_err(|_| Doubt::Unsure)?;
    if number.abs() > 1e30 { Err(Doubt::Unsure) } else { Ok(number) }
}

/// Whether `text` is a number of the type `xs:boolean`.
pub(crate) fn boolean(text: &[u8]) -> Proof {
    if matches!(text, b"true" | b"false" | b"1" | b"0") { Ok(()) } else { Err(Doubt::Refused) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_read_and_compared_by_value() {
        let rows = [
            ("1", "1.0", Ordering::Equal),
            ("-0", "0", Ordering::Equal),
            ("+007.50", "7.5", Ordering::Equal),
            ("9", "10", Ordering::Less),
            ("-9", "-10", Ordering::Greater),
            ("0.9", "0.89", Ordering::Greater),
            (".5", "5.", Ordering::Less),
            ("99999999999999999999999", "100000000000000000000000", Ordering::Less),
            ("1.05", "1.5", Ordering::Less),
        ];
        for (left, right, expected) in rows {
            let (a, b) = (Decimal::read(left.as_bytes()), Decimal::read(right.as_bytes()));
            let (a, b) = (a.unwrap(), b.unwrap());
            assert_eq!(a.compare(b), expected, "{left} {right}");
            assert_eq!(b.compare(a), expected.reverse(), "{left} {right}");
            let (mut one, mut two) = (Vec::new(), Vec::new());
            a.canonical(&mut one);
            b.canonical(&mut two);
            assert_eq!(one == two, expected == Ordering::Equal, "{left} {right}");
        }
        for text in ["", ".", "-", "+-1", "1e5", "1 ", "1.2.3", "x", "1,0"] {
            assert_eq!(Decimal::read(text.as_bytes()), Err(Doubt::Refused), "{text}");
        }
        assert_eq!(Decimal::read(&[b'1'; 65]), Err(Doubt::Unsure));
        let number = Decimal::read(b"00012.500").unwrap();
        assert_eq!((number.digits(), number.fraction_digits()), (3, 1));
        assert!(Decimal::read_integer(b"1.0").is_err() && Decimal::read_integer(b"-1").is_ok());
    }

    #[test]
    fn floats_are_taken_only_where_everybody_takes_them() {
        for text in ["1", "-1.5E3", "1e-5", "INF", "-INF", "NaN", ".5", "5."] {
            assert!(float(text.as_bytes()).is_ok(), "{text}");
        }
        for text in ["+INF", "inf", "1e", "1e5.0", "e5", "", "0x1", "infinity", "1_0"] {
            assert!(matches!(float(text.as_bytes()), Err(Doubt::Refused)), "{text}");
        }
        assert!(matches!(float(b"1e999"), Err(Doubt::Unsure)));
    }
}
