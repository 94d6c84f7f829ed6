//! Operators who order this and that at bad moments, and never lie: they say what they saw of a
//! delivery, and whether it took effect only when they have looked.

use std::{sync::Arc, time::Duration};

use channels::codec;
use messaging::{
    Bulk, Channel as _, Command, CommandId, Correction, DeliveryState, EachOrder, EndpointName,
    OperatorName, Order, Seen, Target, Timestamp,
};
use tokio::sync::Mutex;
use uuid::Uuid;

use super::{
    book::Book,
    office::{Office, TIMEOUT},
    portal,
    storm::Storm,
    told::{Last, Told},
    weather::Weather,
};

/// What was under way when a pause was ordered has ended after so long.
const SLACK: Duration = Duration::from_secs(2);
/// One delivery of a bulk is ordered so long after another.
const INTERVAL_MAX: Duration = Duration::from_secs(2);
/// So many are handed over once more at once.
const REPEATED_AT_ONCE: usize = 4;
const ANSWER_PAUSE: Duration = Duration::from_millis(500);
/// By then a dispatcher has answered, whatever happened to it.
const ANSWER_MAX: Duration = Duration::from_secs(2 * 3600);

/// What can be ordered about many at once, about those in which state, and if they are there or not.
const AT_ONCE: [(EachOrder, Option<DeliveryState>, Option<bool>); 5] = [
    (EachOrder::Replay, Some(DeliveryState::Dead), None),
    (EachOrder::SendAgain, Some(DeliveryState::Uncertain), Some(false)),
    (EachOrder::ConfirmDelivered, Some(DeliveryState::Uncertain), Some(true)),
    (EachOrder::Discard, Some(DeliveryState::Dead), None),
    (EachOrder::Replay, None, None),
];

pub(crate) struct Operator<'w> {
    pub(crate) storm: &'w Storm,
    pub(crate) weather: &'w Weather,
    pub(crate) offices: &'w [Arc<Office>],
    pub(crate) told: &'w Mutex<Told>,
    pub(crate) book: &'w Book,
}

