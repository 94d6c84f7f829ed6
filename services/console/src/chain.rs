//! Who waits for whom within a case. Pure.

use messaging::{CaseId, DeliveryState, Result, SenderName};
use stores::journal::{Delivery, Journal, Whole};
use uuid::Uuid;

/// Where a delivery stands among the open ones of its case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Place {
    /// The message whose delivery is the first: the one it waits for.
    pub(crate) waits_for: Option<Uuid>,
    /// Open ones before it.
    pub(crate) ahead: u32,
    /// Open ones behind it.
    pub(crate) behind: u32,
}

/// The same for each delivery of `whole` in turn, from what the journal has of the case; `None`: it is
/// over. A message that was sent again has several deliveries to one endpoint.
pub(crate) async fn of(journal: &dyn Journal, whole: &Whole) -> Result<Vec<Option<Place>>> {
    let row = &whole.application;
    let sender = row.sender.as_ref().and_then(|sender| SenderName::new(sender).ok());
    let is_open = whole.deliveries.iter().any(|delivery| !delivery.state.is_final());
    let (Some(sender), Some(case), true) = (sender, row.case_id, is_open) else {
        return Ok(vec![None; whole.deliveries.len()]);
    };
    let case = journal.case(&sender, CaseId(case)).await?;
    let overview = journal.overview().await?;
    let report = |endpoint: &str| overview.endpoints.get(endpoint)?.report.as_ref();
    let passes =
        |endpoint: &str| report(endpoint).is_some_and(|(_, report)| !report.is_held_by_dead);
    let case: Vec<_> =
        case.iter().map(|it| (it.application.message_id, it.deliveries.as_slice())).collect();
    Ok(places(&whole.deliveries, &case, passes))
}

/// The places of a message's deliveries, as far as they are open, among those of its case: messages
/// and their deliveries. `passes` says of which endpoints dead letters hold nothing back.
fn places(
    own: &[Delivery],
    case: &[(Uuid, &[Delivery])],
    passes: impl Fn(&str) -> bool,
) -> Vec<Option<Place>> {
    let holds = |it: &Delivery| match it.state {
        DeliveryState::Dead => !passes(&it.endpoint),
        state => !state.is_final(),
    };
    let place = |own: &Delivery| {
        let mut place = Place::default();
        let mut first = own.number;
        for (message, deliveries) in case {
            let of_same = |it: &&Delivery| {
                (&it.endpoint, &it.ledger) == (&own.endpoint, &own.ledger) && holds(it)
            };
            for other in deliveries.iter().filter(of_same) {
                place.ahead += u32::from(other.number < own.number);
                place.behind += u32::from(own.number < other.number);
                // A ledger numbers the deliveries of a case in their order.
                if other.number < first {
                    first = other.number;
                    place.waits_for = Some(*message);
                }
            }
        }
        place
    };
    own.iter().map(|own| holds(own).then(|| place(own))).collect()
}

#[cfg(test)]
mod tests {
    use DeliveryState::{Dead, Delivered, Pending, Uncertain, Waiting};

    use super::*;

    fn delivery(endpoint: &str, number: i64, state: DeliveryState) -> Delivery {
        Delivery {
            endpoint: endpoint.to_owned(),
            ledger: "ledger".to_owned(),
            number,
            epoch: 1,
            version: 1,
            state,
            attempts: 0,
            next_at: None,
            receipt: None,
            code: None,
            reasons: Vec::new(),
        }
    }

    fn place(waits_for: Option<u128>, ahead: u32, behind: u32) -> Place {
        Place { waits_for: waits_for.map(Uuid::from_u128), ahead, behind }
    }

    #[test]
    fn whoever_is_open_waits_for_the_first_open_one_of_its_case_and_endpoint() {
        let messages = [
            [delivery("kfz", 10, Delivered), delivery("copy", 11, Waiting)],
            [delivery("kfz", 20, Dead), delivery("copy", 21, Pending)],
            [delivery("kfz", 30, Pending), delivery("copy", 31, Delivered)],
            [delivery("kfz", 40, Pending), delivery("copy", 41, Uncertain)],
        ];
        let ids = (1_u128..).map(Uuid::from_u128);
        let case: Vec<_> = ids.zip(messages.iter().map(|of| of.as_slice())).collect();
        let of = |message: usize, endpoint: &str, is_passed: bool| {
            let (_, own) = case.get(message - 1).unwrap();
            let nth = own.iter().position(|it| it.endpoint == endpoint).unwrap();
            places(own, &case, |_| is_passed)[nth]
        };
        assert_eq!(of(1, "kfz", false), None, "what is final waits for nobody");
        assert_eq!(of(1, "copy", false), Some(place(None, 0, 2)));
        assert_eq!(of(2, "kfz", false), Some(place(None, 0, 2)));
        assert_eq!(of(2, "copy", false), Some(place(Some(1), 1, 1)));
        assert_eq!(of(3, "kfz", false), Some(place(Some(2), 1, 1)));
        assert_eq!(of(4, "kfz", false), Some(place(Some(2), 2, 0)));
        assert_eq!(of(4, "copy", false), Some(place(Some(1), 2, 0)));
        assert_eq!(of(4, "kfz", true), Some(place(Some(3), 1, 0)), "dead letters hold nothing");
        assert_eq!(of(2, "kfz", true), None);
    }

    #[test]
    fn what_is_sent_again_stands_behind_its_case_and_what_is_over_nowhere() {
        let again = [delivery("kfz", 10, Delivered), delivery("kfz", 30, Pending)];
        let other = [delivery("kfz", 20, Waiting)];
        let case = [(Uuid::from_u128(1), &again[..]), (Uuid::from_u128(2), &other[..])];
        let found = places(&again, &case, |_| false);
        assert_eq!(found, [None, Some(place(Some(2), 1, 0))]);
    }
}
