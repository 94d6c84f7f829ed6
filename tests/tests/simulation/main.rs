//! Whole lives on paused time, each driven by one seed: a portal that repeats itself, channels and
//! ledgers that are slow, away or lose their answers, partitions that change hands, systems that fail,
//! hang, take effect late and close by a calendar, operators who order about one, about many at once and
//! with other documents at bad moments, clocks that jump, ledgers put back from a backup, dispatchers
//! that die at any moment, and dispatchers that go on beside their successor as if nobody had taken over.
//! The dispatcher, the ledger and the gateway's routing are the real ones.
//!
//! `AMTSBOTE_SIMULATION_SEED=42` lives one of them again; `AMTSBOTE_SIMULATIONS=100000` lives more.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a test fails by panicking"
)]

mod backup;
mod book;
mod bulk;
mod clerk;
mod group;
mod hours;
mod life;
mod office;
mod operator;
mod oracle;
mod papers;
mod portal;
mod repeats;
mod slow_ledger;
mod storm;
mod told;
mod weather;

use std::{
    env,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

/// Lives of a usual run.
const LIVES: u64 = 1_000;
/// Messages of one life.
const MESSAGES: u64 = 30;

#[test]
fn whatever_happens_every_promise_is_kept() {
    if let Some(seed) = number("AMTSBOTE_SIMULATION_SEED") {
        let (diary, broken) = simulate(seed);
        eprintln!("{}", diary.join("\n"));
        assert!(broken.is_empty(), "seed {seed}:\n{}", broken.join("\n"));
        return;
    }
    let lives = number("AMTSBOTE_SIMULATIONS").unwrap_or(LIVES);
    let (next, failed) = (AtomicU64::new(1), Mutex::new(Vec::new()));
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::SeqCst);
                    if lives < seed || !failed.lock().expect("nobody panics holding it").is_empty()
                    {
                        return;
                    }
                    let lived = catch_unwind(AssertUnwindSafe(|| simulate(seed).1));
                    let broken = lived.unwrap_or_else(|_| vec!["it panicked, see above".into()]);
                    if !broken.is_empty() {
                        let mut failed = failed.lock().expect("nobody panics holding it");
                        failed.push(format!("seed {seed}:\n  {}", broken.join("\n  ")));
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().expect("nobody panics holding it");
    assert!(
        failed.is_empty(),
        "{}\nagain: AMTSBOTE_SIMULATION_SEED=… tests/run simulation",
        failed.join("\n")
    );
    eprintln!("{lives} lives of {MESSAGES} messages, every promise kept");
}

/// Else a seed that fails could not be looked at again.
#[test]
fn a_seed_lives_the_same_life_again() {
    for seed in 1..=3 {
        assert_eq!(simulate(seed), simulate(seed), "seed {seed}");
    }
    assert_ne!(simulate(1), simulate(2));
}

fn number(name: &str) -> Option<u64> {
    env::var(name).ok().map(|value| value.parse().expect("a number"))
}

fn simulate(seed: u64) -> (Vec<String>, Vec<String>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime");
    runtime.block_on(life::live(seed))
}
