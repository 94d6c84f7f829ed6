//! A document before it has an order: names and texts, each with the canonical field it is from.

use std::collections::{BTreeMap, HashMap};

use super::{
    Uncarried,
    shape::{Place, Shape},
};
use crate::load::path::{Condition, Path, Step};

/// One element of it.
#[derive(Debug)]
pub(crate) struct Draft {
    nodes: Vec<Node>,
    /// What is written at a place, by its path without numbers, where the schema demands something
    /// and nothing else is there.
    otherwise: HashMap<String, String>,
    /// The canonical field that would be written at a place, by its path without numbers.
    known: BTreeMap<String, String>,
}

#[derive(Debug)]
struct Node {
    name: Box<str>,
    parent: Option<usize>,
    /// What the schema says of it; `None` where the schema has no such place.
    place: Option<Place>,
    text: Option<String>,
    attributes: Vec<(Box<str>, String)>,
    children: Vec<usize>,
    /// The canonical field that made it.
    field: String,
}

/// The root.
pub(crate) const ROOT: usize = 0;

impl Draft {
    pub(crate) fn new(root: &str, place: Place) -> Self {
        let node = Node {
            name: root.into(),
            parent: None,
            place: Some(place),
            text: None,
            attributes: Vec::new(),
            children: Vec::new(),
            field: String::new(),
        };
        Self { nodes: vec![node], otherwise: HashMap::new(), known: BTreeMap::new() }
    }

    pub(crate) fn name(&self, at: usize) -> &str {
        self.nodes.get(at).map_or("", |node| &node.name)
    }

    pub(crate) fn text(&self, at: usize) -> Option<&str> {
        self.nodes.get(at)?.text.as_deref()
    }

    pub(crate) fn field(&self, at: usize) -> &str {
        self.nodes.get(at).map_or("", |node| &node.field)
    }

    pub(crate) fn place(&self, at: usize) -> Option<Place> {
        self.nodes.get(at)?.place
    }

    pub(crate) fn attributes(&self, at: usize) -> &[(Box<str>, String)] {
        self.nodes.get(at).map_or(&[], |node| &node.attributes)
    }

    pub(crate) fn children(&self, at: usize) -> &[usize] {
        self.nodes.get(at).map_or(&[], |node| &node.children)
    }

    /// Its path below the root by local names, numbered like the names of generic fields.
    pub(crate) fn path(&self, at: usize) -> String {
        let mut steps = Vec::new();
        let mut at = at;
        while let Some(parent) = self.nodes.get(at).and_then(|node| node.parent) {
            let name = self.name(at);
            let same: Vec<_> =
                self.children(parent).iter().filter(|child| self.name(**child) == name).collect();
            let number = same.iter().position(|child| **child == at).unwrap_or(0) + 1;
            steps.push(if same.len() > 1 { format!("{name}[{number}]") } else { name.to_owned() });
            at = parent;
        }
        steps.reverse();
        steps.join("/")
    }

    /// The same without numbers.
    pub(crate) fn plain_path(&self, at: usize) -> String {
        let mut steps = Vec::new();
        let mut at = at;
        while let Some(parent) = self.nodes.get(at).and_then(|node| node.parent) {
            steps.push(self.name(at));
            at = parent;
        }
        steps.reverse();
        steps.join("/")
    }

    /// The canonical field of the node that `path` names, or of the nearest around it.
    pub(crate) fn field_at(&self, path: &str) -> String {
        let mut at = ROOT;
        let mut field = "";
        for step in path.split('/').filter(|step| !step.starts_with('@')) {
            let (name, number) = numbered(step);
            let mut same = self.children(at).iter().filter(|child| self.name(**child) == name);
            let Some(child) = same.nth(number - 1) else { break };
            at = *child;
            field = Some(self.field(at)).filter(|field| !field.is_empty()).unwrap_or(field);
        }
        field.to_owned()
    }

    /// Notes what is written at `path` where the schema demands it and nothing else is there.
    pub(crate) fn otherwise(&mut self, path: String, text: String) {
        self.otherwise.entry(path).or_insert(text);
    }

    /// Notes that `field` would be written at `path`.
    pub(crate) fn know(&mut self, path: String, field: &str) {
        self.known.entry(path).or_insert_with(|| field.to_owned());
    }

