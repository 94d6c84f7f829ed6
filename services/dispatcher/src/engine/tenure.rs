//! A ledger that others share: what is ours begins and ends, what others admit is taken up, and what
//! of a transaction was dropped is undone in memory.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use channels::codec;
use messaging::{Channel, CommandId, Envelope, Partition, Result, fault};
use stores::ledger::{
    CommandState, Committed, EndpointRow, FollowedMessage, IntentRow, Ledger, NewDelivery, Obeyed,
    Part, Taken, Tenure, Transaction, WaitingOrder,
};
use tokio::{sync::mpsc, task::JoinSet, time::Instant};
use tracing::{error, warn};

use super::{
    Draft, Engine, Reported, Served,
    admit::new_entry,
    command::{Answer, Owner, past},
    recover::Doubts,
};
use crate::{
    codes,
    gate::{Gate, blame::Blame, forecast::Pace, ramp::Ramp},
    reader::Handed,
    relay::Executor,
    schedule::Schedule,
    steward::{Estates, Followed, Notice, Steward},
    subscribers,
};

/// Notices that wait for a turn.
const NOTICES_MAX: usize = 4;
/// An endpoint is not taken from anybody sooner.
const LEASE_MIN: Duration = Duration::from_secs(5);
/// Numbers reserved in one go.
const BLOCK: u32 = 10_000;
/// Numbers say what is older, so that none is given out much later than it was reserved.
const BLOCK_TIME_MAX: Duration = Duration::from_secs(60);

/// What an engine has of a ledger that others share.
#[derive(Debug)]
pub(super) struct Sharing {
    /// Fences of the endpoints that are ours.
    pub(super) tenures: HashMap<EndpointRow, u64>,
    pub(super) followed: Followed,
    /// What readers have handed over; they begin anew when something of it was dropped.
    pub(super) handed: [Handed; 2],
    /// Commands of the last notice that were obeyed, and whose they are, so that none is twice.
    pub(super) obeyed: HashMap<CommandId, EndpointRow>,
    pub(super) reserved_at: Instant,
    pub(super) is_outdated: bool,
}

/// The last numbers given.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    pub(super) delivery: i64,
    pub(super) message: i64,
    pub(super) intent: i64,
    pub(super) outbox: u64,
    /// Up to which they are this process's; `None`: all are.
    pub(super) until: Option<(i64, i64, i64)>,
}

impl Numbers {
    fn has(&self, deliveries: i64, messages: i64) -> bool {
        self.until.is_none_or(|until| {
            self.delivery + deliveries < until.0
                && self.message + messages < until.1
                && self.intent + 1 < until.2
        })
    }
}

/// A batch to be taken up once it is committed.
#[derive(Debug)]
pub(super) struct Admitted {
    pub(super) partition: Partition,
    pub(super) from: u64,
    pub(super) next: u64,
    pub(super) messages: Vec<(FollowedMessage, Arc<Envelope>)>,
}

impl Engine {
    /// Sees to it that there are numbers for so many deliveries and messages, and one intent.
    pub(super) async fn reserve(&mut self, deliveries: usize, messages: usize) -> Result<()> {
        let Some(sharing) = &mut self.sharing else { return Ok(()) };
        let is_fresh = sharing.reserved_at.elapsed() < BLOCK_TIME_MAX;
        let wanted = (int(deliveries), int(messages));
        if is_fresh && self.numbers.has(wanted.0, wanted.1) {
            return Ok(());
        }
        let block = |wanted: usize| BLOCK.max(u32::try_from(wanted).unwrap_or(u32::MAX));
        let numbers = self.ledger.reserve(block(deliveries), block(messages), BLOCK).await?;
        sharing.reserved_at = Instant::now();
        let outbox = self.numbers.outbox;
        self.numbers = Numbers {
            delivery: numbers.deliveries.0 - 1,
            message: numbers.messages.0 - 1,
            intent: numbers.intents.0 - 1,
            outbox,
            until: Some((numbers.deliveries.1, numbers.messages.1, numbers.intents.1)),
        };
        Ok(())
    }

    pub(super) async fn notice(&mut self, notice: Notice, draft: &mut Draft) -> Result<()> {
        match notice {
            Notice::Taken(tenures) => self.begin(tenures, draft).await,
            Notice::Lost(endpoint) => {
                self.lose(endpoint);
                Ok(())
            }
            Notice::Outdated => self.subscribe_anew().await,
            Notice::Followed(partition, range, messages) => {
                self.follow(&partition, range, messages, draft);
                Ok(())
            }
            Notice::Ordered(orders) => self.obey_waiting(orders, draft).await,
        }
    }

