//! A channel and a ledger that outlive dispatchers, and what is put into them.

use std::{
    collections::{BTreeMap, HashMap},
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use channels::{codec, memory::MemoryChannel};
use messaging::{
    Adapter, ApplicationHead, Authority, Channel as _, ChannelName, Claims, Clock, Command,
    CommandId, Domain, EndpointName, Envelope, Event, EventKind, GroupId, OperatorName, Order,
    Partition, Payload, Position, ProcedureName, Record, RetryPolicy, SenderName, Target,
    Timestamp, conformance::channel::Positions, identity,
};
use stores::{
    claims::MemoryClaims,
    ledger::{Restored, Retention, SqliteLedger, Switch},
};
use telemetry::{Metrics, Readiness};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

pub(super) use super::system::{Act, System};

use super::clerk::Clerk;
use crate::{AfterDeadLetter, Endpoint, Interest, Parts, run};

pub(super) const DAY: Duration = Duration::from_secs(86_400);

pub(super) const TIMEOUT: Duration = Duration::from_secs(10);

pub(super) const POLICY: RetryPolicy = RetryPolicy {
    initial_interval: Duration::from_secs(1),
    multiplier: 2.0,
    randomization_factor: 0.0,
    max_interval: Duration::from_secs(60),
    max_elapsed_time: None,
    attempts_max: 3,
};

pub(super) fn endpoint(name: &str, system: &Arc<System>) -> Endpoint {
    Endpoint {
        name: EndpointName::new(name).unwrap(),
        adapter: Arc::clone(system) as Arc<dyn Adapter>,
        interests: vec![Interest {
            domain: None,
            authority_prefix: "svb:14730".to_owned(),
            message_types: Vec::new(),
            test: false,
        }],
        policy: POLICY,
        concurrency: 4,
        rate: None,
        burst: 1,
        calendar: None,
        timeout: TIMEOUT,
        after_dead_letter: AfterDeadLetter::Hold,
    }
}

/// The world outlives dispatchers: channel, ledger file, claims.
pub(super) struct World {
    folder: PathBuf,
    pub(super) channel: MemoryChannel,
    claims: Arc<dyn Claims>,
    pub(super) metrics: Metrics,
    pub(super) retention: Retention,
    clock: Clock,
}

impl World {
    pub(super) fn new() -> Self {
        let folder = std::env::temp_dir().join(format!("dispatcher-{}", Uuid::new_v4()));
        std::fs::create_dir(&folder).unwrap();
        Self {
            folder,
            channel: MemoryChannel::new(clock()),
            claims: Arc::new(MemoryClaims::default()),
            metrics: Metrics::new(),
            retention: Retention {
                payload: 30 * DAY,
                payload_of: BTreeMap::new(),
                history: 400 * DAY,
                dedupe_horizon: 400 * DAY,
            },
            clock: clock(),
        }
    }

    pub(super) fn use_claims(&mut self, claims: Arc<dyn Claims>) {
        self.claims = claims;
    }

    /// Whenever `is_wrong`, the clock is ahead of time by `jump`.
    pub(super) fn jump_ahead(&mut self, is_wrong: Arc<AtomicBool>, jump: Duration) {
        let right = self.clock.clone();
        self.clock = Clock::new(move || match is_wrong.load(Ordering::SeqCst) {
            true => right.now().after(jump),
            false => right.now(),
        });
    }

    pub(super) fn ledger(&self) -> SqliteLedger {
        SqliteLedger::open_inline(&self.folder.join("ledger.sqlite")).unwrap()
    }

    /// Copies the ledger as it is at this moment.
    pub(super) fn back_up(&self) {
        let (ledger, backup) = (self.folder.join("ledger.sqlite"), self.folder.join("backup"));
        SqliteLedger::back_up(&ledger, &backup).unwrap();
    }

    /// Puts that copy in its place.
    pub(super) fn restore(&self) -> Restored {
        let (ledger, backup) = (self.folder.join("ledger.sqlite"), self.folder.join("backup"));
        SqliteLedger::restore(&backup, &ledger, self.clock.now()).unwrap()
    }

    /// As a topic that has so many partitions from the start.
    pub(super) fn part_channel(&mut self, partitions: u32) {
        self.channel = MemoryChannel::with_partitions(clock(), partitions);
    }

    /// How many records the ledger has admitted of the applications.
    pub(super) fn admitted(&self) -> u64 {
        let stands = SqliteLedger::standing(&self.folder.join("ledger.sqlite")).unwrap();
        let of_applications =
            stands.positions.iter().filter(|at| at.partition.channel == channel());
        of_applications.map(|at| at.offset).sum()
    }

    /// Gives the channel more partitions, and lets the ledger begin a generation where it stands.
    pub(super) fn switch(&mut self, former: u32, partitions: u32) {
        self.channel = self.channel.grown(partitions);
        let path = self.folder.join("ledger.sqlite");
        let stands = SqliteLedger::standing(&path).unwrap().positions;
        let first = |number| {
            let partition = Partition { channel: channel(), number };
            let known = stands.iter().find(|at| at.partition == partition);
            Position { offset: known.map_or(0, |at| at.offset), partition }
        };
        let wanted = Switch {
            former,
            partitions,
            firsts: (0..partitions).map(first).collect(),
            at: self.clock.now(),
            operator: "erika".to_owned(),
            reason: String::new(),
        };
        SqliteLedger::switch(&path, &wanted).unwrap();
    }

    /// As somebody who deletes the log and makes it again.
    pub(super) fn replace_channel(&mut self) {
        self.channel = MemoryChannel::new(clock());
    }

    /// A dispatcher that works until it is dropped or told to stop.
    pub(super) async fn dispatch(&self, endpoints: Vec<Endpoint>, stop: CancellationToken) {
        let parts = Parts {
            ledger: Arc::new(self.ledger()),
            channel: Arc::new(self.channel.clone()),
            claims: Arc::clone(&self.claims),
            channels: vec![channel()],
            endpoints,
            examiner: Arc::new(Clerk),
            clock: self.clock.clone(),
            retention: self.retention.clone(),
            metrics: self.metrics.clone(),
            ready: Readiness::new(),
            source: "test".to_owned(),
            seed: 1,
            drain_max: Duration::from_secs(30),
        };
        run(parts, stop).await.unwrap();
    }

    /// Dispatches until `done` says so, then ends the dispatcher without a word.
    pub(super) async fn dispatch_until(&self, endpoints: Vec<Endpoint>, done: impl Fn() -> bool) {
        let watching = async {
            while !done() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::select! {
            () = self.dispatch(endpoints, CancellationToken::new()) => {}
            () = watching => {}
            () = tokio::time::sleep(Duration::from_secs(48 * 3600)) => panic!("never done"),
        }
    }

    /// Does `script` while a dispatcher works, then ends the dispatcher without a word.
    pub(super) async fn while_dispatching<T>(
        &self,
        endpoints: Vec<Endpoint>,
        script: impl Future<Output = T>,
    ) -> T {
        tokio::select! {
            () = self.dispatch(endpoints, CancellationToken::new()) => unreachable!("it works on"),
            done = script => done,
            () = tokio::time::sleep(Duration::from_secs(48 * 3600)) => panic!("never done"),
        }
    }

    /// Appends a command of an operator.
    pub(super) async fn order(&self, endpoint: &str, order: Order) -> CommandId {
        let command = command(endpoint, order);
        let id = command.id;
        self.append(vec![codec::encode_command(&command, "test")]).await;
        id
    }

    /// Waits for the answer to a command.
    pub(super) async fn answer(&self, id: CommandId) -> Event {
        loop {
            let answer = self.events().await.into_iter().find(|event| match &event.kind {
                EventKind::CommandAccepted { command, .. }
                | EventKind::CommandRefused { command, .. } => *command == id,
                _ => false,
            });
            match answer {
                Some(answer) => return answer,
                None => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        }
    }

    /// Orders, and waits for the answer: the code if it was refused.
    pub(super) async fn obeyed(&self, endpoint: &str, order: Order) -> Option<String> {
        let id = self.order(endpoint, order).await;
        self.answer(id).await.code
    }

    pub(super) async fn submit(&self, own_id: &str, case: &str) {
        self.submit_by(self.channel.partitions(), own_id, case).await;
    }

    /// The same by a gateway that goes by so many partitions.
    pub(super) async fn submit_by(&self, partitions: Option<u32>, own_id: &str, case: &str) {
        let mut record = record(own_id, case, "<a/>");
        if let Some(partitions) = partitions {
            codec::write_partitions(&mut record, partitions);
        }
        self.append(vec![record]).await;
    }

    pub(super) async fn append(&self, records: Vec<Record>) {
        self.channel.append(records).await.unwrap();
    }

    /// Everything told on `channel` so far.
    pub(super) async fn told(&self, channel: ChannelName) -> Vec<Record> {
        let group = GroupId::new("test").unwrap();
        let mut subscription = self
            .channel
            .subscribe(&group, &[channel], Box::new(Positions::default()))
            .await
            .unwrap();
        let mut records = Vec::new();
        while let Some(batch) = subscription.receive(1_000, Duration::from_millis(1)).await.unwrap()
        {
            records.extend(
                batch.records.into_iter().map(|(_, _, record)| Arc::unwrap_or_clone(record)),
            );
        }
        records
    }

    pub(super) async fn events(&self) -> Vec<Event> {
        let records = self.told(ChannelName::status()).await;
        records.iter().map(|record| codec::decode_event(record).unwrap()).collect()
    }

    /// How often each kind of event was told.
    pub(super) async fn event_counts(&self) -> HashMap<&'static str, usize> {
        let mut counts = HashMap::new();
        for event in self.events().await {
            *counts.entry(event.kind.name()).or_default() += 1;
        }
        counts
    }
}

impl Drop for World {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.folder).ok();
    }
}

