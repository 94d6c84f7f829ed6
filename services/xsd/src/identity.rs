//! `xs:key`, `xs:unique` and `xs:keyref` while a document is read.
//!
//! An element with constraints opens a scope. Below it, each element is compared with the selectors; of
//! a selected one, what stands at the fields is collected; at its end, its key is entered; at the end
//! of the scope, references are looked up.

use std::collections::HashSet;

use crate::{
    faults::{Fault, is_planted},
    names::{Key, NONE},
    tables::{Constraint, ConstraintKind, Path, Preset, Step, Tables},
    verdict::{Doubted, Reason},
};

/// Elements that are selected at once and not ended: depth times constraints.
const SELECTED_MAX: usize = 4_096;

/// Namespace and local name of an element, as the tables number them.
type Name = (u16, u32);

/// All scopes that are open.
#[derive(Debug, Default)]
pub(crate) struct Scopes {
    open: Vec<Scope>,
    /// The open elements from the outermost scope on.
    names: Vec<Name>,
    /// How many elements are open outside of it.
    outside: usize,
    selected: Vec<Selected>,
}

/// An element with constraints.
#[derive(Debug)]
struct Scope {
    /// Number of its constraints in the tables.
    constraints: u32,
    /// How many elements were open with it.
    depth: usize,
    /// For each constraint, the keys. Senders choose them, so their hash has a secret.
    keys: Vec<HashSet<Vec<u8>>>,
}

/// An element that a constraint selects.
#[derive(Debug)]
struct Selected {
    scope: usize,
    constraint: usize,
    depth: usize,
    fields: Vec<Field>,
}

/// What is known of a field.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Field {
    /// Nothing stands there so far.
    Absent,
    /// An element whose end is not yet read.
    Open(usize),
    /// This.
    Value(Vec<u8>),
}

impl Scopes {
    pub(crate) fn forget(&mut self) {
        self.open.clear();
        self.names.clear();
        self.selected.clear();
    }

    /// An element begins; `own` are its constraints.
    pub(crate) fn open(
        &mut self,
        tables: &Tables,
        own: &[Constraint],
        number: u32,
        depth: usize,
        name: Name,
    ) -> Doubted<()> {
        if self.open.is_empty() {
            self.names.clear();
            self.outside = depth - 1;
        }
        self.names.push(name);
        if !own.is_empty() {
            let keys = own.iter().map(|_| HashSet::new()).collect();
            self.open.push(Scope { constraints: number, depth, keys });
        }
        self.begin_fields(tables, depth)?;
        self.select(tables, depth)
    }

    /// Where the tables have a name that only a path may speak of; `NONE` where none does.
    pub(crate) fn name(&self, tables: &Tables, local: &[u8]) -> u32 {
        let key = Key::of(local);
        let own = self.open.iter().filter_map(|scope| constraints(tables, scope).ok()).flatten();
        let paths = own.flat_map(|own| own.selector.iter().chain(own.fields.iter().flatten()));
        let mut names = paths.flat_map(|path| &path.steps).filter_map(|step| step.name);
        let found = names.find(|(at, known)| *known == key && tables.names.is(*at, local));
        found.map_or(NONE, |(at, _)| at)
    }

    /// The elements from one that is `depth` deep down to the current one, without that one itself.
    fn below(&self, depth: usize) -> &[Name] {
        self.names.get(depth - self.outside..).unwrap_or_default()
    }

    fn select(&mut self, tables: &Tables, depth: usize) -> Doubted<()> {
        let mut found = Vec::new();
        for (number, scope) in self.open.iter().enumerate() {
            let below = self.below(scope.depth);
            for (at, constraint) in constraints(tables, scope)?.iter().enumerate() {
                if constraint.selector.iter().any(|path| leads(path, below)) {
                    let fields = vec![Field::Absent; constraint.fields.len()];
                    found.push(Selected { scope: number, constraint: at, depth, fields });
                }
            }
        }
        self.selected.extend(found);
        if self.selected.len() > SELECTED_MAX {
            Err(Reason::Size)
        } else {
            self.own_fields(tables, depth)
        }
    }

