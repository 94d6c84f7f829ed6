//! Reads `[retention]`: how long what is done stays.

use std::{collections::BTreeMap, time::Duration};

use messaging::Domain;

use super::{Retention, section::Section, words::duration_text};
use crate::codes;

const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(86_400);
const FOREVER: Duration = DAY.saturating_mul(36_500);

const CHANNEL: Duration = DAY.saturating_mul(7);
const CHANNEL_MAX: Duration = DAY.saturating_mul(400);
/// How long a ticket is promised to be valid: what it stands for must be there as long.
const TICKET_TIME_MAX: Duration = DAY;
const UNUSED_MAX: Duration = DAY.saturating_mul(30);
const PAYLOAD: Duration = DAY.saturating_mul(30);
/// Longer than a year, so that what comes every year meets what was done with it the year before.
const HISTORY: Duration = DAY.saturating_mul(400);

/// `[retention]`.
pub(super) fn read(root: &Section<'_>) -> Retention {
    let section = root.section("retention");
    let channel = section.duration("channel", HOUR..=CHANNEL_MAX).unwrap_or(CHANNEL);
    let claims_unused = section.duration("claims_unused", TICKET_TIME_MAX..=UNUSED_MAX);
    let claims_used = section.duration("claims_used", HOUR..=FOREVER).unwrap_or(channel);
    if claims_used < channel {
        let what = "is shorter than `channel`: a record could refer to a claim that is gone";
        section.fault("claims_used", codes::KEYS_CONTRADICT, what);
    }
    let ledger = ledger(&section, channel);
    let journal = section.duration("journal", HOUR..=FOREVER).unwrap_or(HISTORY);
    section.close();
    let claims_unused = claims_unused.unwrap_or(TICKET_TIME_MAX);
    Retention { channel, claims_unused, claims_used, ledger, journal }
}

/// What outlives what: payloads, what was done with them, who they were.
fn ledger(section: &Section<'_>, channel: Duration) -> stores::ledger::Retention {
    let time = |key| section.duration(key, HOUR..=FOREVER);
    let payload = time("payload").unwrap_or(PAYLOAD);
    let history = time("history").unwrap_or(HISTORY);
    let dedupe_horizon = time("dedupe_horizon").unwrap_or(HISTORY);
    let contradicts = |key: &str, what: String| section.fault(key, codes::KEYS_CONTRADICT, what);
    // Where only one of two was written, that one is where a person looks.
    let written = |key, other| if section.has(key) { key } else { other };
    let (of_history, of_horizon) = (duration_text(history), duration_text(dedupe_horizon));
    if history < payload {
        let what = format!("`payload` would outlive `history`, `{of_history}`");
        contradicts(written("history", "payload"), what);
    }
    if history <= channel {
        let what = format!(
            "`history`, `{of_history}`, is not longer than `channel`: a command could be read again \
             and carried out again"
        );
        contradicts(written("history", "channel"), what);
    }
    if dedupe_horizon <= channel {
        let what = format!(
            "`dedupe_horizon`, `{of_horizon}`, is not longer than `channel`: a record could be read \
             again and delivered again"
        );
        contradicts(written("dedupe_horizon", "channel"), what);
    }
    if dedupe_horizon < history {
        let what = format!("`history` would outlive `dedupe_horizon`, `{of_horizon}`");
        contradicts(written("dedupe_horizon", "history"), what);
    }
    let payload_of = domains(section, history);
    stores::ledger::Retention { payload, payload_of, history, dedupe_horizon }
}

/// `[retention.domain.<name>]`.
fn domains(section: &Section<'_>, history: Duration) -> BTreeMap<Domain, Duration> {
    let mut payload_of = BTreeMap::new();
    let domains = section.section("domain");
    for (name, of) in domains.tables() {
        let domain = Domain::new(&name).map_err(|error| {
            domains.fault(&name, codes::VALUE_WRONG, format!("`{name}` is {error}"));
        });
        let payload = of.required("payload", of.duration("payload", HOUR..=FOREVER));
        if payload.is_some_and(|payload| history < payload) {
            let what = format!("would outlive `history`, `{}`", duration_text(history));
            of.fault("payload", codes::KEYS_CONTRADICT, what);
        }
        if let (Ok(domain), Some(payload)) = (domain, payload) {
            payload_of.insert(domain, payload);
        }
        of.close();
    }
    payload_of
}
