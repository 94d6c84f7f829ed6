//! The one record codec: CloudEvents 1.0 in Kafka's binary mode around a protobuf value.
//!
//! Headers repeat what routing and foreign tools need; the value alone is what is decoded, and a
//! record whose headers or key contradict it is refused.

mod application;
mod blob;
mod command;
mod event;
mod fields;

use std::fmt::{self, Write as _};

pub use application::{decode_application, decode_head, encode_application};
pub use blob::{from_bytes, to_bytes};
pub use command::{decode_command, encode_command};
pub use event::{
    decode_dead_letter, decode_event, decode_reply, encode_dead_letter, encode_event, encode_reply,
};
use jiff::Timestamp as Moment;
use messaging::{HeaderName, Record, Timestamp};

/// The version this code writes, and the only one it reads.
pub const CODEC_VERSION: u8 = 1;

/// `ce_type` of an application.
pub const APPLICATION: &str = "de.amtsbote.application.v1";
/// `ce_type` of an event.
pub const EVENT: &str = "de.amtsbote.status.v1";
/// `ce_type` of a command.
pub const COMMAND: &str = "de.amtsbote.command.v1";
/// `ce_type` of a reply.
pub const REPLY: &str = "de.amtsbote.reply.v1";
/// `ce_type` of a dead letter.
pub const DEAD_LETTER: &str = "de.amtsbote.dead.v1";

/// By how many partitions the writer chose the record's place.
const PARTITIONS: &str = "ce_partitions";

const SPEC_VERSION: &str = "1.0";
const CONTENT_TYPE: &str = "application/protobuf";
const CODEC_VERSION_TEXT: &str = "1";

/// The names of the headers written here, the frequent ones first.
const OUR_NAMES: [&str; 27] = [
    "ce_specversion",
    "ce_id",
    "ce_source",
    "ce_type",
    "ce_time",
    "content-type",
    "ce_codecversion",
    "ce_subject",
    "ce_messageid",
    "ce_ownid",
    "ce_sender",
    "ce_authority",
    "ce_domain",
    "ce_service",
    "ce_standard",
    "ce_standardversion",
    "ce_messagetype",
    "ce_test",
    "ce_sha256",
    PARTITIONS,
    "traceparent",
    "ce_kind",
    "ce_endpoint",
    "ce_state",
    "ce_code",
    "ce_replykind",
    "ce_order",
];

/// A record that is not one of ours, or not undamaged. Says why, without any of its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Undecodable {
    why: &'static str,
    source: Option<prost::DecodeError>,
}

impl Undecodable {
    fn because(why: &'static str) -> Self {
        Self { why, source: None }
    }
}

impl fmt::Display for Undecodable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "undecodable record: {}", self.why)
    }
}

impl std::error::Error for Undecodable {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_ref().map(|source| source as _)
    }
}

impl From<prost::DecodeError> for Undecodable {
    fn from(source: prost::DecodeError) -> Self {
        Self { why: "the value is no protobuf message of its type", source: Some(source) }
    }
}

/// Builds the headers of a record in the order every record has them. Values lie behind one another
/// in one buffer, which all of them share.
struct Headers {
    values: String,
    /// Each with where its value ends.
    names: Vec<(&'static str, usize)>,
}

impl Headers {
    fn new(id: &str, source: &str, kind: &'static str, at: Timestamp) -> Self {
        let mut headers =
            Self { values: String::with_capacity(640), names: Vec::with_capacity(24) };
        headers.add("ce_specversion", SPEC_VERSION);
        headers.add("ce_id", id);
        headers.add("ce_source", source);
        headers.add("ce_type", kind);
        // CloudEvents times end with the year 9999; without one the event is valid as well.
        headers.add_some("ce_time", Moment::from_microsecond(at.0).ok());
        headers.add("content-type", CONTENT_TYPE);
        headers.add("ce_codecversion", CODEC_VERSION_TEXT);
        headers
    }

    fn add(&mut self, name: &'static str, value: impl fmt::Display) {
        write!(self.values, "{value}").expect("a string takes everything");
        self.names.push((name, self.values.len()));
    }

    /// CloudEvents knows no empty attributes: what is not known is not there.
    fn add_some(&mut self, name: &'static str, value: Option<impl fmt::Display>) {
        let before = self.values.len();
        if let Some(value) = value {
            self.add(name, value);
            if self.values.len() == before {
                self.names.pop();
            }
        }
    }

    fn finish(self) -> Vec<(HeaderName, bytes::Bytes)> {
        let mut values = bytes::Bytes::from(self.values);
        let mut start = 0;
        let header = |(name, end): (&'static str, usize)| {
            let value = values.split_to(end - start);
            start = end;
            (name.into(), value)
        };
        self.names.into_iter().map(header).collect()
    }
}

/// Writes into `record` by how many partitions its place is chosen.
pub fn write_partitions(record: &mut Record, partitions: u32) {
    record.headers.push((PARTITIONS.into(), partitions.to_string().into()));
}

/// By how many partitions the record's place was chosen; `None` where its writer does not say: on
/// channels that have one for good, and by versions that did not write it.
#[must_use]
pub fn partitions(record: &Record) -> Option<u32> {
    record.header(PARTITIONS)?.parse().ok()
}

/// A header's name as records hold it: one of ours is no allocation.
pub(crate) fn header_name(name: &str) -> HeaderName {
    OUR_NAMES
        .iter()
        .find(|ours| **ours == name)
        .map_or_else(|| name.to_owned().into(), |n| (*n).into())
}

/// Whether the headers say that the value is a `kind` of this codec.
fn check_headers(record: &Record, kind: &'static str) -> Result<(), Undecodable> {
    if record.header("ce_specversion") != Some(SPEC_VERSION) {
        return Err(Undecodable::because("no CloudEvent 1.0 in binary mode"));
    }
    if record.header("ce_type") != Some(kind) {
        return Err(Undecodable::because("not the type of event that belongs here"));
    }
    if record.header("ce_codecversion") != Some(CODEC_VERSION_TEXT) {
        return Err(Undecodable::because("written by another version of the codec"));
    }
    if record.header("content-type") != Some(CONTENT_TYPE) {
        return Err(Undecodable::because("the value is not declared as protobuf"));
    }
    // Reserved: the name of the key the value is encrypted with. This version has none.
    if record.headers.iter().any(|(name, value)| name == "ce_keyid" && !value.is_empty()) {
        return Err(Undecodable::because("encrypted with a key this version does not know"));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
