//! Compiles XSDs offline: every import by its relative path or by the catalogue, never by network.

use std::{
    borrow::Cow,
    collections::HashMap,
    io,
    sync::{Arc, Mutex, PoisonError},
};

use quick_xml::{Reader, events::Event};
use xsd_schema::{
    LocationRequest, SchemaError, SchemaLoader, SchemaResolver, SchemaResult, SchemaSet,
    SchemaSetBuilder, XsdVersion,
};

use crate::{
    load::{
        LoadFault, alternation,
        kept::{self, Sources},
        standard::Standard,
    },
    store,
};

/// Compiles the entry schema of `standard`, and tells what was read for it; `None` where it has none.
pub(crate) fn compile(standard: &Standard) -> Result<Option<(SchemaSet, Sources)>, Vec<LoadFault>> {
    let entry = standard.xsd.as_deref();
    entry.map(|entry| compile_entry(entry, standard.catalog.as_deref())).transpose()
}

/// Compiles the schema at `entry` with the copies that `catalog` names, and tells what was read for it.
pub(crate) fn compile_entry(
    entry: &str,
    catalog: Option<&str>,
) -> Result<(SchemaSet, Sources), Vec<LoadFault>> {
    let loader = Loader::default();
    let local = match catalog {
        Some(catalog) => local_copies(catalog, &loader).map_err(|fault| vec![*fault])?,
        None => HashMap::new(),
    };
    let (sources, asked) = (Arc::clone(&loader.sources), Arc::clone(&loader.sources));
    // Where it cannot be read, the builder tells it.
    drop(loader.read(entry));
    let resolver = SchemaResolver::with_loader(Box::new(loader));
    let mut builder = SchemaSetBuilder::with_resolver(resolver, XsdVersion::V1_0);
    // Rewritten before a document is identified: all spellings of one location become one document.
    builder.set_location_rewriter(move |request: &LocationRequest<'_>, _: &SchemaResolver| {
        let location = rewrite(request.location, request.base_uri, &local);
        // The loader is asked for the file in truth, whatever links led there.
        if let Ok(content) = store::read(&location) {
            note(&asked, &location, &content);
        }
        Some(location)
    });
    let compiled = builder.add("", entry).and_then(SchemaSetBuilder::compile);
    let schemas = compiled.map_err(|error| vec![fault(entry, &error)])?.into_schema_set();
    // An import that cannot be read is skipped silently otherwise, and its types with it.
    let failures: Vec<LoadFault> = schemas
        .directive_failures()
        .iter()
        .map(|failure| LoadFault {
            file: entry.to_owned(),
            line: 0,
            key: failure.schema_location().unwrap_or_default().to_owned(),
            message: format!(
                "import or include cannot be read offline: {}; name a local copy in the catalogue",
                failure.error()
            ),
        })
        .collect();
    if !failures.is_empty() {
        return Err(failures);
    }
    let sources = sources.lock().unwrap_or_else(PoisonError::into_inner).clone();
    Ok((schemas, sources))
}

fn fault(entry: &str, error: &SchemaError) -> LoadFault {
    LoadFault {
        file: entry.to_owned(),
        line: 0,
        key: String::new(),
        message: format!("the schema does not compile: {error}"),
    }
}

fn rewrite(location: &str, base: &str, local: &HashMap<String, String>) -> String {
    if let Some(copy) = local.get(without_scheme(location)) {
        copy.clone()
    } else if is_remote(location) {
        location.to_owned()
    } else {
        store::join(store::folder(base), location)
    }
}

/// Reads locations of the store, and nothing remote.
#[derive(Debug, Default)]
struct Loader {
    /// What it has read.
    sources: Arc<Mutex<Sources>>,
}

impl Loader {
    fn read(&self, location: &str) -> io::Result<Cow<'static, [u8]>> {
        let bytes = store::read(location)?;
        note(&self.sources, location, &bytes);
        Ok(bytes)
    }
}

fn note(sources: &Mutex<Sources>, location: &str, content: &[u8]) {
    let digest = kept::digest(location, content);
    let mut sources = sources.lock().unwrap_or_else(PoisonError::into_inner);
    sources.insert(location.to_owned(), digest);
}

impl SchemaLoader for Loader {
    fn load(&self, location: &str) -> SchemaResult<String> {
        let failed = |message: String| SchemaError::ResolutionError { message };
        if is_remote(location) {
            return Err(failed(format!("`{location}` is remote and not in the catalogue")));
        }
        let bytes = self.read(location).map_err(|e| failed(format!("`{location}`: {e}")))?;
        let decoded = text::decode(&bytes).map_err(|e| failed(format!("`{location}`: {e}")))?;
        Ok(alternation::grouped(&decoded.text))
    }

    fn can_load(&self, _location: &str) -> bool {
        true
    }
}

fn is_remote(location: &str) -> bool {
    location.split_once("://").is_some()
}

fn without_scheme(location: &str) -> &str {
    location.strip_prefix("https:").or_else(|| location.strip_prefix("http:")).unwrap_or(location)
}

/// `systemId` or `name` to `uri` of an OASIS catalogue, relative to the catalogue's folder.
fn local_copies(catalog: &str, loader: &Loader) -> Result<HashMap<String, String>, Box<LoadFault>> {
    let failed = |message: String| {
        let (file, key) = (catalog.to_owned(), String::new());
        Box::new(LoadFault { file, line: 0, key, message })
    };
    let bytes = loader.read(catalog).map_err(|e| failed(format!("cannot be read: {e}")))?;
    let text =
        str::from_utf8(&bytes).map_err(|_| failed("cannot be read: not UTF-8".to_owned()))?;
    let mut reader = Reader::from_str(text.trim_start_matches('\u{FEFF}'));
    let mut local = HashMap::new();
    loop {
        let event = reader.read_event().map_err(|e| failed(format!("not XML: {e}")))?;
        let (Event::Start(element) | Event::Empty(element)) = event else {
            if matches!(event, Event::Eof) {
                return Ok(local);
            }
            continue;
        };
        let (mut from, mut to) = (None, None);
        for attribute in element.attributes() {
            let attribute = attribute.map_err(|e| failed(format!("not XML: {e}")))?;
            let value = attribute.value.into_owned();
            match attribute.key.as_ref() {
                "systemId" | "name" => from = Some(value),
                "uri" => to = Some(value),
                _ => {}
            }
        }
        if let (Some(from), Some(to)) = (from, to) {
            let copy = store::join(store::folder(catalog), &to);
            local.insert(without_scheme(&from).to_owned(), copy);
        }
    }
}
