//! What the demonstration came to, for people and for scripts.

use std::{collections::BTreeMap, time::Duration};

use serde_json::{Value, json};
use wire::{intake::Refusal, status::ApplicationStatus};

use super::{
    inbox::Arrived,
    portal::{self, Fetched},
    samples::Sample,
    table,
};
use crate::{cli::Language, output::Output, status, system::AllAddresses, violations};

/// Refused documents whose violations are shown one by one: the worst ones. Of the others the
/// first one is shown.
const REFUSED_SHOWN_WHOLE: usize = 1;
/// Violations shown of such a document; the others are counted.
const VIOLATIONS_SHOWN: usize = 4;

/// Everything that happened.
#[derive(Debug)]
pub(super) struct Outcome {
    pushed: usize,
    accepted: usize,
    refused: Vec<Refused>,
    faults: Vec<String>,
    /// Of all that have a receipt.
    pub(super) statuses: Vec<ApplicationStatus>,
    /// What the receivers have.
    pub(super) arrived: BTreeMap<String, Arrived>,
    /// From the first push to the last delivery.
    pub(super) took: Duration,
    /// What the portal got back.
    pub(super) fetched: Vec<Fetched>,
}

/// A document without receipt.
#[derive(Debug)]
pub(super) struct Refused {
    /// Which.
    pub(super) name: String,
    /// Why.
    pub(super) refusal: Refusal,
}

/// What one endpoint did.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Delivered {
    /// That it has taken.
    pub(super) applications: usize,
    /// Attempts beyond the first.
    pub(super) repeats: u32,
}

impl Outcome {
    /// Nothing happened yet.
    pub(super) fn new(pushed: usize) -> Self {
        Self {
            pushed,
            accepted: 0,
            refused: Vec::new(),
            faults: Vec::new(),
            statuses: Vec::new(),
            arrived: BTreeMap::new(),
            took: Duration::ZERO,
            fetched: Vec::new(),
        }
    }

    /// It has a receipt.
    pub(super) fn accepted(&mut self, sample: &Sample) {
        self.accepted += 1;
        if !sample.is_welcome {
            self.fault(format!("{} should have been refused", sample.name));
        }
    }

    /// It has none.
    pub(super) fn refused(&mut self, sample: &Sample, refused: Refused) {
        if sample.is_welcome {
            let (code, why) = (&refused.refusal.code, &refused.refusal.english);
            self.fault(format!("{} should have been accepted: {code} {why}", sample.name));
        }
        self.refused.push(refused);
    }

    /// Something that should not have been.
    pub(super) fn fault(&mut self, what: String) {
        self.faults.push(what);
    }

    /// What an endpoint calls what it took.
    pub(super) fn receipts_of<'o>(&'o self, endpoint: &'o str) -> impl Iterator<Item = &'o str> {
        let deliveries = self.statuses.iter().flat_map(|status| &status.deliveries);
        let of_endpoint = deliveries.filter(move |delivery| delivery.endpoint == endpoint);
        of_endpoint.map(|delivery| delivery.receipt.as_str())
    }

    /// Everything that is not as it should be; empty is good.
    pub(super) fn unexpected(&self) -> Vec<String> {
        let mut unexpected = self.faults.clone();
        if self.statuses.len() != self.accepted {
            let missing = self.accepted - self.statuses.len().min(self.accepted);
            unexpected.push(format!("{missing} accepted applications have no status"));
        }
        let open = self.statuses.iter().filter(|status| status.state != "delivered");
        unexpected.extend(open.map(|status| format!("{}: {}", status.message_id, status.state)));
        for (endpoint, delivered) in self.delivered() {
            let arrived = self.arrived.get(&endpoint).copied().unwrap_or_default();
            if arrived.applications < delivered.applications {
                let (said, there) = (delivered.applications, arrived.applications);
                unexpected.push(format!("{endpoint}: {said} delivered, {there} there"));
            }
        }
        for status in self.statuses.iter().filter(|status| portal::is_answered(status)) {
            let of_it = |fetched: &&Fetched| fetched.message_id == status.message_id;
            if !self.fetched.iter().filter(of_it).any(|fetched| fetched.is_pdf) {
                unexpected.push(format!("{}: no certificate came back", status.message_id));
            }
        }
        unexpected
    }

