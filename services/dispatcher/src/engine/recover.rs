//! A start: rebuilds the schedule and settles what a former process left unsettled.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::Arc,
    time::Duration,
};

use channels::codec;
use messaging::{
    DeliveryState, EffectContract, EndpointName, EventKind, Result, Timestamp, TraceParent, fault,
};
use stores::ledger::{
    AttemptRow, DeliveryId, EndpointRow, EndpointSpec, Loaded, MessageRow, NewDelivery,
    OpenDelivery, Part, PauseRow, Settlement, Transaction,
};
use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
    time::Instant,
};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::{
    Desk, Dice, Draft, Engine, Reported, Served, Steady,
    admit::announcement,
    ahead::Ahead,
    inbox::Inbox,
    restored,
    settle::{next_at, turn_of},
    start::Envelopes,
    tenure::{Numbers, Sharing},
};
use crate::{
    AfterDeadLetter, Endpoint, Parts, codes,
    gate::{Gate, blame::Blame, calendar::Hours, forecast::Pace, ramp::Ramp, rate::Bucket},
    known::Known,
    patient::Patient,
    relay::Fresh,
    restored::Beyond,
    ruling::{self, Next, Terms},
    schedule::{Entry, Schedule, Step, Turn},
    subscribers::{self, Subscriber},
    teller::{Subject, Teller, What, Why},
};

/// After the deadline of an attempt whose process ended, until its case is touched again.
pub(super) const MARGIN: Duration = Duration::from_secs(1);
/// Unrouted messages looked at in one transaction.
const UNROUTED_MAX: u32 = 500;

/// An engine whose channels are not connected yet.
pub(super) async fn recover(
    parts: Parts,
    sharing: Option<Sharing>,
    shutdown: CancellationToken,
) -> Result<Engine> {
    // Before anything is given to anybody: what came before may have been handed out then.
    let beyond = Beyond::of(&parts, &shutdown).await?;
    let specs: Vec<EndpointSpec> = parts.endpoints.iter().map(spec_of).collect();
    let mut loaded = parts.ledger.load(specs.clone()).await?;
    // Also where nothing changed: a start that was cut short may have routed a part only.
    while route_unrouted(&parts, &loaded, &beyond).await? {
        loaded = parts.ledger.load(specs.clone()).await?;
    }
    let doubts = Doubts {
        interrupted: loaded.interrupted.drain(..).collect(),
        doubtful: std::mem::take(&mut loaded.doubtful),
        restored: std::mem::take(&mut loaded.restored),
        untried: std::mem::take(&mut loaded.untried),
    };
    let mut open = std::mem::take(&mut loaded.open);
    put_tried_first(&mut open, &doubts);
    let former = std::mem::take(&mut loaded.former);
    let intents = std::mem::take(&mut loaded.intents);
    let bulks = std::mem::take(&mut loaded.bulks);

    let is_shared = sharing.is_some();
    let mut engine = connect(parts, loaded, sharing, shutdown);
    let mut draft = engine.draft();
    draft.transaction.intents_done = intents;
    engine.beyond = beyond;
    engine.former = former.iter().map(|(row, name)| (name.clone(), *row)).collect();
    for served in &mut engine.served {
        served.hours.look(draft.at);
    }
    if is_shared {
        engine.subscribe_anew().await?;
    } else {
        engine.tell_gates_of_start(&mut draft);
        engine.take_up_bulks(bulks, &open, &mut draft);
    }
    engine.rebuild(open, &doubts, &mut draft).await?;
    engine.commit(draft).await?;
    Ok(engine)
}

/// What was tried before was the head of its case then, whatever has come before it since.
pub(super) fn put_tried_first(open: &mut [OpenDelivery], doubts: &Doubts) {
    let Doubts { interrupted, untried, .. } = doubts;
    let is_untried = |open: &OpenDelivery| {
        let is_unchanged = open.version == 1 || untried.contains(&open.delivery);
        is_unchanged && !interrupted.contains_key(&open.delivery)
    };
    open.sort_by_key(is_untried);
}

