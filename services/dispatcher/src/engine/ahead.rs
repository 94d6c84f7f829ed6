//! Reading ahead in a backlog: the records of what is due next are read back while a commit lasts, so
//! that the next turn need not wait for them. What came just now is in memory anyway.

use std::collections::HashMap;

use bytes::Bytes;
use messaging::Result;
use stores::ledger::MessageRow;
use tokio::task::JoinSet;

use super::Engine;
use crate::patient::Patient;

/// Records read ahead at most.
const RECORDS_MAX: usize = 512;
/// And their bytes, reckoned by those that were read last.
const BYTES_MAX: usize = 8 << 20;

/// What was read ahead, and what is being read.
#[derive(Debug)]
pub(super) struct Ahead {
    read: HashMap<MessageRow, Bytes>,
    /// One task at most.
    reading: JoinSet<Result<Vec<(MessageRow, Bytes)>>>,
    /// How many are read at once.
    room: usize,
}

impl Default for Ahead {
    fn default() -> Self {
        Self { read: HashMap::new(), reading: JoinSet::new(), room: RECORDS_MAX }
    }
}

impl Ahead {
    /// Waits for what is being read. Dropping it loses nothing that could not be read again.
    pub(super) async fn arrive(&mut self) -> Result<()> {
        while let Some(read) = self.reading.join_next().await {
            let read = read.expect("reading neither panics nor is aborted")?;
            self.room = room_after(&read);
            self.read.extend(read);
        }
        Ok(())
    }

    pub(super) fn has(&self, message: MessageRow) -> bool {
        self.read.contains_key(&message)
    }

    /// It stays until it is not due next any more: several endpoints may want it in one turn.
    pub(super) fn get(&self, message: MessageRow) -> Option<Bytes> {
        self.read.get(&message).cloned()
    }

    /// Keeps what of `next` is there, lets go of everything else, and says what is to be read.
    fn keep(&mut self, next: Vec<MessageRow>) -> Vec<MessageRow> {
        let mut before = std::mem::take(&mut self.read);
        let mut missing = Vec::new();
        for message in next {
            match before.remove(&message) {
                Some(record) => drop(self.read.insert(message, record)),
                None => missing.push(message),
            }
        }
        missing
    }

    fn read(&mut self, messages: Vec<MessageRow>, ledger: &Patient) {
        if !messages.is_empty() {
            let ledger = ledger.clone();
            self.reading.spawn(async move { ledger.records(messages).await });
        }
    }
}

/// As many as those just read, of their length, would be.
fn room_after(read: &[(MessageRow, Bytes)]) -> usize {
    let bytes: usize = read.iter().map(|(_, record)| record.len()).sum();
    let mean = bytes.checked_div(read.len()).unwrap_or_default().max(1);
    (BYTES_MAX / mean).clamp(1, RECORDS_MAX)
}

impl Engine {
    /// Turns to what is due next and not in memory, unless something is being read.
    pub(super) fn read_ahead(&mut self) {
        if !self.ahead.reading.is_empty() {
            return;
        }
        let open = self.served.iter().filter(|served| served.is_open());
        let due = open.flat_map(|served| served.schedule.due_next(served.ramp.limit()));
        let missing = due.filter(|message| !self.envelopes.has(*message));
        let mut next: Vec<MessageRow> = missing.take(self.ahead.room).collect();
        next.sort_unstable();
        next.dedup();
        let missing = self.ahead.keep(next);
        self.ahead.read(missing, &self.ledger);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_read_and_is_still_next_is_not_read_again() {
        let record = |row| (MessageRow(row), Bytes::from_static(b"record"));
        let mut ahead = Ahead { read: HashMap::from([record(1), record(2)]), ..Ahead::default() };
        assert_eq!(ahead.keep(vec![MessageRow(2), MessageRow(3)]), [MessageRow(3)]);
        assert!(ahead.has(MessageRow(2)) && !ahead.has(MessageRow(1)), "{ahead:?}");
    }

    #[test]
    fn long_records_are_read_ahead_in_small_numbers() {
        let read = |bytes, count: i64| -> Vec<(MessageRow, Bytes)> {
            (0..count).map(|row| (MessageRow(row), Bytes::from(vec![0; bytes]))).collect()
        };
        assert_eq!(room_after(&read(5_000, 40)), RECORDS_MAX);
        assert_eq!(room_after(&read(256 << 10, 2)), 32);
        assert_eq!(room_after(&read(BYTES_MAX + 1, 1)), 1);
        assert_eq!(room_after(&[]), RECORDS_MAX, "all of them were gone");
    }
}
