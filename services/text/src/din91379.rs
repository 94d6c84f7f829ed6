//! DIN 91379: the letters, sequences and other characters of names in Europe, its datatypes A to E,
//! its search form, and how a text is counted and cut in its units.
//!
//! The list is version 1.3 of the repository `String-Latin/DIN-91379-Characters-and-Sequences`
//! (CC BY 4.0, see `NOTICE`), checked in as `list.rs`; `tests/list.rs` makes that file from the
//! published one. Everything here is for text in NFC ([`crate::normal`]): all entries of the list
//! are, and so is every text of a datatype.
//!
//! There is no upper-casing here on purpose: it changes the length of `ß`, `ŉ`, `ǰ`, `ẖ` and `ẗ`.
//! To compare names, compare their search forms.

mod datatype;
mod list;
mod search;
mod table;
mod units;

pub use datatype::{Datatype, NotAllowed, Reason};
pub use search::search_form;
pub use table::{Entry, Group, entries};
pub use units::{Length, Limit, Unit, Units, deprecated, length, prefix, units};
