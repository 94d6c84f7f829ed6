//! From components to tables.

mod automaton;
mod constraints;
mod layout;
mod simple;

use std::collections::{HashMap, hash_map::Entry};

use crate::{
    model::{
        AttributeUse, Body, ComplexType, Content as Holds, ElementId, Name, Namespaces,
        Preset as Given, Process, Schema, TypeId, Wildcard as Any,
    },
    names::{Interner, Key, NONE},
    simple::{Kind, Simple, text::WhiteSpace},
    tables::{
        Attribute, Constraint, Content, Element, NO_NAMESPACE, Override, Preset, Role, Tables,
        Wildcard,
    },
};
use layout::Way;

/// Attributes of one type: one bit each.
const ATTRIBUTES_MAX: usize = 64;

/// What compiling may cost. It is counted, not timed, so that tables are the same on every machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CompileLimits {
    /// States that content models and patterns are taken apart into, all together; a hundred thousand
    /// take about a second.
    pub states_max: usize,
    /// Bytes of all patterns together.
    pub pattern_bytes_max: usize,
    /// Bytes looked at on the way, all together, also for what then turns out to be too large: a hundred
    /// mebibytes take some seconds at most.
    pub work_bytes_max: usize,
}

impl Default for CompileLimits {
    fn default() -> Self {
        Self { states_max: 1 << 18, pattern_bytes_max: 4 << 20, work_bytes_max: 256 << 20 }
    }
}

/// Compiles `schema`. What would cost more than `limits` is not compiled, and never proven.
pub(crate) fn compile(schema: &Schema, limits: CompileLimits) -> Tables {
    let mut compiler = Compiler::new(schema, limits);
    compiler.everything();
    compiler.finish()
}

/// The same, and the number of each simple type of `schema`, used or not.
#[cfg(test)]
pub(crate) fn with_simple_types(schema: &Schema) -> (Tables, Vec<Option<u32>>) {
    let mut compiler = Compiler::new(schema, CompileLimits::default());
    compiler.everything();
    let types = (0..).zip(&schema.types).map(|(number, declared)| {
        let is_simple = matches!(declared.body, Body::Simple(_));
        is_simple.then(|| compiler.simple_of(TypeId(number)))
    });
    let numbers = types.collect();
    (compiler.finish(), numbers)
}

/// What a type says of an element of it.
#[derive(Clone, Copy)]
struct Form {
    content: Content,
    simple: u32,
    begin: u32,
    attributes: u32,
    attributes_count: u32,
    required: u64,
    any_attribute: u32,
    is_abstract: bool,
}

impl Form {
    const UNKNOWN: Self = Self {
        content: Content::Unknown,
        simple: NONE,
        begin: NONE,
        attributes: 0,
        attributes_count: 0,
        required: 0,
        any_attribute: NONE,
        is_abstract: false,
    };
}

/// Characters at least and at most, and the number of the automaton.
type PatternRow = (u32, u32, u32);

/// What makes elements the same: then they share a row of the table.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Row {
    of: TypeId,
    is_nillable: bool,
    is_abstract: bool,
    preset: Given,
    overrides: Option<usize>,
    constraints: u32,
}

struct Compiler<'s> {
    schema: &'s Schema,
    limits: CompileLimits,
    tables: Tables,
    interner: Interner,
    namespaces: HashMap<String, u16>,
    rows: HashMap<Row, u32>,
    forms: HashMap<TypeId, Form>,
    /// Types whose form is still to be found.
    open: Vec<TypeId>,
    simple: HashMap<TypeId, u32>,
    patterns: HashMap<Vec<Vec<String>>, Option<PatternRow>>,
    constraints: HashMap<Vec<crate::model::Constraint>, u32>,
    overrides: HashMap<(usize, bool, Given, u32), u32>,
    /// The element nothing is known of.
    unknown: u32,
}

