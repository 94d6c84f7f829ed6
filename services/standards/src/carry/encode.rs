//! A plan carried out for one document.

use std::ops::Range;

use prost_reflect::Value;

use super::{
    generic,
    plan::{
        CodeNumbers, Field, Item, Line, Part, Plan, Reading, Repetition, Scope, Sheet, ValueKind,
    },
    routes::{Found, Route},
    value::{cents, date},
    wire,
};
use crate::{
    name,
    tree::{Node, Tree, called},
};

/// A value that cannot be carried over.
#[derive(Debug)]
pub(crate) struct Unmappable {
    /// Where it is from.
    pub(crate) node: Node,
    /// The canonical field.
    pub(crate) target: String,
    /// What it should be, in German and English.
    pub(crate) expected: Expected,
}

/// What a value should be, in German and English.
type Expected = (&'static str, &'static str);

const NUMBER: Expected = ("eine ganze Zahl", "a whole number");
const TRUTH: Expected = ("wahr oder falsch", "true or false");
const DATE: Expected = ("ein Datum", "a date");
const AMOUNT: Expected = ("ein Betrag in Euro", "an amount in euros");
const KNOWN: Expected = ("einer der bekannten Werte", "one of the known values");

impl Plan {
    /// Adds to `out` what `tree` says: everything but the header.
    pub(crate) fn carry(&self, tree: &Tree<'_>, out: &mut Vec<u8>) -> Result<(), Vec<Unmappable>> {
        let Some(root) = tree.root() else { return Ok(()) };
        let mut carrier = Carrier { tree, faults: Vec::new() };
        carrier.scope(&self.whole, root, out);
        if !carrier.faults.is_empty() {
            return Err(carrier.faults);
        }
        if let Some(numbers) = self.numbers {
            for path in &self.generic {
                path.each(tree, root, &mut |node| generic::encode(numbers, tree, node, out));
            }
        }
        Ok(())
    }
}

/// Carries one document over.
struct Carrier<'t, 'd> {
    tree: &'t Tree<'d>,
    faults: Vec<Unmappable>,
}

/// Of a group, the field that is there so far: where it lies, and the last line that had a value for it.
struct Member {
    group: usize,
    order: u32,
    place: Range<usize>,
}

impl Carrier<'_, '_> {
    /// Adds the fields of the message that is made of what stands below `node`.
    fn scope(&mut self, scope: &Scope, node: Node, out: &mut Vec<u8>) {
        let found = scope.routes.find(self.tree, node);
        self.sheet(&scope.sheet, &found, out);
    }

    /// Adds the fields of one message; gives the number of the last line that had a value, if one had.
    fn sheet(&mut self, sheet: &Sheet, found: &Found, out: &mut Vec<u8>) -> Option<u32> {
        let mut last = None;
        let mut members = Vec::new();
        for field in &sheet.fields {
            let begin = out.len();
            let order = self.field(field, found, out);
            if let (Some(order), Some(group)) = (order, field.group) {
                let place = begin..out.len();
                keep_one(&mut members, Member { group, order, place }, out);
            }
            last = last.max(order);
        }
        last
    }

    fn field(&mut self, field: &Field, found: &Found, out: &mut Vec<u8>) -> Option<u32> {
        let (begin, mut last) = (out.len(), None);
        match &field.part {
            Part::Value(lines) => {
                for line in lines {
                    let end = out.len();
                    if self.line(line, field.number, found, out) {
                        // What earlier lines said counts no more.
                        out.drain(begin..end);
                        last = Some(line.order);
                    }
                }
            }
            Part::Message(sheet) => {
                last = wire::message(field.number, out, |out| self.sheet(sheet, found, out));
                if last.is_none() {
                    out.truncate(begin);
                }
            }
            Part::List(repetitions) => {
                for repetition in repetitions {
                    let order = self.repetition(repetition, field.number, found.from(), out);
                    last = last.max(order);
                }
            }
        }
        last
    }

    fn repetition(
        &mut self,
        repetition: &Repetition,
        number: u32,
        from: Node,
        out: &mut Vec<u8>,
    ) -> Option<u32> {
        let (begin, tree) = (out.len(), self.tree);
        for path in &repetition.each {
            path.each(tree, from, &mut |node| match &repetition.item {
                Item::Message(scope) => {
                    wire::message(number, out, |out| self.scope(scope, node, out));
                }
                Item::Code(numbers) => {
                    code(*numbers, number, tree, node, out);
                }
                Item::Text => {
                    let text = tree.text(node).trim();
                    if !text.is_empty() {
                        wire::text(number, text, out);
                    }
                }
            });
        }
        (out.len() > begin).then_some(repetition.order)
    }

