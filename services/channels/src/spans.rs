//! Spans about batches of records: each in a trace of its own, with a link to every message in it.
//!
//! A batch has many traces, one for each of its messages, and can be a part of none of them; see
//! `docs/decisions/0016-one-trace.md`.

use std::{collections::BTreeMap, fmt};

use messaging::{Batch, ChannelName, Failure, Record};
use telemetry::{
    Kind, Span,
    names::{attr, operation},
};

/// The header that carries the trace.
pub(crate) const TRACEPARENT: &str = "traceparent";

/// Spans about the sending of `records` by `system`, one for each channel. They end when they are
/// dropped; none, without any cost, where nobody records.
#[must_use]
pub fn sending(system: &'static str, records: &[Record]) -> Vec<Span> {
    if !telemetry::is_traced() {
        return Vec::new();
    }
    let mut channels: BTreeMap<&ChannelName, Vec<&Record>> = BTreeMap::new();
    for record in records {
        channels.entry(&record.channel).or_default().push(record);
    }
    let span = |(channel, records): (&ChannelName, Vec<&Record>)| {
        let count = records.len();
        let mut span = linked(Kind::Client, operation::SEND, channel, records.into_iter());
        span.describe(|span| {
            tell(span, (operation::SEND, "send"), system, channel, count);
        });
        span
    };
    channels.into_iter().map(span).collect()
}

/// A span about the taking of `batch` into the ledger of `group`.
#[must_use]
pub fn admitting(system: &'static str, batch: &Batch, group: &impl fmt::Display) -> Span {
    reading(Kind::Client, (operation::ADMIT, "receive"), system, batch, group)
}

/// A span about the projecting of `batch` into the journal of `group`.
#[must_use]
pub fn projecting(system: &'static str, batch: &Batch, group: &impl fmt::Display) -> Span {
    reading(Kind::Consumer, (operation::PROJECT, "process"), system, batch, group)
}

/// Says of `spans` that what they are about failed, if it did.
pub fn conclude<T>(spans: &mut [Span], outcome: &Result<T, Failure>) {
    if let Err(failure) = outcome {
        spans.iter_mut().for_each(|span| span.fail(failure.code()));
    }
}

fn reading(
    kind: Kind,
    operation: (&'static str, &'static str),
    system: &'static str,
    batch: &Batch,
    group: &impl fmt::Display,
) -> Span {
    let channel = &batch.partition.channel;
    let records = batch.records.iter().map(|(_, _, record)| &**record);
    let mut span = linked(kind, operation.0, channel, records);
    span.describe(|span| {
        tell(span, operation, system, channel, batch.records.len());
        span.set(attr::PARTITION, batch.partition.number.to_string());
        span.set(attr::GROUP, group.to_string());
    });
    span
}

fn linked<'r>(
    kind: Kind,
    operation: &'static str,
    channel: &ChannelName,
    records: impl Iterator<Item = &'r Record>,
) -> Span {
    let traces = records.filter_map(|record| record.header(TRACEPARENT));
    Span::begin_linked(kind, traces, || format!("{operation} {channel}"))
}

fn tell(
    span: &mut Span,
    (operation, kind): (&'static str, &'static str),
    system: &'static str,
    channel: &ChannelName,
    records: usize,
) {
    span.set(attr::SYSTEM, system);
    span.set(attr::OPERATION, operation);
    span.set(attr::OPERATION_TYPE, kind);
    span.set(attr::CHANNEL, channel.to_string());
    span.count(attr::BATCH, records as u64);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_nobody_records_there_are_none() {
        let channel = ChannelName::status();
        let record = Record {
            channel,
            key: Vec::new().into(),
            headers: vec![(
                TRACEPARENT.into(),
                "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".into(),
            )],
            value: Vec::new().into(),
        };
        assert!(sending("amtsbote", &[record]).is_empty());
    }
}
