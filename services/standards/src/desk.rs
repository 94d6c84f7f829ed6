//! One worker's desk: compiled schemas within reach, one document after the other.

mod json;
mod xml;

use std::cell::OnceCell;

use bytes::Bytes;
use jsonschema::Validator;
use prost::Message as _;
use text::{DecodeError, Decoded};
use wire::canonical;
use xsd_schema::{
    SchemaSet,
    validation::{SchemaValidator, ValidationFlags},
};

use crate::{
    AttachmentNeed, Document, Header, Limits, Message, Recognised, Verdict, codes, fill, header,
    load::{
        registry::{Found, Registry},
        standard::{MessageType, Standard},
    },
    report::{Entry, Report},
    tree::{Node, Tree},
};

/// Names a validator may learn from documents before it is built anew: it keeps every name it ever
/// saw, and senders can invent names without end.
const NAMES_LEARNED_MAX: usize = 50_000;

/// What lies on the desk: per standard, made when first needed.
pub(crate) struct Desk<'d> {
    pub(crate) registry: &'d Registry,
    pub(crate) limits: &'d Limits,
    pub(crate) schemas: &'d [OnceCell<Option<SchemaSet>>],
    pub(crate) validators: &'d [OnceCell<Option<SchemaValidator<'d>>>],
    pub(crate) json: &'d [OnceCell<Option<Validator>>],
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
    fn xsd(&self, standard: usize) -> Option<(&'d SchemaSet, &'d SchemaValidator<'d>)> {
        let cell = self.schemas.get(standard)?;
        let schemas = cell.get_or_init(|| self.registry.schemas(standard)).as_ref()?;
        let validator = self.validators.get(standard)?.get_or_init(|| {
            let lean = ValidationFlags::default() - ValidationFlags::BUILD_PSVI_TYPED_VALUES;
            Some(SchemaValidator::new(schemas, lean))
        });
        Some((schemas, validator.as_ref()?))
    }

    /// The standard and message type of a root, or the verdict that there is none.
    fn recognise(
        &self,
        found: Found<'d>,
        name: &str,
        text: &str,
        (path, at): (String, usize),
    ) -> Result<(usize, Case<'d>), Box<Verdict>> {
        let entry = match found {
            Found::Message(index, message) => {
                let standard = self.registry.standards.get(index).expect("found standards exist");
                let mut report = Report::new(self.limits.violations_max);
                report.of(standard);
                return Ok((index, Case { standard, message, report }));
            }
            Found::OtherMessage(index) => {
                let standard = self.registry.standards.get(index).expect("found standards exist");
                let title = format!("{} {}", standard.title, standard.version);
                Entry::error(
                    codes::UNKNOWN_MESSAGE_TYPE,
                    format!(
                        "„{name}“ ist keine Nachricht, die vom Standard {title} angenommen wird."
                    ),
                    format!("`{name}` is no message that is taken of the standard {title}."),
                )
            }
            Found::OtherVersion(standards) => unknown_version(&standards),
            Found::Nothing => Entry::error(
                codes::UNKNOWN_STANDARD,
                format!("Für „{name}“ in diesem Namensraum ist kein Standard eingerichtet."),
                format!("No standard is installed for `{name}` in this namespace."),
            ),
        };
        Err(Box::new(self.refuse_at(text, entry.at(path, at))))
    }

    /// Ends a case: header, cross-checks, mapping, verdict. `text` is where the places are counted.
    fn conclude(
        &self,
        mut case: Case<'_>,
        tree: &Tree,
        place: &dyn Fn(Node) -> (String, usize),
        text: &str,
        sound: Option<Sound>,
    ) -> Verdict {
        let (standard, message) = (case.standard, case.message);
        let header = header::read(standard, message, tree);
        if sound.is_some() {
            header::cross_check(standard, message, tree, place, &mut case.report);
        }
        let carried = sound
            .filter(|_| !case.report.is_refusal())
            .and_then(|sound| self.carry(&mut case, &header, tree, place, sound));
        let (violations, violations_total) = case.report.finish(text);
        Verdict {
            recognised: Some(Recognised::clone(&message.recognised)),
            header,
            violations,
            violations_total,
            message: carried,
        }
    }

    fn carry(
        &self,
        case: &mut Case<'_>,
        header: &Header,
        tree: &Tree,
        place: &dyn Fn(Node) -> (String, usize),
        sound: Sound,
    ) -> Option<Message> {
        let (standard, message) = (case.standard, case.message);
        let head = header::canonical(standard, message, header, tree);
        let mut canonical =
            canonical::Application { header: Some(head), ..Default::default() }.encode_to_vec();
        match fill::fill(&standard.mapping, &message.name, tree, &self.registry.canonical) {
            Ok(body) => canonical.extend(body),
            Err(faults) => {
                for fault in faults {
                    let (path, at) = place(fault.node);
                    case.report.push(unmappable(&fault).at(path, at));
                }
                return None;
            }
        }
        let attachments = attachments(&canonical);
        Some(Message {
            normalised: sound.normalised.map(Bytes::from),
            canonical: canonical.into(),
            media_type: sound.media_type.to_owned(),
            attachments,
        })
    }
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

fn unmappable(fault: &fill::Unmappable) -> Entry<'static> {
    let (german, english) = fault.expected;
    let target = &fault.target;
    Entry::error(
        codes::MAPPING,
        format!("Der Wert kann nicht übernommen werden; erwartet wird {german} (Feld {target})."),
        format!("The value cannot be carried over; {english} is expected (field {target})."),
    )
}

fn unknown_version(standards: &[&Standard]) -> Entry<'static> {
    let title = standards.first().map_or("", |standard| &standard.title);
    let versions: Vec<&str> = standards.iter().map(|standard| &*standard.version).collect();
    let versions = versions.join(", ");
    Entry::error(
        codes::UNKNOWN_VERSION,
        format!("Diese Version des Standards {title} wird nicht angenommen; angenommen wird: {versions}."),
        format!("This version of the standard {title} is not taken; taken is: {versions}."),
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