impl<'s> Compiler<'s> {
    fn new(schema: &'s Schema, limits: CompileLimits) -> Self {
        let tables = Tables {
            names: crate::names::Names::default(),
            namespaces: Vec::new(),
            states: Vec::new(),
            transitions: Vec::new(),
            wildcards: Vec::new(),
            elements: Vec::new(),
            attributes: Vec::new(),
            global_attributes: Vec::new(),
            simple: crate::simple::SimpleTypes::default(),
            roles: Vec::new(),
            values: Vec::new(),
            overrides: Vec::new(),
            constraints: vec![Vec::new()],
            root: NONE,
            skipped: NONE,
            lax: NONE,
            unknown: Vec::new(),
        };
        Self {
            schema,
            limits,
            tables,
            interner: Interner::default(),
            namespaces: HashMap::new(),
            rows: HashMap::new(),
            forms: HashMap::new(),
            open: Vec::new(),
            simple: HashMap::new(),
            patterns: HashMap::new(),
            constraints: HashMap::from([(Vec::new(), 0)]),
            overrides: HashMap::new(),
            unknown: NONE,
        }
    }

    fn everything(&mut self) {
        // Their numbers are known: none, that of `xsi`, that of `xml`.
        for uri in [
            "",
            "http://www.w3.org/2001/XMLSchema-instance",
            "http://www.w3.org/XML/1998/namespace",
        ] {
            self.namespace(uri);
        }
        self.add_simple(Simple::plain(Kind::String, WhiteSpace::Preserve));
        self.unknown = self.add_element(Form::UNKNOWN);
        self.tables.skipped = self.anything(Process::Skip);
        self.tables.lax = self.anything(Process::Lax);
        let schema = self.schema;
        self.tables.global_attributes =
            schema.attributes.iter().map(|attribute| self.attribute(attribute)).collect();
        let end = self.add_state(&[], &[], true);
        let roots: Vec<Way> = schema
            .globals
            .iter()
            .filter_map(|id| {
                let name = schema.elements.get(id.0 as usize)?.name.clone();
                Some(Way { name, next: end, element: self.element(*id) })
            })
            .collect();
        self.tables.root = self.add_state(&roots, &[], false);
        while let Some(of) = self.open.pop() {
            let form = self.form(of);
            self.forms.insert(of, form);
        }
    }

    /// Gives each element what its type says, now that all types are known.
    fn finish(mut self) -> Tables {
        let mut rows: Vec<(Row, u32)> = self.rows.drain().collect();
        rows.sort_by_key(|(_, number)| *number);
        for (row, number) in rows {
            let form = self.forms.get(&row.of).copied().unwrap_or(Form::UNKNOWN);
            let (preset, value) = self.preset(&row.preset, form);
            let overrides = match row.overrides {
                Some(list) => self
                    .overrides
                    .get(&(list, row.is_nillable, row.preset.clone(), row.constraints))
                    .copied()
                    .unwrap_or(NONE),
                None => NONE,
            };
            if let Some(element) = self.tables.elements.get_mut(number as usize) {
                *element = Element {
                    preset,
                    value,
                    overrides,
                    is_nillable: row.is_nillable,
                    is_abstract: form.is_abstract || row.is_abstract,
                    constraints: row.constraints,
                    ..element_of(form)
                };
            }
        }
        let mut namespaces: Vec<(String, u16)> = self.namespaces.into_iter().collect();
        namespaces.sort_by_key(|(_, number)| *number);
        self.tables.namespaces = namespaces.into_iter().map(|(uri, _)| uri).collect();
        self.tables.names = self.interner.finish();
        self.tables.unknown.sort();
        self.tables.unknown.dedup();
        self.tables
    }

    fn note(&mut self, what: impl Into<String>) {
        self.tables.unknown.push(what.into());
    }

    fn namespace(&mut self, uri: &str) -> u16 {
        let next = u16::try_from(self.namespaces.len()).unwrap_or(NO_NAMESPACE);
        *self.namespaces.entry(uri.to_owned()).or_insert(next)
    }

