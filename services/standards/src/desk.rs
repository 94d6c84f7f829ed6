//! One worker's desk: compiled schemas within reach, one document after the other.

mod json;
mod roots;
mod xml;

pub(crate) use roots::Roots;

use std::cell::{Cell, OnceCell, RefCell};

use bytes::Bytes;
use jsonschema::Validator;
use messaging::Timestamp;
use prost::Message as _;
use text::{DecodeError, Decoded};
use wire::canonical;
use xsd::Acceptor;
use xsd_schema::{
    SchemaSet,
    validation::{SchemaValidator, ValidationFlags},
};

use crate::{
    AttachmentNeed, Document, Header, Limits, Message, OnDefect, Recognised, Severity, Verdict,
    carry, codes, header,
    load::{
        dialect::Said,
        registry::{Found, Registry},
        standard::{MessageType, Standard},
        validity::{self, Term, Validity},
    },
    report::{Entry, Report},
    rules,
    tree::{Node, Tree},
    xml::proof,
};

/// Names a validator may learn from documents before it is built anew: it keeps every name it ever
/// saw, and senders can invent names without end.
const NAMES_LEARNED_MAX: usize = 50_000;

/// Bytes of the canonical message to a node, about.
const BYTES_OF_NODE: usize = 48;

/// What lies on the desk: per standard, made when first needed.
pub(crate) struct Desk<'d> {
    pub(crate) registry: &'d Registry,
    pub(crate) limits: &'d Limits,
    pub(crate) schemas: &'d [OnceCell<Option<SchemaSet>>],
    pub(crate) validators: &'d [OnceCell<Option<SchemaValidator<'d>>>],
    pub(crate) json: &'d [OnceCell<Option<Validator>>],
    pub(crate) acceptors: &'d [OnceCell<Option<RefCell<Acceptor>>>],
    pub(crate) roots: &'d Roots<'d>,
    /// Of a million proven documents, how many the validator judges too.
    pub(crate) cross_check_ppm: u32,
    /// What of a document is due.
    pub(crate) due_ppm: Cell<u32>,
    /// Is given a document about which the two disagree.
    pub(crate) on_defect: Option<&'d OnDefect>,
}

/// A document of a known type while it is judged.
struct Case<'c> {
    standard: &'c Standard,
    message: &'c MessageType,
    report: Report<'c>,
}

impl<'d> Desk<'d> {
    /// Judges one document.
    pub(crate) fn check(&self, document: &Document) -> Verdict {
        let bytes: &[u8] = &document.bytes;
        let most = self.limits.document_bytes_max;
        if bytes.len() > most {
            return self.refuse(Entry::error(
                codes::TOO_LARGE,
                format!("Das Dokument ist größer als {most} Byte."),
                format!("The document is larger than {most} bytes."),
            ));
        }
        let first = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
        match first.iter().find(|byte| !byte.is_ascii_whitespace()) {
            None => self.refuse(
                Entry::error(codes::EMPTY, "Das Dokument ist leer.", "The document is empty.")
                    .xoev("X000"),
            ),
            Some(b'{' | b'[') => match text::decode_json(bytes) {
                Ok(decoded) => self.check_json(document, &decoded),
                Err(error) => self.refuse(encoding(&error)),
            },
            Some(_) => match text::decode(bytes) {
                Ok(decoded) if decoded.text.trim_start().starts_with(['{', '[']) => {
                    self.check_json(document, &decoded)
                }
                Ok(decoded) => self.check_xml(document, &decoded),
                Err(error) => self.refuse(encoding(&error)),
            },
        }
    }

    /// Whether the desk should be cleared and laid anew.
    pub(crate) fn is_worn(&self) -> bool {
        let names = |cell: &OnceCell<Option<SchemaSet>>| {
            cell.get().and_then(Option::as_ref).map_or(0, |schemas| schemas.name_table.len())
        };
        self.schemas.iter().map(names).any(|names| names > NAMES_LEARNED_MAX)
    }

    fn refuse(&self, entry: Entry<'_>) -> Verdict {
        let mut report = Report::new(self.limits.violations_max);
        report.push(entry);
        let (violations, violations_total) = report.finish("");
        Verdict { violations, violations_total, ..Verdict::default() }
    }

    fn refuse_at(&self, text: &str, entry: Entry<'_>) -> Verdict {
        let mut report = Report::new(self.limits.violations_max);
        report.push(entry);
        let (violations, violations_total) = report.finish(text);
        Verdict { violations, violations_total, ..Verdict::default() }
    }

    /// Schemas and validator of a standard; compiled on first use.
    pub(crate) fn xsd(&self, standard: usize) -> Option<(&'d SchemaSet, &'d SchemaValidator<'d>)> {
        let cell = self.schemas.get(standard)?;
        let schemas = cell.get_or_init(|| self.registry.schemas(standard)).as_ref()?;
        let validator = self.validators.get(standard)?.get_or_init(|| {
            let lean = ValidationFlags::empty();
            Some(SchemaValidator::new(schemas, lean))
        });
        Some((schemas, validator.as_ref()?))
    }

