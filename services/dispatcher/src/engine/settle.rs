//! Settling: what ended, what follows from it, and what is told.

use messaging::{
    DeliveryState, Event, EventKind, Failure, FailureKind, Reason, Reply, Result, Timestamp,
    TraceParent, fault,
};
use stores::ledger::{AttemptRow, Part, Settlement};
use telemetry::{Span, names::attr};
use tokio::time::Instant;
use tracing::{error, info, warn};

use super::{Draft, Engine, Served};
use crate::{
    attempt::{Ended, Job},
    codes,
    gate::ramp::Showing,
    ruling::{self, Circumstances, Ending, Next, Ruling},
    schedule::{Entry, Step, Turn},
    teller::{Subject, What, Why},
};

impl Engine {
    pub(super) async fn settle(&mut self, ended: Ended, draft: &mut Draft) -> Result<()> {
        let Ended { job, ending, took, mut span, trace } = ended;
        let chance = self.dice.chance();
        let Some(served) = self.served.get_mut(job.served) else { return Ok(()) };
        if served.fence != job.fence {
            // Its new owner decides what became of it.
            self.end_intent(&job, draft);
            return Ok(());
        }
        served.in_flight -= 1;
        let are_others_answered = served.blame.is_the_messages(job.entry.answers_then, job.choice);
        let seen = Circumstances { at: draft.steady, chance, are_others_answered };
        let ruling = ruling::rule(&job.entry, &ending, &served.terms, &seen);
        let name = served.endpoint.name.clone();
        self.metrics.dispatcher().attempted(name.as_str(), ruling.outcome, took);

        // What is told has a version of its own.
        let is_changed =
            job.intent.is_some() || ruling.state != job.entry.state || ruling.event.is_some();
        let is_in_a_row = served.count_failing(&job, &ruling);
        served.note_showing(&job, &ending, are_others_answered);
        let failed = ruling::failure_of(&ending).map(|_| served.blame.answers());
        let answers_then = failed.or(job.entry.answers_then);
        let entry = Entry { answers_then, ..after(&job.entry, &ruling, is_changed) };
        let is_over = usize::from(ruling.state.is_final());
        served.pace.note(draft.now, is_over, served.in_flight != 0);
        served.schedule.settle(entry, turn_of(ruling.next, draft.now));
        if ruling.next != Next::Now || ruling.close_gate.is_some() {
            // What waits may wait long, and all behind it; it is read back when its time comes.
            self.envelopes.release(job.entry.message);
            if matches!(ruling.next, Next::After(_) | Next::Held) {
                let behind = served.schedule.behind(entry.case_id);
                behind.for_each(|message| self.envelopes.release(message));
            }
        }
        let next_at = next_at(ruling.next, draft.at);
        if is_changed {
            let settled = settlement(&entry, next_at, &job, &ending, ruling.outcome, draft.at);
            draft.transaction.settlements.push(settled);
        }
        self.end_intent(&job, draft);
        let is_held = ruling.next == Next::Held;
        self.note_in_bulks(entry.delivery, entry.state, is_held, draft);
        let failure = ruling::failure_of(&ending);
        tell_span(&mut span, &ruling, ruling::code_of(&ending));
        drop(span);
        log(&name, &job, &ruling, failure);
        if let Some(wait) = ruling.close_gate {
            let why = Why { code: failure.map(Failure::code), cause: failure.map(Failure::report) };
            self.close_gate(job.served, wait, why, draft);
        } else if is_in_a_row {
            let wait = self.first_wait(job.served);
            let why = Why { code: Some(codes::FAILING_IN_A_ROW), cause: None };
            self.close_gate(job.served, wait, why, draft);
        }
        match ruling.event {
            Some(kind) => {
                self.tell(Settled { job, entry, next_at, ending, kind, trace }, draft).await
            }
            None => Ok(()),
        }
    }

    fn end_intent(&mut self, job: &Job, draft: &mut Draft) {
        let Some(intent) = job.intent else { return };
        let Some(open) = self.intents.get_mut(&intent) else { return };
        *open -= 1;
        if *open == 0 {
            self.intents.remove(&intent);
            draft.transaction.intents_done.push(intent);
        }
    }

