//! Answers of ours as canonical messages: what Amtsbote says to a message in an authority's stead.
//! Written in a standard that has answers (`schemas/amtsbote-antwort`), a portal reads them like any
//! other message.

use std::fmt;

use messaging::{Timestamp, identity};
use text::Datatype;
use wire::canonical::{
    Answer, Application, Authority, Code, Header, Original, Reason, ReasonDetail,
    RejectingAuthority, answer::Kind, application::Section,
};

use crate::{Document, MessageKind, Severity, Verdict, Violation};

/// Lists of the codes in answers.
const REASONS: (&str, &str) = ("urn:de:xinneres:codeliste:fehlercodes", "2");
const DETAILS: (&str, &str) = ("urn:de:amtsbote:codeliste:fehlercodes", "1");

/// The reason where none of the list fits: "other".
const OTHER: &str = "S999";

/// The standard that answers of ours are written in unless said otherwise.
pub const STANDARD: &str = "amtsbote-antwort";

/// Characters of a text for people.
const TEXT_CHARACTERS_MAX: usize = 10_000;

/// Characters of an authority's name.
const NAME_CHARACTERS_MAX: usize = 200;

/// Characters of a path.
const PATH_CHARACTERS_MAX: usize = 1_000;

/// Who answers whom.
#[derive(Clone, PartialEq, Eq)]
pub struct Parties {
    /// In whose name: the authority the message was for.
    pub author: Party,
    /// Whoever wrote the message.
    pub reader: Party,
}

/// Who answers whom can be a person's name.
impl fmt::Debug for Parties {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parties").finish_non_exhaustive()
    }
}

/// One of them.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Party {
    /// `prefix:key`.
    pub identifier: String,
    /// For people; empty: the identifier is shown.
    pub name: String,
}

impl fmt::Debug for Party {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Party").finish_non_exhaustive()
    }
}

/// The message that is answered.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Answered {
    /// As it called itself.
    pub own_id: Option<String>,
    /// Its business process.
    pub case_reference: Option<String>,
    /// Its type.
    pub message_type: Option<String>,
    /// Whether it was a test: its answer is one too.
    pub is_test: bool,
}

/// A message can hold anything anywhere.
impl fmt::Debug for Answered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answered").field("is_test", &self.is_test).finish_non_exhaustive()
    }
}

/// Why a message gets no answer of a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unanswered {
    /// A rejection is never answered with a rejection, and a receipt never acknowledged.
    AnswerToAnswer,
    /// Nothing is wrong with it.
    NothingToReject,
}

/// Whether a message of `kind` may be answered so. Two systems would answer each other for ever
/// otherwise.
///
/// # Errors
/// When it may not.
pub fn may_answer(kind: MessageKind, with: Kind) -> Result<(), Unanswered> {
    match (kind, with) {
        (MessageKind::Rejection, Kind::Rejection) | (MessageKind::Receipt, Kind::Receipt) => {
            Err(Unanswered::AnswerToAnswer)
        }
        _ => Ok(()),
    }
}

/// An answer of a kind, still without subject, text and reasons. `id` is its own, a UUID; `at` is
/// when what it tells happened.
#[must_use]
pub fn answer(
    kind: Kind,
    id: String,
    at: Timestamp,
    parties: &Parties,
    to: &Answered,
) -> (Application, Answer) {
    let party = |party: &Party| {
        let name = if party.name.is_empty() { &party.identifier } else { &party.name };
        let name = short(name, NAME_CHARACTERS_MAX);
        Authority { identifier: party.identifier.clone(), name }
    };
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let header = Header {
        own_id: id,
        case_reference: text(&to.case_reference),
        refers_to: text(&to.own_id),
        created: time(at),
        author: Some(party(&parties.author)),
        reader: Some(party(&parties.reader)),
        is_test: to.is_test,
        product: format!("Amtsbote {}", env!("CARGO_PKG_VERSION")),
        ..Header::default()
    };
    let original = to
        .message_type
        .as_ref()
        .map(|message_type| Original { message_type: message_type.clone(), ..Original::default() });
    let answer = Answer { kind: kind.into(), occurred_at: time(at), original, ..Answer::default() };
    (Application { header: Some(header), ..Application::default() }, answer)
}

