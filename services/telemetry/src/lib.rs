//! What operators see from outside: logs, traces, metrics and readiness, with all names in one place.
//!
//! Sees nothing of ours, so that everything of ours can use it. Global is only what `tracing` keeps,
//! and the one tracer with its counts, set by [`init`].

mod export;
pub mod metrics;
pub mod names;
pub mod readiness;
mod setup;
mod trace;

pub use metrics::Metrics;
pub use readiness::{Check, Component, Readiness};
pub use setup::{Format, Guard, Options, init};
pub use trace::{Kind, Span, is_traced};
