//! What goes into the ledger and comes out of it.

use std::collections::{HashMap, HashSet};

use bytes::Bytes;
use messaging::{
    CaseId, ClaimId, DeliveryState, EndpointName, GroupId, MessageId, Partition, SenderName,
    Sha256, Timestamp,
};

use super::{
    bulks::{BulkItemRow, BulkRow, OpenBulk},
    edits::EditRow,
    orders::{CommandRow, Obeyed, PauseRow},
    shared::Tenure,
};

/// Declares a row number.
macro_rules! row {
    ($(#[$doc:meta])* $type:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $type(pub i64);
    };
}

row! {
    /// One message bound for one endpoint.
    DeliveryId
}
row! {
    /// One admitted message.
    MessageRow
}
row! {
    /// One endpoint, also a former one.
    EndpointRow
}
row! {
    /// One batch of deliveries handed out together.
    IntentRow
}

/// Which ledger this is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerIdentity {
    /// Made with the ledger; also its group on channels.
    pub id: GroupId,
    /// 1 for a new ledger; grows with each restore from a backup, and is no other restore's.
    pub epoch: u32,
    /// Counts starts of a process on it; part of event ids.
    pub start: u64,
}

impl LedgerIdentity {
    /// Whether it was restored from a backup, and knows nothing of what was done after that.
    #[must_use]
    pub fn is_restored(&self) -> bool {
        self.epoch != 1
    }
}

/// An endpoint as configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointSpec {
    /// Its name.
    pub name: EndpointName,
    /// What it subscribes to, in a stable notation: another text is another subscription.
    pub interests: String,
}

/// What the schedule is rebuilt from.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// Rows of the endpoints given, in their order.
    pub endpoints: Vec<EndpointRow>,
    /// Grows when an endpoint comes, goes or changes its interests.
    pub subscriptions_version: u64,
    /// Whether it grew just now: unrouted messages may have found an endpoint.
    pub subscriptions_changed: bool,
    /// First 8 bytes of each message id admitted so far, and its row.
    pub fingerprints: Vec<(u64, MessageRow)>,
    /// Deliveries that are not final, by (endpoint, generation, partition, offset): see
    /// [`super::numbering`].
    pub open: Vec<OpenDelivery>,
    /// Those of them that are uncertain since an earlier start found their last attempt interrupted.
    pub doubtful: HashSet<DeliveryId>,
    /// Those that are uncertain because the ledger was restored from a backup, and are as that left
    /// them.
    pub restored: HashSet<DeliveryId>,
    /// Those of a restored ledger that were never tried, as far as it knows, whatever else has changed
    /// their version.
    pub untried: HashSet<DeliveryId>,
    /// What the former process may have sent and did not settle: delivery and version then.
    pub interrupted: Vec<(DeliveryId, u64)>,
    /// Endpoints that an operator has paused.
    pub paused: HashMap<EndpointRow, PauseRow>,
    /// Bulks that were not done, oldest first.
    pub bulks: Vec<OpenBulk>,
    /// Endpoints that are not configured any more.
    pub former: HashMap<EndpointRow, EndpointName>,
    /// Intents to be ended with `interrupted`.
    pub intents: Vec<IntentRow>,
    /// The highest rows given so far.
    pub delivery_last: DeliveryId,
    /// See `delivery_last`.
    pub message_last: MessageRow,
    /// See `delivery_last`.
    pub intent_last: IntentRow,
    /// See `delivery_last`.
    pub outbox_last: u64,
}

/// A delivery that is not final.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenDelivery {
    /// Its row.
    pub delivery: DeliveryId,
    /// Bound for.
    pub endpoint: EndpointRow,
    /// Of which message.
    pub message: MessageRow,
    /// In which case.
    pub case_id: CaseId,
    /// New effects ordered so far.
    pub generation: u32,
    /// Pending, waiting, uncertain or dead.
    pub state: DeliveryState,
    /// Attempts so far.
    pub attempts: u32,
    /// When it is due.
    pub next_at: Option<Timestamp>,
    /// When that was set, by the same clock, if the end of an attempt set it.
    pub waits_since: Option<Timestamp>,
    /// When the first attempt began.
    pub first_attempt_at: Option<Timestamp>,
    /// Changes so far.
    pub version: u64,
    /// Whether it repeats one that is over, see [`ReplayRow`].
    pub is_replay: bool,
}

