//! The message channel: appends durably and reads in order. Leasing, retrying and delaying are the
//! ledger's business.

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;

use crate::{ChannelName, GroupId, Partition, Position, Record, Result, Timestamp};

/// A durable, partitioned log by name.
#[async_trait]
pub trait Channel: fmt::Debug + Send + Sync + 'static {
    /// What keeps it, as traces call it: a broker's usual name, or ours.
    fn system(&self) -> &'static str {
        "amtsbote"
    }

    /// By how many partitions a key's place is chosen, where that number may be another one some day.
    /// `None`: each channel is one partition for good.
    fn partitions(&self) -> Option<u32> {
        None
    }

    /// Appends `records` and returns their positions in the same order, durable on return: fsync
    /// done, or acknowledged by all in-sync replicas. Records of one key keep the order of the
    /// batch, and of batches whose appends follow each other.
    ///
    /// Not cancel safe: a dropped append may or may not have happened.
    ///
    /// # Errors
    /// `Unavailable`: nothing can be appended now, or it is unknown whether all of it was.
    /// `Defect`: never will be (an unknown channel, a record over the limit).
    async fn append(&self, records: Vec<Record>) -> Result<Vec<Position>>;

    /// Opens a reader for `group` on `channels`. Reading starts at what `positions` says of each
    /// partition: the next offset to read, asked whenever a partition comes to this reader.
    ///
    /// Makes channels that are missing, as configured. Registers the group, below whose reported
    /// progress nothing is trimmed (embedded, which has one ledger and one journal: a new one takes
    /// the place of the former; see [`GroupId::replaces`]).
    ///
    /// # Errors
    /// `Unavailable` or `Defect`, as for [`Channel::append`].
    async fn subscribe(
        &self,
        group: &GroupId,
        channels: &[ChannelName],
        positions: Box<dyn StoredPositions>,
    ) -> Result<Box<dyn Subscription>>;

    /// Removes what was appended before `before`, as far as every registered group has read; a
    /// channel that no group reads keeps everything, and so does one with applications that no
    /// ledger reads. Returns how many records went. Kafka does this by itself and answers 0.
    ///
    /// # Errors
    /// `Unavailable`.
    async fn trim(&self, channel: &ChannelName, before: Timestamp) -> Result<u64>;

    /// For each partition of `channel`, the offset the next record will get. Empty for a channel
    /// that does not exist.
    ///
    /// # Errors
    /// `Unavailable`.
    async fn ends(&self, channel: &ChannelName) -> Result<Vec<Position>>;

    /// For each partition of `channel`, the offset below which all records have used up half of the
    /// time after which they go, read or not. Empty where unread records never go by their age.
    ///
    /// # Errors
    /// `Unavailable`, or `Defect` as for [`Channel::append`].
    async fn expiring(&self, _channel: &ChannelName) -> Result<Vec<Position>> {
        Ok(Vec::new())
    }

    /// Whether something could be appended now, without appending anything. A file is written and
    /// synced as an append would; of a broker it is only known that it answers.
    ///
    /// # Errors
    /// `Unavailable` or `Defect`, as for [`Channel::append`].
    async fn probe(&self) -> Result<()> {
        self.ends(&ChannelName::status()).await.map(drop)
    }
}

/// Where a reader's truth is kept: the ledger's or the journal's positions.
#[async_trait]
pub trait StoredPositions: fmt::Debug + Send + Sync + 'static {
    /// The next offset to read from `partition`; `None` if nothing of it was read ever.
    ///
    /// # Errors
    /// `Unavailable`.
    async fn next_offset(&self, partition: &Partition) -> Result<Option<u64>>;

    /// The offset of the last record the store took of `partition`, if it can tell that record from
    /// another. What lies there now is shown to [`StoredPositions::is_known`], so that a log that
    /// was made anew, and has grown beyond the position since, is noticed. `None`: nothing to tell.
    ///
    /// # Errors
    /// `Unavailable`.
    async fn last_offset(&self, _partition: &Partition) -> Result<Option<u64>> {
        Ok(None)
    }

    /// Whether `record`, which lies at `position` now, is the one the store took there.
    ///
    /// # Errors
    /// `Unavailable`.
    async fn is_known(&self, _position: &Position, _record: &Record) -> Result<bool> {
        Ok(true)
    }
}

/// A shared store's positions are the store's.
#[async_trait]
impl<T: StoredPositions + ?Sized> StoredPositions for Arc<T> {
    async fn next_offset(&self, partition: &Partition) -> Result<Option<u64>> {
        self.as_ref().next_offset(partition).await
    }

    async fn last_offset(&self, partition: &Partition) -> Result<Option<u64>> {
        self.as_ref().last_offset(partition).await
    }

    async fn is_known(&self, position: &Position, record: &Record) -> Result<bool> {
        self.as_ref().is_known(position, record).await
    }
}

/// One reader of a group.
#[async_trait]
pub trait Subscription: fmt::Debug + Send + 'static {
    /// Waits for records, at most `wait`; `None` when none came. At most `records_max` records of
    /// one partition, in order, never a gap between one batch and the next. A partition that
    /// contradicts the stored position is told as a failure now and then, and the others are read.
    ///
    /// Cancel safe: what a dropped call would have returned is returned by the next.
    ///
    /// # Errors
    /// `Unavailable`: try again. `Defect`: the log and the stored position contradict each other
    /// (recreated, truncated, corrupt); the failure names the gap.
    async fn receive(&mut self, records_max: usize, wait: Duration) -> Result<Option<Batch>>;

    /// Tells how far the group's store has come; a courtesy to trimming and to foreign tools.
    ///
    /// # Errors
    /// `Unavailable`.
    async fn report_progress(&mut self, partition: &Partition, next_offset: u64) -> Result<()>;
}

/// What a reader got of one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// Which.
    pub partition: Partition,
    /// Where reading began: the stored position must still be this when the batch is admitted.
    pub from: u64,
    /// The stored position after the batch.
    pub next: u64,
    /// Offset, time of appending, record; offsets grow, all in `from..next`. Records are shared with
    /// other readers of the channel.
    pub records: Vec<(u64, Timestamp, Arc<Record>)>,
}
