//! The gateway: takes applications over gRPC, says at once what is wrong with them, and answers with
//! a receipt only when they are stored durably.
//!
//! Reading order is the path of one application: `edge` (who sends, how much at once), `judge`
//! (standard, identity, attachments, route), `publish` (claims, append, receipt), `refusal` (what
//! a portal sees when the answer is no).

pub mod codes;
pub mod limits;
pub mod route;
pub mod senders;
mod server;

pub use limits::Limits;
pub use route::Route;
pub use senders::Senders;
pub use server::{Parts, run};
