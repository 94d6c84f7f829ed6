//! What an answer means: pure decisions, one table.

use std::collections::BTreeSet;

use http::{HeaderName, StatusCode, header};
use messaging::{Accepted, Failure, FailureKind, Found, Reason, Reply, Result};
use serde::Deserialize;
use serde_json::Value;

use super::{
    answer::{ANSWER_BYTES_MAX, Answer},
    settings::LookUp,
};
use crate::codes;

/// Most reasons taken from one refusal.
const REASONS_MAX: usize = 100;
/// Longest text of one reason, in bytes.
const REASON_BYTES_MAX: usize = 2000;
/// Longest code of one reason, in bytes.
const REASON_CODE_BYTES_MAX: usize = 100;
/// Longest receipt, in bytes.
const RECEIPT_BYTES_MAX: usize = 200;

/// What the statuses of one endpoint mean.
#[derive(Clone, Debug)]
pub(super) struct Rules {
    pub(super) unavailable: BTreeSet<StatusCode>,
    pub(super) rejected: BTreeSet<StatusCode>,
    pub(super) transient: BTreeSet<StatusCode>,
    pub(super) conflict: Conflict,
    pub(super) rejected_if: Option<RejectedIf>,
    pub(super) receipt: Option<Place>,
    pub(super) is_reply_document: bool,
}

/// What 409 means.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub(super) enum Conflict {
    /// It has the message.
    AlreadyThere,
    /// It refuses the message.
    Rejected,
}

/// A value in the answer that makes it a refusal.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RejectedIf {
    /// JSON pointer.
    pub(super) pointer: String,
    /// Any of these texts there; numbers and truth values compare as they are written.
    pub(super) values: Vec<String>,
}

/// Where in an answer something stands.
#[derive(Clone, Debug)]
pub(super) enum Place {
    Pointer(String),
    Header(HeaderName),
}

/// What a complete answer to a delivery means. `is_whole`: the receiver had every byte of it.
pub(super) fn of_delivery(rules: &Rules, answer: &Answer, is_whole: bool) -> Result<Accepted> {
    let status = answer.status;
    let seen = format!("status {}", status.as_u16());
    if rules.unavailable.contains(&status) {
        return Err(unavailable(seen, answer));
    }
    if rules.transient.contains(&status) {
        return Err(waiting(FailureKind::Transient.because(codes::LATER, seen), answer));
    }
    if rules.rejected.contains(&status) || is_refusal(rules, answer) {
        return Err(Failure::rejected(codes::REFUSED, reasons(answer), seen));
    }
    match status.as_u16() {
        200..=299 if !is_whole => Err(FailureKind::Uncertain.because(codes::ANSWERED_EARLY, seen)),
        200..=299 => accepted(rules, answer),
        409 => match rules.conflict {
            Conflict::AlreadyThere => accepted(rules, answer),
            Conflict::Rejected => Err(Failure::rejected(codes::REFUSED, reasons(answer), seen)),
        },
        300..=399 | 401 | 403 | 404 | 405 => {
            Err(FailureKind::Unavailable.because(codes::MISCONFIGURED, seen))
        }
        // The receiver refused to look at it, and says that this may pass.
        408 | 421 | 423 | 425 => {
            Err(waiting(FailureKind::Transient.because(codes::LATER, seen), answer))
        }
        400..=499 => Err(FailureKind::Defect.because(codes::REQUEST_WRONG, seen)),
        // A proxy's 504 may follow a commit.
        _ => Err(waiting(FailureKind::Uncertain.because(codes::SERVER_ERROR, seen), answer)),
    }
}

/// What a complete answer to a look-up means.
pub(super) fn of_look_up(rules: &Rules, look_up: &LookUp, answer: &Answer) -> Result<Found> {
    let status = answer.status;
    if look_up.found.contains(&status) {
        let receipt = look_up.receipt.as_ref().and_then(|place| receipt(place, answer));
        return Ok(Found::Yes(Accepted { receipt, replies: Vec::new() }));
    }
    if look_up.absent.contains(&status) {
        return Ok(Found::No);
    }
    let seen = format!("look-up: status {}", status.as_u16());
    Err(if rules.unavailable.contains(&status) {
        unavailable(seen, answer)
    } else if is_misconfigured(status) {
        FailureKind::Unavailable.because(codes::MISCONFIGURED, seen)
    } else {
        waiting(FailureKind::Transient.because(codes::LOOK_UP_UNCLEAR, seen), answer)
    })
}

/// What a complete answer to a probe means.
pub(super) fn of_probe(rules: &Rules, answer: &Answer) -> Result<()> {
    let status = answer.status;
    let seen = format!("probe: status {}", status.as_u16());
    if status.is_success() {
        Ok(())
    } else if is_misconfigured(status) && !rules.unavailable.contains(&status) {
        Err(FailureKind::Unavailable.because(codes::MISCONFIGURED, seen))
    } else {
        Err(unavailable(seen, answer))
    }
}

fn is_misconfigured(status: StatusCode) -> bool {
    matches!(status.as_u16(), 300..=399 | 401 | 403 | 404 | 405)
}

