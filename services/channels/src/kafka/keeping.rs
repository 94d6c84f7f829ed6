//! How long topics keep their records, as their brokers say, and which records go soon.

use std::time::Duration;

use messaging::{ChannelName, FailureKind, Position, Result, Timestamp};
use rdkafka::{
    Offset, TopicPartitionList,
    admin::{ConfigResource, ConfigResourceResult, ResourceSpecifier},
    config::FromClientConfigAndContext,
    consumer::{BaseConsumer, Consumer as _},
    error::RDKafkaErrorCode as Code,
};
use tokio::time::sleep;
use tracing::{debug, warn};

use super::{
    Settings,
    client::{ANSWER_TIME_MAX, MESSAGE_BYTES_MAX, Quiet, code_failure, failure},
    topics::{
        CLOCK_ERROR_MAX, COPIES_FOR_TWO_IN_SYNC, LOOK_PAUSE, LOOKS_MAX, Topics, blocking, number,
    },
};
use crate::codes;

/// For how long a topic keeps a record, read or not. `None`: for good.
pub(super) type Kept = Option<Duration>;

/// Of the time a record is kept, the part after which an unread one is old.
const OLD_AFTER: u32 = 2;

/// What a topic's own configuration says, as far as it matters here.
#[derive(Debug, Default)]
struct Found {
    /// Milliseconds; -1: for good.
    retention: Option<i64>,
    /// -1: any number.
    retention_bytes: Option<i64>,
    message_bytes_max: Option<u64>,
    in_sync_min: Option<u16>,
    cleanup_policy: Option<String>,
    /// Milliseconds a record's time may lie behind; nothing where the broker's own time counts.
    behind_max: Option<u64>,
}

impl Topics {
    /// Asks how long `channel` is kept, and tells the log where that is not as configured.
    ///
    /// # Errors
    /// `Defect`: it keeps the last record of each case only. `Unavailable`: nobody answers.
    pub(super) async fn kept(&self, channel: &ChannelName) -> Result<Kept> {
        let topic = self.name(channel);
        let what = format!("look at topic `{topic}`");
        let found = match self.ask(&topic, &what).await? {
            Ok(resource) => Found::read(&resource),
            // Not everybody may look, and not every broker knows the question; what is configured is
            // believed then.
            Err(
                code @ (Code::TopicAuthorizationFailed
                | Code::ClusterAuthorizationFailed
                | Code::UnsupportedFeature),
            ) => {
                debug!(topic, %code, "how the topic is kept cannot be looked at");
                Found::default()
            }
            Err(code) => return Err(code_failure(Some(code), format!("{what}: {code}"))),
        };
        if found.cleanup_policy.as_ref().is_some_and(|policy| policy.contains("compact")) {
            let cause = format!(
                "topic `{topic}` is compacted: of each case it would keep the last record only"
            );
            return Err(FailureKind::Defect.because(codes::KAFKA_TOPIC_DIFFERS, cause));
        }
        let differences = found.differences(self.settings());
        if !differences.is_empty() {
            let (code, cause) = (codes::KAFKA_TOPIC_DIFFERS, differences.join("; "));
            warn!(topic, code, cause, "a topic keeps its records otherwise than configured");
        }
        Ok(found.kept(self.settings()))
    }

    /// A topic just made is not known to every broker for a moment.
    async fn ask(&self, topic: &str, what: &str) -> Result<ConfigResourceResult> {
        let (admin, options) = self.admin(what)?;
        let specifier = ResourceSpecifier::Topic(topic);
        let mut looks = 1;
        loop {
            let answered = match admin.describe_configs([&specifier], &options).await {
                Ok(mut answers) => answers.pop().unwrap_or(Err(Code::Fail)),
                Err(error) => match error.rdkafka_error_code() {
                    Some(code @ Code::UnsupportedFeature) => Err(code),
                    _ => return Err(failure(what, &error)),
                },
            };
            if LOOKS_MAX <= looks || answered.as_ref().err() != Some(&Code::UnknownTopicOrPartition)
            {
                return Ok(answered);
            }
            looks += 1;
            sleep(LOOK_PAUSE).await;
        }
    }

    /// For each partition, where the records begin that have more than half of their time left.
    /// Nothing for a topic that keeps records for good.
    ///
    /// # Errors
    /// `Unavailable`: nobody answers. As [`Topics::make`].
    pub(super) async fn expiring(
        &self,
        channel: &ChannelName,
        now: Timestamp,
    ) -> Result<Vec<Position>> {
        self.make(std::slice::from_ref(channel)).await?;
        let Some(kept) = self.kept_known(channel) else { return Ok(Vec::new()) };
        let age = i64::try_from((kept / OLD_AFTER).as_millis()).unwrap_or(i64::MAX);
        let old_before = (now.0 / 1_000).saturating_sub(age);
        let ends = self.ends(channel).await?;
        let topic = self.name(channel);
        let what = format!("look for old records of `{topic}`");
        let mut list = TopicPartitionList::new();
        for end in &ends {
            list.add_partition_offset(&topic, number(&end.partition)?, Offset::Offset(old_before))
                .map_err(|error| failure(&what, &error))?;
        }
        let (config, context) = (self.config(), self.context());
        let found = blocking(move || {
            let consumer: BaseConsumer<Quiet> =
                BaseConsumer::from_config_and_context(&config, context)
                    .map_err(|error| failure(&what, &error))?;
            consumer
                .offsets_for_times(list, ANSWER_TIME_MAX)
                .map_err(|error| failure(&what, &error))
        })
        .await?;
        let young = |mut end: Position| {
            let number = number(&end.partition).ok()?;
            // None is young: all that is there is old.
            if let Offset::Offset(offset) = found.find_partition(&topic, number)?.offset() {
                end.offset = u64::try_from(offset).unwrap_or(end.offset).min(end.offset);
            }
            Some(end)
        };
        Ok(ends.into_iter().filter_map(young).collect())
    }
}

