//! From the component model of `xsd-schema` to ours. Beside `load.rs`, which reads schemas, the
//! only module that sees `xsd-schema`; what it does not understand becomes unknown, never something else.

mod attributes;
mod constraints;
mod content;
mod simple;

use std::collections::HashMap;

use xsd_schema::{
    ElementKey, NameId, SchemaSet, TypeKey,
    arenas::ElementDeclData,
    compiler::{SubstitutionGroupMap, build_substitution_group_map},
    schema::model::DerivationSet,
};

use crate::model::{
    Body, ComplexType, Element, ElementId, Name, Preset, Schema, Type, TypeId, Unknown,
};

/// Steps from a type to its base, or from a reference to what it refers to.
const STEPS_MAX: usize = 60;

/// Reads all components of `schemas`.
pub(crate) fn schema(schemas: &SchemaSet) -> Schema {
    let mut front = Front::new(schemas);
    let mut globals: Vec<(Name, ElementKey)> = Vec::new();
    let mut attributes = Vec::new();
    for (namespace, table) in &schemas.namespaces {
        let elements = table.elements.iter();
        globals.extend(elements.map(|(name, key)| (front.name(*namespace, *name), *key)));
        attributes.extend(table.attributes.values().filter_map(|key| front.global_attribute(*key)));
    }
    // The maps of the schema set have no order, and tables should be the same each time.
    globals.sort_by(|a, b| a.0.cmp(&b.0));
    attributes.sort_by(|a, b| a.name.cmp(&b.name));
    front.schema.attributes = attributes;
    front.schema.globals = globals.into_iter().map(|(_, key)| front.element(key, None)).collect();
    let keys = std::mem::take(&mut front.type_keys);
    for key in keys {
        let made = front.make_type(key);
        front.schema.types.push(made);
    }
    front.schema
}

struct Front<'s> {
    schemas: &'s SchemaSet,
    schema: Schema,
    /// In the order of their numbers.
    type_keys: Vec<TypeKey>,
    types: HashMap<TypeKey, TypeId>,
    elements: HashMap<(ElementKey, Option<TypeKey>), ElementId>,
    substitutes: SubstitutionGroupMap,
    /// Named types by what they are derived from, themselves among them.
    derived: HashMap<TypeKey, Vec<(Name, TypeKey)>>,
    overrides: HashMap<(TypeKey, u8), usize>,
}

impl<'s> Front<'s> {
    fn new(schemas: &'s SchemaSet) -> Self {
        let simple = schemas.arenas.simple_types.keys().map(TypeKey::Simple);
        let complex = schemas.arenas.complex_types.keys().map(TypeKey::Complex);
        let type_keys: Vec<TypeKey> = simple.chain(complex).collect();
        let types = (0..).zip(&type_keys).map(|(number, key)| (*key, TypeId(number))).collect();
        let mut front = Self {
            schemas,
            schema: Schema::default(),
            type_keys,
            types,
            elements: HashMap::new(),
            substitutes: build_substitution_group_map(schemas),
            derived: HashMap::new(),
            overrides: HashMap::new(),
        };
        front.derive();
        front
    }

    fn name(&self, namespace: Option<NameId>, local: NameId) -> Name {
        Name { namespace: self.namespace(namespace), local: self.text(local) }
    }

    fn namespace(&self, namespace: Option<NameId>) -> String {
        namespace.map(|namespace| self.text(namespace)).unwrap_or_default()
    }

    fn text(&self, name: NameId) -> String {
        self.schemas.name_table.resolve_ref(name).to_owned()
    }

    fn type_id(&self, key: TypeKey) -> Option<TypeId> {
        self.types.get(&key).copied()
    }

    fn base(&self, key: TypeKey) -> Option<TypeKey> {
        let base = match key {
            TypeKey::Complex(key) => self.schemas.arenas.complex_types.get(key)?.resolved_base_type,
            TypeKey::Simple(key) => self.schemas.arenas.simple_types.get(key)?.resolved_base_type,
        };
        base.filter(|base| *base != key)
    }

    /// Enters each named type with everything it is derived from.
    fn derive(&mut self) {
        let mut named = Vec::new();
        for (namespace, table) in &self.schemas.namespaces {
            let types = table.types.iter();
            named.extend(types.map(|(name, key)| (self.name(*namespace, *name), *key)));
        }
        named.sort_by(|a, b| a.0.cmp(&b.0));
        for (name, key) in named {
            let mut base = Some(key);
            for _ in 0..STEPS_MAX {
                let Some(of) = base else { break };
                self.derived.entry(of).or_default().push((name.clone(), key));
                base = self.base(of);
            }
        }
    }