fn waiting(failure: Failure, answer: &Answer) -> Failure {
    match answer.retry_after() {
        Some(wait) => failure.with_wait(wait),
        None => failure,
    }
}

/// What a status means that says "not now". That it is asked too often (RFC 6585, section 4) is about
/// whoever asks, whatever the message was; anything else may be about this message.
fn unavailable(seen: String, answer: &Answer) -> Failure {
    let failure = FailureKind::Unavailable.because(codes::SAYS_UNAVAILABLE, seen);
    let failure = waiting(failure, answer);
    match answer.status == StatusCode::TOO_MANY_REQUESTS {
        true => failure.for_all(),
        false => failure,
    }
}

/// Systems that answer 200 and mean no. Server errors and faults of configuration keep their
/// meaning: their bodies come from anywhere.
fn is_refusal(rules: &Rules, answer: &Answer) -> bool {
    let Some(rule) = &rules.rejected_if else { return false };
    let status = answer.status;
    let may_refuse = status.is_success() || (status.is_client_error() && !is_misconfigured(status));
    if !may_refuse {
        return false;
    }
    let json = answer.json();
    let value = json.as_ref().and_then(|json| json.pointer(&rule.pointer)).and_then(plain);
    value.is_some_and(|value| rule.values.contains(&value))
}

fn accepted(rules: &Rules, answer: &Answer) -> Result<Accepted> {
    let receipt = rules.receipt.as_ref().and_then(|place| receipt(place, answer));
    if !rules.is_reply_document || answer.body.is_empty() {
        return Ok(Accepted { receipt, replies: Vec::new() });
    }
    if answer.is_cut {
        // It would be the same again, so nothing repeats it by itself.
        let why = format!("the reply is larger than {ANSWER_BYTES_MAX} bytes");
        return Err(FailureKind::Defect.because(codes::REPLY_TOO_LARGE, why));
    }
    let media_type = answer.header(&header::CONTENT_TYPE).unwrap_or("application/octet-stream");
    let reply = Reply {
        id: "answer".to_owned(),
        kind: "document".to_owned(),
        media_type: media_type.to_owned(),
        body: answer.body.clone(),
        read: None,
        code: None,
    };
    Ok(Accepted { receipt, replies: vec![reply] })
}

fn receipt(place: &Place, answer: &Answer) -> Option<String> {
    let text = match place {
        Place::Header(name) => answer.header(name)?.to_owned(),
        Place::Pointer(pointer) => plain(answer.json()?.pointer(pointer)?)?,
    };
    let text: String = text.chars().filter(|c| !c.is_control()).collect();
    let text = cut(text.trim(), RECEIPT_BYTES_MAX);
    (!text.is_empty()).then_some(text)
}

/// Why it was refused, in the receiver's words: RFC 9457, what is usual in its place, or plain
/// text. Never a page of HTML.
fn reasons(answer: &Answer) -> Vec<Reason> {
    let mut reasons = match answer.json() {
        Some(json) => reasons_of_json(&json),
        None if answer.media_type() == "text/plain" => {
            let text = String::from_utf8_lossy(&answer.body);
            vec![Reason { code: None, text: cut(text.trim(), REASON_BYTES_MAX) }]
        }
        None => Vec::new(),
    };
    reasons.retain(|reason| !reason.text.is_empty());
    reasons.truncate(REASONS_MAX);
    if reasons.is_empty() {
        let status = answer.status.as_u16();
        let text = format!(
            "Das Fachverfahren hat die Nachricht ohne Begründung abgelehnt (HTTP-Status {status})."
        );
        reasons.push(Reason { code: None, text });
    }
    reasons
}

fn reasons_of_json(json: &Value) -> Vec<Reason> {
    let mut reasons: Vec<Reason> = reason(json).into_iter().collect();
    let lists = ["errors", "violations", "invalid-params", "invalidParams", "details"];
    let items = match json {
        Value::Array(items) => items.iter().collect::<Vec<_>>(),
        _ => lists.iter().filter_map(|name| json.get(name)?.as_array()).flatten().collect(),
    };
    reasons.extend(items.into_iter().filter_map(reason));
    reasons
}

fn reason(json: &Value) -> Option<Reason> {
    let first = |names: &[&str]| names.iter().find_map(|name| plain(json.get(name)?));
    let text = match json {
        Value::String(text) => text.clone(),
        _ => first(&["detail", "message", "reason", "title", "error", "description"])?,
    };
    let place = first(&["pointer", "field", "path", "name"]);
    let text = match place {
        Some(place) => format!("{place}: {text}"),
        None => text,
    };
    let code = first(&["code", "type"]).filter(|code| code != "about:blank");
    Some(Reason {
        code: code.map(|code| cut(&code, REASON_CODE_BYTES_MAX)),
        text: cut(text.trim(), REASON_BYTES_MAX),
    })
}

/// A text, number or truth value as it is written.
fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        _ => None,
    }
}

/// At most `bytes_max` bytes, whole characters.
fn cut(text: &str, bytes_max: usize) -> String {
    text.get(..text.floor_char_boundary(bytes_max)).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests;