    /// What proves documents of a standard valid; made on first use.
    fn acceptor(&self, standard: usize) -> Option<&'d RefCell<Acceptor>> {
        let cell = self.acceptors.get(standard)?;
        let acceptor = cell.get_or_init(|| {
            let schemas = || self.xsd(standard).map(|(schemas, _)| schemas);
            let tables = self.registry.tables(standard, schemas)?;
            Some(RefCell::new(Acceptor::new(tables, proof::limits(self.limits))))
        });
        acceptor.as_ref()
    }

    /// The standard and message type of a root, or the verdict that there is none that is taken now.
    fn recognise(
        &self,
        found: Found<'d>,
        name: &str,
        text: &str,
        (path, at): (String, usize),
        now: Timestamp,
    ) -> Result<(usize, Case<'d>), Box<Verdict>> {
        let (entry, message) = match found {
            Found::Message(index, message) => {
                let standard = self.registry.standards.get(index).expect("found standards exist");
                let mut report = Report::new(self.limits.violations_max);
                report.of(standard);
                match term(standard, now, self.registry) {
                    None => {}
                    Some(entry) if entry.severity == Severity::Warning => {
                        report.push(entry.at(path, at));
                    }
                    Some(entry) => {
                        return Err(Box::new(self.turn_away(
                            entry.at(path, at),
                            Some(message),
                            text,
                        )));
                    }
                }
                return Ok((index, Case { standard, message, report }));
            }
            Found::OtherMessage(index) => {
                let standard = self.registry.standards.get(index).expect("found standards exist");
                let title = format!("{} {}", standard.title, standard.version);
                let entry = Entry::error(
                    codes::UNKNOWN_MESSAGE_TYPE,
                    format!(
                        "„{name}“ ist keine Nachricht, die vom Standard {title} angenommen wird."
                    ),
                    format!("`{name}` is no message that is taken of the standard {title}."),
                );
                (entry, None)
            }
            Found::OtherVersion(standards, message) => (unknown_version(&standards, now), message),
            Found::Nothing => {
                let entry = Entry::error(
                    codes::UNKNOWN_STANDARD,
                    format!("Für „{name}“ in diesem Namensraum ist kein Standard eingerichtet."),
                    format!("No standard is installed for `{name}` in this namespace."),
                );
                (entry, None)
            }
        };
        Err(Box::new(self.turn_away(entry.at(path, at), message, text)))
    }

    /// The verdict on a document that is not judged, of a message type if one can be told.
    fn turn_away(&self, entry: Entry<'_>, message: Option<&MessageType>, text: &str) -> Verdict {
        let mut verdict = self.refuse_at(text, entry);
        verdict.recognised = message.map(|message| message.recognised.clone());
        verdict
    }

    /// Ends a case: header, cross-checks, mapping, verdict. `text` is where the places are counted.
    fn conclude(
        &self,
        mut case: Case<'_>,
        tree: &Tree<'_>,
        place: &dyn Fn(Node) -> (String, usize),
        text: &str,
        sound: Option<Sound>,
    ) -> Verdict {
        let (standard, message) = (case.standard, case.message);
        let said = standard.header.said(tree);
        let header = header::read(standard, message, tree, &said);
        if sound.is_some() {
            rules::check(
                standard,
                message,
                (tree, &said),
                &self.registry.codelists,
                place,
                &mut case.report,
            );
        }
        let carried = sound
            .filter(|_| !case.report.is_refusal())
            .and_then(|sound| carried(&mut case, &header, (tree, &said), place, sound));
        let (violations, violations_total) = case.report.finish(text);
        Verdict {
            recognised: Some(Recognised::clone(&message.recognised)),
            header,
            violations,
            violations_total,
            message: carried,
            proof: None,
        }
    }
}

/// The canonical message of a document that nothing refuses.
fn carried(
    case: &mut Case<'_>,
    header: &Header,
    (tree, said): (&Tree<'_>, &Said<'_>),
    place: &dyn Fn(Node) -> (String, usize),
    sound: Sound,
) -> Option<Message> {
    let (standard, message) = (case.standard, case.message);
    let head = header::canonical(standard, message, header, tree, said);
    let mut canonical = Vec::with_capacity((tree.len() + 8) * BYTES_OF_NODE);
    let head = canonical::Application { header: Some(head), ..Default::default() };
    head.encode(&mut canonical).expect("a vector takes everything");
    if let Err(faults) = message.plan.carry(tree, &mut canonical) {
        for fault in faults {
            let (path, at) = place(fault.node);
            case.report.push(unmappable(&fault).at(path, at));
        }
        return None;
    }
    let attachments =
        if message.plan.has_attachments { attachments(&canonical) } else { Vec::new() };
    Some(Message {
        normalised: sound.normalised.map(Bytes::from),
        canonical: canonical.into(),
        media_type: sound.media_type.to_owned(),
        attachments,
    })
}

/// A document that could be read to its end.
struct Sound {
    normalised: Option<String>,
    media_type: &'static str,
}

