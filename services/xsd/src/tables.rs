//! Compiled tables: everything the acceptor reads, flat, and nothing else.

mod file;

use crate::{
    codec::{Bytes, Coded, coded},
    model::Process,
    names::{Key, NONE, Names},
    simple::{SimpleTypes, text::WhiteSpace},
    verdict::{Doubted, Reason},
};

pub use file::FileFault;

/// No namespace.
pub(crate) const NO_NAMESPACE: u16 = 0;
/// That of `xsi:type` and `xsi:nil`.
pub(crate) const INSTANCE: u16 = 1;
/// That of `xml:lang`.
pub(crate) const XML: u16 = 2;
/// One that the schema never names.
pub(crate) const FOREIGN: u16 = u16::MAX;

/// What an element holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    Elements,
    Mixed,
    Simple,
    Empty,
    /// Not compiled.
    Unknown,
}

coded!(Content = Elements, Mixed, Simple, Empty, Unknown);

/// A state of a content model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct State {
    /// Where its transitions begin, by hash.
    pub(crate) first: u32,
    pub(crate) mask: u32,
    pub(crate) shift: u8,
    pub(crate) accepts: bool,
    /// Where its wildcards begin, and how many there are.
    pub(crate) wildcards: u32,
    pub(crate) wildcards_count: u32,
}

coded!(State { first, mask, shift, accepts, wildcards, wildcards_count });

/// An element that may come in a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Transition {
    pub(crate) key: Key,
    pub(crate) namespace: u16,
    pub(crate) name: u32,
    pub(crate) next: u32,
    /// `NONE` in an empty slot.
    pub(crate) element: u32,
}

coded!(Transition { key, namespace, name, next, element });

impl Transition {
    pub(crate) const EMPTY: Self =
        Self { key: Key::EMPTY, namespace: NO_NAMESPACE, name: NONE, next: NONE, element: NONE };
}

/// Whether an element or attribute has a value by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Preset {
    None,
    /// Proven to be of its type.
    Default,
    /// Not proven.
    UnsureDefault,
    Fixed,
    /// Not proven.
    UnsureFixed,
}

coded!(Preset = None, Default, UnsureDefault, Fixed, UnsureFixed);

impl Preset {
    pub(crate) fn is_fixed(self) -> bool {
        matches!(self, Self::Fixed | Self::UnsureFixed)
    }
}

/// An element declaration and its type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Element {
    pub(crate) content: Content,
    pub(crate) is_nillable: bool,
    /// The declaration or the type is abstract: an `xsi:type` is needed.
    pub(crate) is_abstract: bool,
    pub(crate) preset: Preset,
    /// Number of the value it has by itself.
    pub(crate) value: u32,
    pub(crate) simple: u32,
    /// The state its content begins with.
    pub(crate) begin: u32,
    pub(crate) attributes: u32,
    pub(crate) attributes_count: u32,
    /// One bit for each attribute that must be there.
    pub(crate) required: u64,
    pub(crate) any_attribute: u32,
    pub(crate) overrides: u32,
    /// Number of its constraints.
    pub(crate) constraints: u32,
}

coded!(Element {
    content,
    is_nillable,
    is_abstract,
    preset,
    value,
    simple,
    begin,
    attributes,
    attributes_count,
    required,
    any_attribute,
    overrides,
    constraints,
});

/// An attribute of a type, or a global one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Attribute {
    pub(crate) key: Key,
    pub(crate) namespace: u16,
    pub(crate) name: u32,
    pub(crate) simple: u32,
    pub(crate) preset: Preset,
    pub(crate) value: u32,
}

coded!(Attribute { key, namespace, name, simple, preset, value });

/// A wildcard in a state or of attributes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wildcard {
    /// Those it takes; or, where `is_other`, those it does not.
    pub(crate) namespaces: Vec<u16>,
    pub(crate) is_other: bool,
    pub(crate) process: Process,
    /// The state behind it.
    pub(crate) next: u32,
}

coded!(Wildcard { namespaces, is_other, process, next });

impl Wildcard {
    pub(crate) fn takes(&self, namespace: u16) -> bool {
        self.namespaces.contains(&namespace) != self.is_other
    }
}

/// What `xsi:type` may name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Override {
    pub(crate) key: Key,
    pub(crate) namespace: u16,
    pub(crate) name: u32,
    pub(crate) element: u32,
}

coded!(Override { key, namespace, name, element });

/// What a value does beside being valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    None,
    /// It names its element.
    Id,
    /// Each word of it refers to an element.
    Reference,
}

coded!(Role = None, Id, Reference);

/// A step of a constraint's path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    /// `None`: any.
    pub(crate) namespace: Option<u16>,
    /// Where the name lies, and its key; `None`: any.
    pub(crate) name: Option<(u32, Key)>,
}

coded!(Step { namespace, name });

/// A path of a constraint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Path {
    pub(crate) is_anywhere: bool,
    pub(crate) steps: Vec<Step>,
    pub(crate) attribute: Option<Step>,
}

coded!(Path { is_anywhere, steps, attribute });

/// Which kind a constraint is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ConstraintKind {
    Key,
    Unique,
    Reference,
}

coded!(ConstraintKind = Key, Unique, Reference);

/// A constraint of an element.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Constraint {
    pub(crate) kind: ConstraintKind,
    /// Of a reference, which of the element's constraints it is about.
    pub(crate) of: u32,
    pub(crate) selector: Vec<Path>,
    pub(crate) fields: Vec<Vec<Path>>,
}

