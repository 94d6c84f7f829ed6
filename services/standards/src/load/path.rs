//! The paths of dialects and mappings: local names below the root, perhaps an attribute at the end.

use crate::tree::{Node, Tree};

/// `step/step/@attribute`; the empty path is the node itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Path {
    steps: Vec<Box<str>>,
    attribute: Option<Box<str>>,
}

impl Path {
    /// Reads `text`; the error says what is wrong with it.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut steps: Vec<Box<str>> = Vec::new();
        let mut attribute = None;
        for part in text.split('/').filter(|part| *part != ".") {
            if attribute.is_some() {
                return Err(format!("nothing comes after an attribute in `{text}`"));
            }
            let (name, is_attribute) = match part.strip_prefix('@') {
                Some(name) => (name, true),
                None => (part, false),
            };
            let is_name = |c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '-');
            if name.is_empty() || !name.chars().all(is_name) {
                return Err(format!("`{part}` is no step of a path: local names joined by `/`"));
            }
            if is_attribute {
                attribute = Some(name.into());
            } else {
                steps.push(name.into());
            }
        }
        Ok(Self { steps, attribute })
    }

    /// The attribute called `name` of the node itself.
    pub(crate) fn attribute_of_root(name: &str) -> Self {
        Self { steps: Vec::new(), attribute: Some(name.into()) }
    }

    /// The names of the elements it leads through.
    pub(crate) fn steps(&self) -> &[Box<str>] {
        &self.steps
    }

    /// The value it leads to from `node`: trimmed, not empty.
    pub(crate) fn value<'t>(&self, tree: &'t Tree, node: Node) -> Option<&'t str> {
        let found = self.node(tree, node)?;
        let value = match &self.attribute {
            Some(name) => tree.attribute(found, name)?,
            None => tree.text(found),
        };
        Some(value.trim()).filter(|value| !value.is_empty())
    }

    /// The first node it leads to from `node`.
    pub(crate) fn node(&self, tree: &Tree, node: Node) -> Option<Node> {
        self.steps.iter().try_fold(node, |node, step| tree.child(node, step))
    }

    /// Every node it leads to from `node`, in the document's order.
    pub(crate) fn nodes(&self, tree: &Tree, node: Node) -> Vec<Node> {
        let mut found = vec![node];
        for step in &self.steps {
            let children = |node: &Node| {
                let is_step = |child: &Node| tree.local_name(*child) == &**step;
                tree.children(*node).filter(is_step).collect::<Vec<_>>()
            };
            found = found.iter().flat_map(children).collect();
        }
        found
    }

    /// Whether it ends at an attribute.
    pub(crate) fn attribute(&self) -> Option<&str> {
        self.attribute.as_deref()
    }
}