impl Operator<'_> {
    pub(crate) async fn work(&self) {
        loop {
            self.weather.takes(Duration::from_secs(10)).await;
            let office = &self.offices[usize::try_from(self.weather.below(2)).unwrap_or(0)];
            match self.weather.below(9) {
                0 | 1 => self.rest(office).await,
                2 => self.edit(office).await,
                3 | 4 => self.decide_at_once(office).await,
                5 => self.repeat(office).await,
                _ => self.decide(office).await,
            }
        }
    }

    /// Has `office` left alone for a while.
    async fn rest(&self, office: &Office) {
        if self.order(office.name, Order::Pause).await.1.is_some() {
            return;
        }
        tokio::time::sleep(TIMEOUT + SLACK).await;
        office.expect_pause(true);
        self.weather.takes(Duration::from_secs(20)).await;
        office.expect_pause(false);
        self.order(office.name, Order::Resume).await;
    }

    async fn look(&self, office: &Office) -> Vec<Last> {
        let mut told = self.told.lock().await;
        told.catch_up().await;
        told.last(office.name).into_values().collect()
    }

    fn one_of<T>(&self, mut all: Vec<T>) -> Option<T> {
        let count = u64::try_from(all.len()).unwrap_or(0);
        let nth = usize::try_from(self.weather.below(count)).unwrap_or(0);
        (nth < all.len()).then(|| all.swap_remove(nth))
    }

    /// Decides about one delivery that waits for a decision, or about one that does not.
    async fn decide(&self, office: &Office) {
        let Some(last) = self.one_of(self.look(office).await) else { return };
        let any = Target { message_id: last.message, seen: None };
        let order = match (last.version.state, took_effect(office, &last)) {
            (DeliveryState::Uncertain, Some(true)) => Order::ConfirmDelivered(seen(&last)),
            (DeliveryState::Uncertain, Some(false)) => Order::SendAgain(seen(&last)),
            (DeliveryState::Dead, _) if self.weather.below(2) == 0 => Order::Discard(seen(&last)),
            // Asked of whatever it is: refused, or what its contract allows.
            _ => Order::Replay(any),
        };
        self.order(office.name, order).await;
    }

    /// Has another document handed over instead of one that is dead, or asks for that where it cannot be.
    async fn edit(&self, office: &Office) {
        let mut all = self.look(office).await;
        if self.weather.below(4) != 0 {
            all.retain(|last| last.version.state == DeliveryState::Dead);
        }
        // What died may have taken effect before its last attempt, and somebody has looked.
        all.retain(|last| office.count(&last.own_id) == Some(0));
        let Some(last) = self.one_of(all) else { return };
        let document = portal::edited(&last.own_id, self.weather.below(u64::MAX));
        let place = office.papers().ordered(&last.own_id, document.clone());
        let order = Order::Edit(Box::new(Correction::new(seen(&last), document)));
        let (_, refused) = self.order(office.name, order).await;
        office.papers().answered(&last.own_id, place, refused.is_none());
    }

    /// Decides the same about all of which it is true, as they are seen now, and may stop that.
    async fn decide_at_once(&self, office: &Office) {
        let all = self.look(office).await;
        let first = usize::try_from(self.weather.below(AT_ONCE.len() as u64)).unwrap_or(0);
        let choices = AT_ONCE.iter().cycle().skip(first).take(AT_ONCE.len()).enumerate();
        // What is always true is only asked where it comes first.
        let choices = choices.filter(|(place, (_, state, _))| *place == 0 || state.is_some());
        let mut sets = choices.map(|(_, (each, state, is_there))| {
            let is_meant = |last: &&Last| {
                state.is_none_or(|state| last.version.state == state)
                    && is_there.is_none_or(|is_there| took_effect(office, last) == Some(is_there))
            };
            (*each, all.iter().filter(is_meant).map(seen).collect::<Vec<Target>>())
        });
        let Some((each, targets)) = sets.find(|(_, targets)| 2 <= targets.len()) else {
            return;
        };
        self.order_at_once(office, each, targets).await;
    }

    /// Whether it was accepted.
    async fn order_at_once(&self, office: &Office, each: EachOrder, targets: Vec<Target>) -> bool {
        let bound = || u32::try_from(self.weather.below(3)).unwrap_or(0);
        let (canary, failures_max) = (bound(), bound());
        let interval = self.weather.within(INTERVAL_MAX);
        let order = Order::Bulk(Box::new(Bulk { each, targets, canary, interval, failures_max }));
        let (bulk, refused) = self.order(office.name, order).await;
        if refused.is_none() && self.weather.below(4) == 0 {
            self.weather.takes(INTERVAL_MAX * 2).await;
            self.order(office.name, Order::StopBulk(bulk)).await;
        }
        refused.is_none()
    }

    /// Has handed over once more what is over, one or some at once, with its key or as a new effect; each
    /// message once, when nothing of it may still come.
    async fn repeat(&self, office: &Office) {
        let mut over = self.look(office).await;
        over.retain(|last| {
            let is_over =
                last.version.state.is_final() && office.repeats().of(&last.own_id).is_none();
            is_over && office.count(&last.own_id).is_some()
        });
        let (is_new, first) = (self.weather.below(2) == 0, self.weather.below(30));
        let skipped = usize::try_from(first).unwrap_or(0) % over.len().max(1);
        over.rotate_left(skipped);
        over.truncate(if self.weather.below(2) == 0 { 1 } else { REPEATED_AT_ONCE });
        for last in &over {
            let there = office.count(&last.own_id).unwrap_or(0);
            office.repeats().ordered(&last.own_id, is_new, there);
        }
        let each = if is_new { EachOrder::ReplayAnew } else { EachOrder::ReplayAgain };
        let targets: Vec<Target> = over.iter().map(seen).collect();
        match (&over[..], targets) {
            ([], _) => {}
            ([last], mut targets) => {
                let order = each.about(targets.remove(0));
                let (_, refused) = self.order(office.name, order).await;
                office.repeats().answered(&last.own_id, refused.is_none());
            }
            (all, targets) => {
                // What became of each of them is known later.
                if !self.order_at_once(office, each, targets).await {
                    all.iter().for_each(|last| office.repeats().answered(&last.own_id, false));
                }
            }
        }
    }

    /// Orders and waits for the answer: the order's id, and the code if it was refused.
    pub(crate) async fn order(&self, endpoint: &str, order: Order) -> (CommandId, Option<String>) {
        let command = Command {
            id: CommandId(Uuid::from_u128(u128::from(self.weather.below(u64::MAX)))),
            at: Timestamp(1_000_000),
            operator: OperatorName::new("erika").expect("a name"),
            endpoint: EndpointName::new(endpoint).expect("a name"),
            order,
            reason: None,
        };
        self.book.note(command.clone(), self.weather.age());
        let record = codec::encode_command(&command, "simulation");
        // Repeated until it is there; it counts once.
        while self.storm.append(vec![record.clone()]).await.is_err() {}
        let ordered_at = self.weather.age();
        loop {
            assert!(self.weather.age() < ordered_at + ANSWER_MAX, "an order is never answered");
            let mut told = self.told.lock().await;
            told.catch_up().await;
            if let Some(answer) = told.answer(command.id) {
                return (command.id, answer);
            }
            drop(told);
            tokio::time::sleep(ANSWER_PAUSE).await;
        }
    }
}

/// What somebody who looks finds of this delivery; `None` if it may still come. One that repeats another
/// is one more.
fn took_effect(office: &Office, last: &Last) -> Option<bool> {
    let repeat = office.repeats().of(&last.own_id).filter(|_| last.is_repeat);
    office.has_more(&last.own_id, repeat.map_or(0, |repeat| repeat.before))
}

/// A delivery as it was looked at.
fn seen(last: &Last) -> Target {
    let Last { message, version, .. } = last;
    let seen = Seen {
        ledger: version.ledger.clone(),
        epoch: version.epoch,
        delivery: version.delivery,
        version: version.version,
    };
    Target { message_id: *message, seen: Some(seen) }
}