coded!(Constraint { kind, of, selector, fields });

/// The tables of a schema set. They are made once (see [`compile_file`](crate::compile_file)), can be kept in a
/// file, and are shared by acceptors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tables {
    pub(crate) names: Names,
    /// By their numbers.
    pub(crate) namespaces: Vec<String>,
    pub(crate) states: Vec<State>,
    pub(crate) transitions: Vec<Transition>,
    pub(crate) wildcards: Vec<Wildcard>,
    pub(crate) elements: Vec<Element>,
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) global_attributes: Vec<Attribute>,
    pub(crate) simple: SimpleTypes,
    /// Of each simple type.
    pub(crate) roles: Vec<Role>,
    /// Values that elements and attributes have by themselves, normalised.
    pub(crate) values: Vec<String>,
    pub(crate) overrides: Vec<Vec<Override>>,
    pub(crate) constraints: Vec<Vec<Constraint>>,
    /// The state before the root.
    pub(crate) root: u32,
    /// The element of everything that is not judged.
    pub(crate) skipped: u32,
    /// The element of everything that is judged where there is a declaration.
    pub(crate) lax: u32,
    /// What was not compiled, and why.
    pub(crate) unknown: Vec<String>,
}

coded!(Tables {
    names,
    namespaces,
    states,
    transitions,
    wildcards,
    elements,
    attributes,
    global_attributes,
    simple,
    roles,
    values,
    overrides,
    constraints,
    root,
    skipped,
    lax,
    unknown,
});

impl Tables {
    /// Bytes of memory they take up, roughly.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let patterns: usize = self.simple.patterns.iter().map(crate::regex::Dfa::bytes).sum();
        let sets: usize = self.simple.enumerations.iter().map(crate::names::TextSet::bytes).sum();
        self.names.len()
            + size_of_val(&*self.states)
            + size_of_val(&*self.transitions)
            + size_of_val(&*self.elements)
            + size_of_val(&*self.attributes)
            + size_of_val(&*self.simple.types)
            + self.overrides.iter().map(|list| size_of_val(&**list)).sum::<usize>()
            + patterns
            + sets
    }

    /// What of the schema is not compiled, in words: documents that have it are always
    /// [`DontKnow`](crate::Verdict::DontKnow).
    #[must_use]
    pub fn unknown(&self) -> &[String] {
        &self.unknown
    }

    pub(crate) fn state(&self, state: u32) -> Doubted<&State> {
        self.states.get(state as usize).ok_or(Reason::Tables)
    }

    #[inline(always)]
    pub(crate) fn element(&self, element: u32) -> Doubted<&Element> {
        self.elements.get(element as usize).ok_or(Reason::Tables)
    }

    pub(crate) fn attributes_of(&self, element: &Element) -> &[Attribute] {
        let from = self.attributes.get(element.attributes as usize..).unwrap_or_default();
        from.get(..element.attributes_count as usize).unwrap_or_default()
    }

    pub(crate) fn wildcards_of(&self, state: &State) -> &[Wildcard] {
        let from = self.wildcards.get(state.wildcards as usize..).unwrap_or_default();
        from.get(..state.wildcards_count as usize).unwrap_or_default()
    }

    pub(crate) fn role(&self, simple: u32) -> Role {
        self.roles.get(simple as usize).copied().unwrap_or(Role::None)
    }

    pub(crate) fn value(&self, value: u32) -> Doubted<&[u8]> {
        self.values.get(value as usize).map(|value| value.as_bytes()).ok_or(Reason::Tables)
    }

    /// What leads on from `state` with the element `name`.
    #[inline(always)]
    pub(crate) fn transition(
        &self,
        state: u32,
        namespace: u16,
        name: &[u8],
    ) -> Doubted<Option<&Transition>> {
        let (key, state) = (Key::of(name), self.state(state)?);
        let mut slot = spread(key, state.shift) & state.mask;
        for _ in 0..=state.mask {
            let place = (state.first + slot) as usize;
            let transition = self.transitions.get(place).ok_or(Reason::Tables)?;
            if transition.element == NONE {
                return Ok(None);
            }
            let is_it = transition.key == key && transition.namespace == namespace;
            if is_it && self.names.is(transition.name, name) {
                return Ok(Some(transition));
            }
            slot = (slot + 1) & state.mask;
        }
        Ok(None)
    }

    /// The number of a namespace.
    pub(crate) fn namespace(&self, uri: &[u8]) -> u16 {
        let at = self.namespaces.iter().position(|known| known.as_bytes() == uri);
        at.and_then(|at| u16::try_from(at).ok()).unwrap_or(FOREIGN)
    }

    pub(crate) fn white_space(&self, simple: u32) -> WhiteSpace {
        let simple = self.simple.types.get(simple as usize);
        simple.map_or(WhiteSpace::Preserve, |simple| simple.white_space)
    }
}

/// The part of a key's hash that a state with this shift looks at.
#[inline(always)]
pub(crate) fn spread(key: Key, shift: u8) -> u32 {
    u32::try_from(key.hash() >> (shift & 63) & u64::from(u32::MAX)).unwrap_or(0)
}

impl Tables {
    fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.put(&mut bytes);
        bytes
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut bytes = Bytes(bytes);
        Self::take(&mut bytes).filter(|_| bytes.0.is_empty())
    }
}
