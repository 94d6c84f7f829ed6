//! Working through what operators ordered about many deliveries: each item is decided like a command
//! of its own, and its result is recorded with its effect, so that a restart goes on behind it.

use std::{collections::HashMap, time::Duration};

use channels::codec;
use messaging::{
    Bulk as Ordered, BulkState, Command, CommandId, DeliveryState, EffectContract, EventKind,
    ItemResult, Order, Result, Target, fault,
};
use stores::ledger::{BulkItemRow, BulkRow, DeliveryId, EndpointRow, OpenBulk, OpenDelivery, Part};
use tokio::time::Instant;
use tracing::{error, info, warn};

use super::{
    Draft, Engine,
    command::{Answer, Done, Owner, stale},
};
use crate::{
    bulk::{Bounds, Progress},
    codes,
    orders::{self, Refusal},
    teller::Why,
};

/// Items ordered in one turn: the transaction that holds them stays small.
const ITEMS_MAX: usize = 50;
/// What may still be under way is asked about again after this long.
const ASKED_AGAIN_AFTER: Duration = Duration::from_secs(1);
/// Bulks that are not done at the same time.
const BULKS_MAX: usize = 20;

/// A bulk that is not done.
#[derive(Debug)]
pub(super) struct Bulk {
    command: Command,
    endpoint: EndpointRow,
    /// Index of its endpoint; `None`: not configured now, and it waits.
    served: Option<usize>,
    progress: Progress,
    /// Ordered, and not known yet: which item.
    open: HashMap<DeliveryId, usize>,
    /// As told last.
    told: Option<BulkState>,
    /// Why it is not gone on with, if nobody ordered that.
    ended_by: Option<&'static str>,
}

impl Bulk {
    fn new(
        command: Command,
        endpoint: EndpointRow,
        served: Option<usize>,
        now: Instant,
    ) -> Option<Self> {
        let Order::Bulk(ordered) = &command.order else { return None };
        let size = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
        let bounds = Bounds {
            total: ordered.targets.len(),
            canary: size(ordered.canary),
            interval: ordered.interval,
            failures_max: size(ordered.failures_max),
        };
        let progress = Progress::new(bounds, now);
        let (open, told, ended_by) = (HashMap::new(), None, None);
        Some(Self { command, endpoint, served, progress, open, told, ended_by })
    }

    /// When the next item may be ordered.
    pub(super) fn wakes_at(&self) -> Option<Instant> {
        self.served.and_then(|_| self.progress.wakes_at())
    }

    fn targets(&self) -> &[Target] {
        match &self.command.order {
            Order::Bulk(ordered) => &ordered.targets,
            _ => &[],
        }
    }

    /// The next item as a command of its own, and its endpoint.
    fn due(&self, now: Instant) -> Option<(usize, usize, Command)> {
        let (served, item) = (self.served?, self.progress.due(now)?);
        let Order::Bulk(ordered) = &self.command.order else { return None };
        let order = ordered.each.about(ordered.targets.get(item)?.clone());
        let Command { id, at, operator, endpoint, reason, .. } = &self.command;
        let (operator, endpoint, reason) = (operator.clone(), endpoint.clone(), reason.clone());
        Some((served, item, Command { id: *id, at: *at, operator, endpoint, order, reason }))
    }
}

impl Engine {
    pub(super) fn begin_bulk(
        &mut self,
        index: usize,
        command: &Command,
        ordered: &Ordered,
        draft: &mut Draft,
    ) -> Answer {
        if ordered.targets.is_empty() {
            return Err(orders::unfit("it is about no delivery"));
        }
        if BULKS_MAX <= self.bulks.len() {
            let sentence = format!("{BULKS_MAX} bulks are under way; stop one, or wait for it");
            return Err(Refusal::because(codes::ORDER_BULKS, sentence));
        }
        if !ordered.targets.iter().all(|target| self.has_seen(target)) {
            return Err(stale());
        }
        let Some(row) = self.served.get(index).map(|served| served.row) else {
            return Err(stale());
        };
        self.bulks.extend(Bulk::new(command.clone(), row, Some(index), draft.now));
        let (endpoint, items) = (&command.endpoint, ordered.targets.len());
        info!(command = %command.id, %endpoint, items, "a bulk begins");
        self.tell_bulk(self.bulks.len() - 1, draft);
        Ok(Done::default())
    }

    /// Whether `target` was looked at in this epoch of this ledger.
    fn has_seen(&self, target: &Target) -> bool {
        target.seen.as_ref().is_some_and(|seen| self.is_of_ledger(seen))
    }

