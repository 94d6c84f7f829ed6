//! Tests of what a portal reads out of a refusal.

use std::time::Duration;

use standards::{Severity, Violation};
use tonic_types::{ErrorDetail, StatusExt as _};

use super::*;
use crate::{codes, refusal::violation};

/// Java's clients refuse more than this in all trailers together.
const JAVA_HEADER_BYTES_MAX: usize = 8_192;

fn trailer_bytes(status: &Status) -> usize {
    let mut headers = http::HeaderMap::new();
    status.add_header(&mut headers).unwrap();
    headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 32).sum()
}

fn many(count: usize, path_bytes: usize) -> Vec<Violation> {
    let path = format!("/kfz:{}", "ü".repeat(path_bytes / 2));
    let german = "Der Wert passt nicht zu seinem Typ, und das ist ein längerer Satz darüber.";
    let one = violation("AB-4102", &path, german, "The value is not of its type.");
    let mut all = vec![one; count];
    all.insert(0, Violation { severity: Severity::Warning, code: "AB-4120", ..all[0].clone() });
    all
}

#[test]
fn a_refusal_tells_code_place_both_languages_and_when_to_retry() {
    let refusal =
        Refusal::invalid(vec![violation("AB-4102", "/a/b", "Falscher Wert.", "Wrong value.")], 1);
    let status = Status::from(refusal.clone());
    assert_eq!(status.code(), Code::InvalidArgument);
    assert_eq!(status.message(), "AB-4102: Wrong value.");
    let info = status.get_details_error_info().unwrap();
    assert_eq!((info.domain.as_str(), info.reason.as_str()), ("amtsbote.de", "AB-4102"));
    assert_eq!(info.metadata["violations_total"], "1");
    let places = status.get_details_bad_request().unwrap();
    assert_eq!(places.field_violations[0].field, "/a/b");
    assert_eq!(places.field_violations[0].description, "Falscher Wert.");
    let locales: Vec<_> = status
        .get_error_details_vec()
        .into_iter()
        .filter_map(|detail| match detail {
            ErrorDetail::LocalizedMessage(text) => Some((text.locale, text.message)),
            _ => None,
        })
        .collect();
    let text = |locale: &str, text: &str| (locale.to_owned(), text.to_owned());
    assert_eq!(locales, [text("de", "Falscher Wert."), text("en", "Wrong value.")]);
    assert!(status.get_details_retry_info().is_none(), "sending it again does not help");

    let rpc = pb::Status::decode(status.details()).unwrap();
    let own = rpc.details.iter().find(|any| any.type_url.ends_with("intake.v1.Refusal")).unwrap();
    let own = intake::Refusal::decode(own.value.as_slice()).unwrap();
    assert_eq!(own, intake::Refusal::from(refusal.as_ref()));
}

#[test]
fn overload_says_when_to_come_back() {
    let status = Status::from(Refusal::too_fast(Duration::from_millis(1_500)));
    assert_eq!(status.code(), Code::ResourceExhausted);
    let retry = status.get_details_retry_info().unwrap();
    assert_eq!(retry.retry_delay, Some(Duration::from_millis(1_500)));
    assert_eq!(status.get_details_error_info().unwrap().reason, codes::TOO_FAST);
}

#[test]
fn trailers_fit_into_javas_limit_however_much_is_wrong() {
    for (count, path_bytes) in [(1, 20), (30, 100), (1_000, 20), (1_000, 3_000), (40, 7_000)] {
        let status = Status::from(Refusal::invalid(many(count, path_bytes), count + 1));
        let bytes = trailer_bytes(&status);
        assert!(bytes < JAVA_HEADER_BYTES_MAX - 1_024, "{count} × {path_bytes}: {bytes} bytes");
        assert_eq!(status.get_details_error_info().unwrap().reason, "AB-4102");
    }
}

#[test]
fn what_does_not_fit_is_counted_and_said() {
    let status = Status::from(Refusal::invalid(many(500, 40), 2_345));
    let told = status.get_details_bad_request().unwrap().field_violations.len();
    assert!(10 < told && told < 500, "{told}");
    let expected = format!("The first {told} of 2345 are told here; Validate lists them.");
    assert!(status.message().contains(&expected), "{}", status.message());
    let places = status.get_details_bad_request().unwrap();
    assert!(!places.field_violations[0].description.is_empty(), "errors come before warnings");
}
