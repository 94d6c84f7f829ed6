//! One life: a portal, two counties with their systems, and dispatchers that die one after the
//! other, or go on beside their successors as if they owned everything, until the weather is calm and
//! everything has come to rest.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use channels::memory::MemoryChannel;
use dispatcher::{AfterDeadLetter, Endpoint, Interest, Parts};
use messaging::{Clock, EffectContract, EndpointName, FailureKind, Order, RetryPolicy, Timestamp};
use stores::{
    claims::MemoryClaims,
    ledger::{Ledger as _, Retention, SqliteLedger},
};
use telemetry::{Metrics, Readiness};
use tokio::{sync::Mutex, time::Instant};
use tokio_util::sync::CancellationToken;

use super::{
    backup::Backup,
    book::Book,
    clerk::Clerk,
    group::Group,
    office::{BURST, CONCURRENCY, Desk, Office, TIMEOUT, VISIBLE_WITHIN},
    operator::Operator,
    oracle,
    portal::{self, Portal, Submitted},
    slow_ledger::SlowLedger,
    storm::Storm,
    told::Told,
    weather::Weather,
};

/// Dispatchers that die, before the last one that does not.
const DISPATCHERS: u64 = 6;
const DAY: Duration = Duration::from_secs(86_400);
/// By then everything has come to rest.
const LIFE_MAX: Duration = Duration::from_secs(6 * 3600);
/// A restored ledger goes on with numbers of deliveries that are so much higher.
const NUMBERS_SKIPPED: u64 = 1 << 32;

const POLICY: RetryPolicy = RetryPolicy {
    initial_interval: Duration::from_secs(1),
    multiplier: 2.0,
    randomization_factor: 0.5,
    max_interval: Duration::from_secs(60),
    max_elapsed_time: None,
    attempts_max: 3,
};

/// What outlives dispatchers.
pub(crate) struct World {
    folder: PathBuf,
    pub(crate) backup: Backup,
    pub(crate) storm: Storm,
    weather: Weather,
    pub(crate) offices: Vec<Arc<Office>>,
    portal: Portal,
    pub(crate) told: Mutex<Told>,
    pub(crate) book: Book,
    begun: Instant,
    /// What the wall clock is wrong by, in microseconds.
    wrong_by: Arc<AtomicI64>,
}

/// A dispatcher that was succeeded, whether it knows or not.
struct Former<'w> {
    dispatcher: Pin<Box<dyn Future<Output = messaging::Result<()>> + 'w>>,
    desks: Vec<Arc<Desk>>,
}

/// Lives by `seed`: what happened, and every promise that was broken.
pub(crate) async fn live(seed: u64) -> (Vec<String>, Vec<String>) {
    let world = World::new(seed).await;
    tokio::join!(world.portal.submit_all(), world.storms());
    world.weather.calm();
    world.wrong_by.store(0, Ordering::SeqCst);
    let mut broken = Vec::new();
    tokio::select! {
        biased;
        ended = world.dispatch(CancellationToken::new(), world.desks()) => {
            broken.push(format!("the dispatcher ended in calm weather: {ended:?}"));
        }
        unrest = world.until_rest() => broken.extend(unrest),
    }
    broken.extend(oracle::judge(&world).await);
    let mut diary: Vec<String> = world.offices.iter().flat_map(|office| office.diary()).collect();
    diary.extend(world.book.diary());
    (diary, broken)
}

