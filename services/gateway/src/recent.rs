//! Who submitted what lately: one id is appended once at a time, and repetitions of what has a
//! receipt are answered at once.

use std::{
    collections::{HashMap, VecDeque, hash_map},
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use messaging::{MessageId, Sha256};
use prost::Message as _;
use tokio::{sync::watch, time::Instant};
use wire::intake::SubmitResponse;

use crate::{
    codes,
    refusal::{Refusal, Refused},
};

/// How an append ended.
pub(crate) type Outcome = Result<Arc<SubmitResponse>, Refused>;

/// The table. Bounded in entries and in time; entries under way are bounded by admission.
pub(crate) struct Recent {
    entries_max: usize,
    time_max: Duration,
    table: Mutex<Table>,
}

#[derive(Default)]
struct Table {
    entries: HashMap<MessageId, Entry>,
    /// Those with a receipt, oldest first.
    order: VecDeque<(Instant, MessageId)>,
}

enum Entry {
    Running(Sha256, watch::Receiver<Option<Outcome>>),
    /// Encoded, to keep a hundred thousand of them small.
    Receipted(Sha256, Bytes),
}

/// What to do with a message.
#[derive(Debug)]
pub(crate) enum Entered {
    /// Append it, then tell.
    Mine(Claimed),
    /// It has this receipt.
    Known(Box<SubmitResponse>),
    /// Its id belongs to other bytes.
    Conflict,
    /// Another call is appending this id.
    Running(Waiting),
}

/// The right to append one id; ends with [`Claimed::settle`]. Dropped without (a panic), those who
/// wait are told so.
pub(crate) struct Claimed {
    recent: Arc<Recent>,
    id: MessageId,
    sha256: Sha256,
    told: watch::Sender<Option<Outcome>>,
    is_settled: bool,
}

/// Waits for the append of another call.
#[derive(Debug)]
pub(crate) struct Waiting {
    outcome: watch::Receiver<Option<Outcome>>,
    is_same: bool,
}

impl Recent {
    pub(crate) fn new(entries_max: usize, time_max: Duration) -> Arc<Self> {
        Arc::new(Self { entries_max, time_max, table: Mutex::default() })
    }

    /// Enters a message that is about to be appended.
    pub(crate) fn enter(self: &Arc<Self>, id: MessageId, sha256: Sha256) -> Entered {
        let mut table = self.table();
        self.forget(&mut table);
        match table.entries.entry(id) {
            hash_map::Entry::Vacant(free) => {
                let (told, outcome) = watch::channel(None);
                free.insert(Entry::Running(sha256, outcome));
                let recent = self.clone();
                Entered::Mine(Claimed { recent, id, sha256, told, is_settled: false })
            }
            hash_map::Entry::Occupied(known) => match known.get() {
                Entry::Running(hash, outcome) => {
                    Entered::Running(Waiting { outcome: outcome.clone(), is_same: *hash == sha256 })
                }
                Entry::Receipted(hash, _) if *hash != sha256 => Entered::Conflict,
                Entry::Receipted(_, answer) => {
                    let answer = SubmitResponse::decode(answer.clone());
                    Entered::Known(Box::new(answer.expect("it was encoded here")))
                }
            },
        }
    }

    /// Whether this id is known to belong to other bytes.
    pub(crate) fn is_conflict(&self, id: MessageId, sha256: Sha256) -> bool {
        let mut table = self.table();
        self.forget(&mut table);
        match table.entries.get(&id) {
            Some(Entry::Receipted(hash, _)) => *hash != sha256,
            _ => false,
        }
    }

    /// Makes room.
    fn forget(&self, table: &mut Table) {
        let now = Instant::now();
        while let Some((at, id)) = table.order.front() {
            let is_old = self.time_max <= now.duration_since(*at);
            if table.order.len() <= self.entries_max && !is_old {
                break;
            }
            table.entries.remove(id);
            table.order.pop_front();
        }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Claimed {
    /// Tells how the append ended. A failure leaves the id free: its outcome is unknown, and the
    /// sender repeats it.
    pub(crate) fn settle(mut self, outcome: Outcome) {
        self.finish(outcome);
    }

    fn finish(&mut self, outcome: Outcome) {
        let mut table = self.recent.table();
        match &outcome {
            Ok(answer) => {
                let answer = Bytes::from(answer.encode_to_vec());
                table.entries.insert(self.id, Entry::Receipted(self.sha256, answer));
                table.order.push_back((Instant::now(), self.id));
            }
            Err(_) => {
                table.entries.remove(&self.id);
            }
        }
        drop(table);
        self.is_settled = true;
        self.told.send_replace(Some(outcome));
    }
}

impl Drop for Claimed {
    fn drop(&mut self) {
        if !self.is_settled {
            self.finish(Err(Refusal::defect(codes::TASK_VANISHED)));
        }
    }
}

impl Waiting {
    /// How the other call's append ended, for this call. Cancel safe.
    pub(crate) async fn outcome(mut self) -> Outcome {
        let told = self.outcome.wait_for(Option::is_some).await;
        let outcome = told.ok().and_then(|outcome| outcome.clone());
        match outcome {
            None => Err(Refusal::defect(codes::TASK_VANISHED)),
            Some(Ok(_)) if !self.is_same => Err(Refusal::already_exists()),
            Some(outcome) => outcome,
        }
    }
}

impl fmt::Debug for Recent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recent").field("entries_max", &self.entries_max).finish_non_exhaustive()
    }
}

impl fmt::Debug for Claimed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Claimed").field("id", &self.id).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
