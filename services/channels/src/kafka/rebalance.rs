//! What the group decides about partitions, kept until the reader has looked up their positions.

use std::sync::{Mutex, MutexGuard, PoisonError};

use rdkafka::{
    ClientContext, TopicPartitionList,
    config::RDKafkaLogLevel,
    consumer::{BaseConsumer, Consumer, ConsumerContext},
    error::KafkaError,
    types::RDKafkaRespErr,
};
use tokio::sync::Notify;
use tracing::debug;

use super::client::told;

/// Topic and number.
pub(super) type Place = (String, i32);

/// Takes the group's decisions. Nothing here waits: it runs inside the client.
#[derive(Debug, Default)]
pub(super) struct Rebalances {
    decided: Mutex<Decided>,
    /// Wakes the reader.
    pub(super) changed: Notify,
}

/// What the reader has not acted on.
#[derive(Debug, Default)]
pub(super) struct Decided {
    /// Given to this reader, and to be answered even if empty: the group waits for it.
    pub(super) given: Option<Vec<Place>>,
    /// Taken from this reader.
    pub(super) taken: Vec<Place>,
    /// The client and the group are apart.
    pub(super) failed: Option<KafkaError>,
    /// Nobody reads any more.
    pub(super) is_closing: bool,
}

impl Rebalances {
    pub(super) fn decided(&self) -> MutexGuard<'_, Decided> {
        self.decided.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, consumer: &BaseConsumer<Self>, list: &TopicPartitionList) {
        let mut decided = self.decided();
        decided.taken.extend(places(list));
        // Given, never answered, and gone again: the answer is owed all the same.
        let was_pending = decided.given.take().is_some();
        let unassigned =
            if was_pending { consumer.unassign() } else { consumer.incremental_unassign(list) };
        if let Err(error) = unassigned {
            debug!(%error, "partitions could not be given back");
            decided.failed = Some(error);
        }
    }
}

impl ClientContext for Rebalances {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        told(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        debug!(%error, reason, "kafka client");
    }
}

impl ConsumerContext for Rebalances {
    fn rebalance(
        &self,
        consumer: &BaseConsumer<Self>,
        event: RDKafkaRespErr,
        list: &mut TopicPartitionList,
    ) {
        if event != RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS {
            self.take(consumer, list);
        } else if self.decided().is_closing {
            // The end waits for an answer; what is given now is taken back at once.
            if let Err(error) = consumer.incremental_assign(list) {
                debug!(%error, "partitions could not be taken");
            }
        } else {
            let mut decided = self.decided();
            decided.given.get_or_insert_default().extend(places(list));
        }
        self.changed.notify_one();
    }
}

pub(super) fn places(list: &TopicPartitionList) -> Vec<Place> {
    list.elements().iter().map(|e| (e.topic().to_owned(), e.partition())).collect()
}
