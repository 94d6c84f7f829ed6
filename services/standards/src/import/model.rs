//! The types of all schemas together, as far as a path leads through elements.

use std::collections::HashMap;

use super::{
    resolve::Forest,
    xsd::{Content, Element, Name, Shape},
};

/// Types that extend each other, at most.
const BASES_MAX: usize = 64;

/// Elements, types and groups by name.
#[derive(Debug, Default)]
pub(crate) struct Model<'f> {
    elements: HashMap<Name, &'f Element>,
    types: HashMap<Name, &'f Shape>,
    groups: HashMap<Name, &'f Shape>,
}

impl<'f> Model<'f> {
    /// Of all schemas in `forest`.
    pub(crate) fn of(forest: &'f Forest) -> Self {
        let mut model = Self::default();
        for (schema, links) in forest.schemas.values() {
            model.add(schema, &schema.namespace);
            // A schema without namespace takes that of whoever includes it.
            for (target, _) in links
                .iter()
                .filter(|link| link.reference.kind != "import")
                .filter_map(|l| l.target.as_ref())
            {
                if let Some((part, _)) =
                    forest.schemas.get(target).filter(|(part, _)| part.namespace.is_empty())
                {
                    model.add(part, &schema.namespace);
                }
            }
        }
        model
    }

    fn add(&mut self, schema: &'f super::xsd::Schema, namespace: &str) {
        let name = |local: &str| Name { namespace: namespace.to_owned(), local: local.to_owned() };
        self.elements.extend(schema.elements.iter().map(|element| (name(&element.name), element)));
        self.types.extend(schema.types.iter().map(|(local, shape)| (name(local), shape)));
        self.groups.extend(schema.groups.iter().map(|(local, shape)| (name(local), shape)));
    }

    /// Whether `path` (`step/step/@attribute`) can lead somewhere below `content`.
    pub(crate) fn leads(&self, content: &'f Content, path: &str) -> bool {
        let mut at = content;
        for step in path.split('/').filter(|step| *step != ".") {
            let shapes = self.shapes(at);
            if let Some(attribute) = step.strip_prefix('@') {
                return shapes
                    .iter()
                    .any(|shape| shape.attributes.iter().any(|(name, _)| name == attribute));
            }
            let child =
                shapes.iter().flat_map(|shape| &shape.children).find(|(name, _)| name == step);
            let Some((_, next)) = child else { return false };
            at = next;
        }
        true
    }

    /// What the attribute called `name` of an element with `content` must be, if the schema says.
    pub(crate) fn fixed(&self, content: &'f Content, name: &str) -> Option<&'f str> {
        let shapes = self.shapes(content);
        let mut attributes = shapes.into_iter().flat_map(|shape| &shape.attributes);
        attributes.find(|(attribute, _)| attribute == name)?.1.as_deref()
    }

    /// Where documents below `content` say their version, and what they must say there: at the root,
    /// else within one of its children; if the schema says.
    pub(crate) fn version(&self, content: &'f Content) -> Option<(Option<String>, &'f str)> {
        let fixed = |content: &'f Content, is_it: fn(&str) -> bool| {
            let shapes = self.shapes(content);
            let mut attributes = shapes.into_iter().flat_map(|shape| &shape.attributes);
            attributes
                .find_map(|(name, fixed)| Some((name, fixed.as_deref().filter(|_| is_it(name))?)))
        };
        if let Some((_, version)) = fixed(content, |name| name == "version") {
            return Some((None, version));
        }
        self.shapes(content).into_iter().flat_map(|shape| &shape.children).find_map(
            |(child, content)| {
                let (name, version) =
                    fixed(content, |name| name.to_lowercase().ends_with("version"))?;
                Some((Some(format!("{child}/@{name}")), version))
            },
        )
    }

    /// The type of `content`, those it extends, and their groups.
    fn shapes(&self, content: &'f Content) -> Vec<&'f Shape> {
        let mut shapes = Vec::new();
        let mut next = match content {
            Content::Inline(shape) => Some(&**shape),
            Content::Type(name) => self.types.get(name).copied(),
            Content::Element(name) => {
                shapes = self.of_element(name, BASES_MAX);
                None
            }
            Content::Nothing => None,
        };
        while let Some(shape) = next.filter(|_| shapes.len() < BASES_MAX) {
            shapes.push(shape);
            self.groups_of(shape, &mut shapes);
            next = shape.base.as_ref().and_then(|base| self.types.get(base)).copied();
        }
        shapes
    }

    fn of_element(&self, name: &Name, hops: usize) -> Vec<&'f Shape> {
        match self.elements.get(name).map(|element| &element.content) {
            Some(Content::Element(other)) if 0 < hops => self.of_element(other, hops - 1),
            Some(Content::Element(_)) | None => Vec::new(),
            Some(content) => self.shapes(content),
        }
    }

    fn groups_of(&self, shape: &'f Shape, shapes: &mut Vec<&'f Shape>) {
        let mut waiting: Vec<&Name> = shape.groups.iter().collect();
        while let Some(name) = waiting.pop().filter(|_| shapes.len() < BASES_MAX) {
            if let Some(group) = self.groups.get(name) {
                shapes.push(group);
                waiting.extend(&group.groups);
            }
        }
    }
}
