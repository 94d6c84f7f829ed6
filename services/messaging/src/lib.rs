//! The vocabulary of Amtsbote: what travels, what can happen to it, and who promises what.
//!
//! Reading order is the path of one application: [`identity`] names it, an [`Envelope`] carries it,
//! a [`Channel`] keeps it, an [`Adapter`] hands it over in an [`Attempt`], a [`Failure`] says why
//! not, a [`RetryPolicy`] when again, and an [`Event`] tells the world.
//!
//! No I/O, no clock, no protobuf and no SQL in here.

pub mod adapter;
pub mod channel;
pub mod claims;
pub mod command;
#[cfg(feature = "conformance")]
pub mod conformance;
pub mod correction;
pub mod envelope;
pub mod event;
pub mod failure;
pub mod fault;
pub mod identity;
pub mod names;
pub mod record;
pub mod report;
pub mod retry;
pub mod time;

pub use adapter::{Accepted, Adapter, Attempt, EffectContract, Found};
pub use channel::{Batch, Channel, StoredPositions, Subscription};
pub use claims::{ClaimInfo, ClaimReader, ClaimWriter, Claims, Ticket};
pub use command::{Bulk, Command, EachOrder, OperatorName, Order, Seen, Target};
pub use correction::{Correction, Edit};
pub use envelope::{ApplicationHead, Attachment, Envelope, Payload, ProcedureName};
pub use event::{
    BulkState, DeadLetter, DeliveryState, DeliveryVersion, Event, EventKind, ItemResult, ReadReply,
    Reason, Reply, ReplyEvent,
};
pub use failure::{Failure, FailureKind, Result};
pub use names::{
    Authority, CaseId, ChannelName, ClaimId, CommandId, DeliveryKey, Domain, EndpointName, GroupId,
    MessageId, NameError, OwnId, SenderName, Sha256, TraceParent,
};
pub use record::{HeaderName, Partition, Position, Record};
pub use report::{Drained, EndpointReport};
pub use retry::{Decision, RetryPolicy};
pub use time::{Clock, Timestamp};
