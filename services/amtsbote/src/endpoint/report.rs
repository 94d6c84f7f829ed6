//! How an endpoint is served, in words: what stands before it and when nothing will be left.

use serde_json::{Value, json};
use wire::control::EndpointReport;

use crate::{cli::Language, status};

/// A few lines for people.
pub(super) fn lines(of: &EndpointReport, language: Language) -> Vec<String> {
    let at = status::time(of.at.as_ref()).unwrap_or_default();
    let backlog = match language {
        Language::De => format!(
            "Rückstand {}, davon {} zur Wiederholung vorgemerkt und {} hinter einer offenen \
             Entscheidung (Stand {at})",
            of.open, of.waiting, of.held
        ),
        Language::En => format!(
            "backlog {}, of which {} wait for their next attempt and {} behind a decision (as of \
             {at})",
            of.open, of.waiting, of.held
        ),
    };
    let slots = match language {
        Language::De => format!(
            "gleichzeitig {}, zurzeit höchstens {}, eingestellt {}",
            of.in_flight, of.limit, of.concurrency
        ),
        Language::En => format!(
            "{} at once, now at most {}, configured {}",
            of.in_flight, of.limit, of.concurrency
        ),
    };
    let mut lines = vec![backlog, slots];
    if let Some(per_hour) = of.per_hour {
        let measured = language.of("gemessen", "measured");
        let unit = language.of("je Arbeitsstunde", "per hour of work");
        lines.push(format!("{measured} {per_hour} {unit}"));
    }
    if let Some(at) = status::time(of.calendar_at.as_ref()) {
        let word = language.of("nächster Wechsel des Kalenders", "the calendar changes at");
        lines.push(format!("{word} {at}"));
    }
    lines.push(forecast(of, language));
    let word = language.of("Wirkungszusage", "effect contract");
    lines.push(format!("{word} {}", of.contract));
    lines
}

/// Says when, or why nobody can.
fn forecast(of: &EndpointReport, language: Language) -> String {
    let word = language.of("Rückstand abgearbeitet", "backlog gone");
    let when = match (of.drained.as_str(), status::time(of.drained_at.as_ref())) {
        ("at", Some(at)) => match language {
            Language::De => format!("voraussichtlich {at}, wenn nichts hinzukommt"),
            Language::En => format!("probably {at}, if nothing comes"),
        },
        (word, _) => why(word, language).to_owned(),
    };
    format!("{word}: {when}")
}

fn why(word: &str, language: Language) -> &'static str {
    match word {
        "empty" => language.of("nichts steht an", "nothing is due"),
        "paused" => language.of("nicht absehbar, angehalten", "nobody can say: it is paused"),
        "down" => language.of(
            "nicht absehbar, das Fachverfahren ist nicht erreichbar",
            "nobody can say: the system does not answer",
        ),
        "beyond" => language.of("nicht in den nächsten 400 Tagen", "not within 400 days"),
        _ => language.of("noch nicht absehbar", "nobody can say yet"),
    }
}

/// For programs.
pub(super) fn json(of: &EndpointReport) -> Value {
    json!({
        "at": status::time(of.at.as_ref()),
        "open": of.open,
        "waiting": of.waiting,
        "held": of.held,
        "in_flight": of.in_flight,
        "limit": of.limit,
        "concurrency": of.concurrency,
        "per_hour": of.per_hour,
        "calendar_at": status::time(of.calendar_at.as_ref()),
        "drained": of.drained,
        "drained_at": status::time(of.drained_at.as_ref()),
        "contract": of.contract,
        "is_held_by_dead": of.is_held_by_dead,
    })
}
