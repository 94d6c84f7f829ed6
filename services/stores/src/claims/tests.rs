//! Claims on both stores.
