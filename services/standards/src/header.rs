//! What the header says, whatever its dialect.

use messaging::{Authority, OwnId};
use wire::canonical;

use crate::{
    Header,
    load::{
        dialect::{HeaderField, Said},
        standard::{MessageType, Standard},
    },
    tree::Tree,
};

/// Reads the header of `tree`, which says `said`.
pub(crate) fn read(
    standard: &Standard,
    message: &MessageType,
    tree: &Tree<'_>,
    said: &Said<'_>,
) -> Header {
    let value = |field| said.value(field).map(str::to_owned);
    let is_authority = |text: &&str| Authority::new(*text).is_ok();
    let authority = |field| said.value(field).filter(is_authority).map(str::to_owned);
    let own_id = said.value(HeaderField::OwnId).filter(|id| OwnId::new(*id).is_ok());
    Header {
        own_id: own_id.map(str::to_owned),
        case_reference: value(HeaderField::CaseReference),
        refers_to: value(HeaderField::RefersTo),
        authority: authority(HeaderField::Reader),
        further_authorities: standard
            .header
            .values(HeaderField::FurtherReaders, tree)
            .filter(is_authority)
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
    said: &Said<'_>,
) -> canonical::Header {
    let value = |field| said.value(field).unwrap_or_default().to_owned();
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
