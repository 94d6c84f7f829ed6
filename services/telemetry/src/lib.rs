//! What operators see from outside: logs, traces, metrics and readiness, with all names in one place.
//!
//! Sees nothing of ours, so that everything of ours can use it. Nothing global is kept here but
//! what `tracing` and OpenTelemetry keep themselves after [`init`].

pub mod metrics;
pub mod names;
pub mod readiness;
mod setup;
mod trace;

pub use metrics::Metrics;
pub use readiness::{Check, Component, Readiness};
pub use setup::{Format, Guard, Options, init};
pub use trace::{continue_trace, current_traceparent, traceparent_of};
