//! What the schema says of a value's type, for sentences and for values the validator misjudges.

use xsd_schema::{
    SchemaSet, SimpleTypeKey, TypeKey, XmlTypeCode, validation::validate_simple_type,
};

/// Derivation steps that are followed at most.
const STEPS_MAX: usize = 64;

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

    /// Whether `value` is valid.
    pub(crate) fn allows(self, value: &str) -> bool {
        validate_simple_type(value, TypeKey::Simple(self.key), self.schemas).is_ok()
    }

    /// Whether it is derived from `xs:base64Binary`.
    pub(crate) fn is_base64(self) -> bool {
        let is_base64 = |key| self.schemas.get_type_code(key) == Some(XmlTypeCode::Base64Binary);
        self.line().any(is_base64)
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
        let types = &self.schemas.arenas.simple_types;
        let name = self.line().find_map(|key| types.get(key)?.name)?;
        Some(self.schemas.name_table.resolve(name))
    }

    fn line(self) -> impl Iterator<Item = SimpleTypeKey> + 's {
        let types = &self.schemas.arenas.simple_types;
        let base = move |key: &SimpleTypeKey| types.get(*key)?.resolved_base_type?.as_simple();
        std::iter::successors(Some(self.key), base).take(STEPS_MAX)
    }
}
