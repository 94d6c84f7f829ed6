//! What a run was like, in figures: pure, from the books and what was seen around them.

use std::{collections::BTreeMap, time::Duration};

use hdrhistogram::Histogram;
use serde::Serialize;

use super::{
    book::{Book, Counts, Witness},
    drive::Driven,
    plan::Plan,
    processes::Taken,
};
use crate::{
    codes,
    exit::{Exit, Stop},
};

/// The gateway's word for a sender that is faster than it may be.
const TOO_FAST: &str = "AB-1003";
/// Share of one processor beyond which the load itself may be what is slow.
const OWN_SHARE_MAX: f64 = 0.9;

/// Everything that is told, as `--json` prints it. Rates are those of the measured time; latencies
/// those of the messages due in it.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Report {
    pub(super) run: Run,
    pub(super) accepted_per_s: f64,
    /// `None` where nobody watched.
    pub(super) delivered_per_s: Option<f64>,
    /// From the first measured moment to the last delivery, the wait at the end included.
    pub(super) delivered_per_s_to_last: Option<f64>,
    pub(super) receipt_ms: Latency,
    pub(super) delivery_ms: Option<Latency>,
    /// Of the whole run.
    pub(super) sent: u64,
    pub(super) accepted: u64,
    pub(super) repeated: u64,
    pub(super) unknown: u64,
    pub(super) failed: u64,
    pub(super) errors: BTreeMap<String, u64>,
    pub(super) unsent_behind_schedule: u32,
    pub(super) delivered: Option<u64>,
    pub(super) under_way_at_end: u32,
    pub(super) drain_s: f64,
    pub(super) missing: Option<u64>,
    pub(super) ended_otherwise: BTreeMap<String, u64>,
    /// `None` where there was no receiver.
    pub(super) duplicates: Option<u64>,
    pub(super) duplicates_of_other_key: Option<u64>,
    pub(super) out_of_order: Option<u64>,
    pub(super) delivered_without_receipt: Option<u64>,
    pub(super) foreign: u64,
    /// Accepted, and kept from being delivered by `--poison` or `--dead`; rates and costs are those of
    /// the others.
    pub(super) kept_back: u64,
    /// How often one of them was handed over.
    pub(super) kept_back_attempts: u64,
    /// `None` without `--backlog`.
    pub(super) backlog: Option<Backlog>,
    /// Of all measured processes together.
    pub(super) cpu_s_per_1000: Option<f64>,
    pub(super) processes: Vec<Process>,
    pub(super) own: Option<Process>,
    pub(super) warnings: Vec<Warning>,
}

/// What was asked for.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Run {
    pub(super) to: String,
    /// The file, or `generated`.
    pub(super) document: String,
    pub(super) document_bytes: usize,
    pub(super) cases: u32,
    pub(super) seed: u64,
    pub(super) connections: u16,
    pub(super) in_flight: u16,
    /// `None`: as fast as answers came.
    pub(super) rate: Option<f64>,
    pub(super) warmup_s: f64,
    pub(super) measured_s: f64,
    /// `status`, `receiver` or `nobody`.
    pub(super) delivered_by: &'static str,
}

/// How what had waited went.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(super) struct Backlog {
    pub(super) messages: u32,
    /// From the first message to the last receipt.
    pub(super) filled_s: f64,
    /// From when the receiver was there again to the first delivery.
    pub(super) first_after_s: f64,
    /// From there to the last.
    pub(super) drained_s: f64,
    pub(super) drained_per_s: f64,
}

/// Percentiles, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(super) struct Latency {
    pub(super) count: u64,
    pub(super) p50: f64,
    pub(super) p90: f64,
    pub(super) p99: f64,
    pub(super) max: f64,
}

/// What a process took from the first measured moment until nothing was under way.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Process {
    pub(super) pid: u32,
    pub(super) name: String,
    pub(super) cpu_s: f64,
    pub(super) cpu_s_per_1000: Option<f64>,
    pub(super) memory_peak_bytes: u64,
    pub(super) is_gone: bool,
}

