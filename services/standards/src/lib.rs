//! The standards engine: raw document in, verdict and canonical message out. Pure and synchronous,
//! on worker threads of its own; which documents it knows is data, in `schemas/` and in folders
//! named at start.
//!
//! The way of one document over a worker's desk (`desk.rs`):
//!
//! 1. bytes to UTF-8, without replacing anything (crate `text`);
//! 2. the root's start tag, or `$schema` and the one member beside it, name standard, version and
//!    message type (`load/registry.rs`);
//! 3. one pass over the XML: the acceptor of crate `xsd` proves it valid and takes a small tree of it on
//!    the way (`xml/proof.rs`); of what it does not know, a validator judges well-formedness, limits and
//!    XSD and makes the same tree (`xml.rs`). JSON is parsed by our own bounded parser (`json.rs`) and
//!    judged by its JSON Schema. All end in the same tree, from which one table maps;
//! 4. text that is not in NFC is judged once more in NFC: valid then is a warning, and the normal
//!    form is delivered;
//! 5. what no schema can say: contradictions within the header, codes that their lists do not have,
//!    and the like (`rules.rs`);
//! 6. if nothing refuses it, the standard's mapping, laid out in the order of the wire, writes the
//!    canonical message (`carry.rs`).
//!
//! Every violation is told at once, in German and English, with code, path, line and column; behind
//! an element that does not fit, the text is mended and read on (`xml/mend.rs`). A value is repeated
//! only where it cannot be personal data.
//!
//! Everything that can be wrong with a standard is found while loading ([`LoadError`]); of one whose
//! compiled tables are kept (`load/kept.rs`), it was found before. Compiled schemas and validators are made per thread when first needed and never leave it. A panic costs
//! the one document its verdict (`AB-9400`) and the worker its desk, which is laid anew.

pub mod answer;
mod carry;
pub mod codelist;
pub mod codes;
mod desk;
pub mod engine;
mod header;
pub mod import;
mod json;
pub mod load;
mod name;
pub mod options;
mod report;
mod rules;
pub mod stages;
mod store;
mod tree;
pub mod verdict;
pub mod write;
mod xml;

pub use codelist::CodeListInfo;
pub use engine::{Busy, Reloaded, Standards};
pub use load::{LoadError, LoadFault, MessageTypeInfo, Prepared, Proofs, StandardInfo};
pub use options::{Limits, OnDefect, Options};
pub use stages::Stages;
pub use verdict::{
    AttachmentNeed, Document, Header, Message, MessageKind, Recognised, Severity, Verdict,
    Violation, WARNING_PATH_CHARS_MAX, WARNINGS_MAX, warnings,
};
pub use write::{ComposeError, Composed, Composition, Media, OneWay, Uncarried};
