//! `mapping.toml`: which canonical field comes from where, checked against the canonical message
//! before the first document.

use std::collections::HashMap;

use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor, Value};

use crate::load::{
    LoadFault,
    dialect::paths,
    path::Path,
    toml_file::{Entry, Table, TomlFile},
};

/// Fields a part of the canonical message cannot be without: part, fields.
const MANDATORY: [(&str, &[&str]); 9] = [
    ("vehicle_registration", &["procedure"]),
    ("driving_licence", &["procedure", "classes"]),
    ("residence_certificate", &["kind"]),
    ("business_registration", &["procedure", "owners", "activity"]),
    ("record_filing", &["procedure", "records"]),
    ("answer", &["kind"]),
    ("payment.sepa_mandate", &["account_holder", "iban"]),
    ("attachments", &["name"]),
    ("applicant.organisation", &["name"]),
];

/// How the documents of one standard become canonical.
#[derive(Debug, Default)]
pub(crate) struct Mapping {
    /// For every message type.
    pub(crate) rules: Vec<Rule>,
    /// For one message type, after the others.
    pub(crate) of_message: HashMap<String, Vec<Rule>>,
    /// Every leaf below these becomes a generic field.
    pub(crate) generic: Vec<Path>,
}

/// One line: a canonical field and its source.
#[derive(Debug)]
pub(crate) struct Rule {
    /// From the canonical message down; at least one.
    pub(crate) target: Vec<FieldDescriptor>,
    /// Where the value is from.
    pub(crate) source: Source,
}

/// The functions a mapping has; all are total: they give a value, nothing, or a violation.
#[derive(Debug)]
pub(crate) enum Source {
    /// Always the same.
    Constant(Value),
    /// The first path that leads to a value.
    Text(Vec<Path>),
    /// The same, as `YYYY-MM-DD`, `YYYY-MM` or `YYYY`.
    Date(Vec<Path>),
    /// The same in euros, as cents.
    Cents(Vec<Path>),
    /// A code with its list.
    Code(Vec<Path>),
    /// Several values in one text.
    Join(Vec<Path>, String),
    /// A value by a table.
    Table(Vec<Path>, HashMap<String, Value>),
    /// Whether one of the paths leads to a node.
    Present(Vec<Path>),
    /// One message per node.
    Repeat(Path, Vec<Rule>),
}

impl Mapping {
    /// Reads the mapping at `location`, for documents of `message_types`.
    pub(crate) fn read(
        location: &str,
        canonical: &MessageDescriptor,
        message_types: &[String],
        faults: &mut Vec<LoadFault>,
    ) -> Self {
        let mut mapping = Self::default();
        let Some(file) = TomlFile::read(location, faults) else { return mapping };
        let mut root = file.root();
        if let Some(table) = root.table("fields") {
            mapping.rules = rules(table, canonical);
        }
        if let Some(mut table) = root.table("repeat") {
            let repeats = table.take_all().into_iter();
            mapping.rules.extend(repeats.filter_map(|entry| repeat(entry, canonical)));
        }
        if let Some(mut table) = root.table("message") {
            for entry in table.take_all() {
                if !message_types.contains(&entry.name) {
                    entry.fault("no message type of this standard has this name");
                }
                let name = entry.name.clone();
                if let Some(table) = entry.table() {
                    mapping.of_message.insert(name, rules(table, canonical));
                }
            }
        }
        mapping.generic = root.take("generic").and_then(paths).unwrap_or_default();
        let line = root.line();
        root.finish();
        mapping.check(&file, line, message_types);
        faults.extend(file.into_faults());
        mapping
    }

    fn check(&self, file: &TomlFile, line: u32, message_types: &[String]) {
        for message_type in message_types {
            let of_message = self.of_message.get(message_type).map_or(&[][..], Vec::as_slice);
            let mut targets = Vec::new();
            collect(self.rules.iter().chain(of_message), "", &mut targets);
            if targets.is_empty() && self.generic.is_empty() {
                file.fault(line, "fields", format!("nothing of `{message_type}` is mapped"));
            }
            for (part, fields) in MANDATORY {
                let is_used = targets.iter().any(|target| is_below(target, part));
                for field in fields.iter().map(|field| format!("{part}.{field}")) {
                    if is_used && !targets.iter().any(|target| is_below(target, &field)) {
                        let message = format!("is mandatory and not mapped for `{message_type}`");
                        file.fault(line, &field, message);
                    }
                }
            }
        }
    }
}

fn is_below(target: &str, part: &str) -> bool {
    target.strip_prefix(part).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

fn collect<'r>(rules: impl Iterator<Item = &'r Rule>, prefix: &str, targets: &mut Vec<String>) {
    for rule in rules {
        let names: Vec<&str> = rule.target.iter().map(FieldDescriptor::name).collect();
        let target = format!("{prefix}{}", names.join("."));
        if let Source::Repeat(_, rules) = &rule.source {
            collect(rules.iter(), &format!("{target}."), targets);
        }
        targets.push(target);
    }
}

fn rules(mut table: Table<'_>, message: &MessageDescriptor) -> Vec<Rule> {
    table.take_all().into_iter().filter_map(|entry| rule(entry, message)).collect()
}

fn rule(entry: Entry<'_>, message: &MessageDescriptor) -> Option<Rule> {
    let target = target(&entry, message)?;
    let field = target.last()?;
    if field.is_list() {
        entry.fault("is a list: map it with [repeat]");
        return None;
    }
    let source = source(entry, field)?;
    Some(Rule { target, source })
}

