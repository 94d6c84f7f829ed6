//! Reads and writes `[gateway.limits]`.

use std::{ops::RangeInclusive, time::Duration};

use gateway::Limits;
use toml::Table;

use super::{section::Section, words};

const KIB: usize = 1 << 10;
const GIB: usize = 1 << 30;
const TIMES: RangeInclusive<Duration> = Duration::from_millis(1)..=Duration::from_secs(86_400);
const DAYS: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(30 * 86_400);
const COUNTS: RangeInclusive<u32> = 1..=1_000_000;

/// Every key is as documented on the field of [`Limits`] it sets.
pub(super) fn read(gateway: &Section<'_>) -> Limits {
    let section = gateway.section("limits");
    let mut limits = Limits::default();
    let messages = KIB..=Limits::MESSAGE_BYTES_CEILING;
    let memory = Limits::MESSAGE_BYTES_CEILING..=64 * GIB;
    set(&mut limits.message_bytes_max, section.bytes("message_bytes_max", messages));
    set(&mut limits.attachments_max, count(&section, "attachments_max", 0..=10_000));
    let attachment = section.bytes("attachment_bytes_max", KIB..=100 * GIB);
    set(&mut limits.attachment_bytes_max, attachment.map(|bytes| bytes as u64));
    set(&mut limits.bytes_in_flight_max, section.bytes("bytes_in_flight_max", memory));
    set(&mut limits.requests_in_flight_max, count(&section, "requests_in_flight_max", COUNTS));
    set(&mut limits.uploads_max, count(&section, "uploads_max", COUNTS));
    let upload_memory = section.bytes("upload_bytes_in_flight_max", 1024 * KIB..=64 * GIB);
    set(&mut limits.upload_bytes_in_flight_max, upload_memory);
    set(&mut limits.rate_per_second, section.number("rate_per_second", COUNTS));
    set(&mut limits.rate_burst, section.number("rate_burst", COUNTS));
    set(&mut limits.stream_window, count(&section, "stream_window", 1..=100_000));
    set(&mut limits.connections_max, count(&section, "connections_max", COUNTS));
    let streams = section.number("streams_per_connection_max", 1..=100_000);
    set(&mut limits.streams_per_connection_max, streams);
    set(&mut limits.preface_time_max, section.duration("preface_time_max", TIMES));
    set(&mut limits.idle_time_max, section.duration("idle_time_max", TIMES));
    set(&mut limits.message_time_max, section.duration("message_time_max", TIMES));
    set(&mut limits.stream_idle_time_max, section.duration("stream_idle_time_max", TIMES));
    set(&mut limits.admission_time_max, section.duration("admission_time_max", TIMES));
    let stream_admission = section.duration("stream_admission_time_max", TIMES);
    set(&mut limits.stream_admission_time_max, stream_admission);
    set(&mut limits.check_time_max, section.duration("check_time_max", TIMES));
    set(&mut limits.append_time_max, section.duration("append_time_max", TIMES));
    set(&mut limits.recent_max, count(&section, "recent_max", 0..=10_000_000));
    set(&mut limits.recent_time_max, section.duration("recent_time_max", DAYS));
    set(&mut limits.drain_time_max, section.duration("drain_time_max", TIMES));
    section.close();
    limits
}

/// What [`read`] reads.
pub(super) fn write(limits: &Limits) -> Table {
    let mut table = Table::new();
    let mut bytes = |key: &str, value: usize| {
        table.insert(key.to_owned(), words::bytes_text(value).into());
    };
    bytes("message_bytes_max", limits.message_bytes_max);
    bytes(
        "attachment_bytes_max",
        usize::try_from(limits.attachment_bytes_max).unwrap_or(usize::MAX),
    );
    bytes("bytes_in_flight_max", limits.bytes_in_flight_max);
    bytes("upload_bytes_in_flight_max", limits.upload_bytes_in_flight_max);
    let mut count = |key: &str, value: usize| {
        table.insert(key.to_owned(), i64::try_from(value).unwrap_or(i64::MAX).into());
    };
    count("attachments_max", limits.attachments_max);
    count("requests_in_flight_max", limits.requests_in_flight_max);
    count("uploads_max", limits.uploads_max);
    count("rate_per_second", usize::try_from(limits.rate_per_second).unwrap_or(usize::MAX));
    count("rate_burst", usize::try_from(limits.rate_burst).unwrap_or(usize::MAX));
    count("stream_window", limits.stream_window);
    count("connections_max", limits.connections_max);
    let streams = usize::try_from(limits.streams_per_connection_max).unwrap_or(usize::MAX);
    count("streams_per_connection_max", streams);
    count("recent_max", limits.recent_max);
    let mut time = |key: &str, value: Duration| {
        table.insert(key.to_owned(), words::duration_text(value).into());
    };
    time("preface_time_max", limits.preface_time_max);
    time("idle_time_max", limits.idle_time_max);
    time("message_time_max", limits.message_time_max);
    time("stream_idle_time_max", limits.stream_idle_time_max);
    time("admission_time_max", limits.admission_time_max);
    time("stream_admission_time_max", limits.stream_admission_time_max);
    time("check_time_max", limits.check_time_max);
    time("append_time_max", limits.append_time_max);
    time("recent_time_max", limits.recent_time_max);
    time("drain_time_max", limits.drain_time_max);
    table
}

fn set<T>(limit: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *limit = value;
    }
}

fn count(section: &Section<'_>, key: &'static str, bounds: RangeInclusive<u32>) -> Option<usize> {
    section.number(key, bounds).and_then(|number| usize::try_from(number).ok())
}
