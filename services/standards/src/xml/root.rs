//! Looks no further than the root's start tag: which standard a document may be of.

use quick_xml::{
    NsReader,
    events::{BytesStart, Event},
    name::{Namespace, ResolveResult},
};

use crate::{load::path::Path, xml::Fatal};

/// Elements that are read at most to find a version: it stands in the header, which comes first.
const ELEMENTS_MAX: usize = 1_000;

/// What a root element says before anything is validated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Root {
    /// Empty where there is none.
    pub(crate) namespace: String,
    /// Without prefix.
    pub(crate) local: String,
    /// With prefix, as written.
    pub(crate) qualified: String,
    /// Where it begins, in bytes.
    pub(crate) offset: usize,
    /// Behind its tag, in bytes.
    pub(crate) end: usize,
}

/// Finds the root of `text`. What is wrong behind it is found later.
pub(crate) fn find(text: &str) -> Result<Root, Fatal> {
    let mut reader = NsReader::from_str(text);
    loop {
        let at = position(reader.buffer_position());
        let event = reader.read_event().map_err(|_| Fatal::NotXml(at))?;
        match event {
            Event::Start(element) | Event::Empty(element) => {
                let (namespace, local) = reader.resolver().resolve_element(element.name());
                let namespace = match namespace {
                    ResolveResult::Bound(Namespace(uri)) => uri.to_owned(),
                    _ => String::new(),
                };
                let local = local.as_ref().to_owned();
                let qualified = element.name().as_ref().to_owned();
                let end = position(reader.buffer_position());
                return Ok(Root { namespace, local, qualified, offset: at, end });
            }
            Event::DocType(_) => return Err(Fatal::Doctype(at)),
            Event::Text(text) if text.trim_ascii().is_empty() => {}
            Event::Decl(_) | Event::Comment(_) | Event::PI(_) => {}
            _ => return Err(Fatal::NotXml(at)),
        }
    }
}

/// What `text` says at `path` below its root, looking no further than a header reaches. What is not
/// well-formed says nothing.
pub(crate) fn value(text: &str, path: &Path) -> Option<String> {
    let mut reader = NsReader::from_str(text);
    // How many elements are open, and how many of them lead along the path.
    let (mut depth, mut along, mut found) = (0_usize, 0_usize, String::new());
    for _ in 0..ELEMENTS_MAX * 4 {
        let event = reader.read_event().ok()?;
        match event {
            Event::Start(ref element) | Event::Empty(ref element) => {
                let is_empty = matches!(event, Event::Empty(_));
                let local = element.local_name();
                let is_step =
                    |at: usize| path.steps().get(at).is_some_and(|s| *s.name == *local.as_ref());
                let leads = depth == along && (depth == 0 || is_step(depth - 1));
                if leads && along == path.steps().len() {
                    if let Some(name) = path.attribute() {
                        return attribute(element, name);
                    }
                    if is_empty {
                        return None;
                    }
                }
                if !is_empty {
                    along += usize::from(leads);
                    depth += 1;
                }
            }
            Event::Text(text) if along == depth && depth == path.steps().len() + 1 => {
                found.push_str(&text);
            }
            Event::End(_) => {
                if along == depth && depth == path.steps().len() + 1 {
                    return Some(found.trim().to_owned()).filter(|found| !found.is_empty());
                }
                along = along.min(depth.saturating_sub(1));
                depth = depth.checked_sub(1)?;
            }
            Event::DocType(_) | Event::Eof => return None,
            _ => {}
        }
    }
    None
}

fn attribute(element: &BytesStart<'_>, name: &str) -> Option<String> {
    let mut attributes = element.attributes().flatten();
    let found = attributes.find(|attribute| *attribute.key.local_name().as_ref() == *name)?;
    Some(found.value.trim().to_owned())
}

fn position(at: u64) -> usize {
    usize::try_from(at).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_is_found_behind_declaration_and_comments() {
        let text = "<?xml version=\"1.0\"?>\n<!-- c --><k:antrag version='1.0' xmlns:k=\"urn:k\"><";
        let root = find(text).unwrap();
        assert_eq!((root.namespace.as_str(), root.local.as_str()), ("urn:k", "antrag"));
        assert_eq!(root.offset, 32);
    }

    #[test]
    fn a_version_is_found_at_the_root_and_in_the_header() {
        let text = "<?xml version='1.0'?><a version='1'><b><x>0</x></b><b v='2'><c> 3.6 </c></b>\
            <c>no</c></a>";
        let rows = [
            ("@version", Some("1")),
            ("b/c", Some("3.6")),
            ("c", Some("no")),
            ("b/x", Some("0")),
            ("b/@v", None),
            ("x", None),
            ("b/c/d", None),
        ];
        for (path, expected) in rows {
            let path = Path::parse(path).unwrap();
            assert_eq!(value(text, &path).as_deref(), expected, "{path:?}");
        }
        assert_eq!(value("<a version='1'", &Path::parse("@version").unwrap()), None);
    }

    #[test]
    fn what_is_no_xml_has_no_root() {
        for text in ["", "Hallo", "  ", "<!-- a -->", "</a>", "<![CDATA[a]]><a/>"] {
            assert!(matches!(find(text), Err(Fatal::NotXml(_))), "{text}");
        }
        assert!(matches!(find("<!DOCTYPE a><a/>"), Err(Fatal::Doctype(0))));
    }
}
