//! What was appended last, kept in memory: readers that keep up never touch the file.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use messaging::{ChannelName, Record, Timestamp};

use crate::{BATCH_BYTES_MAX, reader::Entries};

/// Bytes of records kept, so all of them fit into a batch; who is further behind reads the file.
const BYTES_MAX: usize = BATCH_BYTES_MAX;

/// The newest records of each channel, without gap.
#[derive(Debug, Default)]
pub(super) struct Tail {
    channels: HashMap<ChannelName, VecDeque<Kept>>,
    bytes: usize,
}

#[derive(Debug)]
struct Kept {
    offset: u64,
    at: Timestamp,
    record: Arc<Record>,
    bytes: usize,
}

impl Tail {
    /// Keeps `record`, the next of its channel. Where there is no room, its channel's oldest go.
    pub(super) fn keep(&mut self, offset: u64, at: Timestamp, record: Arc<Record>) {
        let bytes = record.len();
        // While nobody read the channel, nothing was kept of it: what is before the gap goes.
        self.forget_before_gap(&record.channel, offset);
        let kept = match self.channels.get_mut(&record.channel) {
            Some(kept) => kept,
            None => self.channels.entry(record.channel.clone()).or_default(),
        };
        kept.push_back(Kept { offset, at, record, bytes });
        self.bytes += bytes;
        while BYTES_MAX < self.bytes
            && let Some(oldest) = kept.pop_front()
        {
            self.bytes -= oldest.bytes;
        }
    }

    /// The records of `channel` from `from` on, at most `records_max`; `None` if the first is not
    /// kept.
    pub(super) fn read(
        &self,
        channel: &ChannelName,
        from: u64,
        records_max: usize,
    ) -> Option<Entries> {
        let kept = self.channels.get(channel)?;
        let skip = usize::try_from(from.checked_sub(kept.front()?.offset)?).ok()?;
        if kept.len() <= skip {
            return None;
        }
        let found = kept.iter().skip(skip).take(records_max);
        Some(found.map(|kept| (kept.offset, kept.at, Arc::clone(&kept.record))).collect())
    }

    fn forget_before_gap(&mut self, channel: &ChannelName, next: u64) {
        let last = self.channels.get(channel).and_then(VecDeque::back).map(|last| last.offset);
        if last.is_some_and(|last| last + 1 != next) {
            self.forget(channel, u64::MAX);
        }
    }

    /// Forgets what lies before `next`: everybody has read it.
    pub(super) fn forget(&mut self, channel: &ChannelName, next: u64) {
        let Some(kept) = self.channels.get_mut(channel) else { return };
        while let Some(oldest) = kept.pop_front_if(|oldest| oldest.offset < next) {
            self.bytes -= oldest.bytes;
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn keep(tail: &mut Tail, offsets: std::ops::Range<u64>, len: usize) {
        for offset in offsets {
            let (channel, key) = (ChannelName::status(), Bytes::new());
            let value = Bytes::from(vec![0; len]);
            let record = Record { channel, key, headers: Vec::new(), value };
            tail.keep(offset, Timestamp(1), Arc::new(record));
        }
    }

    fn offsets(tail: &Tail, from: u64) -> Option<Vec<u64>> {
        let read = tail.read(&ChannelName::status(), from, 3)?;
        Some(read.iter().map(|(offset, ..)| *offset).collect())
    }

    #[test]
    fn it_gives_what_it_has_and_says_what_it_has_not() {
        let mut tail = Tail::default();
        assert_eq!(offsets(&tail, 0), None);
        keep(&mut tail, 5..9, 10);
        assert_eq!(offsets(&tail, 4), None, "before the first");
        assert_eq!(offsets(&tail, 5), Some(vec![5, 6, 7]));
        assert_eq!(offsets(&tail, 8), Some(vec![8]));
        assert_eq!(offsets(&tail, 9), None, "behind the last");
        tail.forget(&ChannelName::status(), 7);
        assert_eq!((offsets(&tail, 6), offsets(&tail, 7)), (None, Some(vec![7, 8])));
    }

    #[test]
    fn there_is_never_a_gap_in_it() {
        let mut tail = Tail::default();
        keep(&mut tail, 5..7, 10);
        keep(&mut tail, 8..9, 10);
        assert_eq!((offsets(&tail, 5), offsets(&tail, 7)), (None, None), "7 was not kept");
        assert_eq!(offsets(&tail, 8), Some(vec![8]));
    }

    #[test]
    fn its_memory_is_bounded_and_counted() {
        let mut tail = Tail::default();
        keep(&mut tail, 0..40, 1 << 20);
        assert_eq!(offsets(&tail, 23), None);
        assert_eq!(offsets(&tail, 24).map(|read| read.len()), Some(3));
        tail.forget(&ChannelName::status(), 40);
        assert_eq!(tail.bytes, 0);
    }
}
