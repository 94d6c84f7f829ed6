//! A mapping in the order of the wire.

use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor, Value};

use super::{
    generic::Numbers,
    routes::{Route, Routes},
};
use crate::load::{
    mapping::{Items, Join, Rule, Source},
    path::Path,
};

/// How documents of one message type become canonical messages.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    pub(super) whole: Scope,
    /// Everything below these becomes generic fields, which come last: no field has a higher number.
    pub(super) generic: Vec<Path>,
    pub(super) numbers: Option<Numbers>,
    /// Whether it fills the list of attachments.
    pub(crate) has_attachments: bool,
}

/// A message that is made of what stands below one node.
#[derive(Debug, Default)]
pub(super) struct Scope {
    pub(super) routes: Routes,
    pub(super) sheet: Sheet,
}

/// The fields of one message, by their numbers.
#[derive(Debug, Default)]
pub(super) struct Sheet {
    pub(super) fields: Vec<Field>,
}

/// One field and what it is made of.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) number: u32,
    /// Of several fields in one group (`oneof`), only one is there.
    pub(super) group: Option<usize>,
    pub(super) part: Part,
}

/// What a field is made of.
#[derive(Debug)]
pub(super) enum Part {
    /// A value: the last line that has one.
    Value(Vec<Line>),
    /// A message, which is there if anything in it is.
    Message(Sheet),
    /// The items of every repetition, one behind the other.
    List(Vec<Repetition>),
}

/// One line of a mapping.
#[derive(Debug)]
pub(super) struct Line {
    /// Its number among the lines.
    pub(super) order: u32,
    /// The field's dotted name, as in the line.
    pub(super) name: String,
    /// Where the value may be from: the first that leads to one.
    pub(super) routes: Vec<Route>,
    pub(super) reading: Reading,
    pub(super) kind: ValueKind,
    /// Whether zero, false and the empty text are told from nothing.
    pub(super) keeps_default: bool,
}

/// What is made of what stands there.
#[derive(Debug)]
pub(super) enum Reading {
    /// The same, whatever stands there.
    Constant(Value),
    /// The text, as the field wants it.
    Text,
    Date,
    Cents,
    Code,
    /// All of them in one text, with this between them.
    Join(String),
    NamePrefix,
    FamilyName,
    Table(Vec<(String, Value)>),
    Present,
}

/// What a value is on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ValueKind {
    Text,
    Truth,
    Number32,
    Number64,
    Enumeration,
    Code(CodeNumbers),
}

/// The numbers of the fields of a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct CodeNumbers {
    pub(super) code: u32,
    pub(super) list: u32,
    pub(super) list_version: u32,
    pub(super) name: u32,
}

/// One item for every node.
#[derive(Debug)]
pub(super) struct Repetition {
    pub(super) order: u32,
    pub(super) each: Vec<Path>,
    pub(super) item: Item,
}

/// What one node of a repetition becomes.
#[derive(Debug)]
pub(super) enum Item {
    Message(Scope),
    Text,
    Code(CodeNumbers),
}

impl Plan {
    /// Lays out `rules` for the canonical message, which come after each other in this order.
    pub(crate) fn new<'r>(
        rules: impl Iterator<Item = &'r Rule>,
        generic: &[Path],
        canonical: &MessageDescriptor,
    ) -> Self {
        let field = canonical.get_field_by_name("fields");
        let numbers = field.and_then(|field| {
            let Kind::Message(inner) = field.kind() else { return None };
            let number = |name| inner.get_field_by_name(name).map(|field| field.number());
            Some(Numbers { fields: field.number(), name: number("name")?, value: number("value")? })
        });
        let whole = Scope::new(rules);
        let attachments = canonical.get_field_by_name("attachments").map(|field| field.number());
        let has_attachments =
            whole.sheet.fields.iter().any(|field| Some(field.number) == attachments);
        Self { whole, generic: generic.to_vec(), numbers, has_attachments }
    }
}

impl Scope {
    fn new<'r>(rules: impl Iterator<Item = &'r Rule>) -> Self {
        let mut scope = Self::default();
        for (order, rule) in (0..).zip(rules) {
            scope.sheet.add(&rule.target, (order, rule), &mut scope.routes);
        }
        scope
    }
}

