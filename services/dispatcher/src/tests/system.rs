//! A departmental system that says and does what a test wants, and keeps count.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use messaging::{
    Accepted, Adapter, Attempt, DeliveryKey, EffectContract, Envelope, Failure, FailureKind, Found,
    Payload, Result,
};
use tokio::time::Instant;

/// What the system does with one attempt; beyond the script it accepts.
#[derive(Clone, Copy, Debug)]
pub(super) enum Act {
    Accept,
    /// Takes effect and never answers.
    AcceptSilently,
    /// Never answers, nothing happens.
    Hang,
    Fail(FailureKind),
    /// Is not available, and says for how long.
    Later(Duration),
    /// Is asked too often, and says until when to wait.
    TooOften(Duration),
}

/// A departmental system: what it was asked, and what took effect.
#[derive(Debug)]
pub(super) struct System {
    pub(super) contract: EffectContract,
    pub(super) script: Mutex<VecDeque<Act>>,
    pub(super) arrivals: Mutex<Vec<(u32, Arrival)>>,
    /// What it does with every case whose name begins with `bad`.
    pub(super) bad: Mutex<Option<Act>>,
    pub(super) effects: Mutex<Vec<Arrival>>,
    pub(super) probes: Mutex<VecDeque<bool>>,
    pub(super) latency: Duration,
    /// When each arrival came, and with how many it was there, itself counted.
    pub(super) visits: Mutex<Vec<(Instant, usize)>>,
    present: AtomicUsize,
}

/// One that is there until it goes.
struct Visit<'a>(&'a AtomicUsize);

impl Drop for Visit<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// One message as it came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Arrival {
    pub(super) own_id: String,
    pub(super) case: String,
    pub(super) key: DeliveryKey,
    pub(super) document: String,
}

impl System {
    pub(super) fn new(contract: EffectContract, script: &[Act]) -> Arc<Self> {
        Arc::new(Self {
            contract,
            script: Mutex::new(script.iter().copied().collect()),
            arrivals: Mutex::default(),
            bad: Mutex::default(),
            effects: Mutex::default(),
            probes: Mutex::default(),
            latency: Duration::from_millis(20),
            visits: Mutex::default(),
            present: AtomicUsize::default(),
        })
    }

    pub(super) fn arrived(&self) -> Vec<String> {
        self.arrivals.lock().unwrap().iter().map(|(_, arrival)| arrival.own_id.clone()).collect()
    }

    pub(super) fn took_effect(&self) -> Vec<String> {
        self.effects.lock().unwrap().iter().map(|effect| effect.own_id.clone()).collect()
    }

    fn arrive(&self, envelope: &Envelope, attempt: &Attempt) -> (Arrival, Act) {
        let head = &envelope.head;
        let arrival = Arrival {
            own_id: head.own_id.as_ref().unwrap().to_string(),
            case: head.case_reference.clone().unwrap(),
            key: attempt.key,
            document: match &envelope.original {
                Payload::Inline(bytes) => String::from_utf8_lossy(bytes).into_owned(),
                Payload::Claim { .. } => String::new(),
            },
        };
        self.arrivals.lock().unwrap().push((attempt.number, arrival.clone()));
        let bad = *self.bad.lock().unwrap();
        let act = match bad.filter(|_| arrival.case.starts_with("bad")) {
            Some(act) => act,
            None => self.script.lock().unwrap().pop_front().unwrap_or(Act::Accept),
        };
        (arrival, act)
    }
}

#[async_trait]
impl Adapter for System {
    fn contract(&self) -> EffectContract {
        self.contract
    }

    async fn deliver(&self, envelope: &Envelope, attempt: &Attempt) -> Result<Accepted> {
        let together = self.present.fetch_add(1, Ordering::SeqCst) + 1;
        let _visit = Visit(&self.present);
        self.visits.lock().unwrap().push((Instant::now(), together));
        let (arrival, act) = self.arrive(envelope, attempt);
        tokio::time::sleep(self.latency).await;
        match act {
            Act::Accept | Act::AcceptSilently => {
                let mut effects = self.effects.lock().unwrap();
                let is_known = self.contract == EffectContract::Deduplicates
                    && effects.iter().any(|effect| effect.key == arrival.key);
                if !is_known {
                    effects.push(arrival);
                }
            }
            Act::Hang => {}
            Act::Fail(kind) => return Err(kind.because("AB-0000", "as the script says")),
            Act::Later(wait) => return Err(unavailable().with_wait(wait)),
            Act::TooOften(wait) => return Err(unavailable().with_wait(wait).for_all()),
        }
        if matches!(act, Act::AcceptSilently | Act::Hang) {
            std::future::pending::<()>().await;
        }
        Ok(Accepted { receipt: Some("file 1".to_owned()), replies: Vec::new() })
    }

    async fn find(&self, _: &Envelope, attempt: &Attempt) -> Result<Found> {
        let effects = self.effects.lock().unwrap();
        let is_there = effects.iter().any(|effect| effect.key == attempt.key);
        Ok(if is_there { Found::Yes(Accepted::default()) } else { Found::No })
    }

    async fn probe(&self) -> Result<()> {
        match self.probes.lock().unwrap().pop_front() {
            Some(false) => Err(FailureKind::Unavailable.because("AB-0000", "still down")),
            _ => Ok(()),
        }
    }
}

fn unavailable() -> Failure {
    FailureKind::Unavailable.because("AB-0000", "as the script says")
}
