//! Canonical message in, document of a standard out: the same mapping and dialect, backwards.
//!
//! 1. The mapping's lines, the dialect and the generic fields are laid out as a draft: names and
//!    texts, in no order yet (`draft.rs`, `reverse.rs`, `head.rs`);
//! 2. the XSD puts the draft in order, gives each name its namespace, and adds what it prescribes
//!    itself (`shape.rs`, `model.rs`, `arrange.rs`); a JSON Schema says what is a list, a number or a
//!    truth (`json.rs`);
//! 3. what was written is judged and mapped like any document that comes in, and what comes back
//!    must say all that the canonical message said (`compare.rs`). So nothing is ever lost on the
//!    way back without being told.

mod arrange;
mod compare;
mod draft;
mod head;
mod json;
mod model;
mod reverse;
mod shape;
mod xml;

use std::fmt;

use bytes::Bytes;
use messaging::{ProcedureName, Timestamp};
use prost_reflect::DynamicMessage;

use self::{draft::Draft, shape::Shape};
use crate::{
    Document, Severity, codes,
    desk::Desk,
    load::standard::{MessageType, Standard},
};

/// The form a message is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Media {
    /// `application/xml`, UTF-8.
    Xml,
    /// `application/json`.
    Json,
}

impl Media {
    /// Its media type.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Xml => "application/xml",
            Self::Json => "application/json",
        }
    }
}

/// A canonical message to be written.
#[derive(Clone)]
pub struct Composition {
    /// The standard, its version and the message type; an empty message type is chosen by the
    /// canonical header or, failing that, by the mapping's constants.
    pub procedure: ProcedureName,
    /// `amtsbote.canonical.v1.Application`, encoded.
    pub canonical: Bytes,
    /// The form.
    pub media: Media,
    /// Now; standards have validity dates.
    pub now: Timestamp,
}

/// Never the payload.
impl fmt::Debug for Composition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Composition")
            .field("procedure", &self.procedure)
            .field("media", &self.media)
            .finish_non_exhaustive()
    }
}

/// A document that was written.
#[derive(Clone, PartialEq, Eq)]
pub struct Composed {
    /// UTF-8.
    pub bytes: Bytes,
    /// Which message type it is.
    pub message_type: String,
}

/// Never the payload.
impl fmt::Debug for Composed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Composed")
            .field("bytes", &self.bytes.len())
            .field("message_type", &self.message_type)
            .finish()
    }
}

/// Why a canonical message cannot be written: everything at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ComposeError {
    /// `AB-4300` or `AB-4301`, or `AB-9400` for a fault of ours.
    pub code: &'static str,
    /// At least one.
    pub problems: Vec<Uncarried>,
}

impl fmt::Display for ComposeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} problem(s) in writing the message", self.code, self.problems.len())
    }
}

impl std::error::Error for ComposeError {}

/// One thing that cannot be carried. Its texts hold no values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Uncarried {
    /// The canonical field, e.g. `applicant.address.city`; empty where none is concerned.
    pub field: String,
    /// The place in the document, by local names below the root; empty where there is none.
    pub path: String,
    /// In German, a full sentence.
    pub german: String,
    /// In English, a full sentence.
    pub english: String,
}

impl Uncarried {
    fn new(
        field: impl Into<String>,
        path: impl Into<String>,
        german: impl Into<String>,
        english: impl Into<String>,
    ) -> Self {
        let (german, english) = (german.into(), english.into());
        Self { field: field.into(), path: path.into(), german, english }
    }
}

/// A mapping's line that cannot be reversed for every value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OneWay {
    /// The standard.
    pub standard: String,
    /// Its version.
    pub version: String,
    /// The canonical field.
    pub field: String,
}

