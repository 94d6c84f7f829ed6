//! The embedded channel.
