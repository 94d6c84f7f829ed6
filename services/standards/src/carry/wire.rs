//! Fields as they lie on the wire (Protocol Buffers, encoding).

use prost::encoding::{WireType, encode_varint};

/// Bytes of the largest number.
const VARINT_BYTES_MAX: usize = 10;

/// A text.
pub(super) fn text(number: u32, value: &str, out: &mut Vec<u8>) {
    key(number, WireType::LengthDelimited, out);
    varint(value.len() as u64, out);
    out.extend_from_slice(value.as_bytes());
}

/// A truth, a number without sign, or an enumeration's.
pub(super) fn number(number: u32, value: u64, out: &mut Vec<u8>) {
    key(number, WireType::Varint, out);
    varint(value, out);
}

fn key(number: u32, wire_type: WireType, out: &mut Vec<u8>) {
    varint(u64::from(number << 3 | wire_type as u32), out);
}

/// Most numbers are short.
#[inline]
fn varint(value: u64, out: &mut Vec<u8>) {
    match u8::try_from(value) {
        Ok(short) if short < 0x80 => out.push(short),
        _ => encode_varint(value, out),
    }
}

/// A message whose content `write` adds; gives what that gives.
pub(super) fn message<T>(
    number: u32,
    out: &mut Vec<u8>,
    write: impl FnOnce(&mut Vec<u8>) -> T,
) -> T {
    key(number, WireType::LengthDelimited, out);
    // Most contents are short: one byte for the length is right, and more are made room for.
    let at = out.len();
    out.push(0);
    let written = write(out);
    let length = out.len().saturating_sub(at + 1);
    match (u8::try_from(length), out.get_mut(at)) {
        (Ok(short), Some(place)) if short < 0x80 => *place = short,
        _ => {
            let mut bytes = Vec::with_capacity(VARINT_BYTES_MAX);
            encode_varint(length as u64, &mut bytes);
            out.splice(at..=at, bytes);
        }
    }
    written
}

#[cfg(test)]
mod tests {
    use prost::Message as _;
    use wire::canonical;

    #[test]
    fn contents_of_every_length_are_read_again() {
        for length in [0, 1, 123, 124, 125, 126, 127, 128, 129, 16_380, 16_384, 100_000] {
            let value = "a".repeat(length);
            let mut bytes = Vec::new();
            super::message(100, &mut bytes, |out| super::text(1, &value, out));
            let read = canonical::Application::decode(&*bytes).unwrap();
            assert_eq!(read.fields.len(), 1);
            assert_eq!(read.fields[0].name, value, "{length}");
        }
    }
}
