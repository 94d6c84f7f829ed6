//! What every [`crate::Claims`] must do.
