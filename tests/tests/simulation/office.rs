//! A departmental system that is slow, moody, and processes what it was sent whether or not
//! somebody still waits for the answer. It watches what it is sent: half of the oracle is here.

use std::{
    collections::{BTreeMap, HashSet, VecDeque},
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use messaging::{
    Accepted, Adapter, Attempt, DeliveryKey, EffectContract, Envelope, Failure, FailureKind, Found,
    Payload, Result,
};
use tokio::{task::JoinSet, time::Instant};

use super::{hours::Hours, papers::Papers, portal, repeats::Repeats, weather::Weather};

/// Longest time of an attempt.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(10);
/// What was sent takes effect within so long after the attempt ended, and can be seen then.
pub(crate) const VISIBLE_WITHIN: Duration = Duration::from_secs(3);
/// Attempts at once, when it is trusted with all of them.
pub(crate) const CONCURRENCY: usize = 3;
/// Attempts that may begin at once after a lull, where there is a rate.
pub(crate) const BURST: u32 = 2;
/// Where there is a rate, so long between two attempts on average.
const INTERVAL: Duration = Duration::from_secs(2);
/// An attempt begins so much after it was granted, when the ledger is slow.
const LATE_MAX: Duration = Duration::from_millis(1_500);
/// What was handed out before the system said it is down begins by then, when the ledger is slow.
const ON_THE_WAY: Duration = Duration::from_secs(5);

/// After a message closed the gate so often, it is believed to be that message.
const GATE_CLOSINGS_MAX: u32 = 3;

/// What took effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Effect {
    pub(crate) own_id: String,
    pub(crate) case: String,
    key: DeliveryKey,
    /// How often the ledger had been restored from a backup when it was handed over.
    pub(crate) restores: u32,
}

pub(crate) struct Office {
    pub(crate) name: &'static str,
    pub(crate) contract: EffectContract,
    /// Whether it is handed one per [`INTERVAL`] at most.
    pub(crate) is_rated: bool,
    /// When it is open, if not always.
    pub(crate) hours: Option<Hours>,
    weather: Weather,
    state: Arc<Mutex<State>>,
    papers: Mutex<Papers>,
    repeats: Mutex<Repeats>,
    /// Its own work, which ends for nobody.
    work: Mutex<JoinSet<()>>,
}

#[derive(Debug, Default)]
struct State {
    effects: Vec<Effect>,
    /// How often the ledger was restored from a backup.
    restores: u32,
    /// Taken in, and will take effect or has.
    taken_in: HashSet<DeliveryKey>,
    /// Will take effect yet.
    on_its_way: BTreeMap<String, usize>,
    /// Attempts under way, by case, whoever makes them.
    live: BTreeMap<String, usize>,
    is_paused: bool,
    /// Everything that happened here, to be compared with another run of the same seed.
    diary: Vec<String>,
    /// Promises found broken.
    broken: Vec<String>,
}

/// What one dispatcher has to do with an office.
pub(crate) struct Desk {
    office: Arc<Office>,
    dealings: Mutex<Dealings>,
}

