//! Character sets and normal forms: bytes of any allowed encoding in, UTF-8 in NFC out.

pub mod decode;
pub mod normal;

pub use decode::{DecodeError, Decoded, Encoding, decode, decode_json};
pub use normal::{is_normal, normalise_json, normalise_xml};
