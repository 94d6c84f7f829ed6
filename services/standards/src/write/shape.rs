//! What a schema allows where: the places of a message, by local names.

use std::{
    cell::RefCell,
    collections::{HashMap, HashSet},
    rc::Rc,
};

use xsd_schema::{
    AttributeGroupKey, AttributeKey, ComplexTypeKey, ElementKey, NameId, SchemaSet, TypeKey,
    arenas::ResolvedAttributeUse,
    compiler::{SubstitutionGroupMap, build_substitution_group_map},
    parser::frames::{AttributeUseKind, AttributeUseResult},
    validation::validate_simple_type,
};

use super::{json::JsonShape, model::Model};

/// The schema of one message type.
#[derive(Debug)]
pub(crate) enum Shape<'s> {
    Xml(XmlShape<'s>),
    Json(JsonShape<'s>),
}

/// One place in it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Place {
    /// The type of an element.
    Xml(TypeKey),
    /// As the JSON shape counts.
    Json(usize),
}

impl Shape<'_> {
    pub(crate) fn root(&self) -> Place {
        match self {
            Self::Xml(shape) => Place::Xml(shape.root.type_key),
            Self::Json(_) => Place::Json(0),
        }
    }

    /// The place called `name` within `place`.
    pub(crate) fn child(&self, place: Place, name: &str) -> Option<Place> {
        match (self, place) {
            (Self::Xml(shape), Place::Xml(type_key)) => {
                shape.child(type_key, name).map(|child| Place::Xml(child.type_key))
            }
            (Self::Json(shape), Place::Json(at)) => shape.child(at, name).map(Place::Json),
            _ => None,
        }
    }

    /// Whether a text at `place` may be `value`, as far as its type alone can say.
    pub(crate) fn accepts(&self, place: Place, value: &str) -> bool {
        match (self, place) {
            (Self::Xml(shape), Place::Xml(type_key)) => {
                validate_simple_type(value, type_key, shape.schemas).is_ok()
            }
            (Self::Json(shape), Place::Json(at)) => shape.accepts(at, value),
            _ => false,
        }
    }

    /// Whether `place` may have an attribute called `name`.
    pub(crate) fn has_attribute(&self, place: Place, name: &str) -> bool {
        match (self, place) {
            (Self::Xml(shape), Place::Xml(type_key)) => {
                shape.attributes(type_key).iter().any(|attribute| attribute.local == name)
            }
            (Self::Json(shape), Place::Json(at)) => shape.child(at, name).is_some(),
            _ => false,
        }
    }
}

/// The XSD of one message type.
pub(crate) struct XmlShape<'s> {
    pub(crate) schemas: &'s SchemaSet,
    pub(crate) substitutions: SubstitutionGroupMap,
    pub(crate) root: Declared,
    models: RefCell<HashMap<ComplexTypeKey, Option<Rc<Model>>>>,
}

impl std::fmt::Debug for XmlShape<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("XmlShape").field("root", &self.root).finish_non_exhaustive()
    }
}

/// An element as its schema declares it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Declared {
    pub(crate) local: String,
    /// Empty: none.
    pub(crate) namespace: String,
    pub(crate) type_key: TypeKey,
    /// The only text it may have.
    pub(crate) fixed: Option<String>,
}

/// An attribute a type allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Attribute {
    pub(crate) local: String,
    /// Empty: none.
    pub(crate) namespace: String,
    pub(crate) is_required: bool,
    /// The only value it may have.
    pub(crate) fixed: Option<String>,
}

impl<'s> XmlShape<'s> {
    /// The shape of the message `name` in `namespace`; `None` where the schema has no such element.
    pub(crate) fn new(schemas: &'s SchemaSet, namespace: &str, name: &str) -> Option<Self> {
        let id = |text: &str| schemas.name_table.get(text);
        let namespace_id = if namespace.is_empty() { None } else { Some(id(namespace)?) };
        let element = schemas.lookup_element(namespace_id, id(name)?)?;
        let substitutions = build_substitution_group_map(schemas);
        let mut shape = Self {
            schemas,
            substitutions,
            root: Declared {
                local: name.to_owned(),
                namespace: namespace.to_owned(),
                type_key: TypeKey::Complex(schemas.any_type_key()),
                fixed: None,
            },
            models: RefCell::default(),
        };
        shape.root.type_key = shape.type_of(element)?;
        Some(shape)
    }

    pub(crate) fn text(&self, name: NameId) -> String {
        self.schemas.name_table.try_resolve(name).unwrap_or_default()
    }

    /// The content model of a type; `None` where it has no child elements.
    pub(crate) fn model(&self, type_key: TypeKey) -> Option<Rc<Model>> {
        let key = type_key.as_complex().filter(|key| *key != self.schemas.any_type_key())?;
        if let Some(known) = self.models.borrow().get(&key) {
            return known.clone();
        }
        let made = Model::new(self.schemas, key).map(Rc::new);
        self.models.borrow_mut().insert(key, made.clone());
        made
    }

