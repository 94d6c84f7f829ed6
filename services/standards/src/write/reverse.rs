//! A mapping backwards: canonical message in, draft of a document out.

use std::collections::HashMap;

use prost_reflect::{DynamicMessage, FieldDescriptor, Value};

use super::{
    Uncarried,
    draft::{self, Draft, ROOT},
    head,
    shape::{Place, Shape},
};
use crate::load::{
    mapping::{Items, Join, Mapping, Rule, Source},
    path::Path,
    standard::{MessageType, Standard},
};

/// Lays out `message` as a draft of `message_type`.
pub(super) fn write(
    standard: &Standard,
    message_type: &MessageType,
    message: &DynamicMessage,
    shape: &Shape<'_>,
    draft: &mut Draft,
) -> Vec<Uncarried> {
    let mut hand = Hand { shape, draft, problems: Vec::new() };
    // Generic fields come in the document's order, which the draft keeps where the schema lets it.
    hand.generic(message);
    head::write(standard, message_type, message, &mut hand);
    let rules: Vec<&Rule> = standard.mapping.rules(&message_type.name).collect();
    hand.rules(&rules, message, ROOT, "");
    for (path, text) in &standard.mapping.written {
        hand.draft.otherwise(plain(path), text.clone());
    }
    hand.problems
}

/// The message type to write: the one called `wanted`, else the one the canonical header names, else
/// the only one whose constants the message has.
pub(super) fn message_type<'m>(
    standard: &'m Standard,
    wanted: &str,
    message: &DynamicMessage,
) -> Option<&'m MessageType> {
    let named = |name: &str| standard.messages.iter().find(|message| message.name == name);
    if !wanted.is_empty() {
        return named(wanted);
    }
    if let Some(found) = named(&head::header(message).message_type) {
        return Some(found);
    }
    let has_constants = |message_type: &&MessageType| {
        let own = standard.mapping.of_message.get(&message_type.name);
        let rules = own.map_or(&[][..], Vec::as_slice);
        let is_constant = |rule: &&Rule| matches!(rule.source, Source::Constant(_));
        rules.iter().any(|rule| is_constant(&rule)) && fits(rules, message)
    };
    let mut found = standard.messages.iter().filter(has_constants);
    found.next().filter(|_| found.next().is_none())
}

/// The canonical fields whose values cannot always be taken apart again.
pub(super) fn one_way(standard: &Standard) -> Vec<String> {
    let mut found = head::one_way(standard);
    let Mapping { rules, of_message, .. } = &standard.mapping;
    joins(rules.iter().chain(of_message.values().flatten()), "", &mut found);
    found.sort();
    found.dedup();
    found
}

fn joins<'r>(rules: impl Iterator<Item = &'r Rule>, prefix: &str, found: &mut Vec<String>) {
    for rule in rules {
        let name = format!("{prefix}{}", rule.name());
        match &rule.source {
            Source::Join(Join { is_split: false, .. }) => found.push(name),
            Source::Repeat(_, Items::Messages(rules)) => {
                joins(rules.iter(), &format!("{name}."), found);
            }
            _ => {}
        }
    }
}

/// Whether `message` has every constant of `rules`.
fn fits(rules: &[Rule], message: &DynamicMessage) -> bool {
    rules.iter().all(|rule| match &rule.source {
        Source::Constant(constant) => get(message, &rule.target).as_ref() == Some(constant),
        _ => true,
    })
}

/// The value of a field within its parents; `None` where it is not set.
fn get(message: &DynamicMessage, target: &[FieldDescriptor]) -> Option<Value> {
    let (field, parents) = target.split_last()?;
    let mut part = message.clone();
    for parent in parents {
        let inner = part.has_field(parent).then(|| part.get_field(parent).into_owned())?;
        part = inner.as_message()?.clone();
    }
    part.has_field(field).then(|| part.get_field(field).into_owned())
}

/// A path without conditions, as the draft knows what is demanded.
pub(super) fn plain(path: &Path) -> String {
    let steps = path.steps().iter().map(|step| &*step.name).filter(|name| *name != ".");
    let attribute = path.attribute().map(|name| format!("@{name}"));
    steps.map(str::to_owned).chain(attribute).collect::<Vec<_>>().join("/")
}

/// What lays out.
pub(super) struct Hand<'h, 's> {
    pub(super) shape: &'h Shape<'s>,
    pub(super) draft: &'h mut Draft,
    pub(super) problems: Vec<Uncarried>,
}

