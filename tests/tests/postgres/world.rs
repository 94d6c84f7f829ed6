//! Dispatchers on one ledger, each on a thread of its own, which can be killed and stopped dead; one
//! channel, and departmental systems that count.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, mpsc},
    thread::JoinHandle,
    time::Duration,
};

use async_trait::async_trait;
use axum::body::Bytes;
use channels::{codec, memory::MemoryChannel};
use dispatcher::{AfterDeadLetter, Endpoint, Examined, Examinee, Examiner, Interest, Parts};
use messaging::{
    Accepted, Adapter, ApplicationHead, Attempt, Authority, Channel as _, ChannelName, Clock,
    Command, Domain, EffectContract, EndpointName, Envelope, Event, Found, GroupId, OwnId, Payload,
    ProcedureName, Record, Result, RetryPolicy, SenderName, Timestamp,
    conformance::channel::Positions, identity,
};
use stores::{
    PostgresSettings,
    claims::MemoryClaims,
    ledger::{PgLedger, Retention},
};
use telemetry::{Metrics, Readiness};
use tests::postgres::Postgres;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::settings;

/// Longest attempt of an endpoint; its lease is 5 s then.
pub(super) const TIMEOUT: Duration = Duration::from_secs(2);
/// Longer than any lease, and than any of this takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(90);
const DAY: Duration = Duration::from_secs(86_400);

/// A departmental system: every arrival with its key, in order, and the attempt it came in.
#[derive(Debug)]
pub(super) struct System {
    contract: EffectContract,
    latency: Duration,
    pub(super) arrivals: Mutex<Vec<(String, String)>>,
}

impl System {
    pub(super) fn new(contract: EffectContract, latency: Duration) -> Arc<Self> {
        Arc::new(Self { contract, latency, arrivals: Mutex::default() })
    }

    /// How often each message came.
    pub(super) fn counts(&self) -> HashMap<String, usize> {
        let mut counts = HashMap::new();
        for (own_id, _) in self.arrivals.lock().expect("no panic").iter() {
            *counts.entry(own_id.clone()).or_default() += 1;
        }
        counts
    }

    /// Messages of each case, in the order in which they came first.
    pub(super) fn by_case(&self) -> BTreeMap<String, Vec<String>> {
        let mut cases: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (own_id, case) in self.arrivals.lock().expect("no panic").iter() {
            let of = cases.entry(case.clone()).or_default();
            if !of.contains(own_id) {
                of.push(own_id.clone());
            }
        }
        cases
    }
}

#[async_trait]
impl Adapter for System {
    fn contract(&self) -> EffectContract {
        self.contract
    }

    async fn deliver(&self, envelope: &Envelope, _: &Attempt) -> Result<Accepted> {
        let head = &envelope.head;
        let own_id = head.own_id.as_ref().expect("it has one").to_string();
        let case = head.case_reference.clone().expect("it has one");
        self.arrivals.lock().expect("no panic").push((own_id, case));
        tokio::time::sleep(self.latency).await;
        Ok(Accepted::default())
    }

    async fn find(&self, _: &Envelope, _: &Attempt) -> Result<Found> {
        Ok(Found::No)
    }

    async fn probe(&self) -> Result<()> {
        Ok(())
    }
}

pub(super) fn endpoint(name: &str, authority: &str, system: &Arc<System>) -> Endpoint {
    Endpoint {
        name: EndpointName::new(name).expect("a name"),
        adapter: Arc::clone(system) as Arc<dyn Adapter>,
        interests: vec![Interest {
            domain: None,
            authority_prefix: authority.to_owned(),
            message_types: Vec::new(),
            test: false,
        }],
        policy: RetryPolicy {
            initial_interval: Duration::from_millis(100),
            multiplier: 2.0,
            randomization_factor: 0.0,
            max_interval: Duration::from_secs(1),
            max_elapsed_time: None,
            attempts_max: 20,
        },
        concurrency: 4,
        rate: None,
        burst: 1,
        calendar: None,
        timeout: TIMEOUT,
        after_dead_letter: AfterDeadLetter::Hold,
    }
}

/// The server, and the channel.
pub(super) struct World {
    pub(super) postgres: Postgres,
    pub(super) settings: PostgresSettings,
    pub(super) channel: MemoryChannel,
}

impl World {
    pub(super) fn new(test: &str) -> Option<Self> {
        let postgres = Postgres::start(test)?;
        let settings = settings(&postgres);
        let channel = MemoryChannel::with_partitions(Clock::fixed(Timestamp(1)), 3);
        Some(Self { postgres, settings, channel })
    }

    pub(super) fn dispatch(&self, name: &str, endpoints: Vec<Endpoint>) -> Running {
        Running::start(self.settings.clone(), self.channel.clone(), name.to_owned(), endpoints)
    }

    pub(super) async fn submit(&self, authority: &str, own_id: &str, case: &str) {
        let record = record(authority, own_id, case);
        self.channel.append(vec![record]).await.expect("memory");
    }

    pub(super) async fn order(&self, command: &Command) {
        let record = codec::encode_command(command, "test");
        self.channel.append(vec![record]).await.expect("memory");
    }

    /// A number the ledger counts.
    pub(super) fn count(&self, what: &str) -> usize {
        let of = format!("SELECT count(*) FROM {}_ledger.{what}", self.settings.prefix);
        self.postgres.sql(&of).parse().expect("a number")
    }

