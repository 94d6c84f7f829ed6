//! What the journal takes in and gives out.

use std::{collections::BTreeMap, fmt, sync::Arc};

use messaging::{
    ApplicationHead, DeliveryState, EndpointReport, Event, Partition, ProcedureName, Reason,
    ReplyEvent, Timestamp,
};
use uuid::Uuid;

/// Records of one partition, decoded, to be projected together.
#[derive(Clone, Debug)]
pub struct Projection {
    /// Of which partition.
    pub partition: Partition,
    /// Where reading began: must be the stored position.
    pub from: u64,
    /// The stored position afterwards.
    pub next: u64,
    /// In order.
    pub entries: Vec<Projected>,
}

/// What one record says.
#[derive(Clone, Debug)]
pub enum Projected {
    /// An application was accepted.
    Application(Box<ApplicationHead>),
    /// Something happened. What it says of orders is passed over: that is the register's.
    Event(Box<Event>),
    /// A departmental system answered.
    Reply(Box<ReplyEvent>),
    /// Nobody can read it.
    Undecodable {
        /// Where it lies.
        offset: u64,
        /// When it was appended.
        at: Timestamp,
        /// The operator's code.
        code: &'static str,
        /// Why, without any of its content.
        cause: String,
    },
}

/// How far the projection has come.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// The last sequence number given.
    pub sequence: i64,
    /// The next offset of each partition.
    pub positions: Arc<BTreeMap<Partition, u64>>,
    /// When something was projected last.
    pub projected_at: Option<Timestamp>,
}

impl Progress {
    /// Whether the record at `offset` of `partition` is in the journal.
    #[must_use]
    pub fn covers(&self, partition: &Partition, offset: u64) -> bool {
        self.positions.get(partition).is_some_and(|next| offset < *next)
    }
}

/// One message, or a refused one of that id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Application {
    /// Its first sequence number: the order of the list, and the key inside the journal.
    pub id: i64,
    /// Given by Amtsbote.
    pub message_id: Uuid,
    /// Whether the record itself was read: the fields below are empty otherwise.
    pub has_head: bool,
    /// As `status/v1` calls it.
    pub state: String,
    /// A test message.
    pub is_test: bool,
    /// The case.
    pub case_id: Option<Uuid>,
    /// Whose it is.
    pub sender: Option<String>,
    /// As sent.
    pub own_id: Option<String>,
    /// As sent.
    pub case_reference: Option<String>,
    /// Who is responsible.
    pub authority: Option<String>,
    /// Recognised as.
    pub standard: Option<String>,
    /// Recognised as.
    pub version: Option<String>,
    /// Recognised as.
    pub message_type: Option<String>,
    /// Hex.
    pub sha256: Option<String>,
    /// When the gateway had it.
    pub received_at: Option<Timestamp>,
    /// The trace it came in.
    pub trace: Option<String>,
    pub(super) is_fresh: bool,
}

/// One delivery at its newest version, or as of a sequence number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Where to.
    pub endpoint: String,
    /// Whose number it is.
    pub ledger: String,
    /// The ledger's number.
    pub number: i64,
    /// Restores of the ledger.
    pub epoch: i64,
    /// Its newest.
    pub version: i64,
    /// What it is.
    pub state: DeliveryState,
    /// So far.
    pub attempts: u32,
    /// When it is tried again.
    pub next_at: Option<Timestamp>,
    /// The departmental system's name for it.
    pub receipt: Option<String>,
    /// The last failure.
    pub code: Option<String>,
    /// Why it was rejected. Only for the portal.
    pub reasons: Vec<Reason>,
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its place in the order of projection.
    pub sequence: i64,
    /// When it happened.
    pub at: Timestamp,
    /// As `status/v1` calls it.
    pub kind: String,
    /// Where.
    pub endpoint: Option<String>,
    /// The operator's code.
    pub code: Option<String>,
    /// The chain of causes.
    pub cause: Option<String>,
    /// Where the record lay it is about.
    pub place: Option<String>,
    /// The departmental system's name for it.
    pub receipt: Option<String>,
    /// Why it was refused or rejected. Only for the portal.
    pub reasons: Vec<Reason>,
    /// What kind of reply it was.
    pub reply_kind: Option<String>,
    /// The delivery it is about, as it was then.
    pub delivery: Option<Delivery>,
}

/// A reply without its body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplyInfo {
    /// Its place among all replies.
    pub id: i64,
    /// Unique: message id and fingerprint.
    pub reply_id: String,
    /// What it answers.
    pub message_id: Uuid,
    /// Who answers.
    pub endpoint: String,
    /// What it is.
    pub kind: String,
    /// Media type of the body.
    pub media_type: String,
    /// Bytes of the body.
    pub size: u64,
    /// When the departmental system gave it.
    pub at: Timestamp,
    /// What it is a message of, if it is one of an installed standard: standard, version, type.
    pub procedure: Option<ProcedureName>,
}

/// A reply with its body.
#[derive(Clone, PartialEq, Eq)]
pub struct ReplyBody {
    /// What it is.
    pub info: ReplyInfo,
    /// The document.
    pub body: bytes::Bytes,
    /// The canonical message, if it is one of a standard and not too large.
    pub canonical: Option<bytes::Bytes>,
}

/// Never the body.
impl fmt::Debug for ReplyBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReplyBody").field("info", &self.info).finish_non_exhaustive()
    }
}

/// Everything about one application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Whole {
    /// What it is.
    pub application: Application,
    /// Its deliveries.
    pub deliveries: Vec<Delivery>,
    /// What happened, oldest first; at most [`super::TIMELINE_MAX`], the newest.
    pub timeline: Vec<Entry>,
    /// What came back.
    pub replies: Vec<ReplyInfo>,
}

/// One step of a watch: what happened, and how things stood right after it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Resumes after it.
    pub sequence: i64,
    /// What it happened to, with its state as of this step.
    pub application: Application,
    /// What; `None` in a snapshot.
    pub entry: Option<Entry>,
    /// As of this step.
    pub deliveries: Vec<Delivery>,
    /// Kind of the last reply as of this step that decides what a citizen is shown.
    pub reply_kind: Option<String>,
}

/// What stands where.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overview {
    /// By name.
    pub endpoints: BTreeMap<String, EndpointOverview>,
    /// Applications accepted.
    pub applications: u64,
    /// Of those, without an endpoint.
    pub unrouted: u64,
    /// Refusals told by the gateway.
    pub refused: u64,
}

/// One endpoint's deliveries and gate.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EndpointOverview {
    /// State to count.
    pub deliveries: BTreeMap<String, u64>,
    /// Since when nothing is handed to it, and why; `None` while it is served.
    pub gate_closed: Option<(Timestamp, Option<String>)>,
    /// How it was served at a moment; `None` before it was told.
    pub report: Option<(Timestamp, EndpointReport)>,
}
