//! What the header says, and what it should say: the rules no schema can express.

use jiff::{Timestamp, civil::DateTime};
use messaging::{Authority, OwnId};
use wire::canonical;

use crate::{
    Header, codes,
    load::{
        dialect::{HeaderField, HeaderPaths},
        standard::{MessageType, Standard},
    },
    report::{Entry, Report},
    tree::Tree,
};

/// Reads the header of `tree`.
pub(crate) fn read(standard: &Standard, message: &MessageType, tree: &Tree) -> Header {
    let value = |field| standard.header.value(field, tree).map(str::to_owned);
    let authority = |field| value(field).filter(|text| Authority::new(text).is_ok());
    Header {
        own_id: value(HeaderField::OwnId).filter(|id| OwnId::new(id).is_ok()),
        case_reference: value(HeaderField::CaseReference),
        refers_to: value(HeaderField::RefersTo),
        authority: authority(HeaderField::Reader),
        author: authority(HeaderField::Author),
        service: value(HeaderField::Service).or_else(|| message.service.clone()),
        is_test: standard.header.is_present(HeaderField::Test, tree),
    }
}

/// The same for the canonical message.
pub(crate) fn canonical(
    standard: &Standard,
    message: &MessageType,
    header: &Header,
    tree: &Tree,
) -> canonical::Header {
    let value = |field| standard.header.value(field, tree).unwrap_or_default().to_owned();
    let party = |identifier, name| canonical::Authority {
        identifier: value(identifier),
        name: value(name),
    };
    let product = [HeaderField::Product, HeaderField::ProductVersion].map(value).join(" ");
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    canonical::Header {
        own_id: text(&header.own_id),
        case_reference: text(&header.case_reference),
        refers_to: text(&header.refers_to),
        standard: standard.id.clone(),
        version: standard.version.clone(),
        message_type: message.name.clone(),
        domain: message.recognised.domain.to_string(),
        service: text(&header.service),
        created: value(HeaderField::Created),
        author: Some(party(HeaderField::Author, HeaderField::AuthorName)),
        reader: Some(party(HeaderField::Reader, HeaderField::ReaderName)),
        is_test: header.is_test,
        product: product.trim().to_owned(),
        further_readers: Vec::new(),
    }
}

/// Checks what schemas cannot: contradictions within the header.
pub(crate) fn cross_check(
    standard: &Standard,
    message: &MessageType,
    tree: &Tree,
    place: &dyn Fn(crate::tree::Node) -> (String, usize),
    report: &mut Report<'_>,
) {
    let paths = &standard.header;
    let mut tell = |field, entry: Entry<'_>| match paths.node(field, tree).map(place) {
        Some((path, at)) => report.push(entry.at(path, at)),
        None => report.push(entry),
    };
    if let Some(entry) = type_code(paths, message, tree) {
        tell(HeaderField::TypeCode, entry);
    }
    if let Some(entry) = created(paths, tree) {
        tell(HeaderField::Created, entry);
    }
    let own_id = paths.value(HeaderField::OwnId, tree);
    if own_id.is_some_and(|id| OwnId::new(id).is_err()) {
        tell(HeaderField::OwnId, own_id_form());
    }
    if own_id.is_some() && own_id == paths.value(HeaderField::RefersTo, tree) {
        tell(HeaderField::RefersTo, refers_to_itself());
    }
    for field in [HeaderField::Reader, HeaderField::Author] {
        if paths.value(field, tree).is_some_and(|text| Authority::new(text).is_err()) {
            tell(field, authority_form());
        }
    }
}

fn type_code(paths: &HeaderPaths, message: &MessageType, tree: &Tree) -> Option<Entry<'static>> {
    let (said, expected) =
        (paths.value(HeaderField::TypeCode, tree)?, message.type_code.as_deref()?);
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

fn created(paths: &HeaderPaths, tree: &Tree) -> Option<Entry<'static>> {
    let created = paths.value(HeaderField::Created, tree)?;
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