impl Hand<'_, '_> {
    fn generic(&mut self, message: &DynamicMessage) {
        let Some(fields) = message.get_field_by_name("fields") else { return };
        for field in fields.as_list().unwrap_or_default() {
            let Some(field) = field.as_message() else { continue };
            let text = |name: &str| {
                let value = field.get_field_by_name(name);
                value.and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default()
            };
            let (name, value) = (text("name"), text("value"));
            let origin = format!("fields[{name}]");
            let mut at = ROOT;
            let mut attribute = None;
            for step in name.split('/').filter(|step| !step.is_empty()) {
                match step.strip_prefix('@') {
                    Some(name) => attribute = Some(name),
                    None => {
                        let step = draft::numbered(step);
                        at = self.draft.numbered(at, step, self.shape, &origin);
                    }
                }
            }
            let written = self.draft.write(at, attribute, &value, &origin);
            self.problems.extend(written.err().map(|problem| *problem));
        }
    }

    /// Writes item `number`, from 1, of what comes several times: the element around the path's end.
    pub(super) fn put_item(&mut self, path: &Path, number: usize, value: &str, field: &str) {
        let around = path.steps().len().saturating_sub(2);
        let mut at = ROOT;
        for (index, step) in path.steps().iter().enumerate() {
            let number = if index == around { number } else { 1 };
            at = self.draft.numbered(at, (&*step.name, number), self.shape, field);
        }
        let written = self.draft.write(at, path.attribute(), value, field);
        self.problems.extend(written.err().map(|problem| *problem));
    }

    fn rules(&mut self, rules: &[&Rule], message: &DynamicMessage, at: usize, prefix: &str) {
        for (number, rule) in rules.iter().enumerate().filter(|(_, rule)| !rule.is_one_way()) {
            let field = format!("{prefix}{}", rule.name());
            if !matches!(rule.source, Source::Repeat(..)) {
                self.rule(rule, message, at, &field);
                continue;
            }
            let is_same = |other: &&&Rule| other.target == rule.target;
            if !rules.iter().take(number).any(|other| is_same(&other)) {
                let same: Vec<&Rule> = rules.iter().filter(is_same).copied().collect();
                self.list(&same, message, at, &field);
            }
        }
    }

    /// Every item of a list goes where the first rule whose constants it has comes from.
    fn list(&mut self, rules: &[&Rule], message: &DynamicMessage, at: usize, field: &str) {
        let Some(first) = rules.first() else { return };
        for rule in rules {
            if let Source::Repeat(each, Items::Messages(inner)) = &rule.source {
                each.iter().for_each(|path| self.know(at, path, field));
                self.know_items(at, each, inner, field);
            }
        }
        let Some(Value::List(items)) = get(message, &first.target) else { return };
        // How many items each place has got already.
        let mut written: HashMap<String, usize> = HashMap::new();
        for (number, item) in items.iter().enumerate() {
            let field = format!("{field}[{}]", number + 1);
            let is_fit = |rule: &&&Rule| match (&rule.source, item) {
                (Source::Repeat(_, Items::Messages(rules)), Value::Message(item)) => {
                    fits(rules, item)
                }
                _ => true,
            };
            let rule = rules.iter().find(is_fit).unwrap_or(first);
            let Source::Repeat(each, inner) = &rule.source else { continue };
            let Some(path) = self.pick(each, at, &field) else { continue };
            let count = written.entry(path.to_string()).or_default();
            let node = self.draft.repeated(at, path, *count, self.shape, &field);
            *count += 1;
            match (inner, item) {
                (Items::Messages(rules), Value::Message(item)) => {
                    let rules: Vec<&Rule> = rules.iter().collect();
                    self.rules(&rules, item, node, &format!("{field}."));
                }
                (Items::Codes, Value::Message(code)) => self.code(node, code, &field),
                (_, item) => self.text(node, None, item.as_str().unwrap_or_default(), &field),
            }
        }
    }