    /// What was told on `status`.
    pub(super) async fn events(&self) -> Vec<Event> {
        let group = GroupId::new("test").expect("a name");
        let positions = Box::new(Positions::default());
        let subscribed = self.channel.subscribe(&group, &[ChannelName::status()], positions).await;
        let mut subscription = subscribed.expect("memory");
        let mut events = Vec::new();
        let moment = Duration::from_millis(1);
        while let Some(batch) = subscription.receive(1_000, moment).await.expect("memory") {
            let decoded = batch.records.iter().map(|(_, _, record)| codec::decode_event(record));
            events.extend(decoded.map(|event| event.expect("ours")));
        }
        events
    }
}

/// A dispatcher on a thread of its own.
pub(super) struct Running {
    stop: CancellationToken,
    kill: CancellationToken,
    stalls: tokio::sync::mpsc::UnboundedSender<Duration>,
    thread: JoinHandle<Option<messaging::Failure>>,
}

impl Running {
    fn start(
        settings: PostgresSettings,
        channel: MemoryChannel,
        name: String,
        endpoints: Vec<Endpoint>,
    ) -> Self {
        let (stop, kill) = (CancellationToken::new(), CancellationToken::new());
        let (stalls, mut stalled) = tokio::sync::mpsc::unbounded_channel();
        let (begun, begins) = mpsc::channel();
        let (stopped, killed) = (stop.clone(), kill.clone());
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let runtime = runtime.expect("a runtime");
            let outcome = runtime.block_on(async {
                let ledger = PgLedger::open(&settings, &name).await.expect("it opens");
                begun.send(()).expect("somebody waits");
                let work = dispatcher::run(parts(ledger, channel, endpoints), stopped);
                let stalling = async {
                    while let Some(time) = stalled.recv().await {
                        // The whole thread: beats, attempts and the connection stand still.
                        stand_still(time);
                    }
                    std::future::pending::<()>().await;
                };
                tokio::select! {
                    biased;
                    () = killed.cancelled() => None,
                    () = stalling => None,
                    ended = work => ended.err(),
                }
            });
            runtime.shutdown_background();
            outcome
        });
        begins.recv_timeout(PATIENCE).expect("it begins");
        Self { stop, kill, stalls, thread }
    }

    /// Ends it in the middle of whatever it does.
    pub(super) fn kill(self) {
        self.kill.cancel();
        self.thread.join().expect("no panic");
    }

    /// Ends it orderly.
    pub(super) fn stop(self) {
        self.stop.cancel();
        let failure = self.thread.join().expect("no panic");
        assert!(failure.is_none(), "{failure:?}");
    }

    /// It stands still for so long from now on.
    pub(super) fn stall(&self, time: Duration) {
        self.stalls.send(time).expect("it works");
    }
}

#[allow(clippy::disallowed_methods, reason = "it is to block the runtime")]
fn stand_still(time: Duration) {
    std::thread::sleep(time);
}

/// Whatever is asked about is what [`record`] makes.
#[derive(Debug)]
struct Agreeable;

#[async_trait]
impl Examiner for Agreeable {
    async fn examine(&self, document: Bytes) -> Examined {
        Examined::Valid(Box::new(Examinee {
            procedure: procedure(),
            own_id: None,
            case_reference: None,
            authority: None,
            further_authorities: Vec::new(),
            is_test: false,
            normalised: None,
            canonical: document,
            media_type: "application/xml".to_owned(),
            attachments: Vec::new(),
            warnings: Vec::new(),
        }))
    }
}

fn procedure() -> ProcedureName {
    ProcedureName {
        standard: "amtsbote-kfz".to_owned(),
        version: "1.0".to_owned(),
        message_type: "kfz.neuzulassung.0101".to_owned(),
    }
}

fn parts(ledger: PgLedger, channel: MemoryChannel, endpoints: Vec<Endpoint>) -> Parts {
    Parts {
        ledger: Arc::new(ledger),
        channel: Arc::new(channel),
        claims: Arc::new(MemoryClaims::default()),
        channels: vec![application_channel()],
        endpoints,
        clock: Clock::fixed(Timestamp(1_800_000_000_000_000)),
        examiner: Arc::new(Agreeable),
        retention: Retention {
            payload: 30 * DAY,
            payload_of: BTreeMap::new(),
            history: 400 * DAY,
            dedupe_horizon: 400 * DAY,
        },
        metrics: Metrics::new(),
        ready: Readiness::new(),
        source: "test".to_owned(),
        seed: 1,
        drain_max: Duration::from_secs(10),
    }
}

/// Waits until something is so.
pub(super) async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < end, "never: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn application_channel() -> ChannelName {
    ChannelName::new("application.kfz").expect("a name")
}

fn record(authority: &str, own_id: &str, case: &str) -> Record {
    let sender = SenderName::new("portal").expect("a name");
    let own_id = OwnId::new(own_id).expect("an id");
    let document = b"<a/>";
    let sha256 = identity::sha256(document, &[]);
    let message_id = identity::message_id(&sender, Some(&own_id), &sha256);
    let head = ApplicationHead {
        message_id,
        own_id: Some(own_id),
        case_id: identity::case_id(&sender, Some(case), message_id),
        case_reference: Some(case.to_owned()),
        refers_to: None,
        sender,
        authority: Authority::new(authority).expect("an authority"),
        further_authorities: Vec::new(),
        domain: Domain::new("kfz").expect("a domain"),
        service: None,
        procedure: procedure(),
        is_test: false,
        sha256,
        received_at: Timestamp(1_000_000),
        trace: None,
    };
    let envelope = Envelope {
        head,
        original: Payload::Inline(Bytes::from_static(document)),
        normalised: None,
        canonical: Payload::Inline(Bytes::new()),
        media_type: "application/xml".to_owned(),
        attachments: Vec::new(),
        warnings: Vec::new(),
    };
    codec::encode_application(application_channel(), &envelope, "test")
}
