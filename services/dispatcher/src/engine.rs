//! The engine: one loop that decides and records in one transaction a turn.
//!
//! A turn settles what ended, admits what came, chooses what starts next and writes it all down with
//! its events; only then are attempts started. So a slot frees at the commit that settles it, and a
//! crash leaves at most `concurrency` attempts with an unknown end, each of them in an intent.

mod admit;
mod ahead;
mod bulk;
mod command;
mod dice;
mod draft;
mod edit;
mod gates;
mod inbox;
mod linger;
mod recover;
mod repetition;
mod replay;
mod report;
mod restored;
mod settle;
mod start;
mod steady;
mod tenure;

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::Arc,
    time::Duration,
};

use messaging::{
    CaseId, Claims, Clock, CommandId, EndpointName, FailureKind, Partition, Result, fault,
};
use stores::ledger::{DeliveryId, EndpointRow, IntentRow, PauseRow};
use telemetry::{Check, Metrics};
use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
    time::Instant,
};
use tokio_util::sync::CancellationToken;

use self::{
    ahead::Ahead,
    bulk::Bulk,
    dice::Dice,
    draft::Draft,
    edit::Desk,
    inbox::{BATCHES_MAX, Inbox},
    report::Reported,
    start::Envelopes,
    steady::Steady,
    tenure::{Numbers, Sharing},
};
use crate::{
    Endpoint, Parts,
    attempt::{self, Ended, Job},
    backlog::Backlog,
    codes,
    control::{ControlReader, Orders},
    examiner::Examined,
    gate::{Gate, blame::Blame, calendar::Hours, forecast::Pace, ramp::Ramp, rate::Bucket},
    known::Known,
    patient::Patient,
    reader::{Handed, Reader},
    relay::{Fresh, Relay},
    restored::Beyond,
    retention::Keeper,
    ruling::Terms,
    schedule::Schedule,
    steward::Notice,
    subscribers::Subscriber,
    teller::{Teller, Why},
};

/// Endings settled in one turn.
const ENDINGS_MAX: usize = 2_000;
/// Told events are forgotten with the next transaction, or after this long without one.
const TIDY_AFTER: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(crate) struct Engine {
    ledger: Patient,
    /// What messages come by, as traces call it.
    system: &'static str,
    claims: Arc<dyn Claims>,
    clock: Clock,
    steady: Steady,
    metrics: Metrics,
    ready: Check,
    teller: Teller,
    served: Vec<Served>,
    by_row: HashMap<EndpointRow, usize>,
    known: Known,
    numbers: Numbers,
    subscriptions_version: u64,
    /// Who wants what; on a shared ledger also those that are served elsewhere.
    subscribers: Vec<Subscriber>,
    /// All endpoints of a shared ledger.
    names: HashSet<EndpointName>,
    /// `None`: the ledger is ours alone.
    sharing: Option<Sharing>,
    notices: mpsc::Receiver<Notice>,
    tenures: mpsc::UnboundedReceiver<Notice>,
    /// Deliveries not settled yet, by intent.
    intents: HashMap<IntentRow, usize>,
    envelopes: Envelopes,
    ahead: Ahead,
    /// Deliveries to be told of unless something happens to them first.
    announcements: VecDeque<Announcement>,
    gate_events: u64,
    dice: Dice,
    attempts: JoinSet<Ended>,
    /// What came while a settlement waited for company; the next turn takes it in.
    lingering: Vec<Wake>,
    probes: JoinSet<(usize, Result<()>)>,
    helpers: JoinSet<()>,
    inbox: Inbox,
    orders: mpsc::Receiver<Orders>,
    /// Documents that are to go instead of others, while they are judged.
    desk: Desk,
    /// Ordered, and not done.
    bulks: Vec<Bulk>,
    /// Whether this dispatcher beats, on a shared ledger.
    beating: Option<Check>,
    /// What the ledger before a restore may have handed out.
    beyond: Beyond,
    /// Endpoints that are not configured any more, of which something may be open.
    former: HashMap<EndpointName, EndpointRow>,
    admitted: mpsc::UnboundedSender<(Partition, u64)>,
    fresh: Fresh,
    written: watch::Sender<u64>,
    told: watch::Receiver<u64>,
    told_until: u64,
    shutdown: CancellationToken,
    drain_max: Duration,
}

