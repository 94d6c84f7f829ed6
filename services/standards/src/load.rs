//! Reads standards from their folders; every fault is found here, at start, with file and line.

pub(crate) mod addresses;
mod alternation;
pub(crate) mod dialect;
mod function;
pub(crate) mod kept;
pub(crate) mod mapping;
pub(crate) mod path;
pub(crate) mod policy;
pub(crate) mod registry;
pub(crate) mod schema;
pub(crate) mod shape;
pub(crate) mod standard;
mod toml_file;
pub(crate) mod validity;

use std::fmt;

use messaging::Domain;

use crate::{MessageKind, Severity};

/// One fault in a standard's folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadFault {
    /// The file.
    pub file: String,
    /// From 1; 0 where no line can be named.
    pub line: u32,
    /// The key, e.g. `recognise.namespace`; empty where none can be named.
    pub key: String,
    /// What is wrong, lower case, no full stop.
    pub message: String,
}

impl fmt::Display for LoadFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if self.line != 0 {
            write!(f, ":{}", self.line)?;
        }
        if !self.key.is_empty() {
            write!(f, ": `{}`", self.key)?;
        }
        write!(f, ": {}", self.message)
    }
}

/// Standards that cannot be loaded: every fault at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadError {
    /// In the order of folders and files; at least one.
    pub faults: Vec<LoadFault>,
}

impl LoadError {
    /// `AB-4900`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        crate::codes::LOAD
    }
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} fault(s) in the standards", self.code(), self.faults.len())?;
        self.faults.iter().try_for_each(|fault| write!(f, "\n  {fault}"))
    }
}

impl std::error::Error for LoadError {}

/// One installed standard, for lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StandardInfo {
    /// Folder below `schemas/`.
    pub id: String,
    /// Folder below the standard's.
    pub version: String,
    /// In German.
    pub title: String,
    /// Namespace of its root elements.
    pub namespace: String,
    /// What a document may say its version is; empty: anything.
    pub accepts: Vec<String>,
    /// The header dialect.
    pub dialect: String,
    /// The first day it is taken, `YYYY-MM-DD`; `None`: always.
    pub valid_from: Option<String>,
    /// The last day it is taken.
    pub valid_until: Option<String>,
    /// Rules whose severity differs from the usual one, ordered by name.
    pub rules: Vec<(String, Severity)>,
    /// Where it was loaded from; `built-in` for those inside the binary.
    pub source: String,
    /// What it takes.
    pub message_types: Vec<MessageTypeInfo>,
}

/// How loading came to the tables of the standards that have an XSD, where tables are kept at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Prepared {
    /// Tables kept from an earlier time.
    pub kept: usize,
    /// Tables made, as none of use were kept.
    pub made: usize,
}

/// What became of proving documents of a standard valid without the validator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proofs {
    /// Id of the standard.
    pub standard: String,
    /// Its version.
    pub version: String,
    /// Documents that were proven.
    pub proven: u64,
    /// For each reason that there was, documents that were not, and went to the validator.
    pub unproven: Vec<(&'static str, u64)>,
    /// Documents that were proven and that the validator's way judged or carried otherwise, of the share
    /// that goes both ways.
    pub disagreements: u64,
    /// Bytes of the tables.
    pub tables_bytes: usize,
    /// What of the schema is never proven, in words.
    pub not_compiled: Vec<String>,
}

/// One message type of a standard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageTypeInfo {
    /// As in [`messaging::ProcedureName`].
    pub name: String,
    /// In German.
    pub title: String,
    /// Family of procedures.
    pub domain: Domain,
    /// LeiKa key, if known.
    pub service: Option<String>,
    /// What it is in the course of a procedure.
    pub kind: MessageKind,
}
