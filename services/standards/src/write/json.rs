//! Writes a draft as JSON: the schema says what is a list, a number or a truth.

use std::{
    cell::RefCell,
    collections::{HashMap, HashSet},
    rc::Rc,
};

use serde_json::Value;

use super::{
    Uncarried,
    arrange::{missing, not_allowed},
    draft::{Draft, ROOT},
};
use crate::{load::standard::Standard, store};

/// Schemas within each other that are looked through for one place.
const LOOKED_THROUGH_MAX: usize = 32;

/// Mandatory members within each other that are made without any value of their own.
const MADE_DEPTH_MAX: usize = 32;

/// The files of one JSON Schema by location; their references are locations too.
pub(super) type Files = HashMap<String, Value>;

/// Files of one schema.
const FILES_MAX: usize = 256;

/// The JSON Schema of one message type.
#[derive(Debug)]
pub(crate) struct JsonShape<'s> {
    files: &'s Files,
    /// Per place that was asked for, every schema that holds there; the first is the message's.
    places: RefCell<Vec<Rc<[&'s Value]>>>,
    name: String,
    uri: &'s str,
}

/// The JSON Schema of `standard`, with every file it refers to; `None` where it has none.
pub(super) fn read(standard: &Standard) -> Option<Files> {
    let mut files = Files::new();
    let mut open = vec![standard.json.as_ref()?.entry.clone()];
    while let Some(location) = open.pop() {
        if files.contains_key(&location) || files.len() >= FILES_MAX {
            continue;
        }
        let mut value = serde_json::from_str(&store::read_text(&location).ok()?).ok()?;
        locate(&mut value, &location, &mut open);
        files.insert(location, value);
    }
    Some(files)
}

/// Makes every reference within `value`, of the file at `location`, one to a location.
fn locate(value: &mut Value, location: &str, open: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            if let Some(Value::String(reference)) = members.get_mut("$ref") {
                let (file, pointer) = reference.split_once('#').unwrap_or((reference, ""));
                let file = match file {
                    "" => location.to_owned(),
                    file => store::join(store::folder(location), file),
                };
                *reference = format!("{file}#{pointer}");
                open.push(file);
            }
            members.values_mut().for_each(|member| locate(member, location, open));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| locate(item, location, open)),
        _ => {}
    }
}

impl<'s> JsonShape<'s> {
    /// The shape of the message `name`; `None` where the schema has no such member.
    pub(super) fn new(standard: &'s Standard, files: &'s Files, name: &str) -> Option<Self> {
        let json = standard.json.as_ref()?;
        let entry = Rc::from([files.get(&json.entry)?]);
        let (name, places) = (name.to_owned(), RefCell::new(vec![entry]));
        let shape = Self { files, places, name, uri: &json.uri };
        let message = shape.members(0, &shape.name);
        (!message.is_empty()).then(|| {
            *shape.places.borrow_mut() = vec![message.into()];
            shape
        })
    }

    /// The place called `name` within `place`: of its items, where it is a list.
    pub(super) fn child(&self, place: usize, name: &str) -> Option<usize> {
        let mut members = self.members(place, name);
        if members.is_empty() {
            return None;
        }
        if self.is(&members, "array") {
            members = self.all(&members, &|schema| schema.get("items"));
        }
        let mut places = self.places.borrow_mut();
        places.push(members.into());
        Some(places.len() - 1)
    }

    fn is_list(&self, place: usize, name: &str) -> bool {
        self.is(&self.members(place, name), "array")
    }

