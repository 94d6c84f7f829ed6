//! Closing gates, and probing until they may open.

use std::time::Duration;

use messaging::{EventKind, FailureKind, Result, Timestamp, fault};
use stores::ledger::{EndpointRow, Part, PauseRow};
use tokio::time::Instant;
use tracing::{info, warn};

use super::{Draft, Engine, Served};
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
        let row = served.row;
        if !served.gate.close(draft.now, wait) {
            return;
        }
        let endpoint = served.endpoint.name.clone();
        warn!(%endpoint, code = why.code, cause = why.cause, "gate closed");
        served.closed = why.clone();
        if !served.is_wanted() {
            return;
        }
        self.metrics.dispatcher().set_gate(endpoint.as_str(), false);
        self.tell_gate_at(row, EventKind::GateClosed { endpoint }, why, draft.at, draft);
    }

    /// A former process may have told that gates are closed; a start opens them, but not those an
    /// operator has paused.
    pub(super) fn tell_gates_of_start(&mut self, draft: &mut Draft) {
        for index in 0..self.served.len() {
            self.tell_gate_of(index, draft);
        }
    }

    /// Tells how the gate of an endpoint is for everybody else: what an operator wants comes before
    /// what the endpoint says.
    pub(super) fn tell_gate_of(&mut self, index: usize, draft: &mut Draft) {
        let Some(served) = self.served.get(index) else { return };
        let (row, endpoint) = (served.row, served.endpoint.name.clone());
        self.metrics.dispatcher().set_gate(endpoint.as_str(), served.is_open());
        let (kind, why, at) = match served.paused {
            Some(PauseRow { at, command }) => {
                let cause = Some(format!("paused by command {command}"));
                let why = Why { code: Some(codes::PAUSED), cause };
                (EventKind::GateClosed { endpoint }, why, at)
            }
            None if served.hours.closed().is_some() => {
                let why = Why { code: Some(codes::CALENDAR), cause: served.calendar_cause() };
                (EventKind::GateClosed { endpoint }, why, draft.at)
            }
            None if served.gate.is_open() => {
                (EventKind::GateOpened { endpoint }, Why::default(), draft.at)
            }
            None => (EventKind::GateClosed { endpoint }, served.closed.clone(), draft.at),
        };
        self.tell_gate_at(row, kind, why, at, draft);
    }

    /// Opens and closes by the calendar what it says, and tells of it.
    pub(super) fn look_at_calendars(&mut self, draft: &mut Draft) {
        for index in 0..self.served.len() {
            let Some(served) = self.served.get_mut(index) else { continue };
            // Of another's endpoint its owner tells.
            if !served.hours.look(draft.at) || served.fence.is_none() {
                continue;
            }
            let endpoint = &served.endpoint.name;
            let is_open = served.hours.closed().is_none();
            info!(%endpoint, is_open, "the calendar opens or closes");
            // What was away may come back slowly.
            served.ramp.begin_anew();
            if served.paused.is_none() {
                self.tell_gate_of(index, draft);
            }
        }
    }

    pub(super) fn tell_gate_at(
        &mut self,
        row: EndpointRow,
        kind: EventKind,
        why: Why,
        at: Timestamp,
        draft: &mut Draft,
    ) {
        self.gate_events += 1;
        let event = self.teller.about_gate(kind, why, self.gate_events, at);
        draft.tell_of(Part::Endpoint(row), &mut self.numbers, self.teller.event_record(&event));
    }

    /// The wait of the endpoint's policy after a first failure.
    pub(super) fn first_wait(&mut self, served: usize) -> Duration {
        let chance = self.dice.chance();
        self.served.get(served).map_or(Duration::ZERO, |s| s.endpoint.policy.wait(1, chance))
    }

    pub(super) fn begin_probes(&mut self, now: Instant) {
        for (index, served) in self.served.iter_mut().enumerate() {
            if !served.is_wanted() || !served.gate.begin_probe(now) {
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
        let (row, endpoint) = (served.row, served.endpoint.name.clone());
        match probed {
            Ok(()) if !served.gate.open() => {}
            Ok(()) => {
                if !fault::is_on("ramp-left-out") {
                    served.ramp.begin_anew();
                }
                if !served.is_wanted() {
                    return;
                }
                info!(%endpoint, "gate opened");
                self.metrics.dispatcher().set_gate(endpoint.as_str(), true);
                let (kind, why) = (EventKind::GateOpened { endpoint }, Why::default());
                self.tell_gate_at(row, kind, why, draft.at, draft);
            }
            Err(failure) => {
                let policy = served.endpoint.policy;
                let wait = |failed| policy.wait_after(failure, failed, chance);
                served.gate.stay_closed(draft.now, wait);
            }
        }
    }
}

impl Served {
    /// Why its calendar keeps it closed, and until when.
    fn calendar_cause(&self) -> Option<String> {
        let name = self.hours.closed()?.name();
        let until =
            self.hours.changes_at().and_then(|at| jiff::Timestamp::from_microsecond(at.0).ok());
        Some(match until {
            Some(until) => format!("{name} until {until}"),
            None => name.to_owned(),
        })
    }
}
