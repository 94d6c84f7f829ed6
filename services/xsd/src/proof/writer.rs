//! Writes documents in the ways people and programs do, and in ways nobody does.

use super::chance::Chance;
use crate::tables::{INSTANCE, NO_NAMESPACE, XML};

/// How namespaces are declared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// All at the root, each with a prefix.
    Prefixes,
    /// Where they are needed, without prefix.
    Default,
    /// Everything with one prefix, bound anew where it must be.
    Rebound,
    /// Any of these at each element.
    Changing,
}

impl Style {
    pub(super) const ALL: [Self; 4] =
        [Self::Prefixes, Self::Default, Self::Rebound, Self::Changing];
}

/// Stands for a reference until the ids are known.
const REFERENCE: &str = "@reference@";

#[derive(Debug)]
pub(super) struct Writer {
    style: Style,
    text: String,
    namespaces: Vec<String>,
    /// Of each open element: its name, and what was bound before it.
    open: Vec<(String, Bound)>,
    bound: Bound,
    is_tag_open: bool,
    ids: Vec<String>,
    foreign: usize,
}

/// What the default and the one prefix are bound to.
#[derive(Clone, Copy, Debug)]
struct Bound {
    default: u16,
    one: Option<u16>,
}

impl Writer {
    pub(super) fn new(style: Style, namespaces: &[String]) -> Self {
        Self {
            style,
            text: "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n".to_owned(),
            namespaces: namespaces.to_vec(),
            open: Vec::new(),
            bound: Bound { default: NO_NAMESPACE, one: None },
            is_tag_open: false,
            ids: Vec::new(),
            foreign: 0,
        }
    }

    fn end_tag(&mut self) {
        if std::mem::take(&mut self.is_tag_open) {
            self.text.push('>');
        }
    }

    pub(super) fn open(&mut self, namespace: u16, name: &str, chance: &mut Chance) {
        self.end_tag();
        if chance.is_one_in(40) {
            self.text.push_str("<!-- - --><?a b?>");
        }
        let before = self.bound;
        let style = match self.style {
            Style::Changing => Style::ALL[chance.below(3)],
            style => style,
        };
        let uri = self.namespaces[usize::from(namespace)].clone();
        let (qualified, declared) = match style {
            _ if namespace == NO_NAMESPACE && self.bound.default == NO_NAMESPACE => {
                (name.to_owned(), String::new())
            }
            _ if namespace == NO_NAMESPACE => {
                self.bound.default = NO_NAMESPACE;
                (name.to_owned(), " xmlns=\"\"".to_owned())
            }
            Style::Prefixes | Style::Changing => (format!("n{namespace}:{name}"), String::new()),
            Style::Default if self.bound.default == namespace => (name.to_owned(), String::new()),
            Style::Default => {
                self.bound.default = namespace;
                (name.to_owned(), format!(" xmlns='{uri}'"))
            }
            Style::Rebound if self.bound.one == Some(namespace) => {
                (format!("p:{name}"), String::new())
            }
            Style::Rebound => {
                self.bound.one = Some(namespace);
                (format!("p:{name}"), format!("\n xmlns:p = \"{uri}\""))
            }
        };
        self.text.push_str(&format!("<{qualified}{declared}"));
        if self.open.is_empty() {
            for (number, uri) in self.namespaces.iter().enumerate().skip(1) {
                if number != usize::from(XML) {
                    self.text.push_str(&format!(" xmlns:n{number}=\"{uri}\""));
                }
            }
        }
        self.open.push((qualified, before));
        self.is_tag_open = true;
    }

    /// A name as it may stand in a value.
    pub(super) fn qualified(&self, namespace: u16, name: &str) -> String {
        match namespace {
            NO_NAMESPACE => name.to_owned(),
            namespace => format!("n{namespace}:{name}"),
        }
    }

