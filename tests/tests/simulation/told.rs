//! What the world was told: the records of `status` and `dead`, as the console would read them.

use std::{
    collections::{BTreeMap, HashMap},
    ops::RangeInclusive,
    sync::Arc,
    time::Duration,
};

use channels::{codec, memory::MemoryChannel};
use messaging::{
    Channel as _, ChannelName, CommandId, DeliveryVersion, Event, EventKind, GroupId, MessageId,
    OwnId, Record, SenderName, Subscription, conformance::channel::Positions, identity,
};

/// Every event once, in the order in which it was told first.
#[derive(Debug)]
pub(crate) struct Told {
    reader: Box<dyn Subscription>,
    by_id: HashMap<String, usize>,
    pub(crate) events: Vec<Event>,
    /// Events told twice under one id and not the same.
    pub(crate) contradictions: Vec<String>,
    /// Numbers of deliveries that were given out after the backup that is the ledger now.
    lost: Option<RangeInclusive<u64>>,
}

impl Told {
    pub(crate) async fn of(channel: &MemoryChannel) -> Self {
        let reader = read(channel, ChannelName::status()).await;
        let (events, contradictions) = (Vec::new(), Vec::new());
        Self { reader, by_id: HashMap::new(), events, contradictions, lost: None }
    }

    /// Reads what was told since.
    pub(crate) async fn catch_up(&mut self) {
        for record in rest_of(&mut *self.reader).await {
            let event = codec::decode_event(&record).expect("an event of ours");
            match self.by_id.get(&event.id).and_then(|at| self.events.get(*at)) {
                None => {
                    self.by_id.insert(event.id.clone(), self.events.len());
                    self.events.push(event);
                }
                // One that was not told yet when its process ended is told at its own time.
                Some(known) if known.kind == event.kind && known.delivery == event.delivery => {}
                Some(_) => self.contradictions.push(event.id),
            }
        }
    }

    /// What was answered to an order, if it was: the code if it was refused.
    pub(crate) fn answer(&self, id: CommandId) -> Option<Option<String>> {
        let answer = self.events.iter().rev().find(|event| match &event.kind {
            EventKind::CommandAccepted { command, .. }
            | EventKind::CommandRefused { command, .. } => *command == id,
            _ => false,
        });
        answer.map(|answer| answer.code.clone())
    }

    /// The ledger does not know these deliveries any more: what was told of them counts no more.
    pub(crate) fn ledger_is_restored(&mut self, lost: RangeInclusive<u64>) {
        self.lost = Some(lost);
    }

    /// What was told last of each delivery to `endpoint` that the ledger has.
    pub(crate) fn last(&self, endpoint: &str) -> Lasts {
        let names: HashMap<MessageId, String> = own_ids().collect();
        let mut lasts = Lasts::new();
        let is_lost = |delivery: u64| self.lost.as_ref().is_some_and(|it| it.contains(&delivery));
        for event in &self.events {
            let (Some(message), Some(version)) = (event.message_id, &event.delivery) else {
                continue;
            };
            let order = |version: &DeliveryVersion| (version.epoch, version.version);
            let known = lasts.get(&version.delivery);
            if version.endpoint.as_str() == endpoint
                && known.map(|last| order(&last.version)) < Some(order(version))
                && !is_lost(version.delivery)
            {
                let is_repeat = known.is_some_and(|last| last.is_repeat);
                let last = Last {
                    message,
                    version: version.clone(),
                    own_id: names.get(&message).cloned().unwrap_or_default(),
                    is_question: event.kind == EventKind::Uncertain { is_question: true },
                    is_repeat: is_repeat || ordered_as_its_own(event).is_some(),
                };
                lasts.insert(version.delivery, last);
            }
        }
        lasts
    }
}

/// By which command a delivery of its own was ordered, if that is what is told.
pub(crate) fn ordered_as_its_own(event: &Event) -> Option<&str> {
    let cause = event.cause.as_ref().filter(|_| event.kind == EventKind::Replayed)?;
    Some(cause.strip_prefix("ordered by command ")?.split_once(" as a delivery of its own")?.0)
}

/// The epoch in which something about an order was told; its id says so, nothing else does.
pub(crate) fn epoch_of(event: &Event) -> u32 {
    let of_order = event.id.split("-command-").next().and_then(|ledger| ledger.rsplit('-').next());
    of_order.and_then(|epoch| epoch.parse().ok()).expect("the id of an event about an order")
}

/// By delivery.
pub(crate) type Lasts = BTreeMap<u64, Last>;

/// Where a delivery stands.
#[derive(Debug)]
pub(crate) struct Last {
    pub(crate) message: MessageId,
    pub(crate) version: DeliveryVersion,
    pub(crate) own_id: String,
    /// Whether a person was asked.
    pub(crate) is_question: bool,
    /// Ordered of a message of which another one was over.
    pub(crate) is_repeat: bool,
}

/// Everything on `name` so far.
pub(crate) async fn records(channel: &MemoryChannel, name: ChannelName) -> Vec<Arc<Record>> {
    rest_of(&mut *read(channel, name).await).await
}

async fn read(channel: &MemoryChannel, name: ChannelName) -> Box<dyn Subscription> {
    let group = GroupId::new("reader").expect("a name");
    let positions = Box::new(Positions::default());
    channel.subscribe(&group, &[name], positions).await.expect("in memory")
}

async fn rest_of(reader: &mut dyn Subscription) -> Vec<Arc<Record>> {
    let mut records = Vec::new();
    while let Some(batch) = reader.receive(10_000, Duration::ZERO).await.expect("in memory") {
        records.extend(batch.records.into_iter().map(|(_, _, record)| record));
    }
    records
}

fn own_ids() -> impl Iterator<Item = (MessageId, String)> {
    let sender = SenderName::new("portal").expect("a sender");
    (0..super::MESSAGES).map(move |number| {
        let own_id = format!("m{number:03}");
        let name = OwnId::new(&own_id).expect("an id");
        let sha256 = identity::sha256(&super::portal::document(&own_id), &[]);
        (identity::message_id(&sender, Some(&name), &sha256), own_id)
    })
}
