//! The header, written where the dialect reads it.

use prost_reflect::DynamicMessage;
use wire::canonical;

use super::{draft::ROOT, reverse::Hand};
use crate::load::{
    dialect::{HeaderField, HeaderSource},
    standard::{MessageType, Standard},
};

/// The header of a canonical message.
pub(super) fn header(message: &DynamicMessage) -> canonical::Header {
    let value = message.get_field_by_name("header");
    let header = value.as_ref().and_then(|value| value.as_message());
    header.and_then(|header| header.transcode_to().ok()).unwrap_or_default()
}

/// Writes it.
pub(super) fn write(
    standard: &Standard,
    message_type: &MessageType,
    message: &DynamicMessage,
    hand: &mut Hand<'_, '_>,
) {
    let header = header(message);
    let author = header.author.unwrap_or_default();
    let reader = header.reader.unwrap_or_default();
    let (product, version) = product(standard, &header.product);
    let test = if header.is_test { "true" } else { "" };
    let type_code = message_type.type_code.as_deref().unwrap_or_default();
    // A service that follows from the message type is not said again.
    let service = Some(&*header.service).filter(|s| Some(*s) != message_type.service.as_deref());
    let lines = [
        (HeaderField::OwnId, &*header.own_id, "header.own_id"),
        (HeaderField::TypeCode, type_code, "header.message_type"),
        (HeaderField::Created, &header.created, "header.created"),
        (HeaderField::Reader, &reader.identifier, "header.reader.identifier"),
        (HeaderField::ReaderName, &reader.name, "header.reader.name"),
        (HeaderField::Author, &author.identifier, "header.author.identifier"),
        (HeaderField::AuthorName, &author.name, "header.author.name"),
        (HeaderField::RefersTo, &header.refers_to, "header.refers_to"),
        (HeaderField::CaseReference, &header.case_reference, "header.case_reference"),
        (HeaderField::Service, service.unwrap_or_default(), "header.service"),
        (HeaderField::Product, product, "header.product"),
        (HeaderField::ProductVersion, version, "header.product"),
        (HeaderField::Test, test, "header.is_test"),
    ];
    for (place, value, field) in lines {
        let Some(source) = standard.header.source(place) else { continue };
        match source {
            _ if value.is_empty() => source.paths().for_each(|path| hand.know(ROOT, path, field)),
            HeaderSource::First(paths) => hand.put(paths, ROOT, value, field),
            HeaderSource::Join { parts, prefix, with } => {
                match take_apart(value, prefix, with, parts.len()) {
                    Some(values) => {
                        for (paths, value) in parts.iter().zip(values) {
                            hand.put(paths, ROOT, value, field);
                        }
                    }
                    None => hand.inseparable(source.paths().next(), ROOT, field),
                }
            }
        }
    }
    further_readers(standard, &header.further_readers, hand);
}

/// Who gets it besides, one after the other.
fn further_readers(standard: &Standard, readers: &[canonical::Authority], hand: &mut Hand<'_, '_>) {
    let field = "header.further_readers";
    let path = |place| standard.header.source(place).and_then(|source| source.paths().next());
    let (identifiers, names) =
        (path(HeaderField::FurtherReaders), path(HeaderField::FurtherReaderNames));
    for (number, reader) in (1..).zip(readers) {
        for (path, value) in [(identifiers, &reader.identifier), (names, &reader.name)] {
            if let Some(path) = path.filter(|_| !value.is_empty()) {
                hand.put_item(path, number, value, field);
            }
        }
    }
    for path in [identifiers, names].into_iter().flatten() {
        hand.know(ROOT, path, field);
    }
}

/// The header fields that cannot be taken apart.
pub(super) fn one_way(standard: &Standard) -> Vec<String> {
    let is_one_way = |field: HeaderField| match standard.header.source(field) {
        Some(HeaderSource::Join { parts, with, .. }) => parts.len() > 1 && with.is_empty(),
        _ => false,
    };
    let fields = HeaderField::ALL.into_iter().filter(|(field, _)| is_one_way(*field));
    fields.map(|(_, name)| format!("header.{name}")).collect()
}

/// The `count` parts of a joined value; the last of them takes what is left.
fn take_apart<'v>(value: &'v str, prefix: &str, with: &str, count: usize) -> Option<Vec<&'v str>> {
    let value = value.strip_prefix(prefix)?;
    if with.is_empty() {
        return (count == 1).then(|| vec![value]);
    }
    let parts: Vec<&str> = value.splitn(count, with).collect();
    (parts.len() == count).then_some(parts)
}

/// Product and version, as the canonical header joins them: the version begins with a digit.
fn product<'h>(standard: &Standard, joined: &'h str) -> (&'h str, &'h str) {
    if standard.header.source(HeaderField::ProductVersion).is_none() {
        return (joined, "");
    }
    let parts = joined.rsplit_once(' ');
    let is_version =
        |(_, version): &(&str, &str)| version.starts_with(|c: char| c.is_ascii_digit());
    parts.filter(is_version).unwrap_or((joined, ""))
}