fn connect(
    parts: Parts,
    loaded: Loaded,
    sharing: Option<Sharing>,
    shutdown: CancellationToken,
) -> Engine {
    let steady = Steady { at: parts.clock.now(), since: Instant::now() };
    let is_shared = sharing.is_some();
    let fence = (!is_shared).then_some(0);
    let rows = parts.endpoints.into_iter().zip(&loaded.endpoints);
    let served: Vec<Served> = rows
        .map(|(e, row)| Served { fence, ..serve(e, *row, loaded.paused.get(row).copied()) })
        .collect();
    let subscriber =
        |served: &Served| Subscriber::new(served.row, served.endpoint.interests.clone());
    let subscribers = served.iter().map(subscriber).collect();
    let by_row = served.iter().enumerate().map(|(index, served)| (served.row, index)).collect();
    let ready = parts.ready.add("dispatcher.ledger");
    let identity = parts.ledger.identity().clone();
    Engine {
        system: parts.channel.system(),
        claims: parts.claims,
        clock: parts.clock,
        steady,
        metrics: parts.metrics,
        ready: ready.clone(),
        teller: Teller { identity, source: parts.source },
        served,
        by_row,
        known: Known::new(loaded.fingerprints),
        numbers: Numbers {
            delivery: loaded.delivery_last.0,
            message: loaded.message_last.0,
            intent: loaded.intent_last.0,
            outbox: loaded.outbox_last,
            // None of them is given out before some are reserved.
            until: is_shared.then_some((0, 0, 0)),
        },
        subscribers,
        names: HashSet::new(),
        sharing,
        notices: mpsc::channel(1).1,
        tenures: mpsc::unbounded_channel().1,
        beating: is_shared.then(|| parts.ready.add("dispatcher.beat")),
        subscriptions_version: loaded.subscriptions_version,
        intents: HashMap::new(),
        envelopes: Envelopes::default(),
        ahead: Ahead::default(),
        announcements: VecDeque::new(),
        gate_events: 0,
        // Zero would stay zero.
        dice: Dice(parts.seed | 1),
        attempts: JoinSet::new(),
        probes: JoinSet::new(),
        helpers: JoinSet::new(),
        inbox: Inbox::new(mpsc::channel(1).1),
        orders: mpsc::channel(1).1,
        desk: Desk::new(parts.examiner),
        bulks: Vec::new(),
        beyond: Beyond::default(),
        former: HashMap::new(),
        admitted: mpsc::unbounded_channel().0,
        fresh: Fresh::default(),
        lingering: Vec::new(),
        written: watch::channel(0).0,
        told: watch::channel(0).1,
        told_until: 0,
        drain_max: parts.drain_max,
        ledger: Patient::new(parts.ledger, ready, shutdown.clone()),
        shutdown,
    }
}

fn serve(endpoint: Endpoint, row: EndpointRow, paused: Option<PauseRow>) -> Served {
    let terms = Terms {
        policy: endpoint.policy,
        contract: endpoint.adapter.contract(),
        after_dead_letter: endpoint.after_dead_letter,
    };
    let now = Instant::now();
    let bucket = |rate| Bucket::new(rate, endpoint.burst, now);
    Served {
        hours: Hours::new(endpoint.calendar.clone()),
        bucket: endpoint.rate.map(bucket),
        ramp: Ramp::new(endpoint.concurrency),
        pace: Pace::default(),
        reported: Reported::default(),
        endpoint: Arc::new(endpoint),
        row,
        fence: Some(0),
        loaded_through: HashMap::new(),
        grace: None,
        terms,
        schedule: Schedule::default(),
        gate: Gate::default(),
        closed: Why::default(),
        paused,
        doubtful: HashMap::new(),
        in_flight: 0,
        blame: Blame::default(),
    }
}

