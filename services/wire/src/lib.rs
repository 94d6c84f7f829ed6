//! The protocols as Rust types, generated from `proto/`. The comments are in the protos.

/// Nested as the packages are.
#[allow(
    missing_docs,
    unreachable_pub,
    clippy::all,
    clippy::missing_errors_doc,
    clippy::too_many_lines,
    reason = "generated; documented in the protos"
)]
mod generated {
    include!(concat!(env!("OUT_DIR"), "/protos.rs"));
}

pub use generated::amtsbote::{
    canonical::v1 as canonical, control::v1 as control, intake::v1 as intake, record::v1 as record,
    status::v1 as status,
};

/// Metadata of a `StatusService` call that a gateway makes for a portal: the portal's sender name.
/// Worth something only beside the proof that a gateway calls.
pub const SENDER_METADATA: &str = "amtsbote-sender";

/// All protos as an encoded `FileDescriptorSet`, for reflection and for mapping by name.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));
