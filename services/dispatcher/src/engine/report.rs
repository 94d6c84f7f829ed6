//! Reporting: how each endpoint is served, for those who watch, seldom and only where it changed.

use std::time::Duration;

use messaging::{EndpointReport, EventKind};
use tokio::time::Instant;

use super::{Draft, Engine, Served};
use crate::{
    AfterDeadLetter,
    gate::forecast::{Outlook, drained},
    teller::Why,
};

/// Reports of one endpoint are so far apart.
const REPORT_EVERY: Duration = Duration::from_secs(10);

/// What was reported of an endpoint by this process.
#[derive(Debug, Default)]
pub(super) struct Reported {
    last: Option<EndpointReport>,
    at: Option<Instant>,
}

impl Engine {
    pub(super) fn report(&mut self, draft: &mut Draft) {
        for index in 0..self.served.len() {
            let Some(served) = self.served.get_mut(index) else { continue };
            let is_early = |at: Instant| draft.now < at + REPORT_EVERY;
            // Of another's endpoint its owner tells.
            if served.fence.is_none() || served.reported.at.is_some_and(is_early) {
                continue;
            }
            served.reported.at = Some(draft.now);
            let report = served.report(draft);
            if served.reported.last.as_ref().is_some_and(|last| says_the_same(last, &report)) {
                continue;
            }
            served.reported.last = Some(report.clone());
            let (row, kind) = (served.row, EventKind::EndpointReported(Box::new(report)));
            self.tell_gate_at(row, kind, Why::default(), draft.at, draft);
        }
    }
}

/// A forecast that was made anew and nothing else is no news.
fn says_the_same(last: &EndpointReport, report: &EndpointReport) -> bool {
    let bare = |report: &EndpointReport| {
        let word = report.drained.name();
        let report = EndpointReport { drained: last.drained, per_hour: None, ..report.clone() };
        (report, word)
    };
    bare(last) == bare(report)
}

impl Served {
    fn report(&self, draft: &Draft) -> EndpointReport {
        let counts = self.schedule.counts(draft.now);
        let per_second = self.pace.per_second();
        let outlook = Outlook {
            at: draft.at,
            backlog: counts.open.saturating_sub(counts.held),
            wait_max: counts.wait_max,
            per_second,
            interval: self.endpoint.rate.map(crate::Rate::interval),
            calendar: self.hours.calendar(),
            is_paused: self.paused.is_some(),
            is_down: !self.gate.is_open(),
        };
        let per_hour = per_second.and_then(|it| whole(it * 3_600.0));
        let small = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        EndpointReport {
            endpoint: self.endpoint.name.clone(),
            open: counts.open as u64,
            waiting: counts.waiting as u64,
            held: counts.held as u64,
            in_flight: small(self.in_flight),
            limit: small(self.ramp.limit()),
            concurrency: small(self.endpoint.concurrency),
            per_hour,
            calendar_at: self.hours.changes_at(),
            drained: drained(&outlook),
            contract: self.terms.contract.name().to_owned(),
            is_held_by_dead: self.terms.after_dead_letter == AfterDeadLetter::Hold,
        }
    }
}

/// Rounded; there is no cast that says so.
fn whole(number: f64) -> Option<u64> {
    Duration::try_from_secs_f64(number.round()).ok().map(|number| number.as_secs())
}