/// What an office sees of one dispatcher.
#[derive(Debug, Default)]
struct Dealings {
    attempts: usize,
    /// Answers since it was away, or since the dispatcher began: it begins with one at once.
    answers: usize,
    /// Whether it was away since the dispatcher began: then its first answer is not enough.
    was_away: bool,
    /// When the last attempts began.
    begun: VecDeque<Instant>,
    /// When the attempt or question began that was answered, the latest of them.
    answered: Option<Instant>,
    /// Messages that were handed over or asked about before, and how often it was unavailable to each.
    tried: BTreeMap<String, u32>,
    probes: usize,
    down_since: Option<Instant>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mood {
    Accept,
    /// Takes effect within the attempt and says nothing.
    Silent,
    /// Takes effect when the attempt is over.
    Late,
    /// Nothing happens, nothing is said.
    Hang,
    Fail(FailureKind),
}

impl Office {
    pub(crate) fn new(
        name: &'static str,
        contract: EffectContract,
        weather: &Weather,
    ) -> Arc<Self> {
        Arc::new(Self {
            name,
            contract,
            is_rated: weather.below(3) == 0,
            hours: (weather.below(3) == 0).then(|| Hours::draw(weather)),
            weather: weather.clone(),
            state: Arc::default(),
            papers: Mutex::default(),
            repeats: Mutex::default(),
            work: Mutex::default(),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn effects(&self) -> Vec<Effect> {
        self.state().effects.clone()
    }

    /// The ledger does not know any more what was done after the backup.
    pub(crate) fn ledger_is_restored(&self) {
        let mut state = self.state();
        state.restores += 1;
        let line = format!("{:?} {}: the ledger is restored", self.weather.age(), self.name);
        state.diary.push(line);
        drop(state);
        self.papers().ledger_is_restored();
        self.repeats().ledger_is_restored();
    }

    pub(crate) fn diary(&self) -> Vec<String> {
        self.state().diary.clone()
    }

    pub(crate) fn broken(&self) -> Vec<String> {
        self.state().broken.clone()
    }

    pub(crate) fn papers(&self) -> MutexGuard<'_, Papers> {
        self.papers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn repeats(&self) -> MutexGuard<'_, Repeats> {
        self.repeats.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many effects somebody who looks finds; `None` if one may still come.
    pub(crate) fn count(&self, own_id: &str) -> Option<usize> {
        let (state, case) = (self.state(), portal::case_of(own_id));
        let may_come = state.on_its_way.contains_key(own_id) || state.live.contains_key(&case);
        let of_it = state.effects.iter().filter(|effect| effect.own_id == own_id);
        (!may_come).then_some(of_it.count())
    }

    /// Whether there are more than `before`; `None` if that may still come.
    pub(crate) fn has_more(&self, own_id: &str, before: usize) -> Option<bool> {
        let state = self.state();
        let of_it = state.effects.iter().filter(|effect| effect.own_id == own_id);
        let is_there = before < of_it.count();
        drop(state);
        if is_there { Some(true) } else { self.count(own_id).map(|_| false) }
    }

    /// Nothing may be handed over from now on, or anything again.
    pub(crate) fn expect_pause(&self, is_paused: bool) {
        self.state().is_paused = is_paused;
    }

    /// Whether its calendar is closed now.
    fn is_closed(&self) -> bool {
        self.hours.as_ref().is_some_and(|hours| hours.are_over(self.weather.age()))
    }

    fn mood(&self, key: DeliveryKey) -> Mood {
        if self.weather.is_calm() {
            return Mood::Accept;
        }
        let mood = match self.weather.below(16) {
            0 | 1 => Mood::Fail(FailureKind::Transient),
            2 => Mood::Fail(FailureKind::Unavailable),
            3 => Mood::Fail(FailureKind::Rejected),
            4 => Mood::Fail(FailureKind::Uncertain),
            5 | 6 => Mood::Silent,
            7 => Mood::Late,
            8 => Mood::Hang,
            _ => Mood::Accept,
        };
        // What it took in before it does not refuse now.
        let is_known = self.state().taken_in.contains(&key);
        match mood {
            Mood::Fail(FailureKind::Rejected) if is_known => Mood::Accept,
            mood => mood,
        }
    }

    /// Processes what was sent, after a while, whoever waits.
    fn take_in(&self, effect: Effect, after: Duration) {
        {
            let mut state = self.state();
            state.taken_in.insert(effect.key);
            *state.on_its_way.entry(effect.own_id.clone()).or_default() += 1;
        }
        let (state, contract) = (Arc::clone(&self.state), self.contract);
        let processing = async move {
            tokio::time::sleep(after).await;
            let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(count) = state.on_its_way.get_mut(&effect.own_id) {
                *count -= 1;
            }
            state.on_its_way.retain(|_, count| *count != 0);
            let is_known = state.effects.iter().any(|other| other.key == effect.key);
            if !(is_known && contract == EffectContract::Deduplicates) {
                state.effects.push(effect);
            }
        };
        self.work.lock().unwrap_or_else(PoisonError::into_inner).spawn(processing);
    }
}

impl Desk {
    pub(crate) fn at(office: &Arc<Office>) -> Arc<Self> {
        Arc::new(Self { office: Arc::clone(office), dealings: Mutex::default() })
    }

    fn dealings(&self) -> MutexGuard<'_, Dealings> {
        self.dealings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How often it was unavailable to a message before; `None`: it is the first time it has to do with it.
    fn meets(&self, own_id: &str) -> Option<u32> {
        let mut dealings = self.dealings();
        let known = dealings.tried.get(own_id).copied();
        dealings.tried.entry(own_id.to_owned()).or_default();
        known
    }

    fn turned_away(&self, own_id: &str) {
        *self.dealings().tried.entry(own_id.to_owned()).or_default() += 1;
    }

    /// What began at `begun` was answered.
    fn answered(&self, begun: Instant) {
        let mut dealings = self.dealings();
        dealings.answered = dealings.answered.max(Some(begun));
    }

    /// It says to an attempt that began at `begun` that it is down, for how long or not. It may be
    /// believed to mean that message alone if others were answered meanwhile, unless it says that it is
    /// asked too often; and if it said so before, again and again.
    fn unavailable(&self, begun: Instant, own_id: &str, before: Option<u32>) -> Failure {
        let weather = &self.office.weather;
        let (says_how_long, is_for_all) = (weather.below(2) == 0, weather.below(3) == 0);
        self.turned_away(own_id);
        let mut dealings = self.dealings();
        let are_others_answered = dealings.answered.is_some_and(|others| begun <= others);
        let is_believed = match is_for_all {
            true => before.is_none_or(|times| times < GATE_CLOSINGS_MAX),
            false => before.is_none() && !are_others_answered,
        };
        if is_believed {
            dealings.down_since.get_or_insert_with(Instant::now);
        }
        let mut failure = FailureKind::Unavailable.because("AB-0000", "as the seed says");
        if says_how_long {
            failure = failure.with_wait(weather.within(Duration::from_secs(3)));
        }
        if is_for_all { failure.for_all() } else { failure }
    }

    /// Its dispatcher is gone with everything it had under way.
    pub(crate) fn leave(&self) {
        let Dealings { attempts, probes, .. } = *self.dealings();
        if (attempts, probes) != (0, 0) {
            let what = format!("connections outlive their process: {attempts}, {probes}");
            self.office.state().broken.push(what);
        }
    }
}

/// One attempt under way, however it ends.
struct Live<'o> {
    desk: &'o Desk,
    case: String,
}

impl<'o> Live<'o> {
    fn begin(desk: &'o Desk, effect: &Effect, attempt: &Attempt) -> Self {
        let (office, case) = (&desk.office, effect.case.clone());
        let (mut state, mut dealings) = (office.state(), desk.dealings());
        dealings.attempts += 1;
        *state.live.entry(case.clone()).or_default() += 1;
        let (at, number) = (office.weather.age(), attempt.number);
        let line = format!("{at:?} {}: {} attempt {number}", office.name, effect.own_id);
        let is_down = dealings.down_since.is_some_and(|since| ON_THE_WAY < since.elapsed());
        let now = Instant::now();
        dealings.begun.push_back(now);
        // One more than the burst took as long as the rate says, less what a slow ledger kept back.
        let too_fast = dealings.begun.iter().rev().nth(BURST as usize + 1);
        let is_too_fast = office.is_rated
            && too_fast.is_some_and(|first| now - *first < INTERVAL.saturating_sub(LATE_MAX));
        let is_known_to_work = 0 < dealings.answers && !dealings.was_away;
        let trusted = if is_known_to_work { CONCURRENCY } else { 1 + dealings.answers };
        let found = [
            (is_too_fast, "more than its rate"),
            (office.is_closed(), "handed over while its calendar is closed"),
            (trusted < dealings.attempts, "more at once than it is trusted with"),
            (state.is_paused, "a lease while paused"),
            (is_down, "a lease while the gate is closed"),
            (CONCURRENCY < dealings.attempts, "more attempts at once than configured"),
            (state.live.get(&case) != Some(&1), "two attempts of one case at once"),
        ];
        let broken = found.into_iter().filter(|(is_broken, _)| *is_broken);
        state.broken.extend(broken.map(|(_, what)| format!("{line}: {what}")));
        state.diary.push(line);
        Self { desk, case }
    }
}

impl Drop for Live<'_> {
    fn drop(&mut self) {
        self.desk.dealings().attempts -= 1;
        let mut state = self.desk.office.state();
        if let Some(count) = state.live.get_mut(&self.case) {
            *count -= 1;
            if *count == 0 {
                state.live.remove(&self.case);
            }
        }
    }
}

struct Probing<'o>(&'o Desk);

impl Drop for Probing<'_> {
    fn drop(&mut self) {
        self.0.dealings().probes -= 1;
    }
}

