//! From the tree of a document to the bytes of the canonical message.
//!
//! A mapping is laid out once, at start, in the order of the wire ([`Plan`]); a document is carried over by
//! walking that plan, and each value goes from the document straight to its place among the bytes.

mod encode;
mod generic;
mod plan;
mod routes;
mod value;
mod wire;

pub(crate) use encode::Unmappable;
pub(crate) use plan::Plan;

#[cfg(test)]
mod tests;