/// Why the figures may not be what they seem.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Warning {
    /// Some messages that were due were never sent: latencies are too good.
    BehindSchedule,
    /// The gateway's limit on the sender was measured.
    SenderLimited,
    /// This program had no processor time left.
    GeneratorBusy,
    /// A person ended it.
    Interrupted,
    /// A measured process ended.
    ProcessGone,
}

impl Report {
    /// Puts it together.
    pub(super) fn new(plan: &Plan, document_bytes: usize, book: &Book, driven: Driven) -> Self {
        let counts = book.counts();
        let is_watched = plan.witness != Witness::Nobody;
        let has_receiver = plan.witness == Witness::Receiver;
        let measured = driven.measured;
        // A backlog was accepted before.
        let messages = match plan.backlog {
            None => counts.accepted_since_window.saturating_sub(counts.kept_back_since_window),
            Some(_) => counts.delivered_since_window,
        };
        let process = |taken: &Taken| process(taken, messages);
        let processes: Vec<_> = driven.processes.iter().map(process).collect();
        let cpu = driven.processes.iter().map(|taken| taken.cpu).sum();
        let cpu_s_per_1000 = per_1000(cpu, messages);
        Self {
            accepted_per_s: per_second(counts.accepted_in_window, measured),
            delivered_per_s: is_watched.then(|| per_second(counts.delivered_in_window, measured)),
            delivered_per_s_to_last: is_watched
                .then(|| per_second(counts.delivered_since_window, book.until_last_arrival())),
            receipt_ms: latency(book.receipts()),
            delivery_ms: is_watched.then(|| latency(book.deliveries())),
            sent: counts.sent,
            accepted: counts.accepted,
            repeated: counts.repeated,
            // What has no answer when it is not waited for any longer is unknown too.
            unknown: counts.sent - counts.accepted - counts.failed,
            failed: counts.failed,
            errors: counts.errors.clone(),
            unsent_behind_schedule: driven.left_behind,
            delivered: is_watched.then_some(counts.delivered),
            under_way_at_end: driven.under_way_at_end,
            drain_s: driven.drained.as_secs_f64(),
            missing: is_watched.then(|| book.missing()),
            ended_otherwise: counts.ended_otherwise.clone(),
            duplicates: has_receiver.then_some(counts.duplicates),
            duplicates_of_other_key: has_receiver.then_some(counts.duplicates_of_other_key),
            out_of_order: has_receiver.then_some(counts.out_of_order),
            delivered_without_receipt: has_receiver.then_some(counts.delivered_without_receipt),
            foreign: counts.foreign,
            kept_back: counts.kept_back,
            kept_back_attempts: counts.kept_back_attempts,
            backlog: backlog(plan, book, &driven),
            cpu_s_per_1000: cpu_s_per_1000.filter(|_| !processes.is_empty()),
            processes,
            own: driven.own.as_ref().map(process),
            warnings: warnings(&driven, counts),
            run: run(plan, document_bytes, measured),
        }
    }

    /// Why the run was not as it should be, if it was not.
    pub(super) fn fault(&self) -> Option<Stop> {
        let mut faults = Vec::new();
        let mut check = |exit: Exit, count: u64, what: &str| {
            if count != 0 {
                faults.push((exit, format!("{count} {what}")));
            }
        };
        let ended = self.ended_otherwise.values().sum();
        check(Exit::Refused, ended, "accepted, and ended otherwise than delivered");
        let out_of_order = self.out_of_order.unwrap_or_default();
        check(Exit::Refused, out_of_order, "delivered after a later one of the same case");
        let other_key = self.duplicates_of_other_key.unwrap_or_default();
        check(Exit::Refused, other_key, "delivered again under another key");
        let missing = self.missing.unwrap_or_default();
        check(Exit::Unavailable, missing, "accepted, and not delivered when the wait was over");
        check(
            Exit::Unavailable,
            self.unknown,
            "without an answer: unknown whether they were taken",
        );
        check(Exit::Unavailable, self.failed, "not taken, although sent again");
        let exit = faults.iter().map(|(exit, _)| *exit).max()?;
        let details = faults.into_iter().map(|(_, what)| what).collect();
        let what = "the run did not go as it should; the figures stand above";
        Some(Stop::new(exit, codes::RUN_UNCLEAN, what).with_details(details))
    }
}

