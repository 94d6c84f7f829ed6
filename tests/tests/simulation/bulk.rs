//! What must be true of every bulk: what was done is what was looked at, each delivery of it once and with
//! a result, in order, within canary, rate and stop rule.

use std::collections::BTreeMap;

use messaging::{
    Bulk, BulkState, Command, DeliveryState, DeliveryVersion, EventKind, ItemResult, MessageId,
    Order, Target, Timestamp,
};

use super::{
    life::World,
    told::{Last, Told, epoch_of, ordered_as_its_own},
};

/// In microseconds. Clocks here are wrong by whole days, and no bulk takes one.
const DAY: i64 = 86_400_000_000;

/// A bulk that was accepted, and what was told of it, in order.
struct Course<'t> {
    command: &'t Command,
    bulk: &'t Bulk,
    items: Vec<Item>,
    is_done: bool,
    /// What deliveries became because of it.
    acts: Vec<Act<'t>>,
}

/// What one of them became, or the one that goes because one of them is over.
struct Act<'t> {
    message: Option<MessageId>,
    delivery: &'t DeliveryVersion,
    is_repeat: bool,
}

/// One result of one delivery of it.
struct Item {
    item: usize,
    message: MessageId,
    result: ItemResult,
    at: Timestamp,
    epoch: u32,
}

/// What of bulks may still go on, in words.
pub(crate) fn unrest(world: &World, told: &Told) -> Vec<String> {
    let orders = world.book.orders();
    let courses = orders.iter().filter_map(|command| Course::of(command, told));
    // A restored ledger may not know of one, and refuses it when it is read again.
    let known = courses.filter(|course| told.answer(course.command.id) == Some(None));
    let restless = known.filter(|course| !course.is_done && !course.waits_for_a_person(told));
    restless.map(|course| format!("bulk {} is not done", course.command.id)).collect()
}

/// All that is broken of bulks, in words. After a restore not everything that was done was told.
pub(crate) fn judge(world: &World, told: &Told, is_restored: bool) -> Vec<String> {
    let orders = world.book.orders();
    let mut broken = Vec::new();
    for course in orders.iter().filter_map(|command| Course::of(command, told)) {
        let mut found = course.results();
        found.extend(course.set(is_restored));
        found.extend(course.bounds());
        let name = course.command.order.name();
        broken.extend(found.iter().map(|what| format!("{name} {}: {what}", course.command.id)));
    }
    broken
}

impl<'t> Course<'t> {
    /// `None`: no bulk, or not accepted.
    fn of(command: &'t Command, told: &'t Told) -> Option<Self> {
        let Order::Bulk(bulk) = &command.order else { return None };
        let (mut items, mut acts) = (Vec::new(), Vec::new());
        let (mut is_accepted, mut is_done) = (false, false);
        let (id, cause) = (command.id.to_string(), format!("ordered by command {}", command.id));
        for event in &told.events {
            match &event.kind {
                EventKind::CommandAccepted { command: id, .. } => is_accepted |= *id == command.id,
                EventKind::BulkState { command: id, state: BulkState::Done, .. } => {
                    is_done |= *id == command.id;
                }
                EventKind::BulkItem { command: id, item, message, result, .. }
                    if *id == command.id =>
                {
                    let (item, epoch) = (usize::try_from(*item).ok()?, epoch_of(event));
                    let (message, result, at) = (*message, *result, event.at);
                    items.push(Item { item, message, result, at, epoch });
                }
                _ => {
                    let is_repeat = ordered_as_its_own(event) == Some(&id);
                    if let Some(delivery) = &event.delivery
                        && (is_repeat || event.cause.as_ref() == Some(&cause))
                    {
                        acts.push(Act { message: event.message_id, delivery, is_repeat });
                    }
                }
            }
        }
        is_accepted.then_some(Self { command, bulk, items, is_done, acts })
    }

    /// One of it was ordered, and is held by something that waits for a person.
    fn waits_for_a_person(&self, told: &Told) -> bool {
        let last = told.last(self.command.endpoint.as_str());
        self.results_last().iter().any(|(item, result)| {
            let message = self.bulk.targets.get(*item).map(|target| target.message_id);
            let mut of_it = last.values().filter(|last| Some(last.message) == message);
            // Uncertain where the ledger was restored since, and not its turn either.
            let waits = |last: &Last| {
                let state = last.version.state;
                matches!(state, DeliveryState::Pending | DeliveryState::Uncertain)
            };
            *result == ItemResult::Ordered && of_it.any(waits)
        })
    }