    /// The declaration `key`, which gives its elements the type `of` where it has none itself.
    fn element(&mut self, key: ElementKey, of: Option<TypeKey>) -> ElementId {
        let key = self.declaration(key);
        if let Some(id) = self.elements.get(&(key, of)) {
            return *id;
        }
        let id = ElementId(u32::try_from(self.schema.elements.len()).unwrap_or(u32::MAX));
        self.elements.insert((key, of), id);
        let element = self.make_element(key, of);
        self.schema.elements.push(element);
        id
    }

    /// What `key` refers to in the end.
    fn declaration(&self, mut key: ElementKey) -> ElementKey {
        for _ in 0..STEPS_MAX {
            let of = self.schemas.arenas.elements.get(key).and_then(|data| data.resolved_ref);
            match of.filter(|of| *of != key) {
                Some(of) => key = of,
                None => break,
            }
        }
        key
    }

    fn make_element(&mut self, key: ElementKey, of: Option<TypeKey>) -> Element {
        let schemas = self.schemas;
        let unknown = |name, reason| Element {
            name,
            of: TypeId(u32::MAX),
            is_nillable: false,
            is_abstract: false,
            preset: Preset::None,
            overrides: None,
            constraints: Vec::new(),
            unknown: Some(reason),
        };
        let Some(data) = schemas.arenas.elements.get(key) else {
            return unknown(Name::default(), "element without declaration");
        };
        let name = self.element_name(data);
        let type_key = match (data.resolved_type, of) {
            (Some(own), Some(other)) if own != other => {
                return unknown(name, "element of two types");
            }
            (Some(own), _) => own,
            (None, Some(other)) => other,
            (None, None) => return unknown(name, "element without type"),
        };
        if data.deferred_type_error.is_some()
            || !data.alternatives.is_empty()
            || !data.pending_ic_refs.is_empty()
        {
            return unknown(name, "element of XSD 1.1, or of a type that is missing");
        }
        let Some(of) = self.type_id(type_key) else { return unknown(name, "element without type") };
        let Some(constraints) = self.constraints(data) else {
            return unknown(name, "identity constraint that is not understood");
        };
        Element {
            name,
            of,
            is_nillable: data.nillable,
            is_abstract: data.is_abstract,
            preset: preset(data.default_value.as_ref(), data.fixed_value.as_ref()),
            overrides: self.overrides(type_key, data.block),
            constraints,
            unknown: None,
        }
    }

    fn element_name(&self, data: &ElementDeclData) -> Name {
        let local = data.name.map(|name| self.text(name)).unwrap_or_default();
        Name { namespace: self.namespace(data.target_namespace), local }
    }

    /// The list of types that `xsi:type` may name where `of` is declared.
    fn overrides(&mut self, of: TypeKey, block: DerivationSet) -> Option<usize> {
        if self.schemas.is_any_type(of) {
            return None;
        }
        let own = match of {
            TypeKey::Complex(key) => self.schemas.arenas.complex_types.get(key)?.block,
            TypeKey::Simple(_) => DerivationSet::empty(),
        };
        let block = (block | own).element_block_mask();
        if let Some(list) = self.overrides.get(&(of, block.bits())) {
            return Some(*list);
        }
        let derived = self.derived.get(&of).into_iter().flatten();
        let allowed = derived.filter(|(_, key)| self.schemas.is_type_derived_from(*key, of, block));
        let list =
            allowed.filter_map(|(name, key)| Some((name.clone(), self.type_id(*key)?))).collect();
        let number = self.schema.overrides.len();
        self.schema.overrides.push(list);
        self.overrides.insert((of, block.bits()), number);
        Some(number)
    }

    fn make_type(&mut self, key: TypeKey) -> Type {
        let schemas = self.schemas;
        let unknown = |reason: Unknown| Type { is_abstract: false, body: Body::Unknown(reason) };
        if schemas.is_any_type(key) {
            return Type { is_abstract: false, body: Body::Any };
        }
        match key {
            TypeKey::Simple(key) => match self.simple(key, &[]) {
                Ok(simple) => Type { is_abstract: false, body: Body::Simple(simple) },
                Err(reason) => unknown(reason),
            },
            TypeKey::Complex(key) => {
                let Some(data) = schemas.arenas.complex_types.get(key) else {
                    return unknown("type without definition");
                };
                if data.open_content.is_some() || data.redefine_original.is_some() {
                    return unknown("open content or redefinition");
                }
                let made = self.attributes(data).and_then(|(attributes, any_attribute)| {
                    let content = self.content(data)?;
                    Ok(ComplexType { attributes, any_attribute, content })
                });
                let body = made.map_or_else(Body::Unknown, Body::Complex);
                Type { is_abstract: data.is_abstract, body }
            }
        }
    }
}

fn preset(default: Option<&String>, fixed: Option<&String>) -> Preset {
    match (fixed, default) {
        (Some(fixed), _) => Preset::Fixed(fixed.clone()),
        (None, Some(default)) => Preset::Default(default.clone()),
        (None, None) => Preset::None,
    }
}