    async fn tell(&mut self, settled: Settled, draft: &mut Draft) -> Result<()> {
        let Settled { job, entry, next_at, ending, kind, trace } = settled;
        let Some(served) = self.served.get(job.served) else { return Ok(()) };
        let endpoint = served.endpoint.name.clone();
        let Some(mut subject) = self.subject_of(&job).await? else { return Ok(()) };
        subject.trace = trace;
        if let (DeliveryState::Delivered, Some(envelope)) = (entry.state, job.envelope()) {
            let since = draft.at.since(envelope.head.received_at);
            self.metrics.dispatcher().delivered(endpoint.as_str(), since);
        }
        let failure = ruling::failure_of(&ending);
        let why = Why { code: ruling::code_of(&ending), cause: failure.map(Failure::report) };
        let what = What { kind, why, next_at, at: draft.at };
        let event = self.teller.about_delivery(&subject, &endpoint, &entry, what);
        let of = Part::Endpoint(entry.endpoint);
        draft.tell_of(of.clone(), &mut self.numbers, self.teller.event_record(&event));
        if entry.state == DeliveryState::Dead && !fault::is_on("dead-letter-untold") {
            let reasons = failure.map(|failure| failure.reasons().to_vec()).unwrap_or_default();
            self.tell_dead_letter(&entry, event, reasons, draft).await?;
        }
        for reply in replies_of(ending) {
            let record = self.teller.reply_record(&subject, &endpoint, &entry, reply, draft.at);
            draft.tell_of(of.clone(), &mut self.numbers, record);
        }
        Ok(())
    }

    async fn subject_of(&self, job: &Job) -> Result<Option<Subject>> {
        if let Some(envelope) = job.envelope() {
            return Ok(Some(Subject::from(&envelope.head)));
        }
        let identities = self.ledger.identities(vec![job.entry.message]).await?;
        Ok(identities.first().map(Subject::from))
    }

    async fn tell_dead_letter(
        &mut self,
        entry: &Entry,
        event: Event,
        reasons: Vec<Reason>,
        draft: &mut Draft,
    ) -> Result<()> {
        let Some((position, bytes)) = self.ledger.kept(entry.message).await? else {
            return Ok(());
        };
        let edit = self.edits_of(std::iter::once(entry), draft).await?.into_values().next();
        match self.handed_over(bytes, edit) {
            Ok(handed_over) => {
                let letter = self.teller.dead_letter_record(event, reasons, position, handed_over);
                let of = Part::Endpoint(entry.endpoint);
                draft.tell_of(of, &mut self.numbers, letter);
            }
            Err(cause) => {
                let row = entry.message.0;
                error!(code = codes::UNDECODABLE, row, %cause, "record is damaged");
            }
        }
        Ok(())
    }
}

/// A delivery whose change is told.
#[derive(Debug)]
struct Settled {
    job: Job,
    entry: Entry,
    next_at: Option<Timestamp>,
    ending: Ending,
    kind: EventKind,
    trace: Option<TraceParent>,
}

impl Served {
    /// True if so many cases have failed in a row that it must be the endpoint.
    fn count_failing(&mut self, job: &Job, ruling: &Ruling) -> bool {
        if job.entry.step == Step::LookUp || ruling.close_gate.is_some() {
            return false;
        }
        match ruling.outcome {
            "withdrawn" | "unavailable" => false,
            "uncertain" | "defect" => {
                self.blame.is_in_a_row(job.entry.case_id, job.entry.answers_then)
            }
            _ => {
                self.blame.clear();
                false
            }
        }
    }

    /// What fails while others are answered shows nothing of the system.
    fn note_showing(&mut self, job: &Job, ending: &Ending, are_others_answered: bool) {
        match showing(ending) {
            Some(Showing::Works) => {
                self.blame.answered(job.choice);
                self.ramp.note(Showing::Works, job.round);
            }
            Some(Showing::Falters) if !are_others_answered => {
                self.ramp.note(Showing::Falters, job.round);
            }
            Some(Showing::Falters) | None => {}
        }
    }
}

