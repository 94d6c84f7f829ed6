//! Drives a run: first one application alone, to learn whether there is anything to be measured,
//! then the load, then the wait for what is not delivered yet.

use std::{sync::Arc, time::Duration};

use tokio::{task::JoinSet, time::Instant};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{
    book::{Book, Witness},
    desk::Desk,
    mill::Mill,
    names::Names,
    pace::{Turn, Turns},
    plan::Plan,
    portal,
    processes::{Meter, Taken},
    progress::{Goal, Progress},
    receiver, watch,
};
use crate::{
    cli::Language,
    client::Client,
    codes,
    exit::{Exit, Stop},
    output::Output,
    run::Signals,
};

/// How long the first application may take: longer than an endpoint that was down is left alone.
const FIRST_WITHIN: Duration = Duration::from_secs(60);
/// Between two looks at what becomes of it.
const FIRST_LOOK_EVERY: Duration = Duration::from_millis(10);
/// Between two looks while it runs.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// Between two looks at the end.
const DRAIN_LOOK_EVERY: Duration = Duration::from_millis(20);

/// What a run was like, beside its books.
#[derive(Debug)]
pub(super) struct Driven {
    /// How long was measured: less than planned where it ended early.
    pub(super) measured: Duration,
    /// How long it took to send a backlog.
    pub(super) filled: Option<Duration>,
    /// Messages whose end was not known when the last one was sent.
    pub(super) under_way_at_end: u32,
    /// How long it was waited for them.
    pub(super) drained: Duration,
    /// Due, and nobody was free to send them.
    pub(super) left_behind: u32,
    /// A person ended it.
    pub(super) is_interrupted: bool,
    pub(super) processes: Vec<Taken>,
    pub(super) own: Option<Taken>,
}

/// Messages under way that are counted at every look of the end.
const COUNTED_OFTEN_MAX: u32 = 10_000;

/// Everything a run needs, connected and listening.
pub(super) struct Stage<'a> {
    plan: &'a Plan,
    mill: Mill,
    clients: Vec<Client>,
    pub(super) desk: Arc<Desk>,
    helpers: JoinSet<()>,
    end: CancellationToken,
    signals: Signals,
}

impl<'a> Stage<'a> {
    /// Connects to the gateway; listens to the status, or for deliveries.
    pub(super) async fn set(plan: &'a Plan, mill: Mill, language: Language) -> Result<Self, Stop> {
        let mut clients = Vec::new();
        for _ in 0..plan.connections {
            clients.push(Client::connect(&plan.server).await?);
        }
        let (names, end) = (mill.names().clone(), CancellationToken::new());
        let desk = Arc::new(Desk::new(names, book(plan, Instant::now()), language));
        let mut helpers = JoinSet::new();
        if let Some(address) = plan.receiver {
            receiver::listen(address, Arc::clone(&desk), &mut helpers, end.clone()).await?;
        }
        if plan.witness == Witness::Status {
            // On a connection of its own: news and answers do not wait for each other.
            let client = Client::connect(&plan.server).await?;
            helpers.spawn(watch::follow(client, Arc::clone(&desk), end.clone()));
        }
        let signals = Signals::catch()?;
        Ok(Self { plan, mill, clients, desk, helpers, end, signals })
    }

    /// Sends one application and waits for what becomes of it.
    pub(super) async fn try_one(&mut self) -> Result<(), Stop> {
        let Some(client) = self.clients.first() else { return Ok(()) };
        let turn = Turn { number: 0, due: Instant::now() };
        let mut intake = client.intake();
        let until = turn.due + FIRST_WITHIN;
        let trying = async {
            portal::push(client, &mut intake, &self.desk, &self.mill, turn).await;
            while 0 < self.desk.book(|book| book.missing()) {
                tokio::time::sleep(FIRST_LOOK_EVERY).await;
            }
        };
        let is_late = tokio::select! {
            () = trying => false,
            () = self.desk.halt.cancelled() => false,
            () = tokio::time::sleep_until(until) => true,
            () = self.signals.next() => {
                return Err(Stop::unavailable(codes::FIRST_UNDELIVERED, "interrupted"));
            }
        };
        if let Some(stop) = self.desk.take_stop() {
            return Err(stop);
        }
        self.desk.book(|book| judge_first(book, self.plan, is_late))
    }

    /// Sends what is due until the end of the plan, a refusal, or a signal; then waits.
    pub(super) async fn drive(
        &mut self,
        processes: &mut Meter,
        own: &mut Meter,
        output: &Output,
    ) -> Driven {
        let goal = match self.plan.backlog {
            None => Goal::Time(self.plan.length()),
            Some(count) => Goal::Messages(count),
        };
        let mut progress = Progress::new(output, self.desk.language, goal);
        let begun = Instant::now();
        let (mut workers, turns) = self.begin(begun);
        let desk = Arc::clone(&self.desk);
        let mut look = |meters: [&mut Meter; 2]| {
            meters.into_iter().for_each(Meter::look);
            desk.book(|book| progress.tell(begun.elapsed(), book));
        };

        let (desk, signals, plan) = (&self.desk, &mut self.signals, self.plan);
        let (mut is_interrupted, filled);
        if plan.backlog.is_some() {
            is_interrupted = done(desk, signals, &mut workers, || look([processes, own])).await;
            filled = Some(begun.elapsed());
            processes.begin();
            own.begin();
            desk.come_back(Instant::now());
        } else {
            let warm = begun + plan.warmup;
            is_interrupted = until(desk, signals, warm, || look([processes, own])).await;
            processes.begin();
            own.begin();
            if !is_interrupted {
                let end = begun + plan.length();
                is_interrupted = until(desk, signals, end, || look([processes, own])).await;
            }
            filled = None;
        }
        desk.halt.cancel();
        let elapsed = begun.elapsed().min(plan.length());
        let under_way_at_end = desk.book(|book| book.under_way());
        let ended = Instant::now();
        if filled.is_none() || !is_interrupted {
            drain(desk, signals, plan.drain, &mut workers, || look([processes, own])).await;
        }
        let drained = ended.elapsed();
        let left_behind = turns.left_behind(elapsed);
        progress.end();
        let measured = match filled {
            None => elapsed.saturating_sub(plan.warmup),
            Some(_) => drained,
        };
        Driven {
            measured,
            filled,
            under_way_at_end,
            drained,
            left_behind,
            is_interrupted,
            processes: processes.taken(),
            own: own.taken().into_iter().next(),
        }
    }

