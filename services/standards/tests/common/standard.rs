//! A made-up standard: any content in its root, so that a test is about one rule only.

use std::path::Path;

use bytes::Bytes;
use messaging::Timestamp;
use standards::{Document, Options, Standards, Verdict};

use super::{Folder, installed};

/// An XSD whose root takes anything.
pub(crate) const ANY: &str = r#"<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:mine">
<xs:element name="antrag.0101" type="xs:anyType"/></xs:schema>"#;

/// `standard.toml` of version `version` with `more` before its message.
pub(crate) fn toml(version: &str, dialect: &str, more: &str) -> String {
    format!(
        r#"id = "mine"
version = "{version}"
title = "Meins"
dialect = "{dialect}"
{more}
[xml]
entry = "mine.xsd"
[[message]]
name = "antrag.0101"
title = "Antrag"
domain = "mine"
"#
    )
}

/// What is recognised by the namespace alone.
pub(crate) const RECOGNISE: &str = "[recognise]\nnamespace = \"urn:mine\"";

/// Installs `standard` as version `version`.
pub(crate) fn install(version: &str, standard: &str) -> Folder {
    let files =
        [("standard.toml", standard), ("mapping.toml", "generic = \".\""), ("mine.xsd", ANY)];
    installed(Path::new("/"), "mine", version, &files)
}

/// The built-in standards and those of `folders`, on one worker.
pub(crate) fn load(folders: &[&Folder]) -> Standards {
    let paths = folders.iter().map(|folder| folder.0.clone()).collect();
    Standards::load(Options { paths, workers: 1, ..Options::default() }).unwrap()
}

/// The verdict on `text` at `now`, as `2026-05-01T00:00:00Z`.
pub(crate) fn check_at(standards: &Standards, text: &str, now: &str) -> Verdict {
    let now: jiff::Timestamp = now.parse().unwrap();
    let bytes = Bytes::copy_from_slice(text.as_bytes());
    let now = Timestamp(now.as_microsecond());
    standards.check_blocking(Document { bytes, media_type: None, now })
}