    fn rule(&mut self, rule: &Rule, message: &DynamicMessage, at: usize, field: &str) {
        let value = get(message, &rule.target);
        match (&rule.source, value) {
            (Source::Constant(_) | Source::NamePrefix(_) | Source::Repeat(..), _) => {}
            (Source::Text(paths), None) => self.unset(paths, rule, at, field),
            (Source::Cents(paths), None) => {
                paths.iter().for_each(|path| self.otherwise(at, path, "0.00"));
                self.know_all(paths, at, field);
            }
            (Source::Text(paths), Some(value)) => {
                self.put(paths, at, &scalar(&value), field);
            }
            (Source::Date(paths), Some(value)) => {
                self.put(paths, at, value.as_str().unwrap_or_default(), field);
            }
            (Source::Cents(paths), Some(value)) => {
                let cents = value.as_u64().unwrap_or_default();
                self.put(paths, at, &format!("{}.{:02}", cents / 100, cents % 100), field);
            }
            (Source::Code(paths), Some(Value::Message(code))) => {
                if let Some(path) = self.pick(paths, at, field) {
                    let node = self.draft.node(at, path, self.shape, field);
                    self.code(node, &code, field);
                }
            }
            (Source::FamilyName(paths), Some(value)) => {
                let mut target = rule.target.clone();
                let prefix = target.pop().and_then(|name| {
                    let parent = name.parent_message().get_field_by_name("name_prefix")?;
                    target.push(parent);
                    get(message, &target)
                });
                let name = value.as_str().unwrap_or_default();
                let prefix = prefix.as_ref().and_then(Value::as_str);
                let text =
                    prefix.map_or_else(|| name.to_owned(), |prefix| format!("{prefix} {name}"));
                self.put(paths, at, &text, field);
            }
            (Source::Join(join), Some(value)) => {
                self.join(join, at, value.as_str().unwrap_or_default(), field);
            }
            (Source::Table(paths, known), Some(value)) => {
                match known.iter().find(|(_, known)| *known == value) {
                    Some((text, _)) => self.put(paths, at, text, field),
                    None => self.problems.push(no_text(field, paths)),
                }
            }
            (Source::Present(paths), Some(_)) => {
                if let Some(path) = self.pick(paths, at, field) {
                    self.draft.node(at, path, self.shape, field);
                }
            }
            (
                Source::Date(paths)
                | Source::Code(paths)
                | Source::FamilyName(paths)
                | Source::Join(Join { paths, .. })
                | Source::Table(paths, _)
                | Source::Present(paths),
                _,
            ) => self.know_all(paths, at, field),
        }
    }

    /// A field that is not set: nothing, or where the schema demands it, what nothing means.
    fn unset(&mut self, paths: &[Path], rule: &Rule, at: usize, field: &str) {
        use prost_reflect::Kind;
        let text = match rule.target.last().map(FieldDescriptor::kind) {
            Some(Kind::Bool) => Some("false"),
            Some(Kind::Uint32 | Kind::Uint64) => Some("0"),
            _ => None,
        };
        for path in paths.iter().filter(|_| text.is_some()) {
            self.otherwise(at, path, text.unwrap_or_default());
        }
        self.know_all(paths, at, field);
    }

    fn otherwise(&mut self, at: usize, path: &Path, text: &str) {
        let place = self.below(at, path);
        self.draft.otherwise(place, text.to_owned());
    }

    fn below(&self, at: usize, path: &Path) -> String {
        let (around, path) = (self.draft.plain_path(at), plain(path));
        if around.is_empty() { path } else { format!("{around}/{path}") }
    }

    fn know_all(&mut self, paths: &[Path], at: usize, field: &str) {
        paths.iter().for_each(|path| self.know(at, path, field));
    }

    /// Notes that `field` would be written at `path`.
    pub(super) fn know(&mut self, at: usize, path: &Path, field: &str) {
        let place = self.below(at, path);
        self.draft.know(place, field);
    }

    /// The same for the fields of items, of which there may be none.
    fn know_items(&mut self, at: usize, each: &[Path], rules: &[Rule], field: &str) {
        let Some(path) = each.first() else { return };
        let around = self.below(at, path);
        for rule in rules {
            let paths = match &rule.source {
                Source::Text(paths)
                | Source::Date(paths)
                | Source::Cents(paths)
                | Source::Code(paths)
                | Source::Table(paths, _) => paths,
                _ => continue,
            };
            for path in paths {
                let place = format!("{around}/{}", plain(path));
                self.draft.know(place, &format!("{field}.{}", rule.name()));
            }
        }
    }