pub(super) fn command(endpoint: &str, order: Order) -> Command {
    Command {
        id: CommandId(Uuid::new_v4()),
        at: Timestamp(1_000_000),
        operator: OperatorName::new("erika").unwrap(),
        endpoint: EndpointName::new(endpoint).unwrap(),
        order,
        reason: None,
    }
}

/// The delivery of a message as it is, whatever that is.
pub(super) fn target(own_id: &str) -> Target {
    let sender = SenderName::new("portal").unwrap();
    let own_id = messaging::OwnId::new(own_id).unwrap();
    let sha256 = identity::sha256(b"<a/>", &[]);
    Target { message_id: identity::message_id(&sender, Some(&own_id), &sha256), seen: None }
}

/// Follows paused time, from a moment on that can be true.
fn clock() -> Clock {
    let start = tokio::time::Instant::now();
    Clock::new(move || Timestamp(1_800_000_000_000_000).after(start.elapsed()))
}

pub(super) fn channel() -> ChannelName {
    ChannelName::new("application.kfz").unwrap()
}

pub(super) fn record(own_id: &str, case: &str, document: &str) -> Record {
    record_for("svb:14730000", own_id, case, document)
}

pub(super) fn record_for(authority: &str, own_id: &str, case: &str, document: &str) -> Record {
    let sender = SenderName::new("portal").unwrap();
    let own_id = messaging::OwnId::new(own_id).unwrap();
    let sha256 = identity::sha256(document.as_bytes(), &[]);
    let message_id = identity::message_id(&sender, Some(&own_id), &sha256);
    let head = ApplicationHead {
        message_id,
        own_id: Some(own_id),
        case_id: identity::case_id(&sender, Some(case), message_id),
        case_reference: Some(case.to_owned()),
        refers_to: None,
        sender,
        authority: Authority::new(authority).unwrap(),
        further_authorities: Vec::new(),
        domain: Domain::new("kfz").unwrap(),
        service: None,
        procedure: ProcedureName {
            standard: "amtsbote-kfz".to_owned(),
            version: "1.0".to_owned(),
            message_type: "kfz.neuzulassung.0101".to_owned(),
        },
        is_test: false,
        sha256,
        received_at: Timestamp(1_000_000),
        trace: None,
    };
    let envelope = Envelope {
        head,
        original: Payload::Inline(Bytes::copy_from_slice(document.as_bytes())),
        normalised: None,
        canonical: Payload::Inline(Bytes::new()),
        media_type: "application/xml".to_owned(),
        attachments: Vec::new(),
        warnings: Vec::new(),
    };
    codec::encode_application(channel(), &envelope, "test")
}
