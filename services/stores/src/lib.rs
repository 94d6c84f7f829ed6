//! What is remembered: the ledger (delivery truth), the journal (what the console reads) and claims
//! (bodies too large for a record). SQL lives only here.

pub mod claims;
mod codes;
pub mod journal;
pub mod ledger;
mod sqlite;