/// Of an application, what it needs beside itself: everything else is passed over unread.
#[derive(Clone, PartialEq, prost::Message)]
struct Enclosures {
    #[prost(message, repeated, tag = "4")]
    attachments: Vec<canonical::Attachment>,
}

fn attachments(canonical: &[u8]) -> Vec<AttachmentNeed> {
    let application = Enclosures::decode(canonical).unwrap_or_default();
    let need = |attachment: canonical::Attachment| AttachmentNeed {
        name: attachment.name,
        media_type: attachment.media_type,
        sha256: attachment.sha256.to_ascii_lowercase().parse().ok(),
    };
    application.attachments.into_iter().map(need).collect()
}

fn unmappable(fault: &carry::Unmappable) -> Entry<'static> {
    let (german, english) = fault.expected;
    let target = &fault.target;
    Entry::error(
        codes::MAPPING,
        format!("Der Wert kann nicht übernommen werden; erwartet wird {german} (Feld {target})."),
        format!("The value cannot be carried over; {english} is expected (field {target})."),
    )
}

/// What there is to say of the day, if the standard has days.
fn term(standard: &Standard, now: Timestamp, registry: &Registry) -> Option<Entry<'static>> {
    if standard.validity == Validity::default() {
        return None;
    }
    let title = format!("{} {}", standard.title, standard.version);
    let others = || {
        let same = |other: &&Standard| other.id == standard.id;
        taken(&registry.standards.iter().filter(same).collect::<Vec<_>>(), now)
    };
    match standard.validity.on(validity::day(now)) {
        Term::Valid => None,
        Term::EndsSoon(until) => Some(Entry::warning(
            codes::ENDS_SOON,
            format!("Der Standard {title} wird nur noch bis zum {} angenommen.", german(until)),
            format!("The standard {title} is taken until {until} only."),
        )),
        Term::NotYet(from) => {
            let (german_others, english_others) = others();
            let entry = Entry::error(
                codes::NOT_YET_VALID,
                format!(
                    "Der Standard {title} wird erst ab dem {} angenommen{german_others}.",
                    german(from)
                ),
                format!("The standard {title} is not taken before {from}{english_others}."),
            );
            Some(entry.xoev("V000"))
        }
        Term::Over(until) => {
            let (german_others, english_others) = others();
            let entry = Entry::error(
                codes::NO_LONGER_VALID,
                format!(
                    "Der Standard {title} wird seit Ablauf des {} nicht mehr angenommen{german_others}.",
                    german(until)
                ),
                format!(
                    "The standard {title} has not been taken since {until} was over{english_others}."
                ),
            );
            Some(entry.xoev("V000"))
        }
    }
}

/// The end of a sentence that names the versions taken now; empty where there are none.
fn taken(standards: &[&Standard], now: Timestamp) -> (String, String) {
    let today = validity::day(now);
    let is_taken = |s: &&&Standard| matches!(s.validity.on(today), Term::Valid | Term::EndsSoon(_));
    let mut versions: Vec<&str> = Vec::new();
    for standard in standards.iter().filter(is_taken) {
        match standard.accepts.as_slice() {
            [] => versions.push(&standard.version),
            accepted => versions.extend(accepted.iter().map(String::as_str)),
        }
    }
    if versions.is_empty() {
        return (String::new(), String::new());
    }
    let versions = versions.join(", ");
    (format!("; angenommen wird: {versions}"), format!("; taken is: {versions}"))
}

fn german(day: jiff::civil::Date) -> String {
    format!("{}.{}.{}", day.day(), day.month(), day.year())
}

fn unknown_version(standards: &[&Standard], now: Timestamp) -> Entry<'static> {
    let title = standards.first().map_or("", |standard| &standard.title);
    let (german, english) = taken(standards, now);
    Entry::error(
        codes::UNKNOWN_VERSION,
        format!("Diese Version des Standards {title} wird nicht angenommen{german}."),
        format!("This version of the standard {title} is not taken{english}."),
    )
    .xoev("V000")
}

fn encoding(error: &DecodeError) -> Entry<'static> {
    match error {
        DecodeError::Unknown(label) => Entry::error(
            codes::ENCODING_UNKNOWN,
            format!("Die Zeichenkodierung „{label}“ wird nicht gelesen; zu verwenden ist UTF-8."),
            format!("The encoding `{label}` is not read; use UTF-8."),
        ),
        DecodeError::Contradiction { declared, found } => Entry::error(
            codes::ENCODING_WRONG,
            format!("Angegeben ist die Zeichenkodierung {declared}, das Dokument beginnt aber als {found}."),
            format!("The encoding is declared as {declared}, but the document begins as {found}."),
        ),
        DecodeError::Malformed { line, encoding, .. } => Entry::error(
            codes::ENCODING_WRONG,
            format!("Das Dokument ist ab Zeile {line} kein gültiger {encoding}-Text."),
            format!("From line {line} on the document is no valid {encoding} text."),
        ),
    }
    .xoev("S001")
}

/// The text as UTF-8 without byte order mark, if that is not what was sent.
fn transcoded(document: &Document, decoded: &Decoded<'_>) -> bool {
    decoded.text.as_bytes() != &*document.bytes
}
