//! Why clients cannot connect, as they last said: their calls tell only that nobody answered.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use messaging::{Failure, FailureKind};
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use tokio::time::Instant;

use crate::codes;

/// A client that cannot connect says so again within 30 s.
const CURRENT_FOR: Duration = Duration::from_secs(45);
/// Of a reason; it names addresses and what the other side said.
const REASON_CHARS_MAX: usize = 300;

/// Shared by all clients of a channel.
#[derive(Debug, Default)]
pub(super) struct Trouble(Mutex<Option<Told>>);

#[derive(Debug)]
struct Told {
    code: Option<Code>,
    reason: String,
    at: Instant,
}

impl Trouble {
    /// A client said this of one of its connections.
    pub(super) fn told(&self, error: &KafkaError, reason: &str) {
        let code = error.rdkafka_error_code();
        // Says less than what it follows from.
        if code == Some(Code::AllBrokersDown) {
            return;
        }
        let reason = reason.chars().take(REASON_CHARS_MAX).collect();
        *self.lock() = Some(Told { code, reason, at: Instant::now() });
    }

    /// A client noted this about a connection: worth as much as nothing better is known.
    pub(super) fn heard(&self, reason: &str) {
        let mut told = self.lock();
        if told.as_ref().is_none_or(|told| !told.is_current() || told.code.is_none()) {
            let reason = reason.chars().take(REASON_CHARS_MAX).collect();
            *told = Some(Told { code: None, reason, at: Instant::now() });
        }
    }

    /// A broker answered.
    pub(super) fn over(&self) {
        self.lock().take();
    }

    /// `failure` with the reason for it, if it is that nobody answers and a client said why.
    pub(super) fn explain(&self, failure: Failure) -> Failure {
        if failure.code() != codes::KAFKA_UNAVAILABLE {
            return failure;
        }
        let guard = self.lock();
        let Some(told) = guard.as_ref().filter(|told| told.is_current()) else {
            return failure;
        };
        // A broker that wants no such certificate as ours says so when all seems done already.
        let is_tls = told.reason.contains("SSL routines");
        let code = match told.code.and_then(connection_code) {
            Some(code) => code,
            None if is_tls => codes::KAFKA_TLS,
            None => codes::KAFKA_UNAVAILABLE,
        };
        // The failure's own line would repeat kind and code.
        let what = std::error::Error::source(&failure).map(ToString::to_string).unwrap_or_default();
        FailureKind::Unavailable.because(code, format!("{what}: {}", told.reason))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Told>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Told {
    fn is_current(&self) -> bool {
        self.at.elapsed() < CURRENT_FOR
    }
}

/// What keeps a connection from being made, where that is not just silence.
pub(super) fn connection_code(code: Code) -> Option<&'static str> {
    match code {
        Code::SaslAuthenticationFailed | Code::Authentication | Code::UnsupportedSASLMechanism => {
            Some(codes::KAFKA_CREDENTIALS)
        }
        Code::SSL => Some(codes::KAFKA_TLS),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(code: Code, expected: &str) {
        let trouble = Trouble::default();
        trouble.told(&KafkaError::Global(code), "a reason");
        trouble.told(&KafkaError::Global(Code::AllBrokersDown), "1/1 brokers are down");
        trouble.heard("disconnected");
        let silence = FailureKind::Unavailable.because(codes::KAFKA_UNAVAILABLE, "look for topics");
        let explained = trouble.explain(silence.clone());
        assert_eq!((explained.kind(), explained.code()), (FailureKind::Unavailable, expected));
        assert!(explained.report().ends_with("look for topics: a reason"), "{explained:?}");
        trouble.over();
        assert_eq!(trouble.explain(silence).code(), codes::KAFKA_UNAVAILABLE);
    }

    #[test]
    fn silence_is_explained_by_what_a_client_said_last() {
        check(Code::Authentication, codes::KAFKA_CREDENTIALS);
        check(Code::SSL, codes::KAFKA_TLS);
        check(Code::BrokerTransportFailure, codes::KAFKA_UNAVAILABLE);
    }

    #[test]
    fn what_has_its_own_reason_keeps_it() {
        let trouble = Trouble::default();
        trouble.told(&KafkaError::Global(Code::Authentication), "a reason");
        let refused = FailureKind::Defect.because(codes::KAFKA_PARTITIONS, "has 3");
        assert_eq!(trouble.explain(refused).code(), codes::KAFKA_PARTITIONS);
    }
}
