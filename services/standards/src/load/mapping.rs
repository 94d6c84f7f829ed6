//! `mapping.toml`: which canonical field comes from where, checked against the canonical message
//! before the first document.

use std::collections::HashMap;

use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor, Value};

use crate::load::{
    LoadFault,
    dialect::paths,
    function::function,
    path::Path,
    shape::Shapes,
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

/// Lists within lists that a mapping may describe; a shape within itself is followed down to here.
const REPEATS_NESTED_MAX: usize = 8;

/// How the documents of one standard become canonical, and canonical messages documents.
#[derive(Debug, Default)]
pub(crate) struct Mapping {
    /// For every message type.
    pub(crate) rules: Vec<Rule>,
    /// For one message type, after the others.
    pub(crate) of_message: HashMap<String, Vec<Rule>>,
    /// Every leaf below these becomes a generic field.
    pub(crate) generic: Vec<Path>,
    /// What a document says that the canonical message does not know: written where nothing else is.
    pub(crate) written: Vec<(Path, String)>,
}

/// One line: a canonical field and its source.
#[derive(Clone, Debug)]
pub(crate) struct Rule {
    /// From the canonical message down; at least one.
    pub(crate) target: Vec<FieldDescriptor>,
    /// Where the value is from.
    pub(crate) source: Source,
}

/// The functions a mapping has; all are total: they give a value, nothing, or a violation.
#[derive(Clone, Debug)]
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
    /// Every value of every path in one text.
    Join(Join),
    /// What stands before the family name where a standard writes both in one text.
    NamePrefix(Vec<Path>),
    /// The family name without what stands before it.
    FamilyName(Vec<Path>),
    /// A value by a table, in the file's order.
    Table(Vec<Path>, Vec<(String, Value)>),
    /// Whether one of the paths leads to a node.
    Present(Vec<Path>),
    /// One item per node of every path; several rules for one list append.
    Repeat(Vec<Path>, Items),
}

/// Several values in one text.
#[derive(Clone, Debug)]
pub(crate) struct Join {
    pub(crate) paths: Vec<Path>,
    /// Between them.
    pub(crate) with: String,
    /// Whether the text is taken apart again at `with` when it is written.
    pub(crate) is_split: bool,
}

/// What one node of a repetition becomes.
#[derive(Clone, Debug)]
pub(crate) enum Items {
    /// A message, by these rules.
    Messages(Vec<Rule>),
    /// The node's text.
    Texts,
    /// The node's code with its list.
    Codes,
}

impl Rule {
    /// The target's dotted name.
    pub(crate) fn name(&self) -> String {
        let names: Vec<&str> = self.target.iter().map(FieldDescriptor::name).collect();
        names.join(".")
    }

    /// Whether it is for reading only.
    pub(crate) fn is_one_way(&self) -> bool {
        let paths = match &self.source {
            Source::Constant(_) => return false,
            Source::Join(join) => &join.paths,
            Source::Text(paths)
            | Source::Date(paths)
            | Source::Cents(paths)
            | Source::Code(paths)
            | Source::NamePrefix(paths)
            | Source::FamilyName(paths)
            | Source::Table(paths, _)
            | Source::Present(paths)
            | Source::Repeat(paths, _) => paths,
        };
        paths.iter().any(Path::is_one_way)
    }
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
        let shapes = Shapes::read(root.table("shape"));
        let top = Nesting { shapes: &shapes, depth: 1, is_of_shape: false };
        if let Some(table) = root.table("fields") {
            mapping.rules = fields(table, canonical);
        }
        if let Some(table) = root.table("repeat") {
            mapping.rules.extend(repeats(table, canonical, top));
        }
        if let Some(mut table) = root.table("message") {
            for entry in table.take_all() {
                if !message_types.contains(&entry.name) {
                    entry.fault("no message type of this standard has this name");
                }
                let name = entry.name.clone();
                if let Some(mut table) = entry.table() {
                    let repeated = table.table("repeat").map(|t| repeats(t, canonical, top));
                    let mut rules = fields(table, canonical);
                    rules.extend(repeated.unwrap_or_default());
                    mapping.of_message.insert(name, rules);
                }
            }
        }
        mapping.generic = root.take("generic").and_then(paths).unwrap_or_default();
        mapping.written = root.table("written").map(written).unwrap_or_default();
        let line = root.line();
        root.finish();
        shapes.finish();
        mapping.check(&file, line, message_types);
        faults.extend(file.into_faults());
        mapping
    }

    /// The rules for documents of `message_type`, in order.
    pub(crate) fn rules<'m>(
        &'m self,
        message_type: &str,
    ) -> impl Iterator<Item = &'m Rule> + use<'m> {
        let of_message = self.of_message.get(message_type).map_or(&[][..], Vec::as_slice);
        self.rules.iter().chain(of_message)
    }

    fn check(&self, file: &TomlFile, line: u32, message_types: &[String]) {
        for message_type in message_types {
            let mut targets = Vec::new();
            collect(self.rules(message_type), "", &mut targets);
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
        let target = format!("{prefix}{}", rule.name());
        if let Source::Repeat(_, Items::Messages(rules)) = &rule.source {
            collect(rules.iter(), &format!("{target}."), targets);
        }
        targets.push(target);
    }
}

fn written(mut table: Table<'_>) -> Vec<(Path, String)> {
    let mut written = Vec::new();
    for entry in table.take_all() {
        let report = entry.reporter();
        let path = Path::parse(&entry.name).map_err(|message| report(&message));
        if let (Ok(path), Some(text)) = (path, entry.text()) {
            written.push((path, text));
        }
    }
    written
}

