//! Positions in memory, for suites and tests.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;

use crate::{Partition, Position, Record, Result, StoredPositions};

/// Positions as a store would keep them.
#[derive(Clone, Debug, Default)]
pub struct Positions(Arc<Mutex<HashMap<Partition, Stored>>>);

/// The next offset to read, and the record before it.
type Stored = (u64, Option<Record>);

impl Positions {
    /// Stores the next offset to read.
    pub fn set(&self, partition: &Partition, next_offset: u64) {
        let mut positions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        positions.insert(partition.clone(), (next_offset, None));
    }

    /// Stores that `record` was the last one taken.
    pub fn take(&self, position: &Position, record: Record) {
        let mut positions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        positions.insert(position.partition.clone(), (position.offset + 1, Some(record)));
    }

    fn stored(&self, partition: &Partition) -> Option<Stored> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(partition).cloned()
    }
}

#[async_trait]
impl StoredPositions for Positions {
    async fn next_offset(&self, partition: &Partition) -> Result<Option<u64>> {
        Ok(self.stored(partition).map(|(next, _)| next))
    }

    async fn last_offset(&self, partition: &Partition) -> Result<Option<u64>> {
        let stored = self.stored(partition);
        Ok(stored.and_then(|(next, taken)| taken.map(|_| next.saturating_sub(1))))
    }

    async fn is_known(&self, position: &Position, record: &Record) -> Result<bool> {
        let taken = self.stored(&position.partition).and_then(|(_, taken)| taken);
        Ok(taken.is_none_or(|taken| taken == *record))
    }
}