/// Everything that becomes true together.
#[derive(Clone, Debug, Default)]
pub struct Transaction {
    /// Endings and other changes of deliveries.
    pub settlements: Vec<Settlement>,
    /// What came from the channel.
    pub admissions: Vec<PartitionBatch>,
    /// Unrouted messages that found endpoints.
    pub routed: Vec<(MessageRow, Vec<NewDelivery>)>,
    /// What operators want of endpoints from now on.
    pub pauses: Vec<(EndpointRow, Option<PauseRow>)>,
    /// Deliveries of messages that were delivered before, ordered once more.
    pub replays: Vec<ReplayRow>,
    /// Deliveries that from now on hand over another document.
    pub edits: Vec<EditRow>,
    /// How bulks are getting on.
    pub bulks: Vec<BulkRow>,
    /// What became of their items.
    pub bulk_items: Vec<BulkItemRow>,
    /// Events to tell, in order.
    pub outbox: Vec<OutboxEntry>,
    /// Events up to here were told.
    pub outbox_done: Option<u64>,
    /// Those up to here were forgotten before.
    pub outbox_told: u64,
    /// What is handed to adapters once this is committed.
    pub intent: Option<(IntentRow, Vec<Started>)>,
    /// Intents of which every delivery is settled.
    pub intents_done: Vec<IntentRow>,
    /// What was made of commands that were recorded before; on a shared ledger only.
    pub obeyed: Vec<Obeyed>,
    /// On a shared ledger: the tenures this was drafted under. What is about an endpoint of which the
    /// tenure is over is dropped.
    pub tenures: Vec<Tenure>,
    /// Of those, the ones that begin with this: what former owners may have sent is settled by it.
    pub begun: Vec<EndpointRow>,
    /// Must still be the ledger's, if there are admissions.
    pub subscriptions_version: u64,
    /// Now.
    pub at: Timestamp,
}

impl Transaction {
    /// Whether there is nothing to commit.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.settlements.is_empty()
            && self.admissions.is_empty()
            && self.routed.is_empty()
            && self.pauses.is_empty()
            && self.replays.is_empty()
            && self.edits.is_empty()
            && self.bulks.is_empty()
            && self.bulk_items.is_empty()
            && self.obeyed.is_empty()
            && self.begun.is_empty()
            && self.outbox.is_empty()
            && self.outbox_done.is_none()
            && self.intent.is_none()
            && self.intents_done.is_empty()
    }
}

/// What became of a transaction. Nothing of it is lost on a ledger of one dispatcher: there it is
/// committed as a whole, or fails.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Committed {
    /// Endpoints that are another's now: what was drafted about them was dropped.
    pub lost: Vec<EndpointRow>,
    /// Partitions whose position was moved by another: their batches were dropped.
    pub moved: Vec<Partition>,
    /// The subscriptions have changed: all admissions were dropped.
    pub is_outdated: bool,
}

/// A delivery that is handed out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Started {
    /// Which.
    pub delivery: DeliveryId,
    /// Its version then.
    pub version: u64,
    /// Bound for.
    pub endpoint: EndpointRow,
}

/// One delivery's new state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settlement {
    /// Which.
    pub delivery: DeliveryId,
    /// Bound for.
    pub endpoint: EndpointRow,
    /// Its version after this change; the ledger must hold the one before.
    pub version: u64,
    /// What it is from now on.
    pub state: DeliveryState,
    /// Attempts so far.
    pub attempts: u32,
    /// When it is due, in `Waiting` and `Uncertain`.
    pub next_at: Option<Timestamp>,
    /// When the first attempt began.
    pub first_attempt_at: Option<Timestamp>,
    /// The attempt that ended, if one did.
    pub attempt: Option<AttemptRow>,
}

/// One attempt as kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttemptRow {
    /// From 1; an attempt that does not count has the number of the one that will.
    pub number: u32,
    /// When it began.
    pub started_at: Timestamp,
    /// When its end was known.
    pub ended_at: Timestamp,
    /// How it ended: `accepted`, a failure's kind, `interrupted`, or `restored`, which is no attempt.
    pub outcome: &'static str,
    /// The code, if it failed.
    pub code: Option<String>,
    /// The chain of causes; no personal data.
    pub cause: Option<String>,
    /// The departmental system's own name for what it took.
    pub receipt: Option<String>,
}

/// What came from one partition.
#[derive(Clone, Debug)]
pub struct PartitionBatch {
    /// Which.
    pub partition: Partition,
    /// The ledger's position must be this (or unset, at 0 or at the log's start)…
    pub from: u64,
    /// …and becomes this.
    pub next: u64,
    /// In order.
    pub records: Vec<Admission>,
}