    pub(super) fn attribute(
        &mut self,
        namespace: u16,
        name: &str,
        value: &[u8],
        chance: &mut Chance,
    ) {
        let qualified = match namespace {
            XML => format!("xml:{name}"),
            INSTANCE => format!("n1:{name}"),
            namespace => self.qualified(namespace, name),
        };
        let quote = if chance.is_one_in(4) { '\'' } else { '"' };
        let value = escaped(std::str::from_utf8(value).unwrap(), true, chance);
        self.text.push_str(&format!(" {qualified}={quote}{value}{quote}"));
    }

    pub(super) fn text(&mut self, value: &[u8], is_collapsed: bool, chance: &mut Chance) {
        if value.is_empty() && !is_collapsed {
            return;
        }
        self.end_tag();
        let text = std::str::from_utf8(value).unwrap();
        let space = if is_collapsed && chance.is_one_in(6) { "\r\n\t " } else { "" };
        self.text.push_str(space);
        if chance.is_one_in(30) && !text.contains("]]>") && !text.contains(REFERENCE) {
            self.text.push_str(&format!("<![CDATA[{text}]]>"));
        } else {
            self.text.push_str(&escaped(text, false, chance));
        }
        if chance.is_one_in(40) {
            self.text.push_str("<!-- behind -->");
        }
        self.text.push_str(space);
    }

    pub(super) fn close(&mut self, chance: &mut Chance) {
        let (name, before) = self.open.pop().unwrap();
        self.bound = before;
        if self.is_tag_open && chance.is_one_in(2) {
            self.text.push_str(if chance.is_one_in(4) { " />" } else { "/>" });
            self.is_tag_open = false;
            return;
        }
        self.end_tag();
        let space = if chance.is_one_in(20) { " " } else { "" };
        self.text.push_str(&format!("</{name}{space}>"));
    }

    /// An element that no schema knows.
    pub(super) fn foreign_element(&mut self) {
        self.end_tag();
        self.foreign += 1;
        let number = self.foreign;
        self.text.push_str(&format!(
            "<f:x xmlns:f=\"urn:foreign:{number}\" a=\"&amp;\"><f:y>text<f:z/></f:y></f:x>"
        ));
    }

    pub(super) fn foreign_attribute(&mut self) {
        self.foreign += 1;
        let number = self.foreign;
        self.text.push_str(&format!(" xmlns:g{number}=\"urn:foreign\" g{number}:a=\"1\""));
    }

    pub(super) fn id(&mut self) -> Vec<u8> {
        let id = format!("{}{}", ["id-", "Größe.", "_"][self.ids.len() % 3], self.ids.len());
        self.ids.push(id.clone());
        id.into_bytes()
    }

    pub(super) fn reference(&self) -> Vec<u8> {
        REFERENCE.as_bytes().to_vec()
    }

    pub(super) fn finish(self, chance: &mut Chance) -> Vec<u8> {
        let mut text = self.text;
        while let Some(at) = text.find(REFERENCE) {
            let id = if self.ids.is_empty() { "none" } else { chance.one_of(&self.ids) };
            text.replace_range(at..at + REFERENCE.len(), id);
        }
        if chance.is_one_in(10) {
            text.insert(0, '\u{feff}');
        }
        text.into_bytes()
    }
}

fn escaped(text: &str, is_attribute: bool, chance: &mut Chance) -> String {
    let mut escaped = String::new();
    let is_plain = text == REFERENCE || !chance.is_one_in(12);
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' if !is_attribute => escaped.push_str("&gt;"),
            '"' | '\'' if is_attribute => {
                escaped.push_str(if character == '"' { "&quot;" } else { "&apos;" });
            }
            '\t' | '\n' | '\r' => escaped.push_str(&format!("&#{};", u32::from(character))),
            other if is_plain || chance.below(3) > 0 => escaped.push(other),
            other => escaped.push_str(&format!("&#x{:X};", u32::from(other))),
        }
    }
    escaped
}
