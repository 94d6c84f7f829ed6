//! Whether log and store agree, partition by partition.
//!
//! A position must lie within the log, and a record that was taken before must still lie where it
//! was taken: a topic that was deleted and made anew has other records there, or none.

use std::{collections::HashMap, ops::Range, time::Duration};

use messaging::{GroupId, Partition, Position, Record, Result, StoredPositions};
use tokio::time::sleep;

use super::{lookup::records_at, topics::Topics};
use crate::reader::{contradiction, replaced};

/// A log that seems to end too early is looked at again: a new leader learns its end late.
const LOOKS_MAX: u32 = 4;
const LOOK_PAUSE: Duration = Duration::from_millis(500);

/// A record by its place and its checksum, to be found again there.
pub(super) type Landmark = (u64, u32);

/// What is compared with what.
pub(super) struct Agreement<'a> {
    pub(super) topics: &'a Topics,
    pub(super) group: &'a GroupId,
    pub(super) positions: &'a dyn StoredPositions,
    /// Records this reader saw. Where it saw none, or its one was trimmed, the store's last counts.
    pub(super) landmarks: &'a HashMap<Partition, Landmark>,
}

/// What became of one partition.
pub(super) struct Verdict {
    pub(super) partition: Partition,
    /// Where reading goes on, or what contradicts it.
    pub(super) begin: Result<u64>,
    /// The store's last record, where it was asked for and is there.
    pub(super) landmark: Option<Landmark>,
}

impl Agreement<'_> {
    /// Judges the position of each partition; `None`: where its log begins.
    ///
    /// # Errors
    /// `Unavailable`: store or broker does not answer now.
    pub(super) async fn judge(
        &self,
        stored: Vec<(Partition, Option<u64>)>,
    ) -> Result<Vec<Verdict>> {
        let (mut verdicts, there) = self.within(stored).await?;
        let mut asked = Vec::new();
        for (verdict, there) in verdicts.iter().zip(there) {
            if verdict.begin.is_ok()
                && let Some(offset) = self.known_offset(&verdict.partition, &there).await?
            {
                asked.push(Position { partition: verdict.partition.clone(), offset });
            }
        }
        for (position, record) in records_at(self.topics, self.group, asked).await? {
            let is_known = self.is_known(&position, record.as_ref()).await?;
            let is_its = |verdict: &&mut Verdict| verdict.partition == position.partition;
            let Some(verdict) = verdicts.iter_mut().find(is_its) else { continue };
            if is_known {
                verdict.landmark = record.map(|record| (position.offset, checksum(&record)));
            } else {
                verdict.begin = Err(replaced(&position));
            }
        }
        Ok(verdicts)
    }

    /// Where a record lies that can be told from another; one that was trimmed says nothing.
    async fn known_offset(&self, partition: &Partition, there: &Range<u64>) -> Result<Option<u64>> {
        let seen = self.landmarks.get(partition).map(|(offset, _)| *offset);
        if let Some(offset) = seen.filter(|offset| there.contains(offset)) {
            return Ok(Some(offset));
        }
        let last = self.positions.last_offset(partition).await?;
        Ok(last.filter(|offset| there.contains(offset)))
    }

    async fn is_known(&self, position: &Position, record: Option<&Record>) -> Result<bool> {
        let Some(record) = record else { return Ok(false) };
        match self.landmarks.get(&position.partition) {
            Some((offset, sum)) if *offset == position.offset => Ok(*sum == checksum(record)),
            _ => self.positions.is_known(position, record).await,
        }
    }

    /// Positions within the log, and what is there of each.
    async fn within(
        &self,
        stored: Vec<(Partition, Option<u64>)>,
    ) -> Result<(Vec<Verdict>, Vec<Range<u64>>)> {
        let mut looks = 1;
        loop {
            let partitions = stored.iter().map(|(partition, _)| partition.clone()).collect();
            let offsets = self.topics.offsets(partitions).await?;
            let there: Vec<Range<u64>> = offsets.into_iter().map(|(_, there)| there).collect();
            let pairs = stored.iter().zip(&there);
            let verdicts: Vec<Verdict> = pairs
                .map(|((partition, stored), there)| first(partition, *stored, there))
                .collect();
            if LOOKS_MAX <= looks || verdicts.iter().all(|verdict| verdict.begin.is_ok()) {
                return Ok((verdicts, there));
            }
            looks += 1;
            sleep(LOOK_PAUSE).await;
        }
    }
}

/// Judges by offsets alone.
fn first(partition: &Partition, stored: Option<u64>, there: &Range<u64>) -> Verdict {
    let from = stored.unwrap_or(there.start);
    // Its end is a good position too: that of the next record.
    let is_within = there.start <= from && from <= there.end;
    let begin = if is_within { Ok(from) } else { Err(contradiction(partition, from, there)) };
    Verdict { partition: partition.clone(), begin, landmark: None }
}

/// Of key, headers and contents.
pub(super) fn checksum(record: &Record) -> u32 {
    let mut sum = crc32fast::Hasher::new();
    sum.update(&record.key);
    for (name, value) in &record.headers {
        sum.update(name.as_bytes());
        sum.update(value);
    }
    sum.update(&record.value);
    sum.finalize()
}
