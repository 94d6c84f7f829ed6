//! The dispatcher on paused time, with a real ledger and a departmental system that keeps count.

mod backlog;
mod bulks;
mod claims;
mod clerk;
mod commands;
mod edits;
mod failing;
mod gates;
mod interest;
mod numbers;
mod restore;
mod retention;
mod rules;
mod system;
mod world;

use proptest::test_runner::{Config, RngSeed};

/// What is drawn is the same each time, so that a failure is one for everybody.
pub(crate) fn the_same_each_time(cases: u32) -> Config {
    Config { cases, failure_persistence: None, rng_seed: RngSeed::Fixed(1), ..Config::default() }
}
