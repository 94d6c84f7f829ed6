//! The components of a schema set, as far as they say which documents are valid.

use crate::simple::{Bound, Kind, text::WhiteSpace};

/// A name and its namespace, which is empty where there is none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Name {
    pub(crate) namespace: String,
    pub(crate) local: String,
}

/// Number of an element declaration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct ElementId(pub(crate) u32);

/// Number of a type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct TypeId(pub(crate) u32);

/// What is not known here, in words for who wonders why a document takes the slow way.
pub(crate) type Unknown = &'static str;

/// All components.
#[derive(Debug, Default)]
pub(crate) struct Schema {
    pub(crate) elements: Vec<Element>,
    pub(crate) types: Vec<Type>,
    /// Global elements: what a document may begin with, and what wildcards find.
    pub(crate) globals: Vec<ElementId>,
    /// Global attributes: what wildcards find.
    pub(crate) attributes: Vec<AttributeUse>,
    /// For each type and way of blocking that elements have: what `xsi:type` may name instead.
    pub(crate) overrides: Vec<Vec<(Name, TypeId)>>,
}

/// An element declaration.
#[derive(Clone, Debug)]
pub(crate) struct Element {
    pub(crate) name: Name,
    pub(crate) of: TypeId,
    pub(crate) is_nillable: bool,
    pub(crate) is_abstract: bool,
    pub(crate) preset: Preset,
    /// Number of its list in the schema's overrides.
    pub(crate) overrides: Option<usize>,
    pub(crate) constraints: Vec<Constraint>,
    pub(crate) unknown: Option<Unknown>,
}

/// The value an element or attribute has by itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) enum Preset {
    /// None.
    #[default]
    None,
    /// This, unless it has another.
    Default(String),
    /// This and no other.
    Fixed(String),
}

/// A type.
#[derive(Debug)]
pub(crate) struct Type {
    pub(crate) is_abstract: bool,
    pub(crate) body: Body,
}

/// What a type allows.
#[derive(Debug)]
pub(crate) enum Body {
    /// A value.
    Simple(SimpleType),
    /// Attributes and content.
    Complex(ComplexType),
    /// Everything: `xs:anyType`.
    Any,
    /// Nobody knows here.
    Unknown(Unknown),
}

/// A simple type with everything it inherits.
#[derive(Clone, Debug)]
pub(crate) struct SimpleType {
    pub(crate) kind: Kind,
    pub(crate) white_space: WhiteSpace,
    pub(crate) length_min: Option<u64>,
    pub(crate) length_max: Option<u64>,
    /// One of each step must match.
    pub(crate) patterns: Vec<Vec<String>>,
    pub(crate) enumeration: Option<Vec<String>>,
    pub(crate) bounds: Vec<Bound>,
    pub(crate) digits_max: Option<u32>,
    pub(crate) fraction_digits_max: Option<u32>,
    /// Of a list, its item's type; of a union, its members.
    pub(crate) parts: Vec<TypeId>,
}

/// A complex type with everything it inherits.
#[derive(Debug)]
pub(crate) struct ComplexType {
    pub(crate) attributes: Vec<AttributeUse>,
    pub(crate) any_attribute: Option<Wildcard>,
    pub(crate) content: Content,
}

/// An attribute a type has, or a global one.
#[derive(Clone, Debug)]
pub(crate) struct AttributeUse {
    pub(crate) name: Name,
    /// `None`: any value.
    pub(crate) of: Option<TypeId>,
    pub(crate) is_required: bool,
    pub(crate) preset: Preset,
}

/// What stands between the tags.
#[derive(Debug)]
pub(crate) enum Content {
    /// Nothing.
    Empty,
    /// A value.
    Simple(Box<SimpleType>),
    /// Elements.
    Elements(Model),
    /// Elements and text.
    Mixed(Model),
}

/// In which order elements stand.
#[derive(Debug)]
pub(crate) enum Model {
    /// As an automaton says.
    Automaton(Automaton),
    /// In any order, each as often as it may.
    All {
        /// What may stand there; whether it must.
        terms: Vec<(Term, bool)>,
        /// Whether nothing at all will do.
        is_optional: bool,
    },
}

/// A nondeterministic automaton that counts.
#[derive(Debug)]
pub(crate) struct Automaton {
    pub(crate) states: Vec<AutomatonState>,
    pub(crate) begin: u32,
    pub(crate) end: u32,
    /// Lowest and highest count; `None` where there is no highest.
    pub(crate) counters: Vec<(u32, Option<u32>)>,
}

/// A state and what must be read to leave it by `Edge::Read`.
#[derive(Debug)]
pub(crate) struct AutomatonState {
    pub(crate) term: Option<Term>,
    pub(crate) edges: Vec<(Edge, u32)>,
}

/// When an automaton may go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Edge {
    /// Behind what the state reads.
    Read,
    /// At once.
    Free,
    /// At once; the counter begins anew.
    Reset(u16),
    /// At once; the counter is one higher.
    Increment(u16),
    /// While the counter is below its highest count.
    BelowMax(u16),
    /// Once the counter has reached its lowest count.
    AtLeastMin(u16),
}

/// What stands at one place.
#[derive(Clone, Debug)]
pub(crate) enum Term {
    /// One of these: a declaration and what may stand for it.
    Elements(Vec<ElementId>),
    /// Anything from these namespaces.
    Any(Wildcard),
}

/// A wildcard.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Wildcard {
    pub(crate) namespaces: Namespaces,
    pub(crate) process: Process,
}

/// Namespaces, the empty one among them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Namespaces {
    /// Every one.
    Any,
    /// Every other.
    Not(Vec<String>),
    /// These.
    Only(Vec<String>),
}

/// How what a wildcard takes is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Process {
    /// Not at all.
    Skip,
    /// Where there is a declaration.
    Lax,
    /// There must be a declaration.
    Strict,
}

crate::codec::coded!(Process = Skip, Lax, Strict);

/// `xs:key`, `xs:unique` or `xs:keyref`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Constraint {
    pub(crate) kind: ConstraintKind,
    pub(crate) selector: Vec<Path>,
    pub(crate) fields: Vec<Vec<Path>>,
}

/// Which of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum ConstraintKind {
    /// Every field is there, and no two are the same.
    Key,
    /// No two that have every field are the same.
    Unique,
    /// The same as of the constraint at this place among those of its element.
    Reference(u32),
}

/// A path as constraints write them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Path {
    /// Whether it begins anywhere below.
    pub(crate) is_anywhere: bool,
    pub(crate) steps: Vec<Step>,
    /// At the end of a field.
    pub(crate) attribute: Option<Step>,
}

/// One step of a path.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Step {
    /// A name.
    Name(Name),
    /// Any name.
    Any,
    /// Any name of this namespace.
    AnyOf(String),
}
