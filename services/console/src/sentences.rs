//! One sentence in German and one in English for everything that happens. No personal data.

use messaging::Edit;
use stores::journal::Entry;

/// German, then English.
pub(crate) fn of(entry: &Entry) -> (String, String) {
    let endpoint = entry.endpoint.as_deref().unwrap_or("?");
    let attempts = entry.delivery.as_ref().map_or(0, |delivery| delivery.attempts);
    let pair = |german: String, english: String| (german, english);
    match entry.kind.as_str() {
        "accepted" => pair(
            "Der Antrag wurde geprüft und angenommen.".to_owned(),
            "The application was checked and accepted.".to_owned(),
        ),
        "refused" => pair(
            "Die Nachricht wurde nicht angenommen, weil sie fehlerhaft ist.".to_owned(),
            "The message was refused because it has faults.".to_owned(),
        ),
        "unrouted" => pair(
            "Für den Antrag ist noch kein Fachverfahren eingerichtet; er bleibt gespeichert."
                .to_owned(),
            "No departmental system takes the application yet; it is kept.".to_owned(),
        ),
        "admitted" => pair(
            format!("Der Antrag ist für das Fachverfahren „{endpoint}“ vorgemerkt."),
            format!("The application is due for the departmental system \"{endpoint}\"."),
        ),
        "duplicate" => pair(
            "Derselbe Antrag kam noch einmal an und wurde nicht erneut zugestellt.".to_owned(),
            "The same application arrived once more and was not delivered again.".to_owned(),
        ),
        "conflict" => pair(
            "Unter derselben Kennung kam ein anderer Inhalt an; er wurde nicht zugestellt."
                .to_owned(),
            "Other contents arrived under the same id; they were not delivered.".to_owned(),
        ),
        "attempt_failed" => pair(
            format!(
                "Der Zustellversuch {attempts} an das Fachverfahren „{endpoint}“ ist gescheitert; \
                 er wird wiederholt."
            ),
            format!(
                "Attempt {attempts} at the departmental system \"{endpoint}\" failed; it will be \
                 repeated."
            ),
        ),
        "delivered" => pair(
            format!("Das Fachverfahren „{endpoint}“ hat den Antrag übernommen."),
            format!("The departmental system \"{endpoint}\" has taken the application."),
        ),
        "rejected" => pair(
            format!("Das Fachverfahren „{endpoint}“ hat den Antrag zurückgewiesen."),
            format!("The departmental system \"{endpoint}\" has rejected the application."),
        ),
        "reply" => pair(
            format!("Das Fachverfahren „{endpoint}“ hat geantwortet."),
            format!("The departmental system \"{endpoint}\" has answered."),
        ),
        "edited" => edited(entry, endpoint),
        _ => for_operators(entry, endpoint),
    }
}

/// Where the cause is not one of ours, the command is left out.
fn edited(entry: &Entry, endpoint: &str) -> (String, String) {
    let edit = entry.cause.as_deref().and_then(Edit::of_cause);
    let (by, order) = match edit {
        Some(Edit { command, .. }) => {
            (format!(" (Anordnung {command})"), format!(" (command {command})"))
        }
        None => (String::new(), String::new()),
    };
    (
        format!(
            "Der Betrieb hat statt des eingereichten Dokuments ein berichtigtes für das Fachverfahren \
             „{endpoint}“ bestimmt{by}; das eingereichte bleibt unverändert gespeichert."
        ),
        format!(
            "An operator chose an edited document for the departmental system \"{endpoint}\" instead \
             of the one submitted{order}; the one submitted is kept unchanged."
        ),
    )
}

/// What only an operator can end.
fn for_operators(entry: &Entry, endpoint: &str) -> (String, String) {
    match entry.kind.as_str() {
        "dead_lettered" => (
            format!(
                "Der Antrag konnte an das Fachverfahren „{endpoint}“ nicht zugestellt werden; \
                 der Betrieb muss entscheiden."
            ),
            format!(
                "The application could not be delivered to the departmental system \
                 \"{endpoint}\"; an operator has to decide."
            ),
        ),
        "uncertain" => (
            format!(
                "Ob das Fachverfahren „{endpoint}“ den Antrag übernommen hat, ist noch nicht \
                 bekannt."
            ),
            format!(
                "It is not known yet whether the departmental system \"{endpoint}\" has taken \
                 the application."
            ),
        ),
        "replayed" => (
            format!(
                "Der Betrieb hat die Zustellung an das Fachverfahren „{endpoint}“ erneut angestoßen."
            ),
            format!(
                "An operator set the delivery to the departmental system \"{endpoint}\" going again."
            ),
        ),
        "discarded" => (
            format!("Der Betrieb hat die Zustellung an das Fachverfahren „{endpoint}“ beendet."),
            format!("An operator ended the delivery to the departmental system \"{endpoint}\"."),
        ),
        "gate_closed" => (
            format!("Das Fachverfahren „{endpoint}“ ist zurzeit nicht erreichbar."),
            format!("The departmental system \"{endpoint}\" cannot be reached at present."),
        ),
        "gate_opened" => (
            format!("Das Fachverfahren „{endpoint}“ ist wieder erreichbar."),
            format!("The departmental system \"{endpoint}\" can be reached again."),
        ),
        "undecodable" => (
            "Ein Datensatz ist nicht lesbar; er wurde übersprungen.".to_owned(),
            "A record cannot be read; it was skipped.".to_owned(),
        ),
        _ => ("Es gab ein weiteres Ereignis.".to_owned(), "Something else happened.".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use messaging::{CommandId, Sha256, Timestamp};

    use super::*;

    #[test]
    fn an_edit_is_told_with_the_command_that_ordered_it() {
        let command = CommandId(uuid::Uuid::from_u128(7));
        let edit = Edit { command, sha256: Sha256([1; 32]), instead_of: Sha256([2; 32]) };
        let told = |cause: Option<String>| {
            of(&Entry {
                sequence: 1,
                at: Timestamp(0),
                kind: "edited".to_owned(),
                endpoint: Some("goerlitz-kfz".to_owned()),
                code: None,
                cause,
                place: None,
                receipt: None,
                reasons: Vec::new(),
                reply_kind: None,
                delivery: None,
            })
        };
        let (german, english) = told(Some(edit.to_string()));
        let id = command.to_string();
        assert!(german.contains(&id) && german.contains("berichtigtes"), "{german}");
        assert!(english.contains(&id) && english.contains("edited document"), "{english}");
        let (german, _) = told(Some("by a newer version".to_owned()));
        assert!(!german.contains("Anordnung"), "{german}");
    }
}