impl World {
    async fn new(seed: u64) -> Self {
        let weather = Weather::of(seed);
        // In memory where that is to be had: it is not the disk that is looked at here.
        let memory = Path::new("/dev/shm");
        let parent = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
        let folder = parent.join(format!("simulation-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir(&folder).expect("a folder for the ledger");
        let begun = Instant::now();
        let wrong_by = Arc::new(AtomicI64::new(0));
        let partitions = u32::try_from(1 + weather.below(3)).unwrap_or(1);
        let calm = MemoryChannel::with_partitions(clock(begun, &wrong_by), partitions);
        let members = Group::default();
        let storm = Storm { calm, partitions, members, weather: weather.clone() };
        let contracts = [
            EffectContract::Deduplicates,
            EffectContract::CanLookUp { visible_within: VISIBLE_WITHIN },
            EffectContract::None,
        ];
        let office = |name| {
            let contract = contracts[usize::try_from(weather.below(3)).unwrap_or(0)];
            Office::new(name, contract, &weather)
        };
        let offices = vec![office("nordsachsen"), office("land")];
        let portal = Portal::new(&storm, &weather, super::MESSAGES);
        let told = Mutex::new(Told::of(&storm.calm).await);
        let book = Book::default();
        let backup = Backup::draw(&folder, &weather, DISPATCHERS);
        Self { folder, backup, storm, weather, offices, portal, told, book, begun, wrong_by }
    }

    fn operator(&self) -> Operator<'_> {
        let Self { storm, weather, offices, told, book, .. } = self;
        Operator { storm, weather, offices, told, book }
    }

    /// What was submitted and is for `office`.
    pub(crate) fn wanted(&self, office: &str) -> Vec<Submitted> {
        let [nordsachsen, all] = portal::prefixes();
        let prefix = if office == "nordsachsen" { nordsachsen } else { all };
        let mut submitted = self.portal.submitted();
        submitted.retain(|submitted| submitted.authority.starts_with(prefix));
        submitted
    }

    pub(crate) fn ledger(&self) -> SqliteLedger {
        SqliteLedger::open_inline(&self.folder.join("ledger.sqlite")).expect("a ledger of ours")
    }

    /// Dispatchers that are killed, told to end, or left alone when their successor begins, while
    /// operators order and clocks jump.
    async fn storms(&self) {
        let mut former = None;
        for number in 0..DISPATCHERS {
            if self.backup.is_due(number) {
                self.bury(former.take()).await;
                self.restore().await;
            }
            let (stop, desks) = (CancellationToken::new(), self.desks());
            let mut dispatcher = Box::pin(self.dispatch(stop.clone(), desks.clone()));
            let lifetime = self.weather.within(Duration::from_secs(60));
            let is_orderly = self.weather.below(3) == 0;
            let goes_on = !is_orderly && self.weather.below(3) == 0;
            let operator = self.operator();
            let end = async {
                tokio::time::sleep(lifetime).await;
                if is_orderly {
                    stop.cancel();
                    std::future::pending::<()>().await;
                }
            };
            let is_over = tokio::select! {
                biased;
                ended = &mut dispatcher => {
                    self.has_ended(ended, is_orderly);
                    true
                }
                () = self.lives_on(&mut former) => false,
                () = end => false,
                () = operator.work() => false,
                () = self.jump_clocks() => false,
                () = self.backup.make(number, &self.weather) => false,
            };
            self.bury(former.take()).await;
            let dispatcher = Former { dispatcher, desks };
            match goes_on && !is_over {
                true => former = Some(dispatcher),
                false => self.bury(Some(dispatcher)).await,
            }
        }
        self.bury(former).await;
        self.resume_all().await;
    }

    /// Puts the ledger back as it was: what was done since, only the others know.
    async fn restore(&self) {
        self.backup.restore(clock(self.begun, &self.wrong_by).now());
        let loaded = self.ledger().load(Vec::new()).await.expect("a ledger that can be read");
        let last = loaded.delivery_last.0.unsigned_abs();
        let lost = last + 1 - NUMBERS_SKIPPED..=last;
        self.told.lock().await.ledger_is_restored(lost);
        self.offices.iter().for_each(|office| office.ledger_is_restored());
        self.book.ledger_is_restored();
    }

    /// Every pause was ordered by somebody who ends it.
    async fn resume_all(&self) {
        let operator = self.operator();
        let resume = async {
            for office in &self.offices {
                // A restored ledger takes what comes before it has begun for an order of before.
                while operator.order(office.name, Order::Resume).await.1.is_some() {}
            }
        };
        tokio::pin!(resume);
        loop {
            let desks = self.desks();
            let mut dispatcher = Box::pin(self.dispatch(CancellationToken::new(), desks.clone()));
            let is_over = tokio::select! {
                biased;
                ended = &mut dispatcher => {
                    self.has_ended(ended, false);
                    false
                }
                () = &mut resume => true,
            };
            self.bury(Some(Former { dispatcher, desks })).await;
            if is_over {
                return;
            }
        }
    }

    /// Whoever goes on beside a successor is told by the ledger that it is over; nothing else ends it.
    async fn lives_on(&self, former: &mut Option<Former<'_>>) {
        if let Some(Former { dispatcher, .. }) = former {
            let ended = dispatcher.as_mut().await;
            // It may not be asked again.
            *dispatcher = Box::pin(std::future::pending());
            let failure = ended.expect_err("it ended by itself");
            let is_told = failure.code() == "AB-2307";
            let is_away = failure.kind() == FailureKind::Unavailable;
            assert!(is_told || is_away, "{}", failure.report());
        }
        std::future::pending().await
    }

    /// What a dispatcher had under way is dropped with it.
    async fn bury(&self, former: Option<Former<'_>>) {
        let Some(Former { dispatcher, desks }) = former else { return };
        drop(dispatcher);
        tokio::time::sleep(Duration::from_millis(1)).await;
        desks.iter().for_each(|desk| desk.leave());
        self.offices.iter().for_each(|office| office.expect_pause(false));
    }

    /// A store or a broker that is away may end a dispatcher; nothing else may.
    fn has_ended(&self, ended: messaging::Result<()>, is_orderly: bool) {
        match ended {
            Ok(()) => assert!(is_orderly, "it ended by itself"),
            Err(failure) => {
                let kind = failure.kind();
                assert_eq!(kind, FailureKind::Unavailable, "{}", failure.report());
            }
        }
    }

    fn desks(&self) -> Vec<Arc<Desk>> {
        self.offices.iter().map(Desk::at).collect()
    }

    async fn jump_clocks(&self) {
        loop {
            self.weather.takes(Duration::from_secs(60)).await;
            let days = i64::try_from(self.weather.below(7)).unwrap_or(0) - 3;
            let by = days * i64::try_from(DAY.as_micros()).unwrap_or(0);
            self.wrong_by.store(by, Ordering::SeqCst);
        }
    }

    async fn dispatch(
        &self,
        stop: CancellationToken,
        desks: Vec<Arc<Desk>>,
    ) -> messaging::Result<()> {
        let parts = Parts {
            ledger: Arc::new(SlowLedger { real: self.ledger(), weather: self.weather.clone() }),
            channel: Arc::new(self.storm.clone()),
            claims: Arc::new(MemoryClaims::default()),
            channels: portal::channels(),
            endpoints: self.endpoints(&desks),
            clock: clock(self.begun, &self.wrong_by),
            examiner: Arc::new(Clerk(self.weather.clone())),
            retention: Retention {
                payload: 30 * DAY,
                payload_of: BTreeMap::new(),
                history: 400 * DAY,
                dedupe_horizon: 400 * DAY,
            },
            metrics: Metrics::new(),
            ready: Readiness::new(),
            source: "simulation".to_owned(),
            seed: 1 + self.weather.below(1_000_000),
            drain_max: Duration::from_secs(30),
        };
        dispatcher::run(parts, stop).await
    }

    fn endpoints(&self, desks: &[Arc<Desk>]) -> Vec<Endpoint> {
        let endpoint = |((office, desk), prefix): ((&Arc<Office>, &Arc<Desk>), &str)| Endpoint {
            name: EndpointName::new(office.name).expect("a name"),
            adapter: Arc::clone(desk) as Arc<dyn messaging::Adapter>,
            interests: vec![Interest {
                domain: None,
                authority_prefix: prefix.to_owned(),
                message_types: Vec::new(),
                test: false,
            }],
            policy: POLICY,
            concurrency: CONCURRENCY,
            rate: office.is_rated.then(|| "30/min".parse().expect("a rate")),
            burst: BURST,
            calendar: office.hours.as_ref().map(|hours| hours.calendar.clone()),
            timeout: TIMEOUT,
            after_dead_letter: AfterDeadLetter::Hold,
        };
        self.offices.iter().zip(desks).zip(portal::prefixes()).map(endpoint).collect()
    }

    /// Waits until everything has come to rest, and says what has not in time.
    async fn until_rest(&self) -> Vec<String> {
        let mut is_over = false;
        loop {
            tokio::time::sleep(Duration::from_secs(120)).await;
            let unrest = oracle::unrest(self).await;
            if unrest.is_empty() && is_over {
                return Vec::new();
            }
            // And stays there.
            is_over = unrest.is_empty();
            if LIFE_MAX < self.begun.elapsed() {
                return unrest.into_iter().map(|what| format!("no rest: {what}")).collect();
            }
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.folder).ok();
    }
}

/// Follows paused time, and is wrong when the seed says so.
fn clock(begun: Instant, wrong_by: &Arc<AtomicI64>) -> Clock {
    let wrong_by = Arc::clone(wrong_by);
    Clock::new(move || {
        let right = Timestamp(1_800_000_000_000_000).after(begun.elapsed());
        Timestamp(right.0 + wrong_by.load(Ordering::SeqCst))
    })
}