    /// Fields of the element itself that was just selected: `.`.
    fn own_fields(&mut self, tables: &Tables, depth: usize) -> Doubted<()> {
        for selected in self.selected.iter_mut().filter(|selected| selected.depth == depth) {
            let scope = self.open.get(selected.scope).ok_or(Reason::Tables)?;
            let constraint = constraints(tables, scope)?.get(selected.constraint);
            let fields = &constraint.ok_or(Reason::Tables)?.fields;
            for (field, paths) in selected.fields.iter_mut().zip(fields) {
                if paths.iter().any(|path| path.attribute.is_none() && leads(path, &[])) {
                    *field = Field::Open(depth);
                }
            }
        }
        Ok(())
    }

    /// The current element stands at fields of those selected around it.
    fn begin_fields(&mut self, tables: &Tables, depth: usize) -> Doubted<()> {
        for selected in &mut self.selected {
            let below = self.names.get(selected.depth - self.outside..).unwrap_or_default();
            let scope = self.open.get(selected.scope).ok_or(Reason::Tables)?;
            let constraint = constraints(tables, scope)?.get(selected.constraint);
            let fields = &constraint.ok_or(Reason::Tables)?.fields;
            for (field, paths) in selected.fields.iter_mut().zip(fields) {
                if paths.iter().any(|path| path.attribute.is_none() && leads(path, below)) {
                    if *field != Field::Absent {
                        // Several at one field.
                        return Err(Reason::Key);
                    }
                    *field = Field::Open(depth);
                }
            }
        }
        Ok(())
    }

    /// An attribute of the current element; `None`: of a value whose equality is not known.
    pub(crate) fn attribute(
        &mut self,
        tables: &Tables,
        name: Name,
        value: Option<&Vec<u8>>,
        keys_max: usize,
    ) -> Doubted<()> {
        self.at_attribute(tables, name, |field| {
            if *field != Field::Absent {
                return Err(Reason::Key);
            }
            let value = value.ok_or(Reason::KeyUnsure)?;
            if value.len() > keys_max {
                return Err(Reason::Size);
            }
            *field = Field::Value(value.clone());
            Ok(())
        })
    }

    /// An attribute that is not there; what it has by itself would count.
    pub(crate) fn absent(&mut self, tables: &Tables, name: Name, preset: Preset) -> Doubted<()> {
        if preset == Preset::None {
            return Ok(());
        }
        self.at_attribute(tables, name, |_| Err(Reason::KeyUnsure))
    }

    fn at_attribute(
        &mut self,
        tables: &Tables,
        name: Name,
        mut act: impl FnMut(&mut Field) -> Doubted<()>,
    ) -> Doubted<()> {
        for selected in &mut self.selected {
            let below = self.names.get(selected.depth - self.outside..).unwrap_or_default();
            let scope = self.open.get(selected.scope).ok_or(Reason::Tables)?;
            let constraint = constraints(tables, scope)?.get(selected.constraint);
            let fields = &constraint.ok_or(Reason::Tables)?.fields;
            for (field, paths) in selected.fields.iter_mut().zip(fields) {
                let is_here = |path: &Path| {
                    path.attribute.as_ref().is_some_and(|step| is_named(step, name))
                        && leads(path, below)
                };
                if paths.iter().any(is_here) {
                    act(field)?;
                }
            }
        }
        Ok(())
    }

    /// The value of the current element; `None`: its equality is not known.
    pub(crate) fn text(&mut self, value: Option<&Vec<u8>>, keys_max: usize) -> Doubted<()> {
        let depth = self.names.len() + self.outside;
        let fields = self.selected.iter_mut().flat_map(|selected| &mut selected.fields);
        for field in fields.filter(|field| **field == Field::Open(depth)) {
            let value = value.ok_or(Reason::KeyUnsure)?;
            if value.len() > keys_max {
                return Err(Reason::Size);
            }
            *field = Field::Value(value.clone());
        }
        Ok(())
    }

