//! What is proven valid without the validator: one walk for judgement and tree.

use std::sync::atomic::{AtomicU64, Ordering};

use xsd::{Acceptor, Reason};

use crate::{Limits, tree::Tree, xml::NAMESPACES_MAX};

/// Reads `text`; nothing but the reason where it is not proven to be valid.
pub(crate) fn pass<'t>(text: &'t str, acceptor: &mut Acceptor) -> Result<Tree<'t>, Reason> {
    let record = acceptor.judge_and_record(text)?;
    #[cfg(test)]
    let record = planted::changed(record);
    Ok(Tree::of(record))
}

/// The bounds of the validator's reading, so that it refuses what is beyond them.
pub(crate) fn limits(limits: &Limits) -> xsd::Limits {
    xsd::Limits {
        bytes_max: limits.document_bytes_max,
        depth_max: limits.depth_max,
        parts_max: limits.elements_max,
        attributes_max: limits.attributes_max,
        attribute_bytes_max: limits.attribute_bytes_max,
        name_bytes_max: limits.name_bytes_max,
        namespaces_max: NAMESPACES_MAX,
        ..xsd::Limits::default()
    }
}

/// How many documents of a standard were proven, and why others were not.
#[derive(Debug)]
pub(crate) struct Counts {
    proven: AtomicU64,
    unproven: Vec<AtomicU64>,
    disagreements: AtomicU64,
}

impl Default for Counts {
    fn default() -> Self {
        Self {
            proven: AtomicU64::new(0),
            unproven: Reason::ALL.iter().map(|_| AtomicU64::new(0)).collect(),
            disagreements: AtomicU64::new(0),
        }
    }
}

impl Counts {
    pub(crate) fn count(&self, reason: Option<Reason>) {
        let place = match reason {
            None => Some(&self.proven),
            Some(reason) => {
                let at = Reason::ALL.iter().position(|other| *other == reason);
                at.and_then(|at| self.unproven.get(at))
            }
        };
        if let Some(place) = place {
            place.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(crate) fn disagree(&self) {
        self.disagreements.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn proven(&self) -> u64 {
        self.proven.load(Ordering::Relaxed)
    }

    pub(crate) fn disagreements(&self) -> u64 {
        self.disagreements.load(Ordering::Relaxed)
    }

    /// For each reason that there was, how often.
    pub(crate) fn unproven(&self) -> Vec<(&'static str, u64)> {
        let counts = self.unproven.iter().map(|count| count.load(Ordering::Relaxed));
        let named = Reason::ALL.iter().map(|reason| reason.label()).zip(counts);
        named.filter(|(_, count)| *count > 0).collect()
    }
}

/// A fault that tests plant, to see that it would be found.
#[cfg(test)]
pub(crate) mod planted {
    use std::cell::Cell;

    use xsd::{Node, Record};

    thread_local! {
        static IS_CHANGED: Cell<bool> = const { Cell::new(false) };
    }

    /// Does `act` while the last element of each proven document gets a text it does not have.
    pub(crate) fn with<T>(act: impl FnOnce() -> T) -> T {
        IS_CHANGED.set(true);
        let made = act();
        IS_CHANGED.set(false);
        made
    }

    pub(super) fn changed(mut record: Record<'_>) -> Record<'_> {
        if IS_CHANGED.get() {
            record.text(Node::of(record.len() - 1), " misread");
        }
        record
    }
}
