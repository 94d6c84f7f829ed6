//! The ledger keeps what it is told.
