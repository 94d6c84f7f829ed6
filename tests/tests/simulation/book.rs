//! What operators ordered, as they remember it, and what must be true of every order.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use messaging::{Command, CommandId, EventKind};

use super::told::{Told, epoch_of};

/// Of a ledger that was never restored.
const FIRST_EPOCH: u32 = 1;

/// Every order, whether it was ever answered.
#[derive(Debug, Default)]
pub(crate) struct Book(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    orders: Vec<Command>,
    /// When each was ordered, and what, for whoever looks at a life.
    diary: Vec<String>,
    /// So many of them before the ledger was restored from a backup, if it was.
    before_restore: usize,
}

impl Book {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn note(&self, command: Command, age: Duration) {
        let Command { id, endpoint, order, .. } = &command;
        let line = format!("{age:?} {endpoint}: {} ordered by command {id}", order.name());
        let mut state = self.state();
        state.diary.push(line);
        state.orders.push(command);
    }

    pub(crate) fn diary(&self) -> Vec<String> {
        self.state().diary.clone()
    }

    pub(crate) fn orders(&self) -> Vec<Command> {
        self.state().orders.clone()
    }

    /// The ledger does not know any more what was ordered after the backup.
    pub(crate) fn ledger_is_restored(&self) {
        let mut state = self.state();
        state.before_restore = state.orders.len();
    }

    /// What is broken of what was ordered.
    pub(crate) fn judge(&self, told: &Told) -> Vec<String> {
        let mut accepted: HashMap<CommandId, Vec<u32>> = HashMap::new();
        for event in &told.events {
            if let EventKind::CommandAccepted { command, .. } = event.kind {
                accepted.entry(command).or_default().push(epoch_of(event));
            }
        }
        let state = self.state();
        let mut broken = Vec::new();
        for (place, order) in state.orders.iter().enumerate() {
            let epochs = accepted.get(&order.id).map_or(&[][..], Vec::as_slice);
            if 1 < epochs.len() {
                broken.push(format!("`{}` was carried out twice", order.order.name()));
            }
            if place < state.before_restore && epochs.iter().any(|epoch| *epoch != FIRST_EPOCH) {
                let name = order.order.name();
                broken.push(format!("`{name}` of before the restore was carried out after it"));
            }
        }
        broken
    }
}
