//! Whether what comes can be stored, as `/readyz` tells it: by what each append came to, and by trying while
//! none comes.

use std::{sync::Arc, time::Duration};

use messaging::{Channel, FailureKind, Result};
use telemetry::Check;
use tokio::{sync::watch, time::sleep};
use tokio_util::sync::CancellationToken;

/// How often a channel that failed is tried. Whoever is sent elsewhere because of it appends nothing here, so
/// that nothing else would tell when it is there again.
const TRY_EVERY: Duration = Duration::from_secs(1);

/// What the last append came to. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Storing {
    check: Check,
    is_failing: Arc<watch::Sender<bool>>,
}

impl Storing {
    /// Nothing has failed yet.
    pub(crate) fn new(check: Check) -> Self {
        check.ready();
        Self { check, is_failing: Arc::new(watch::Sender::new(false)) }
    }

    /// Something was appended or tried. A defect is about that one record or its channel, and says nothing of
    /// what others bring.
    pub(crate) fn told<T>(&self, outcome: &Result<T>) {
        let failure = outcome.as_ref().err();
        if failure.is_some_and(|failure| failure.kind() == FailureKind::Defect) {
            return;
        }
        // The check is set under the same lock, or two calls at once could leave it the other way round.
        self.is_failing.send_if_modified(|is_failing| {
            let was_failing = std::mem::replace(is_failing, failure.is_some());
            match failure {
                Some(failure) => self.check.not_ready(failure.report()),
                None if was_failing => self.check.ready(),
                None => {}
            }
            was_failing != *is_failing
        });
    }

    /// Tries a channel that failed until it takes something again. Dropping it loses nothing.
    pub(crate) async fn keep_trying(self, channel: Arc<dyn Channel>, stop: CancellationToken) {
        let trying = async {
            let mut failing = self.is_failing.subscribe();
            while failing.wait_for(|is_failing| *is_failing).await.is_ok() {
                sleep(TRY_EVERY).await;
                self.told(&channel.probe().await);
            }
        };
        tokio::select! {
            () = stop.cancelled() => {}
            () = trying => {}
        }
    }
}
