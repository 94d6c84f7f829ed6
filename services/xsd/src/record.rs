//! What a document holds: its elements in their order, flat, with names, places and texts.
//!
//! The acceptor fills one on its own walk. Who reads documents otherwise fills one by the same calls, so
//! that what follows need not know how a document was read.

mod local_name;
mod names;
mod recorder;

use std::{fmt, num::NonZeroU32, ops::Range, sync::Arc};

use crate::names::NONE;
pub use local_name::LocalName;
pub(crate) use names::Names;
pub(crate) use recorder::{Listening, Nobody, Recorder};

/// Bytes of a document to an element, at least, as documents are.
const BYTES_OF_ELEMENT: usize = 48;

/// Elements there is room for before they are met.
const RESERVED_MAX: usize = 4_096;

/// An element of a record: its number in the document's order, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Node(NonZeroU32);

impl Node {
    /// The element that is number `index` in the document's order, from 0.
    #[must_use]
    pub fn of(index: usize) -> Self {
        Self(NonZeroU32::MIN.saturating_add(cut(index)))
    }

    /// Its number in the document's order, from 0.
    #[must_use]
    pub fn index(self) -> usize {
        self.0.get() as usize - 1
    }
}

/// What a document of at most 2 GiB holds. Texts that stand in it as they are meant are not copied.
#[derive(Default)]
pub struct Record<'d> {
    document: &'d str,
    elements: Vec<Element>,
    attributes: Vec<Attribute>,
    /// Its own, or those of the documents that were read in the same way before it.
    names: Arc<Names>,
    /// Texts that stand in the document otherwise, or in none. Places behind the document's end are
    /// places here.
    own: String,
}

/// Large documents have millions of them, so each byte counts.
#[derive(Clone, Debug)]
struct Element {
    name: u32,
    parent: Option<Node>,
    next: Option<Node>,
    first: Option<Node>,
    last: Option<Node>,
    /// Where it begins in the document, in bytes.
    offset: u32,
    text: Range<u32>,
    /// Where its attributes begin; those of the next element end them.
    attributes: u32,
}

impl Element {
    /// What a node of another record may find.
    const NOTHING: Self = Self {
        name: NONE,
        parent: None,
        next: None,
        first: None,
        last: None,
        offset: 0,
        text: 0..0,
        attributes: u32::MAX,
    };
}

#[derive(Clone, Debug)]
struct Attribute {
    name: u32,
    value: Range<u32>,
}

/// A document can hold personal data.
impl fmt::Debug for Record<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record").field("elements", &self.elements.len()).finish_non_exhaustive()
    }
}

impl<'d> Record<'d> {
    /// An empty record of `document`.
    pub(crate) fn of(document: &'d str, names: Arc<Names>) -> Self {
        // About as many as there are, so that little is moved while they are counted.
        let reserved = (document.len() / BYTES_OF_ELEMENT).min(RESERVED_MAX);
        let (elements, attributes) =
            (Vec::with_capacity(reserved), Vec::with_capacity(reserved / 2));
        Self { document, elements, attributes, names, own: String::new() }
    }

    /// Adds an element below `parent`, the last one there; `None` for the root, which is the first.
    /// Prefix and namespace are empty where there are none; it begins at byte `offset`.
    pub fn open(
        &mut self,
        parent: Option<Node>,
        (prefix, local, namespace): (&str, &str, &str),
        offset: usize,
    ) -> Node {
        let name = Arc::make_mut(&mut self.names).number(prefix, local, namespace);
        self.push(parent, name, offset)
    }

    /// Adds an attribute to `node`, the element added last.
    pub fn attribute(&mut self, node: Node, prefix: &str, local: &str, value: &str) {
        let value = self.keep(value);
        self.push_attribute(node, prefix, local, value);
    }

    /// Adds text to `node`; nothing happens where it has children already.
    pub fn text(&mut self, node: Node, text: &str) {
        if self.first(node).is_some() || text.is_empty() {
            return;
        }
        let before = self.element(node).text.clone();
        let begin = if before.is_empty() || self.is_last(&before) {
            let end = self.end();
            if before.is_empty() { end } else { before.start }
        } else {
            // What came before stands elsewhere.
            let end = self.end();
            let copy = self.slice(&before).to_owned();
            self.own.push_str(&copy);
            end
        };
        self.own.push_str(text);
        let end = self.end();
        self.set_text(node, begin..end);
    }