/// An endpoint and what it is to get.
#[derive(Debug)]
struct Served {
    endpoint: Arc<Endpoint>,
    row: EndpointRow,
    /// Under which tenure it is ours; `None`: another's. Always 0 where the ledger is ours alone.
    fence: Option<u64>,
    /// What lies before these positions was in the schedule when the tenure began.
    loaded_through: HashMap<Partition, u64>,
    /// How long interrupted attempts may still take effect; `None`: a lease.
    grace: Option<Duration>,
    terms: Terms,
    schedule: Schedule,
    gate: Gate,
    /// Why the gate is closed, to be told again when a pause ends.
    closed: Why,
    /// By an operator, until an operator resumes it; apart from the gate.
    paused: Option<PauseRow>,
    /// What its calendar says.
    hours: Hours,
    bucket: Option<Bucket>,
    ramp: Ramp,
    pace: Pace,
    reported: Reported,
    /// Attempts of a former process that may take effect until then.
    doubtful: HashMap<DeliveryId, Instant>,
    in_flight: usize,
    /// Whom failures are about.
    blame: Blame,
}

#[derive(Debug)]
struct Announcement {
    due: Instant,
    served: usize,
    case_id: CaseId,
    delivery: DeliveryId,
    /// What there is to tell, as long as nothing more has happened.
    version: u64,
}

impl Served {
    /// Whether leases are granted.
    fn is_open(&self) -> bool {
        self.is_wanted() && (self.gate.is_open() || fault::is_on("closed-gate-served"))
    }

    /// Whether it is ours, and neither an operator nor the calendar keeps it closed.
    fn is_wanted(&self) -> bool {
        let is_paused = self.paused.is_some() && !fault::is_on("pause-ignored");
        let is_in_hours = self.hours.closed().is_none() || fault::is_on("calendar-ignored");
        self.fence.is_some() && !is_paused && is_in_hours
    }

    /// When something may start by itself, as far as that is in sight.
    fn starts_at(&self) -> Option<Instant> {
        if !self.is_open() || self.ramp.limit() <= self.in_flight {
            return None;
        }
        let token = self.bucket.as_ref().map(Bucket::next_at);
        match (self.schedule.has_due(self.ramp.limit()), token) {
            // What is due waits for a token, and what is not due waits for its time first.
            (false, _) | (_, None) => self.schedule.wakes_at(),
            (_, token) => token,
        }
    }
}

/// Why the loop went round.
#[derive(Debug)]
enum Wake {
    Ended(Box<Ended>),
    /// There is something in the inbox.
    Batch,
    Orders(Orders),
    Judged(CommandId, Examined),
    Notice(Notice),
    Probed(usize, Result<()>),
    Time,
    Shutdown,
    /// The reader or the relay is gone, and nobody would read or tell any more.
    HelperLost,
}

impl Engine {
    /// Rebuilds the schedule, settles what a former process left open, and begins to read.
    pub(crate) async fn start(parts: Parts, shutdown: CancellationToken) -> Result<Self> {
        let (batches_in, batches) = mpsc::channel(BATCHES_MAX);
        let (orders_in, orders) = mpsc::channel(BATCHES_MAX);
        let (admitted, admitted_out) = mpsc::unbounded_channel();
        let (written, written_out) = watch::channel(0);
        let (told_in, told) = watch::channel(0);
        let mut reader = Reader {
            channel: Arc::clone(&parts.channel),
            claims: Arc::clone(&parts.claims),
            ledger: parts.ledger.clone(),
            channels: parts.channels.clone(),
            ready: parts.ready.add("dispatcher.reader"),
            handed: Handed::default(),
        };
        let mut control = ControlReader {
            channel: Arc::clone(&parts.channel),
            ledger: parts.ledger.clone(),
            ready: parts.ready.add("dispatcher.control"),
            handed: Handed::default(),
        };
        let relay = Relay {
            channel: Arc::clone(&parts.channel),
            ledger: parts.ledger.clone(),
            ready: parts.ready.add("dispatcher.relay"),
            fresh: Fresh::default(),
        };
        let fresh = relay.fresh.clone();
        relay.ready.ready();
        let backlog = Backlog {
            channel: Arc::clone(&parts.channel),
            ledger: parts.ledger.clone(),
            channels: parts.channels.clone(),
            metrics: parts.metrics.clone(),
            ready: parts.ready.add("dispatcher.backlog"),
        };
        backlog.ready.ready();
        let looking = backlog.run(shutdown.clone());
        let keeper = Keeper {
            ledger: parts.ledger.clone(),
            claims: Arc::clone(&parts.claims),
            clock: parts.clock.clone(),
            metrics: parts.metrics.clone(),
            retention: Arc::new(parts.retention.clone()),
        };
        let keeping = keeper.run(shutdown.clone());
        // Before anything becomes final, which is stamped with it.
        parts.ledger.grow_older(parts.clock.now(), Duration::ZERO).await?;

        let mut helpers = JoinSet::new();
        let channel = Arc::clone(&parts.channel);
        let sharing = tenure::sharing(&*parts.ledger).await?;
        if let Some(sharing) = &sharing {
            [reader.handed, control.handed] = sharing.handed.clone();
        }
        let mut engine = recover::recover(parts, sharing, shutdown).await?;
        engine.share(channel, &mut helpers);
        helpers.spawn(reader.run(batches_in, admitted_out));
        helpers.spawn(control.run(orders_in));
        helpers.spawn(relay.run(written_out, told_in));
        helpers.spawn(looking);
        helpers.spawn(keeping);
        engine.helpers = helpers;
        engine.inbox = Inbox::new(batches);
        engine.orders = orders;
        engine.admitted = admitted;
        engine.fresh = fresh;
        engine.written = written;
        engine.told = told;
        engine.ready.ready();
        Ok(engine)
    }

