//! Tells at the speed of reading whether an XML document is certainly valid by an XSD.
//!
//! A schema set is compiled once to [`Tables`]: an automaton for each content model, one for each pattern,
//! and flat tables for everything else. An [`Acceptor`] walks over a document's bytes once and says
//! [`Valid`](Verdict::Valid), or [`DontKnow`](Verdict::DontKnow) and why: whatever it cannot prove, and
//! whatever breaks a rule. A full validator must look at those, and alone says what is wrong. What a valid
//! document holds can be taken on the same walk, as a [`Record`].
//!
//! ```
//! # fn main() -> Result<(), xsd::SchemaFault> {
//! let schema = r#"<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema">
//!     <xs:element name="plz"><xs:simpleType><xs:restriction base="xs:token">
//!         <xs:pattern value="\d{5}"/></xs:restriction></xs:simpleType></xs:element>
//! </xs:schema>"#;
//! let tables = xsd::compile_text(schema, xsd::CompileLimits::default())?;
//! let mut acceptor = xsd::Acceptor::new(tables.into(), xsd::Limits::default());
//! assert!(acceptor.judge(b"<plz>02826</plz>").is_valid());
//! assert_eq!(acceptor.judge(b"<plz>2826</plz>"), xsd::Verdict::DontKnow(xsd::Reason::Value));
//! # Ok(())
//! # }
//! ```

mod characters;
mod codec;
mod compile;
mod faults;
mod front;
mod identity;
mod lanes;
mod load;
mod model;
mod names;
#[cfg(test)]
mod proof;
mod record;
mod regex;
mod run;
mod simple;
mod tables;
mod tokenizer;
mod verdict;

pub use compile::CompileLimits;
pub use lanes::{Lanes, Scalar, Vector};
pub use load::{SchemaFault, compile, compile_file, compile_text};
pub use record::{LocalName, Node, Record};
pub use run::{Acceptor, Limits};
pub use tables::{FileFault, Tables};
pub use verdict::{Cause, Reason, Verdict};

/// The crate that schemas are read with.
pub use xsd_schema;