/// Follows the dotted key of `entry` through the descriptors.
fn target(entry: &Entry<'_>, message: &MessageDescriptor) -> Option<Vec<FieldDescriptor>> {
    let mut target: Vec<FieldDescriptor> = Vec::new();
    for name in entry.name.split('.') {
        let message = match target.last().map(FieldDescriptor::kind) {
            None => message.clone(),
            Some(Kind::Message(message)) => message,
            Some(_) => {
                entry.fault(format!("`{name}` cannot be within a field that is no message"));
                return None;
            }
        };
        if target.last().is_some_and(FieldDescriptor::is_list) {
            entry.fault("leads through a list: map it with [repeat]");
            return None;
        }
        let Some(field) = message.get_field_by_name(name) else {
            entry.fault(format!("`{}` has no field `{name}`", message.full_name()));
            return None;
        };
        target.push(field);
    }
    if target.first().is_some_and(|field| matches!(field.name(), "header" | "fields")) {
        entry.fault("is filled by the dialect or by `generic`, not by lines of its own");
        return None;
    }
    Some(target)
}

fn source(entry: Entry<'_>, field: &FieldDescriptor) -> Option<Source> {
    let is_code = matches!(field.kind(), Kind::Message(m) if m.name() == "Code");
    if entry.is_text() || entry.is_array() {
        let report = entry.reporter();
        let paths = paths(entry)?;
        return match field.kind() {
            Kind::String | Kind::Bool | Kind::Uint32 | Kind::Uint64 => Some(Source::Text(paths)),
            Kind::Message(_) if is_code => Some(Source::Code(paths)),
            Kind::Enum(_) => {
                report("is an enumeration: use { from = …, values = { … } } or { constant = … }");
                None
            }
            _ => {
                report("is a message: map its fields");
                None
            }
        };
    }
    let report = entry.reporter();
    let mut table = entry.table()?;
    let source = function(&mut table, field, is_code, &report);
    table.finish();
    source
}

fn function(
    table: &mut Table<'_>,
    field: &FieldDescriptor,
    is_code: bool,
    report: &impl Fn(&str),
) -> Option<Source> {
    let is_text = matches!(field.kind(), Kind::String);
    if let Some((text, _)) = table.text("constant") {
        return constant(&text, field, report).map(Source::Constant);
    }
    if let Some(entry) = table.take("date") {
        return expect(is_text, "a date needs a text field", report)
            .and_then(|()| paths(entry).map(Source::Date));
    }
    if let Some(entry) = table.take("cents") {
        return expect(matches!(field.kind(), Kind::Uint64), "cents need a uint64 field", report)
            .and_then(|()| paths(entry).map(Source::Cents));
    }
    if let Some(entry) = table.take("code") {
        return expect(is_code, "a code needs a field of type Code", report)
            .and_then(|()| paths(entry).map(Source::Code));
    }
    if let Some(entry) = table.take("present") {
        return expect(matches!(field.kind(), Kind::Bool), "needs a bool field", report)
            .and_then(|()| paths(entry).map(Source::Present));
    }
    if let Some(entry) = table.take("join") {
        let with = table.text("with").map_or_else(|| " ".to_owned(), |(with, _)| with);
        return expect(is_text, "joining needs a text field", report)
            .and_then(|()| paths(entry).map(|paths| Source::Join(paths, with)));
    }
    if let Some(entry) = table.take("from") {
        let paths = paths(entry)?;
        let Some(mut values) = table.table("values") else {
            report("`from` needs `values`");
            return None;
        };
        let mut known = HashMap::new();
        for entry in values.take_all() {
            let (name, report) = (entry.name.clone(), entry.reporter());
            if let Some(value) = entry.text().and_then(|t| constant(&t, field, &report)) {
                known.insert(name, value);
            }
        }
        return Some(Source::Table(paths, known));
    }
    report("one of constant, date, cents, code, present, join, from is expected");
    None
}

fn expect(is_met: bool, message: &str, report: &impl Fn(&str)) -> Option<()> {
    if !is_met {
        report(message);
    }
    is_met.then_some(())
}

fn constant(text: &str, field: &FieldDescriptor, report: &impl Fn(&str)) -> Option<Value> {
    match field.kind() {
        Kind::String => Some(Value::String(text.to_owned())),
        Kind::Bool => Some(Value::Bool(text == "true")),
        Kind::Enum(kind) => match kind.get_value_by_name(text) {
            Some(value) => Some(Value::EnumNumber(value.number())),
            None => {
                report(&format!("`{}` has no value `{text}`", kind.full_name()));
                None
            }
        },
        _ => {
            report("only texts, truths and enumerations can be constant");
            None
        }
    }
}

fn repeat(entry: Entry<'_>, canonical: &MessageDescriptor) -> Option<Rule> {
    let target = target(&entry, canonical)?;
    let report = entry.reporter();
    let message = match target.last() {
        Some(field) if field.is_list() => match field.kind() {
            Kind::Message(message) => message,
            _ => return expect(false, "is no list of messages", &report).and(None),
        },
        _ => return expect(false, "is no list", &report).and(None),
    };
    let mut table = entry.table()?;
    let each = table.required_text("each");
    let rules = table.table("fields").map(|fields| rules(fields, &message));
    table.finish();
    let Some(rules) = rules else {
        return expect(false, "`fields` is missing", &report).and(None);
    };
    let each = Path::parse(&each?.0).map_err(|message| report(&message)).ok()?;
    Some(Rule { target, source: Source::Repeat(each, rules) })
}