impl Sheet {
    /// Adds what a rule, with its number, says of the field at the end of `target`.
    fn add(&mut self, target: &[FieldDescriptor], rule: (u32, &Rule), routes: &mut Routes) {
        let Some((field, below)) = target.split_first() else { return };
        let is_within = !below.is_empty();
        let has_place = |other: &Field| {
            other.number == field.number() && is_within == matches!(other.part, Part::Message(_))
        };
        let at = self.fields.iter().position(has_place).unwrap_or_else(|| {
            let at = self.fields.partition_point(|other| other.number <= field.number());
            self.fields.insert(at, Field::new(field, is_within));
            at
        });
        match self.fields.get_mut(at).map(|field| &mut field.part) {
            Some(Part::Message(sheet)) => sheet.add(below, rule, routes),
            Some(Part::Value(lines)) => lines.extend(Line::new(field, rule, routes)),
            Some(Part::List(repetitions)) => repetitions.extend(Repetition::new(field, rule)),
            None => {}
        }
    }
}

impl Field {
    fn new(field: &FieldDescriptor, is_within: bool) -> Self {
        let group = field
            .containing_oneof()
            .and_then(|group| field.parent_message().oneofs().position(|other| other == group));
        let part = match (is_within, field.is_list()) {
            (true, _) => Part::Message(Sheet::default()),
            (false, true) => Part::List(Vec::new()),
            (false, false) => Part::Value(Vec::new()),
        };
        Self { number: field.number(), group, part }
    }
}

impl Line {
    fn new(
        field: &FieldDescriptor,
        (order, rule): (u32, &Rule),
        routes: &mut Routes,
    ) -> Option<Self> {
        let kind = match field.kind() {
            Kind::String => ValueKind::Text,
            Kind::Bool => ValueKind::Truth,
            Kind::Uint32 => ValueKind::Number32,
            Kind::Uint64 => ValueKind::Number64,
            Kind::Enum(_) => ValueKind::Enumeration,
            Kind::Message(code) => ValueKind::Code(CodeNumbers::of(&code)?),
            _ => return None,
        };
        let (paths, reading) = Reading::of(&rule.source)?;
        let routes = paths.iter().map(|path| routes.add(path)).collect();
        let keeps_default = field.supports_presence();
        Some(Self { order, name: rule.name(), routes, reading, kind, keeps_default })
    }
}

impl Reading {
    /// Where `source` reads, and how; `None` of a repetition, which is none of a value.
    fn of(source: &Source) -> Option<(&[Path], Self)> {
        Some(match source {
            Source::Constant(value) => (&[], Self::Constant(value.clone())),
            Source::Text(paths) => (paths, Self::Text),
            Source::Date(paths) => (paths, Self::Date),
            Source::Cents(paths) => (paths, Self::Cents),
            Source::Code(paths) => (paths, Self::Code),
            Source::Join(Join { paths, with, .. }) => (paths, Self::Join(with.clone())),
            Source::NamePrefix(paths) => (paths, Self::NamePrefix),
            Source::FamilyName(paths) => (paths, Self::FamilyName),
            Source::Table(paths, values) => (paths, Self::Table(values.clone())),
            Source::Present(paths) => (paths, Self::Present),
            Source::Repeat(..) => return None,
        })
    }
}

impl Repetition {
    fn new(field: &FieldDescriptor, (order, rule): (u32, &Rule)) -> Option<Self> {
        let Source::Repeat(each, items) = &rule.source else { return None };
        let item = match (items, field.kind()) {
            (Items::Messages(rules), _) => Item::Message(Scope::new(rules.iter())),
            (Items::Codes, Kind::Message(code)) => Item::Code(CodeNumbers::of(&code)?),
            _ => Item::Text,
        };
        Some(Self { order, each: each.clone(), item })
    }
}

impl CodeNumbers {
    fn of(code: &MessageDescriptor) -> Option<Self> {
        let number = |name| code.get_field_by_name(name).map(|field| field.number());
        Some(Self {
            code: number("code")?,
            list: number("list")?,
            list_version: number("list_version")?,
            name: number("name")?,
        })
    }
}
