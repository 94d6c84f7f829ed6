//! Operators who order this and that at bad moments, and never lie: they say what they saw of a
//! delivery, and whether it took effect only when they have looked.

use std::{sync::Arc, time::Duration};

use channels::codec;
use messaging::{
    Channel as _, Command, CommandId, DeliveryState, EndpointName, OperatorName, Order, Seen,
    Target, Timestamp,
};
use tokio::sync::Mutex;
use uuid::Uuid;

use super::{
    office::{Office, TIMEOUT},
    storm::Storm,
    told::{Last, Told},
    weather::Weather,
};

/// What was under way when a pause was ordered has ended after so long.
const SLACK: Duration = Duration::from_secs(2);
const ANSWER_PAUSE: Duration = Duration::from_millis(500);
/// By then a dispatcher has answered, whatever happened to it.
const ANSWER_MAX: Duration = Duration::from_secs(2 * 3600);

pub(crate) struct Operator<'w> {
    pub(crate) storm: &'w Storm,
    pub(crate) weather: &'w Weather,
    pub(crate) offices: &'w [Arc<Office>],
    pub(crate) told: &'w Mutex<Told>,
}

impl Operator<'_> {
    pub(crate) async fn work(&self) {
        loop {
            self.weather.takes(Duration::from_secs(10)).await;
            let office = &self.offices[usize::try_from(self.weather.below(2)).unwrap_or(0)];
            match self.weather.below(4) {
                0 => self.rest(office).await,
                _ => self.decide(office).await,
            }
        }
    }

    /// Has `office` left alone for a while.
    async fn rest(&self, office: &Office) {
        if self.order(office.name, Order::Pause).await.is_some() {
            return;
        }
        tokio::time::sleep(TIMEOUT + SLACK).await;
        office.expect_pause(true);
        self.weather.takes(Duration::from_secs(20)).await;
        office.expect_pause(false);
        self.order(office.name, Order::Resume).await;
    }

    /// Decides about one delivery that waits for a decision, or about one that does not.
    async fn decide(&self, office: &Office) {
        let of_it = {
            let mut told = self.told.lock().await;
            told.catch_up().await;
            told.last(office.name)
        };
        let count = u64::try_from(of_it.len()).unwrap_or(0);
        if count == 0 {
            return;
        }
        let nth = usize::try_from(self.weather.below(count)).unwrap_or(0);
        let Some(Last { message: message_id, version, own_id, .. }) = of_it.into_values().nth(nth)
        else {
            return;
        };
        let seen = Seen {
            ledger: version.ledger.clone(),
            epoch: version.epoch,
            delivery: version.delivery,
            version: version.version,
        };
        let target = Target { message_id, seen: Some(seen) };
        let any = Target { message_id, seen: None };
        let order = match (version.state, office.has(&own_id)) {
            (DeliveryState::Uncertain, Some(true)) => Order::ConfirmDelivered(target),
            (DeliveryState::Uncertain, Some(false)) => Order::SendAgain(target),
            (DeliveryState::Dead, _) if self.weather.below(2) == 0 => Order::Discard(target),
            // Asked of whatever it is: refused, or what its contract allows.
            _ => Order::Replay(any),
        };
        self.order(office.name, order).await;
    }

    /// Orders and waits for the answer: the code if it was refused.
    pub(crate) async fn order(&self, endpoint: &str, order: Order) -> Option<String> {
        let command = Command {
            id: CommandId(Uuid::from_u128(u128::from(self.weather.below(u64::MAX)))),
            at: Timestamp(1_000_000),
            operator: OperatorName::new("erika").expect("a name"),
            endpoint: EndpointName::new(endpoint).expect("a name"),
            order,
            reason: None,
        };
        let record = codec::encode_command(&command, "simulation");
        // Repeated until it is there; it counts once.
        while self.storm.append(vec![record.clone()]).await.is_err() {}
        let ordered_at = self.weather.age();
        loop {
            assert!(self.weather.age() < ordered_at + ANSWER_MAX, "an order is never answered");
            let mut told = self.told.lock().await;
            told.catch_up().await;
            if let Some(answer) = told.answer(command.id) {
                return answer;
            }
            drop(told);
            tokio::time::sleep(ANSWER_PAUSE).await;
        }
    }
}