    fn members(&self, place: usize, name: &str) -> Vec<&'s Value> {
        self.all(&self.schemas(place), &|schema| schema.get("properties")?.get(name))
    }

    fn schemas(&self, place: usize) -> Rc<[&'s Value]> {
        self.places.borrow().get(place).cloned().unwrap_or_else(|| Rc::from([]))
    }

    fn is(&self, schemas: &[&'s Value], kind: &str) -> bool {
        self.all(schemas, &|schema| schema.get("type")).iter().any(|is| match is {
            Value::String(name) => name == kind,
            Value::Array(names) => names.iter().any(|name| name == kind),
            _ => false,
        })
    }

    /// Whether a text at `place` has the form every pattern there demands.
    pub(super) fn accepts(&self, place: usize, value: &str) -> bool {
        let patterns = self.all(&self.schemas(place), &|schema| schema.get("pattern"));
        let holds = |pattern: &&Value| {
            let schema = serde_json::json!({ "pattern": pattern });
            jsonschema::is_valid(&schema, &Value::from(value))
        };
        patterns.iter().all(holds)
    }

    /// The only value `place` may have.
    fn fixed(&self, place: usize) -> Option<&'s str> {
        let found = self.all(&self.schemas(place), &|schema| schema.get("const"));
        found.first().and_then(|value| value.as_str())
    }

    /// Everything `look` finds in `schemas` and in those they are put together of.
    fn all(&self, schemas: &[&'s Value], look: Look<'_, 's>) -> Vec<&'s Value> {
        let mut found = Vec::new();
        schemas.iter().for_each(|schema| self.collect(schema, look, 0, &mut found));
        found
    }

    fn collect(
        &self,
        schema: &'s Value,
        look: Look<'_, 's>,
        depth: usize,
        to: &mut Vec<&'s Value>,
    ) {
        if depth > LOOKED_THROUGH_MAX {
            return;
        }
        to.extend(look(schema));
        let of = |key: &str| schema.get(key).and_then(Value::as_array).into_iter().flatten();
        let parts = self.referred(schema).into_iter().chain(of("allOf"));
        let parts = parts.chain(of("anyOf")).chain(of("oneOf")).chain(schema.get("then"));
        parts.for_each(|part| self.collect(part, look, depth + 1, to));
    }

    fn referred(&self, schema: &'s Value) -> Option<&'s Value> {
        let (file, pointer) = schema.get("$ref")?.as_str()?.split_once('#')?;
        self.files.get(file)?.pointer(pointer)
    }

    /// The members `place` demands, whatever else it has.
    fn required(&self, place: usize) -> Vec<&'s str> {
        let mut names = Vec::new();
        self.schemas(place).iter().for_each(|schema| self.demanded(schema, 0, &mut names));
        names
    }

    fn demanded(&self, schema: &'s Value, depth: usize, names: &mut Vec<&'s str>) {
        let own = schema.get("required").and_then(Value::as_array).into_iter().flatten();
        names.extend(own.filter_map(Value::as_str));
        let all = schema.get("allOf").and_then(Value::as_array).into_iter().flatten();
        for part in self.referred(schema).into_iter().chain(all) {
            if depth < LOOKED_THROUGH_MAX {
                self.demanded(part, depth + 1, names);
            }
        }
    }
}

/// What is looked for in one schema.
type Look<'l, 's> = &'l dyn Fn(&'s Value) -> Option<&'s Value>;

/// The document; `None`, and problems, where it cannot be.
pub(super) fn serialise(
    draft: &Draft,
    shape: &JsonShape<'_>,
    problems: &mut Vec<Uncarried>,
) -> Option<String> {
    let mut hand = Hand { draft, shape, problems, text: String::from("{\n  \"$schema\": ") };
    hand.string(shape.uri);
    hand.text.push_str(",\n  ");
    hand.string(&shape.name);
    hand.text.push_str(": ");
    hand.object(Some(ROOT), 0, "", 1);
    hand.text.push_str("\n}\n");
    Some(hand.text)
}

struct Hand<'h, 's> {
    draft: &'h Draft,
    shape: &'h JsonShape<'s>,
    problems: &'h mut Vec<Uncarried>,
    text: String,
}