    /// Rebuilds the schedules of endpoints that are ours now.
    async fn begin(&mut self, tenures: Vec<(Tenure, bool)>, draft: &mut Draft) -> Result<()> {
        let endpoints = tenures.iter().map(|(tenure, _)| tenure.endpoint).collect();
        let taken = self.ledger.take(endpoints).await?;
        for (Tenure { endpoint, fence }, stood_still) in tenures {
            self.lose(endpoint);
            if let Some(sharing) = &mut self.sharing {
                sharing.tenures.insert(endpoint, fence);
            }
            draft.transaction.begun.push(endpoint);
            let Some(index) = self.by_row.get(&endpoint).copied() else { continue };
            let Some(served) = self.served.get_mut(index) else { continue };
            served.fence = Some(fence);
            served.loaded_through = taken.positions.clone();
            served.paused = taken.paused.get(&endpoint).copied();
            // Its lease was seen to pass.
            served.grace = stood_still.then_some(Duration::ZERO);
            self.tell_gate_of(index, draft);
        }
        let interrupted: HashMap<_, _> = taken.interrupted.into_iter().collect();
        let mut open = taken.open;
        self.take_up_bulks(taken.bulks, &open, draft);
        let Taken { doubtful, restored, untried, .. } = taken;
        let doubts = Doubts { interrupted, doubtful, restored, untried };
        super::recover::put_tried_first(&mut open, &doubts);
        self.rebuild(open, &doubts, draft).await
    }

    /// Forgets an endpoint that is another's, and whatever is under way there: its new owner decides.
    pub(super) fn lose(&mut self, endpoint: EndpointRow) {
        if let Some(sharing) = &mut self.sharing {
            sharing.tenures.remove(&endpoint);
        }
        self.drop_bulks_of(endpoint);
        let Some(index) = self.by_row.get(&endpoint) else { return };
        let Some(served) = self.served.get_mut(*index) else { return };
        served.fence = None;
        served.schedule = Schedule::default();
        served.gate = Gate::default();
        served.paused = None;
        served.in_flight = 0;
        served.ramp = Ramp::new(served.endpoint.concurrency);
        served.pace = Pace::default();
        served.reported = Reported::default();
        served.doubtful.clear();
        served.blame = Blame::default();
        self.metrics.dispatcher().set_deliveries(served.endpoint.name.as_str(), "open", 0);
    }

    /// Reads what endpoints there are, and what they want.
    pub(super) async fn subscribe_anew(&mut self) -> Result<()> {
        let (version, subscriptions) = self.ledger.subscriptions().await?;
        self.subscriptions_version = version;
        let former = subscriptions.iter().filter(|it| it.interests.is_none());
        self.former = former.map(|it| (it.name.clone(), it.endpoint)).collect();
        self.subscribers = subscribers::of(&subscriptions)?;
        self.names = subscriptions.into_iter().map(|it| it.name).collect();
        if let Some(sharing) = &mut self.sharing {
            sharing.is_outdated = false;
        }
        Ok(())
    }

    /// Takes up what was admitted, by whomever, in the order of the log.
    fn follow(
        &mut self,
        partition: &Partition,
        (from, until): (u64, u64),
        messages: Vec<FollowedMessage>,
        draft: &Draft,
    ) {
        let Some(sharing) = &self.sharing else { return };
        let known = sharing.followed.get(partition);
        // What lies between is asked for again.
        if known < from || until <= known {
            return;
        }
        for message in messages.iter().filter(|message| known <= message.offset) {
            self.known.insert(message.message_id, message.row);
            self.take_up(partition, message, None, draft);
        }
        if let Some(sharing) = &self.sharing {
            sharing.followed.set(partition, until);
        }
    }

    fn take_up(
        &mut self,
        partition: &Partition,
        message: &FollowedMessage,
        envelope: Option<&Arc<Envelope>>,
        draft: &Draft,
    ) {
        let mut soon = 0;
        for NewDelivery { delivery, endpoint, is_doubtful } in &message.deliveries {
            let Some(index) = self.by_row.get(endpoint).copied() else { continue };
            let Some(served) = self.served.get_mut(index) else { continue };
            let loaded = served.loaded_through.get(partition).copied().unwrap_or(0);
            if served.fence.is_none() || message.offset < loaded {
                continue;
            }
            let entry = new_entry(*delivery, *endpoint, message.row, message.case_id);
            soon += usize::from(served.take_up(entry, *is_doubtful, draft));
            self.announce_in_time(&entry, index, message.deliveries.len(), draft.now);
        }
        if let Some(envelope) = envelope {
            self.envelopes.keep(message.row, envelope, soon);
        }
    }

