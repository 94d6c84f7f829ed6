//! Takes a record out of the client. Whatever a foreign producer wrote becomes a record: whether it
//! can be decoded is judged later, with its bytes at hand.

use std::{
    collections::HashMap,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use bytes::Bytes;
use messaging::{ChannelName, HeaderName, Record, Timestamp};
use rdkafka::message::{BorrowedMessage, Headers as _, Message as _};

use super::{lanes::Lanes, subscription::partition};

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

/// What `message` holds, as a record of `channel`.
pub(super) fn record(message: &BorrowedMessage<'_>, channel: ChannelName) -> Record {
    let copied = |bytes: Option<&[u8]>| bytes.map_or_else(Bytes::new, Bytes::copy_from_slice);
    Record {
        channel,
        key: copied(message.key()),
        headers: headers(message),
        value: copied(message.payload()),
    }
}

/// The client panics on a name that is not UTF-8, which anybody may write; such a record goes on
/// without headers, as one that cannot be decoded.
fn headers(message: &BorrowedMessage<'_>) -> Vec<(HeaderName, Bytes)> {
    let copied = || {
        let headers = message.headers().into_iter().flat_map(|headers| headers.iter());
        let header = |header: rdkafka::message::Header<'_, &[u8]>| {
            (
                header.key.to_owned().into(),
                header.value.map_or_else(Bytes::new, Bytes::copy_from_slice),
            )
        };
        headers.map(header).collect()
    };
    catch_unwind(AssertUnwindSafe(copied)).unwrap_or_default()
}
