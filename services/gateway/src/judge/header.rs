//! Who a submission is and whom it is for: what document and request say, and whether they agree.

use messaging::{Authority, OwnId};
use standards::{Verdict, Violation};
use wire::intake::SubmitRequest;

use crate::{codes, refusal::violation};

/// Longest reference in bytes.
const REFERENCE_BYTES_MAX: usize = 200;

/// What both say together.
#[derive(Debug)]
pub(super) struct Header {
    pub(super) own_id: Option<OwnId>,
    pub(super) authority: Option<Authority>,
    pub(super) service: Option<String>,
    pub(super) case_reference: Option<String>,
}

/// Reads both; what is wrong goes to `found`.
pub(super) fn read(
    request: &SubmitRequest,
    verdict: &Verdict,
    found: &mut Vec<Violation>,
) -> Header {
    let document = &verdict.header;
    Header {
        own_id: own_id(document.own_id.as_deref(), given(&request.own_id), found),
        authority: authority(
            document.authority.as_deref(),
            given(&request.authority),
            verdict.is_acceptable(),
            found,
        ),
        service: service(document.service.as_deref(), given(&request.service), found),
        case_reference: case_reference(
            document.case_reference.as_deref(),
            given(&request.case_reference),
            found,
        ),
    }
}

fn own_id(
    document: Option<&str>,
    request: Option<&str>,
    found: &mut Vec<Violation>,
) -> Option<OwnId> {
    if contradict(document, request) {
        found.push(violation(
            codes::OWN_ID_CONTRADICTS,
            "own_id",
            "Dokument und Anfrage nennen verschiedene Nachrichten-IDs.",
            "Document and request name different message ids.",
        ));
    }
    let own_id = OwnId::new(document.or(request)?);
    if own_id.is_err() {
        found.push(violation(
            codes::OWN_ID,
            "own_id",
            "Die Nachrichten-ID muss 1 bis 200 Bytes ohne Steuerzeichen lang sein.",
            "The message id must be 1 to 200 bytes without control characters.",
        ));
    }
    own_id.ok()
}

fn authority(
    document: Option<&str>,
    request: Option<&str>,
    is_acceptable: bool,
    found: &mut Vec<Violation>,
) -> Option<Authority> {
    if contradict(document, request) {
        found.push(violation(
            codes::AUTHORITY_CONTRADICTS,
            "authority",
            "Dokument und Anfrage nennen verschiedene Behörden.",
            "Document and request name different authorities.",
        ));
    }
    let Some(authority) = document.or(request) else {
        // Of a document that cannot be read nobody knows what it says.
        if is_acceptable {
            found.push(violation(
                codes::AUTHORITY_MISSING,
                "authority",
                "Weder Dokument noch Anfrage nennen die zuständige Behörde.",
                "Neither document nor request names the responsible authority.",
            ));
        }
        return None;
    };
    let authority = Authority::new(authority);
    if authority.is_err() {
        found.push(violation(
            codes::AUTHORITY,
            "authority",
            "Die Behördenkennung muss die Form „Präfix:Kennung“ haben, ohne Leerzeichen.",
            "The authority must have the form `prefix:key` without white space.",
        ));
    }
    authority.ok()
}

/// The request's comes first: what the standard says is one key for all messages of a type.
fn service(
    document: Option<&str>,
    request: Option<&str>,
    found: &mut Vec<Violation>,
) -> Option<String> {
    let is_key = |key: &str| {
        key.len() == 14 && key.starts_with("99") && key.bytes().all(|b| b.is_ascii_digit())
    };
    if request.is_some_and(|key| !is_key(key)) {
        found.push(violation(
            codes::SERVICE,
            "service",
            "Der Leistungsschlüssel muss aus „99“ und 12 Ziffern bestehen.",
            "The service must be `99` and 12 digits.",
        ));
    }
    request.or(document).map(str::to_owned)
}

/// The request's comes first: the sender knows its cases better than a document of one procedure.
fn case_reference(
    document: Option<&str>,
    request: Option<&str>,
    found: &mut Vec<Violation>,
) -> Option<String> {
    let reference = request.or(document)?;
    if REFERENCE_BYTES_MAX < reference.len() || reference.chars().any(char::is_control) {
        found.push(violation(
            codes::CASE_REFERENCE,
            "case_reference",
            "Das Vorgangskennzeichen darf höchstens 200 Bytes lang sein und keine Steuerzeichen enthalten.",
            "The case reference must be at most 200 bytes without control characters.",
        ));
    }
    Some(reference.to_owned())
}

fn contradict(document: Option<&str>, request: Option<&str>) -> bool {
    matches!((document, request), (Some(document), Some(request)) if document != request)
}

fn given(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use standards::Header as DocumentHeader;

    use super::*;

    fn codes_of(request: &SubmitRequest, header: DocumentHeader) -> Vec<&'static str> {
        let mut found = Vec::new();
        read(request, &Verdict { header, ..Verdict::default() }, &mut found);
        found.into_iter().map(|found| found.code).collect()
    }

    #[test]
    fn document_and_request_must_agree() {
        let text = |text: &str| Some(text.to_owned());
        let request = SubmitRequest {
            own_id: "a".to_owned(),
            authority: "svb:1".to_owned(),
            service: "99036001012000".to_owned(),
            ..SubmitRequest::default()
        };
        let agree = DocumentHeader {
            own_id: text("a"),
            authority: text("svb:1"),
            service: text("99036001012000"),
            ..DocumentHeader::default()
        };
        assert_eq!(codes_of(&request, agree), [""; 0]);
        let contradict = DocumentHeader {
            own_id: text("A"),
            authority: text("svb:2"),
            service: text("99036001012001"),
            ..DocumentHeader::default()
        };
        let expected = [codes::OWN_ID_CONTRADICTS, codes::AUTHORITY_CONTRADICTS];
        assert_eq!(codes_of(&request, contradict), expected);
    }

    #[test]
    fn ids_that_are_none_are_refused_wherever_they_stand() {
        let long = "x".repeat(201);
        let request = SubmitRequest {
            own_id: long.clone(),
            authority: "14730000".to_owned(),
            service: "Kfz".to_owned(),
            case_reference: "a\nb".to_owned(),
            ..SubmitRequest::default()
        };
        let expected = [codes::OWN_ID, codes::AUTHORITY, codes::SERVICE, codes::CASE_REFERENCE];
        assert_eq!(codes_of(&request, DocumentHeader::default()), expected);
        let document = DocumentHeader {
            own_id: Some(long.clone()),
            case_reference: Some(long),
            ..DocumentHeader::default()
        };
        let expected = [codes::OWN_ID, codes::CASE_REFERENCE];
        assert_eq!(codes_of(&SubmitRequest::default(), document), expected);
    }

    #[test]
    fn the_requests_case_goes_before_the_documents() {
        let request = SubmitRequest { case_reference: "r".to_owned(), ..SubmitRequest::default() };
        let header =
            DocumentHeader { case_reference: Some("d".to_owned()), ..DocumentHeader::default() };
        let verdict = Verdict { header, ..Verdict::default() };
        let read = |request: &SubmitRequest| {
            super::read(request, &verdict, &mut Vec::new()).case_reference
        };
        assert_eq!(read(&request).as_deref(), Some("r"));
        assert_eq!(read(&SubmitRequest::default()).as_deref(), Some("d"));
    }
}