    /// Obeys what was recorded for endpoints of ours.
    async fn obey_waiting(&mut self, orders: Vec<WaitingOrder>, draft: &mut Draft) -> Result<()> {
        let (mut obeyed, mut held) = (HashMap::new(), HashSet::new());
        for WaitingOrder { id, endpoint, record, is_past } in orders {
            let Some(sharing) = &self.sharing else { return Ok(()) };
            if sharing.obeyed.contains_key(&id) {
                obeyed.insert(id, endpoint);
                continue;
            }
            if !sharing.tenures.contains_key(&endpoint) {
                continue;
            }
            let decoded = codec::from_bytes(record).and_then(|r| codec::decode_command(&r));
            let command = match decoded {
                Ok(command) => command,
                Err(cause) => {
                    error!(code = codes::UNDECODABLE, command = %id, %cause, "command is damaged");
                    continue;
                }
            };
            // Orders of one endpoint are carried out in their order.
            if held.contains(&endpoint)
                || self.by_row.contains_key(&endpoint) && !self.desk.has_judged(&command)
            {
                held.insert(endpoint);
                continue;
            }
            let owner = match self.by_row.get(&endpoint) {
                Some(index) => Owner::Served(*index),
                None => Owner::Former(endpoint),
            };
            let answer = match is_past && !fault::is_on("restored-command-runs") {
                true => Some(Err(past())),
                false => self.execute(owner, &command, draft).await?,
            };
            let code = match answer {
                Some(answer) => self.answer_of(endpoint, &command, answer, draft),
                // Nothing is open there, and nothing can be.
                None => Some(codes::ORDER_WITHOUT_DELIVERY),
            };
            let state = if code.is_none() { CommandState::Accepted } else { CommandState::Refused };
            let record = self.remembered(&command, false);
            draft.transaction.obeyed.push(Obeyed { id, endpoint, state, code, record });
            obeyed.insert(id, endpoint);
        }
        self.desk.clear();
        if let Some(sharing) = &mut self.sharing {
            sharing.obeyed = obeyed;
        }
        Ok(())
    }

    fn answer_of(
        &mut self,
        endpoint: EndpointRow,
        command: &messaging::Command,
        answer: Answer,
        draft: &mut Draft,
    ) -> Option<&'static str> {
        self.answer(command, answer, Part::Endpoint(endpoint), draft)
    }

    /// What is about endpoints goes with their tenures.
    pub(super) fn guard(&self, transaction: &mut Transaction) {
        let Some(sharing) = &self.sharing else { return };
        let mut about: HashSet<EndpointRow> = transaction.begun.iter().copied().collect();
        about.extend(transaction.settlements.iter().map(|it| it.endpoint));
        about.extend(transaction.pauses.iter().map(|(endpoint, _)| *endpoint));
        about.extend(transaction.obeyed.iter().map(|it| it.endpoint));
        about.extend(transaction.replays.iter().map(|it| it.endpoint));
        about.extend(transaction.edits.iter().map(|it| it.endpoint));
        about.extend(transaction.bulks.iter().map(|it| it.endpoint));
        about.extend(transaction.bulk_items.iter().map(|it| it.endpoint));
        about.extend(transaction.intent.iter().flat_map(|it| &it.1).map(|it| it.endpoint));
        about.extend(transaction.outbox.iter().filter_map(|entry| match &entry.of {
            Part::Endpoint(endpoint) => Some(*endpoint),
            Part::Whole | Part::Partition(_) => None,
        }));
        // Which endpoints an intent that ends is about is not known here: any that is ours.
        if !transaction.intents_done.is_empty() {
            about.extend(sharing.tenures.keys());
        }
        // Without a tenure, a fence that never is.
        let tenure = |endpoint: EndpointRow| Tenure {
            endpoint,
            fence: sharing.tenures.get(&endpoint).copied().unwrap_or(0),
        };
        transaction.tenures = about.into_iter().map(tenure).collect();
    }

    /// Whether a batch does not follow what is drafted of its partition: a reader that began anew has
    /// read again what it had handed over before. Then it begins anew once more.
    pub(super) fn is_read_twice(&self, partition: &Partition, from: u64, draft: &Draft) -> bool {
        let Some(sharing) = &self.sharing else { return false };
        let mut drafted = draft.transaction.admissions.iter().rev();
        let before = drafted.find(|batch| batch.partition == *partition);
        let is_twice = before.is_some_and(|batch| batch.next != from);
        if is_twice {
            sharing.handed.iter().for_each(Handed::begin_anew);
        }
        is_twice
    }

    /// Undoes what was dropped, and takes up what was not.
    pub(super) fn committed(
        &mut self,
        committed: &Committed,
        transaction: &Transaction,
        draft: &mut Draft,
    ) {
        if self.sharing.is_none() {
            return;
        }
        for endpoint in &committed.lost {
            warn!(row = endpoint.0, code = codes::TENURE_LOST, "an endpoint is another's now");
            self.lose(*endpoint);
        }
        let is_kept =
            |partition: &Partition| !committed.is_outdated && !committed.moved.contains(partition);
        draft.progress.retain(|(partition, _)| is_kept(partition));
        let parts = transaction.outbox.iter().map(|entry| match &entry.of {
            Part::Whole => true,
            Part::Endpoint(endpoint) => !committed.lost.contains(endpoint),
            Part::Partition(partition) => is_kept(partition),
        });
        let mut parts: Vec<bool> = parts.collect();
        parts.reverse();
        draft.events.retain(|_| parts.pop().unwrap_or(true));
        let lost: Vec<_> =
            draft.jobs.extract_if(.., |job| committed.lost.contains(&job.entry.endpoint)).collect();
        for intent in lost.iter().filter_map(|job| job.intent) {
            self.forget(intent);
        }
        for admitted in std::mem::take(&mut draft.admitted) {
            if is_kept(&admitted.partition) {
                self.take_up_own(admitted, draft);
            }
        }
        let Some(sharing) = &mut self.sharing else { return };
        // What was obeyed in a part that was dropped is still to be obeyed, by whoever has it.
        sharing.obeyed.retain(|_, endpoint| !committed.lost.contains(endpoint));
        sharing.is_outdated |= committed.is_outdated;
        if committed.is_outdated || !committed.moved.is_empty() {
            warn!(code = codes::ADMITTED_ELSEWHERE, "another dispatcher was there; reading anew");
            sharing.handed.iter().for_each(Handed::begin_anew);
        }
    }

    /// One of the intent's deliveries was never handed out.
    fn forget(&mut self, intent: IntentRow) {
        let Some(open) = self.intents.get_mut(&intent) else { return };
        *open -= 1;
        if *open == 0 {
            self.intents.remove(&intent);
        }
    }

    fn take_up_own(&mut self, admitted: Admitted, draft: &Draft) {
        let Some(sharing) = &self.sharing else { return };
        // Otherwise others admitted something before it, which comes first.
        if sharing.followed.get(&admitted.partition) != admitted.from {
            return;
        }
        for (message, envelope) in &admitted.messages {
            self.take_up(&admitted.partition, message, Some(envelope), draft);
        }
        if let Some(sharing) = &self.sharing {
            sharing.followed.set(&admitted.partition, admitted.next);
        }
    }

    /// Reads the subscriptions anew before anything is admitted under the old ones again.
    pub(super) async fn catch_up(&mut self) -> Result<()> {
        match &self.sharing {
            Some(sharing) if sharing.is_outdated => self.subscribe_anew().await,
            _ => Ok(()),
        }
    }

    /// Gives everything back, so that others need not wait.
    pub(super) async fn release(&self) {
        if let Err(failure) = self.ledger.release().await {
            let (code, cause) = (failure.code(), failure.report());
            warn!(code, cause, "endpoints are not given back; others take them in time");
        }
    }
}

