//! Reads `[[endpoint]]`: what every departmental system has in common; the rest is the adapter's.

use std::{path::Path, sync::Arc, time::Duration};

use adapters::{AdapterKind, BuildContext};
use dispatcher::{AfterDeadLetter, Interest, Rate};
use messaging::{Adapter, Domain, EndpointName, RetryPolicy};

use super::{Endpoint, calendar, read::refuse_twice, section::Section};
use crate::codes;

const CONCURRENCY: u32 = 4;
const CONCURRENCY_MAX: u32 = 1_000;
const BURST_MAX: u32 = 10_000;
const TIMEOUT: Duration = Duration::from_secs(30);
const TIMEOUT_MIN: Duration = Duration::from_millis(100);
const TIMEOUT_MAX: Duration = Duration::from_secs(3_600);
const WAIT_MIN: Duration = Duration::from_millis(1);
const WAIT_MAX: Duration = Duration::from_secs(30 * 86_400);
const ATTEMPTS_MAX: u32 = 1_000_000;
const MULTIPLIER_MAX: f64 = 1_000.0;

/// All endpoints that are without fault; the others' faults are noted.
pub(super) fn read(root: &Section<'_>, folder: &Path) -> Vec<Endpoint> {
    let mut places = Vec::new();
    let mut endpoints = Vec::new();
    for section in root.sections("endpoint") {
        let place = section.place_of("name");
        if let Some(endpoint) = endpoint(section, folder) {
            places.push(place);
            endpoints.push(endpoint);
        }
    }
    let names = endpoints.iter().map(|endpoint| endpoint.spec.name.as_str()).zip(places);
    refuse_twice(root, "the endpoint", names);
    endpoints
}

/// `None` only where faults were noted.
fn endpoint(section: Section<'_>, folder: &Path) -> Option<Endpoint> {
    let name: Option<EndpointName> = section.required("name", section.name("name"));
    let kind = section.required("adapter", section.parsed("adapter", kind));
    let concurrency = section.number("concurrency", 1..=CONCURRENCY_MAX).unwrap_or(CONCURRENCY);
    let concurrency = usize::try_from(concurrency).unwrap_or(usize::MAX);
    let settings = section.foreign("settings");
    // The settings' faults are told whatever is wrong with the name.
    let named = name.clone().or_else(|| EndpointName::new("unnamed").ok());
    let adapter = match (kind, named, &settings) {
        (Some(kind), Some(endpoint), Some(settings)) => {
            let context = BuildContext { endpoint, base: folder.to_owned(), concurrency };
            build(&section, kind, settings, &context)
        }
        _ => None,
    };
    let subscribe = subscribe(&section);
    let retry = retry(section.section("retry"));
    let timeout = section.duration("timeout", TIMEOUT_MIN..=TIMEOUT_MAX).unwrap_or(TIMEOUT);
    let rate: Option<Rate> = section.parsed("rate", str::parse);
    let burst = section.number("burst", 1..=BURST_MAX);
    if burst.is_some() && !section.has("rate") {
        section.fault("burst", codes::KEYS_CONTRADICT, "says nothing without `rate`");
    }
    let calendar = section.has("calendar").then(|| calendar::read(section.section("calendar")));
    let after_dead_letter = section.parsed("after_dead_letter", |text| match text {
        "hold" => Ok(AfterDeadLetter::Hold),
        "continue" => Ok(AfterDeadLetter::Continue),
        other => Err(format!("`{other}` is neither `hold` nor `continue`")),
    });
    let line = section.place().line;
    section.close();
    let kind = kind?.name;
    let spec = dispatcher::Endpoint {
        name: name?,
        adapter: adapter?,
        interests: subscribe,
        policy: retry,
        concurrency,
        rate,
        burst: burst.unwrap_or(1),
        calendar: calendar.flatten(),
        timeout,
        after_dead_letter: after_dead_letter.unwrap_or_default(),
    };
    Some(Endpoint { kind, settings: settings?, spec, line })
}

fn kind(name: &str) -> Result<&'static AdapterKind, String> {
    adapters::find(name).ok_or_else(|| {
        let known: Vec<_> = adapters::ALL.iter().map(|kind| kind.name).collect();
        format!("`{name}` is no adapter; there are `{}`", known.join("`, `"))
    })
}

/// Builds the adapter, again without each key it does not know, so that all of them are noted.
fn build(
    section: &Section<'_>,
    kind: &AdapterKind,
    settings: &toml::Table,
    context: &BuildContext,
) -> Option<Arc<dyn Adapter>> {
    let mut remaining = settings.clone();
    // Each turn takes a key away, so there are at most as many as there are keys.
    loop {
        let error = match (kind.build)(remaining.clone(), context) {
            Ok(adapter) => return (remaining.len() == settings.len()).then_some(adapter),
            Err(error) => error,
        };
        let what = error.chain().map(ToString::to_string).collect::<Vec<_>>().join(": ");
        let what = what.split_whitespace().collect::<Vec<_>>().join(" ");
        let unknown = what.contains("unknown field");
        let quoted = what.split('`').skip(1).step_by(2).collect::<Vec<_>>();
        let named = quoted.iter().find_map(|key| section.place_in("settings", key));
        let place = named.unwrap_or_else(|| section.place_of("settings"));
        let code = if unknown { codes::KEY_UNKNOWN } else { codes::SETTINGS_REFUSED };
        section.fault_at(&place, code, format_args!("{}: {what}", kind.name));
        let removed = quoted.first().and_then(|key| remaining.remove(*key));
        if !unknown || removed.is_none() {
            return None;
        }
    }
}

fn subscribe(section: &Section<'_>) -> Vec<Interest> {
    let interests: Vec<_> = section.sections("subscribe").into_iter().map(interest).collect();
    if !section.has("subscribe") {
        section.fault("subscribe", codes::KEY_MISSING, "is missing: it would get nothing");
    } else if interests.is_empty() {
        section.fault("subscribe", codes::VALUE_WRONG, "is empty: it would get nothing");
    }
    interests
}

fn interest(section: Section<'_>) -> Interest {
    let domain: Option<Domain> = section.name("domain");
    let authority_prefix = section.text("authority").unwrap_or_default();
    let message_types = section.texts("message_types").unwrap_or_default();
    let test = section.flag("test").unwrap_or_default();
    section.close();
    Interest { domain, authority_prefix, message_types, test }
}

fn retry(section: Section<'_>) -> RetryPolicy {
    let waits = || WAIT_MIN..=WAIT_MAX;
    let default = RetryPolicy::default();
    let initial_interval =
        section.duration("initial_interval", waits()).unwrap_or(default.initial_interval);
    let multiplier =
        section.fraction("multiplier", 1.0..=MULTIPLIER_MAX).unwrap_or(default.multiplier);
    let randomization_factor =
        section.fraction("randomization_factor", 0.0..=1.0).unwrap_or(default.randomization_factor);
    let max_interval = section.duration("max_interval", waits()).unwrap_or(default.max_interval);
    let max_elapsed_time = section.duration("max_elapsed_time", waits());
    let attempts_max =
        section.number("attempts_max", 1..=ATTEMPTS_MAX).unwrap_or(default.attempts_max);
    if max_interval < initial_interval {
        let what = "is shorter than `initial_interval`";
        section.fault("max_interval", codes::KEYS_CONTRADICT, what);
    }
    section.close();
    RetryPolicy {
        initial_interval,
        multiplier,
        randomization_factor,
        max_interval,
        max_elapsed_time,
        attempts_max,
    }
}
