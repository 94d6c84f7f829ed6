//! What a crash test is made of: portals that never give up, and an oracle that judges what arrived.

mod load;
mod oracle;

pub use self::{
    load::{Load, Sent},
    oracle::{Oracle, Promise},
};
