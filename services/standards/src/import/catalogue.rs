//! OASIS catalogues: where copies of remote schemas lie.

use std::{fmt, io};

use quick_xml::{Reader, XmlVersion, events::Event};

use super::{ImportError, not_xml};
use crate::store;

/// A catalogue beside the package, and the files it names, read when they are needed.
pub struct Catalogue {
    pub(crate) location: String,
    pub(crate) entries: Vec<Entry>,
    read: Box<Reading>,
}

/// Reads the file at a location.
type Reading = dyn Fn(&str) -> io::Result<Vec<u8>>;

impl fmt::Debug for Catalogue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Catalogue").field("location", &self.location).finish_non_exhaustive()
    }
}

/// One line of a catalogue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// What is looked for, without `http:` or `https:`.
    from: String,
    /// The copy, from the catalogue's own root.
    to: String,
    /// Whether everything that begins so is meant.
    is_prefix: bool,
}

impl Catalogue {
    /// Reads the catalogue at `location` (its content is `bytes`); the files it names are read by `read`,
    /// with locations made of the catalogue's own.
    ///
    /// # Errors
    /// When it is no XML.
    pub fn new(
        location: &str,
        bytes: &[u8],
        read: impl Fn(&str) -> io::Result<Vec<u8>> + 'static,
    ) -> Result<Self, ImportError> {
        let text =
            text::decode(bytes).map_err(|error| not_xml(location, 1, &error.to_string()))?.text;
        let entries = entries(location, &text)?;
        Ok(Self { location: location.to_owned(), entries, read: Box::new(read) })
    }

    /// The text of the file at `location`; `None` if there is none.
    pub(crate) fn text(&self, location: &str) -> Option<Result<String, ImportError>> {
        let bytes = match (self.read)(location) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(error) => return Some(Err(not_xml(location, 1, &error.to_string()))),
        };
        let decoded = text::decode(&bytes).map(|decoded| decoded.text.into_owned());
        Some(decoded.map_err(|error| not_xml(location, 1, &error.to_string())))
    }
}

/// Where `location` leads by `entries`: the exact one, else the longest beginning.
pub(crate) fn look_up(entries: &[Entry], location: &str) -> Option<String> {
    let wanted = without_scheme(location);
    let exact = entries.iter().find(|entry| !entry.is_prefix && entry.from == wanted);
    if let Some(entry) = exact {
        return Some(entry.to.clone());
    }
    let begins = entries.iter().filter(|entry| entry.is_prefix && wanted.starts_with(&entry.from));
    let entry = begins.max_by_key(|entry| entry.from.len())?;
    Some(format!("{}{}", entry.to, wanted.strip_prefix(&*entry.from)?))
}

/// A location as catalogues and the loader compare it.
pub(crate) fn without_scheme(location: &str) -> &str {
    location.strip_prefix("https:").or_else(|| location.strip_prefix("http:")).unwrap_or(location)
}

/// What the catalogue in `text` says; it lies at `location`.
pub(crate) fn entries(location: &str, text: &str) -> Result<Vec<Entry>, ImportError> {
    let mut reader = Reader::from_str(text);
    let mut entries = Vec::new();
    loop {
        let event =
            reader.read_event().map_err(|error| not_xml(location, 1, &error.to_string()))?;
        let (Event::Start(element) | Event::Empty(element)) = event else {
            if matches!(event, Event::Eof) {
                return Ok(entries);
            }
            continue;
        };
        let (mut from, mut to, mut is_prefix) = (None, None, false);
        for attribute in element.attributes() {
            let attribute = attribute.map_err(|error| not_xml(location, 1, &error.to_string()))?;
            let value = attribute.normalized_value(XmlVersion::Implicit1_0);
            let value =
                value.map_err(|error| not_xml(location, 1, &error.to_string()))?.into_owned();
            match attribute.key.as_ref() {
                "systemId" | "name" => from = Some(value),
                "systemIdStartString" | "uriStartString" => (from, is_prefix) = (Some(value), true),
                "uri" | "rewritePrefix" => to = Some(value),
                _ => {}
            }
        }
        if let (Some(from), Some(to)) = (from, to) {
            let slash = if is_prefix && to.ends_with('/') { "/" } else { "" };
            let to = to.strip_prefix("file://").unwrap_or(&to);
            let to = format!("{}{slash}", store::join(store::folder(location), to));
            entries.push(Entry { from: without_scheme(&from).to_owned(), to, is_prefix });
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn exact_lines_and_beginnings_lead_to_copies() {
        let text = r#"<catalog xmlns="urn:oasis:names:tc:entity:xmlns:xml:catalog">
<system systemId="http://a.example/a.xsd" uri="copies/a.xsd"/>
<rewriteSystem systemIdStartString="https://xoev.de/" rewritePrefix="xoev/"/>
<uri name="b.xsd" uri="../b.xsd"/></catalog>"#;
        let entries = entries("/srv/c/catalog.xml", text).unwrap();
        let rows = [
            ("https://a.example/a.xsd", Some("/srv/c/copies/a.xsd")),
            ("http://xoev.de/schemata/code/1_0/x.xsd", Some("/srv/c/xoev/schemata/code/1_0/x.xsd")),
            ("b.xsd", Some("/srv/b.xsd")),
            ("http://other.example/", None),
        ];
        for (location, expected) in rows {
            assert_eq!(look_up(&entries, location).as_deref(), expected, "{location}");
        }
    }
}