    /// The current element ends.
    pub(crate) fn close(
        &mut self,
        tables: &Tables,
        depth: usize,
        is_simple: bool,
        keys_max: usize,
    ) -> Doubted<()> {
        let mut fields = self.selected.iter().flat_map(|selected| &selected.fields);
        // Only values can be compared, and nil has none.
        if fields.any(|field| *field == Field::Open(depth)) {
            return Err(if is_simple { Reason::KeyUnsure } else { Reason::Key });
        }
        while let Some(selected) = self.selected.pop_if(|selected| selected.depth == depth) {
            self.enter(tables, selected, keys_max)?;
        }
        if self.open.last().is_some_and(|scope| scope.depth == depth) {
            self.conclude(tables)?;
            self.open.pop();
        }
        self.names.pop();
        Ok(())
    }

    fn enter(&mut self, tables: &Tables, selected: Selected, keys_max: usize) -> Doubted<()> {
        let scope = self.open.get_mut(selected.scope).ok_or(Reason::Tables)?;
        let constraint = constraints(tables, scope)?.get(selected.constraint);
        let kind = constraint.ok_or(Reason::Tables)?.kind;
        let mut key = Vec::new();
        for field in &selected.fields {
            let Field::Value(value) = field else {
                // A key must be whole; others count only if they are.
                let is_needed = kind == ConstraintKind::Key && !is_planted(Fault::KeyUnchecked);
                return if is_needed { Err(Reason::Key) } else { Ok(()) };
            };
            key.extend(u64::try_from(value.len()).unwrap_or(u64::MAX).to_be_bytes());
            key.extend_from_slice(value);
        }
        let count: usize = scope.keys.iter().map(HashSet::len).sum();
        if count >= keys_max {
            return Err(Reason::Size);
        }
        let keys = scope.keys.get_mut(selected.constraint).ok_or(Reason::Tables)?;
        let is_new = keys.insert(key);
        let may_repeat = kind == ConstraintKind::Reference || is_planted(Fault::KeyUnchecked);
        if is_new || may_repeat { Ok(()) } else { Err(Reason::Key) }
    }

    /// Looks up the references of the innermost scope.
    fn conclude(&self, tables: &Tables) -> Doubted<()> {
        let scope = self.open.last().ok_or(Reason::Tables)?;
        for (constraint, wanted) in constraints(tables, scope)?.iter().zip(&scope.keys) {
            if constraint.kind != ConstraintKind::Reference {
                continue;
            }
            let keys = scope.keys.get(constraint.of as usize).ok_or(Reason::Tables)?;
            if !wanted.is_subset(keys) && !is_planted(Fault::KeyReferenceUnchecked) {
                return Err(Reason::KeyReference);
            }
        }
        Ok(())
    }
}

fn constraints<'t>(tables: &'t Tables, scope: &Scope) -> Doubted<&'t [Constraint]> {
    let found = tables.constraints.get(scope.constraints as usize);
    found.map(Vec::as_slice).ok_or(Reason::Tables)
}

/// Whether `path` leads to where `below` leads.
fn leads(path: &Path, below: &[Name]) -> bool {
    let from = below.len().checked_sub(path.steps.len());
    let last = from.and_then(|from| below.get(from..)).unwrap_or_default();
    let is_long_enough = from.is_some_and(|from| path.is_anywhere || from == 0);
    is_long_enough && path.steps.iter().zip(last).all(|(step, name)| is_named(step, *name))
}

fn is_named(step: &Step, (namespace, name): Name) -> bool {
    step.namespace.is_none_or(|wanted| wanted == namespace)
        && step.name.is_none_or(|(wanted, _)| wanted == name)
}
