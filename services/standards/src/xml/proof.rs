//! What is proven valid without the validator: one walk for judgement and tree.

use std::sync::atomic::{AtomicU64, Ordering};

use xsd::{Acceptor, Reason, Watch};

use crate::{
    Limits,
    tree::{Node, Tree},
    xml::{NAMESPACES_MAX, Pass},
};

/// Reads `text`; nothing but the reason where it is not proven to be valid.
pub(crate) fn pass(text: &str, acceptor: &mut Acceptor) -> Result<Pass, Reason> {
    let mut growing = Growing { tree: Tree::default(), open: Vec::new() };
    match acceptor.judge_and_tell(text.as_bytes(), &mut growing) {
        xsd::Verdict::Valid => {
            let tree = growing.tree;
            Ok(Pass { tree, findings: Vec::new(), findings_total: 0, fatal: None })
        }
        xsd::Verdict::DontKnow(reason) => Err(reason),
    }
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

/// A tree while its document is read.
struct Growing {
    tree: Tree,
    open: Vec<Node>,
}

impl Watch for Growing {
    fn open(&mut self, prefix: &str, local: &str, namespace: &str, at: usize) {
        let parent = self.open.last().copied();
        self.open.push(self.tree.push(parent, prefix, local, namespace, at));
    }

    fn attribute(&mut self, prefix: &str, local: &str, value: &str) {
        if let Some(node) = self.open.last() {
            self.tree.push_attribute(*node, prefix, local, value);
        }
    }

    fn text(&mut self, text: &str) {
        if let Some(node) = self.open.last() {
            self.tree.push_text(*node, text);
        }
    }

    fn close(&mut self) {
        self.open.pop();
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