    /// The endpoint of a bulk under way, also where it is not configured any more.
    pub(super) fn bulk_of(&self, bulk: CommandId) -> Option<EndpointRow> {
        let known = self.bulks.iter().find(|known| known.command.id == bulk)?;
        Some(known.endpoint)
    }

    pub(super) fn stop_bulk(&mut self, bulk: CommandId, draft: &mut Draft) -> Answer {
        let Some(place) = self.bulks.iter().position(|known| known.command.id == bulk) else {
            return Err(orders::unfit("no bulk of this id is under way"));
        };
        if let Some(known) = self.bulks.get_mut(place) {
            known.progress.stop();
        }
        self.conclude_bulk(place, draft);
        Ok(Done::default())
    }

    /// Orders what is due of each bulk, as far as its canary, its rate and its stop rule allow.
    pub(super) async fn go_on_with_bulks(&mut self, draft: &mut Draft) -> Result<()> {
        for place in 0..self.bulks.len() {
            for _ in 0..ITEMS_MAX {
                let due = self.bulks.get(place).and_then(|bulk| bulk.due(draft.now));
                let Some((index, item, command)) = due else { break };
                let owner = Owner::Served(index);
                let answer = self.execute_on_delivery(owner, &command, draft).await?;
                // The lease of what a former process had begun ends soon; this item waits for it.
                if let (Some(Err(Refusal { code: codes::ORDER_TOO_EARLY, .. })), Some(bulk)) =
                    (&answer, self.bulks.get_mut(place))
                {
                    bulk.progress.put_off(draft.now + ASKED_AGAIN_AFTER);
                    break;
                }
                self.record_item(place, item, answer, draft);
            }
            self.conclude_bulk(place, draft);
        }
        self.bulks.retain(|bulk| bulk.told != Some(BulkState::Done));
        Ok(())
    }

    fn record_item(
        &mut self,
        place: usize,
        item: usize,
        answer: Option<Answer>,
        draft: &mut Draft,
    ) {
        let (result, delivery, why) = match answer {
            Some(Ok(done)) => {
                let is_over = done.delivery.is_some_and(|(_, state)| state.is_final());
                let result = if is_over { ItemResult::Succeeded } else { ItemResult::Ordered };
                (result, done.delivery.map(|(delivery, _)| delivery), Why::default())
            }
            Some(Err(Refusal { code, sentence })) => {
                (ItemResult::Refused, None, Why { code: Some(code), cause: Some(sentence) })
            }
            None => (ItemResult::Refused, None, Why::default()),
        };
        if let (ItemResult::Ordered, Some(delivery), Some(bulk)) =
            (result, delivery, self.bulks.get_mut(place))
        {
            bulk.open.insert(delivery, item);
        }
        self.note_item(place, item, result, delivery, why, draft);
    }

    /// What an ordered delivery has come to, if it has come to rest.
    pub(super) fn note_in_bulks(
        &mut self,
        delivery: DeliveryId,
        state: DeliveryState,
        is_held: bool,
        draft: &mut Draft,
    ) {
        let Some(result) = outcome(state, is_held) else { return };
        for place in 0..self.bulks.len() {
            let Some(bulk) = self.bulks.get_mut(place) else { continue };
            let Some(item) = bulk.open.remove(&delivery) else { continue };
            self.note_item(place, item, result, Some(delivery), Why::default(), draft);
        }
    }

    fn note_item(
        &mut self,
        place: usize,
        item: usize,
        result: ItemResult,
        delivery: Option<DeliveryId>,
        why: Why,
        draft: &mut Draft,
    ) {
        let Some(bulk) = self.bulks.get_mut(place) else { return };
        bulk.progress.note(item, result, draft.now);
        let (command, endpoint, row) =
            (bulk.command.id, bulk.command.endpoint.clone(), bulk.endpoint);
        let Some(message) = bulk.targets().get(item).map(|target| target.message_id) else {
            return;
        };
        let item = u32::try_from(item).unwrap_or(u32::MAX);
        let noted = BulkItemRow { command, endpoint: row, item, delivery, result };
        draft.transaction.bulk_items.push(noted);
        let kind = EventKind::BulkItem { command, endpoint, item, message, result };
        let event = self.teller.about_command(kind, why, draft.at);
        draft.tell_of(Part::Endpoint(row), &mut self.numbers, self.teller.event_record(&event));
    }

    /// What is stopped has a result for every item, too.
    fn conclude_bulk(&mut self, place: usize, draft: &mut Draft) {
        let Some(bulk) = self.bulks.get(place) else { return };
        let code = bulk.ended_by;
        for item in bulk.progress.skipped() {
            let why = Why { code, cause: None };
            self.note_item(place, item, ItemResult::Skipped, None, why, draft);
        }
        self.tell_bulk(place, draft);
    }

