//! What lies on a channel: a key, headers and bytes, and where.

use std::borrow::Cow;

use bytes::Bytes;

use crate::{CaseId, ChannelName};

/// The name of a header: one of ours, or whatever a foreign producer wrote.
pub type HeaderName = Cow<'static, str>;

/// One record, encoded: a CloudEvent 1.0 in binary mode. Made and read by `channels::codec` alone.
#[derive(Clone, PartialEq, Eq)]
pub struct Record {
    /// Where it goes.
    pub channel: ChannelName,
    /// Same key, same partition, same order. Case id as 16 bytes; on `control` the endpoint's name.
    pub key: Bytes,
    /// Header names and values in order; values are UTF-8.
    pub headers: Vec<(HeaderName, Bytes)>,
    /// The protobuf message.
    pub value: Bytes,
}

impl Record {
    /// The key of a case.
    #[must_use]
    pub fn key_of(case: CaseId) -> Bytes {
        Bytes::copy_from_slice(case.0.as_bytes())
    }

    /// The value of the first header called `name`, if it is text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let (_, value) = self.headers.iter().find(|(header, _)| header == name)?;
        std::str::from_utf8(value).ok()
    }

    /// Bytes of key, headers and value.
    #[must_use]
    pub fn len(&self) -> usize {
        let headers: usize = self.headers.iter().map(|(n, v)| n.len() + v.len()).sum();
        self.key.len() + headers + self.value.len()
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Header values can be personal data, so only names and sizes are shown.
impl std::fmt::Debug for Record {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Record")
            .field("channel", &self.channel)
            .field("bytes", &self.len())
            .finish_non_exhaustive()
    }
}

/// One partition of one channel.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Partition {
    /// The channel.
    pub channel: ChannelName,
    /// From 0.
    pub number: u32,
}

impl std::fmt::Display for Partition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.channel, self.number)
    }
}

/// Where a record lies.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Position {
    /// In which partition.
    pub partition: Partition,
    /// From 0; grows, with gaps on Kafka.
    pub offset: u64,
}
