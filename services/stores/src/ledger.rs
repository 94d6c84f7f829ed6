//! The truth about deliveries: what was admitted, what became of it, what is still to be told.
//!
//! One [`Transaction`] holds everything that must be true together: endings, admissions with the
//! channel's position, the intent of what starts next, and events for the outbox. The schedule lives
//! in the dispatcher's memory and is rebuilt by [`Ledger::load`]. Where it is kept is behind the
//! trait: [`SqliteLedger`] in a file of this process, [`PgLedger`] on a PostgreSQL server, where several
//! dispatchers may share it.

mod bulks;
#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
mod edits;
pub mod numbering;
mod orders;
mod postgres;
mod restore;
mod retention;
mod shared;
mod sqlite;
mod types;

use std::{collections::HashMap, sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use messaging::{
    ChannelName, ClaimId, CommandId, GroupId, Partition, Position, Result, StoredPositions,
    Timestamp,
};

pub use bulks::{BulkItemRow, BulkRow, OpenBulk};
pub use edits::{EditOf, EditRow, KeptEdit};
pub use numbering::{Numbering, Standing, Switch};
pub use orders::{CommandRow, CommandState, Obeyed, PauseRow};
pub use postgres::PgLedger;
pub use restore::{Backup, Restored, epoch_at};
pub use retention::{DoubtfulPin, Kind, Retention};
pub use shared::{
    Beat, Claim, FollowedMessage, Look, Numbers, Owned, Round, Shared, Subscription, Taken, Tenure,
    WaitingOrder, Writer,
};
pub use sqlite::SqliteLedger;
pub use types::{
    Admission, AdmittedMessage, AttemptRow, Committed, DeliveryId, EndpointRow, EndpointSpec,
    FinalDelivery, IntentRow, LastAdmitted, LedgerIdentity, Loaded, MessageIdentity, MessageRow,
    NewDelivery, OpenDelivery, OutboxEntry, Part, PartitionBatch, ReplayRow, Settlement, Started,
    Transaction, UnroutedMessage, VerdictKind, VerdictRow,
};

use crate::{age::Age, pass::Trimmed};

/// A ledger. Every call may answer `Unavailable` (AB-2305), and then nothing of it happened, or
/// `Defect` (AB-2304) where the ledger contradicts itself.
#[async_trait]
pub trait Ledger: StoredPositions {
    /// Which ledger, which epoch, which start.
    fn identity(&self) -> &LedgerIdentity;

    /// The ledger's id as a reader of channels.
    fn group(&self) -> &GroupId {
        &self.identity().id
    }

    /// Registers `endpoints` and reads everything the schedule is made of.
    ///
    /// Cancel safe: registering twice is registering once.
    ///
    /// # Errors
    /// `Unavailable` (AB-2305), `Defect` (AB-2304).
    async fn load(&self, endpoints: Vec<EndpointSpec>) -> Result<Loaded>;

    /// Commits `transaction` as one; durable on return. On a shared ledger, parts of it that were
    /// drafted under what is not true any more are dropped, and told.
    ///
    /// A dropped commit may or may not have happened: only the process's end may drop it.
    ///
    /// # Errors
    /// `Unavailable`: commit the same again, which does nothing if it happened after all. `Defect`
    /// (AB-2307): another dispatcher was there, on a ledger that is not shared, or a delivery is not at
    /// the version before; nothing of it happened.
    async fn commit(&self, transaction: Arc<Transaction>) -> Result<Committed>;

    /// What several dispatchers need, if they may share this ledger.
    fn shared(&self) -> Option<&dyn Shared> {
        None
    }

    /// The records of `messages` that are still kept.
    ///
    /// # Errors
    /// As [`Ledger::load`].
    async fn records(&self, messages: Vec<MessageRow>) -> Result<Vec<(MessageRow, Bytes)>>;

    /// Where `message` lay, and its record, if it is still kept.
    ///
    /// # Errors
    /// As [`Ledger::load`].
    async fn kept(&self, message: MessageRow) -> Result<Option<(Position, Bytes)>>;

    /// Who `messages` are.
    ///
    /// # Errors
    /// As [`Ledger::load`].
    async fn identities(&self, messages: Vec<MessageRow>) -> Result<Vec<MessageIdentity>>;

    /// Messages nobody subscribed to, after `after`, at most `limit`, with their records.
    ///
    /// # Errors
    /// As [`Ledger::load`].
    async fn unrouted(&self, after: MessageRow, limit: u32) -> Result<Vec<UnroutedMessage>>;

    /// Events not yet told, after `after`, at most `limit`, oldest first.
    ///
    /// # Errors
    /// As [`Ledger::load`].
    async fn outbox(&self, after: u64, limit: u32) -> Result<Vec<OutboxEntry>>;

    /// The last message admitted from `partition`; `None` before the first.
    ///
    /// # Errors
    /// As [`Ledger::load`].
    async fn last_admitted(&self, partition: &Partition) -> Result<Option<LastAdmitted>>;

    /// Which of `commands` were admitted already, and their records.
    ///
    /// # Errors
    /// As [`Ledger::load`].
    async fn commands_known(&self, commands: Vec<CommandId>) -> Result<HashMap<CommandId, Bytes>>;

    /// Per partition of `channel`, the offset at which it ended when this epoch of the ledger began. A
    /// command below it is recorded and not executed; an application below it may have been handed
    /// out by the ledger that this one was restored from. `None` until [`Ledger::set_floors`] has said
    /// so in this epoch.
    ///
    /// # Errors
    /// As [`Ledger::load`].
    async fn floors(&self, channel: &ChannelName) -> Result<Option<HashMap<u32, u64>>>;

    /// Remembers that `channel` ended at `ends` when this epoch began, unless that is known already:
    /// what was said first counts. No ends: the channel was not there. Durable on return.
    ///
    /// Cancel safe: until it is done, it is asked for again.
    ///
    /// # Errors
    /// As [`Ledger::load`].
    async fn set_floors(&self, channel: &ChannelName, ends: Vec<Position>) -> Result<()>;

    /// By how many partitions cases lie, as it was ordered last. A ledger that has no number yet takes
    /// `configured` as the one of generation 0, durable on return. `at`: now.
    ///
    /// Cancel safe: what was said first counts.
    ///
    /// # Errors
    /// As [`Ledger::load`].
    async fn numbering(&self, configured: u32, at: Timestamp) -> Result<Numbering>;

    /// The delivery of `message` to `endpoint` that is not final, whether it holds its case or not.
    /// If it is said which it must be, only that one is looked at; else all open deliveries are
    /// looked through: only for what an operator asks.
    ///
    /// # Errors
    /// As [`Ledger::load`].
    async fn open_delivery(
        &self,
        endpoint: EndpointRow,
        message: MessageRow,
        named: Option<DeliveryId>,
    ) -> Result<Option<OpenDelivery>>;

    /// The delivery of `message` to `endpoint` called `named`, if it is final.
    ///
    /// # Errors
    /// As [`Ledger::load`].
    async fn final_delivery(
        &self,
        endpoint: EndpointRow,
        message: MessageRow,
        named: DeliveryId,
    ) -> Result<Option<FinalDelivery>>;

    /// For each of `of` the newest edit, if there is one and its message's record is still kept.
    ///
    /// # Errors
    /// As [`Ledger::load`].
    async fn edits(&self, of: Vec<EditOf>) -> Result<HashMap<EditOf, KeptEdit>>;

    /// The highest generation that a delivery of `message` to `endpoint` has had; 0 without any.
    ///
    /// # Errors
    /// As [`Ledger::load`].
    async fn generation_last(&self, endpoint: EndpointRow, message: MessageRow) -> Result<u32>;

    /// Lets the ledger grow older by at most `step_max`, and says how old it is. Its first call
    /// begins the count. With no step it only looks.
    ///
    /// # Errors
    /// As [`Ledger::load`].
    async fn grow_older(&self, now: Timestamp, step_max: Duration) -> Result<Age>;

    /// Removes what `retention` keeps no longer of one kind, from `after` on: at most 500 rows and
    /// some 8 MiB, in one transaction, durable on return. Claims that nobody needs any more are
    /// recorded with it, see [`Ledger::doubtful_pins`].
    ///
    /// Cancel safe: a dropped step is carried out or not, and the next round looks again.
    ///
    /// # Errors
    /// As [`Ledger::load`].
    async fn trim(&self, kind: Kind, retention: Arc<Retention>, after: i64) -> Result<Trimmed>;

    /// Claims whose pin may have to be lifted, or set again, at most `limit`; of those whose pin was
    /// lifted before, or of the others. None as long as it is not known what the records of a former
    /// version refer to, see [`Ledger::without_claims`].
    ///
    /// # Errors
    /// As [`Ledger::load`].
    async fn doubtful_pins(&self, is_lifted: bool, limit: u32) -> Result<Vec<DoubtfulPin>>;

    /// Records what was done: the pins of `lifted` are, and nothing is left to do about `done`.
    ///
    /// # Errors
    /// As [`Ledger::load`].
    async fn settle_pins(&self, lifted: Vec<ClaimId>, done: Vec<DoubtfulPin>) -> Result<()>;

    /// Records of a former version of which it is not known which claims they refer to, the newest
    /// first, at most `limit`.
    ///
    /// # Errors
    /// As [`Ledger::load`].
    async fn without_claims(&self, limit: u32) -> Result<Vec<(MessageRow, Bytes)>>;

    /// Records which claims such messages refer to: `found` is all that
    /// [`Ledger::without_claims`] gave, in its order.
    ///
    /// # Errors
    /// As [`Ledger::load`].
    async fn note_claims(&self, found: Vec<(MessageRow, Vec<ClaimId>)>) -> Result<()>;
}
