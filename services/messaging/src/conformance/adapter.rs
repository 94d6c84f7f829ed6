//! What every [`crate::Adapter`] must do.
