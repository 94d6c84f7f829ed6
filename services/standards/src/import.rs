//! From a package as XRepository publishes it to the folder of a standard: everything but reading and
//! writing files.
//!
//! 1. [`Package`] takes files and ZIP archives and keeps what matters, told by its bytes;
//! 2. [`plan`] finds the home of every import and include (`resolve.rs`), the messages and the header's
//!    dialect (`guess.rs`), and renders the folder (`write.rs`). What is missing is told whole, and then
//!    there is no plan;
//! 3. the caller writes the [`Plan`] beside its place, loads it as any standard, and moves it in.

mod archive;
mod catalogue;
mod dialects;
mod expansion;
mod facts;
mod guess;
mod known;
mod markup;
mod model;
mod names;
mod package;
mod resolve;
mod write;
mod xsd;

use std::fmt;

pub use self::{
    catalogue::Catalogue,
    package::{Bounds, Package},
    write::{ListInfo, Plan},
};
use self::{guess::Guess, resolve::Sources};
use crate::{LoadError, codes, load::schema};

/// Why a package is not installed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportError {
    /// `AB-47nn`.
    pub code: &'static str,
    /// What is wrong, lower case, no full stop.
    pub what: Box<str>,
    /// Each thing that is wrong, and each way out.
    pub details: Vec<String>,
}

impl ImportError {
    pub(crate) fn new(code: &'static str, what: impl Into<String>) -> Self {
        Self { code, what: what.into().into_boxed_str(), details: Vec::new() }
    }

    pub(crate) fn with(mut self, details: impl IntoIterator<Item = String>) -> Self {
        self.details.extend(details);
        self
    }
}

impl fmt::Display for ImportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.what)?;
        self.details.iter().try_for_each(|detail| write!(f, "\n  {detail}"))
    }
}

impl std::error::Error for ImportError {}

/// What is to be installed, and what may help.
#[derive(Debug)]
pub struct Request {
    /// The package.
    pub package: Package,
    /// Where to find what the package only refers to, in this order.
    pub catalogue: Option<Catalogue>,
    /// Further packages whose schemas may be referred to.
    pub with: Vec<Package>,
    /// Schemas of what is installed already.
    pub installed: Vec<Package>,
    /// Id and version to install as; else they are guessed.
    pub name: Option<(String, String)>,
    /// The namespace whose elements are the messages, where the package has several.
    pub namespace: Option<String>,
    /// The header's dialect; else it is guessed.
    pub dialect: Option<String>,
    /// Folders that may hold `dialects/*.toml`, beside the built-in ones.
    pub paths: Vec<std::path::PathBuf>,
}

/// Plans the folder of the standard, or says everything that is missing.
///
/// # Errors
/// When a schema is no XML, a reference leads nowhere, or it is unclear what the messages are.
pub fn plan(request: Request) -> Result<Plan, ImportError> {
    let dialects = dialects::Candidates::read(&request.paths);
    let sources = Sources::new(request.package, request.catalogue, request.with, request.installed);
    let forest = resolve::explore(&sources)?;
    let wishes = guess::Wishes {
        name: request.name.as_ref(),
        namespace: request.namespace.as_deref(),
        dialect: request.dialect.as_deref(),
    };
    let guess = match guess::guess(&forest, &dialects, &wishes)? {
        Some(guess) => guess,
        // What is missing may be just what the messages are made of.
        None if !forest.missing.is_empty() => {
            return Err(resolve::missing(&sources, &forest.missing));
        }
        None => match request.name {
            Some(name) => Guess::building_blocks(name),
            None => return Err(guess::no_messages(&forest)),
        },
    };
    let reach = resolve::reach(&sources, &forest, guess.namespace.as_deref())?;
    write::render(&sources, &forest, &reach, guess)
}

/// Compiles the schema at `entry` as loading a standard does; for building blocks, which are none.
///
/// # Errors
/// Every fault of the schemas.
pub fn compile(entry: &str, catalogue: Option<&str>) -> Result<(), LoadError> {
    schema::compile_entry(entry, catalogue).map(drop).map_err(|faults| LoadError { faults })
}

/// A file that is no part of a package: not well-formed at `line`.
pub(crate) fn not_xml(path: &str, line: u32, why: &str) -> ImportError {
    ImportError::new(codes::IMPORT_NOT_XML, format!("`{path}`, line {line}: {why}"))
}