/// What an endpoint subscribes to, in a stable notation.
fn spec_of(endpoint: &Endpoint) -> EndpointSpec {
    EndpointSpec {
        name: endpoint.name.clone(),
        interests: subscribers::notation(&endpoint.interests),
    }
}

/// Gives messages nobody wanted to the endpoints that want them now, before these lease anything.
/// True if there was one.
async fn route_unrouted(parts: &Parts, loaded: &Loaded, beyond: &Beyond) -> Result<bool> {
    let mut last = loaded.delivery_last;
    let page_max = UNROUTED_MAX * u32::try_from(parts.endpoints.len()).unwrap_or(u32::MAX);
    let mut after = MessageRow(0);
    let mut is_routed = false;
    loop {
        let page = parts.ledger.unrouted(after, UNROUTED_MAX).await?;
        let Some(last_row) = page.last().map(|message| message.row) else { return Ok(is_routed) };
        after = last_row;
        if let Some(shared) = parts.ledger.shared() {
            last = DeliveryId(shared.reserve(page_max, 0, 0).await?.deliveries.0 - 1);
        }
        let mut transaction = Transaction {
            subscriptions_version: loaded.subscriptions_version,
            at: parts.clock.now(),
            ..Transaction::default()
        };
        for message in page {
            let head = codec::from_bytes(message.record).and_then(|r| codec::decode_head(&r));
            let head = match head {
                Ok(head) => head,
                Err(cause) => {
                    let row = message.row.0;
                    error!(code = codes::UNDECODABLE, row, %cause, "record is damaged");
                    continue;
                }
            };
            let is_doubtful = beyond.holds_kept(&*parts.ledger, message.row).await?;
            let wanting = parts.endpoints.iter().zip(&loaded.endpoints);
            let wanting = wanting.filter(|(endpoint, row)| {
                Subscriber::new(**row, endpoint.interests.clone()).wants(&head)
            });
            let deliveries: Vec<NewDelivery> = wanting
                .map(|(_, row)| {
                    last.0 += 1;
                    NewDelivery { delivery: last, endpoint: *row, is_doubtful }
                })
                .collect();
            if !deliveries.is_empty() {
                info!(message_id = %head.message_id, "an endpoint was found");
                transaction.routed.push((message.row, deliveries));
            }
        }
        if !transaction.routed.is_empty() {
            is_routed = true;
            if parts.ledger.commit(Arc::new(transaction)).await?.is_outdated {
                // Another dispatcher began meanwhile; under the new subscriptions, once more.
                return Ok(true);
            }
        }
    }
}

/// Of which deliveries it is not known what became of them.
#[derive(Debug)]
pub(super) struct Doubts {
    /// Sent, perhaps, by a former process, and not settled; with the version then.
    pub(super) interrupted: HashMap<DeliveryId, u64>,
    /// The same, settled by a start before this one.
    pub(super) doubtful: HashSet<DeliveryId>,
    /// As a restore of the ledger left them.
    pub(super) restored: HashSet<DeliveryId>,
    /// Of a restored ledger: never tried, whatever an operator has ordered about them.
    pub(super) untried: HashSet<DeliveryId>,
}

/// A delivery in doubt as it is from now on, to be told.
#[derive(Debug)]
pub(super) struct Left {
    pub(super) endpoint: EndpointName,
    pub(super) entry: Entry,
    pub(super) kind: Option<EventKind>,
    pub(super) why: Why,
    pub(super) next_at: Option<Timestamp>,
}

