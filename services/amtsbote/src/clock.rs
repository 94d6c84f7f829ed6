//! The wall clock: the only place that reads it.

use std::time::{SystemTime, UNIX_EPOCH};

use messaging::{Clock, Timestamp};

/// The machine's clock.
pub(crate) fn wall() -> Clock {
    Clock::new(now)
}

#[allow(clippy::disallowed_methods, reason = "here is where the wall clock enters; nowhere else")]
fn now() -> Timestamp {
    // A clock before 1970 is wrong anyway, and nothing but what people read depends on it.
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}
