//! A document as a tree of names and texts with positions: small, flat, the same for XML and JSON.

pub(crate) mod called;
mod locate;

use std::{cell::OnceCell, collections::HashMap, fmt::Write as _};

pub(crate) use locate::{Step, locate};
pub(crate) use xsd::Node;
use xsd::{LocalName, Record};

/// Children of one node that are numbered by looking at each other; more of them by a table.
const LOOKED_AT_MAX: usize = 16;

/// The whole document. A node is an element, or a value of a JSON document.
#[derive(Debug, Default)]
pub(crate) struct Tree<'d> {
    record: Record<'d>,
    is_json: bool,
    /// For each node its number among its siblings of the same name; 0 where there is no other.
    numbers: OnceCell<Vec<u32>>,
}

impl<'d> Tree<'d> {
    /// The tree of a document that was read already.
    pub(crate) fn of(record: Record<'d>) -> Self {
        Self { record, ..Self::default() }
    }

    /// An empty tree of a JSON document, where attributes are members like any other.
    pub(crate) fn of_json() -> Self {
        Self { is_json: true, ..Self::default() }
    }

    /// The root, once there is one.
    pub(crate) fn root(&self) -> Option<Node> {
        self.node(0)
    }

    /// How many nodes there are.
    pub(crate) fn len(&self) -> usize {
        self.record.len()
    }

    /// The node that was added as number `index`.
    pub(crate) fn node(&self, index: u32) -> Option<Node> {
        let index = index as usize;
        (index < self.record.len()).then(|| Node::of(index))
    }

    /// Adds a node below `parent`, which must be the root's first or a node of this tree.
    pub(crate) fn push(
        &mut self,
        parent: Option<Node>,
        prefix: &str,
        local: &str,
        namespace: &str,
        offset: usize,
    ) -> Node {
        self.record.open(parent, (prefix, local, namespace), offset)
    }

    /// Adds an attribute to `node`, the one pushed last.
    pub(crate) fn push_attribute(&mut self, node: Node, prefix: &str, local: &str, value: &str) {
        self.record.attribute(node, prefix, local, value);
    }

    /// Adds text to `node`; ignored where it has children.
    pub(crate) fn push_text(&mut self, node: Node, text: &str) {
        self.record.text(node, text);
    }

    /// The node around `node`.
    pub(crate) fn parent(&self, node: Node) -> Option<Node> {
        self.record.parent(node)
    }

    /// `node` and every node below it, in the document's order.
    pub(crate) fn below(&self, node: Node) -> Vec<Node> {
        let mut found = Vec::new();
        let mut open = vec![node];
        while let Some(node) = open.pop() {
            found.push(node);
            let children = open.len();
            open.extend(self.children(node));
            if let Some(children) = open.get_mut(children..) {
                children.reverse();
            }
        }
        found
    }