    /// The canonical field that would be written at `path` or, failing that, first below it.
    pub(crate) fn known(&self, path: &str) -> &str {
        let is_there = |known: &str| {
            known.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let mut from = self.known.range(path.to_owned()..);
        from.find(|(known, _)| is_there(known)).map_or("", |(_, field)| field)
    }

    /// What is written at `path` then.
    pub(crate) fn demanded(&self, path: &str) -> Option<&str> {
        self.otherwise.get(path).map(String::as_str)
    }

    /// Whether anything below `path` is written then.
    pub(crate) fn is_demanded_below(&self, path: &str) -> bool {
        let is_below =
            |known: &String| known.strip_prefix(path).is_some_and(|rest| rest.starts_with('/'));
        self.otherwise.keys().any(is_below)
    }

    /// The `number`th child called `name`, from 1; made where there are fewer.
    pub(crate) fn numbered(
        &mut self,
        at: usize,
        (name, number): (&str, usize),
        shape: &Shape<'_>,
        field: &str,
    ) -> usize {
        loop {
            let mut same = self.children(at).iter().filter(|child| self.name(**child) == name);
            match same.nth(number - 1) {
                Some(child) => return *child,
                None => self.push(at, name, shape, field),
            };
        }
    }

    /// The `index`th node `path` leads to from `at`, from 0; only the last step repeats.
    pub(crate) fn repeated(
        &mut self,
        at: usize,
        path: &Path,
        index: usize,
        shape: &Shape<'_>,
        field: &str,
    ) -> usize {
        let Some((last, before)) = path.steps().split_last() else { return at };
        let at = before.iter().fold(at, |at, step| self.step(at, step, shape, field));
        let found: Vec<usize> =
            self.children(at).iter().copied().filter(|child| self.is(*child, last)).collect();
        match found.get(index) {
            Some(child) => *child,
            None => self.make(at, last, shape, field),
        }
    }

    /// The node `path` leads to from `at`; made where it is not there.
    pub(crate) fn node(&mut self, at: usize, path: &Path, shape: &Shape<'_>, field: &str) -> usize {
        path.steps().iter().fold(at, |at, step| self.step(at, step, shape, field))
    }

    fn step(&mut self, at: usize, step: &Step, shape: &Shape<'_>, field: &str) -> usize {
        if &*step.name == "." {
            self.fulfil(at, step, shape, field);
            return at;
        }
        let found = self.children(at).iter().copied().find(|child| self.is(*child, step));
        found.unwrap_or_else(|| self.make(at, step, shape, field))
    }

    fn make(&mut self, at: usize, step: &Step, shape: &Shape<'_>, field: &str) -> usize {
        let made = self.push(at, &step.name, shape, field);
        self.fulfil(made, step, shape, field);
        made
    }

    /// Writes what the condition of `step` demands.
    fn fulfil(&mut self, at: usize, step: &Step, shape: &Shape<'_>, field: &str) {
        if let Some(Condition { path, value }) = step.condition.as_deref()
            && self.value(at, path).is_none()
        {
            let node = self.node(at, path, shape, field);
            // What is there contradicts nothing: there was no value.
            drop(self.write(node, path.attribute(), value, field));
        }
    }

    /// Whether the node at `at` is what `step` leads to.
    fn is(&self, at: usize, step: &Step) -> bool {
        let holds = |c: &Condition| self.value(at, &c.path) == Some(&*c.value);
        self.name(at) == &*step.name && step.condition.as_deref().is_none_or(holds)
    }

    fn value(&self, at: usize, path: &Path) -> Option<&str> {
        let child = |at: usize, step: &Step| {
            self.children(at).iter().copied().find(|child| self.is(*child, step))
        };
        let node = path.steps().iter().try_fold(at, child)?;
        match path.attribute() {
            None => self.text(node),
            Some(name) => self.attribute(node, name),
        }
    }

    fn attribute(&self, at: usize, name: &str) -> Option<&str> {
        let found = self.attributes(at).iter().find(|(known, _)| &**known == name);
        found.map(|(_, value)| value.as_str())
    }

    fn push(&mut self, at: usize, name: &str, shape: &Shape<'_>, field: &str) -> usize {
        let place = self.place(at).and_then(|place| shape.child(place, name));
        let made = self.nodes.len();
        self.nodes.push(Node {
            name: name.into(),
            parent: Some(at),
            place,
            text: None,
            attributes: Vec::new(),
            children: Vec::new(),
            field: field.to_owned(),
        });
        if let Some(parent) = self.nodes.get_mut(at) {
            parent.children.push(made);
        }
        made
    }

    /// Writes `value` as the text or an attribute of `at`.
    ///
    /// # Errors
    /// Where something else stands there already.
    pub(crate) fn write(
        &mut self,
        at: usize,
        attribute: Option<&str>,
        value: &str,
        field: &str,
    ) -> Result<(), Box<Uncarried>> {
        let before = match attribute {
            None => self.text(at),
            Some(name) => self.attribute(at, name),
        };
        if before.is_some_and(|before| before != value) {
            let other = self.field(at);
            let german = format!(
                "Zwei Angaben widersprechen sich an derselben Stelle: {other} und {field}."
            );
            let english =
                format!("Two values contradict each other at one place: {other} and {field}.");
            return Err(Box::new(Uncarried::new(field, self.path(at), german, english)));
        }
        let is_new = before.is_none();
        if let Some(node) = self.nodes.get_mut(at).filter(|_| is_new) {
            match attribute {
                None => node.text = Some(value.to_owned()),
                Some(name) => node.attributes.push((name.into(), value.to_owned())),
            }
            node.field = field.to_owned();
        }
        Ok(())
    }
}

/// A step of a generic field's name: `anlage[2]` is `anlage`, 2.
pub(crate) fn numbered(step: &str) -> (&str, usize) {
    let numbered = step.strip_suffix(']').and_then(|step| step.split_once('['));
    let numbered = numbered.and_then(|(name, number)| Some((name, number.parse().ok()?)));
    numbered.filter(|(_, number)| *number >= 1).unwrap_or((step, 1))
}

/// An XPath of a violation by local names below the root.
pub(crate) fn below_root(path: &str) -> String {
    let local = |step: &str| {
        let (at, name) = step.strip_prefix('@').map_or(("", step), |name| ("@", name));
        let name = name.split_once(':').map_or(name, |(_, local)| local);
        format!("{at}{name}")
    };
    path.split('/').skip(2).map(local).collect::<Vec<_>>().join("/")
}