/// The canonical message of an answer.
#[must_use]
pub fn whole(application: Application, answer: Answer) -> Application {
    Application { section: Some(Section::Answer(answer)), ..application }
}

/// The rejection of a document that was refused, with every error at once. With `has_original` the
/// document goes back, as it was received.
///
/// # Errors
/// When nothing is wrong with it, or it is a rejection itself.
pub fn rejection(
    verdict: &Verdict,
    document: &Document,
    parties: &Parties,
    has_original: bool,
) -> Result<Application, Unanswered> {
    if verdict.is_acceptable() {
        return Err(Unanswered::NothingToReject);
    }
    let recognised = verdict.recognised.as_ref();
    may_answer(recognised.map(|it| it.kind).unwrap_or_default(), Kind::Rejection)?;
    let header = &verdict.header;
    let to = Answered {
        own_id: header.own_id.clone(),
        case_reference: header.case_reference.clone(),
        message_type: recognised.map(|it| it.procedure.message_type.clone()),
        is_test: header.is_test,
    };
    let sha256 = identity::sha256(&document.bytes, &[]);
    let id = identity::answer_id(&sha256.0, &format!("rejected at {}", document.now.0));
    let (application, mut answer) =
        answer(Kind::Rejection, id.to_string(), document.now, parties, &to);
    let errors = verdict.violations.iter().filter(|found| found.severity == Severity::Error);
    answer.reasons = errors.map(violated).collect();
    answer.subject = "Ihre Nachricht wird nicht angenommen".to_owned();
    answer.text = "Bitte berichtigen Sie, was beanstandet ist, und senden Sie die Nachricht mit \
                   einer neuen Kennung noch einmal."
        .to_owned();
    answer.rejecting_authority = Some(clearing());
    let original = answer.original.get_or_insert_default();
    original.sha256 = sha256.to_string();
    if has_original {
        original.document = base64(&document.bytes);
    }
    Ok(whole(application, answer))
}

/// Amtsbote as the body on the way that rejects.
#[must_use]
pub fn clearing() -> RejectingAuthority {
    let authority = Authority { identifier: String::new(), name: "Amtsbote".to_owned() };
    RejectingAuthority { authority: Some(authority), ..RejectingAuthority::default() }
}

fn violated(found: &Violation) -> Reason {
    let mut detail = detail(found.code, &found.german);
    detail.path = fitting_path(&found.path);
    detail.line = found.line;
    detail.column = found.column;
    reason(found.xoev_code.unwrap_or(OTHER), detail)
}

/// A reason: `code` if it is one of the list (a letter of S, T, V, X and three digits), else "other"
/// with the code in its detail.
#[must_use]
pub fn told(code: &str, text: &str) -> Reason {
    if is_listed(code) { reason(code, detail("", text)) } else { reason(OTHER, detail(code, text)) }
}

fn is_listed(code: &str) -> bool {
    let digits = code.strip_prefix(['S', 'T', 'V', 'X']);
    digits.is_some_and(|digits| digits.len() == 3 && digits.bytes().all(|b| b.is_ascii_digit()))
}

fn reason(code: &str, detail: ReasonDetail) -> Reason {
    Reason { code: listed(code, REASONS), details: vec![detail] }
}

fn detail(code: &str, text: &str) -> ReasonDetail {
    let code = if code.is_empty() { None } else { listed(code, DETAILS) };
    let text = people(text);
    ReasonDetail { code, text, ..ReasonDetail::default() }
}

/// A code of a list and version.
#[must_use]
pub fn listed(code: &str, (list, version): (&str, &str)) -> Option<Code> {
    let (code, list, list_version) = (code.trim().to_owned(), list.to_owned(), version.to_owned());
    Some(Code { code, list, list_version, name: String::new() })
}

