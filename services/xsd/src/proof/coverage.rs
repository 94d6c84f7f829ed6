//! What a generator can reach of a schema, and has reached.

use std::collections::BTreeSet;

use super::values::Facet;

/// Something that can be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Item {
    /// A child of this name in content that begins with this state.
    Child(u32, u16, u32),
    /// An attribute.
    Attribute(u32),
    /// A facet of a simple type at its edge.
    Facet(u32, Facet),
    /// An element without a value.
    Nil(u32),
    /// One of the types that `xsi:type` may name.
    Override(u32, u32),
}

/// What was reached, and what there is.
#[derive(Debug, Default)]
pub(super) struct Coverage {
    pub(super) reached: BTreeSet<Item>,
    pub(super) all: BTreeSet<Item>,
}
