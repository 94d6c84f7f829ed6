//! The gateway as its clients see it: over a real connection, on a channel and claims in memory.

mod answering;
mod answers;
mod edge;
mod forward;
mod record;
mod stream;
mod submit;
mod upload;
mod world;
