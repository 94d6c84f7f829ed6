//! Generic fields: everything a document says, by where it says it.

use super::wire;
use crate::tree::{Node, Tree};

/// The numbers of `fields` in the canonical message, and of `name` and `value` in each.
#[derive(Clone, Copy, Debug)]
pub(super) struct Numbers {
    pub(super) fields: u32,
    pub(super) name: u32,
    pub(super) value: u32,
}

/// Adds every leaf at and below `top`, and every attribute, with a value. There can be millions of them, so
/// each goes to the bytes at once.
pub(super) fn encode(numbers: Numbers, tree: &Tree<'_>, top: Node, out: &mut Vec<u8>) {
    let mut name = String::new();
    if let Some(parent) = tree.parent(top) {
        tree.push_field_name(parent, &mut name);
    }
    // Each with the end of the name of the element around it.
    let mut open = vec![(top, name.len())];
    while let Some((node, end)) = open.pop() {
        name.truncate(end);
        tree.push_step(node, &mut name);
        let end = name.len();
        let value = tree.text(node).trim();
        if tree.is_leaf(node) && !value.is_empty() {
            field(numbers, &name, value, out);
        }
        for (attribute, value) in tree.attributes(node).filter(|(_, value)| !value.is_empty()) {
            name.truncate(end);
            name.push_str(if end == 0 { "@" } else { "/@" });
            name.push_str(attribute);
            field(numbers, &name, value, out);
        }
        let begin = open.len();
        open.extend(tree.children(node).map(|child| (child, end)));
        open.get_mut(begin..).unwrap_or_default().reverse();
    }
}

fn field(numbers: Numbers, name: &str, value: &str, out: &mut Vec<u8>) {
    wire::message(numbers.fields, out, |out| {
        wire::text(numbers.name, name, out);
        wire::text(numbers.value, value, out);
    });
}
