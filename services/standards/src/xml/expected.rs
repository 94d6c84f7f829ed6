//! What the schema would allow where a document has something else. Only for refused documents: the
//! tree is walked through the validator once more, and asked at the places in question.

use std::collections::HashMap;

use xsd_schema::{
    SchemaSet,
    namespace::context::NamespaceContextSnapshot,
    validation::{SchemaValidator, ValidationError, ValidationSink, ValidationWarning},
};

use crate::tree::{Node, Tree};

/// Names told per place.
const NAMES_MAX: usize = 6;

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

/// The names of the elements allowed at each of `places`.
pub(crate) fn expected(
    tree: &Tree,
    schemas: &SchemaSet,
    validator: &SchemaValidator<'_>,
    places: &[Place],
) -> HashMap<Place, Vec<String>> {
    let mut answers: HashMap<Place, Vec<String>> =
        places.iter().take(PLACES_MAX).map(|place| (*place, Vec::new())).collect();
    let (Some(root), false) = (tree.root(), places.is_empty()) else { return answers };
    let mut run = validator.start_run(Nobody);
    let context = NamespaceContextSnapshot::default();
    let mut open = vec![(root, false)];
    while let Some((node, is_seen)) = open.pop() {
        let place = if is_seen { Place::AtEnd(node) } else { Place::Before(node) };
        if let Some(names) = answers.get_mut(&place) {
            for element in run.get_expected_elements() {
                let name = schemas.name_table.resolve(element.local_name);
                names.push(name);
            }
            // The validator has them in no order, and a report shall say the same each time.
            names.sort_unstable();
            names.dedup();
            names.truncate(NAMES_MAX);
        }
        if is_seen {
            run.validate_end_element_novalue();
            continue;
        }
        let (local, namespace) = (tree.local_name(node), tree.namespace(node));
        let is_nil = tree.attribute(node, "nil");
        run.validate_element_novalue(local, namespace, None, is_nil, &context);
        run.validate_end_of_attributes_novalue();
        run.validate_text(tree.text(node));
        open.push((node, true));
        let children: Vec<Node> = tree.children(node).collect();
        open.extend(children.into_iter().rev().map(|child| (child, false)));
    }
    answers
}