    fn results_last(&self) -> BTreeMap<usize, ItemResult> {
        self.items.iter().map(|item| (item.item, item.result)).collect()
    }

    /// What was told of each for the first time; not what a restore left.
    fn firsts(&self) -> Vec<(usize, &Item)> {
        let mut firsts: Vec<(usize, &Item)> = Vec::new();
        for (place, item) in self.items.iter().enumerate() {
            let is_new = firsts.iter().all(|(_, known)| known.item != item.item);
            if is_new && item.result != ItemResult::Skipped {
                firsts.push((place, item));
            }
        }
        firsts
    }

    /// Each has one, and one only.
    fn results(&self) -> Vec<String> {
        let mut broken = Vec::new();
        let mut ends: BTreeMap<(u32, usize), ItemResult> = BTreeMap::new();
        for Item { item, message, result, epoch, .. } in &self.items {
            if self.bulk.targets.get(*item).map(|target| target.message_id) != Some(*message) {
                broken.push(format!("item {item} is another message"));
            }
            if *result == ItemResult::Ordered {
                continue;
            }
            if let Some(other) = ends.insert((*epoch, *item), *result) {
                broken.push(format!("item {item} ended as {other:?} and as {result:?}"));
            }
        }
        let known = self.results_last();
        for item in 0..self.bulk.targets.len() {
            if self.is_done && known.get(&item).is_none_or(|last| *last == ItemResult::Ordered) {
                broken.push(format!("it is done, and what became of item {item} was not told"));
            }
        }
        broken
    }

    /// What was done is what was frozen.
    fn set(&self, is_restored: bool) -> Vec<String> {
        let mut broken = Vec::new();
        let mut acted: BTreeMap<usize, usize> = BTreeMap::new();
        for Act { message, delivery: act, is_repeat } in &self.acts {
            let is_it = |target: &Target| match is_repeat {
                true => *message == Some(target.message_id),
                false => target.seen.as_ref().is_some_and(|seen| {
                    (seen.epoch, seen.delivery, seen.version + 1)
                        == (act.epoch, act.delivery, act.version)
                }),
            };
            match self.bulk.targets.iter().position(is_it) {
                Some(item) => *acted.entry(item).or_default() += 1,
                None => broken.push(format!("{act:?} was not looked at")),
            }
        }
        let twice = acted.iter().filter(|(_, count)| **count != 1);
        broken.extend(twice.map(|(item, count)| format!("item {item} was done {count} times")));
        if is_restored {
            return broken;
        }
        for (item, result) in self.results_last() {
            let is_ordered = !matches!(result, ItemResult::Refused | ItemResult::Skipped);
            if is_ordered != acted.contains_key(&item) {
                broken.push(format!("item {item} is {result:?}, and was done: {}", !is_ordered));
            }
        }
        broken
    }

    /// Order, canary, rate and stop rule.
    fn bounds(&self) -> Vec<String> {
        let mut broken = Vec::new();
        let firsts = self.firsts();
        for pair in firsts.windows(2) {
            let [(_, before), (_, item)] = pair else { continue };
            if item.item <= before.item {
                broken.push(format!("item {} came after item {}", item.item, before.item));
            }
            let apart = (item.at.0 - before.at.0).rem_euclid(DAY);
            if u128::try_from(apart).unwrap_or(0) < self.bulk.interval.as_micros() {
                broken.push(format!("item {} came too soon after the one before it", item.item));
            }
        }
        for (place, item) in firsts {
            let before = self.items.iter().take(place);
            let canary = usize::try_from(self.bulk.canary).unwrap_or(usize::MAX);
            let is_end = |of: &&Item| of.result != ItemResult::Ordered;
            let of_canary = before.clone().filter(is_end).filter(|of| of.item < canary).count();
            if canary <= item.item && of_canary < canary {
                broken.push(format!("item {} did not wait for the canary", item.item));
            }
            let failures = before.filter(|of| of.result == ItemResult::Failed).count();
            let failures_max = usize::try_from(self.bulk.failures_max).unwrap_or(usize::MAX);
            if failures_max != 0 && failures_max <= failures {
                broken.push(format!("item {} came after {failures} failures", item.item));
            }
        }
        broken
    }
}