    /// How many elements there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.elements.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.elements.is_empty()
    }

    /// The element around `node`.
    #[must_use]
    pub fn parent(&self, node: Node) -> Option<Node> {
        self.element(node).parent
    }

    /// The first element in it.
    #[must_use]
    pub fn first(&self, node: Node) -> Option<Node> {
        self.element(node).first
    }

    /// The one behind it within the same element.
    #[must_use]
    pub fn next(&self, node: Node) -> Option<Node> {
        self.element(node).next
    }

    /// Where it begins in the document, in bytes.
    #[must_use]
    pub fn offset(&self, node: Node) -> usize {
        self.element(node).offset as usize
    }

    /// The number of its name: the same for the same prefix, local name and namespace.
    #[must_use]
    pub fn name(&self, node: Node) -> u32 {
        self.element(node).name
    }

    /// Its name as written, with prefix.
    #[must_use]
    pub fn qualified_name(&self, node: Node) -> &str {
        self.names.qualified(self.name(node))
    }

    /// Its name without prefix.
    #[must_use]
    pub fn local_name(&self, node: Node) -> &str {
        self.names.local(self.name(node))
    }

    /// Whether that is `name`.
    #[must_use]
    #[inline]
    pub fn is_called(&self, node: Node, name: &LocalName) -> bool {
        self.names.is_called(self.name(node), name)
    }

    /// The first element in it that is called `name`.
    #[must_use]
    pub fn child(&self, node: Node, name: &LocalName) -> Option<Node> {
        let mut child = self.first(node);
        while let Some(node) = child {
            let element = self.element(node);
            if self.names.is_called(element.name, name) {
                return child;
            }
            child = element.next;
        }
        None
    }

    /// The namespace of its name; empty where there is none.
    #[must_use]
    pub fn namespace(&self, node: Node) -> &str {
        self.names.namespace(self.name(node))
    }

    /// Its text with references resolved, untrimmed; empty where it has children.
    #[must_use]
    pub fn text_of(&self, node: Node) -> &str {
        self.slice(&self.element(node).text)
    }

    /// Names as written and without prefix, and values, of its attributes in the document's order;
    /// declarations of namespaces are not among them.
    pub fn attributes_of(&self, node: Node) -> impl Iterator<Item = (&str, &str, &str)> {
        self.attribute_list(node).iter().map(|Attribute { name, value }| {
            (self.names.qualified(*name), self.names.local(*name), self.slice(value))
        })
    }

    /// Whether it has any.
    #[must_use]
    pub fn has_attributes(&self, node: Node) -> bool {
        !self.attribute_list(node).is_empty()
    }

    /// The value of its first attribute that is called `name`.
    #[must_use]
    pub fn attribute_of(&self, node: Node, name: &LocalName) -> Option<&str> {
        let mut attributes = self.attribute_list(node).iter();
        let found = attributes.find(|attribute| self.names.is_called(attribute.name, name));
        found.map(|attribute| self.slice(&attribute.value))
    }

    /// Whether any text or value has an ampersand in it: one that stands in the document as it is begins
    /// a reference, so only what is kept here can have one.
    #[must_use]
    pub fn has_ampersand(&self) -> bool {
        self.own.contains('&')
    }

    fn attribute_list(&self, node: Node) -> &[Attribute] {
        let begin = self.element(node).attributes as usize;
        let next = self.elements.get(node.index() + 1);
        let end = next.map_or(self.attributes.len(), |next| next.attributes as usize);
        self.attributes.get(begin..end).unwrap_or_default()
    }

    fn push(&mut self, parent: Option<Node>, name: u32, offset: usize) -> Node {
        let node = Node::of(self.elements.len());
        if let Some(parent) = parent {
            self.adopt(parent, node);
        }
        let (text, attributes) = (self.end(), cut(self.attributes.len()));
        self.elements.push(Element {
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
        let Some(element) = self.elements.get_mut(parent.index()) else { return };
        let before = element.last.replace(node);
        // Text of an element that has children is white space or, in mixed content, nobody's field.
        let text = std::mem::take(&mut element.text);
        if before.is_none() {
            element.first = Some(node);
        }
        if !text.is_empty() && self.is_last(&text) {
            self.own.truncate((text.start - cut(self.document.len())) as usize);
        }
        let before = before.and_then(|before| self.elements.get_mut(before.index()));
        if let Some(before) = before {
            before.next = Some(node);
        }
    }

    fn push_attribute(&mut self, node: Node, prefix: &str, local: &str, value: Range<u32>) {
        let name = Arc::make_mut(&mut self.names).number(prefix, local, "");
        self.attributes.push(Attribute { name, value });
        let end = self.end();
        self.set_text(node, end..end);
    }

    fn keep(&mut self, text: &str) -> Range<u32> {
        let begin = self.end();
        self.own.push_str(text);
        begin..self.end()
    }

    /// The end of what is kept here.
    fn end(&self) -> u32 {
        cut(self.document.len() + self.own.len())
    }

    /// Whether nothing is kept here behind `range`, which is kept here too.
    fn is_last(&self, range: &Range<u32>) -> bool {
        range.end == self.end() && range.start as usize >= self.document.len()
    }

    fn slice(&self, range: &Range<u32>) -> &str {
        let (from, to, length) = (range.start as usize, range.end as usize, self.document.len());
        let found = match from.checked_sub(length) {
            Some(begin) => self.own.get(begin..to.saturating_sub(length)),
            None => self.document.get(from..to),
        };
        found.unwrap_or_default()
    }

    fn element(&self, node: Node) -> &Element {
        self.elements.get(node.index()).unwrap_or(&Element::NOTHING)
    }

    fn set_text(&mut self, node: Node, text: Range<u32>) {
        if let Some(element) = self.elements.get_mut(node.index()) {
            element.text = text;
        }
    }
}

/// Documents and what is kept of them have at most 4 GiB together.
fn cut(size: usize) -> u32 {
    u32::try_from(size).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
