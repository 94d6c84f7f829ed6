//! The functions of a mapping, as their tables are written in `mapping.toml`.

use prost_reflect::{FieldDescriptor, Kind, Value};

use crate::load::{
    dialect::paths,
    mapping::{Join, Source},
    path::Path,
    toml_file::{Entry, Table},
};

/// What a join may be taken apart at without saying so: nobody writes these within a value.
const UNAMBIGUOUS: [char; 6] = ['|', ';', '\u{a6}', '\n', '\t', '\u{1f}'];

/// A function of paths alone.
type Maker = fn(Vec<Path>) -> Source;

/// The function `table` names, for `field`; faults are told.
pub(crate) fn function(
    table: &mut Table<'_>,
    field: &FieldDescriptor,
    is_code: bool,
    report: &impl Fn(&str),
) -> Option<Source> {
    if let Some((text, _)) = table.text("constant") {
        return constant(&text, field, report).map(Source::Constant);
    }
    if let Some(entry) = table.take("join") {
        return join(entry, table, field, report);
    }
    if let Some(entry) = table.take("from") {
        return by_table(entry, table, field, report);
    }
    let kind = field.kind();
    let makers: [(&str, bool, &str, Maker); 4] = [
        ("date", matches!(kind, Kind::String), "a date needs a text field", Source::Date),
        ("cents", matches!(kind, Kind::Uint64), "cents need a uint64 field", Source::Cents),
        ("code", is_code, "a code needs a field of type Code", Source::Code),
        ("present", matches!(kind, Kind::Bool), "needs a bool field", Source::Present),
    ];
    for (name, is_met, need, make) in makers {
        let Some(entry) = table.take(name) else { continue };
        expect(is_met, need, report)?;
        return paths(entry).map(make);
    }
    report("one of constant, date, cents, code, present, join, from is expected");
    None
}

fn join(
    entry: Entry<'_>,
    table: &mut Table<'_>,
    field: &FieldDescriptor,
    report: &impl Fn(&str),
) -> Option<Source> {
    expect(matches!(field.kind(), Kind::String), "joining needs a text field", report)?;
    let with = table.text("with").map_or_else(|| " ".to_owned(), |(with, _)| with);
    let is_split = match table.take("split").and_then(Entry::truth) {
        None => with.contains(UNAMBIGUOUS),
        Some(is_split) => {
            expect(!is_split || !with.is_empty(), "nothing is split at an empty `with`", report)?;
            is_split
        }
    };
    Some(Source::Join(Join { paths: paths(entry)?, with, is_split }))
}

fn by_table(
    entry: Entry<'_>,
    table: &mut Table<'_>,
    field: &FieldDescriptor,
    report: &impl Fn(&str),
) -> Option<Source> {
    let paths = paths(entry)?;
    let Some(mut values) = table.table("values") else {
        report("`from` needs `values`");
        return None;
    };
    let mut known = Vec::new();
    for entry in values.take_all() {
        let (name, report) = (entry.name.clone(), entry.reporter());
        if let Some(value) = entry.text().and_then(|t| constant(&t, field, &report)) {
            known.push((name, value));
        }
    }
    Some(Source::Table(paths, known))
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
        Kind::Bool => {
            expect(matches!(text, "true" | "false"), "`true` or `false` is expected", report)?;
            Some(Value::Bool(text == "true"))
        }
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