    /// The element of everything, judged as `process` says.
    fn anything(&mut self, process: Process) -> u32 {
        let state = u32::try_from(self.tables.states.len()).unwrap_or(NONE);
        let wildcard = Wildcard { namespaces: Vec::new(), is_other: true, process, next: state };
        self.tables.wildcards.push(wildcard.clone());
        let any_attribute = u32::try_from(self.tables.wildcards.len() - 1).unwrap_or(NONE);
        self.add_state(&[], &[wildcard], true);
        let form = Form { content: Content::Mixed, begin: state, any_attribute, ..Form::UNKNOWN };
        self.add_element(form)
    }

    fn add_element(&mut self, form: Form) -> u32 {
        self.tables.elements.push(element_of(form));
        u32::try_from(self.tables.elements.len() - 1).unwrap_or(NONE)
    }

    /// The row of a declaration.
    fn element(&mut self, id: ElementId) -> u32 {
        let Some(declared) = self.schema.elements.get(id.0 as usize) else { return self.unknown };
        if let Some(reason) = declared.unknown {
            self.note(format!("element {}: {reason}", declared.name.local));
            return self.unknown;
        }
        let constraints = self.constraints_of(&declared.constraints);
        self.row(Row {
            of: declared.of,
            is_nillable: declared.is_nillable,
            is_abstract: declared.is_abstract,
            preset: declared.preset.clone(),
            overrides: declared.overrides.filter(|_| !declared.is_abstract),
            constraints,
        })
    }

    fn row(&mut self, row: Row) -> u32 {
        if let Some(number) = self.rows.get(&row) {
            return *number;
        }
        let number = self.add_element(Form::UNKNOWN);
        self.rows.insert(row.clone(), number);
        if let Entry::Vacant(place) = self.forms.entry(row.of) {
            place.insert(Form::UNKNOWN);
            self.open.push(row.of);
        }
        if let Some(list) = row.overrides {
            self.override_list(list, &row);
        }
        number
    }

    /// What `xsi:type` may make of an element like `row`.
    fn override_list(&mut self, list: usize, row: &Row) {
        let key = (list, row.is_nillable, row.preset.clone(), row.constraints);
        if self.overrides.contains_key(&key) {
            return;
        }
        let number = self.tables.overrides.len();
        self.overrides.insert(key, u32::try_from(number).unwrap_or(NONE));
        self.tables.overrides.push(Vec::new());
        let mut made = Vec::new();
        for (name, of) in self.schema.overrides.get(list).into_iter().flatten() {
            let element = self.row(Row { of: *of, overrides: None, ..row.clone() });
            made.push(Override {
                key: Key::of(name.local.as_bytes()),
                namespace: self.namespace(&name.namespace),
                name: self.interner.intern(name.local.as_bytes()),
                element,
            });
        }
        if let Some(place) = self.tables.overrides.get_mut(number) {
            *place = made;
        }
    }

    fn form(&mut self, of: TypeId) -> Form {
        let Some(declared) = self.schema.types.get(of.0 as usize) else { return Form::UNKNOWN };
        let form = match &declared.body {
            Body::Unknown(reason) => {
                self.note(*reason);
                Form::UNKNOWN
            }
            Body::Any => self.lax_form(),
            Body::Simple(_) => {
                Form { content: Content::Simple, simple: self.simple_of(of), ..Form::UNKNOWN }
            }
            Body::Complex(complex) => self.complex(complex),
        };
        Form { is_abstract: declared.is_abstract, ..form }
    }

    fn lax_form(&self) -> Form {
        let lax = self.tables.elements.get(self.tables.lax as usize);
        lax.map_or(Form::UNKNOWN, |lax| Form {
            content: lax.content,
            begin: lax.begin,
            any_attribute: lax.any_attribute,
            ..Form::UNKNOWN
        })
    }

