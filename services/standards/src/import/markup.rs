//! The markup of a schema as a small tree with lines, bounded in depth.

use std::collections::BTreeMap;

use quick_xml::{
    Reader, XmlVersion,
    escape::resolve_xml_entity,
    events::{BytesStart, Event},
};

use super::{ImportError, not_xml};

/// Elements within each other; published schemas have less than 40.
pub(crate) const DEPTH_MAX: usize = 200;

/// Characters of an annotation that are kept.
const TEXT_MAX: usize = 4_000;

/// One element of the schema's own markup.
#[derive(Debug, Default)]
pub(crate) struct Node {
    /// Local name.
    pub(crate) name: String,
    /// Local name or `prefix:name` as written, value.
    pub(crate) attributes: Vec<(String, String)>,
    pub(crate) children: Vec<Node>,
    /// Its own text.
    pub(crate) text: String,
    /// From 1.
    pub(crate) line: u32,
}

impl Node {
    /// The value of the attribute called `name`.
    pub(crate) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The children called `name`.
    pub(crate) fn all<'n>(&'n self, name: &'n str) -> impl Iterator<Item = &'n Node> {
        self.children.iter().filter(move |child| child.name == name)
    }

    /// The first descendant called `name`, in the file's order.
    pub(crate) fn first(&self, name: &str) -> Option<&Node> {
        self.children
            .iter()
            .find_map(|child| if child.name == name { Some(child) } else { child.first(name) })
    }
}

/// The root of the document in `text`, and its namespaces by prefix; of two declarations the outer counts.
pub(crate) fn parse(
    path: &str,
    text: &str,
) -> Result<(Node, BTreeMap<String, String>), ImportError> {
    let mut reader = Reader::from_str(text);
    let mut prefixes = BTreeMap::new();
    let mut open: Vec<Node> = vec![Node::default()];
    let mut lines = Lines { text, at: 0, line: 1 };
    loop {
        let before = usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX);
        let event = reader.read_event().map_err(|error| {
            let at = usize::try_from(reader.error_position()).unwrap_or(usize::MAX);
            not_xml(path, lines.of(at.max(before)), &error.to_string())
        })?;
        match event {
            Event::Start(element) => {
                let line = lines.of(before);
                if DEPTH_MAX < open.len() {
                    return Err(not_xml(path, line, &format!("nested more than {DEPTH_MAX} deep")));
                }
                open.push(node(path, &element, line, &mut prefixes)?);
            }
            Event::Empty(element) => {
                let node = node(path, &element, lines.of(before), &mut prefixes)?;
                if let Some(parent) = open.last_mut() {
                    parent.children.push(node);
                }
            }
            Event::End(_) => {
                if let Some(node) = open.pop()
                    && let Some(parent) = open.last_mut()
                {
                    parent.children.push(node);
                }
            }
            Event::Text(text) => append(&mut open, &text.into_inner()),
            Event::CData(text) => append(&mut open, &text.into_inner()),
            // An annotation is for people: what only its document type could explain is a blank.
            Event::GeneralRef(reference) => {
                append(&mut open, resolve_xml_entity(&reference).unwrap_or(" "));
            }
            Event::Eof => break,
            _ => {}
        }
    }
    let root =
        open.pop().and_then(|mut document| document.children.pop()).filter(|_| open.is_empty());
    let root = root
        .ok_or_else(|| not_xml(path, lines.of(text.len()), "ends before its last element does"))?;
    Ok((root, prefixes))
}

fn append(open: &mut [Node], text: &str) {
    if let Some(node) = open.last_mut()
        && node.text.len() < TEXT_MAX
    {
        node.text.push_str(text);
    }
}

fn node(
    path: &str,
    element: &BytesStart<'_>,
    line: u32,
    prefixes: &mut BTreeMap<String, String>,
) -> Result<Node, ImportError> {
    let mut attributes = Vec::new();
    for attribute in element.attributes() {
        let attribute = attribute.map_err(|error| not_xml(path, line, &error.to_string()))?;
        let key = attribute.key.as_ref().to_owned();
        // An entity of the schema's own stays as it is written: the loader judges it.
        let value = attribute
            .normalized_value(XmlVersion::Implicit1_0)
            .map_or_else(|_| attribute.value.as_ref().to_owned(), std::borrow::Cow::into_owned);
        match key.strip_prefix("xmlns") {
            Some("") => _ = prefixes.entry(String::new()).or_insert(value),
            Some(prefix) if prefix.starts_with(':') => {
                let prefix = prefix.trim_start_matches(':').to_owned();
                _ = prefixes.entry(prefix).or_insert(value);
            }
            _ => attributes.push((key, value)),
        }
    }
    let name = element.name().into_inner();
    let name = name.rsplit(':').next().unwrap_or(name).to_owned();
    Ok(Node { name, attributes, line, ..Node::default() })
}

/// Counts lines forwards.
struct Lines<'t> {
    text: &'t str,
    at: usize,
    line: u32,
}

impl Lines<'_> {
    fn of(&mut self, offset: usize) -> u32 {
        let passed =
            self.text.as_bytes().get(self.at..offset.min(self.text.len())).unwrap_or_default();
        let breaks = passed.iter().filter(|byte| **byte == b'\n').count();
        self.line = self.line.saturating_add(u32::try_from(breaks).unwrap_or(u32::MAX));
        self.at = self.at.max(offset.min(self.text.len()));
        self.line
    }
}
