//! Tables of answers and their meanings.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName};

use super::*;

fn statuses(numbers: &[u16]) -> BTreeSet<StatusCode> {
    numbers.iter().map(|number| StatusCode::from_u16(*number).unwrap()).collect()
}

fn rules() -> Rules {
    Rules {
        unavailable: statuses(&[429, 503]),
        rejected: statuses(&[400, 413, 415, 422]),
        transient: statuses(&[507]),
        conflict: Conflict::AlreadyThere,
        rejected_if: None,
        receipt: Some(Place::Pointer("/nr".to_owned())),
        is_reply_document: false,
    }
}

fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Answer {
    let headers: HeaderMap = headers
        .iter()
        .map(|(name, value)| (name.parse::<HeaderName>().unwrap(), value.parse().unwrap()))
        .collect();
    let (status, body) =
        (StatusCode::from_u16(status).unwrap(), Bytes::copy_from_slice(body.as_bytes()));
    Answer { status, headers, body, is_cut: false }
}

fn texts(failure: &Failure) -> Vec<&str> {
    failure.reasons().iter().map(|reason| reason.text.as_str()).collect()
}

#[test]
fn each_status_has_one_meaning() {
    use FailureKind as Kind;
    let check = |status: u16, expected: Option<(Kind, &str)>| {
        let told = of_delivery(&rules(), &answer(status, &[], ""), true);
        let told = told.err().map(|failure| (failure.kind(), failure.code()));
        assert_eq!(told, expected, "status {status}");
    };
    for status in [200, 201, 202, 204, 207, 409] {
        check(status, None);
    }
    for status in [429, 503] {
        check(status, Some((Kind::Unavailable, "AB-3011")));
    }
    for status in [300, 301, 302, 304, 307, 308, 401, 403, 404, 405] {
        check(status, Some((Kind::Unavailable, "AB-3012")));
    }
    for status in [400, 413, 415, 422] {
        check(status, Some((Kind::Rejected, "AB-3017")));
    }
    for status in [408, 421, 423, 425, 507] {
        check(status, Some((Kind::Transient, "AB-3016")));
    }
    for status in [402, 406, 407, 410, 411, 412, 414, 416, 417, 418, 424, 426, 428, 431, 451] {
        check(status, Some((Kind::Defect, "AB-3018")));
    }
    for status in [500, 501, 502, 504, 505, 511, 599, 600, 999, 101] {
        check(status, Some((Kind::Uncertain, "AB-3015")));
    }
}

#[test]
fn what_an_operator_configured_comes_first() {
    let configured = Rules {
        unavailable: statuses(&[500]),
        rejected: statuses(&[404]),
        transient: statuses(&[504]),
        conflict: Conflict::Rejected,
        ..rules()
    };
    let check = |status: u16, expected: FailureKind| {
        let failure = of_delivery(&configured, &answer(status, &[], ""), true).unwrap_err();
        assert_eq!(failure.kind(), expected, "status {status}");
    };
    check(500, FailureKind::Unavailable);
    check(404, FailureKind::Rejected);
    check(504, FailureKind::Transient);
    check(409, FailureKind::Rejected);
    check(503, FailureKind::Uncertain);
    check(422, FailureKind::Defect);
}

#[test]
fn success_before_the_whole_message_was_sent_is_no_success() {
    let failure = of_delivery(&rules(), &answer(200, &[], ""), false).unwrap_err();
    assert_eq!((failure.kind(), failure.code()), (FailureKind::Uncertain, "AB-3020"));
    // A refusal needs no more than it has seen.
    let failure = of_delivery(&rules(), &answer(413, &[], ""), false).unwrap_err();
    assert_eq!(failure.kind(), FailureKind::Rejected);
}