    /// Opens the books of the load and lets everybody send.
    fn begin(&self, begun: Instant) -> (JoinSet<()>, Arc<Turns>) {
        let names = Names::new(Uuid::new_v4());
        let mill = Arc::new(self.mill.renamed(names.clone()));
        let (book, is_away) = (book(self.plan, begun), self.plan.backlog.is_some());
        self.desk.turn_over(names, book, self.plan.trouble(), is_away);
        let turns = Turns::new(self.plan.schedule(), begun, self.desk.halt.clone());
        let turns = Arc::new(turns);
        let mut workers = JoinSet::new();
        for client in &self.clients {
            for _ in 0..self.plan.in_flight {
                let (desk, mill, turns) = (&self.desk, &mill, &turns);
                let (desk, mill, turns) = (Arc::clone(desk), Arc::clone(mill), Arc::clone(turns));
                workers.spawn(portal::work(client.clone(), desk, mill, turns));
            }
        }
        if self.plan.rate.is_some() {
            let turns = Arc::clone(&turns);
            workers.spawn_blocking(move || turns.call_up());
        }
        (workers, turns)
    }

    /// Ends what listens.
    pub(super) async fn strike(mut self) {
        self.end.cancel();
        while self.helpers.join_next().await.is_some() {}
    }
}

/// Waits until `end` or until nothing more is sent; whether a person asked for the end.
async fn until(desk: &Desk, signals: &mut Signals, end: Instant, mut look: impl FnMut()) -> bool {
    while Instant::now() < end {
        let next = end.min(Instant::now() + LOOK_EVERY);
        tokio::select! {
            () = tokio::time::sleep_until(next) => look(),
            () = desk.halt.cancelled() => return false,
            () = signals.next() => return true,
        }
    }
    false
}

/// Waits until all is sent, or nothing more is sent; whether a person asked for the end.
async fn done(
    desk: &Desk,
    signals: &mut Signals,
    workers: &mut JoinSet<()>,
    mut look: impl FnMut(),
) -> bool {
    let mut looks = tokio::time::interval(LOOK_EVERY);
    loop {
        tokio::select! {
            joined = workers.join_next() => if joined.is_none() { return false },
            _ = looks.tick() => look(),
            () = desk.halt.cancelled() => return false,
            () = signals.next() => return true,
        }
    }
}

/// Waits for receipts and deliveries, for `wait_max` at most or until a person has enough.
async fn drain(
    desk: &Desk,
    signals: &mut Signals,
    wait_max: Duration,
    workers: &mut JoinSet<()>,
    mut look: impl FnMut(),
) {
    let until = Instant::now() + wait_max;
    let mut looked = Instant::now();
    loop {
        while workers.try_join_next().is_some() {}
        let is_looked_at = LOOK_EVERY <= looked.elapsed();
        // To count the missing is to walk over what is under way.
        let is_cheap = desk.book(|book| book.under_way()) <= COUNTED_OFTEN_MAX;
        let is_done = workers.is_empty()
            && (is_cheap || is_looked_at)
            && desk.book(|book| book.missing()) == 0;
        if is_done || until <= Instant::now() {
            break;
        }
        tokio::select! {
            () = tokio::time::sleep(DRAIN_LOOK_EVERY) => {}
            () = signals.next() => break,
        }
        if is_looked_at {
            look();
            looked = Instant::now();
        }
    }
    // Calls without an answer by now have an unknown outcome.
    workers.shutdown().await;
}

fn book(plan: &Plan, begun: Instant) -> Book {
    match plan.backlog {
        None => Book::new(begun, plan.warmup, plan.duration, plan.cases, plan.witness),
        // Nothing is measured until the receiver comes back.
        Some(_) => Book::new(begun, Duration::MAX, Duration::ZERO, plan.cases, plan.witness),
    }
}

/// Whether the first application came to a good end.
fn judge_first(book: &Book, plan: &Plan, is_late: bool) -> Result<(), Stop> {
    let counts = book.counts();
    let code = codes::FIRST_UNDELIVERED;
    if let Some(state) = counts.ended_otherwise.keys().next() {
        let what = format!("the first application ended as `{state}`, so there is nothing to load");
        return Err(Stop::new(Exit::Refused, code, what));
    }
    if counts.accepted == 0 {
        let errors: Vec<_> = counts.errors.keys().cloned().collect();
        let what = format!("the first application got no receipt: {}", errors.join(", "));
        return Err(Stop::unavailable(code, what));
    }
    if !is_late {
        return Ok(());
    }
    let within = FIRST_WITHIN.as_secs();
    let what = match plan.receiver {
        Some(address) => {
            format!("the first application did not arrive at {address} within {within} s")
        }
        None => format!("nobody said within {within} s that the first application was delivered"),
    };
    Err(Stop::unavailable(code, what))
}