impl Found {
    fn read(resource: &ConfigResource) -> Self {
        let text = |name: &str| resource.get(name).and_then(|entry| entry.value.clone());
        let number = |name: &str| text(name).and_then(|value| value.parse().ok());
        Self {
            retention: number("retention.ms"),
            retention_bytes: number("retention.bytes"),
            message_bytes_max: text("max.message.bytes").and_then(|value| value.parse().ok()),
            in_sync_min: text("min.insync.replicas").and_then(|value| value.parse().ok()),
            cleanup_policy: text("cleanup.policy"),
            behind_max: text("message.timestamp.before.max.ms")
                .filter(|_| text("message.timestamp.type").as_deref() != Some("LogAppendTime"))
                .and_then(|value| value.parse().ok()),
        }
    }

    fn kept(&self, settings: &Settings) -> Kept {
        match self.retention {
            None => Some(settings.retention),
            Some(milliseconds) => u64::try_from(milliseconds).ok().map(Duration::from_millis),
        }
    }

    /// In words for an operator.
    fn differences(&self, settings: &Settings) -> Vec<String> {
        let mut told = Vec::new();
        let wanted = i64::try_from(settings.retention.as_millis()).unwrap_or(i64::MAX);
        if let Some(found) = self.retention.filter(|found| *found != wanted) {
            told.push(format!("retention.ms is {found}, configured are {wanted}"));
        }
        if let Some(bytes) = self.retention_bytes.filter(|bytes| 0 <= *bytes) {
            told.push(format!("retention.bytes is {bytes}: records go by size too, read or not"));
        }
        let bytes_max = u64::try_from(MESSAGE_BYTES_MAX).unwrap_or(u64::MAX);
        if let Some(found) = self.message_bytes_max.filter(|found| *found < bytes_max) {
            told.push(format!("max.message.bytes is {found}, wanted are {bytes_max}"));
        }
        let copies = settings.replication.unwrap_or(0);
        if let Some(found) = self.in_sync_min.filter(|found| *found < 2)
            && COPIES_FOR_TWO_IN_SYNC <= copies
        {
            told.push(format!("min.insync.replicas is {found} of {copies} copies, wanted are 2"));
        }
        let kept = self.kept(settings).map_or(u128::MAX, |kept| (kept / OLD_AFTER).as_millis());
        if let Some(found) = self.behind_max.filter(|found| kept < u128::from(*found)) {
            told.push(format!(
                "message.timestamp.before.max.ms is {found}: records stamped by a clock that is \
                 behind would be removed unread, wanted are {}",
                CLOCK_ERROR_MAX.as_millis()
            ));
        }
        told
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_as_configured_is_told() {
        let settings = Settings {
            retention: Duration::from_secs(7),
            replication: Some(3),
            ..Settings::new("127.0.0.1:1")
        };
        let same = || Found {
            retention: Some(7_000),
            retention_bytes: Some(-1),
            message_bytes_max: u64::try_from(MESSAGE_BYTES_MAX).ok(),
            in_sync_min: Some(2),
            cleanup_policy: Some("delete".to_owned()),
            behind_max: Some(3_500),
        };
        for (found, expected) in [
            (same(), ""),
            (Found { retention: Some(6_999), ..same() }, "retention.ms is 6999, configured"),
            (Found { retention: Some(-1), ..same() }, "retention.ms is -1, configured"),
            (
                Found { behind_max: Some(u64::MAX), ..same() },
                "message.timestamp.before.max.ms is 18446744073709551615",
            ),
            (Found { retention_bytes: Some(1), ..same() }, "retention.bytes is 1"),
            (
                Found { message_bytes_max: Some(1_048_588), ..same() },
                "max.message.bytes is 1048588",
            ),
            (Found { in_sync_min: Some(1), ..same() }, "min.insync.replicas is 1 of 3"),
            (Found::default(), ""),
        ] {
            let told = found.differences(&settings).join("; ");
            assert!(told.starts_with(expected) && told.is_empty() == expected.is_empty(), "{told}");
        }
    }

    #[test]
    fn a_topic_that_keeps_for_good_has_no_time() {
        let settings = Settings::new("127.0.0.1:1");
        for (retention, expected) in [
            (None, Some(settings.retention)),
            (Some(5_000), Some(Duration::from_secs(5))),
            (Some(-1), None),
        ] {
            assert_eq!(Found { retention, ..Found::default() }.kept(&settings), expected);
        }
    }
}