fn fields(mut table: Table<'_>, message: &MessageDescriptor) -> Vec<Rule> {
    table.take_all().into_iter().flat_map(|entry| rules(entry, message)).collect()
}

/// The rules of one line; both parts of a name may come from one.
fn rules(entry: Entry<'_>, message: &MessageDescriptor) -> Vec<Rule> {
    let Some(target) = target(&entry, message) else { return Vec::new() };
    let Some(field) = target.last() else { return Vec::new() };
    if field.is_list() {
        entry.fault("is a list: map it with [repeat]");
        return Vec::new();
    }
    if let Kind::Message(part) = field.kind()
        && let Some(prefix) = part.get_field_by_name("name_prefix")
        && let Some(name) = part.get_field_by_name("family_name")
    {
        return name_parts(entry, &target, prefix, name);
    }
    let source = source(entry, field);
    source.map(|source| Rule { target, source }).into_iter().collect()
}

fn name_parts(
    entry: Entry<'_>,
    target: &[FieldDescriptor],
    prefix: FieldDescriptor,
    name: FieldDescriptor,
) -> Vec<Rule> {
    let report = entry.reporter();
    if entry.is_text() || entry.is_array() {
        report("is a message: map its fields, or both parts of the name by { name_parts = … }");
        return Vec::new();
    }
    let Some(mut table) = entry.table() else { return Vec::new() };
    let paths = table.take("name_parts").and_then(paths);
    table.finish();
    let Some(paths) = paths else {
        report("`name_parts` is expected");
        return Vec::new();
    };
    let with = |field: FieldDescriptor| target.iter().cloned().chain([field]).collect();
    vec![
        Rule { target: with(prefix), source: Source::NamePrefix(paths.clone()) },
        Rule { target: with(name), source: Source::FamilyName(paths) },
    ]
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
    if target.first().is_some_and(|field| matches!(field.full_name(), HEADER | GENERIC)) {
        entry.fault("is filled by the dialect or by `generic`, not by lines of its own");
        return None;
    }
    Some(target)
}

const HEADER: &str = "amtsbote.canonical.v1.Application.header";
const GENERIC: &str = "amtsbote.canonical.v1.Application.fields";

fn source(entry: Entry<'_>, field: &FieldDescriptor) -> Option<Source> {
    let is_code = is_code(&field.kind());
    let report = entry.reporter();
    if entry.is_text() || entry.is_array() {
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
    let mut table = entry.table()?;
    let source = function(&mut table, field, is_code, &report);
    table.finish();
    source
}

/// Whether values of `kind` are codes with their list.
pub(crate) fn is_code(kind: &Kind) -> bool {
    matches!(kind, Kind::Message(message) if message.full_name() == "amtsbote.canonical.v1.Code")
}

/// Where a repetition stands.
#[derive(Clone, Copy)]
struct Nesting<'s, 'f> {
    shapes: &'s Shapes<'f>,
    /// From 1.
    depth: usize,
    /// Whether a shape brought it.
    is_of_shape: bool,
}

/// `[repeat.…]` and `[[repeat.…]]`.
fn repeats<'f>(
    mut table: Table<'f>,
    message: &MessageDescriptor,
    nesting: Nesting<'_, 'f>,
) -> Vec<Rule> {
    let mut rules = Vec::new();
    for entry in table.take_all() {
        let report = entry.reporter();
        if nesting.depth > REPEATS_NESTED_MAX {
            if !nesting.is_of_shape {
                report("is nested too deeply");
            }
            continue;
        }
        let Some(target) = target(&entry, message) else { continue };
        let several =
            if entry.is_array() { entry.tables() } else { entry.table().into_iter().collect() };
        for table in several {
            let source = repeat(table, target.last(), nesting, &report);
            rules.extend(source.map(|source| Rule { target: target.clone(), source }));
        }
    }
    rules
}

fn repeat<'f>(
    mut table: Table<'f>,
    field: Option<&FieldDescriptor>,
    nesting: Nesting<'_, 'f>,
    report: &impl Fn(&str),
) -> Option<Source> {
    let kind = field.filter(|field| field.is_list()).map(FieldDescriptor::kind);
    let each = table.take("each");
    let shape = table.text("shape").map(|(name, _)| name);
    let mut body = table;
    if let Some(name) = &shape {
        body.finish();
        let Some(shape) = nesting.shapes.get(name) else {
            report(&format!("there is no shape `{name}`"));
            return None;
        };
        body = shape;
    }
    let own = body.table("fields");
    let nested = body.table("repeat");
    body.finish();
    let items = match kind {
        None => {
            report("is no list");
            return None;
        }
        Some(Kind::String) if own.is_none() && nested.is_none() => Items::Texts,
        Some(kind) if is_code(&kind) && own.is_none() && nested.is_none() => Items::Codes,
        Some(Kind::Message(message)) => {
            if own.is_none() && nested.is_none() {
                report("`fields` is missing");
                return None;
            }
            let mut rules = own.map(|own| fields(own, &message)).unwrap_or_default();
            let within = Nesting {
                depth: nesting.depth + 1,
                is_of_shape: nesting.is_of_shape || shape.is_some(),
                ..nesting
            };
            rules.extend(nested.into_iter().flat_map(|table| repeats(table, &message, within)));
            Items::Messages(rules)
        }
        Some(_) => {
            report("is no list of messages or texts");
            return None;
        }
    };
    let Some(each) = each else {
        report("`each` is missing");
        return None;
    };
    let each = paths(each)?;
    if each.iter().any(|path| path.attribute().is_some()) {
        report("`each` leads to elements, not to an attribute");
        return None;
    }
    Some(Source::Repeat(each, items))
}