/// A system that gives an answer works, also where the answer is no. What is wrong with a message, or
/// passes by itself, says nothing about the system.
fn showing(ending: &Ending) -> Option<Showing> {
    match (ending, ruling::failure_of(ending).map(Failure::kind)) {
        (Ending::Withdrawn, _) | (_, Some(FailureKind::Transient | FailureKind::Defect)) => None,
        (_, None | Some(FailureKind::Rejected)) => Some(Showing::Works),
        (_, Some(FailureKind::Uncertain | FailureKind::Unavailable)) => Some(Showing::Falters),
    }
}

fn after(entry: &Entry, ruling: &Ruling, is_changed: bool) -> Entry {
    Entry {
        state: ruling.state,
        attempts: ruling.attempts,
        gate_closings: ruling.gate_closings,
        step: ruling.step,
        version: entry.version + u64::from(is_changed),
        // A try that never was begins no time in which to give up.
        first_attempt_at: entry.first_attempt_at.filter(|_| ruling.attempts != 0),
        ..*entry
    }
}

pub(super) fn turn_of(next: Next, now: Instant) -> Turn {
    match next {
        Next::Now => Turn::Due,
        Next::After(wait) => Turn::At(now + wait),
        Next::Held => Turn::Held,
        Next::Gone => Turn::Gone,
    }
}

pub(super) fn next_at(next: Next, at: Timestamp) -> Option<Timestamp> {
    match next {
        Next::After(wait) => Some(at.after(wait)),
        Next::Now | Next::Held | Next::Gone => None,
    }
}

fn settlement(
    entry: &Entry,
    next_at: Option<Timestamp>,
    job: &Job,
    ending: &Ending,
    outcome: &'static str,
    at: Timestamp,
) -> Settlement {
    let failure = ruling::failure_of(ending);
    Settlement {
        delivery: entry.delivery,
        endpoint: entry.endpoint,
        version: entry.version,
        state: entry.state,
        attempts: entry.attempts,
        next_at,
        first_attempt_at: entry.first_attempt_at,
        attempt: Some(AttemptRow {
            number: job.entry.attempts + u32::from(job.intent.is_some()),
            started_at: job.started_at,
            ended_at: at,
            outcome,
            code: ruling::code_of(ending).map(str::to_owned),
            cause: failure.map(Failure::report),
            receipt: receipt_of(ending),
        }),
    }
}

fn receipt_of(ending: &Ending) -> Option<String> {
    match ending {
        Ending::Delivered(Ok(accepted)) | Ending::LookedUp(Ok(messaging::Found::Yes(accepted))) => {
            accepted.receipt.clone()
        }
        _ => None,
    }
}

fn replies_of(ending: Ending) -> Vec<Reply> {
    match ending {
        Ending::Delivered(Ok(accepted)) | Ending::LookedUp(Ok(messaging::Found::Yes(accepted))) => {
            accepted.replies
        }
        _ => Vec::new(),
    }
}

/// What the attempt came to, and what the delivery is now.
fn tell_span(span: &mut Span, ruling: &Ruling, code: Option<&'static str>) {
    span.describe(|span| {
        span.set(attr::OUTCOME, ruling.outcome);
        span.set(attr::STATE, ruling.state.name());
        if let Some(code) = code {
            span.set(attr::CODE, code);
            // An answer is an answer, also where it is no.
            if ruling.state != DeliveryState::Rejected {
                span.fail(code);
            }
        }
    });
}

fn log(endpoint: &messaging::EndpointName, job: &Job, ruling: &Ruling, failure: Option<&Failure>) {
    let Some(failure) = failure else { return };
    let message_id = job.envelope().map(|envelope| envelope.head.message_id);
    let message_id = message_id.map(tracing::field::display);
    let (code, outcome) = (failure.code(), ruling.outcome);
    match (outcome, ruling.state) {
        ("defect", _) => {
            error!(%endpoint, message_id, code, cause = failure.report(), "attempt met a defect");
        }
        (_, DeliveryState::Dead) => {
            warn!(%endpoint, message_id, code, cause = failure.report(), "delivery is dead");
        }
        _ => info!(%endpoint, message_id, code, outcome, "attempt failed"),
    }
}
