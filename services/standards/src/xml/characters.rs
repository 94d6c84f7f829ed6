//! Which character a value may not have, where its type is one of DIN 91379: a clerk sees at once
//! what a pattern of 4,000 characters only hints at.

use std::borrow::Cow;

use text::Datatype;

use crate::xml::types::SimpleType;

/// Names of the datatypes in the norm's own XSD and in ours, without the letter.
const NAMES: [&str; 2] = ["datatype", "DIN91379-Datentyp-"];

/// The datatype of DIN 91379 that `simple` is or is derived from.
fn datatype(simple: SimpleType<'_>) -> Option<Datatype> {
    simple.names().find_map(|name| {
        let letter = NAMES.iter().find_map(|prefix| name.strip_prefix(prefix))?;
        Datatype::ALL.into_iter().find(|datatype| datatype.to_string() == letter)
    })
}

/// What is wrong with the characters of `value`, German and English; `None` where nothing is, or the
/// type is no such one. One character, its number and its place: no more of the value than that.
pub(crate) fn fault(simple: SimpleType<'_>, value: &str) -> Option<(String, String)> {
    let datatype = datatype(simple)?;
    // Line ends and tabs are blanks to all datatypes but C and E, before anything is judged.
    let has_lines = matches!(datatype, Datatype::C | Datatype::E);
    let value = match has_lines {
        true => Cow::Borrowed(value),
        false => Cow::Owned(value.replace(['\t', '\n', '\r'], " ")),
    };
    let fault = datatype.check(&value).err()?;
    let (number, at) = (&fault.sequence, fault.at.units + 1);
    let mut characters = number.characters();
    let alone = characters.next().filter(|c| characters.next().is_none() && is_visible(*c));
    let german = alone.map_or(number.to_string(), |c| format!("„{c}“ ({number})"));
    let english = alone.map_or(number.to_string(), |c| format!("`{c}` ({number})"));
    Some((
        format!(
            "hat an Stelle {at} das Zeichen {german}, das der Datentyp {datatype} der DIN 91379 \
             nicht erlaubt"
        ),
        format!(
            "has the character {english} at place {at}, which the datatype {datatype} of DIN 91379 \
             does not allow"
        ),
    ))
}

/// Whether a person sees the character alone, and not what it does to others.
fn is_visible(character: char) -> bool {
    character.is_alphanumeric() || character.is_ascii_punctuation()
}
