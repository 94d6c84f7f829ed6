//! The adapters that run inside Amtsbote: each feeds one kind of departmental system.
//!
//! To add one: write `src/kinds/<name>.rs` with a `KIND`, and add one line to [`ALL`]. A test fails
//! if a file is missing from the list, if its example does not build, or if an unknown key passes.

pub mod codes;
mod content;
mod duration;
mod kinds {
    pub(crate) mod file_drop;
    pub(crate) mod rest;
}

use std::{path::PathBuf, sync::Arc};

use messaging::{Adapter, EndpointName};

/// Every adapter Amtsbote can run, in the order the console shows them.
pub const ALL: &[AdapterKind] = &[kinds::file_drop::KIND, kinds::rest::KIND];

/// What Amtsbote must know to offer an adapter.
#[derive(Clone, Copy, Debug)]
pub struct AdapterKind {
    /// The `adapter = "…"` of an endpoint's configuration; the file's name.
    pub name: &'static str,
    /// One sentence for the console.
    pub summary: &'static str,
    /// A configuration that builds once the files it names are there; also shown as a start for
    /// one's own.
    pub example: &'static str,
    /// Builds one from its configuration, which holds the adapter's own keys only. Reads secret
    /// files and checks everything that can be checked; connects to nothing. Needs no runtime.
    pub build: fn(toml::Table, &BuildContext) -> anyhow::Result<Arc<dyn Adapter>>,
}

/// What surrounds an adapter while it is built.
#[derive(Clone, Debug)]
pub struct BuildContext {
    /// Whose adapter it is.
    pub endpoint: EndpointName,
    /// Relative paths in the configuration start here: the folder of the configuration file.
    pub base: PathBuf,
    /// Attempts under way at once, at most.
    pub concurrency: usize,
}

/// The kind called `name`.
#[must_use]
pub fn find(name: &str) -> Option<&'static AdapterKind> {
    ALL.iter().find(|kind| kind.name == name)
}

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
