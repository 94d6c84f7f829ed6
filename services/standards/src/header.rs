//! What the header says, whatever its dialect.

use std::borrow::Cow;

use messaging::{Authority, OwnId};
use wire::canonical;

use crate::{
    Header,
    load::{
        dialect::HeaderField,
        standard::{MessageType, Standard},
    },
    tree::Tree,
};

/// Reads the header of `tree`.
pub(crate) fn read(standard: &Standard, message: &MessageType, tree: &Tree<'_>) -> Header {
    let value = |field| standard.header.value(field, tree).map(Cow::into_owned);
    let authority = |field| value(field).filter(|text| Authority::new(text).is_ok());
    Header {
        own_id: value(HeaderField::OwnId).filter(|id| OwnId::new(id).is_ok()),
        case_reference: value(HeaderField::CaseReference),
        refers_to: value(HeaderField::RefersTo),
        authority: authority(HeaderField::Reader),
        further_authorities: standard
            .header
            .values(HeaderField::FurtherReaders, tree)
            .filter(|text| Authority::new(*text).is_ok())
            .map(str::to_owned)
            .collect(),
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
    tree: &Tree<'_>,
) -> canonical::Header {
    let value = |field| standard.header.value(field, tree).unwrap_or_default().into_owned();
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
        further_readers: further_readers(standard, tree),
    }
}

/// Identifiers and names of those who get it besides; a standard gives both or neither.
fn further_readers(standard: &Standard, tree: &Tree<'_>) -> Vec<canonical::Authority> {
    let mut names = standard.header.values(HeaderField::FurtherReaderNames, tree);
    let identifiers = standard.header.values(HeaderField::FurtherReaders, tree);
    let authority = |identifier: &str| canonical::Authority {
        identifier: identifier.to_owned(),
        name: names.next().unwrap_or_default().to_owned(),
    };
    identifiers.map(authority).collect()
}
