//! The gate of an endpoint: while it is closed, nothing is handed to it; while it is open, no more
//! and no faster than the endpoint can bear.
//!
//! This file is the circuit breaker. Beside it: whom a failure is about ([`blame`]), the [`calendar`],
//! the [`rate`], the [`ramp`] after an outage, and the [`forecast`].

pub(crate) mod blame;
pub(crate) mod calendar;
pub(crate) mod forecast;
pub(crate) mod holidays;
pub(crate) mod ramp;
pub(crate) mod rate;
pub(crate) mod window;

use messaging::fault;
use std::time::Duration;

use tokio::time::Instant;

/// Open, or closed until a probe succeeds. Pure: time is an argument.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Gate(Option<Closed>);

#[derive(Clone, Copy, Debug)]
struct Closed {
    /// Not probed before.
    until: Instant,
    /// Probes that failed since it closed.
    probes_failed: u32,
    /// A probe is under way.
    is_probing: bool,
    /// What an attempt that ended meanwhile asked for; newer than the probe's answer.
    asked: Option<Instant>,
}

impl Gate {
    /// Whether leases are granted.
    pub(crate) fn is_open(&self) -> bool {
        self.0.is_none()
    }

    /// Closes it until `wait` from `now`, or longer if it is closed for longer already. True if it
    /// was open.
    pub(crate) fn close(&mut self, now: Instant, wait: Duration) -> bool {
        let until = now + wait;
        match &mut self.0 {
            Some(closed) => {
                closed.until = closed.until.max(until);
                closed.asked = closed.is_probing.then_some(closed.until);
                false
            }
            None => {
                self.0 = Some(Closed { until, probes_failed: 0, is_probing: false, asked: None });
                true
            }
        }
    }

    /// Begins the one probe there is at a time, if it is due.
    pub(crate) fn begin_probe(&mut self, now: Instant) -> bool {
        match &mut self.0 {
            Some(closed)
                if (!closed.is_probing || fault::is_on("two-probes")) && closed.until <= now =>
            {
                closed.is_probing = true;
                true
            }
            _ => false,
        }
    }

    /// The probe succeeded. False if it stays closed, because an attempt was told to wait since.
    pub(crate) fn open(&mut self) -> bool {
        match &mut self.0 {
            Some(closed) if closed.asked.is_some() => {
                closed.asked = None;
                closed.is_probing = false;
                false
            }
            _ => self.0.take().is_some(),
        }
    }

    /// The probe failed: closed for what `wait` says of the number of failed probes.
    pub(crate) fn stay_closed(&mut self, now: Instant, wait: impl FnOnce(u32) -> Duration) {
        if let Some(closed) = &mut self.0 {
            closed.probes_failed = closed.probes_failed.saturating_add(1);
            closed.is_probing = false;
            let until = now + wait(closed.probes_failed);
            closed.until = closed.asked.take().map_or(until, |asked| asked.max(until));
        }
    }

    /// When something is to be done.
    pub(crate) fn wakes_at(&self) -> Option<Instant> {
        self.0.filter(|closed| !closed.is_probing).map(|closed| closed.until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WAIT: Duration = Duration::from_secs(10);

    #[tokio::test(start_paused = true)]
    async fn one_probe_at_a_time_opens_a_gate_or_keeps_it_closed_longer() {
        let start = Instant::now();
        let mut gate = Gate::default();
        assert!(gate.is_open() && gate.close(start, WAIT) && !gate.is_open());
        assert!(!gate.close(start, WAIT), "closing twice is closing once");
        assert!(!gate.begin_probe(start), "not before its time");

        let later = start + WAIT;
        assert!(gate.begin_probe(later));
        assert!(!gate.begin_probe(later), "one at a time");
        gate.stay_closed(later, |failed| WAIT * (failed + 1));
        assert_eq!(gate.wakes_at(), Some(later + WAIT * 2));

        assert!(gate.begin_probe(later + WAIT * 2));
        assert!(gate.open());
        assert!(gate.is_open());
        assert_eq!(gate.wakes_at(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn an_attempt_that_ends_during_a_probe_knows_better_than_the_probe() {
        let start = Instant::now();
        let mut gate = Gate::default();
        gate.close(start, WAIT);
        let later = start + WAIT;
        assert!(gate.begin_probe(later));
        gate.close(later, WAIT * 6);
        assert!(!gate.open());
        assert_eq!(gate.wakes_at(), Some(later + WAIT * 6));
    }

    #[tokio::test(start_paused = true)]
    async fn a_longer_wait_wins_over_a_shorter_one() {
        let start = Instant::now();
        let mut gate = Gate::default();
        gate.close(start, WAIT);
        gate.close(start, Duration::from_secs(1));
        assert_eq!(gate.wakes_at(), Some(start + WAIT));
    }
}
