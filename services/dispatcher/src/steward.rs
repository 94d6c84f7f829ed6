//! Shares a ledger with other dispatchers: beats, takes endpoints nobody serves, and looks what others
//! have admitted and what operators have ordered.
//!
//! Another's endpoint is taken only after its counter stood still for the whole lease, on our own
//! monotonic clock, and only while the counter still is what was seen.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use messaging::{Partition, Result};
use stores::ledger::{
    Beat, Claim, EndpointRow, FollowedMessage, Ledger, Owned, Round, Shared, Tenure, WaitingOrder,
    Writer,
};
use telemetry::Check;
use tokio::{sync::mpsc, time::Instant};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::codes;

/// Between two beats.
const BEAT_EVERY: Duration = Duration::from_secs(1);
/// Between two looks at what others did.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// Messages followed in one go.
const FOLLOWED_MAX: u32 = 1_000;
/// Commands given to the engine in one go.
const ORDERS_MAX: u32 = 100;
/// A dispatcher whose counter stood still for so long has events told by others.
const ESTATE_AFTER: Duration = Duration::from_secs(10);

/// What the engine is told.
#[derive(Debug)]
pub(crate) enum Notice {
    /// Endpoints are ours now; and whether their former owner was seen to stand still for a lease.
    Taken(Vec<(Tenure, bool)>),
    /// An endpoint is another's.
    Lost(EndpointRow),
    /// The subscriptions have changed.
    Outdated,
    /// Messages at offsets from the first to below the second; some may be known already.
    Followed(Partition, (u64, u64), Vec<FollowedMessage>),
    /// Commands for endpoints of ours.
    Ordered(Vec<WaitingOrder>),
}

/// How far the schedule has followed the ledger; the engine writes it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Followed(Arc<Mutex<HashMap<Partition, u64>>>);

impl Followed {
    pub(crate) fn get(&self, partition: &Partition) -> u64 {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(partition).copied().unwrap_or(0)
    }

    pub(crate) fn set(&self, partition: &Partition, next: u64) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(partition.clone(), next);
    }
}

/// Dispatchers that are gone and left something to tell.
#[derive(Clone, Debug, Default)]
pub(crate) struct Estates(Arc<Mutex<Vec<Writer>>>);

impl Estates {
    pub(crate) fn take(&self) -> Vec<Writer> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn set(&self, writers: Vec<Writer>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = writers;
    }
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Steward {
    pub(crate) ledger: Arc<dyn Ledger>,
    /// Endpoints this dispatcher may own, and the leases it holds them under.
    pub(crate) wanted: Vec<(EndpointRow, Duration)>,
    pub(crate) followed: Followed,
    pub(crate) estates: Estates,
    /// Of the subscriptions the engine began with.
    pub(crate) version: u64,
    pub(crate) ready: Check,
    /// What is told once, and never waits.
    pub(crate) tenures: mpsc::UnboundedSender<Notice>,
    /// What is told again if there is no place for it now.
    pub(crate) notices: mpsc::Sender<Notice>,
}

impl Steward {
    /// Works until nobody listens any more; from `shutdown` on it takes nothing new. Dropping it loses
    /// nothing: what it owns is taken by others in time.
    pub(crate) async fn run(self, shutdown: CancellationToken) {
        let Some(shared) = self.ledger.shared() else { return };
        let mine = Mutex::new(HashMap::new());
        tokio::select! {
            biased;
            () = self.tenures.closed() => {}
            () = self.beat(shared, &mine, &shutdown) => {}
            () = self.look(shared, &mine) => {}
        }
    }

    async fn beat(
        &self,
        shared: &dyn Shared,
        mine: &Mutex<HashMap<EndpointRow, u64>>,
        shutdown: &CancellationToken,
    ) {
        let mut watch = Watch::default();
        loop {
            match self.round(shared, mine, &mut watch, shutdown.is_cancelled()).await {
                Ok(()) => self.ready.ready(),
                Err(failure) => {
                    // Whoever could not be seen was not seen to stand still.
                    watch.forget();
                    warn!(code = failure.code(), cause = failure.report(), "no beat");
                    self.ready.not_ready(failure.report());
                }
            }
            tokio::time::sleep(BEAT_EVERY).await;
        }
    }