impl Engine {
    pub(super) async fn rebuild(
        &mut self,
        open: Vec<OpenDelivery>,
        doubts: &Doubts,
        draft: &mut Draft,
    ) -> Result<()> {
        let former: HashMap<EndpointRow, EndpointName> =
            self.former.iter().map(|(name, row)| (*row, name.clone())).collect();
        let mut without_endpoint = 0_u64;
        let (mut left, count) = (Vec::new(), open.len());
        for delivery in open {
            let is_interrupted = doubts.interrupted.contains_key(&delivery.delivery);
            let is_restored = doubts.restored.contains(&delivery.delivery);
            let index = self.by_row.get(&delivery.endpoint).copied();
            let Some((index, served)) = index.and_then(|i| Some((i, self.served.get_mut(i)?)))
            else {
                without_endpoint += 1;
                let Some(name) = former.get(&delivery.endpoint) else { continue };
                if is_interrupted {
                    left.push(leave(&delivery, name, draft));
                } else if is_restored {
                    left.push(restored::left(&delivery, name));
                }
                continue;
            };
            // A full lease again: how much of it had passed when the last start ended is not known,
            // and the clock may have jumped since.
            let is_doubtful =
                is_interrupted || is_restored || doubts.doubtful.contains(&delivery.delivery);
            let is_leased = is_doubtful && !fault::is_on("lease-forgotten-at-start");
            let lease = if is_leased { lease_of(served) } else { Duration::ZERO };
            if is_doubtful {
                served.doubtful.insert(delivery.delivery, draft.now + lease);
            }
            let (entry, turn) = entry_of(&delivery, lease, &served.terms, draft);
            if is_interrupted {
                let (interrupted, turn) = interrupt(&entry, served, draft);
                served.schedule.add(interrupted.entry, turn);
                left.push(interrupted);
            } else if turn != Turn::Gone {
                served.schedule.add(entry, turn);
                // What was ordered as a delivery of its own was told of when that was ordered.
                if (entry.version == 1 && !delivery.is_replay) || is_restored {
                    self.announcements.push_back(announcement(&entry, index, draft.now));
                }
            }
        }
        if without_endpoint != 0 {
            warn!(deliveries = without_endpoint, "open deliveries of endpoints not configured");
        }
        let uncertain = left.len();
        info!(open = count, uncertain, "schedule rebuilt");
        self.tell_interrupted(left, draft).await
    }

    async fn tell_interrupted(&mut self, left: Vec<Left>, draft: &mut Draft) -> Result<()> {
        let messages: Vec<MessageRow> = left.iter().map(|left| left.entry.message).collect();
        let traces = self.traces(messages.clone()).await?;
        let known = self.ledger.identities(messages).await?;
        let known: HashMap<MessageRow, _> = known.iter().map(|known| (known.row, known)).collect();
        for Left { endpoint, entry, kind, why, next_at } in left {
            let is_held = matches!(kind, Some(EventKind::Uncertain { is_question: true }));
            self.note_in_bulks(entry.delivery, entry.state, is_held, draft);
            let (Some(known), Some(kind)) = (known.get(&entry.message), kind) else { continue };
            let what = What { kind, why, next_at, at: draft.at };
            let mut subject = Subject::from(*known);
            subject.trace = traces.get(&entry.message).cloned();
            let event = self.teller.about_delivery(&subject, &endpoint, &entry, what);
            let of = Part::Endpoint(entry.endpoint);
            draft.tell_of(of, &mut self.numbers, self.teller.event_record(&event));
        }
        Ok(())
    }
}

impl Engine {
    /// In which traces `messages` are, as far as they are in any.
    async fn traces(&self, messages: Vec<MessageRow>) -> Result<HashMap<MessageRow, TraceParent>> {
        let trace = |record| codec::decode_head(&codec::from_bytes(record).ok()?).ok()?.trace;
        let records = self.ledger.records(messages).await?.into_iter();
        Ok(records.filter_map(|(message, record)| Some((message, trace(record)?))).collect())
    }
}

pub(super) fn lease_of(served: &Served) -> Duration {
    if fault::is_on("lease-forgotten-at-start") {
        return Duration::ZERO;
    }
    served.grace.unwrap_or(served.endpoint.timeout + MARGIN)
}