impl Desk<'_> {
    /// Writes the message of `order`.
    pub(crate) fn compose(&self, order: &Composition) -> Result<Composed, ComposeError> {
        let pool = &self.registry.canonical;
        let Ok(message) = DynamicMessage::decode(pool.clone(), &*order.canonical) else {
            return Err(unknown(
                "Das sind nicht die Bytes einer kanonischen Nachricht.",
                "These are not the bytes of a canonical message.",
            ));
        };
        let (index, standard, message_type) = self.ordered(order, &message)?;
        let schema = match order.media {
            Media::Xml => None,
            Media::Json => Some(json::read(standard).ok_or_else(no_such_form)?),
        };
        let shape = self.shape(index, standard, message_type, schema.as_ref())?;
        let mut draft = Draft::new(&message_type.name, shape.root());
        let mut problems = reverse::write(standard, message_type, &message, &shape, &mut draft);
        let text = match &shape {
            Shape::Xml(xml) => arrange::arrange(&draft, xml, &mut problems)
                .map(|element| xml::serialise(&element, &standard.id)),
            Shape::Json(json) => json::serialise(&draft, json, &mut problems),
        };
        let Some(text) = text.filter(|_| problems.is_empty()) else {
            return Err(uncarried(problems));
        };
        let bytes = self.verify(order, &message, &draft, text)?;
        Ok(Composed { bytes, message_type: message_type.name.clone() })
    }

    fn ordered(
        &self,
        order: &Composition,
        message: &DynamicMessage,
    ) -> Result<(usize, &Standard, &MessageType), ComposeError> {
        let wanted = &order.procedure;
        let is = |s: &&Standard| s.id == wanted.standard && s.version == wanted.version;
        let found = self.registry.standards.iter().enumerate().find(|(_, standard)| is(standard));
        let Some((index, standard)) = found else {
            return Err(unknown(
                "Dieser Standard ist in dieser Version nicht eingerichtet.",
                "This standard is not installed in this version.",
            ));
        };
        let chosen = reverse::message_type(standard, &wanted.message_type, message);
        chosen.map(|message_type| (index, standard, message_type)).ok_or_else(|| {
            unknown(
                "Der Standard hat keinen solchen Nachrichtentyp, oder er lässt sich aus der Nachricht nicht bestimmen.",
                "The standard has no such message type, or it does not follow from the message.",
            )
        })
    }

    fn shape<'s>(
        &'s self,
        index: usize,
        standard: &'s Standard,
        message_type: &MessageType,
        schema: Option<&'s json::Files>,
    ) -> Result<Shape<'s>, ComposeError> {
        let (namespace, name) = (&standard.namespace, &message_type.name);
        let found = match schema {
            Some(schema) => json::JsonShape::new(standard, schema, name).map(Shape::Json),
            None => self.xsd(index).and_then(|(schemas, _)| {
                shape::XmlShape::new(schemas, namespace, name).map(Shape::Xml)
            }),
        };
        found.ok_or_else(no_such_form)
    }

    /// What was written must be taken, and must say all that the canonical message said.
    fn verify(
        &self,
        order: &Composition,
        message: &DynamicMessage,
        draft: &Draft,
        text: String,
    ) -> Result<Bytes, ComposeError> {
        let bytes = Bytes::from(text);
        let media_type = Some(order.media.as_str().to_owned());
        let document = Document { bytes: bytes.clone(), media_type, now: order.now };
        let verdict = self.check(&document);
        let Some(back) = verdict.message else {
            let errors = verdict.violations.into_iter().filter(|v| v.severity == Severity::Error);
            let problems = errors.map(|violation| {
                let path = draft::below_root(&violation.path);
                let field = draft.field_at(&path);
                Uncarried::new(field, path, violation.german, violation.english)
            });
            return Err(uncarried(problems.collect()));
        };
        let back = DynamicMessage::decode(self.registry.canonical.clone(), &*back.canonical);
        let lost = back.map(|back| compare::lost(message, &back)).unwrap_or_default();
        if lost.is_empty() {
            return Ok(bytes);
        }
        let problems = lost.into_iter().map(|field| {
            Uncarried::new(
                field,
                "",
                "Diese Angabe lässt sich in dieser Nachricht nicht unverändert übermitteln.",
                "This value cannot be carried by this message as it is.",
            )
        });
        Err(uncarried(problems.collect()))
    }
}

fn uncarried(mut problems: Vec<Uncarried>) -> ComposeError {
    let mut seen = std::collections::HashSet::new();
    problems.retain(|p| seen.insert((p.field.clone(), p.path.clone(), p.english.clone())));
    ComposeError { code: codes::NOT_CARRIED, problems }
}

fn no_such_form() -> ComposeError {
    unknown(
        "In dieser Form gibt es den Nachrichtentyp nicht.",
        "The message type does not exist in this form.",
    )
}

fn unknown(german: &str, english: &str) -> ComposeError {
    let problems = vec![Uncarried::new("", "", german, english)];
    ComposeError { code: codes::NOTHING_TO_WRITE, problems }
}

/// The answer where composing failed by a fault of ours.
pub(crate) fn defect() -> ComposeError {
    let problem = Uncarried::new(
        "",
        "",
        "Beim Erstellen der Nachricht ist ein Fehler in Amtsbote selbst aufgetreten.",
        "A fault in Amtsbote itself occurred while the message was written.",
    );
    ComposeError { code: codes::DEFECT, problems: vec![problem] }
}

/// The mapping's lines that cannot be reversed for every value.
pub(crate) fn one_way(standards: &[Standard]) -> Vec<OneWay> {
    let of = |standard: &Standard| {
        let fields = reverse::one_way(standard);
        let (id, version) = (standard.id.clone(), standard.version.clone());
        fields.into_iter().map(move |field| {
            let (standard, version) = (id.clone(), version.clone());
            OneWay { standard, version, field }
        })
    };
    standards.iter().flat_map(of).collect()
}
