//! A refusal as gRPC tells it: status, `google.rpc` details, and our own message.

use std::{borrow::Cow, collections::HashMap};

use bytes::Bytes;
use prost::Message as _;
use prost_types::Any;
use tonic::{Code, Status};
use tonic_types::pb;
use wire::intake;

use super::Refusal;
use crate::convert;

/// Bytes of encoded details. They travel in Base64 in a trailer, and Java's clients refuse more
/// than 8 KiB of header: 4,800 bytes become 6,400.
const DETAILS_BYTES_MAX: usize = 4_800;

/// What is kept free for a wrapper around each violation.
const VIOLATION_OVERHEAD_BYTES: usize = 8;

/// Characters of one text in a trailer.
const TEXT_CHARS_MAX: usize = 300;

const DOMAIN: &str = "amtsbote.de";

impl From<&Refusal> for intake::Refusal {
    fn from(refusal: &Refusal) -> Self {
        Self {
            status: refusal.status as i32,
            code: refusal.code.to_owned(),
            german: refusal.german.clone(),
            english: refusal.english.clone(),
            violations: convert::violations(&refusal.violations),
            violations_total: u32::try_from(refusal.violations_total).unwrap_or(u32::MAX),
            retry_after_ms: refusal
                .retry_after
                .map_or(0, |wait| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX).max(1)),
        }
    }
}

impl From<Refusal> for Status {
    fn from(refusal: Refusal) -> Self {
        Self::from(&refusal)
    }
}

impl From<Box<Refusal>> for Status {
    fn from(refusal: Box<Refusal>) -> Self {
        Self::from(refusal.as_ref())
    }
}

impl From<&Refusal> for Status {
    fn from(refusal: &Refusal) -> Self {
        let mut details = fixed_details(refusal);
        let mut room = DETAILS_BYTES_MAX.saturating_sub(size(&details));
        let places = places(refusal, room);
        let told = places.field_violations.len();
        if told != 0 {
            let places = any("google.rpc.BadRequest", &places);
            room = room.saturating_sub(places.encoded_len() + VIOLATION_OVERHEAD_BYTES);
            details.push(places);
        }
        let own = any("amtsbote.intake.v1.Refusal", &intake::Refusal::from(refusal));
        if own.encoded_len() + VIOLATION_OVERHEAD_BYTES <= room {
            details.push(own);
        }
        let message = message(refusal, told);
        let rpc = pb::Status { code: refusal.status as i32, message: message.clone(), details };
        Self::with_details(refusal.status, message, Bytes::from(rpc.encode_to_vec()))
    }
}

/// Those that always come.
fn fixed_details(refusal: &Refusal) -> Vec<Any> {
    let mut metadata = HashMap::new();
    if refusal.violations_total != 0 {
        metadata.insert("violations_total".to_owned(), refusal.violations_total.to_string());
    }
    if let Some(code) = refusal.xoev_code() {
        metadata.insert("xoev_code".to_owned(), code.to_owned());
    }
    let info =
        pb::ErrorInfo { reason: refusal.code.to_owned(), domain: DOMAIN.to_owned(), metadata };
    let mut details = vec![
        any("google.rpc.ErrorInfo", &info),
        any("google.rpc.LocalizedMessage", &localized("de", &refusal.german)),
        any("google.rpc.LocalizedMessage", &localized("en", &refusal.english)),
    ];
    if let Some(wait) = refusal.retry_after {
        let retry_delay = prost_types::Duration::try_from(wait).ok();
        details.push(any("google.rpc.RetryInfo", &pb::RetryInfo { retry_delay }));
    }
    details
}

/// As many as fit, errors before warnings; the message says how many there are.
fn places(refusal: &Refusal, room: usize) -> pb::BadRequest {
    let mut ordered: Vec<_> = refusal.violations.iter().collect();
    ordered.sort_by_key(|found| std::cmp::Reverse(found.severity));
    let mut used = any("google.rpc.BadRequest", &pb::BadRequest::default()).encoded_len();
    let mut field_violations = Vec::new();
    for found in ordered {
        let place = pb::bad_request::FieldViolation {
            field: found.path.clone(),
            description: cut(&found.german).into_owned(),
            reason: found.code.to_owned(),
            localized_message: Some(localized("en", &found.english)),
        };
        used += place.encoded_len() + VIOLATION_OVERHEAD_BYTES;
        if room < used {
            break;
        }
        field_violations.push(place);
    }
    pb::BadRequest { field_violations }
}

fn message(refusal: &Refusal, told: usize) -> String {
    let english = cut(&refusal.english);
    let code = refusal.code;
    if told < refusal.violations_total && refusal.status == Code::InvalidArgument {
        let total = refusal.violations_total;
        format!("{code}: {english} The first {told} of {total} are told here; Validate lists them.")
    } else {
        format!("{code}: {english}")
    }
}

fn localized(locale: &str, text: &str) -> pb::LocalizedMessage {
    pb::LocalizedMessage { locale: locale.to_owned(), message: cut(text).into_owned() }
}

fn cut(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(TEXT_CHARS_MAX) {
        None => Cow::Borrowed(text),
        Some((end, _)) => {
            let (head, _) = text.split_at(end);
            Cow::Owned(format!("{head}…"))
        }
    }
}

fn any(name: &str, message: &impl prost::Message) -> Any {
    Any { type_url: format!("type.googleapis.com/{name}"), value: message.encode_to_vec() }
}

fn size(details: &[Any]) -> usize {
    details.iter().map(|detail| detail.encoded_len() + VIOLATION_OVERHEAD_BYTES).sum()
}

#[cfg(test)]
mod tests;