/// `text` as a value of `datatype`, at most so many characters long: what is none of its characters
/// becomes a question mark, so that no answer is lost for want of one.
fn fitting(text: &str, datatype: Datatype, characters_max: usize) -> String {
    let text = text.trim();
    let cut: String = text.chars().take(characters_max).collect();
    let mut fitting = String::with_capacity(cut.len());
    let mut rest = cut.as_str();
    while let Err(fault) = datatype.check(rest) {
        let (sound, fault) = rest.split_at_checked(fault.at.bytes).unwrap_or((rest, ""));
        fitting.push_str(sound);
        let mut characters = fault.chars();
        if characters.next().is_some() {
            fitting.push('?');
        }
        rest = characters.as_str();
    }
    fitting.push_str(rest);
    fitting.trim().to_owned()
}

/// A text for people.
#[must_use]
pub fn people(text: &str) -> String {
    fitting(text, Datatype::E, TEXT_CHARACTERS_MAX)
}

/// A short one, e.g. a file number.
#[must_use]
pub fn short(text: &str, characters_max: usize) -> String {
    fitting(text, Datatype::B, characters_max)
}

/// Paths are tokens: no blanks around or two of them together.
fn fitting_path(path: &str) -> String {
    let cut: String = path.chars().take(PATH_CHARACTERS_MAX).collect();
    cut.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// With milliseconds and time zone, as XÖV wants times.
fn time(at: Timestamp) -> String {
    jiff::Timestamp::from_microsecond(at.0).map(|at| format!("{at:.3}")).unwrap_or_default()
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let letter = |six: u32| LETTERS.get((six & 63) as usize).copied().map_or('=', char::from);
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let at = |n: usize| u32::from(three.get(n).copied().unwrap_or(0));
        let bits = at(0) << 16 | at(1) << 8 | at(2);
        text.push(letter(bits >> 18));
        text.push(letter(bits >> 12));
        text.push(if three.len() > 1 { letter(bits >> 6) } else { '=' });
        text.push(if three.len() > 2 { letter(bits) } else { '=' });
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_never_answered_in_kind() {
        for kind in MessageKind::ALL {
            let rejected = may_answer(kind, Kind::Rejection);
            assert_eq!(rejected.is_err(), kind == MessageKind::Rejection);
            let acknowledged = may_answer(kind, Kind::Receipt);
            assert_eq!(acknowledged.is_err(), kind == MessageKind::Receipt);
            assert_eq!(may_answer(kind, Kind::Status), Ok(()));
        }
    }

    #[test]
    fn bytes_become_base64() {
        let rows =
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("fooba", "Zm9vYmE=")];
        for (bytes, text) in rows {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
        assert_eq!(base64(&[0xFF, 0xFE, 0xFB]), "//77");
    }

    #[test]
    fn a_text_of_any_characters_becomes_one_of_the_datatype() {
        let rows = [
            (" Łęcki\u{0}\u{1f600} fehlt\u{2028} ", "Łęcki?? fehlt"),
            ("M\u{302}", "M\u{302}"),
            ("Q\u{302}x", "??x"),
            ("", ""),
        ];
        for (text, expected) in rows {
            let fitting = fitting(text, Datatype::E, 100);
            assert_eq!(fitting, expected);
            assert!(Datatype::E.allows(&fitting));
        }
        assert_eq!(fitting("abc", Datatype::E, 2), "ab");
    }

    #[test]
    fn a_code_of_the_list_is_the_reason_and_any_other_its_detail() {
        let codes = |reason: Reason| {
            let detail = reason.details.first().and_then(|d| d.code.clone());
            (reason.code.unwrap().code, detail.map(|code| code.code))
        };
        assert_eq!(codes(told("T080", "x")), ("T080".to_owned(), None));
        for code in ["AB-3001", "S1000", "Z100", "4711"] {
            assert_eq!(codes(told(code, "x")), ("S999".to_owned(), Some(code.to_owned())));
        }
        assert_eq!(codes(told("", "x")), ("S999".to_owned(), None));
    }
}
