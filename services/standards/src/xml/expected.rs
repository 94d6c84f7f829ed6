//! What the schema would allow where a document has something else. Only for refused documents: the
//! tree is walked through the validator once more, and asked at the places in question.

use std::collections::HashMap;

use xsd::LocalName;
use xsd_schema::{
    SchemaSet,
    namespace::context::NamespaceContextSnapshot,
    validation::{
        ExpectedElement, SchemaValidator, ValidationError, ValidationSink, ValidationWarning,
    },
};

use crate::tree::{Node, Tree};

/// Places asked per document.
const PLACES_MAX: usize = 1_000;

/// Where the question is put.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Place {
    /// Instead of this element.
    Before(Node),
    /// At the end of this element.
    AtEnd(Node),
}

struct Nobody;

impl ValidationSink for Nobody {
    fn on_error(&mut self, _: ValidationError) {}
    fn on_warning(&mut self, _: ValidationWarning) {}
}

/// The name of an element that is allowed somewhere.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Name {
    pub(crate) local: String,
    /// Empty where it is in none.
    pub(crate) namespace: String,
}

/// The elements allowed at each of `places`, in the schema's order.
pub(crate) fn expected(
    tree: &Tree<'_>,
    schemas: &SchemaSet,
    validator: &SchemaValidator<'_>,
    places: &[Place],
) -> HashMap<Place, Vec<Name>> {
    let mut answers: HashMap<Place, Vec<Name>> =
        places.iter().take(PLACES_MAX).map(|place| (*place, Vec::new())).collect();
    let (Some(root), false) = (tree.root(), places.is_empty()) else { return answers };
    let mut run = validator.start_run(Nobody);
    let context = NamespaceContextSnapshot::default();
    let nil = LocalName::new("nil");
    let mut open = vec![(root, false)];
    while let Some((node, is_seen)) = open.pop() {
        let place = if is_seen { Place::AtEnd(node) } else { Place::Before(node) };
        if let Some(names) = answers.get_mut(&place) {
            *names = named(run.get_expected_elements(), schemas);
        }
        if is_seen {
            run.validate_end_element_novalue();
            continue;
        }
        let (local, namespace) = (tree.local_name(node), tree.namespace(node));
        let is_nil = tree.attribute(node, &nil);
        run.validate_element_novalue(local, namespace, None, is_nil, &context);
        run.validate_end_of_attributes_novalue();
        run.validate_text(tree.text(node));
        open.push((node, true));
        let children: Vec<Node> = tree.children(node).collect();
        open.extend(children.into_iter().rev().map(|child| (child, false)));
    }
    answers
}

/// The validator has them in no order, and a report shall say the same each time: keys grow as
/// elements are declared.
fn named(mut elements: Vec<ExpectedElement>, schemas: &SchemaSet) -> Vec<Name> {
    let text = |id| schemas.name_table.resolve(id);
    elements.sort_by_cached_key(|element| (element.element_key, text(element.local_name)));
    let mut names: Vec<Name> = Vec::with_capacity(elements.len());
    for element in elements {
        let namespace = element.namespace.map(text).unwrap_or_default();
        let name = Name { local: text(element.local_name), namespace };
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}