    fn delivered(&self) -> BTreeMap<String, Delivered> {
        let mut endpoints: BTreeMap<String, Delivered> = BTreeMap::new();
        for delivery in self.statuses.iter().flat_map(|status| &status.deliveries) {
            let endpoint = endpoints.entry(delivery.endpoint.clone()).or_default();
            endpoint.applications += usize::from(delivery.state == "delivered");
            endpoint.repeats += delivery.attempts.saturating_sub(1);
        }
        endpoints
    }
}

/// Prints it.
pub(super) fn tell(
    outcome: &Outcome,
    addresses: &AllAddresses,
    language: Language,
    output: &Output,
) {
    if output.is_json {
        output.json(&as_json(outcome));
        return;
    }
    let (pushed, accepted, refused) = (outcome.pushed, outcome.accepted, outcome.refused.len());
    let took = outcome.took.as_secs_f64();
    output.line(match language {
        Language::De => format!(
            "\n{pushed} eingereicht, {accepted} angenommen, {refused} abgelehnt, alles in {took:.1} s"
        ),
        Language::En => format!(
            "\n{pushed} pushed, {accepted} accepted, {refused} refused, all within {took:.1} s"
        ),
    });
    tell_all_refused(outcome, language, output);
    output.line(language.of("\nZugestellt:", "\nDelivered:"));
    for line in table::lines(&outcome.delivered(), language) {
        output.line(line);
    }
    for (endpoint, delivered) in outcome.delivered() {
        let arrived = outcome.arrived.get(&endpoint).copied().unwrap_or_default();
        if arrived.failed != 0 {
            output.line(stumbled_text(&endpoint, delivered, arrived, language));
        }
    }
    tell_fetched(outcome, language, output);
    for unexpected in outcome.unexpected() {
        output.line(format_args!("! {unexpected}"));
    }
    tell_how_to_look(outcome, addresses, language, output);
}

/// One line each; the worst with its violations.
fn tell_all_refused(outcome: &Outcome, language: Language, output: &Output) {
    output.line(language.of("\nAbgelehnt:", "\nRefused:"));
    let mut refused: Vec<_> = outcome.refused.iter().collect();
    refused.sort_by_key(|refused| std::cmp::Reverse(refused.refusal.violations_total));
    let (whole, others) = refused.split_at(refused.len().min(REFUSED_SHOWN_WHOLE));
    for refused in whole {
        tell_whole(refused, language, output);
    }
    let mut others = others.to_vec();
    others.sort_by_key(|refused| &refused.name);
    for Refused { name, refusal } in others {
        // A single violation is the refusal's own text; of several the first stands for all.
        let first = refusal.violations.first().filter(|_| 1 < refusal.violations.len());
        let (code, german, english) = match first {
            Some(violation) => (&violation.code, &violation.german, &violation.english),
            None => (&refusal.code, &refusal.german, &refusal.english),
        };
        let why = language.of(german, english);
        let more = match refusal.violations_total.saturating_sub(1) {
            0 => String::new(),
            more => format!(" (+{more})"),
        };
        output.line(format_args!("  {name}: {code} {why}{more}"));
    }
}

fn tell_whole(refused: &Refused, language: Language, output: &Output) {
    let Refused { name, refusal } = refused;
    let why = language.of(&refusal.german, &refusal.english);
    output.line(format_args!("  {name}: {} {why}", refusal.code));
    for violation in refusal.violations.iter().take(VIOLATIONS_SHOWN) {
        output.line(format_args!("  {}", violations::text(violation, language)));
    }
    let total = usize::try_from(refusal.violations_total).unwrap_or(usize::MAX);
    let hidden = total.max(refusal.violations.len()).saturating_sub(VIOLATIONS_SHOWN);
    if hidden != 0 {
        output.line(format_args!("    … {hidden} {}", language.of("weitere", "more")));
    }
}

