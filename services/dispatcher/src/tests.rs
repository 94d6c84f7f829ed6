//! The dispatcher on paused time, with a real ledger and a departmental system that keeps count.

mod claims;
mod commands;
mod interest;
mod retention;
mod rules;
mod world;
