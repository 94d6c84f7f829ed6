//! Tells the world what was recorded: appends the outbox to its channels, in order.
//!
//! A crash between appending and deleting repeats events; their ids are the same, and readers keep
//! the highest version of a delivery, so a repeat changes nothing.

use std::{sync::Arc, time::Duration};

use channels::codec;
use messaging::{Channel, Record, Result};
use stores::ledger::{Ledger, OutboxEntry};
use tokio::sync::watch;
use tracing::{error, warn};

use crate::codes;

/// Events appended at once.
const ENTRIES_MAX: u32 = 500;
const PAUSE_MIN: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub(crate) struct Relay {
    pub(crate) channel: Arc<dyn Channel>,
    pub(crate) ledger: Ledger,
}

impl Relay {
    /// Relays until `written` is closed and everything written is told. `written` holds the last
    /// sequence committed, `told` the last one appended.
    pub(crate) async fn run(self, mut written: watch::Receiver<u64>, told: watch::Sender<u64>) {
        let mut after = 0;
        let mut pause = PAUSE_MIN;
        loop {
            match self.relay_next(after).await {
                Ok(Some(sequence)) => {
                    after = sequence;
                    pause = PAUSE_MIN;
                    told.send_replace(after);
                }
                Ok(None) => {
                    if written.changed().await.is_err() {
                        return;
                    }
                }
                Err(failure) => {
                    warn!(code = failure.code(), cause = failure.report(), "events cannot be told");
                    // What is not told now is told at the next start.
                    if written.has_changed().is_err() {
                        return;
                    }
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(PAUSE_MAX);
                }
            }
        }
    }

    async fn relay_next(&self, after: u64) -> Result<Option<u64>> {
        let entries = self.ledger.outbox(after, ENTRIES_MAX).await?;
        let Some(last) = entries.last().map(|entry| entry.sequence) else { return Ok(None) };
        let records: Vec<Record> = entries.iter().filter_map(decode).collect();
        if !records.is_empty() {
            self.channel.append(records).await?;
        }
        Ok(Some(last))
    }
}

/// Our own writing; one that cannot be read is damaged and would block all others.
fn decode(entry: &OutboxEntry) -> Option<Record> {
    codec::from_bytes(entry.record.clone())
        .inspect_err(|cause| {
            error!(code = codes::UNDECODABLE, sequence = entry.sequence, %cause, "event is damaged");
        })
        .ok()
}
