//! What follows from what was told: which version wins, and the one word for an application.

use std::collections::BTreeMap;

use messaging::DeliveryState;

use super::rows::Delivery;

/// What was said of an application that has no delivery.
pub(super) const UNROUTED: &str = "unrouted";
/// The gateway said no.
pub(super) const REFUSED: &str = "refused";
/// Same id, other bytes.
pub(super) const CONFLICT: &str = "conflict";
/// Nothing is known yet but that it is there.
pub(super) const ACCEPTED: &str = "accepted";

/// Whether `told` is newer than what is `known`.
pub(super) fn is_newer(told: (i64, i64), known: (i64, i64)) -> bool {
    known < told
}

/// The least advanced first, as `status/v1` orders them. What an operator gave up counts only if
/// nothing else is left.
const LEAST_ADVANCED: [DeliveryState; 8] = [
    DeliveryState::Rejected,
    DeliveryState::Dead,
    DeliveryState::Uncertain,
    DeliveryState::Waiting,
    DeliveryState::Pending,
    DeliveryState::Leased,
    DeliveryState::Delivered,
    DeliveryState::Discarded,
];

/// The one word for an application.
pub(super) fn state<'d>(
    deliveries: impl IntoIterator<Item = &'d Delivery>,
    verdict: Option<&str>,
    has_head: bool,
) -> &'static str {
    // A replay of a final delivery is a further row of the same endpoint: the newest speaks for it.
    let mut newest: BTreeMap<(&str, &str), &Delivery> = BTreeMap::new();
    for delivery in deliveries {
        let of = newest.entry((&delivery.ledger, &delivery.endpoint)).or_insert(delivery);
        if of.number < delivery.number {
            *of = delivery;
        }
    }
    let is_in = |state: &DeliveryState| newest.values().any(|delivery| delivery.state == *state);
    match (LEAST_ADVANCED.into_iter().find(is_in), verdict) {
        (_, Some(CONFLICT)) => CONFLICT,
        (Some(state), _) => state.name(),
        (None, Some(UNROUTED)) => UNROUTED,
        (None, Some(REFUSED)) if !has_head => REFUSED,
        (None, _) => ACCEPTED,
    }
}

/// Puts `told` among `deliveries` unless something newer of the same delivery is there already.
/// Returns whether it was put.
pub(super) fn merge(deliveries: &mut Vec<Delivery>, told: Delivery) -> bool {
    let same = |known: &&mut Delivery| {
        (&known.endpoint, &known.ledger, known.number)
            == (&told.endpoint, &told.ledger, told.number)
    };
    match deliveries.iter_mut().find(same) {
        Some(known) if !is_newer((told.epoch, told.version), (known.epoch, known.version)) => false,
        Some(known) => {
            // The receiver's name for it outlives later versions that do not repeat it.
            let receipt = told.receipt.clone().or_else(|| known.receipt.take());
            *known = Delivery { receipt, ..told };
            true
        }
        None => {
            deliveries.push(told);
            true
        }
    }
}

/// Ends what a ledger no longer has that was restored from a backup. At most one delivery of an
/// application to an endpoint is not final: where the ledger tells of one in a later epoch, another that
/// is open in a former epoch came after the backup. Gives those that were ended, as they were before.
pub(super) fn end_forgotten(deliveries: &mut [Delivery]) -> Vec<(Delivery, DeliveryState)> {
    let mut latest: BTreeMap<(String, String), i64> = BTreeMap::new();
    for delivery in deliveries.iter() {
        let of = (delivery.ledger.clone(), delivery.endpoint.clone());
        let known = latest.entry(of).or_insert(delivery.epoch);
        *known = delivery.epoch.max(*known);
    }
    let mut ended = Vec::new();
    for delivery in deliveries.iter_mut().filter(|delivery| !delivery.state.is_final()) {
        let of = (delivery.ledger.clone(), delivery.endpoint.clone());
        if latest.get(&of).is_some_and(|latest| delivery.epoch < *latest) {
            let before = delivery.state;
            delivery.state = DeliveryState::Discarded;
            delivery.next_at = None;
            ended.push((delivery.clone(), before));
        }
    }
    ended
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delivery(endpoint: &str, number: i64, version: i64, state: DeliveryState) -> Delivery {
        Delivery {
            endpoint: endpoint.to_owned(),
            ledger: "l".to_owned(),
            number,
            epoch: 1,
            version,
            state,
            attempts: 1,
            next_at: None,
            receipt: None,
            code: None,
            reasons: Vec::new(),
        }
    }

    #[test]
    fn the_least_advanced_delivery_speaks_for_the_application() {
        use DeliveryState::*;
        for (states, expected) in [
            (vec![], "accepted"),
            (vec![Delivered, Delivered], "delivered"),
            (vec![Delivered, Waiting], "waiting"),
            (vec![Dead, Waiting, Delivered], "dead"),
            (vec![Dead, Rejected], "rejected"),
            (vec![Discarded, Delivered], "delivered"),
            (vec![Discarded], "discarded"),
        ] {
            let rows: Vec<_> = states
                .iter()
                .enumerate()
                .map(|(n, state)| delivery(&format!("e{n}"), 1, 1, *state))
                .collect();
            assert_eq!(state(&rows, None, true), expected, "{states:?}");
        }
    }

    #[test]
    fn a_replay_speaks_for_its_endpoint() {
        let first = delivery("e", 1, 9, DeliveryState::Rejected);
        let replay = delivery("e", 2, 1, DeliveryState::Delivered);
        assert_eq!(state(&[replay, first], None, true), "delivered");
    }

    #[test]
    fn a_refusal_counts_only_while_nothing_was_accepted() {
        assert_eq!(state(&[], Some(REFUSED), false), "refused");
        assert_eq!(state(&[], Some(REFUSED), true), "accepted");
        assert_eq!(state(&[], Some(UNROUTED), true), "unrouted");
        let admitted = delivery("e", 1, 1, DeliveryState::Pending);
        assert_eq!(state(&[admitted], Some(UNROUTED), true), "pending");
    }

    #[test]
    fn what_a_restored_ledger_does_not_have_any_more_waits_for_nobody() {
        let row = |number, epoch, state| Delivery { epoch, ..delivery("e", number, 3, state) };
        let mut known = vec![
            row(1, 1, DeliveryState::Delivered),
            row(2, 1, DeliveryState::Dead),
            row(9, 2, DeliveryState::Uncertain),
            Delivery { endpoint: "f".to_owned(), ..row(3, 1, DeliveryState::Dead) },
        ];
        let ended = end_forgotten(&mut known);
        let states: Vec<_> = known.iter().map(|it| it.state.name()).collect();
        assert_eq!(states, ["delivered", "discarded", "uncertain", "dead"]);
        assert_eq!(ended, [(known[1].clone(), DeliveryState::Dead)]);
        assert_eq!(end_forgotten(&mut known), [], "once");
    }

    #[test]
    fn the_highest_version_stays_whatever_came_first() {
        let mut known = vec![delivery("e", 1, 2, DeliveryState::Delivered)];
        assert!(!merge(&mut known, delivery("e", 1, 1, DeliveryState::Waiting)));
        assert!(!merge(&mut known, delivery("e", 1, 2, DeliveryState::Waiting)));
        assert_eq!(known[0].state, DeliveryState::Delivered);
        let restored = Delivery { epoch: 2, ..delivery("e", 1, 1, DeliveryState::Uncertain) };
        assert!(merge(&mut known, restored));
        assert_eq!(known[0].state, DeliveryState::Uncertain);
    }
}
