//! Files in base64 as the schema means them: with white space inside, as every line-wrapped
//! attachment has it. The validator refuses such values; what it says of them is judged here again.

use xsd_schema::{SchemaSet, TypeKey};

use crate::xml::types::SimpleType;

/// What the validator says of a value.
#[derive(Debug)]
pub(crate) enum Claim<'c> {
    /// It is no value of its type.
    NotOfItsType,
    /// It is not this one, which is prescribed.
    NotThe(&'c str),
}

/// Whether what the validator says of `value` is wrong: it is of a type in base64, with white space
/// inside, and valid.
pub(crate) fn is_misjudged(
    value: &str,
    claim: &Claim<'_>,
    type_key: TypeKey,
    schemas: &SchemaSet,
) -> bool {
    let collapsed = trim(value);
    if !collapsed.bytes().any(is_space) {
        return false;
    }
    let Some(simple) = SimpleType::of(schemas, type_key) else { return false };
    let members = simple.members();
    let is_base64 = |member: &SimpleType<'_>| member.is_base64();
    if let Claim::NotThe(fixed) = claim {
        // Octets are equal where their one spelling without white space is.
        return members.iter().any(is_base64) && solid(fixed) == solid(collapsed);
    }
    let (solid, collapsed) = (solid(collapsed), collapse(collapsed));
    match members.as_slice() {
        [member] if member.is(simple) => {
            member.is_base64()
                && SimpleType::allows(schemas, type_key, &solid)
                && SimpleType::patterns_allow(schemas, type_key, &collapsed)
        }
        // A union: the validator knows its patterns, and nothing of the member it refused.
        members => members.iter().filter(|member| member.is_base64()).any(|member| {
            let key = member.key();
            SimpleType::allows(schemas, key, &solid)
                && SimpleType::patterns_allow(schemas, key, &collapsed)
                && SimpleType::patterns_allow(schemas, type_key, &collapsed)
                && simple.allowed().is_empty()
        }),
    }
}

/// White space as XML has it; text has more.
fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

fn trim(value: &str) -> &str {
    value.trim_matches([' ', '\t', '\n', '\r'])
}

/// Without white space: how many octets there are, and which.
fn solid(value: &str) -> String {
    value.split([' ', '\t', '\n', '\r']).collect()
}

/// With one space for each white space: what patterns are about.
fn collapse(value: &str) -> String {
    let mut collapsed = String::with_capacity(value.len());
    for piece in value.split([' ', '\t', '\n', '\r']).filter(|piece| !piece.is_empty()) {
        if !collapsed.is_empty() {
            collapsed.push(' ');
        }
        collapsed.push_str(piece);
    }
    collapsed
}
