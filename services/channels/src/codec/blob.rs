//! A whole record as one blob, for stores: codec version, CRC-32, then every part with its length.

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use messaging::{ChannelName, Record};
use prost::encoding::{decode_varint, encode_varint, encoded_len_varint};

use super::{CODEC_VERSION, Undecodable, header_name};

type Result<T> = std::result::Result<T, Undecodable>;

/// Version and checksum.
const PREFIX_BYTES: usize = 5;
/// More headers than any record of ours or of foreign tools has.
const HEADERS_MAX: u64 = 10_000;

/// `record` as one opaque blob.
#[must_use]
pub fn to_bytes(record: &Record) -> Bytes {
    let parts = record.headers.iter().map(|(n, v)| part_len(n.as_bytes()) + part_len(v));
    let name = record.channel.as_str().as_bytes();
    let len = PREFIX_BYTES + part_len(name) + part_len(&record.key) + 10 + parts.sum::<usize>();
    let mut blob = BytesMut::with_capacity(len + part_len(&record.value));
    blob.put_u8(CODEC_VERSION);
    blob.put_u32_le(0);
    put_part(name, &mut blob);
    put_part(&record.key, &mut blob);
    encode_varint(record.headers.len() as u64, &mut blob);
    for (name, value) in &record.headers {
        put_part(name.as_bytes(), &mut blob);
        put_part(value, &mut blob);
    }
    put_part(&record.value, &mut blob);
    let (prefix, body) = blob.split_at_mut(PREFIX_BYTES);
    let crc = crc32fast::hash(body).to_le_bytes();
    prefix.iter_mut().skip(1).zip(crc).for_each(|(byte, crc)| *byte = crc);
    blob.freeze()
}

/// The record of a blob; its parts share the blob's memory.
///
/// # Errors
/// When it is of another version, damaged or cut.
pub fn from_bytes(mut bytes: Bytes) -> Result<Record> {
    if bytes.len() < PREFIX_BYTES {
        return Err(Undecodable::because("the blob is cut"));
    }
    if bytes.get_u8() != CODEC_VERSION {
        return Err(Undecodable::because("written by another version of the codec"));
    }
    if bytes.get_u32_le() != crc32fast::hash(&bytes) {
        return Err(Undecodable::because("the checksum is wrong"));
    }
    parse(bytes)
}

pub(super) fn parse(mut bytes: Bytes) -> Result<Record> {
    let channel = ChannelName::new(text(&part(&mut bytes)?)?)
        .map_err(|_| Undecodable::because("not a channel's name"))?;
    let key = part(&mut bytes)?;
    let count = decode_varint(&mut bytes)?;
    if HEADERS_MAX < count {
        return Err(Undecodable::because("too many headers"));
    }
    let mut headers = Vec::new();
    for _ in 0..count {
        let name = header_name(text(&part(&mut bytes)?)?);
        headers.push((name, part(&mut bytes)?));
    }
    let value = part(&mut bytes)?;
    if bytes.has_remaining() {
        return Err(Undecodable::because("the blob is too long"));
    }
    Ok(Record { channel, key, headers, value })
}

fn part_len(part: &[u8]) -> usize {
    encoded_len_varint(part.len() as u64) + part.len()
}

fn put_part(part: &[u8], blob: &mut BytesMut) {
    encode_varint(part.len() as u64, blob);
    blob.put_slice(part);
}

fn part(bytes: &mut Bytes) -> Result<Bytes> {
    let len = usize::try_from(decode_varint(bytes)?).unwrap_or(usize::MAX);
    if bytes.len() < len {
        return Err(Undecodable::because("the blob is cut"));
    }
    Ok(bytes.split_to(len))
}

fn text(bytes: &Bytes) -> Result<&str> {
    std::str::from_utf8(bytes).map_err(|_| Undecodable::because("a name is no text"))
}