impl Hand<'_, '_> {
    fn object(&mut self, node: Option<usize>, place: usize, path: &str, depth: usize) {
        let draft = self.draft;
        let mut names = HashSet::new();
        self.text.push('{');
        for (name, value) in node.map_or(&[][..], |node| draft.attributes(node)) {
            let Some(member) = self.shape.child(place, name) else {
                let field = node.map_or("", |node| draft.field(node));
                self.problems.push(not_allowed(field, &join(path, name)));
                continue;
            };
            self.key(name, names.is_empty(), depth);
            self.leaf(value, member);
            names.insert(name.to_string());
        }
        let children = node.map_or(&[][..], |node| draft.children(node));
        for child in children {
            let name = draft.name(*child);
            if names.contains(name) {
                continue;
            }
            let same: Vec<usize> =
                children.iter().copied().filter(|other| draft.name(*other) == name).collect();
            let Some(member) = self.shape.child(place, name) else {
                same.iter().for_each(|child| self.refuse(*child));
                continue;
            };
            self.key(name, names.is_empty(), depth);
            names.insert(name.to_owned());
            let below = join(path, name);
            if self.shape.is_list(place, name) {
                self.list(&same, member, &below, depth + 1);
                continue;
            }
            same.iter().skip(1).for_each(|child| self.refuse(*child));
            self.value(same.first().copied(), member, &below, depth + 1);
        }
        self.demand(place, path, depth, &mut names);
        if !names.is_empty() {
            self.line(depth);
        }
        self.text.push('}');
    }

    /// Adds what the schema demands and prescribes, or tells that it is missing.
    fn demand(&mut self, place: usize, path: &str, depth: usize, names: &mut HashSet<String>) {
        for name in self.shape.required(place) {
            if names.contains(name) {
                continue;
            }
            let (below, attribute) = (join(path, name), join(path, &format!("@{name}")));
            let Some(member) = self.shape.child(place, name) else { continue };
            let fixed = self.shape.fixed(member);
            let demanded = self.draft.demanded(&below).or_else(|| self.draft.demanded(&attribute));
            let text = fixed.or(demanded).map(str::to_owned);
            let is_below = self.draft.is_demanded_below(&below) && depth < MADE_DEPTH_MAX;
            if text.is_none() && !is_below {
                self.problems.push(missing(self.draft, &below));
                continue;
            }
            self.key(name, names.is_empty(), depth);
            names.insert(name.to_owned());
            match text {
                Some(text) => self.leaf(&text, member),
                None => self.object(None, member, &below, depth + 1),
            }
        }
    }

    fn list(&mut self, nodes: &[usize], items: usize, path: &str, depth: usize) {
        self.text.push('[');
        for (number, node) in nodes.iter().enumerate() {
            if number > 0 {
                self.text.push(',');
            }
            self.line(depth + 1);
            self.value(Some(*node), items, path, depth + 1);
        }
        self.line(depth);
        self.text.push(']');
    }

    fn value(&mut self, node: Option<usize>, place: usize, path: &str, depth: usize) {
        let draft = self.draft;
        let Some(at) = node else { return };
        let is_object = !draft.children(at).is_empty() || !draft.attributes(at).is_empty();
        match draft.text(at) {
            Some(_) if is_object => self.problems.push(not_allowed(draft.field(at), path)),
            Some(text) => self.leaf(text, place),
            None => self.object(node, place, path, depth),
        }
    }

    fn leaf(&mut self, text: &str, place: usize) {
        let schemas = self.shape.schemas(place);
        let is = |kind: &str| self.shape.is(&schemas, kind);
        let is_number = (is("integer") || is("number"))
            && serde_json::from_str::<serde_json::Number>(text).is_ok();
        let is_truth = is("boolean") && matches!(text, "true" | "false");
        if is_number || is_truth {
            self.text.push_str(text);
        } else {
            self.string(text);
        }
    }

    fn key(&mut self, name: &str, is_first: bool, depth: usize) {
        if !is_first {
            self.text.push(',');
        }
        self.line(depth + 1);
        self.string(name);
        self.text.push_str(": ");
    }

    fn string(&mut self, text: &str) {
        self.text.push_str(&Value::from(text).to_string());
    }

    fn line(&mut self, depth: usize) {
        self.text.push('\n');
        self.text.extend(std::iter::repeat_n("  ", depth));
    }

    /// Tells that a node has no place, and what is in it.
    fn refuse(&mut self, node: usize) {
        let mut open = vec![node];
        while let Some(node) = open.pop() {
            let children = self.draft.children(node);
            open.extend(children.iter().rev());
            if children.is_empty() {
                self.problems.push(not_allowed(self.draft.field(node), &self.draft.path(node)));
            }
        }
    }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}/{name}") }
}
