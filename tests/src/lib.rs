//! What the tests of the whole share: reading the source, and running the real program.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "everything in here serves tests, which fail by panicking and say what they do"
)]

pub mod ailment;
pub mod archive;
pub mod balancer;
pub mod chance;
pub mod configuration;
pub mod crash;
pub mod documents;
pub mod kafka;
pub mod machine;
pub mod operator;
pub mod otlp;
pub mod port;
pub mod portal;
pub mod postgres;
pub mod process;
pub mod program;
pub mod receiver;
pub mod s3;
pub mod scenarios;
pub mod source;
pub mod syscalls;
pub mod wait;
