//! The conformance suite on memory.
