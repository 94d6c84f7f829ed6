//! Whether log and store agree, partition by partition.
//!
//! A position must lie within the log, and the last record that was taken must still lie where it
//! was taken: a topic that was deleted and made anew has other records there, or none.

use std::{collections::HashMap, ops::Range, time::Duration};

use messaging::{Partition, Position, Record, Result, StoredPositions};
use tokio::time::sleep;

use super::{lookup::records_at, topics::Topics};
use crate::reader::{contradiction, replaced};

/// A log that seems to end too early is looked at again: a new leader learns its end late.
const LOOKS_MAX: u32 = 4;
const LOOK_PAUSE: Duration = Duration::from_millis(500);

/// Where to begin with a partition, or what contradicts it.
pub(super) type Begin = (Partition, Result<u64>);

/// A record by its place and its checksum, to be found again there.
pub(super) type Landmark = (u64, u32);

/// Where to begin with `partitions`, by the store.
///
/// # Errors
/// `Unavailable`: store or broker does not answer now.
pub(super) async fn begins(
    topics: &Topics,
    positions: &dyn StoredPositions,
    partitions: Vec<Partition>,
) -> Result<Vec<Begin>> {
    let mut stored = Vec::with_capacity(partitions.len());
    for partition in partitions {
        let next = positions.next_offset(&partition).await?;
        stored.push((partition, next));
    }
    let (mut begins, there) = within(topics, stored).await?;
    let mut lasts = Vec::new();
    for (partition, there) in there {
        let last = positions.last_offset(&partition).await?;
        if let Some(offset) = last.filter(|last| there.contains(last)) {
            lasts.push(Position { partition, offset });
        }
    }
    for (position, record) in records_at(topics, lasts).await? {
        if !is_known(positions, &position, record.as_ref()).await? {
            contradict(&mut begins, &position);
        }
    }
    Ok(begins)
}

/// Whether what was fetched up to now is still there, and the records at `landmarks` with it.
///
/// # Errors
/// `Unavailable`: the broker does not answer now.
pub(super) async fn still(
    topics: &Topics,
    fetched: Vec<(Partition, u64)>,
    landmarks: &HashMap<Partition, Landmark>,
) -> Result<Vec<Begin>> {
    let fetched = fetched.into_iter().map(|(partition, next)| (partition, Some(next)));
    let (mut begins, there) = within(topics, fetched.collect()).await?;
    let mut asked = Vec::new();
    for (partition, there) in there {
        let landmark = landmarks.get(&partition).map(|(offset, _)| *offset);
        if let Some(offset) = landmark.filter(|offset| there.contains(offset)) {
            asked.push(Position { partition, offset });
        }
    }
    for (position, record) in records_at(topics, asked).await? {
        let known = landmarks.get(&position.partition).map(|(_, sum)| *sum);
        if record.as_ref().map(checksum) != known {
            contradict(&mut begins, &position);
        }
    }
    Ok(begins)
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

async fn is_known(
    positions: &dyn StoredPositions,
    position: &Position,
    record: Option<&Record>,
) -> Result<bool> {
    match record {
        Some(record) => positions.is_known(position, record).await,
        None => Ok(false),
    }
}

fn contradict(begins: &mut [Begin], position: &Position) {
    let begin = begins.iter_mut().find(|(partition, _)| *partition == position.partition);
    if let Some((_, begin)) = begin {
        *begin = Err(replaced(position));
    }
}

/// Positions within the log, and for those that are, what is there.
async fn within(
    topics: &Topics,
    stored: Vec<(Partition, Option<u64>)>,
) -> Result<(Vec<Begin>, Vec<(Partition, Range<u64>)>)> {
    let mut looks = 1;
    loop {
        let partitions = stored.iter().map(|(partition, _)| partition.clone()).collect();
        let mut offsets = topics.offsets(partitions).await?;
        let begin =
            |((partition, stored), (_, there)): (&(Partition, Option<u64>), &(_, Range<u64>))| {
                let from = stored.unwrap_or(there.start);
                // Its end is a good position too: that of the next record.
                let is_within = there.start <= from && from <= there.end;
                let begin =
                    if is_within { Ok(from) } else { Err(contradiction(partition, from, there)) };
                (partition.clone(), begin)
            };
        let begins: Vec<Begin> = stored.iter().zip(&offsets).map(begin).collect();
        if looks < LOOKS_MAX && begins.iter().any(|(_, begin)| begin.is_err()) {
            looks += 1;
            sleep(LOOK_PAUSE).await;
            continue;
        }
        let mut sound = begins.iter().map(|(_, begin)| begin.is_ok());
        offsets.retain(|_| sound.next().unwrap_or(false));
        return Ok((begins, offsets));
    }
}
