//! The standards engine: raw document in, verdict and canonical message out.

pub mod codes;
mod desk;
pub mod engine;
mod fill;
mod header;
mod json;
pub mod load;
pub mod options;
mod report;
mod store;
mod tree;
pub mod verdict;
mod xml;

pub use engine::{Busy, Standards};
pub use load::{LoadError, LoadFault, MessageTypeInfo, StandardInfo};
pub use options::{Limits, Options};
pub use verdict::{
    AttachmentNeed, Document, Header, Message, Recognised, Severity, Verdict, Violation,
};
