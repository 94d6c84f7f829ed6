//! Applies a mapping: tree in, canonical message out, by protobuf reflection.

use prost::Message as _;
use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, Value};
use wire::canonical;

use crate::{
    load::{
        mapping::{Items, Join, Mapping, Rule, Source},
        path::Path,
    },
    name,
    tree::{Node, Tree},
};

/// A value that cannot be carried over.
#[derive(Debug)]
pub(crate) struct Unmappable {
    /// Where it is from.
    pub(crate) node: Node,
    /// The canonical field.
    pub(crate) target: String,
    /// What it should be, in German and English.
    pub(crate) expected: (&'static str, &'static str),
}

/// Maps `tree`, of a document of `message_type`, and adds it to `encoded`: everything but the header.
pub(crate) fn fill(
    mapping: &Mapping,
    message_type: &str,
    tree: &Tree<'_>,
    canonical: &MessageDescriptor,
    encoded: &mut Vec<u8>,
) -> Result<(), Vec<Unmappable>> {
    let Some(root) = tree.root() else { return Ok(()) };
    let mut faults = Vec::new();
    let mut message = DynamicMessage::new(canonical.clone());
    for rule in mapping.rules(message_type) {
        apply(rule, tree, root, &mut message, &mut faults);
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    message.encode(encoded).expect("a vector takes everything");
    // Generic fields have the highest number, so that appending them is encoding them in order.
    let mut generic = Generic::default();
    for path in &mapping.generic {
        for node in path.nodes(tree, root) {
            generic.encode(tree, node, encoded);
        }
    }
    Ok(())
}

fn apply(
    rule: &Rule,
    tree: &Tree<'_>,
    from: Node,
    message: &mut DynamicMessage,
    faults: &mut Vec<Unmappable>,
) {
    let Some((field, parents)) = rule.target.split_last() else { return };
    let value = match &rule.source {
        Source::Repeat(each, items) => repeated(each, items, field, tree, from, faults),
        source => match value(source, field, tree, from) {
            Ok(value) => value,
            Err((node, expected)) => {
                faults.push(Unmappable { node, target: rule.name(), expected });
                None
            }
        },
    };
    if let Some(value) = value {
        set(message, parents, field, value);
    }
}

/// Sets a field within its parents; what a list has already comes first.
fn set(
    message: &mut DynamicMessage,
    parents: &[FieldDescriptor],
    field: &FieldDescriptor,
    value: Value,
) {
    if let Some((first, rest)) = parents.split_first() {
        if let Some(inner) = message.get_field_mut(first).as_message_mut() {
            set(inner, rest, field, value);
        }
        return;
    }
    match (message.get_field_mut(field), value) {
        (Value::List(list), Value::List(more)) => list.extend(more),
        (before, value) => *before = value,
    }
}

fn repeated(
    each: &[Path],
    items: &Items,
    field: &FieldDescriptor,
    tree: &Tree<'_>,
    from: Node,
    faults: &mut Vec<Unmappable>,
) -> Option<Value> {
    let mut list = Vec::new();
    for node in each.iter().flat_map(|path| path.nodes(tree, from)) {
        let item = match (items, field.kind()) {
            (Items::Messages(rules), Kind::Message(descriptor)) => {
                let mut message = DynamicMessage::new(descriptor);
                for rule in rules {
                    apply(rule, tree, node, &mut message, faults);
                }
                Some(Value::Message(message))
            }
            (Items::Codes, Kind::Message(descriptor)) => code(node, descriptor, tree),
            _ => {
                let text = tree.text(node).trim();
                (!text.is_empty()).then(|| Value::String(text.to_owned()))
            }
        };
        list.extend(item);
    }
    (!list.is_empty()).then_some(Value::List(list))
}

type Expected = (Node, (&'static str, &'static str));

fn value(
    source: &Source,
    field: &FieldDescriptor,
    tree: &Tree<'_>,
    from: Node,
) -> Result<Option<Value>, Expected> {
    let text =
        |paths: &[Path]| paths.iter().find_map(|path| path.value(tree, from)).map(str::to_owned);
    let node = |paths: &[Path]| paths.iter().find_map(|path| path.node(tree, from)).unwrap_or(from);
    Ok(match source {
        Source::Constant(value) => Some(value.clone()),
        Source::Present(paths) => {
            let is_there = paths.iter().any(|path| path.node(tree, from).is_some());
            is_there.then_some(Value::Bool(true))
        }
        Source::Join(Join { paths, with, .. }) => {
            let parts: Vec<&str> = paths.iter().flat_map(|path| path.values(tree, from)).collect();
            (!parts.is_empty()).then(|| Value::String(parts.join(with)))
        }
        Source::NamePrefix(paths) => {
            let prefix = text(paths).and_then(|text| name::split(&text).0.map(str::to_owned));
            prefix.map(Value::String)
        }
        Source::FamilyName(paths) => {
            text(paths).map(|text| Value::String(name::split(&text).1.to_owned()))
        }
        Source::Code(paths) => {
            let Kind::Message(descriptor) = field.kind() else { return Ok(None) };
            let nodes = paths.iter().filter_map(|path| path.node(tree, from));
            nodes.filter_map(|node| code(node, descriptor.clone(), tree)).next()
        }
        Source::Text(paths) => match text(paths) {
            None => None,
            Some(value) => Some(scalar(&value, field).map_err(|what| (node(paths), what))?),
        },
        Source::Date(paths) => match text(paths) {
            None => None,
            Some(value) => {
                let date = date(&value).ok_or_else(|| (node(paths), ("ein Datum", "a date")))?;
                Some(Value::String(date.to_owned()))
            }
        },
        Source::Cents(paths) => match text(paths) {
            None => None,
            Some(value) => {
                let amount = ("ein Betrag in Euro", "an amount in euros");
                Some(Value::U64(cents(&value).ok_or_else(|| (node(paths), amount))?))
            }
        },
        Source::Table(paths, values) => match text(paths) {
            None => None,
            Some(value) => {
                let known = ("einer der bekannten Werte", "one of the known values");
                let found = values.iter().find(|(name, _)| *name == value);
                Some(found.map(|(_, value)| value.clone()).ok_or_else(|| (node(paths), known))?)
            }
        },
        Source::Repeat(..) => None,
    })
}

fn scalar(value: &str, field: &FieldDescriptor) -> Result<Value, (&'static str, &'static str)> {
    let number = ("eine ganze Zahl", "a whole number");
    match field.kind() {
        Kind::Bool => match value {
            "true" | "1" => Ok(Value::Bool(true)),
            "false" | "0" => Ok(Value::Bool(false)),
            _ => Err(("wahr oder falsch", "true or false")),
        },
        Kind::Uint32 => value.parse().map(Value::U32).map_err(|_| number),
        Kind::Uint64 => value.parse().map(Value::U64).map_err(|_| number),
        _ => Ok(Value::String(value.to_owned())),
    }
}

/// A code element: `code` within it or the text itself, list and version from its attributes.
fn code(node: Node, descriptor: MessageDescriptor, tree: &Tree<'_>) -> Option<Value> {
    let inner = |name| tree.child(node, name).map(|child| tree.text(child).trim());
    let attribute = |name| tree.attribute(node, name).map(str::trim);
    let mut message = DynamicMessage::new(descriptor);
    let parts = [
        ("code", inner("code").or_else(|| Some(tree.text(node).trim()))),
        ("list", attribute("listURI")),
        ("list_version", attribute("listVersionID")),
        ("name", inner("name")),
    ];
    for (name, value) in parts {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            message.set_field_by_name(name, Value::String(value.to_owned()));
        }
    }
    message.has_field_by_name("code").then_some(Value::Message(message))
}

