//! The gateway: takes applications over gRPC, says at once what is wrong with them, and answers with
//! a receipt only when they are stored durably.
//!
//! Reading order is the path of one application: `edge` (who sends, how much at once), `intake` (the
//! calls), `judge` (standard, identity, attachments, route), `recent` and `publish` (once, claims,
//! append, receipt), `refusal` (what a portal sees when the answer is no), `refused` (what operations
//! see of it), `storing` (what `/readyz` says of it). `forward` asks a console in another process what a portal asks about status;
//! `answering` says what the console answers as a message of a standard.

mod admission;
mod answering;
mod body;
pub mod codes;
mod connections;
mod convert;
mod edge;
mod forward;
mod intake;
mod judge;
pub mod limits;
mod pace;
mod publish;
mod rate;
mod recent;
mod refusal;
mod refused;
pub mod route;
pub mod senders;
mod server;
mod storing;
#[cfg(test)]
mod tests;
mod ticket;
mod traced;

pub use forward::Forwarder;
pub use limits::Limits;
pub use route::Route;
pub use senders::Senders;
pub use server::{Parts, run};