fn stumbled_text(
    endpoint: &str,
    delivered: Delivered,
    arrived: Arrived,
    language: Language,
) -> String {
    let (failed, repeats) = (arrived.failed, delivered.repeats);
    let mut text = match language {
        Language::De => format!("  {endpoint}: {failed}-mal nicht angenommen, dann doch"),
        Language::En => format!("  {endpoint}: failed {failed} times, then took it"),
    };
    if repeats != 0 {
        text.push_str(&match language {
            Language::De => format!("; {repeats} wiederholte Versuche"),
            Language::En => format!("; {repeats} attempts repeated"),
        });
    }
    text
}

/// What came back to the portal.
fn tell_fetched(outcome: &Outcome, language: Language, output: &Output) {
    let Some(first) = outcome.fetched.first() else { return };
    let (count, bytes) = (outcome.fetched.len(), first.bytes);
    let (kind, file) = (&first.media_type, &first.file);
    output.line(match language {
        Language::De => format!(
            "\nVom Portal abgeholt (StatusService/ListReplies und FetchReply):\n  \
             {count} Meldebescheinigungen, jede als Antwort ihres Melderegisters ({kind}, {bytes} Byte)\n  \
             zum Beispiel {file} von {}",
            first.endpoint
        ),
        Language::En => format!(
            "\nFetched by the portal (StatusService/ListReplies and FetchReply):\n  \
             {count} certificates of residence, each the reply of its register ({kind}, {bytes} bytes)\n  \
             for instance {file} from {}",
            first.endpoint
        ),
    });
}

/// Commands that work as they stand, while everything runs.
fn tell_how_to_look(
    outcome: &Outcome,
    addresses: &AllAddresses,
    language: Language,
    output: &Output,
) {
    // The one with the longest story.
    let longest = outcome.statuses.iter().max_by_key(|status| status.timeline.len());
    let Some(application) = longest else { return };
    let program = std::env::args().next().unwrap_or_else(|| "amtsbote".to_owned());
    let AllAddresses { gateway, console } = addresses;
    let id = &application.message_id;
    output.line(language.of("\nEine Nachricht ansehen:", "\nLook at one:"));
    output.line(format_args!("  {program} status {id} --to http://{gateway}"));
    output.line(format_args!("  http://{console}/applications/{id}"));
    output.line(format_args!(
        "  grpcurl -plaintext -d '{{\"message_id\": \"{id}\"}}' {gateway} \
         amtsbote.status.v1.StatusService/GetStatus"
    ));
    output.line("");
    output.line(status::summary(application, language));
}

fn as_json(outcome: &Outcome) -> Value {
    let refused = outcome.refused.iter().map(|Refused { name, refusal }| {
        json!({
            "file": name,
            "code": refusal.code,
            "german": refusal.german,
            "english": refusal.english,
            "violations_total": refusal.violations_total,
        })
    });
    let delivered = outcome.delivered().into_iter().map(|(endpoint, delivered)| {
        let arrived = outcome.arrived.get(&endpoint).copied().unwrap_or_default();
        let value = json!({
            "delivered": delivered.applications,
            "arrived": arrived.applications,
            "failed": arrived.failed,
            "repeated": delivered.repeats,
        });
        (endpoint, value)
    });
    json!({
        "pushed": outcome.pushed,
        "accepted": outcome.accepted,
        "refused": refused.collect::<Vec<_>>(),
        "endpoints": delivered.collect::<serde_json::Map<_, _>>(),
        "fetched": outcome.fetched.iter().map(fetched_json).collect::<Vec<_>>(),
        "seconds": outcome.took.as_secs_f64(),
        "unexpected": outcome.unexpected(),
    })
}

fn fetched_json(fetched: &Fetched) -> Value {
    json!({
        "message_id": fetched.message_id,
        "endpoint": fetched.endpoint,
        "media_type": fetched.media_type,
        "bytes": fetched.bytes,
        "is_pdf": fetched.is_pdf,
        "file": fetched.file,
    })
}