impl Served {
    /// Whether what is added now starts soon.
    pub(super) fn expects_soon(&self) -> bool {
        self.is_open() && self.schedule.due_len() < super::admit::DUE_SOON_MAX
    }
}

impl Engine {
    /// Begins to share the ledger, if it can be shared.
    pub(super) fn share(&mut self, channel: Arc<dyn Channel>, helpers: &mut JoinSet<()>) {
        let (Some(sharing), Some(ready)) = (&self.sharing, self.beating.take()) else { return };
        let (tenures, tenures_out) = mpsc::unbounded_channel();
        let (notices, notices_out) = mpsc::channel(NOTICES_MAX);
        (self.tenures, self.notices) = (tenures_out, notices_out);
        let served = self.served.iter().map(|served| {
            let lease = (served.endpoint.timeout + super::recover::MARGIN).max(LEASE_MIN);
            (served.row, lease)
        });
        let estates = Estates::default();
        let former = self.former.values().map(|row| (*row, LEASE_MIN));
        let steward = Steward {
            ledger: Arc::clone(self.ledger.inner()),
            wanted: served.chain(former).collect(),
            followed: sharing.followed.clone(),
            estates: estates.clone(),
            version: self.subscriptions_version,
            ready,
            tenures,
            notices,
        };
        helpers.spawn(steward.run(self.shutdown.clone()));
        let executor = Executor { channel, ledger: Arc::clone(self.ledger.inner()), estates };
        helpers.spawn(executor.run(self.shutdown.clone()));
    }
}

/// An engine's part of a ledger that others share; `None` of one that is its own.
pub(super) async fn sharing(ledger: &dyn Ledger) -> Result<Option<Sharing>> {
    let Some(shared) = ledger.shared() else { return Ok(None) };
    let followed = Followed::default();
    for (partition, position) in shared.look().await?.positions {
        followed.set(&partition, position);
    }
    Ok(Some(Sharing {
        tenures: HashMap::new(),
        followed,
        handed: Default::default(),
        obeyed: HashMap::new(),
        reserved_at: Instant::now(),
        is_outdated: false,
    }))
}

fn int(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX / 2)
}