#[async_trait]
impl Adapter for Desk {
    fn contract(&self) -> EffectContract {
        self.office.contract
    }

    async fn deliver(&self, envelope: &Envelope, attempt: &Attempt) -> Result<Accepted> {
        let (head, office) = (&envelope.head, &self.office);
        let effect = Effect {
            own_id: head.own_id.as_ref().map(ToString::to_string).unwrap_or_default(),
            case: head.case_reference.clone().unwrap_or_default(),
            key: attempt.key,
            restores: office.state().restores,
        };
        let _live = Live::begin(self, &effect, attempt);
        let begun = Instant::now();
        let before = self.meets(&effect.own_id);
        let Payload::Inline(document) = &envelope.original else { panic!("nothing here is large") };
        if let Some(what) = office.papers().come(&effect.own_id, effect.key, document) {
            office.state().broken.push(format!("{}: {}: {what}", office.name, effect.own_id));
        }
        // On its way there; who dies now has sent nothing.
        if office.weather.below(2) == 0 {
            office.weather.takes(Duration::from_millis(300)).await;
        }
        let (mood, own_id) = (office.mood(attempt.key), effect.own_id.clone());
        let at = office.weather.age();
        office.state().diary.push(format!("{at:?} {}: {} {mood:?}", office.name, effect.own_id));
        let soon = office.weather.within(Duration::from_millis(500));
        match mood {
            Mood::Accept | Mood::Silent => office.take_in(effect, soon),
            Mood::Late => {
                office.take_in(effect, TIMEOUT + office.weather.within(VISIBLE_WITHIN / 2));
            }
            Mood::Hang => {}
            // Said after it took effect, or after it did not.
            Mood::Fail(FailureKind::Uncertain) if office.weather.below(2) == 0 => {
                office.take_in(effect, soon);
            }
            Mood::Fail(_) => {}
        }
        office.weather.takes(Duration::from_millis(500)).await;
        tokio::time::sleep(soon).await;
        self.dealings().answers += 1;
        if matches!(mood, Mood::Accept | Mood::Fail(FailureKind::Rejected)) {
            self.answered(begun);
        }
        match mood {
            Mood::Accept => Ok(Accepted { receipt: Some("file 1".to_owned()), replies: vec![] }),
            Mood::Silent | Mood::Late | Mood::Hang => std::future::pending().await,
            Mood::Fail(FailureKind::Unavailable) => Err(self.unavailable(begun, &own_id, before)),
            Mood::Fail(kind) => Err(kind.because("AB-0000", "as the seed says")),
        }
    }