    async fn round(
        &self,
        shared: &dyn Shared,
        mine: &Mutex<HashMap<EndpointRow, u64>>,
        watch: &mut Watch,
        is_ending: bool,
    ) -> Result<()> {
        let round = shared.beat().await?;
        let now = Instant::now();
        watch.see(&round.beats, now);
        self.estates.set(watch.gone(&round.untold, now));
        self.compare(shared.writer(), &round, mine);
        let claims = claims(&self.wanted, &round, shared.writer(), watch, now);
        if claims.is_empty() || is_ending {
            return Ok(());
        }
        let stood_still: HashSet<EndpointRow> = claims
            .iter()
            .filter(|claim| claim.stands_still.is_some())
            .map(|claim| claim.endpoint)
            .collect();
        let taken = shared.claim(claims).await?;
        self.taken(&taken, |endpoint| stood_still.contains(&endpoint), mine);
        Ok(())
    }

    /// What the ledger says of our tenures is what they are: an answer may have been lost.
    fn compare(&self, me: Writer, round: &Round, mine: &Mutex<HashMap<EndpointRow, u64>>) {
        let ours = |owned: &&Owned| owned.owner == Some(me);
        let owned: HashMap<EndpointRow, u64> =
            round.owned.iter().filter(ours).map(|it| (it.endpoint, it.fence)).collect();
        let mut known = mine.lock().unwrap_or_else(PoisonError::into_inner);
        let is_lost = |(endpoint, fence): (&EndpointRow, &u64)| {
            (owned.get(endpoint) != Some(fence)).then_some(*endpoint)
        };
        let lost: Vec<EndpointRow> = known.iter().filter_map(is_lost).collect();
        for endpoint in lost {
            warn!(row = endpoint.0, code = codes::TENURE_LOST, "an endpoint is another's now");
            known.remove(&endpoint);
            self.tenures.send(Notice::Lost(endpoint)).ok();
        }
        let new = owned.into_iter().filter(|(endpoint, _)| !known.contains_key(endpoint));
        let new: Vec<Tenure> = new.map(|(endpoint, fence)| Tenure { endpoint, fence }).collect();
        drop(known);
        self.taken(&new, |_| false, mine);
    }

    fn taken(
        &self,
        taken: &[Tenure],
        stood_still: impl Fn(EndpointRow) -> bool,
        mine: &Mutex<HashMap<EndpointRow, u64>>,
    ) {
        if taken.is_empty() {
            return;
        }
        info!(endpoints = taken.len(), "endpoints are served from here now");
        let mut known = mine.lock().unwrap_or_else(PoisonError::into_inner);
        known.extend(taken.iter().map(|tenure| (tenure.endpoint, tenure.fence)));
        let told = taken.iter().map(|tenure| (*tenure, stood_still(tenure.endpoint))).collect();
        self.tenures.send(Notice::Taken(told)).ok();
    }

