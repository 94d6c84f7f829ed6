//! How much is worked on at once: counted in requests and in bytes, before any of it is in memory.

use std::{
    collections::VecDeque,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use telemetry::{Metrics, metrics::InFlight};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time,
};

use crate::{
    codes,
    refusal::{Refusal, Refused},
};

/// Permits count KiB, so that 4 GiB fit into their 32 bits.
const PERMIT_BYTES: usize = 1_024;

/// Room for requests. Cheap to clone; clones share the room.
#[derive(Clone, Debug)]
pub(crate) struct Admission {
    requests: Arc<Semaphore>,
    bytes: Arc<Semaphore>,
    permits_max: u32,
    metrics: Metrics,
}

/// Room taken by one message until this is dropped.
#[derive(Debug)]
pub(crate) struct Admitted {
    _request: OwnedSemaphorePermit,
    _bytes: OwnedSemaphorePermit,
    _counted: InFlight,
}

impl Admission {
    pub(crate) fn new(requests_max: usize, bytes_max: usize, metrics: Metrics) -> Self {
        let permits_max = u32::try_from(bytes_max.div_ceil(PERMIT_BYTES)).unwrap_or(u32::MAX);
        let permits_max = permits_max.max(1);
        Self {
            requests: Arc::new(Semaphore::new(requests_max.clamp(1, Semaphore::MAX_PERMITS))),
            bytes: Arc::new(Semaphore::new(permits_max as usize)),
            permits_max,
            metrics,
        }
    }

    /// Takes room for a message of `bytes`, waiting at most `wait_max`. One larger than all the
    /// room gets all of it.
    pub(crate) async fn admit(self, bytes: usize, wait_max: Duration) -> Result<Admitted, Refused> {
        let permits = u32::try_from(bytes.div_ceil(PERMIT_BYTES)).unwrap_or(u32::MAX);
        let permits = permits.clamp(1, self.permits_max);
        let room = async {
            let request = self.requests.clone().acquire_owned().await.ok()?;
            let bytes = self.bytes.clone().acquire_many_owned(permits).await.ok()?;
            Some((request, bytes))
        };
        let room = time::timeout(wait_max, room).await.ok().flatten();
        let (request, held) = room.ok_or_else(|| Refusal::overloaded(codes::OVERLOADED))?;
        let counted = self.metrics.gateway().in_flight(bytes);
        Ok(Admitted { _request: request, _bytes: held, _counted: counted })
    }
}

/// The room of the messages of one call, in their order, on its way from the body to the handler.
#[derive(Clone, Default)]
pub(crate) struct Admissions(Arc<Mutex<VecDeque<Admitted>>>);

impl Admissions {
    pub(crate) fn push(&self, admitted: Admitted) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push_back(admitted);
    }

    /// The room of the oldest message not taken yet.
    pub(crate) fn take(&self) -> Option<Admitted> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }
}

impl fmt::Debug for Admissions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Admissions")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn who_finds_no_room_in_time_is_refused_and_told_when_to_retry() {
        let admission = Admission::new(10, 4_096, Metrics::new());
        let wait = Duration::from_millis(250);
        let first = admission.clone().admit(3_000, wait).await.unwrap();
        let refusal = admission.clone().admit(2_000, wait).await.unwrap_err();
        assert_eq!(refusal.code, codes::OVERLOADED);
        assert!(refusal.retry_after.is_some());
        drop(first);
        assert!(admission.admit(2_000, wait).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_message_larger_than_all_the_room_gets_all_of_it() {
        let admission = Admission::new(10, 4_096, Metrics::new());
        let wait = Duration::from_millis(250);
        let all = admission.clone().admit(1 << 30, wait).await.unwrap();
        assert!(admission.clone().admit(1, wait).await.is_err());
        drop(all);
        assert!(admission.admit(1, wait).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn requests_count_however_small_they_are() {
        let admission = Admission::new(1, 1 << 20, Metrics::new());
        let _first = admission.clone().admit(0, Duration::ZERO).await.unwrap();
        assert!(admission.admit(0, Duration::ZERO).await.is_err());
    }
}
