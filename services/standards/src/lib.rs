//! The standards engine: raw document in, verdict and canonical message out.

pub mod codes;
pub mod engine;
pub mod load;
pub mod options;
pub mod verdict;

pub use engine::{Busy, Standards};
pub use load::{LoadError, LoadFault, MessageTypeInfo, StandardInfo};
pub use options::{Limits, Options};
pub use verdict::{
    AttachmentNeed, Document, Header, Message, Recognised, Severity, Verdict, Violation,
};