    async fn look(&self, shared: &dyn Shared, mine: &Mutex<HashMap<EndpointRow, u64>>) {
        let mut version = self.version;
        loop {
            // A failure is told by the beat.
            self.look_once(shared, mine, &mut version).await.ok();
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    async fn look_once(
        &self,
        shared: &dyn Shared,
        mine: &Mutex<HashMap<EndpointRow, u64>>,
        version: &mut u64,
    ) -> Result<()> {
        let look = shared.look().await?;
        if look.subscriptions_version != *version {
            *version = look.subscriptions_version;
            self.notices.send(Notice::Outdated).await.ok();
        }
        let known = || -> Vec<EndpointRow> {
            mine.lock().unwrap_or_else(PoisonError::into_inner).keys().copied().collect()
        };
        for (partition, position) in &look.positions {
            let mut from = self.followed.get(partition);
            while from < *position {
                let range = (from, *position);
                let messages = shared.follow(partition, range, known(), FOLLOWED_MAX).await?;
                let is_full = messages.len() == FOLLOWED_MAX as usize;
                let last = messages.last().map(|message| message.offset + 1);
                let until = last.filter(|_| is_full).unwrap_or(*position);
                let notice = Notice::Followed(partition.clone(), (from, until), messages);
                self.notices.send(notice).await.ok();
                from = until;
            }
        }
        let known = known();
        let ordered: Vec<EndpointRow> =
            look.ordered.into_iter().filter(|endpoint| known.contains(endpoint)).collect();
        if !ordered.is_empty() {
            let orders = shared.waiting_orders(ordered, ORDERS_MAX).await?;
            self.notices.send(Notice::Ordered(orders)).await.ok();
        }
        Ok(())
    }
}

/// How long each counter has been seen to stand still.
#[derive(Debug, Default)]
struct Watch(HashMap<Writer, (u64, Instant)>);

impl Watch {
    fn see(&mut self, beats: &[Beat], now: Instant) {
        for Beat { writer, count } in beats {
            let seen = self.0.entry(*writer).or_insert((*count, now));
            if seen.0 != *count {
                *seen = (*count, now);
            }
        }
        self.0.retain(|writer, _| beats.iter().any(|beat| beat.writer == *writer));
    }

    fn forget(&mut self) {
        self.0.clear();
    }

    /// Its counter, if that stood still for `time`.
    fn stands_still(&self, writer: Writer, time: Duration, now: Instant) -> Option<Beat> {
        let (count, since) = *self.0.get(&writer)?;
        (time <= now.duration_since(since)).then_some(Beat { writer, count })
    }

    fn gone(&self, untold: &[Writer], now: Instant) -> Vec<Writer> {
        let is_gone = |writer: &Writer| self.stands_still(*writer, ESTATE_AFTER, now).is_some();
        untold.iter().copied().filter(is_gone).collect()
    }
}

/// What may be taken: what nobody owns, and what the owner has left alone for a whole lease.
fn claims(
    wanted: &[(EndpointRow, Duration)],
    round: &Round,
    me: Writer,
    watch: &Watch,
    now: Instant,
) -> Vec<Claim> {
    let claim = |(endpoint, lease): &(EndpointRow, Duration)| {
        let owned = round.owned.iter().find(|owned| owned.endpoint == *endpoint)?;
        let stands_still = match owned.owner {
            Some(owner) if owner == me => return None,
            // The longer one of its lease and ours: both must be over.
            Some(owner) => Some(watch.stands_still(owner, owned.lease.max(*lease), now)?),
            None => None,
        };
        Some(Claim { endpoint: *endpoint, lease: *lease, stands_still })
    };
    wanted.iter().filter_map(claim).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEASE: Duration = Duration::from_secs(10);
    const ME: Writer = Writer(2);
    const OTHER: Writer = Writer(1);

    fn round(owner: Option<Writer>, count: u64) -> Round {
        let endpoint = EndpointRow(1);
        Round {
            beats: vec![Beat { writer: OTHER, count }, Beat { writer: ME, count: 7 }],
            owned: vec![Owned { endpoint, owner, fence: 1, lease: LEASE }],
            untold: Vec::new(),
        }
    }

    /// Whether the endpoint is claimed at each second, given the owner's counter then.
    fn claimed(counts: &[u64], lost_sight_at: Option<usize>) -> Vec<bool> {
        let (mut watch, start) = (Watch::default(), Instant::now());
        let second = |(second, count): (usize, &u64)| {
            let now = start + Duration::from_secs(second as u64);
            if lost_sight_at == Some(second) {
                watch.forget();
            }
            let round = round(Some(OTHER), *count);
            watch.see(&round.beats, now);
            !claims(&[(EndpointRow(1), LEASE)], &round, ME, &watch, now).is_empty()
        };
        counts.iter().enumerate().map(second).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn an_endpoint_is_taken_only_after_its_owner_stood_still_for_the_whole_lease() {
        let expected: Vec<bool> = (0..13).map(|second| 10 <= second).collect();
        assert_eq!(claimed(&[5; 13], None), expected);
        let mut beating = [5; 13];
        beating[9..].fill(6);
        assert_eq!(claimed(&beating, None), [false; 13], "it beat in the last second");
        assert_eq!(claimed(&[5; 13], Some(4)), [false; 13], "nobody saw it for a moment");
    }

    #[tokio::test(start_paused = true)]
    async fn what_nobody_owns_is_taken_at_once_and_ones_own_is_not_taken_again() {
        let (watch, now) = (Watch::default(), Instant::now());
        let wanted = [(EndpointRow(1), LEASE)];
        for (owner, expected) in [(None, 1), (Some(ME), 0), (Some(OTHER), 0)] {
            let claims = claims(&wanted, &round(owner, 5), ME, &watch, now);
            assert_eq!(claims.len(), expected, "{owner:?}");
        }
    }
}
