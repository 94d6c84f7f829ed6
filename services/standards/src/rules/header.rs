//! The header: what it says must not contradict itself.

use jiff::{Timestamp, civil::DateTime};
use messaging::{Authority, OwnId};

use crate::{
    codes,
    load::{
        dialect::{HeaderField, Said},
        standard::{MessageType, Standard},
    },
    report::{Entry, Report},
    tree::{Node, Tree},
};

/// Checks the header of `tree`, which says `said`, for contradictions.
pub(super) fn check(
    standard: &Standard,
    message: &MessageType,
    (tree, said): (&Tree<'_>, &Said<'_>),
    place: &dyn Fn(Node) -> (String, usize),
    report: &mut Report<'_>,
) {
    let mut tell = |field, entry: Entry<'_>| match standard.header.node(field, tree).map(place) {
        Some((path, at)) => report.push(entry.at(path, at)),
        None => report.push(entry),
    };
    if let Some(entry) = type_code(said, message) {
        tell(HeaderField::TypeCode, entry);
    }
    if let Some(entry) = created(said) {
        tell(HeaderField::Created, entry);
    }
    let own_id = said.value(HeaderField::OwnId);
    if own_id.is_some_and(|id| OwnId::new(id).is_err()) {
        tell(HeaderField::OwnId, own_id_form());
    }
    if own_id.is_some() && own_id == said.value(HeaderField::RefersTo) {
        tell(HeaderField::RefersTo, refers_to_itself());
    }
    if said.value(HeaderField::Test).is_some_and(is_denied) {
        tell(HeaderField::Test, test_denied());
    }
    for field in [HeaderField::Reader, HeaderField::Author] {
        if said.value(field).is_some_and(|text| Authority::new(text).is_err()) {
            tell(field, authority_form());
        }
    }
}

fn type_code(said: &Said<'_>, message: &MessageType) -> Option<Entry<'static>> {
    let (said, expected) = (said.value(HeaderField::TypeCode)?, message.type_code.as_deref()?);
    let is_short = said.len() <= 8 && said.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.');
    let said = (said != expected).then_some(if is_short { said } else { "…" })?;
    let name = &message.name;
    Some(Entry::warning(
        codes::TYPE_CODE,
        format!(
            "Der Nachrichtentyp „{said}“ passt nicht zum Element „{name}“; erwartet wird „{expected}“."
        ),
        format!(
            "The message type `{said}` does not fit the element `{name}`; `{expected}` is expected."
        ),
    ))
}

fn created(said: &Said<'_>) -> Option<Entry<'static>> {
    let created = said.value(HeaderField::Created)?;
    let has_zone = created.parse::<Timestamp>().is_ok();
    let is_time = has_zone || created.parse::<DateTime>().is_ok();
    let has_milliseconds = created.contains('.');
    let (german, english) = match (is_time, has_zone, has_milliseconds) {
        // What is no time at all is the schema's business.
        (false, ..) | (_, true, true) => return None,
        (_, false, false) => {
            ("weder Zeitzone noch Millisekunden", "neither a time zone nor milliseconds")
        }
        (_, false, true) => ("keine Zeitzone", "no time zone"),
        (_, true, false) => ("keine Millisekunden", "no milliseconds"),
    };
    Some(Entry::warning(
        codes::CREATED_INEXACT,
        format!("Der Erstellungszeitpunkt enthält {german}."),
        format!("The time of creation has {english}."),
    ))
}

fn own_id_form() -> Entry<'static> {
    Entry::error(
        codes::OWN_ID_FORM,
        "Die Kennung der Nachricht ist länger als 200 Zeichen oder enthält Steuerzeichen.",
        "The message's id is longer than 200 bytes or contains control characters.",
    )
}

fn refers_to_itself() -> Entry<'static> {
    Entry::warning(
        codes::REFERS_TO_ITSELF,
        "Die Nachricht bezieht sich auf sich selbst: Bezug und eigene Kennung sind gleich.",
        "The message refers to itself: its reference and its own id are the same.",
    )
}

fn authority_form() -> Entry<'static> {
    Entry::warning(
        codes::AUTHORITY_FORM,
        "Die Behördenkennung hat nicht die Form „Präfix:Schlüssel“, zum Beispiel „svb:14730000“.",
        "The authority's identifier is not of the form `prefix:key`, for instance `svb:14730000`.",
    )
}

/// What somebody writes who means that it is no test.
fn is_denied(said: &str) -> bool {
    ["false", "0", "no", "nein"].iter().any(|no| said.eq_ignore_ascii_case(no))
}

fn test_denied() -> Entry<'static> {
    Entry::warning(
        codes::TEST_DENIED,
        "Das Attribut „test“ kennzeichnet eine Testnachricht, gleich welchen Wert es hat; für eine \
         echte Nachricht ist es wegzulassen.",
        "The attribute `test` marks a test message, whatever its value; leave it out of a real one.",
    )
}
