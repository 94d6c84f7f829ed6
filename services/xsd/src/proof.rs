//! The proof: the acceptor beside `xsd-schema` and the JDK's Xerces, on published samples, on documents
//! generated from schemas, on what becomes of them when they are changed, and with faults planted; and what
//! is taken of documents on the way, beside what a reader of its own finds in them.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::print_stdout,
    clippy::string_slice,
    reason = "helpers of tests are tests"
)]

mod chance;
mod coverage;
mod data;
mod differential;
mod fuzz;
mod generated;
mod generator;
mod judges;
mod mutation;
mod planted;
mod recorded;
mod samples;
mod typed;
mod values;
mod writer;
