//! How the newest report of an endpoint is kept: as JSON, because nothing of it is searched.

use messaging::{Drained, EndpointName, EndpointReport, Timestamp};
use serde_json::{Value, json};

/// The report as text, without its endpoint.
pub(super) fn to_text(report: &EndpointReport) -> String {
    let told = json!({
        "open": report.open,
        "waiting": report.waiting,
        "held": report.held,
        "in_flight": report.in_flight,
        "limit": report.limit,
        "concurrency": report.concurrency,
        "per_hour": report.per_hour,
        "calendar_at": report.calendar_at.map(|at| at.0),
        "drained": report.drained.name(),
        "drained_at": report.drained.at().map(|at| at.0),
        "contract": report.contract,
        "is_held_by_dead": report.is_held_by_dead,
    });
    told.to_string()
}

/// What [`to_text`] wrote; `None` where it is none.
pub(super) fn from_text(endpoint: &str, text: &str) -> Option<EndpointReport> {
    let told: Value = serde_json::from_str(text).ok()?;
    let number = |key: &str| told.get(key).and_then(Value::as_u64);
    let small = |key: &str| number(key).and_then(|number| u32::try_from(number).ok());
    let time = |key: &str| told.get(key).and_then(Value::as_i64).map(Timestamp);
    let word = |key: &str| told.get(key).and_then(Value::as_str);
    Some(EndpointReport {
        endpoint: EndpointName::new(endpoint).ok()?,
        open: number("open")?,
        waiting: number("waiting")?,
        held: number("held")?,
        in_flight: small("in_flight")?,
        limit: small("limit")?,
        concurrency: small("concurrency")?,
        per_hour: number("per_hour"),
        calendar_at: time("calendar_at"),
        drained: Drained::named(word("drained")?, time("drained_at")),
        contract: word("contract")?.to_owned(),
        is_held_by_dead: told.get("is_held_by_dead")?.as_bool()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_reads_back_as_it_was_told() {
        let report = EndpointReport {
            endpoint: EndpointName::new("harz-kfz").unwrap(),
            open: u64::MAX,
            waiting: 2,
            held: 3,
            in_flight: 4,
            limit: 5,
            concurrency: 6,
            per_hour: Some(7),
            calendar_at: Some(Timestamp(8)),
            drained: Drained::At(Timestamp(9)),
            contract: "can_look_up".to_owned(),
            is_held_by_dead: true,
        };
        assert_eq!(from_text("harz-kfz", &to_text(&report)), Some(report.clone()));
        let bare = EndpointReport {
            per_hour: None,
            calendar_at: None,
            drained: Drained::Unmeasured,
            is_held_by_dead: false,
            ..report
        };
        assert_eq!(from_text("harz-kfz", &to_text(&bare)), Some(bare));
        assert_eq!(from_text("harz-kfz", "{}"), None);
    }
}
