//! Ledger, journal and register on a real PostgreSQL server: the suites that every store passes, what is refused
//! and how, and connections that are cut.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]
#![allow(clippy::print_stderr, reason = "a long test says how far it is")]

mod bulks;
mod cut;
mod edits;
mod program;
mod proxy;
mod restore;
mod rolling;
mod shared;
mod suites;
mod takeover;
mod trimming;
mod world;

use std::sync::atomic::{AtomicU32, Ordering};

use stores::PostgresSettings;
use tests::postgres::{ADMIN, Postgres};

/// As a role that owns everything sees the server, in schemas of their own.
fn settings(postgres: &Postgres) -> PostgresSettings {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    PostgresSettings {
        host: "127.0.0.1".to_owned(),
        port: postgres.port(),
        database: "postgres".to_owned(),
        user: ADMIN.to_owned(),
        password: None,
        prefix: format!("test{}", NEXT.fetch_add(1, Ordering::SeqCst)),
        tls: false,
        ca_file: None,
    }
}
