//! Puts a draft in the order of its XSD, and adds what the schema prescribes.

use std::rc::Rc;

use xsd_schema::{NameId, TypeKey};

use super::{
    Uncarried,
    draft::{Draft, ROOT},
    model::{Model, Position, Term},
    shape::{Attribute, Declared, XmlShape},
};

/// Mandatory elements within each other that are made without any value of their own.
const MADE_DEPTH_MAX: usize = 32;

/// Names told where one of several is missing.
const NAMES_MAX: usize = 6;

/// An element ready to be written.
#[derive(Debug)]
pub(crate) struct Element {
    pub(crate) local: String,
    /// Empty: none.
    pub(crate) namespace: String,
    /// Namespace, local name, value.
    pub(crate) attributes: Vec<(String, String, String)>,
    pub(crate) content: Content,
}

/// What an element holds.
#[derive(Debug)]
pub(crate) enum Content {
    Text(String),
    Elements(Vec<Element>),
}

/// The whole draft; `None`, and problems, where it cannot be.
pub(crate) fn arrange(
    draft: &Draft,
    shape: &XmlShape<'_>,
    problems: &mut Vec<Uncarried>,
) -> Option<Element> {
    let mut hand = Hand { draft, shape, problems };
    hand.element(Some(ROOT), &shape.root, "", 0)
}

struct Hand<'h, 's> {
    draft: &'h Draft,
    shape: &'h XmlShape<'s>,
    problems: &'h mut Vec<Uncarried>,
}

impl Hand<'_, '_> {
    /// The element of a draft's node, or one that the schema demands at `path`.
    fn element(
        &mut self,
        node: Option<usize>,
        declared: &Declared,
        path: &str,
        depth: usize,
    ) -> Option<Element> {
        let attributes = self.attributes(node, declared.type_key, path);
        let model = self.shape.model(declared.type_key);
        let content = match model {
            Some(model) => Content::Elements(self.children(node, &model, path, depth)),
            None => Content::Text(self.text(node, declared, path)),
        };
        let (local, namespace) = (declared.local.clone(), declared.namespace.clone());
        Some(Element { local, namespace, attributes: attributes?, content })
    }

    fn text(&mut self, node: Option<usize>, declared: &Declared, path: &str) -> String {
        let draft = self.draft;
        if let Some(node) = node {
            for child in draft.children(node) {
                self.refuse(*child);
            }
            if let Some(text) = draft.text(node) {
                return text.to_owned();
            }
        }
        let prescribed = declared.fixed.as_deref().or_else(|| draft.demanded(path));
        prescribed.unwrap_or_default().to_owned()
    }

    fn attributes(
        &mut self,
        node: Option<usize>,
        type_key: TypeKey,
        path: &str,
    ) -> Option<Vec<(String, String, String)>> {
        let draft = self.draft;
        let written = node.map_or(&[][..], |node| draft.attributes(node));
        let allowed = self.shape.attributes(type_key);
        for (name, _) in written {
            if !allowed.iter().any(|attribute| attribute.local == **name) {
                let field = node.map_or("", |node| draft.field(node));
                self.problems.push(not_allowed(field, &format!("{path}/@{name}")));
            }
        }
        let mut found = Vec::new();
        let mut is_whole = true;
        for Attribute { local, namespace, is_required, fixed } in allowed {
            let place = join(path, &format!("@{local}"));
            let own = written.iter().find(|(name, _)| **name == *local).map(|(_, value)| value);
            let demanded = || fixed.clone().or_else(|| draft.demanded(&place).map(str::to_owned));
            let value = own.cloned().or_else(|| is_required.then(demanded).flatten());
            match value {
                Some(value) => found.push((namespace, local, value)),
                None if is_required => {
                    is_whole = false;
                    self.problems.push(missing(draft, &place));
                }
                None => {}
            }
        }
        is_whole.then_some(found)
    }

    fn children(
        &mut self,
        node: Option<usize>,
        model: &Rc<Model>,
        path: &str,
        depth: usize,
    ) -> Vec<Element> {
        let draft = self.draft;
        if let Some(node) = node.filter(|node| draft.text(*node).is_some()) {
            self.problems.push(not_allowed(draft.field(node), path));
        }
        let mut open: Vec<usize> = node.map_or(&[][..], |node| draft.children(node)).to_vec();
        let mut position = model.start();
        let mut placed = Vec::new();
        while !open.is_empty() {
            if let Some((at, declared)) = self.choose(&open, model, &mut position) {
                let child = open.remove(at);
                let below = join(path, &declared.local);
                placed.extend(self.element(Some(child), &declared, &below, depth));
                continue;
            }
            // Nothing that is left may come now: something mandatory is missing before it, or it
            // has no place here at all.
            let name = |child: &usize| self.name(self.draft.name(*child));
            let way = open.iter().find_map(|child| model.missing(&position, Some(name(child)?)));
            match way.as_deref() {
                Some([first, ..]) => {
                    let made = self.demand(&[*first], model, &mut position, path, depth);
                    placed.extend(made);
                }
                _ => {
                    open.drain(..).for_each(|child| self.refuse(child));
                }
            }
        }
        // Each turn adds one element at least; the shortest way to the end is bounded by the model.
        for _ in 0..=model.terms().len() {
            if position.is_complete() {
                break;
            }
            let way = model.missing(&position, None).unwrap_or_default();
            let made = self.demand(&way, model, &mut position, path, depth);
            placed.extend(made);
        }
        placed
    }

