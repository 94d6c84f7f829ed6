//! Finds nodes by their paths: all paths in one walk, as a report can have a thousand of them and a
//! node a million children.

use std::collections::HashMap;

use super::{Node, Tree};

/// One step down: the child of this name, the how manieth of that name (from 1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) local: String,
    /// `None`: whatever it is.
    pub(crate) namespace: Option<String>,
    pub(crate) number: usize,
}

/// What is looked for below one node: per name, how many have passed and which paths go on at which.
#[derive(Default)]
struct Wanted<'p> {
    names: Vec<Name<'p>>,
}

struct Name<'p> {
    local: &'p str,
    namespace: Option<&'p str>,
    passed: usize,
    paths: HashMap<usize, Vec<usize>>,
}

impl<'p> Wanted<'p> {
    fn add(&mut self, step: &'p Step, path: usize) {
        let (local, namespace) = (step.local.as_str(), step.namespace.as_deref());
        let is_same = |name: &Name<'_>| name.local == local && name.namespace == namespace;
        let at = self.names.iter().position(is_same).unwrap_or_else(|| {
            self.names.push(Name { local, namespace, passed: 0, paths: HashMap::new() });
            self.names.len() - 1
        });
        if let Some(name) = self.names.get_mut(at) {
            name.paths.entry(step.number).or_default().push(path);
        }
    }
}

/// Where each of `paths` leads, the root's step not among its steps: as far as there are nodes;
/// `None` only where there is no root.
pub(crate) fn locate(tree: &Tree<'_>, paths: &[Vec<Step>]) -> Vec<Option<Node>> {
    let mut found = vec![tree.root(); paths.len()];
    let mut wanted: HashMap<Node, Wanted<'_>> = HashMap::new();
    let mut depths = vec![0_usize; paths.len()];
    if let Some(root) = tree.root() {
        for (number, path) in paths.iter().enumerate() {
            if let Some(step) = path.first() {
                wanted.entry(root).or_default().add(step, number);
            }
        }
    }
    // Parents come before their children in a document's order.
    for node in (0..tree.len()).map(Node::of) {
        if wanted.is_empty() {
            break;
        }
        let Some(below) = tree.parent(node).and_then(|parent| wanted.get_mut(&parent)) else {
            continue;
        };
        let mut reached = Vec::new();
        for name in &mut below.names {
            let is_namespace = name.namespace.is_none_or(|uri| tree.namespace(node) == uri);
            if is_namespace && tree.local_name(node) == name.local {
                name.passed += 1;
                reached.extend(name.paths.remove(&name.passed).unwrap_or_default());
            }
        }
        for path in reached {
            if let (Some(slot), Some(depth)) = (found.get_mut(path), depths.get_mut(path)) {
                (*slot, *depth) = (Some(node), *depth + 1);
                if let Some(step) = paths.get(path).and_then(|path| path.get(*depth)) {
                    wanted.entry(node).or_default().add(step, path);
                }
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_lead_to_their_nodes_and_no_further_than_there_are_nodes() {
        let mut tree = Tree::default();
        let root = tree.push(None, "", "r", "", 0);
        let a = tree.push(Some(root), "", "a", "u", 0);
        tree.push(Some(a), "", "b", "u", 0);
        let second = tree.push(Some(root), "", "a", "u", 0);
        let b = tree.push(Some(second), "", "b", "u", 0);
        let step = |local: &str, namespace: Option<&str>, number| Step {
            local: local.to_owned(),
            namespace: namespace.map(str::to_owned),
            number,
        };
        let rows = [
            (vec![], root),
            (vec![step("a", Some("u"), 2)], second),
            (vec![step("a", Some("u"), 2), step("b", Some("u"), 1)], b),
            (vec![step("a", None, 1)], a),
            (vec![step("a", Some("v"), 1)], root),
            (vec![step("a", None, 2), step("b", None, 2)], second),
            (vec![step("a", None, 3), step("b", None, 1)], root),
        ];
        let paths: Vec<Vec<Step>> = rows.iter().map(|(path, _)| path.clone()).collect();
        let expected: Vec<Option<Node>> = rows.iter().map(|(_, node)| Some(*node)).collect();
        assert_eq!(locate(&tree, &paths), expected);
        assert_eq!(locate(&Tree::default(), &[vec![]]), [None]);
    }
}