    fn child(&self, type_key: TypeKey, name: &str) -> Option<Declared> {
        let model = self.model(type_key)?;
        let terms = model.terms().iter().filter_map(|term| self.declared(term));
        terms.into_iter().find(|declared| declared.local == name)
    }

    /// What a term of a content model declares, the members of its substitution group not among it.
    fn declared(&self, term: &super::model::Term) -> Option<Declared> {
        Some(Declared {
            local: self.text(term.name),
            namespace: term.namespace.map(|id| self.text(id)).unwrap_or_default(),
            type_key: term.element.and_then(|e| self.type_of(e)).or(term.type_key)?,
            fixed: term.element.and_then(|element| self.fixed(element)),
        })
    }

    /// The type of an element.
    pub(crate) fn type_of(&self, element: ElementKey) -> Option<TypeKey> {
        let declared = self.schemas.arenas.elements.get(element)?;
        match declared.resolved_ref {
            Some(other) if other != element => self.type_of(other),
            _ => declared.resolved_type,
        }
    }

    /// The only text an element may have.
    pub(crate) fn fixed(&self, element: ElementKey) -> Option<String> {
        let declared = self.schemas.arenas.elements.get(element)?;
        match declared.resolved_ref {
            Some(other) if other != element => self.fixed(other),
            _ => declared.fixed_value.clone(),
        }
    }

    /// The attributes a type allows: its own, those of its groups and those it inherits.
    pub(crate) fn attributes(&self, type_key: TypeKey) -> Vec<Attribute> {
        let any_type = self.schemas.any_type_key();
        let mut found = Vec::new();
        // A name counts where it is met first: a restriction says it again, or forbids it.
        let mut known = HashSet::new();
        let mut current = type_key.as_complex();
        while let Some(key) = current.filter(|key| *key != any_type) {
            let Some(data) = self.schemas.arenas.complex_types.get(key) else { break };
            let uses = data.attributes.iter().zip(&data.resolved_attributes);
            self.collect(uses, data.target_namespace, &mut known, &mut found);
            for group in &data.resolved_attribute_groups {
                self.collect_group(*group, &mut HashSet::new(), &mut known, &mut found);
            }
            current = data.resolved_base_type.and_then(|base| base.as_complex());
        }
        found
    }

    fn collect_group(
        &self,
        group: AttributeGroupKey,
        seen: &mut HashSet<AttributeGroupKey>,
        known: &mut HashSet<(String, String)>,
        found: &mut Vec<Attribute>,
    ) {
        if !seen.insert(group) {
            return;
        }
        let Some(data) = self.schemas.arenas.get_attribute_group(group) else { return };
        if let Some(other) = data.resolved_ref {
            self.collect_group(other, seen, known, found);
        }
        let uses = data.attributes.iter().zip(&data.resolved_attributes);
        self.collect(uses, data.target_namespace, known, found);
        for nested in &data.resolved_attribute_groups {
            self.collect_group(*nested, seen, known, found);
        }
    }

    fn collect<'u>(
        &self,
        uses: impl Iterator<Item = (&'u AttributeUseResult, &'u ResolvedAttributeUse)>,
        fallback: Option<NameId>,
        known: &mut HashSet<(String, String)>,
        found: &mut Vec<Attribute>,
    ) {
        for (used, resolved) in uses {
            let Some((namespace, local)) = self.attribute_name(used, resolved, fallback) else {
                continue;
            };
            if !known.insert((namespace.clone(), local.clone()))
                || used.use_kind == AttributeUseKind::Prohibited
            {
                continue;
            }
            let declared = |key: AttributeKey| {
                self.schemas.arenas.attributes.get(key).and_then(|d| d.fixed_value.clone())
            };
            let own = used.attribute.fixed_value.clone();
            found.push(Attribute {
                local,
                namespace,
                is_required: used.use_kind == AttributeUseKind::Required,
                fixed: own.or_else(|| resolved.resolved_ref.and_then(declared)),
            });
        }
    }

    fn attribute_name(
        &self,
        used: &AttributeUseResult,
        resolved: &ResolvedAttributeUse,
        fallback: Option<NameId>,
    ) -> Option<(String, String)> {
        let attribute = &used.attribute;
        let (namespace, local) = match (attribute.name, &attribute.ref_name) {
            (Some(name), None) => {
                let namespace = self.schemas.effective_local_attribute_namespace(
                    attribute.target_namespace,
                    attribute.form.as_deref(),
                    attribute.source.as_ref(),
                    fallback,
                );
                (namespace, name)
            }
            _ => {
                let declared = self.schemas.arenas.attributes.get(resolved.resolved_ref?)?;
                (declared.target_namespace, declared.name?)
            }
        };
        Some((namespace.map(|id| self.text(id)).unwrap_or_default(), self.text(local)))
    }
}
