//! What the schema says of a value's type, for sentences and for values the validator misjudges.

use xsd_schema::{
    SchemaSet, SimpleTypeKey, TypeKey, XmlTypeCode, parser::frames::ComplexContentResult,
    types::facets::FacetSet, validation::validate_simple_type,
};

/// Derivation steps that are followed at most.
const STEPS_MAX: usize = 64;

/// Members of a union that are looked at at most.
const MEMBERS_MAX: usize = 64;

/// A simple type with what it is derived from.
#[derive(Clone, Copy)]
pub(crate) struct SimpleType<'s> {
    schemas: &'s SchemaSet,
    key: SimpleTypeKey,
}

impl<'s> SimpleType<'s> {
    /// The simple type of a value of `key`: the type itself or that of a complex type's content.
    pub(crate) fn of(schemas: &'s SchemaSet, key: TypeKey) -> Option<Self> {
        let mut key = key;
        for _ in 0..STEPS_MAX {
            match key {
                TypeKey::Simple(key) => return Some(Self { schemas, key }),
                TypeKey::Complex(complex) => {
                    let data = schemas.arenas.complex_types.get(complex)?;
                    key = data.resolved_simple_content_type.or(data.resolved_base_type)?;
                }
            }
        }
        None
    }

    /// The type itself.
    pub(crate) fn key(self) -> TypeKey {
        TypeKey::Simple(self.key)
    }

    /// Whether both are one type.
    pub(crate) fn is(self, other: Self) -> bool {
        self.key == other.key
    }

    /// Whether `value` is valid as a value of the type `key`, simple or with simple content.
    pub(crate) fn allows(schemas: &SchemaSet, key: TypeKey, value: &str) -> bool {
        validate_simple_type(value, key, schemas).is_ok()
    }

    /// Whether `value` has the form of every pattern of the type `key`, and of nothing else.
    pub(crate) fn patterns_allow(schemas: &SchemaSet, key: TypeKey, value: &str) -> bool {
        let is_form = |facets: &FacetSet| facets.validate_patterns_only(value).is_ok();
        let mut key = Some(key);
        for _ in 0..STEPS_MAX {
            key = match key {
                None => return true,
                Some(TypeKey::Simple(simple)) => {
                    let Some(data) = schemas.arenas.simple_types.get(simple) else { return true };
                    if !is_form(&data.facets) {
                        return false;
                    }
                    data.resolved_base_type
                }
                Some(TypeKey::Complex(complex)) => {
                    let Some(data) = schemas.arenas.complex_types.get(complex) else { return true };
                    if let ComplexContentResult::Simple(content) = &data.content
                        && !is_form(&content.facets)
                    {
                        return false;
                    }
                    data.resolved_simple_content_type.or(data.resolved_base_type)
                }
            };
        }
        true
    }

    /// Whether it is derived from `xs:base64Binary`.
    pub(crate) fn is_base64(self) -> bool {
        let is_base64 = |key| self.schemas.get_type_code(key) == Some(XmlTypeCode::Base64Binary);
        self.line().any(is_base64)
    }

    /// The members of a union and of unions within it; of any other type, the type itself.
    pub(crate) fn members(self) -> Vec<Self> {
        let (mut members, mut open) = (Vec::new(), vec![self]);
        while let Some(next) = open.pop().filter(|_| members.len() < MEMBERS_MAX) {
            let data = self.schemas.arenas.simple_types.get(next.key);
            let below = data.map(|data| data.resolved_member_types.as_slice()).unwrap_or_default();
            if below.is_empty() {
                members.push(next);
            } else {
                open.extend(below.iter().filter_map(|key| Self::of(self.schemas, *key)));
            }
            if open.len() > MEMBERS_MAX {
                break;
            }
        }
        members
    }

    /// The values its nearest enumeration allows, sorted.
    pub(crate) fn allowed(self) -> Vec<&'s str> {
        let types = &self.schemas.arenas.simple_types;
        let facet = self.line().find_map(|key| types.get(key)?.facets.enumeration.as_ref());
        let values = facet.into_iter().flat_map(|facet| facet.values.iter());
        let mut values: Vec<&str> = values.map(String::as_str).collect();
        values.sort_unstable();
        values
    }

    /// The name of the nearest type that has one.
    pub(crate) fn name(self) -> Option<String> {
        self.names().next()
    }

    /// The names of the types it is derived from, its own first, where they have any.
    pub(crate) fn names(self) -> impl Iterator<Item = String> + 's {
        let (schemas, line) = (self.schemas, self.line());
        line.filter_map(move |key| {
            let name = schemas.arenas.simple_types.get(key)?.name?;
            Some(schemas.name_table.resolve(name))
        })
    }

    fn line(self) -> impl Iterator<Item = SimpleTypeKey> + 's {
        let types = &self.schemas.arenas.simple_types;
        let base = move |key: &SimpleTypeKey| types.get(*key)?.resolved_base_type?.as_simple();
        std::iter::successors(Some(self.key), base).take(STEPS_MAX)
    }
}
