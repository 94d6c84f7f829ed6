//! A document as a tree of names and texts with positions: small, flat, the same for XML and JSON.

mod locate;
mod names;

use std::{cell::OnceCell, collections::HashMap, fmt::Write as _, num::NonZeroU32, ops::Range};

pub(crate) use locate::{Step, locate};
use names::Names;

/// Children of one node that are numbered by looking at each other; more of them by a table.
const LOOKED_AT_MAX: usize = 16;

/// One element, or one value of a JSON document: its number in the document's order, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Node(NonZeroU32);

impl Node {
    fn of(index: usize) -> Self {
        Self(NonZeroU32::MIN.saturating_add(cut(index)))
    }

    /// Its number in the document's order.
    pub(crate) fn index(self) -> usize {
        self.0.get() as usize - 1
    }
}

/// The whole document.
#[derive(Default)]
pub(crate) struct Tree {
    nodes: Vec<Element>,
    attributes: Vec<Attribute>,
    names: Names,
    text: String,
    is_json: bool,
    /// For each node its number among its siblings of the same name; 0 where there is no other.
    numbers: OnceCell<Vec<u32>>,
}

/// Large documents have millions of them, so each counts.
struct Element {
    name: u32,
    parent: Option<Node>,
    next: Option<Node>,
    first: Option<Node>,
    last: Option<Node>,
    /// Where it begins in the document, in bytes.
    offset: u32,
    text: Range<u32>,
    /// Where its attributes begin; those of the next node end them.
    attributes: u32,
}

struct Attribute {
    name: u32,
    value: Range<u32>,
}

/// A document can hold personal data.
impl std::fmt::Debug for Tree {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tree").field("nodes", &self.nodes.len()).finish_non_exhaustive()
    }
}

impl Tree {
    /// An empty tree of a JSON document, where attributes are members like any other.
    pub(crate) fn of_json() -> Self {
        Self { is_json: true, ..Self::default() }
    }

    /// The root, once there is one.
    pub(crate) fn root(&self) -> Option<Node> {
        (!self.nodes.is_empty()).then_some(Node::of(0))
    }

    /// How many nodes there are.
    pub(crate) fn len(&self) -> usize {
        self.nodes.len()
    }

    /// The node that was added as number `index`.
    pub(crate) fn node(&self, index: u32) -> Option<Node> {
        self.nodes.get(index as usize).map(|_| Node::of(index as usize))
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
        let node = Node::of(self.nodes.len());
        let name = self.names.number(prefix, local, namespace);
        if let Some(parent) = parent {
            self.adopt(parent, node);
        }
        let (text, attributes) = (cut(self.text.len()), cut(self.attributes.len()));
        self.nodes.push(Element {
            name,
            parent,
            next: None,
            first: None,
            last: None,
            offset: cut(offset),
            text: text..text,
            attributes,
        });
        node
    }

    fn adopt(&mut self, parent: Node, node: Node) {
        let before = self.element(parent).last;
        let element = self.element_mut(parent);
        element.last = Some(node);
        // Text of a node that has children is white space or, in mixed content, nobody's field.
        let range = std::mem::take(&mut element.text);
        if range.end as usize == self.text.len() {
            self.text.truncate(range.start as usize);
        }
        match before {
            Some(before) => self.element_mut(before).next = Some(node),
            None => self.element_mut(parent).first = Some(node),
        }
    }

    /// Adds an attribute to `node`, the one pushed last.
    pub(crate) fn push_attribute(&mut self, node: Node, prefix: &str, local: &str, value: &str) {
        let name = self.names.number(prefix, local, "");
        let start = cut(self.text.len());
        self.text.push_str(value);
        let value = start..cut(self.text.len());
        self.attributes.push(Attribute { name, value });
        let text = cut(self.text.len());
        self.element_mut(node).text = text..text;
    }

