//! What a citizen is shown: the national mailbox knows six words.

use stores::journal::Delivery;
use wire::status::CitizenStatus;

/// The word for an application in `state`. A dead letter and an open question to an operator change
/// nothing for the citizen until somebody decides.
pub(crate) fn status(
    state: &str,
    deliveries: &[Delivery],
    last_reply: Option<&str>,
) -> CitizenStatus {
    match last_reply {
        Some("decision") => return CitizenStatus::Completed,
        Some("question") => return CitizenStatus::ActionRequired,
        _ => {}
    }
    let was_tried_again = deliveries.iter().any(|delivery| 1 < delivery.attempts);
    let is_somewhere = deliveries.iter().any(|delivery| delivery.state.name() == "delivered");
    match state {
        "rejected" | "refused" | "conflict" | "discarded" => CitizenStatus::ActionRequired,
        "delivered" | "waiting" => CitizenStatus::Processing,
        _ if is_somewhere || was_tried_again => CitizenStatus::Processing,
        _ => CitizenStatus::Received,
    }
}

/// The word on pages.
pub(crate) fn german(status: CitizenStatus) -> &'static str {
    match status {
        CitizenStatus::Unspecified => "unbekannt",
        CitizenStatus::Initiated => "begonnen",
        CitizenStatus::Submitted => "eingereicht",
        CitizenStatus::Received => "eingegangen",
        CitizenStatus::Processing => "in Bearbeitung",
        CitizenStatus::ActionRequired => "Rückmeldung erforderlich",
        CitizenStatus::Completed => "abgeschlossen",
    }
}

#[cfg(test)]
mod tests {
    use messaging::DeliveryState;

    use super::*;

    fn delivery(state: DeliveryState, attempts: u32) -> Delivery {
        Delivery {
            endpoint: "e".to_owned(),
            ledger: "l".to_owned(),
            number: 1,
            epoch: 1,
            version: 1,
            state,
            attempts,
            next_at: None,
            receipt: None,
            code: None,
            reasons: Vec::new(),
        }
    }

    #[test]
    fn a_citizen_sees_no_trouble_between_offices() {
        use CitizenStatus::*;
        use DeliveryState as State;
        for (state, attempts, reply, expected) in [
            (None, 0, None, Received),
            (Some(State::Pending), 0, None, Received),
            (Some(State::Waiting), 1, None, Processing),
            (Some(State::Dead), 1, None, Received),
            (Some(State::Dead), 16, None, Processing),
            (Some(State::Uncertain), 1, None, Received),
            (Some(State::Delivered), 1, None, Processing),
            (Some(State::Rejected), 1, None, ActionRequired),
            (Some(State::Delivered), 1, Some("question"), ActionRequired),
            (Some(State::Delivered), 1, Some("decision"), Completed),
            (Some(State::Delivered), 1, Some("receipt"), Processing),
        ] {
            let deliveries: Vec<_> =
                state.into_iter().map(|state| delivery(state, attempts)).collect();
            let word = state.map_or("accepted", State::name);
            assert_eq!(status(word, &deliveries, reply), expected, "{state:?} {reply:?}");
        }
    }
}
