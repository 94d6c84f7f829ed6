//! What every [`crate::Channel`] must do.
