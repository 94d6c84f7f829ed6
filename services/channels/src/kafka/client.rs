//! What all Kafka clients here share: their configuration, their words in the log, their errors
//! told as failures, and their end off the runtime.

use std::{ops::Deref, sync::Arc, time::Duration};

use messaging::{Failure, FailureKind};
use rdkafka::{
    ClientConfig, ClientContext,
    config::RDKafkaLogLevel,
    consumer::ConsumerContext,
    error::{KafkaError, RDKafkaErrorCode as Code},
};
use tracing::{debug, warn};

use super::{
    Settings,
    trouble::{Trouble, connection_code},
};
use crate::{RECORD_BYTES_MAX, codes};

/// How long one question to a broker may take.
pub(super) const ANSWER_TIME_MAX: Duration = Duration::from_secs(5);
/// The largest record with what Kafka puts around it.
pub(super) const MESSAGE_BYTES_MAX: usize = RECORD_BYTES_MAX + (64 << 10);

/// What every client is told.
pub(super) fn config(settings: &Settings) -> ClientConfig {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", &settings.brokers)
        .set("client.id", "amtsbote")
        .set("message.max.bytes", MESSAGE_BYTES_MAX.to_string())
        .set("reconnect.backoff.ms", "100")
        .set("reconnect.backoff.max.ms", "2000")
        .set("socket.nagle.disable", "true")
        // Why a broker hung up is only worth a notice to the client.
        .set_log_level(RDKafkaLogLevel::Info);
    settings.security.apply(&mut config);
    config
}

/// Tells the log what the client says, and keeps why it cannot connect. It never speaks of contents.
#[derive(Debug)]
pub(super) struct Quiet(pub(super) Arc<Trouble>);

impl ClientContext for Quiet {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        told(level, facility, message);
        // So it calls a connection that ended, or never came about.
        if facility == "FAIL" {
            self.0.heard(message);
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        debug!(%error, reason, "kafka client");
        self.0.told(&error, reason);
    }
}

impl ConsumerContext for Quiet {}

/// Only what is about to fail is worth a warning; the rest is repeated by failures.
pub(super) fn told(level: RDKafkaLogLevel, facility: &str, message: &str) {
    match level {
        RDKafkaLogLevel::Emerg | RDKafkaLogLevel::Alert | RDKafkaLogLevel::Critical => {
            warn!(facility, message, "kafka client");
        }
        _ => debug!(facility, message, "kafka client"),
    }
}

/// What `error` means for whoever wanted `what`.
pub(super) fn failure(what: &str, error: &KafkaError) -> Failure {
    let cause = format!("{what}: {error}");
    match error {
        KafkaError::ClientConfig(..) | KafkaError::ClientCreation(_) | KafkaError::Nul(_) => {
            return FailureKind::Defect.because(codes::KAFKA_SETTINGS, cause);
        }
        _ => {}
    }
    code_failure(error.rdkafka_error_code(), cause)
}

/// As [`failure`], for what a broker answered about one of several things.
pub(super) fn code_failure(code: Option<Code>, cause: String) -> Failure {
    if let Some(connection) = code.and_then(connection_code) {
        return FailureKind::Unavailable.because(connection, cause);
    }
    match code {
        Some(Code::MessageSizeTooLarge | Code::InvalidMessageSize) => {
            FailureKind::Defect.because(codes::RECORD_TOO_LARGE, cause)
        }
        // A right can be given while this runs; until then nothing is given up for its lack.
        Some(
            Code::TopicAuthorizationFailed
            | Code::GroupAuthorizationFailed
            | Code::ClusterAuthorizationFailed,
        ) => FailureKind::Unavailable.because(codes::KAFKA_REFUSED, cause),
        // The clock can be put right while this runs.
        Some(Code::InvalidTimestamp) => FailureKind::Unavailable.because(codes::KAFKA_CLOCK, cause),
        Some(Code::InvalidTopic | Code::PolicyViolation) => {
            FailureKind::Defect.because(codes::KAFKA_REFUSED, cause)
        }
        _ => FailureKind::Unavailable.because(codes::KAFKA_UNAVAILABLE, cause),
    }
}

/// A client whose end may block for seconds: it ends on a blocking thread, which the runtime joins.
pub(super) struct OffRuntime<T: Send + 'static>(Option<T>);

impl<T: Send + 'static> OffRuntime<T> {
    pub(super) fn new(client: T) -> Self {
        Self(Some(client))
    }
}

impl<T: Send + 'static> Deref for OffRuntime<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0.as_ref().expect("taken by drop alone")
    }
}

impl<T: Send + 'static> Drop for OffRuntime<T> {
    fn drop(&mut self) {
        let client = self.0.take();
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn_blocking(move || drop(client));
        }
    }
}