    /// Turns until shutdown.
    pub(crate) async fn run(mut self) -> Result<()> {
        let mut wake = Wake::Time;
        loop {
            match wake {
                Wake::Shutdown => return self.drain().await,
                Wake::HelperLost => {
                    let text = "the reader or the relay ended by itself";
                    return Err(FailureKind::Defect.because(codes::HELPER_LOST, text));
                }
                _ => {}
            }
            self.turn(wake).await?;
            wake = match self.wait().await {
                ended @ Wake::Ended(_) => self.linger(ended).await,
                wake => wake,
            };
        }
    }

    async fn wait(&mut self) -> Wake {
        let wakes_at = self.wakes_at();
        tokio::select! {
            biased;
            () = self.shutdown.cancelled() => Wake::Shutdown,
            // The rare first: under load an attempt ends during every commit, and an operator who
            // pauses a system that goes astray must not wait for a lull.
            Some(notice) = self.tenures.recv() => Wake::Notice(notice),
            Some(notice) = self.notices.recv() => Wake::Notice(notice),
            Some((id, examined)) = self.desk.judged() => Wake::Judged(id, examined),
            Some(orders) = self.orders.recv(), if self.desk.is_free() => Wake::Orders(orders),
            Some((served, probed)) = next_probe(&mut self.probes) => Wake::Probed(served, probed),
            Some(ended) = self.attempts.join_next() => ended_of(ended),
            Some(()) = self.inbox.arrived() => Wake::Batch,
            Some(_) = self.helpers.join_next() => Wake::HelperLost,
            () = tokio::time::sleep_until(wakes_at) => Wake::Time,
        }
    }

    fn wakes_at(&self) -> Instant {
        let tidy = Instant::now() + TIDY_AFTER;
        let waits = self.served.iter().filter_map(Served::starts_at);
        let probed = self.served.iter().filter(|served| served.is_wanted());
        let gates = probed.filter_map(|served| served.gate.wakes_at());
        let told = self.announcements.front().map(|announcement| announcement.due);
        let at = self.clock.now();
        let changes = self.served.iter().filter_map(|served| served.hours.changes_at());
        let hours = changes.map(|change| Instant::now() + change.since(at).min(TIDY_AFTER));
        let bulks = self.bulks.iter().filter_map(Bulk::wakes_at);
        waits.chain(gates).chain(bulks).chain(hours).chain(told).fold(tidy, Instant::min)
    }

    /// Settles, admits, chooses, records; then acts.
    async fn turn(&mut self, wake: Wake) -> Result<()> {
        self.catch_up().await?;
        let mut draft = self.draft();
        let is_tick = matches!(wake, Wake::Time);
        self.look_at_calendars(&mut draft);
        self.announce(&mut draft).await?;
        self.take_in(wake, &mut draft).await?;
        self.take_in_the_rest(&mut draft).await?;
        self.begin_probes(draft.now);
        self.go_on_with_bulks(&mut draft).await?;
        self.reserve(0, 0).await?;
        self.choose(&mut draft).await?;
        self.report(&mut draft);
        self.tidy_outbox(&mut draft, is_tick);
        self.commit(draft).await
    }

    fn draft(&self) -> Draft {
        let (at, steady) = (self.clock.now(), self.steady.now());
        Draft::new(at, steady, self.subscriptions_version)
    }

