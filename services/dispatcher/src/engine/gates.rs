//! Closing gates, and probing until they may open.

use std::time::Duration;

use messaging::{EventKind, FailureKind, Result};
use tokio::time::Instant;
use tracing::{info, warn};

use super::{Draft, Engine};
use crate::{codes, teller::Why};

impl Engine {
    pub(super) fn close_gate(
        &mut self,
        served: usize,
        wait: Duration,
        why: Why,
        draft: &mut Draft,
    ) {
        let Some(served) = self.served.get_mut(served) else { return };
        if !served.gate.close(draft.now, wait) {
            return;
        }
        let endpoint = served.endpoint.name.clone();
        warn!(%endpoint, code = why.code, cause = why.cause, "gate closed");
        self.metrics.dispatcher().set_gate(endpoint.as_str(), false);
        self.tell_gate(EventKind::GateClosed { endpoint }, why, draft);
    }

    /// A former process may have told that gates are closed; a start opens them.
    pub(super) fn tell_gates_open(&mut self, draft: &mut Draft) {
        let names: Vec<_> = self.served.iter().map(|served| served.endpoint.name.clone()).collect();
        for endpoint in names {
            self.tell_gate(EventKind::GateOpened { endpoint }, Why::default(), draft);
        }
    }

    fn tell_gate(&mut self, kind: EventKind, why: Why, draft: &mut Draft) {
        self.gate_events += 1;
        let event = self.teller.about_gate(kind, why, self.gate_events, draft.at);
        draft.tell(&mut self.numbers, self.teller.event_record(&event));
    }

    /// The wait of the endpoint's policy after a first failure.
    pub(super) fn first_wait(&mut self, served: usize) -> Duration {
        let chance = self.dice.chance();
        self.served.get(served).map_or(Duration::ZERO, |s| s.endpoint.policy.wait(1, chance))
    }

    pub(super) fn begin_probes(&mut self, now: Instant) {
        for (index, served) in self.served.iter_mut().enumerate() {
            if !served.gate.begin_probe(now) {
                continue;
            }
            let endpoint = std::sync::Arc::clone(&served.endpoint);
            self.probes.spawn(async move {
                let probe = tokio::time::timeout(endpoint.timeout, endpoint.adapter.probe());
                let late = |_| {
                    let text = format!("no answer within {:?}", endpoint.timeout);
                    Err(FailureKind::Unavailable.because(codes::TIMED_OUT, text))
                };
                (index, probe.await.unwrap_or_else(late))
            });
        }
    }

    pub(super) fn probed(&mut self, index: usize, probed: &Result<()>, draft: &mut Draft) {
        let chance = self.dice.chance();
        let Some(served) = self.served.get_mut(index) else { return };
        let endpoint = served.endpoint.name.clone();
        match probed {
            Ok(()) if !served.gate.open() => {}
            Ok(()) => {
                info!(%endpoint, "gate opened");
                self.metrics.dispatcher().set_gate(endpoint.as_str(), true);
                self.tell_gate(EventKind::GateOpened { endpoint }, Why::default(), draft);
            }
            Err(failure) => {
                let asked = failure.wait_requested();
                let policy = served.endpoint.policy;
                let wait = |failed| asked.unwrap_or_else(|| policy.wait(failed, chance));
                served.gate.stay_closed(draft.now, wait);
            }
        }
    }
}