/// `2024-05-28`, `2024-05` or `2024`, without a time zone behind it or a time of day.
fn date(value: &str) -> Option<&str> {
    let value = value.split('T').next()?;
    let date = [10, 7, 4].into_iter().find_map(|len| value.get(..len).filter(|d| is_date(d)))?;
    let zone = value.get(date.len()..)?;
    let is_zone =
        zone.is_empty() || zone == "Z" || (zone.len() == 6 && zone.starts_with(['+', '-']));
    is_zone.then_some(date)
}

fn is_date(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let number =
        |part: &str, len: usize| (part.len() == len).then(|| part.parse::<i16>().ok()).flatten();
    let day = |y, m, d: &str| {
        jiff::civil::Date::new(y, i8::try_from(m).ok()?, i8::try_from(number(d, 2)?).ok()?).ok()
    };
    let found = match parts.as_slice() {
        [year] => number(year, 4).map(|_| ()),
        [year, month] => {
            number(year, 4).zip(number(month, 2)).and_then(|(y, m)| day(y, m, "01")).map(|_| ())
        }
        [year, month, d] => {
            number(year, 4).zip(number(month, 2)).and_then(|(y, m)| day(y, m, d)).map(|_| ())
        }
        _ => None,
    };
    found.is_some()
}

fn cents(value: &str) -> Option<u64> {
    let (euros, cents) = value.split_once('.').unwrap_or((value, "0"));
    let cents = match cents.len() {
        1 => cents.parse::<u64>().ok()?.checked_mul(10)?,
        2 => cents.parse::<u64>().ok()?,
        _ => return None,
    };
    euros.parse::<u64>().ok()?.checked_mul(100)?.checked_add(cents)
}

