//! Faults that are put in on purpose, so that tests can be seen to notice them.
//!
//! A build with the feature `test-switches` breaks the one promise that `AMTSBOTE_FAULT` names; each
//! name stands at the place that would break it, and in the list that `tests/mutants` runs. Every
//! other build knows no faults, and the compiler removes the question.

/// Whether `name` is broken in this process.
#[cfg(feature = "test-switches")]
#[must_use]
pub fn is_on(name: &str) -> bool {
    named() == Some(name)
}

/// What is broken in this process, as it was asked for.
#[cfg(feature = "test-switches")]
#[must_use]
pub fn named() -> Option<&'static str> {
    use std::sync::OnceLock;

    static FAULT: OnceLock<Option<String>> = OnceLock::new();
    FAULT.get_or_init(|| std::env::var("AMTSBOTE_FAULT").ok()).as_deref()
}

/// What is broken in this process: nothing.
#[cfg(not(feature = "test-switches"))]
#[inline]
#[must_use]
pub const fn named() -> Option<&'static str> {
    None
}

/// Whether `name` is broken in this process: never.
#[cfg(not(feature = "test-switches"))]
#[inline]
#[must_use]
pub const fn is_on(_name: &str) -> bool {
    false
}