#[test]
fn a_receipt_stands_where_the_configuration_says() {
    let check = |place: Place, headers: &[(&str, &str)], body: &str, expected: Option<&str>| {
        let rules = Rules { receipt: Some(place), ..rules() };
        let accepted = of_delivery(&rules, &answer(201, headers, body), true).unwrap();
        assert_eq!(accepted.receipt.as_deref(), expected, "{body}");
    };
    let pointer = || Place::Pointer("/a/nr".to_owned());
    let header = || Place::Header(header::LOCATION);
    check(pointer(), &[], r#"{"a":{"nr":"KFZ-7/26"}}"#, Some("KFZ-7/26"));
    check(pointer(), &[], r#"{"a":{"nr":4711}}"#, Some("4711"));
    check(pointer(), &[], r#"{"a":{"nr":null}}"#, None);
    check(pointer(), &[], r#"{"a":{"nr":" \n "}}"#, None);
    check(pointer(), &[], "no json", None);
    check(header(), &[("location", "/akten/7")], "", Some("/akten/7"));
    check(header(), &[], "", None);
    let long = format!(r#"{{"a":{{"nr":"x{}"}}}}"#, "ü".repeat(150));
    let whole_characters = format!("x{}", "ü".repeat(99));
    check(pointer(), &[], &long, Some(&whole_characters));
}

#[test]
fn a_reply_is_kept_whole_or_the_delivery_is_a_defect() {
    let rules = Rules { is_reply_document: true, ..rules() };
    let xml = [("content-type", "application/xml")];
    let accepted = of_delivery(&rules, &answer(200, &xml, "<bescheid/>"), true).unwrap();
    assert_eq!(accepted.replies.len(), 1);
    assert_eq!(accepted.replies[0].kind, "document");
    assert_eq!(accepted.replies[0].media_type, "application/xml");
    assert_eq!(accepted.replies[0].body, "<bescheid/>");
    assert!(of_delivery(&rules, &answer(204, &[], ""), true).unwrap().replies.is_empty());
    let cut = Answer { is_cut: true, ..answer(200, &xml, "<bescheid") };
    assert_eq!(of_delivery(&rules, &cut, true).unwrap_err().code(), "AB-3019");
    // Where nobody wants the body, its size is nobody's concern.
    assert!(of_delivery(&self::rules(), &cut, true).is_ok());
}

#[test]
fn a_refusal_is_told_in_the_receivers_words() {
    let check = |content_type: &str, body: &str, expected: &[&str]| {
        let answer = answer(422, &[("content-type", content_type)], body);
        let failure = of_delivery(&rules(), &answer, true).unwrap_err();
        assert_eq!(texts(&failure), expected, "{body}");
        let told = format!("{failure} {failure:?} {} {answer:?}", failure.report());
        assert!(!told.contains("Erika"), "{told}");
    };
    let problem = "application/problem+json";
    check(problem, r#"{"type":"about:blank","detail":"Erika fehlt"}"#, &["Erika fehlt"]);
    check(problem, r#"{"title":"Erika fehlt","status":422}"#, &["Erika fehlt"]);
    check(
        problem,
        r#"{"title":"Fehler","errors":[{"detail":"fehlt","pointer":"/name"},"Erika"]}"#,
        &["Fehler", "/name: fehlt", "Erika"],
    );
    check("application/json", r#"[{"message":"Erika"},{"message":"zwei"}]"#, &["Erika", "zwei"]);
    check("text/plain; charset=utf-8", "  Erika fehlt\n", &["Erika fehlt"]);
    let nothing =
        ["Das Fachverfahren hat die Nachricht ohne Begründung abgelehnt (HTTP-Status 422)."];
    check("text/html", "<h1>Erika</h1>", &nothing);
    check("application/json", "{}", &nothing);
    check("", "", &nothing);
}

#[test]
fn reasons_have_codes_and_bounds() {
    let many: Vec<String> =
        (0..300).map(|n| format!(r#"{{"code":"E{n}","message":"x"}}"#)).collect();
    let body = format!("[{}]", many.join(","));
    let failure = of_delivery(&rules(), &answer(422, &[], &body), true).unwrap_err();
    assert_eq!(failure.reasons().len(), REASONS_MAX);
    assert_eq!(failure.reasons()[1].code.as_deref(), Some("E1"));
    let long = format!(r#"{{"detail":"{}"}}"#, "ü".repeat(5000));
    let failure = of_delivery(&rules(), &answer(422, &[], &long), true).unwrap_err();
    assert_eq!(failure.reasons()[0].text.len(), REASON_BYTES_MAX);
}

#[test]
fn a_body_can_say_no_where_the_status_says_yes() {
    let rule = RejectedIf {
        pointer: "/status".to_owned(),
        values: vec!["ABGELEHNT".to_owned(), "false".to_owned()],
    };
    let rules = Rules { rejected_if: Some(rule), ..rules() };
    let check = |status: u16, body: &str, expected: Option<FailureKind>| {
        let told = of_delivery(&rules, &answer(status, &[], body), true);
        assert_eq!(told.err().map(|failure| failure.kind()), expected, "{status} {body}");
    };
    check(200, r#"{"status":"ABGELEHNT"}"#, Some(FailureKind::Rejected));
    check(200, r#"{"status":false}"#, Some(FailureKind::Rejected));
    check(200, r#"{"status":"OK"}"#, None);
    check(200, "no json", None);
    check(409, r#"{"status":"ABGELEHNT"}"#, Some(FailureKind::Rejected));
    check(410, r#"{"status":"ABGELEHNT"}"#, Some(FailureKind::Rejected));
    check(404, r#"{"status":"ABGELEHNT"}"#, Some(FailureKind::Unavailable));
    check(500, r#"{"status":"ABGELEHNT"}"#, Some(FailureKind::Uncertain));
    check(503, r#"{"status":"ABGELEHNT"}"#, Some(FailureKind::Unavailable));
}

#[test]
fn a_wait_is_seconds_or_a_date_seen_from_the_answers_own() {
    let date = ("date", "Sun, 06 Nov 1994 08:49:37 GMT");
    let check = |headers: &[(&str, &str)], expected: Option<u64>| {
        let failure = of_delivery(&rules(), &answer(503, headers, ""), true).unwrap_err();
        assert_eq!(failure.wait_requested(), expected.map(Duration::from_secs), "{headers:?}");
    };
    check(&[("retry-after", "120")], Some(120));
    check(&[("retry-after", "0")], Some(0));
    check(&[("retry-after", "99999999")], Some(86_400));
    check(&[("retry-after", "Sun, 06 Nov 1994 08:51:37 GMT"), date], Some(120));
    check(&[("retry-after", "Sun, 06 Nov 1994 08:51:37 GMT")], None);
    check(&[("retry-after", "Sun, 06 Nov 1994 08:49:00 GMT"), date], None);
    check(&[("retry-after", "-5"), date], None);
    check(&[("retry-after", "bald")], None);
    check(&[], None);
}

#[test]
fn too_many_requests_are_about_whoever_asks_and_unavailable_may_be_about_the_message() {
    let later = [("retry-after", "120")];
    for (status, headers, is_for_all) in
        [(503, &later[..], false), (503, &[], false), (429, &later[..], true), (429, &[], true)]
    {
        let answer = answer(status, headers, "");
        let failures = [
            of_delivery(&rules(), &answer, true).unwrap_err(),
            of_probe(&rules(), &answer).unwrap_err(),
        ];
        for failure in failures {
            assert_eq!(failure.kind(), FailureKind::Unavailable, "{status}");
            assert_eq!(failure.is_for_all(), is_for_all, "{status} {headers:?}");
        }
    }
}