/// What is made of one record.
#[derive(Clone, Debug)]
pub enum Admission {
    /// A message seen for the first time.
    Message(AdmittedMessage),
    /// What an operator ordered, and what was made of it.
    Command(CommandRow),
    /// Anything else.
    Verdict(VerdictRow),
}

/// A message seen for the first time.
#[derive(Clone, Debug)]
pub struct AdmittedMessage {
    /// Its row, given by the dispatcher.
    pub row: MessageRow,
    /// Where it lay.
    pub offset: u64,
    /// Who it is.
    pub message_id: MessageId,
    /// What it is.
    pub sha256: Sha256,
    /// Its case.
    pub case_id: CaseId,
    /// Its sender.
    pub sender: SenderName,
    /// The record as one opaque blob.
    pub record: Bytes,
    /// What the record refers to; pinned before.
    pub claims: Vec<ClaimId>,
    /// Whom it goes to; nobody = unrouted.
    pub deliveries: Vec<NewDelivery>,
}

/// A delivery to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewDelivery {
    /// Its row, given by the dispatcher.
    pub delivery: DeliveryId,
    /// Bound for.
    pub endpoint: EndpointRow,
    /// Whether the ledger that this one was restored from may have handed it out already: then it is
    /// uncertain from the beginning.
    pub is_doubtful: bool,
}

impl NewDelivery {
    /// What it is at first.
    #[must_use]
    pub fn state(&self) -> DeliveryState {
        if self.is_doubtful { DeliveryState::Uncertain } else { DeliveryState::Pending }
    }
}

/// A delivery that repeats one that is final.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplayRow {
    /// Its row, given by the dispatcher.
    pub delivery: DeliveryId,
    /// Bound for.
    pub endpoint: EndpointRow,
    /// Of which message.
    pub message: MessageRow,
    /// New effects ordered so far: part of its key.
    pub generation: u32,
    /// What it repeats.
    pub replay_of: DeliveryId,
}

/// A delivery that is final.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FinalDelivery {
    /// What became of it.
    pub state: DeliveryState,
    /// Changes so far.
    pub version: u64,
    /// New effects ordered when it was made.
    pub generation: u32,
    /// New effects ordered of this message there so far.
    pub generation_last: u32,
    /// Whether another delivery of this message there is not final.
    pub has_open: bool,
}

/// A record that made no delivery, and why.
#[derive(Clone, Debug)]
pub struct VerdictRow {
    /// Where it lay.
    pub offset: u64,
    /// Why.
    pub kind: VerdictKind,
    /// Who it says it is.
    pub message_id: Option<MessageId>,
    /// What it is.
    pub sha256: Option<Sha256>,
    /// Its bytes, where they are kept nowhere else.
    pub record: Option<Bytes>,
    /// What it refers to; pinned before. Needed no longer than the record is kept, so not at all
    /// where it is not.
    pub claims: Vec<ClaimId>,
}

/// Why a record made no delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VerdictKind {
    /// The same message once more.
    Duplicate,
    /// The same id with other bytes.
    Conflict,
    /// Nobody can read it.
    Undecodable,
}

impl VerdictKind {
    /// The word in the store.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Duplicate => "duplicate",
            Self::Conflict => "conflict",
            Self::Undecodable => "undecodable",
        }
    }
}

/// Who a message is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageIdentity {
    /// Its row.
    pub row: MessageRow,
    /// Its id.
    pub message_id: MessageId,
    /// Its hash.
    pub sha256: Sha256,
    /// Its case.
    pub case_id: CaseId,
    /// Its sender.
    pub sender: SenderName,
}

/// A message nobody subscribed to when it came.
#[derive(Clone, Debug)]
pub struct UnroutedMessage {
    /// Its row.
    pub row: MessageRow,
    /// Its record.
    pub record: Bytes,
}

/// The last message a ledger took of a partition: what must still lie there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LastAdmitted {
    /// Where.
    pub offset: u64,
    /// Its id.
    pub message_id: MessageId,
    /// The hash of its document and attachments.
    pub sha256: Sha256,
}

/// An event to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboxEntry {
    /// Grows by one.
    pub sequence: u64,
    /// The encoded record.
    pub record: Bytes,
    /// What it tells of.
    pub of: Part,
}

/// A part of a transaction that may be dropped while the others are committed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Part {
    /// Never dropped.
    #[default]
    Whole,
    /// With the tenure of an endpoint.
    Endpoint(EndpointRow),
    /// With the batch of a partition.
    Partition(Partition),
}