/// Encodes generic fields one by one: there can be millions of them, and all at once they would be
/// far more than the document.
struct Generic {
    /// With one field, used again for each.
    one: canonical::Application,
    name: String,
    open: Vec<Node>,
}

impl Default for Generic {
    fn default() -> Self {
        let one = canonical::Application {
            fields: vec![canonical::Field::default()],
            ..Default::default()
        };
        Self { one, name: String::new(), open: Vec::new() }
    }
}

impl Generic {
    /// Every leaf at and below `node`, and every attribute, with a value.
    fn encode(&mut self, tree: &Tree<'_>, node: Node, encoded: &mut Vec<u8>) {
        self.open.push(node);
        while let Some(node) = self.open.pop() {
            self.name.clear();
            let value = tree.text(node).trim();
            if tree.is_leaf(node) && !value.is_empty() {
                tree.push_field_name(node, &mut self.name);
                self.field(value, encoded);
            }
            let mut end = self.name.len();
            for (attribute, value) in tree.attributes(node).filter(|(_, value)| !value.is_empty()) {
                if end == 0 {
                    tree.push_field_name(node, &mut self.name);
                    end = self.name.len();
                }
                self.name.truncate(end);
                self.name.push_str(if end == 0 { "@" } else { "/@" });
                self.name.push_str(attribute);
                self.field(value, encoded);
            }
            let begin = self.open.len();
            self.open.extend(tree.children(node));
            self.open.get_mut(begin..).unwrap_or_default().reverse();
        }
    }

    fn field(&mut self, value: &str, encoded: &mut Vec<u8>) {
        for field in &mut self.one.fields {
            field.name.clone_from(&self.name);
            value.clone_into(&mut field.value);
        }
        // Repeated fields that are encoded one behind the other are those of one message.
        self.one.encode(encoded).expect("a vector takes everything");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_lose_their_time_zone_and_keep_what_is_unknown_unknown() {
        let rows = [
            ("2024-05-28", Some("2024-05-28")),
            ("2024-05-28+02:00", Some("2024-05-28")),
            ("2024-05-28Z", Some("2024-05-28")),
            ("2024-05-28T09:00:00.000+02:00", Some("2024-05-28")),
            ("1957-00", None),
            ("1957-03", Some("1957-03")),
            ("1957", Some("1957")),
            ("2023-02-29", None),
            ("28.05.2024", None),
            ("", None),
        ];
        for (value, expected) in rows {
            assert_eq!(date(value), expected, "{value}");
        }
    }

    #[test]
    fn euros_become_cents() {
        let rows =
            [("12.80", Some(1280)), ("12", Some(1200)), ("12.8", Some(1280)), ("1.234", None)];
        for (value, expected) in rows {
            assert_eq!(cents(value), expected, "{value}");
        }
        assert_eq!(cents("-1"), None);
    }
}
