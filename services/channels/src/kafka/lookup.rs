//! Reads single records by their place, beside what is fetched in order.

use std::time::Duration;

use messaging::{GroupId, Position, Record, Result};
use rdkafka::{
    Offset, TopicPartitionList,
    config::FromClientConfigAndContext,
    consumer::{BaseConsumer, Consumer as _},
    message::Message as _,
};
use tokio::time::Instant;

use super::{
    client::{ANSWER_TIME_MAX, Quiet, code_failure, failure},
    message,
    rebalance::Place,
    topics::{Topics, blocking, number},
};

/// Between two looks whether the time is over.
const POLL_TIME: Duration = Duration::from_millis(100);

/// The records at `positions`, which were within the log a moment ago; `None` where nothing lies at
/// that very offset.
///
/// # Errors
/// `Unavailable`: the broker does not answer now, or not about all of them.
pub(super) async fn records_at(
    topics: &Topics,
    group: &GroupId,
    positions: Vec<Position>,
) -> Result<Vec<(Position, Option<Record>)>> {
    if positions.is_empty() {
        return Ok(Vec::new());
    }
    let mut config = topics.config();
    config
        // It never joins. The client wants a name all the same, and only this one is surely allowed.
        .set("group.id", group.to_string())
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("auto.offset.reset", "error")
        .set("allow.auto.create.topics", "false")
        // One batch each is enough.
        .set("fetch.message.max.bytes", "1");
    let mut list = TopicPartitionList::new();
    let mut wanted = Vec::with_capacity(positions.len());
    for position in positions {
        let offset = i64::try_from(position.offset).unwrap_or(i64::MAX);
        let place = (topics.name(&position.partition.channel), number(&position.partition)?);
        list.add_partition_offset(&place.0, place.1, Offset::Offset(offset))
            .map_err(|error| failure("look up records", &error))?;
        wanted.push((place, position));
    }
    let context = topics.context();
    blocking(move || {
        let consumer: BaseConsumer<Quiet> = BaseConsumer::from_config_and_context(&config, context)
            .map_err(|error| failure("look up records", &error))?;
        consumer.assign(&list).map_err(|error| failure("look up records", &error))?;
        look(&consumer, wanted)
    })
    .await
}

fn look(
    consumer: &BaseConsumer<Quiet>,
    mut wanted: Vec<(Place, Position)>,
) -> Result<Vec<(Position, Option<Record>)>> {
    let until = Instant::now() + ANSWER_TIME_MAX;
    let mut found = Vec::with_capacity(wanted.len());
    while !wanted.is_empty() {
        if until <= Instant::now() {
            let cause = format!("{} records could not be looked up in time", wanted.len());
            return Err(code_failure(None, cause));
        }
        let Some(polled) = consumer.poll(POLL_TIME) else { continue };
        let message = polled.map_err(|error| failure("look up records", &error))?;
        let is_it = |((topic, number), _): &(Place, Position)| {
            topic == message.topic() && *number == message.partition()
        };
        // More of a partition comes after the one that was wanted.
        let Some(at) = wanted.iter().position(is_it) else { continue };
        let (_, position) = wanted.swap_remove(at);
        let is_there = u64::try_from(message.offset()).ok() == Some(position.offset);
        let record =
            is_there.then(|| message::record(&message, position.partition.channel.clone()));
        found.push((position, record));
    }
    Ok(found)
}