    fn complex(&mut self, complex: &ComplexType) -> Form {
        let mut form = Form::UNKNOWN;
        if complex.attributes.len() > ATTRIBUTES_MAX {
            self.note("more attributes than bits");
            return form;
        }
        let attributes: Vec<Attribute> =
            complex.attributes.iter().map(|attribute| self.attribute(attribute)).collect();
        // A default that refers to an element would have to be followed where it is not written.
        let is_unusual = |attribute: &Attribute| {
            attribute.preset != Preset::None
                && self.tables.roles.get(attribute.simple as usize) != Some(&Role::None)
        };
        if attributes.iter().any(is_unusual) {
            self.note("default of a reference");
            return form;
        }
        form.attributes = u32::try_from(self.tables.attributes.len()).unwrap_or(NONE);
        form.attributes_count = u32::try_from(attributes.len()).unwrap_or(0);
        for (bit, attribute) in complex.attributes.iter().enumerate() {
            form.required |= u64::from(attribute.is_required) << bit;
        }
        self.tables.attributes.extend(attributes);
        if let Some(any) = &complex.any_attribute {
            let wildcard = self.wildcard(any, NONE);
            form.any_attribute = u32::try_from(self.tables.wildcards.len()).unwrap_or(NONE);
            self.tables.wildcards.push(wildcard);
        }
        match &complex.content {
            Holds::Empty => form.content = Content::Empty,
            Holds::Simple(simple) => {
                form.content = Content::Simple;
                form.simple = self.compile_simple(simple);
            }
            Holds::Elements(model) | Holds::Mixed(model) => {
                let is_mixed = matches!(complex.content, Holds::Mixed(_));
                match self.model(model) {
                    Some(begin) => {
                        form.begin = begin;
                        form.content = if is_mixed { Content::Mixed } else { Content::Elements };
                    }
                    None => self.note("content model that is too large"),
                }
            }
        }
        form
    }

    fn attribute(&mut self, attribute: &AttributeUse) -> Attribute {
        let simple = match attribute.of {
            Some(of) => self.simple_of(of),
            None => 0,
        };
        let form = Form { content: Content::Simple, simple, ..Form::UNKNOWN };
        let (preset, value) = self.preset(&attribute.preset, form);
        Attribute {
            key: Key::of(attribute.name.local.as_bytes()),
            namespace: self.namespace(&attribute.name.namespace),
            name: self.interner.intern(attribute.name.local.as_bytes()),
            simple,
            preset,
            value,
        }
    }

    fn wildcard(&mut self, any: &Any, next: u32) -> Wildcard {
        let (list, is_other): (&[String], bool) = match &any.namespaces {
            Namespaces::Any => (&[], true),
            Namespaces::Not(list) => (list, true),
            Namespaces::Only(list) => (list, false),
        };
        let namespaces = list.iter().map(|uri| self.namespace(uri)).collect();
        Wildcard { namespaces, is_other, process: any.process, next }
    }

    fn constraints_of(&mut self, constraints: &[crate::model::Constraint]) -> u32 {
        if let Some(number) = self.constraints.get(constraints) {
            return *number;
        }
        let made: Vec<Constraint> =
            constraints.iter().map(|constraint| self.constraint(constraint)).collect();
        let number = u32::try_from(self.tables.constraints.len()).unwrap_or(0);
        self.tables.constraints.push(made);
        self.constraints.insert(constraints.to_vec(), number);
        number
    }
}

fn element_of(form: Form) -> Element {
    Element {
        content: form.content,
        is_nillable: false,
        is_abstract: form.is_abstract,
        preset: Preset::None,
        value: NONE,
        simple: form.simple,
        begin: form.begin,
        attributes: form.attributes,
        attributes_count: form.attributes_count,
        required: form.required,
        any_attribute: form.any_attribute,
        overrides: NONE,
        constraints: 0,
    }
}

impl Way {
    fn of(name: &Name, next: u32, element: u32) -> Self {
        Self { name: name.clone(), next, element }
    }
}

#[cfg(test)]
mod tests;