    /// Its children in the document's order.
    pub(crate) fn children(&self, node: Node) -> impl Iterator<Item = Node> + '_ {
        std::iter::successors(self.record.first(node), |child| self.record.next(*child))
    }

    /// Its first child called `local`.
    pub(crate) fn child(&self, node: Node, local: &LocalName) -> Option<Node> {
        self.record.child(node, local)
    }

    /// Whether its name without prefix is `local`.
    pub(crate) fn is_called(&self, node: Node, local: &LocalName) -> bool {
        self.record.is_called(node, local)
    }

    /// Whether it has no children.
    pub(crate) fn is_leaf(&self, node: Node) -> bool {
        self.record.first(node).is_none()
    }

    /// Its name without prefix.
    pub(crate) fn local_name(&self, node: Node) -> &str {
        self.record.local_name(node)
    }

    /// Its name as written.
    pub(crate) fn qualified_name(&self, node: Node) -> &str {
        self.record.qualified_name(node)
    }

    /// The namespace of its name.
    pub(crate) fn namespace(&self, node: Node) -> &str {
        self.record.namespace(node)
    }

    /// Whether any text or attribute has an ampersand in it.
    pub(crate) fn has_ampersand(&self) -> bool {
        self.record.has_ampersand()
    }

    /// Its text, untrimmed; empty where it has children.
    pub(crate) fn text(&self, node: Node) -> &str {
        self.record.text_of(node)
    }

    /// Local names and values of its attributes, namespace declarations not among them.
    pub(crate) fn attributes(&self, node: Node) -> impl Iterator<Item = (&str, &str)> {
        self.record.attributes_of(node).map(|(_, local, value)| (local, value))
    }

    /// The value of its attribute called `local`; in JSON, of its member.
    pub(crate) fn attribute(&self, node: Node, local: &LocalName) -> Option<&str> {
        if self.is_json {
            return self.child(node, local).map(|member| self.text(member));
        }
        self.record.attribute_of(node, local)
    }

    /// Whether it may have one.
    pub(crate) fn can_have_attributes(&self, node: Node) -> bool {
        self.is_json || self.record.has_attributes(node)
    }

    /// Where it begins, in bytes.
    pub(crate) fn offset(&self, node: Node) -> usize {
        self.record.offset(node)
    }

    /// Where it is, as a person would write it: names as in the document, `[n]` where there are
    /// several of one name.
    pub(crate) fn xpath(&self, node: Node) -> String {
        let mut path = String::new();
        for step in self.line(node) {
            path.push('/');
            path.push_str(self.qualified_name(step));
            self.push_number(step, &mut path);
        }
        path
    }

    /// Adds the path below the root by local names, for generic fields.
    pub(crate) fn push_field_name(&self, node: Node, path: &mut String) {
        for step in self.line(node) {
            self.push_step(step, path);
        }
    }

    /// Adds the last step of that path to the path of the node around it.
    pub(crate) fn push_step(&self, node: Node, path: &mut String) {
        if self.parent(node).is_none() {
            return;
        }
        if !path.is_empty() {
            path.push('/');
        }
        path.push_str(self.local_name(node));
        self.push_number(node, path);
    }

    fn line(&self, node: Node) -> Vec<Node> {
        let mut line: Vec<Node> =
            std::iter::successors(Some(node), |node| self.parent(*node)).collect();
        line.reverse();
        line
    }

    fn push_number(&self, node: Node, path: &mut String) {
        let numbers = self.numbers.get_or_init(|| self.numbered());
        let number = numbers.get(node.index()).copied().unwrap_or_default();
        if number > 0 {
            write!(path, "[{number}]").expect("a text takes everything");
        }
    }

    /// Numbers siblings of one name, in time that grows with their count and not with its square.
    fn numbered(&self) -> Vec<u32> {
        let mut numbers = vec![0_u32; self.len()];
        let mut set = |node: Node, number: u32| {
            if let Some(slot) = numbers.get_mut(node.index()) {
                *slot = number;
            }
        };
        let (mut family, mut last) = (Vec::new(), HashMap::new());
        for parent in (0..self.len()).map(Node::of) {
            family.clear();
            family.extend(self.children(parent).map(|child| (child, self.record.name(child))));
            last.clear();
            for (at, (child, name)) in family.iter().enumerate() {
                let before: Option<(Node, u32)> = if family.len() > LOOKED_AT_MAX {
                    last.get(name).copied()
                } else {
                    let same = |(_, other): &&(Node, u32)| other == name;
                    let before = family.get(..at).unwrap_or_default();
                    let first = before.iter().find(same).map(|(first, _)| *first);
                    first.zip(u32::try_from(before.iter().filter(same).count()).ok())
                };
                let number = match before {
                    None => 0,
                    Some((first, count)) => {
                        set(first, 1);
                        set(*child, count + 1);
                        count
                    }
                };
                if family.len() > LOOKED_AT_MAX {
                    let first = before.map_or(*child, |(first, _)| first);
                    last.insert(*name, (first, number + 1));
                }
            }
        }
        numbers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_number_only_what_there_are_several_of() {
        let mut tree = Tree::default();
        let root = tree.push(None, "k", "antrag", "urn:k", 0);
        let first = tree.push(Some(root), "", "anlage", "", 10);
        tree.push_attribute(first, "", "id", "1");
        tree.push_text(first, "eins");
        let second = tree.push(Some(root), "", "anlage", "", 20);
        let name = tree.push(Some(second), "", "name", "", 30);
        tree.push_text(name, "zwei");
        assert_eq!(tree.xpath(name), "/k:antrag/anlage[2]/name");
        let mut field = String::new();
        tree.push_field_name(first, &mut field);
        assert_eq!(field, "anlage[1]");
        assert_eq!(
            (tree.text(first), tree.attribute(first, &LocalName::new("id"))),
            ("eins", Some("1"))
        );
        assert_eq!(tree.text(second), "");
    }

    #[test]
    fn few_and_many_siblings_are_numbered_alike() {
        for count in [2, 3, LOOKED_AT_MAX, LOOKED_AT_MAX + 1, 100] {
            let mut tree = Tree::default();
            let root = tree.push(None, "", "r", "", 0);
            let names = ["a", "b", "a", "c", "d", "b", "a"];
            let named = (0..count).zip(names.into_iter().cycle());
            let nodes: Vec<Node> =
                named.map(|(_, name)| tree.push(Some(root), "", name, "", 0)).collect();
            for node in &nodes {
                let same = |other: &&Node| tree.local_name(**other) == tree.local_name(*node);
                let number = nodes.iter().take_while(|other| *other != node).filter(same).count();
                let expected = match nodes.iter().filter(same).count() {
                    1 => format!("/r/{}", tree.local_name(*node)),
                    _ => format!("/r/{}[{}]", tree.local_name(*node), number + 1),
                };
                assert_eq!(tree.xpath(*node), expected, "{count}");
            }
        }
    }
}