    async fn find(&self, envelope: &Envelope, attempt: &Attempt) -> Result<Found> {
        let begun = Instant::now();
        let own_id = envelope.head.own_id.as_ref().map(ToString::to_string).unwrap_or_default();
        self.meets(&own_id);
        self.office.weather.takes(Duration::from_millis(300)).await;
        if let Err(away) = self.office.weather.may_be_away(6, "AB-0000") {
            self.turned_away(&own_id);
            return Err(away);
        }
        self.dealings().answers += 1;
        self.answered(begun);
        let is_there = self.office.effects().iter().any(|effect| effect.key == attempt.key);
        Ok(if is_there { Found::Yes(Accepted::default()) } else { Found::No })
    }

    async fn probe(&self) -> Result<()> {
        let probes = {
            let mut dealings = self.dealings();
            dealings.probes += 1;
            dealings.probes
        };
        let _probing = Probing(self);
        let office = &self.office;
        if probes != 1 {
            office.state().broken.push("two probes at once".to_owned());
        }
        office.weather.takes(Duration::from_millis(300)).await;
        let answer = office.weather.may_be_away(2, "AB-0000");
        let at = office.weather.age();
        office.state().diary.push(format!("{at:?} {}: probe {}", office.name, answer.is_ok()));
        answer?;
        let mut dealings = self.dealings();
        dealings.down_since = None;
        dealings.answers = 0;
        dealings.was_away = true;
        Ok(())
    }
}

impl fmt::Debug for Desk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Desk").field("office", &self.office.name).finish_non_exhaustive()
    }
}
