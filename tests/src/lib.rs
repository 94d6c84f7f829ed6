//! What the tests of the whole share: reading the source, and running the real program.

#![allow(
    clippy::panic,
    clippy::missing_panics_doc,
    clippy::unwrap_used,
    reason = "everything in here serves tests, which fail by panicking"
)]

pub mod source;
