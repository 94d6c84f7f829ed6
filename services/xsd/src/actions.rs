//! What to take from documents on the way: paths as a trie, whose node travels with the element.

use std::collections::HashMap;

use crate::{
    names::NONE,
    tables::Tables,
    verdict::{Doubted, Reason},
};

/// Bytes of values that had to be decoded, of one document.
const DECODED_BYTES_MAX: usize = 64 << 20;

/// The paths whose values are wanted, and what was found in one document. It stays locked in until the
/// document is proven valid.
#[derive(Clone, Debug)]
pub struct Captures {
    nodes: Vec<Node>,
    found: Vec<Found>,
    /// Values that do not stand in the document as they are.
    decoded: Vec<u8>,
}

/// A place in documents.
#[derive(Clone, Debug, Default)]
struct Node {
    /// Local names in the tables, and where they lead.
    children: Vec<(u32, u32)>,
    text: Option<usize>,
    attributes: Vec<(u32, usize)>,
}

/// A value.
#[derive(Clone, Copy, Debug)]
struct Found {
    path: usize,
    is_decoded: bool,
    from: usize,
    to: usize,
}

impl Captures {
    /// Nothing is wanted.
    #[must_use]
    pub fn nothing() -> Self {
        Self { nodes: Vec::new(), found: Vec::new(), decoded: Vec::new() }
    }

    /// `paths` are local names from below the root down, separated by `/`; one with `@` at the end is
    /// an attribute. What stands at the first of them is called 0, and so on. Paths that no document of
    /// these tables has find nothing. They are good for acceptors of these tables only.
    #[must_use]
    pub fn of(tables: &Tables, paths: &[&str]) -> Self {
        let mut names: HashMap<&[u8], u32> = HashMap::new();
        for (name, key) in tables.known_names() {
            names.insert(key, name);
        }
        // The node outside of the root, and that of the root, whatever it is called.
        let mut captures = Self::nothing();
        captures.nodes = vec![Node::default(), Node::default()];
        for (number, path) in paths.iter().enumerate() {
            captures.add(&names, number, path);
        }
        captures
    }

    fn add(&mut self, names: &HashMap<&[u8], u32>, number: usize, path: &str) {
        let (mut node, mut steps) = (1, path.split('/').peekable());
        while let Some(step) = steps.next() {
            let is_last = steps.peek().is_none();
            let (is_attribute, name) = match step.strip_prefix('@') {
                Some(name) => (true, name),
                None => (false, step),
            };
            if name.is_empty() {
                break;
            }
            let Some(name) = names.get(name.as_bytes()).copied() else { return };
            if is_attribute {
                if let (true, Some(node)) = (is_last, self.nodes.get_mut(node)) {
                    node.attributes.push((name, number));
                }
                return;
            }
            let Some(next) = self.child(node, name) else { return };
            node = next;
        }
        if let Some(node) = self.nodes.get_mut(node) {
            node.text = Some(number);
        }
    }

    fn child(&mut self, node: usize, name: u32) -> Option<usize> {
        let children = &self.nodes.get(node)?.children;
        if let Some((_, child)) = children.iter().find(|(other, _)| *other == name) {
            return Some(*child as usize);
        }
        let child = self.nodes.len();
        self.nodes.push(Node::default());
        self.nodes.get_mut(node)?.children.push((name, u32::try_from(child).ok()?));
        Some(child)
    }

    pub(crate) fn forget(&mut self) {
        self.found.clear();
        self.decoded.clear();
    }

    /// The node outside of the root.
    pub(crate) fn root(&self) -> u32 {
        if self.nodes.is_empty() { NONE } else { 0 }
    }

    /// The node of the child `name` of the element at `node`.
    #[inline]
    pub(crate) fn step(&self, node: u32, name: u32) -> u32 {
        if node == 0 {
            return 1;
        }
        let children = self.nodes.get(node as usize).map(|node| node.children.as_slice());
        let found = children.unwrap_or_default().iter().find(|(other, _)| *other == name);
        found.filter(|_| name != NONE).map_or(NONE, |(_, child)| *child)
    }

    /// The element at `node` holds this text, or `other` where it does not stand there as it is.
    #[inline]
    pub(crate) fn text(
        &mut self,
        node: u32,
        text: (usize, usize),
        other: Option<&[u8]>,
    ) -> Doubted<()> {
        let path = self.nodes.get(node as usize).and_then(|node| node.text);
        path.map_or(Ok(()), |path| self.take(path, text, other))
    }

    /// The element at `node` has the attribute `name`.
    pub(crate) fn attribute(
        &mut self,
        node: u32,
        name: u32,
        text: (usize, usize),
        other: Option<&[u8]>,
    ) -> Doubted<()> {
        let attributes = self.nodes.get(node as usize).map(|node| node.attributes.as_slice());
        let found = attributes.unwrap_or_default().iter().find(|(wanted, _)| *wanted == name);
        found.copied().map_or(Ok(()), |(_, path)| self.take(path, text, other))
    }

    fn take(&mut self, path: usize, text: (usize, usize), other: Option<&[u8]>) -> Doubted<()> {
        let (from, to) = match other {
            None => text,
            Some(value) => {
                let from = self.decoded.len();
                self.decoded.extend_from_slice(value);
                (from, self.decoded.len())
            }
        };
        if self.decoded.len() > DECODED_BYTES_MAX {
            return Err(Reason::Size);
        }
        self.found.push(Found { path, is_decoded: other.is_some(), from, to });
        Ok(())
    }

    /// Gives away what was found in `document`, which is proven.
    pub(crate) fn release<'f>(&'f self, document: &'f [u8]) -> Fields<'f> {
        Fields { captures: self, document }
    }
}

/// What stands at the paths that were looked for, of a document that is valid.
#[derive(Clone, Copy, Debug)]
pub struct Fields<'f> {
    captures: &'f Captures,
    document: &'f [u8],
}

impl<'f> Fields<'f> {
    /// Each value, with the number of its path, in the document's order. White space is as it was sent.
    pub fn iter(self) -> impl Iterator<Item = (usize, &'f str)> {
        self.captures.found.iter().map(move |found| {
            let source = if found.is_decoded { &self.captures.decoded } else { self.document };
            let bytes = source.get(found.from..found.to).unwrap_or_default();
            (found.path, str::from_utf8(bytes).unwrap_or_default())
        })
    }
}