    /// The first of the draft's children that may come now without keeping others from coming, and
    /// the position behind it.
    fn choose(
        &self,
        open: &[usize],
        model: &Model,
        position: &mut Position,
    ) -> Option<(usize, Declared)> {
        let name = |at: usize| open.get(at).and_then(|child| self.name(self.draft.name(*child)));
        let mut fallback = None;
        for at in 0..open.len() {
            let Some(id) = name(at) else { continue };
            // A later one of the same name never comes first.
            if (0..at).any(|before| name(before) == Some(id)) {
                continue;
            }
            let Some((next, declared)) = self.step(id, model, position) else { continue };
            let is_open = |other: usize| {
                other == at || name(other).is_none_or(|id| model.can_still_come(&next, id))
            };
            if (0..open.len()).all(is_open) {
                *position = next;
                return Some((at, declared));
            }
            fallback = fallback.or(Some((at, declared, next)));
        }
        let (at, declared, next) = fallback?;
        *position = next;
        Some((at, declared))
    }

    /// The position behind an element called `id`, and its declaration.
    fn step(&self, id: NameId, model: &Model, position: &Position) -> Option<(Position, Declared)> {
        let terms = model.next(position).into_iter().filter_map(|at| model.terms().get(at));
        let named = terms.filter(|term| term.name == id).map(|term| term.namespace);
        // A member of a substitution group is declared globally, in the message's namespace or none.
        let own = self.name(&self.shape.root.namespace);
        for namespace in named.chain([own, None]) {
            let mut next = position.clone();
            let Some(found) = next.advance((id, namespace), &self.shape.substitutions) else {
                continue;
            };
            let global = || self.shape.schemas.lookup_element(namespace, id);
            let element = found.element_key.filter(|_| found.resolved_type.is_none());
            let element = element.or_else(|| found.resolved_type.is_none().then(global).flatten());
            let element = element.or(found.element_key);
            let type_key = element.and_then(|e| self.shape.type_of(e)).or(found.resolved_type)?;
            let declared = Declared {
                local: self.shape.text(id),
                namespace: namespace.map(|id| self.shape.text(id)).unwrap_or_default(),
                type_key,
                fixed: element.and_then(|element| self.shape.fixed(element)),
            };
            return Some((next, declared));
        }
        None
    }

    /// Makes the elements of `way` from what the schema prescribes, or tells that they are missing.
    fn demand(
        &mut self,
        way: &[usize],
        model: &Model,
        position: &mut Position,
        path: &str,
        depth: usize,
    ) -> Vec<Element> {
        let mut made = Vec::new();
        let choice = model.next(position);
        for at in way {
            let Some(term) = model.terms().get(*at) else { continue };
            let Some((next, declared)) = self.step(term.name, model, position) else { continue };
            let below = join(path, &declared.local);
            if self.is_prescribed(&declared, &below, depth) {
                made.extend(self.element(None, &declared, &below, depth + 1));
            } else {
                self.tell(term, &choice, model, path);
            }
            *position = next;
        }
        made
    }

    fn tell(&mut self, term: &Term, choice: &[usize], model: &Model, path: &str) {
        // Only where the way has no detour are the others real alternatives.
        let is_only = choice.len() <= 1 || !self.is_choice(choice, model);
        let local = self.shape.text(term.name);
        if is_only {
            self.problems.push(missing(self.draft, &join(path, &local)));
            return;
        }
        let names: Vec<String> = choice
            .iter()
            .filter_map(|at| model.terms().get(*at))
            .map(|term| self.shape.text(term.name))
            .take(NAMES_MAX)
            .collect();
        let german = format!("Eine dieser Pflichtangaben fehlt: {}.", names.join(", "));
        let english = format!("One of these mandatory values is missing: {}.", names.join(", "));
        self.problems.push(Uncarried::new("", path, german, english));
    }

    /// Whether each of `choice` alone would do: after it, none of the others is demanded any more.
    fn is_choice(&self, choice: &[usize], model: &Model) -> bool {
        let ways: Vec<_> = choice.iter().map(|at| model.follow_of(*at)).collect();
        choice.iter().all(|at| ways.iter().all(|follow| !follow.contains(at)))
    }

    /// Whether an element needs no value of the canonical message.
    fn is_prescribed(&self, declared: &Declared, path: &str, depth: usize) -> bool {
        if depth >= MADE_DEPTH_MAX {
            return false;
        }
        self.draft.demanded(path).is_some()
            || self.draft.is_demanded_below(path)
            || declared.fixed.is_some()
    }

    fn name(&self, text: &str) -> Option<NameId> {
        self.shape.schemas.name_table.get(text)
    }

    /// Tells that a node has no place, and what is in it.
    fn refuse(&mut self, node: usize) {
        let draft = self.draft;
        let mut open = vec![node];
        while let Some(node) = open.pop() {
            let children = draft.children(node);
            open.extend(children.iter().rev());
            if children.is_empty() {
                self.problems.push(not_allowed(draft.field(node), &draft.path(node)));
            }
        }
    }
}

/// Tells that the document has no place for `field`.
pub(super) fn not_allowed(field: &str, path: &str) -> Uncarried {
    Uncarried::new(
        field,
        path,
        "Die Nachricht hat an dieser Stelle keinen Platz für diese Angabe.",
        "The message has no place for this value here.",
    )
}

/// Tells that what is mandatory at `path` is missing, and which canonical field would fill it.
pub(super) fn missing(draft: &Draft, path: &str) -> Uncarried {
    Uncarried::new(
        draft.known(path),
        path,
        "Eine Pflichtangabe der Nachricht fehlt in der kanonischen Nachricht.",
        "A mandatory value of the message is missing in the canonical message.",
    )
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}/{name}") }
}
