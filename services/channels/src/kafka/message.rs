//! Takes a record out of the client. Whatever a foreign producer wrote becomes a record: whether it
//! can be decoded is judged later, with its bytes at hand.

use std::{
    collections::HashMap,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use bytes::BytesMut;
use messaging::{ChannelName, HeaderName, Record, Timestamp};
use rdkafka::message::{BorrowedMessage, Headers as _, Message as _};

use super::{lanes::Lanes, subscription::partition};
use crate::codec;

/// Puts `message` into its lane, and tells its bytes.
pub(super) fn take(
    message: &BorrowedMessage<'_>,
    channels: &HashMap<String, ChannelName>,
    lanes: &mut Lanes,
) -> usize {
    let place = (message.topic().to_owned(), message.partition());
    let offset = u64::try_from(message.offset());
    // The client gives what it was told to fetch: topics subscribed to, offsets from 0.
    let (Some(partition), Ok(offset)) = (partition(channels, &place), offset) else { return 0 };
    let record = record(message, partition.channel.clone());
    let bytes = record.len();
    let milliseconds = message.timestamp().to_millis().unwrap_or(0);
    lanes.push(
        &partition,
        (offset, Timestamp(milliseconds.saturating_mul(1_000)), Arc::new(record)),
    );
    bytes
}

/// What `message` holds, as a record of `channel`. Its parts share one buffer.
pub(super) fn record(message: &BorrowedMessage<'_>, channel: ChannelName) -> Record {
    let (key, value) = (message.key().unwrap_or_default(), message.payload().unwrap_or_default());
    let headers = headers(message);
    let of_headers: usize = headers.iter().map(|(_, value)| value.len()).sum();
    let mut parts = BytesMut::with_capacity(key.len() + of_headers + value.len());
    let mut part = |bytes: &[u8]| {
        parts.extend_from_slice(bytes);
        parts.split().freeze()
    };
    let key = part(key);
    let headers = headers.into_iter().map(|(name, value)| (name, part(value))).collect();
    Record { channel, key, headers, value: part(value) }
}

/// The client panics on a name that is not UTF-8, which anybody may write; such a record goes on
/// without headers, as one that cannot be decoded.
fn headers<'m>(message: &'m BorrowedMessage<'_>) -> Vec<(HeaderName, &'m [u8])> {
    let found = || {
        let headers = message.headers().into_iter().flat_map(|headers| headers.iter());
        let header = |header: rdkafka::message::Header<'m, &'m [u8]>| {
            (codec::header_name(header.key), header.value.unwrap_or_default())
        };
        headers.map(header).collect()
    };
    catch_unwind(AssertUnwindSafe(found)).unwrap_or_default()
}