/// Nobody knows how its attempt ended; its case is left alone until it surely has.
fn interrupt(entry: &Entry, served: &Served, draft: &mut Draft) -> (Left, Turn) {
    let ruling = ruling::interrupted(entry, served.terms.contract, lease_of(served));
    let entry = Entry {
        state: ruling.state,
        attempts: ruling.attempts,
        step: ruling.step,
        version: entry.version + 1,
        first_attempt_at: entry.first_attempt_at.or(Some(draft.steady)),
        ..*entry
    };
    let next_at = next_at(ruling.next, draft.at);
    draft.transaction.settlements.push(settlement(&entry, next_at, draft.at));
    let endpoint = served.endpoint.name.clone();
    let left = Left { endpoint, entry, kind: ruling.event, why: why_interrupted(), next_at };
    (left, turn_of(ruling.next, draft.now))
}

/// Its endpoint is not configured any more, and its contract is not known: a person must decide.
fn leave(delivery: &OpenDelivery, endpoint: &EndpointName, draft: &mut Draft) -> Left {
    let entry = Entry {
        state: DeliveryState::Uncertain,
        attempts: delivery.attempts + 1,
        version: delivery.version + 1,
        ..plain_entry(delivery, Step::Deliver)
    };
    draft.transaction.settlements.push(settlement(&entry, None, draft.at));
    let kind = Some(EventKind::Uncertain { is_question: true });
    Left { endpoint: endpoint.clone(), entry, kind, why: why_interrupted(), next_at: None }
}

fn why_interrupted() -> Why {
    let cause = Some("the process ended before the attempt".to_owned());
    Why { code: Some(codes::INTERRUPTED), cause }
}

fn settlement(entry: &Entry, next_at: Option<Timestamp>, at: Timestamp) -> Settlement {
    Settlement {
        delivery: entry.delivery,
        endpoint: entry.endpoint,
        version: entry.version,
        state: entry.state,
        attempts: entry.attempts,
        next_at,
        first_attempt_at: entry.first_attempt_at,
        attempt: Some(interrupted_attempt(entry.attempts, at)),
    }
}

/// When it began is not known: the intent was written before.
fn interrupted_attempt(number: u32, at: Timestamp) -> AttemptRow {
    AttemptRow {
        number,
        started_at: at,
        ended_at: at,
        outcome: "interrupted",
        code: Some(codes::INTERRUPTED.to_owned()),
        cause: None,
        receipt: None,
    }
}

/// `lease`: how long an attempt of a former process may still take effect.
fn entry_of(open: &OpenDelivery, lease: Duration, terms: &Terms, draft: &Draft) -> (Entry, Turn) {
    let waits = open.next_at.map_or(Duration::ZERO, |at| {
        // Never longer than it was to wait from the start: a clock that jumped back holds nothing.
        // What no attempt set, an operator did.
        let whole = open.waits_since.map_or(terms.visible_within(), |since| at.since(since));
        at.since(draft.at).min(whole)
    });
    let (step, next) = match (open.state, terms.contract) {
        (DeliveryState::Dead, _) if terms.after_dead_letter == AfterDeadLetter::Continue => {
            (Step::Deliver, Next::Gone)
        }
        (DeliveryState::Dead, _) | (DeliveryState::Uncertain, EffectContract::None) => {
            (Step::Deliver, Next::Held)
        }
        // A full wait again: whether it was over before the process ended is not known.
        (DeliveryState::Uncertain, EffectContract::CanLookUp { visible_within }) => {
            (Step::LookUp, Next::After(waits.max(lease + visible_within)))
        }
        _ => (Step::Deliver, Next::After(waits.max(lease))),
    };
    (plain_entry(open, step), turn_of(next, draft.now))
}

pub(super) fn plain_entry(open: &OpenDelivery, step: Step) -> Entry {
    Entry {
        delivery: open.delivery,
        endpoint: open.endpoint,
        message: open.message,
        case_id: open.case_id,
        generation: if fault::is_on("edit-forgotten-after-restart") { 0 } else { open.generation },
        state: open.state,
        attempts: open.attempts,
        first_attempt_at: open.first_attempt_at,
        version: open.version,
        gate_closings: 0,
        answers_then: None,
        step,
    }
}
