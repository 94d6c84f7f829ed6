//! Whether the process can do its work, told component by component.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

/// The components of this process and their states. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Readiness(Arc<Mutex<BTreeMap<String, State>>>);

/// One component's handle: it alone says how the component is.
#[derive(Clone, Debug)]
pub struct Check {
    readiness: Readiness,
    name: String,
}

/// What is told about one component.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Component {
    /// Its name, e.g. `gateway`.
    pub name: String,
    /// Why it is not ready; `None` when it is.
    pub reason: Option<String>,
}

/// `None` is ready.
type State = Option<String>;

impl Readiness {
    /// Without components; ready as soon as all that are added are.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a component, not ready until it says so. The reason must hold no personal data.
    pub fn add(&self, name: impl Into<String>) -> Check {
        let check = Check { readiness: self.clone(), name: name.into() };
        check.not_ready("is starting");
        check
    }

    /// Whether every component is ready.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.states().values().all(Option::is_none)
    }

    /// Every component, by name.
    #[must_use]
    pub fn components(&self) -> Vec<Component> {
        self.states()
            .iter()
            .map(|(name, reason)| Component { name: name.clone(), reason: reason.clone() })
            .collect()
    }

    fn states(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, State>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Check {
    /// The component can do its work.
    pub fn ready(&self) {
        self.set(None);
    }

    /// It cannot, because of `reason`.
    pub fn not_ready(&self, reason: impl Into<String>) {
        self.set(Some(reason.into()));
    }

    fn set(&self, state: State) {
        self.readiness.states().insert(self.name.clone(), state);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_ready_when_every_component_is() {
        let readiness = Readiness::new();
        assert!(readiness.is_ready(), "nothing to wait for");
        let (channel, ledger) = (readiness.add("channel"), readiness.add("ledger"));
        channel.ready();
        assert!(!readiness.is_ready(), "the ledger is starting");
        ledger.ready();
        assert!(readiness.is_ready());
        channel.not_ready("disk is full");
        let [told, _] = &readiness.components()[..] else { panic!("two components") };
        assert_eq!(told.name, "channel");
        assert_eq!(told.reason.as_deref(), Some("disk is full"));
    }
}
