//! What every implementation of a trait must do; each suite panics at the first rule broken.

pub mod adapter;
pub mod channel;
pub mod claims;
mod positions;
