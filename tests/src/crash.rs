//! What a crash test is made of: portals that never give up, and an oracle that judges what arrived.

mod load;
mod oracle;

pub use self::{
    load::{Load, Sent},
    oracle::{Oracle, Promise},
};

/// Ends a test with the first faults, if there are any.
///
/// # Panics
/// When a promise was broken.
pub fn no_promise_is_broken(faults: &[String]) {
    let shown = faults.iter().take(20).cloned().collect::<Vec<_>>().join("\n");
    assert!(faults.is_empty(), "{} broken promises, first:\n{shown}", faults.len());
}
