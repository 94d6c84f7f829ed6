//! Judges JSON documents by their JSON Schema.

use jsonschema::Validator;
use serde_json::Value;

use crate::{load::standard::Standard, store};

/// Compiles the JSON Schema of `standard`; `None` where it has none. Nothing is ever fetched.
pub(crate) fn compile(standard: &Standard) -> Result<Option<Validator>, String> {
    let Some(json) = &standard.json else { return Ok(None) };
    let text = store::read_text(&json.entry).map_err(|error| format!("cannot be read: {error}"))?;
    let schema: Value = serde_json::from_str(&text).map_err(|error| format!("no JSON: {error}"))?;
    let options = jsonschema::options().should_validate_formats(true);
    options.build(&schema).map(Some).map_err(|error| format!("no JSON Schema: {error}"))
}
