//! Looks no further than the root's start tag: which standard a document may be of.

use quick_xml::{
    NsReader,
    events::Event,
    name::{Namespace, ResolveResult},
};

use crate::xml::Fatal;

/// What a root element says before anything is validated.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Root {
    /// Empty where there is none.
    pub(crate) namespace: String,
    /// Without prefix.
    pub(crate) local: String,
    /// With prefix, as written.
    pub(crate) qualified: String,
    /// Its attribute `version`.
    pub(crate) version: Option<String>,
    /// Where it begins, in bytes.
    pub(crate) offset: usize,
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
                let mut version = None;
                for attribute in element.attributes().flatten() {
                    if attribute.key.as_ref() == "version" {
                        version = Some(attribute.value.into_owned());
                    }
                }
                let local = local.as_ref().to_owned();
                let qualified = element.name().as_ref().to_owned();
                return Ok(Root { namespace, local, qualified, version, offset: at });
            }
            Event::DocType(_) => return Err(Fatal::Doctype(at)),
            Event::Text(text) if text.trim_ascii().is_empty() => {}
            Event::Decl(_) | Event::Comment(_) | Event::PI(_) => {}
            _ => return Err(Fatal::NotXml(at)),
        }
    }
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
        assert_eq!((root.version.as_deref(), root.offset), (Some("1.0"), 32));
    }

    #[test]
    fn what_is_no_xml_has_no_root() {
        for text in ["", "Hallo", "  ", "<!-- a -->", "</a>", "<![CDATA[a]]><a/>"] {
            assert!(matches!(find(text), Err(Fatal::NotXml(_))), "{text}");
        }
        assert!(matches!(find("<!DOCTYPE a><a/>"), Err(Fatal::Doctype(0))));
    }
}
