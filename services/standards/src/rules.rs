//! What no schema can say: contradictions within the header, codes that their lists do not have,
//! keys of municipalities, and what real senders do although the schema lets it pass. Every rule has
//! a code of its own, whose severity a standard may choose in `[rules]`.

mod codes;
mod dirt;
mod header;
mod municipality;

use crate::{
    codelist::CodeLists,
    load::{
        dialect::Said,
        standard::{MessageType, Standard},
    },
    report::Report,
    tree::{Node, Tree},
};

/// Applies every rule to a document that its schema could read to the end.
pub(crate) fn check(
    standard: &Standard,
    message: &MessageType,
    (tree, said): (&Tree<'_>, &Said<'_>),
    codelists: &CodeLists,
    place: &dyn Fn(Node) -> (String, usize),
    report: &mut Report<'_>,
) {
    header::check(standard, message, (tree, said), place, report);
    codes::check(standard, tree, codelists, place, report);
    municipality::check(message, tree, codelists, place, report);
    dirt::check(tree, place, report);
}