    /// Adds text to `node`; ignored where it has children.
    pub(crate) fn push_text(&mut self, node: Node, text: &str) {
        let end = cut(self.text.len());
        let element = self.element(node);
        if element.first.is_some() {
            return;
        }
        debug_assert!(element.text.is_empty() || element.text.end == end, "text is contiguous");
        self.text.push_str(text);
        let after = cut(self.text.len());
        let element = self.element_mut(node);
        if element.text.is_empty() {
            element.text.start = end;
        }
        element.text.end = after;
    }

    /// The node around `node`.
    pub(crate) fn parent(&self, node: Node) -> Option<Node> {
        self.element(node).parent
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
        std::iter::successors(self.element(node).first, |child| self.element(*child).next)
    }

    /// Its first child called `local`.
    pub(crate) fn child(&self, node: Node, local: &str) -> Option<Node> {
        self.children(node).find(|child| self.local_name(*child) == local)
    }

    /// Whether it has no children.
    pub(crate) fn is_leaf(&self, node: Node) -> bool {
        self.element(node).first.is_none()
    }

    /// Its name without prefix.
    pub(crate) fn local_name(&self, node: Node) -> &str {
        self.names.local(self.element(node).name)
    }

    /// Its name as written.
    pub(crate) fn qualified_name(&self, node: Node) -> &str {
        self.names.qualified(self.element(node).name)
    }

    /// The namespace of its name.
    pub(crate) fn namespace(&self, node: Node) -> &str {
        self.names.namespace(self.element(node).name)
    }

    /// Whether any text or attribute has `character` in it.
    pub(crate) fn has_text(&self, character: char) -> bool {
        self.text.contains(character)
    }

    /// Its text, untrimmed; empty where it has children.
    pub(crate) fn text(&self, node: Node) -> &str {
        self.slice(&self.element(node).text)
    }

    /// Local names and values of its attributes, namespace declarations not among them.
    pub(crate) fn attributes(&self, node: Node) -> impl Iterator<Item = (&str, &str)> {
        let begin = self.element(node).attributes as usize;
        let next = self.nodes.get(node.index() + 1);
        let end = next.map_or(self.attributes.len(), |next| next.attributes as usize);
        let attributes = self.attributes.get(begin..end).unwrap_or_default().iter();
        attributes.map(|attribute| (self.names.local(attribute.name), self.slice(&attribute.value)))
    }

    /// The value of its attribute called `local`; in JSON, of its member.
    pub(crate) fn attribute(&self, node: Node, local: &str) -> Option<&str> {
        if self.is_json {
            return self.child(node, local).map(|member| self.text(member));
        }
        let found = self.attributes(node).find(|(name, _)| *name == local);
        found.map(|(_, value)| value)
    }

    /// Where it begins, in bytes.
    pub(crate) fn offset(&self, node: Node) -> usize {
        self.element(node).offset as usize
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
        let begin = path.len();
        for step in self.line(node).into_iter().skip(1) {
            if path.len() > begin {
                path.push('/');
            }
            path.push_str(self.local_name(step));
            self.push_number(step, path);
        }
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
        let mut numbers = vec![0; self.nodes.len()];
        let mut set = |node: Node, number: u32| {
            if let Some(slot) = numbers.get_mut(node.index()) {
                *slot = number;
            }
        };
        let (mut family, mut last) = (Vec::new(), HashMap::new());
        for parent in (0..self.nodes.len()).map(Node::of) {
            family.clear();
            family.extend(self.children(parent).map(|child| (child, self.element(child).name)));
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

    fn slice(&self, range: &Range<u32>) -> &str {
        self.text.get(range.start as usize..range.end as usize).unwrap_or("")
    }

    fn element(&self, node: Node) -> &Element {
        self.nodes.get(node.index()).expect("a node is of its tree")
    }

    fn element_mut(&mut self, node: Node) -> &mut Element {
        self.nodes.get_mut(node.index()).expect("a node is of its tree")
    }
}

/// Documents have at most 4 GiB; the limit on bytes is far below.
fn cut(size: usize) -> u32 {
    u32::try_from(size).unwrap_or(u32::MAX)
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
        assert_eq!((tree.text(first), tree.attribute(first, "id")), ("eins", Some("1")));
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