    async fn take_in(&mut self, wake: Wake, draft: &mut Draft) -> Result<()> {
        match wake {
            Wake::Ended(ended) => self.settle(*ended, draft).await,
            Wake::Orders(orders) => self.judge_and_obey(orders, draft).await,
            Wake::Judged(id, examined) => self.judged(id, examined, draft).await,
            Wake::Notice(notice) => self.notice(notice, draft).await,
            Wake::Probed(served, probed) => {
                self.probed(served, &probed, draft);
                Ok(())
            }
            Wake::Batch | Wake::Time | Wake::Shutdown | Wake::HelperLost => Ok(()),
        }
    }

    /// Whatever else is there already shares the transaction.
    async fn take_in_the_rest(&mut self, draft: &mut Draft) -> Result<()> {
        for wake in std::mem::take(&mut self.lingering) {
            self.take_in(wake, draft).await?;
        }
        for _ in 0..ENDINGS_MAX {
            let Some(ended) = self.attempts.try_join_next() else { break };
            self.take_in(ended_of(ended), draft).await?;
        }
        self.admit_what_came(draft).await
    }

    fn tidy_outbox(&mut self, draft: &mut Draft, is_tick: bool) {
        let mut told = *self.told.borrow_and_update();
        if fault::is_on("outbox-tidied-untold") {
            told = self.numbers.outbox;
        }
        if self.told_until < told && (is_tick || !draft.transaction.is_empty()) {
            draft.transaction.outbox_done = Some(told);
            draft.transaction.outbox_told = self.told_until;
            self.told_until = told;
        }
        self.metrics.dispatcher().set_outbox(self.numbers.outbox.saturating_sub(told));
    }

    /// Nothing starts before its intent is durable; settlements are kept until they are.
    async fn commit(&mut self, mut draft: Draft) -> Result<()> {
        if fault::is_on("act-before-record") {
            self.act(std::mem::take(&mut draft.jobs));
        }
        if !draft.transaction.is_empty() {
            self.guard(&mut draft.transaction);
            self.read_ahead();
            let transaction = Arc::new(std::mem::take(&mut draft.transaction));
            let began = Instant::now();
            let committed = self.ledger.commit(&transaction).await?;
            self.committed(&committed, &transaction, &mut draft);
            self.ready.ready();
            self.metrics.dispatcher().ledger_transaction("turn", began.elapsed());
            self.fresh.extend(draft.events);
            drop(draft.spans);
            self.written.send_replace(self.numbers.outbox);
            for progress in draft.progress {
                // A reader that has gone takes its courtesy with it.
                self.admitted.send(progress).ok();
            }
        }
        self.act(draft.jobs);
        Ok(())
    }

    fn act(&mut self, jobs: Vec<Job>) {
        let now = self.clock.now();
        for job in jobs {
            let Some(served) = self.served.get(job.served) else { continue };
            let endpoint = Arc::clone(&served.endpoint);
            // A commit may wait long for its ledger, and the calendar for nobody.
            if served.hours.has_closed(now) {
                self.attempts.spawn(attempt::withdraw(job, endpoint, self.system));
                continue;
            }
            self.attempts.spawn(attempt::run(job, endpoint, Arc::clone(&self.claims), self.system));
        }
    }

    /// Lets attempts under way end, for a while; what does not is uncertain at the next start.
    async fn drain(mut self) -> Result<()> {
        let deadline = Instant::now() + self.drain_max;
        self.inbox.close();
        self.orders.close();
        while let Ok(Some(ended)) =
            tokio::time::timeout_at(deadline, self.attempts.join_next()).await
        {
            let mut draft = self.draft();
            self.take_in(ended_of(ended), &mut draft).await?;
            self.take_in_the_rest_of_endings(&mut draft).await?;
            self.commit(draft).await?;
        }
        self.tenures.close();
        self.notices.close();
        // Closing `written` lets the relay tell what is left and end.
        let (written, _) = watch::channel(0);
        self.written = written;
        let helpers = async { while self.helpers.join_next().await.is_some() {} };
        tokio::time::timeout_at(deadline, helpers).await.ok();
        self.release().await;
        Ok(())
    }

    async fn take_in_the_rest_of_endings(&mut self, draft: &mut Draft) -> Result<()> {
        while let Some(ended) = self.attempts.try_join_next() {
            self.take_in(ended_of(ended), draft).await?;
        }
        Ok(())
    }
}

/// Attempts catch panics themselves and are aborted by nobody but the process's end.
fn ended_of(joined: std::result::Result<Ended, tokio::task::JoinError>) -> Wake {
    Wake::Ended(Box::new(joined.expect("attempts neither panic nor are aborted")))
}

async fn next_probe(probes: &mut JoinSet<(usize, Result<()>)>) -> Option<(usize, Result<()>)> {
    Some(probes.join_next().await?.expect("probes neither panic nor are aborted"))
}
