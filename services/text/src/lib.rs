//! Character sets and normal forms: bytes of any allowed encoding in, UTF-8 in NFC out; the
//! characters of DIN 91379; and text written for departmental systems that hold fewer.
//!
//! ```
//! use text::{Charset, Datatype, Limit, Policy, Target, search_form};
//!
//! let name = "Mužakow, Łukasz";
//! assert!(Datatype::A.allows(name));
//! assert_eq!(search_form(name), "MUZAKOW LUKASZ");
//!
//! let field = Target { charset: Charset::Iso8859_1, policy: Policy::Transliterate };
//! let written = field.encode(name)?;
//! assert_eq!(written.bytes, b"Muzakow, Lukasz");
//! let losses: Vec<String> = written.losses.iter().map(|l| l.original.to_string()).collect();
//! assert_eq!(losses, ["U+017E", "U+0141"]);
//! assert_eq!(field.prefix("Weiß", Limit::Bytes(3))?, "Wei");
//! # Ok::<(), text::NotCarried>(())
//! ```

pub mod charset;
pub mod code_points;
pub mod decode;
pub mod din91379;
pub mod normal;
mod signs;

pub use charset::{Charset, Encoded, Loss, NotCarried, Policy, Target};
pub use code_points::CodePoints;
pub use decode::{DecodeError, Decoded, Encoding, decode, decode_json};
pub use din91379::{Datatype, Length, Limit, NotAllowed, search_form};
pub use normal::{is_normal, normalise_json, normalise_xml};