    /// Adds the value of one line; whether there is one. What cannot be carried over is a fault.
    fn line(&mut self, line: &Line, number: u32, found: &Found, out: &mut Vec<u8>) -> bool {
        let tree = self.tree;
        let mut put = Put { line, number, out };
        let nodes = || line.routes.iter().filter_map(|route| found.node(route, tree));
        match &line.reading {
            Reading::Constant(value) => return put.constant(value),
            Reading::Present => return nodes().next().is_some() && put.number(1),
            Reading::Code => {
                let ValueKind::Code(numbers) = line.kind else { return false };
                return nodes().any(|node| code(numbers, number, tree, node, put.out));
            }
            Reading::Join(with) => {
                let joined = joined(line, with, tree, found.from());
                return joined.is_some_and(|joined| put.text(&joined));
            }
            _ => {}
        }
        let Some(value) = line.routes.iter().find_map(|route| found.value(route, tree)) else {
            return false;
        };
        let written = match &line.reading {
            Reading::NamePrefix => Ok(name::split(value).0.is_some_and(|prefix| put.text(prefix))),
            Reading::FamilyName => Ok(put.text(name::split(value).1)),
            Reading::Date => date(value).map(|date| put.text(date)).ok_or(DATE),
            Reading::Cents => cents(value).map(|cents| put.number(cents)).ok_or(AMOUNT),
            Reading::Table(values) => {
                let known = values.iter().find(|(name, _)| name == value);
                known.map(|(_, value)| put.constant(value)).ok_or(KNOWN)
            }
            _ => put.scalar(value),
        };
        written.unwrap_or_else(|expected| {
            let node = nodes().next().unwrap_or_else(|| found.from());
            self.faults.push(Unmappable { node, target: line.name.clone(), expected });
            false
        })
    }
}

/// Every value of every path of `line`; nothing where there is none.
fn joined(line: &Line, with: &str, tree: &Tree<'_>, from: Node) -> Option<String> {
    let mut joined: Option<String> = None;
    for Route { path, .. } in &line.routes {
        path.each(tree, from, &mut |node| {
            let Some(part) = path.value_at(tree, node) else { return };
            match &mut joined {
                None => joined = Some(part.to_owned()),
                Some(joined) => joined.extend([with, part]),
            }
        });
    }
    joined
}

/// Puts the value of a line among the bytes; each says that there is one.
struct Put<'p> {
    line: &'p Line,
    number: u32,
    out: &'p mut Vec<u8>,
}

impl Put<'_> {
    fn text(&mut self, value: &str) -> bool {
        if self.line.keeps_default || !value.is_empty() {
            wire::text(self.number, value, self.out);
        }
        true
    }

    fn number(&mut self, value: u64) -> bool {
        if self.line.keeps_default || value != 0 {
            wire::number(self.number, value, self.out);
        }
        true
    }

    fn scalar(&mut self, value: &str) -> Result<bool, Expected> {
        Ok(match self.line.kind {
            ValueKind::Truth => match value {
                "true" | "1" => self.number(1),
                "false" | "0" => self.number(0),
                _ => return Err(TRUTH),
            },
            ValueKind::Number32 => {
                let number: u32 = value.parse().map_err(|_| NUMBER)?;
                self.number(number.into())
            }
            ValueKind::Number64 => self.number(value.parse().map_err(|_| NUMBER)?),
            _ => self.text(value),
        })
    }

    fn constant(&mut self, value: &Value) -> bool {
        match value {
            Value::String(text) => self.text(text),
            Value::Bool(is_true) => self.number((*is_true).into()),
            // Negative numbers are as long on the wire as they can be.
            Value::EnumNumber(number) => self.number(i64::from(*number).cast_unsigned()),
            _ => false,
        }
    }
}

/// A code element: `code` within it or the text itself, list and version from its attributes. Whether there
/// is a code.
fn code(numbers: CodeNumbers, number: u32, tree: &Tree<'_>, node: Node, out: &mut Vec<u8>) -> bool {
    let inner = |name| tree.child(node, name).map(|child| tree.text(child).trim());
    let attribute = |name| tree.attribute(node, name).map(str::trim);
    let code = inner(&called::CODE).unwrap_or_else(|| tree.text(node).trim());
    if code.is_empty() {
        return false;
    }
    let mut parts = [
        (numbers.code, Some(code)),
        (numbers.list, attribute(&called::LIST)),
        (numbers.list_version, attribute(&called::LIST_VERSION)),
        (numbers.name, inner(&called::NAME)),
    ];
    parts.sort_unstable_by_key(|(number, _)| *number);
    wire::message(number, out, |out| {
        for (number, value) in parts {
            if let Some(value) = value.filter(|value| !value.is_empty()) {
                wire::text(number, value, out);
            }
        }
    });
    true
}

/// Keeps of a group the field that a later line has a value for; `new` lies at the end of `out`.
fn keep_one(members: &mut Vec<Member>, new: Member, out: &mut Vec<u8>) {
    let Some(at) = members.iter().position(|member| member.group == new.group) else {
        members.push(new);
        return;
    };
    let Some(before) = members.get(at) else { return };
    if before.order > new.order {
        out.truncate(new.place.start);
        return;
    }
    let gone = before.place.clone();
    out.drain(gone.clone());
    members.remove(at);
    members.push(new);
    for member in members.iter_mut().filter(|member| member.place.start >= gone.end) {
        let Range { start, end } = &mut member.place;
        (*start, *end) = (*start - gone.len(), *end - gone.len());
    }
}