    /// Tells how a bulk is getting on, where that is news.
    fn tell_bulk(&mut self, place: usize, draft: &mut Draft) {
        let Some(bulk) = self.bulks.get_mut(place) else { return };
        let state = bulk.progress.state();
        if bulk.told == Some(state) {
            return;
        }
        bulk.told = Some(state);
        let (command, endpoint, row) =
            (bulk.command.id, bulk.command.endpoint.clone(), bulk.endpoint);
        let total = u32::try_from(bulk.targets().len()).unwrap_or(u32::MAX);
        if state == BulkState::Stopped {
            warn!(%command, %endpoint, "a bulk is stopped");
        }
        draft.transaction.bulks.push(BulkRow { command, endpoint: row, state });
        let why = Why { code: bulk.ended_by, cause: None };
        let kind = EventKind::BulkState { command, endpoint, total, state };
        let event = self.teller.about_command(kind, why, draft.at);
        draft.tell_of(Part::Endpoint(row), &mut self.numbers, self.teller.event_record(&event));
    }

    /// Forgets those of an endpoint that is another's.
    pub(super) fn drop_bulks_of(&mut self, endpoint: EndpointRow) {
        self.bulks.retain(|bulk| bulk.endpoint != endpoint);
    }

    /// Goes on with what a former process had begun.
    pub(super) fn take_up_bulks(
        &mut self,
        bulks: Vec<OpenBulk>,
        open: &[OpenDelivery],
        draft: &mut Draft,
    ) {
        let first = self.bulks.len();
        for OpenBulk { row, record, items } in bulks {
            let read = codec::from_bytes(record).and_then(|it| codec::decode_command(&it));
            let command = match read {
                Ok(command) => command,
                Err(cause) => {
                    let code = codes::UNDECODABLE;
                    error!(code, command = %row.command, %cause, "the record of a bulk is damaged");
                    continue;
                }
            };
            let served = self.by_row.get(&row.endpoint).copied();
            let Some(mut bulk) = Bulk::new(command, row.endpoint, served, draft.now) else {
                continue;
            };
            bulk.told = Some(row.state);
            // What was looked at is not what is there, once the ledger was restored.
            if !bulk.targets().iter().all(|target| self.has_seen(target)) {
                let code = codes::RESTORED;
                warn!(code, command = %row.command, "a bulk of before the restore is stopped");
                bulk.ended_by = Some(code);
            }
            if row.state == BulkState::Stopped || bulk.ended_by.is_some() {
                bulk.progress.stop();
            }
            for item in &items {
                let place = usize::try_from(item.item).unwrap_or(usize::MAX);
                if !fault::is_on("bulk-begun-anew") {
                    bulk.progress.note(place, item.result, draft.now);
                }
                if let (ItemResult::Ordered, Some(delivery)) = (item.result, item.delivery) {
                    bulk.open.insert(delivery, place);
                }
            }
            info!(command = %row.command, items = items.len(), "a bulk goes on");
            self.bulks.push(bulk);
        }
        self.settle_known(first, open, draft);
    }

    /// Whatever was ordered and rests by now, by an end nobody noted.
    fn settle_known(&mut self, first: usize, open: &[OpenDelivery], draft: &mut Draft) {
        let taken_up = self.bulks.iter().skip(first);
        let ordered: Vec<DeliveryId> =
            taken_up.flat_map(|bulk| bulk.open.keys().copied()).collect();
        if ordered.is_empty() {
            return;
        }
        let states: HashMap<DeliveryId, &OpenDelivery> =
            open.iter().map(|open| (open.delivery, open)).collect();
        for delivery in ordered {
            let Some(open) = states.get(&delivery) else {
                self.note_in_bulks(delivery, DeliveryState::Dead, true, draft);
                continue;
            };
            let served = self.by_row.get(&open.endpoint).and_then(|index| self.served.get(*index));
            let asks = served.is_some_and(|it| it.terms.contract == EffectContract::None);
            let is_held = open.state == DeliveryState::Uncertain && asks;
            self.note_in_bulks(delivery, open.state, is_held, draft);
        }
    }
}

/// What a delivery has come to, if nothing more follows by itself.
fn outcome(state: DeliveryState, is_held: bool) -> Option<ItemResult> {
    match state {
        DeliveryState::Delivered => Some(ItemResult::Succeeded),
        DeliveryState::Rejected | DeliveryState::Discarded | DeliveryState::Dead => {
            Some(ItemResult::Failed)
        }
        DeliveryState::Uncertain if is_held => Some(ItemResult::Failed),
        _ => None,
    }
}