    /// Of `paths` that the schema has, the first whose type takes `value`, else the first: a UUID and
    /// another id have places of their own in some headers.
    fn pick_for<'p>(
        &mut self,
        value: &str,
        paths: &'p [Path],
        at: usize,
        field: &str,
    ) -> Option<&'p Path> {
        let place = self.draft.place(at).filter(|_| paths.len() > 1);
        let takes = |path: &&Path| {
            let end = place.and_then(|place| end(self.shape, place, path));
            end.is_some_and(|end| path.attribute().is_some() || self.shape.accepts(end, value))
        };
        match paths.iter().find(takes) {
            Some(path) => Some(path),
            None => self.pick(paths, at, field),
        }
    }

    /// The first of `paths` that the schema has; a problem where it has none.
    pub(super) fn pick<'p>(
        &mut self,
        paths: &'p [Path],
        at: usize,
        field: &str,
    ) -> Option<&'p Path> {
        let place = self.draft.place(at);
        let found =
            place.and_then(|place| paths.iter().find(|path| leads(self.shape, place, path)));
        if found.is_none() {
            let path = paths.first().map(|path| self.below(at, path)).unwrap_or_default();
            self.problems.push(super::arrange::not_allowed(field, &path));
        }
        found
    }

    /// Writes `value` at the first of `paths` that the schema has.
    pub(super) fn put(&mut self, paths: &[Path], at: usize, value: &str, field: &str) {
        if let Some(path) = self.pick_for(value, paths, at, field) {
            let node = self.draft.node(at, path, self.shape, field);
            self.text(node, path.attribute(), value, field);
        }
    }

    fn text(&mut self, node: usize, attribute: Option<&str>, value: &str, field: &str) {
        let written = self.draft.write(node, attribute, value, field);
        self.problems.extend(written.err().map(|problem| *problem));
    }

    /// A code: its text in `code` or in the element itself, its list in attributes.
    fn code(&mut self, node: usize, code: &DynamicMessage, field: &str) {
        let text = |name: &str| {
            let value = code.get_field_by_name(name);
            value.and_then(|v| v.as_str().map(str::to_owned)).filter(|text| !text.is_empty())
        };
        let place = self.draft.place(node);
        let has = |name: &str| place.is_some_and(|p| self.shape.child(p, name).is_some());
        let (has_code, is_leaf) = (has("code"), !has("code"));
        for (name, attribute) in [("list", "listURI"), ("list_version", "listVersionID")] {
            if let Some(value) = text(name) {
                self.text(node, Some(attribute), &value, field);
            }
        }
        if let Some(value) = text("code") {
            let at = if has_code {
                self.draft.numbered(node, ("code", 1), self.shape, field)
            } else {
                node
            };
            self.text(at, None, &value, field);
        }
        if let Some(value) = text("name").filter(|_| !is_leaf) {
            let at = self.draft.numbered(node, ("name", 1), self.shape, field);
            self.text(at, None, &value, field);
        }
    }

    fn join(&mut self, join: &Join, at: usize, value: &str, field: &str) {
        let Join { paths, with, is_split } = join;
        if !is_split && !with.is_empty() && !value.contains(with.as_str()) {
            return self.put(paths, at, value, field);
        }
        if !is_split {
            return self.inseparable(paths.first(), at, field);
        }
        let mut counts: HashMap<usize, usize> = HashMap::new();
        for (number, part) in value.split(with.as_str()).enumerate() {
            // What is more than the paths goes to the last of them, one node each.
            let which = number.min(paths.len().saturating_sub(1));
            let Some(path) = paths.get(which) else { continue };
            if self.pick(std::slice::from_ref(path), at, field).is_none() {
                continue;
            }
            let count = counts.entry(which).or_default();
            let node = self.draft.repeated(at, path, *count, self.shape, field);
            *count += 1;
            self.text(node, path.attribute(), part, field);
        }
    }
}

impl Hand<'_, '_> {
    /// Tells that a joined value cannot be taken apart.
    pub(super) fn inseparable(&mut self, path: Option<&Path>, at: usize, field: &str) {
        let path = path.map(|path| self.below(at, path)).unwrap_or_default();
        self.problems.push(Uncarried::new(
            field,
            path,
            "Diese Angabe ist aus mehreren zusammengesetzt und lässt sich nicht sicher zerlegen.",
            "This value is joined of several and cannot be taken apart for certain.",
        ));
    }
}

fn scalar(value: &Value) -> String {
    match value {
        Value::Bool(value) => value.to_string(),
        Value::U32(value) => value.to_string(),
        Value::U64(value) => value.to_string(),
        value => value.as_str().unwrap_or_default().to_owned(),
    }
}

fn no_text(field: &str, paths: &[Path]) -> Uncarried {
    let path = paths.first().map(plain).unwrap_or_default();
    Uncarried::new(
        field,
        path,
        "Für diesen Wert kennt der Standard keine Angabe.",
        "The standard has no text for this value.",
    )
}

/// Whether `path` leads somewhere in the schema.
fn leads(shape: &Shape<'_>, place: Place, path: &Path) -> bool {
    end(shape, place, path).is_some()
}

/// Where `path` leads in the schema: the element, if that has the attribute `path` may end at.
fn end(shape: &Shape<'_>, place: Place, path: &Path) -> Option<Place> {
    let step = |place: Place, name: &str| {
        if name == "." { Some(place) } else { shape.child(place, name) }
    };
    let end = path.steps().iter().try_fold(place, |place, s| step(place, &s.name))?;
    let has = path.attribute().is_none_or(|name| shape.has_attribute(end, name));
    has.then_some(end)
}
