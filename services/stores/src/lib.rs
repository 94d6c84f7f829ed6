//! What is remembered: the ledger (delivery truth), the journal (what the console reads), the register
//! (what the console alone knows) and claims (bodies too large for a record). SQL lives only here.

#![allow(clippy::result_large_err, reason = "SQLite's errors end where a store is left")]

mod age;
pub mod claims;
mod codes;
pub mod journal;
pub mod ledger;
pub mod pass;
mod postgres;
pub mod register;
mod sqlite;

pub use age::Age;
pub use postgres::PostgresSettings;
