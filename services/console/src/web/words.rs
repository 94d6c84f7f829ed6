//! German words and times on pages.

use jiff::Timestamp as Moment;
use messaging::Timestamp;

/// Every state an application can be in, in the order of the filter.
pub(super) const STATES: [&str; 11] = [
    "accepted",
    "pending",
    "leased",
    "waiting",
    "uncertain",
    "delivered",
    "rejected",
    "dead",
    "discarded",
    "unrouted",
    "refused",
];

/// The German word for a state.
pub(super) fn state(name: &str) -> &'static str {
    match name {
        "accepted" => "angenommen",
        "pending" => "wartet auf Zustellung",
        "leased" => "wird zugestellt",
        "waiting" => "wird wiederholt",
        "uncertain" => "ungewiss",
        "delivered" => "zugestellt",
        "rejected" => "zurückgewiesen",
        "dead" => "unzustellbar",
        "discarded" => "verworfen",
        "unrouted" => "ohne Fachverfahren",
        "refused" => "nicht angenommen",
        "conflict" => "Widerspruch",
        _ => "unbekannt",
    }
}

/// The German word for what an operator ordered; a newer version's word as it is.
pub(super) fn order(name: &str) -> String {
    let word = match name {
        "pause" => "anhalten",
        "resume" => "weiter beliefern",
        "replay" => "erneut zustellen",
        "discard" => "verwerfen",
        "confirm_delivered" => "als zugestellt bestätigen",
        "send_again" => "noch einmal senden",
        "edit" => "berichtigtes Dokument zustellen",
        "replay_again" => "nach Abschluss erneut zustellen",
        "replay_anew" => "nach Abschluss als neuen Vorgang zustellen",
        "bulk_replay" => "mehrere erneut zustellen",
        "bulk_discard" => "mehrere verwerfen",
        "bulk_confirm_delivered" => "mehrere als zugestellt bestätigen",
        "bulk_send_again" => "mehrere noch einmal senden",
        "bulk_replay_again" => "mehrere nach Abschluss erneut zustellen",
        "bulk_replay_anew" => "mehrere nach Abschluss als neue Vorgänge zustellen",
        "stop_bulk" => "Sammelanordnung beenden",
        other => other,
    };
    word.to_owned()
}

/// How urgent a state is: a class for its colour, beside the word and the sign.
pub(super) fn urgency(name: &str) -> &'static str {
    match name {
        "delivered" => "good",
        "rejected" | "dead" | "uncertain" | "conflict" => "bad",
        "waiting" | "unrouted" | "refused" => "warn",
        _ => "calm",
    }
}

/// Stands before the word, for those who do not see the colour.
pub(super) fn sign(name: &str) -> &'static str {
    match urgency(name) {
        "good" => "✓",
        "bad" => "✕",
        "warn" => "!",
        _ => "•",
    }
}

/// `22.11.2026, 21:58:32 UTC`.
pub(super) fn time(at: Timestamp) -> String {
    match Moment::from_microsecond(at.0) {
        Ok(moment) => moment.strftime("%d.%m.%Y, %H:%M:%S UTC").to_string(),
        Err(_) => "unbekannt".to_owned(),
    }
}

/// The same if there is one.
pub(super) fn time_or_dash(at: Option<Timestamp>) -> String {
    at.map_or_else(|| "–".to_owned(), time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_has_a_word() {
        for state_name in STATES {
            assert_ne!(state(state_name), "unbekannt", "{state_name}");
        }
        for state_name in messaging::DeliveryState::ALL {
            assert!(STATES.contains(&state_name.name()), "{state_name:?}");
        }
    }

    #[test]
    fn a_time_is_written_as_people_write_it() {
        assert_eq!(time(Timestamp(1_700_000_000_000_000)), "14.11.2023, 22:13:20 UTC");
    }
}
