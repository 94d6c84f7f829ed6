//! Judges JSON documents by their JSON Schema, whose parts may lie in several files: `$ref` leads to
//! them by relative path, inside the binary or in a folder, and never to the network.

use std::{error::Error, fmt::Write as _};

use jsonschema::{Retrieve, Uri, Validator};
use serde_json::Value;

use crate::{load::standard::Standard, store};

/// Begins the URI of a file in a folder.
const FILE: &str = "file://";

/// Compiles the JSON Schema of `standard`; `None` where it has none. Nothing is ever fetched.
pub(crate) fn compile(standard: &Standard) -> Result<Option<Validator>, String> {
    let Some(json) = &standard.json else { return Ok(None) };
    let schema = read(&json.entry)?;
    let options = jsonschema::options()
        .should_validate_formats(true)
        .with_base_uri(uri(&json.entry)?)
        .with_retriever(Offline);
    options.build(&schema).map(Some).map_err(|error| format!("no JSON Schema: {error}"))
}

fn read(location: &str) -> Result<Value, String> {
    let text = store::read_text(location).map_err(|error| format!("cannot be read: {error}"))?;
    serde_json::from_str(&text).map_err(|error| format!("no JSON: {error}"))
}

/// Reads locations of the store, and nothing remote.
struct Offline;

impl Retrieve for Offline {
    fn retrieve(&self, uri: &Uri<String>) -> Result<Value, Box<dyn Error + Send + Sync>> {
        let location =
            location(uri.as_str()).ok_or("is remote: a `$ref` leads to files beside it only")?;
        Ok(read(&location)?)
    }
}

/// The URI of a location, which relative references are resolved against.
fn uri(location: &str) -> Result<String, String> {
    if location.starts_with(store::BUILT_IN) {
        return Ok(location.to_owned());
    }
    let absolute = std::path::absolute(location).map_err(|e| format!("cannot be read: {e}"))?;
    let path = absolute.to_str().ok_or("a name is not UTF-8")?;
    let mut uri = FILE.to_owned();
    for byte in path.bytes() {
        match byte {
            b'/' | b'-' | b'.' | b'_' | b'~' => uri.push(char::from(byte)),
            byte if byte.is_ascii_alphanumeric() => uri.push(char::from(byte)),
            byte => write!(uri, "%{byte:02X}").map_err(|e| e.to_string())?,
        }
    }
    Ok(uri)
}

/// The location of a URI; `None` where it is none of the store's.
fn location(uri: &str) -> Option<String> {
    if uri.starts_with(store::BUILT_IN) {
        return Some(uri.to_owned());
    }
    let mut parts = uri.strip_prefix(FILE)?.split('%');
    let mut path = parts.next()?.as_bytes().to_vec();
    for part in parts {
        let (digits, rest) = part.split_at_checked(2)?;
        path.push(u8::from_str_radix(digits, 16).ok()?);
        path.extend_from_slice(rest.as_bytes());
    }
    String::from_utf8(path).ok().filter(|path| path.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_location_survives_becoming_a_uri() {
        for path in ["/srv/s/a.json", "/srv/ä b/100%/a#b?.json", "builtin:/a/1.0/json/a.json"] {
            assert_eq!(location(&uri(path).unwrap()).as_deref(), Some(path));
        }
    }

    #[test]
    fn what_is_not_of_the_store_has_no_location() {
        for uri in ["https://example.org/a.json", "urn:a:b", "file://host/a.json", "file:///a%2"] {
            assert_eq!(location(uri), None, "{uri}");
        }
    }
}
