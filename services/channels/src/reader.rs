//! One reader of a group over any log that can be read from an offset: positions, turns and waits.

use std::{fmt, ops::Range, sync::Arc, time::Duration};

use async_trait::async_trait;
use messaging::{
    Batch, ChannelName, Failure, FailureKind, GroupId, Partition, Position, Record, Result,
    StoredPositions, Subscription, Timestamp,
};
use tokio::sync::watch;

use crate::codes;

/// Records as they lie: offset, time of appending, record.
pub(crate) type Entries = Vec<(u64, Timestamp, Arc<Record>)>;

/// A log as readers see it.
#[async_trait]
pub(crate) trait Log: fmt::Debug + Send + Sync + 'static {
    /// The offsets of `partition` that are there.
    fn offsets(&self, partition: &Partition) -> Range<u64>;

    /// The records from `from` on, at least one and without gap, at most `records_max`; `from` is
    /// in [`Log::offsets`].
    async fn read(&self, partition: &Partition, from: u64, records_max: usize) -> Result<Entries>;

    /// Remembers that `group` has read `partition` up to `next`.
    fn report(&self, group: &GroupId, partition: &Partition, next: u64) -> Result<()>;
}

/// Reads partitions in turn.
#[derive(Debug)]
pub(crate) struct Reader<L> {
    log: L,
    group: GroupId,
    positions: Box<dyn StoredPositions>,
    /// With the next offset to read; `None`: to be asked.
    partitions: Vec<(Partition, Option<u64>)>,
    turn: usize,
    appended: watch::Receiver<u64>,
}

impl<L: Log> Reader<L> {
    pub(crate) fn new(
        log: L,
        group: GroupId,
        partitions: Vec<Partition>,
        positions: Box<dyn StoredPositions>,
        appended: watch::Receiver<u64>,
    ) -> Self {
        let partitions = partitions.into_iter().map(|partition| (partition, None)).collect();
        Self { log, group, positions, partitions, turn: 0, appended }
    }

    /// The first batch in turn. Nothing is changed before an await that its repetition would miss.
    async fn poll(&mut self, records_max: usize) -> Result<Option<Batch>> {
        for _ in 0..self.partitions.len() {
            let count = self.partitions.len();
            let Some((partition, next)) = self.partitions.get_mut(self.turn % count) else {
                break;
            };
            let answer =
                read(&self.log, &*self.positions, partition, next, records_max.max(1)).await;
            // A partition in trouble must not keep the others from being read.
            self.turn = (self.turn + 1) % count;
            match answer {
                Ok(None) => {}
                Ok(Some(batch)) => {
                    *next = Some(batch.next);
                    return Ok(Some(batch));
                }
                Err(failure) => {
                    *next = None;
                    return Err(failure);
                }
            }
        }
        Ok(None)
    }
}

async fn read(
    log: &impl Log,
    positions: &dyn StoredPositions,
    partition: &Partition,
    next: &mut Option<u64>,
    records_max: usize,
) -> Result<Option<Batch>> {
    let stored = match *next {
        Some(offset) => Some(offset),
        None => positions.next_offset(partition).await?,
    };
    let offsets = log.offsets(partition);
    let from = stored.unwrap_or(offsets.start);
    if from < offsets.start || offsets.end < from {
        return Err(contradiction(partition, from, &offsets));
    }
    if next.is_none() {
        check_last(log, positions, partition, &offsets).await?;
    }
    *next = Some(from);
    if from == offsets.end {
        return Ok(None);
    }
    // What the writer has committed and not yet told is in the file already. It is not read before
    // it is told, or the position would be beyond the end for a moment.
    let told = usize::try_from(offsets.end - from).unwrap_or(usize::MAX);
    let records = log.read(partition, from, records_max.min(told)).await?;
    let end = records.last().map_or(from, |(offset, ..)| offset + 1);
    Ok(Some(Batch { partition: partition.clone(), from, next: end, records }))
}

/// Compares the last record the store took with what lies there now. One that was trimmed since is
/// normal.
async fn check_last(
    log: &impl Log,
    positions: &dyn StoredPositions,
    partition: &Partition,
    offsets: &Range<u64>,
) -> Result<()> {
    let last = positions.last_offset(partition).await?;
    let Some(offset) = last.filter(|last| offsets.contains(last)) else { return Ok(()) };
    let position = Position { partition: partition.clone(), offset };
    for (_, _, record) in log.read(partition, offset, 1).await? {
        if !positions.is_known(&position, &record).await? {
            return Err(replaced(&position));
        }
    }
    Ok(())
}

/// Whether what `groups` have read of `channel` may ever go: an application is accepted, and only a
/// ledger admits it. A journal that has read it does not.
pub(crate) fn is_cared_for<'g>(
    channel: &ChannelName,
    mut groups: impl Iterator<Item = &'g GroupId>,
) -> bool {
    !channel.is_application() || groups.any(GroupId::is_ledger)
}

/// The failure that names the gap between what is stored and what is there.
pub(crate) fn contradiction(partition: &Partition, stored: u64, offsets: &Range<u64>) -> Failure {
    let Range { start, end } = offsets;
    let gap = if stored < *start {
        format!("offsets {stored}..{start} are gone")
    } else {
        format!("offsets {end}..{stored} are missing at the end")
    };
    let cause = format!(
        "`{partition}` holds offsets {start}..{end}, the stored position is {stored}: {gap}"
    );
    FailureKind::Defect.because(codes::POSITION_UNKNOWN, cause)
}

/// The failure of a log that holds another record where one was taken before.
pub(crate) fn replaced(position: &Position) -> Failure {
    let Position { partition, offset } = position;
    let cause = format!(
        "`{partition}` holds another record at offset {offset} than the one admitted there: it was \
         made anew, and whatever it holds below offset {} was never read",
        offset + 1
    );
    FailureKind::Defect.because(codes::POSITION_UNKNOWN, cause)
}

/// The failure of a channel that was closed.
pub(crate) fn closed() -> Failure {
    FailureKind::Unavailable.because(codes::CLOSED, "the channel is closed")
}

#[async_trait]
impl<L: Log> Subscription for Reader<L> {
    async fn receive(&mut self, records_max: usize, wait: Duration) -> Result<Option<Batch>> {
        let timer = tokio::time::sleep(wait);
        tokio::pin!(timer);
        loop {
            // Listen before looking, or an append in between would go unheard.
            self.appended.mark_unchanged();
            // The wait is for records, not for the disk: a look is never cut short by it.
            if let Some(batch) = self.poll(records_max).await? {
                return Ok(Some(batch));
            }
            tokio::select! {
                biased;
                appended = self.appended.changed() => appended.map_err(|_| closed())?,
                () = &mut timer => return Ok(None),
            }
        }
    }

    async fn report_progress(&mut self, partition: &Partition, next_offset: u64) -> Result<()> {
        let offsets = self.log.offsets(partition);
        if offsets.end < next_offset {
            return Err(contradiction(partition, next_offset, &offsets));
        }
        self.log.report(&self.group, partition, next_offset)
    }
}
