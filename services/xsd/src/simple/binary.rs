//! Octets in base 64 and base 16.

use super::{Doubt, text};
use crate::lanes::{self, Lanes, WIDTH};

/// How many octets `value` stands for in base 64. White space may stand anywhere.
pub(crate) fn base64<L: Lanes>(value: &[u8]) -> Result<usize, Doubt> {
    let (body, padding) = without_padding(value);
    let digits = count_digits::<L>(body).ok_or(Doubt::Refused)?;
    let last = body.iter().rev().copied().find(|byte| !text::is_space(*byte));
    // The bits of the last digit that belong to no octet are zero.
    let idle_bits = match padding {
        1 => 0b11,
        2 => 0b1111,
        _ => 0,
    };
    let idle = last.and_then(digit).unwrap_or(0) & idle_bits;
    if (digits + padding) % 4 != 0 || padding > 2 || idle != 0 || (digits == 0 && padding > 0) {
        return Err(Doubt::Refused);
    }
    Ok(digits / 4 * 3 + (digits % 4).saturating_sub(1))
}

/// Cuts off `=` at the end, and white space among them.
fn without_padding(mut value: &[u8]) -> (&[u8], usize) {
    let mut padding = 0;
    while let [rest @ .., last] = value {
        match last {
            b'=' => padding += 1,
            space if text::is_space(*space) => {}
            _ => break,
        }
        value = rest;
    }
    (value, padding)
}

/// Counts digits; `None` where there is anything but digits and white space.
fn count_digits<L: Lanes>(body: &[u8]) -> Option<usize> {
    let mut count = 0;
    let mut chunks = body.chunks_exact(WIDTH);
    for chunk in &mut chunks {
        let lanes: L = lanes::load(chunk, 0);
        let letters = lanes.is_within(b'A', b'Z').or(lanes.is_within(b'a', b'z'));
        // `/` lies before `0`.
        let digits = letters.or(lanes.is_within(b'/', b'9')).or(lanes.is(b'+')).bits();
        if digits == 0xFFFF {
            count += WIDTH;
            continue;
        }
        let lines = lanes.is_within(b'\t', b'\n').or(lanes.is(b'\r'));
        if digits | lanes.is(b' ').or(lines).bits() != 0xFFFF {
            return None;
        }
        count += digits.count_ones() as usize;
    }
    for byte in chunks.remainder() {
        match digit(*byte) {
            Some(_) => count += 1,
            None if text::is_space(*byte) => {}
            None => return None,
        }
    }
    Some(count)
}

fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    }
}

/// How many octets `value` stands for in base 16.
pub(crate) fn hex(value: &[u8]) -> Result<usize, Doubt> {
    let is_hex = value.len().is_multiple_of(2) && value.iter().all(u8::is_ascii_hexdigit);
    if is_hex { Ok(value.len() / 2) } else { Err(Doubt::Refused) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lanes::{Scalar, Vector};

    #[test]
    fn base64_is_judged_with_white_space_and_padding() {
        let rows = [
            ("", Some(0)),
            ("QUJD", Some(3)),
            ("QUJD\nREVG", Some(6)),
            ("\n  QUJD\t\r\n  REVG\n", Some(6)),
            ("Q U J D", Some(3)),
            ("QQ==", Some(1)),
            ("QQ= =", Some(1)),
            ("QUI=", Some(2)),
            ("QR==", None),
            ("QUJ=", None),
            ("QUJ", None),
            ("Q===", None),
            ("=", None),
            ("====", None),
            ("QQ==QQ==", None),
            ("QU$D", None),
            ("QUJD\u{a0}REVG", None),
            ("QUJDREVGQUJDREVGQUJDREVGQUJDREV\u{0}", None),
            ("QUJDREVGQUJDREVG\nQUJDREVGQUJDREVG\n", Some(24)),
        ];
        for (value, expected) in rows {
            assert_eq!(base64::<Vector>(value.as_bytes()).ok(), expected, "{value:?}");
            assert_eq!(base64::<Scalar>(value.as_bytes()).ok(), expected, "{value:?}");
        }
    }

    #[test]
    fn hexadecimal_has_pairs() {
        assert_eq!((hex(b"00fF"), hex(b"")), (Ok(2), Ok(0)));
        assert!(hex(b"0").is_err() && hex(b"0g").is_err() && hex(b"00 ff").is_err());
    }
}