fn backlog(plan: &Plan, book: &Book, driven: &Driven) -> Option<Backlog> {
    let (messages, filled) = (plan.backlog?, driven.filled?);
    let (first, rest) = book.of_arrivals().unwrap_or_default();
    let after_first = book.counts().delivered_since_window.saturating_sub(1);
    Some(Backlog {
        messages,
        filled_s: filled.as_secs_f64(),
        first_after_s: first.as_secs_f64(),
        drained_s: rest.as_secs_f64(),
        drained_per_s: per_second(after_first, rest),
    })
}

fn run(plan: &Plan, document_bytes: usize, measured: Duration) -> Run {
    Run {
        to: plan.server.to.clone(),
        document: plan.document.clone().unwrap_or_else(|| "generated".to_owned()),
        document_bytes,
        cases: plan.cases,
        seed: plan.seed,
        connections: plan.connections,
        in_flight: plan.in_flight,
        rate: plan.rate,
        warmup_s: plan.warmup.as_secs_f64(),
        measured_s: measured.as_secs_f64(),
        delivered_by: match plan.witness {
            Witness::Status => "status",
            Witness::Receiver => "receiver",
            Witness::Nobody => "nobody",
        },
    }
}

fn warnings(driven: &Driven, counts: &Counts) -> Vec<Warning> {
    let own_cpu = driven.own.as_ref().map(|own| own.cpu).unwrap_or_default();
    let own_time = driven.measured + driven.drained;
    let is_busy = OWN_SHARE_MAX * own_time.as_secs_f64() < own_cpu.as_secs_f64();
    let all = [
        (driven.left_behind != 0, Warning::BehindSchedule),
        (counts.errors.contains_key(TOO_FAST), Warning::SenderLimited),
        (is_busy, Warning::GeneratorBusy),
        (driven.is_interrupted, Warning::Interrupted),
        (driven.processes.iter().any(|taken| taken.is_gone), Warning::ProcessGone),
    ];
    all.into_iter().filter_map(|(is_so, warning)| is_so.then_some(warning)).collect()
}

fn process(taken: &Taken, messages: u64) -> Process {
    Process {
        pid: taken.process,
        name: taken.name.clone(),
        cpu_s: taken.cpu.as_secs_f64(),
        cpu_s_per_1000: per_1000(taken.cpu, messages),
        memory_peak_bytes: taken.memory_bytes_max,
        is_gone: taken.is_gone,
    }
}

fn latency(histogram: &Histogram<u64>) -> Latency {
    let millis = |micros: u64| number(micros) / 1_000.0;
    let at = |quantile| millis(histogram.value_at_quantile(quantile));
    let (count, max) = (histogram.len(), millis(histogram.max()));
    // A percentile is the upper end of a range; the most is known exactly.
    let at = |quantile| if count == 0 { 0.0 } else { f64::min(at(quantile), max) };
    Latency { count, p50: at(0.5), p90: at(0.9), p99: at(0.99), max }
}

fn per_second(count: u64, time: Duration) -> f64 {
    if time.is_zero() { 0.0 } else { number(count) / time.as_secs_f64() }
}

/// `None` of no message.
fn per_1000(cpu: Duration, messages: u64) -> Option<f64> {
    (messages != 0).then(|| cpu.as_secs_f64() * 1_000.0 / number(messages))
}

/// Exact far beyond anything that is counted here.
#[allow(clippy::cast_precision_loss, reason = "below 2^53")]
fn number(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
pub(super) mod tests;
