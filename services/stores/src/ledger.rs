//! The truth about deliveries.
