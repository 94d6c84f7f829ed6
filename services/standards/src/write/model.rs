//! The content model of one complex type, asked in advance: what can still come, and what must come
//! first. The validator's own automaton moves; a graph of its states looks ahead.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};

use xsd_schema::{
    ComplexTypeKey, ElementKey, NameId, SchemaSet, TypeKey, XsdVersion,
    compiler::{
        ContentModelMatcher, NfaTable, NfaTerm, SubstitutionGroupMap, compile_content_model_matcher,
    },
    validation::{CompiledContentModel, ContentValidatorState, ElementMatchInfo},
};

/// An element that a content model names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Term {
    pub(crate) name: NameId,
    /// `None`: no namespace.
    pub(crate) namespace: Option<NameId>,
    pub(crate) element: Option<ElementKey>,
    pub(crate) type_key: Option<TypeKey>,
}

/// A content model, compiled.
#[derive(Debug)]
pub(crate) struct Model {
    compiled: CompiledContentModel,
    /// Every element it names, in the schema's order.
    terms: Vec<Term>,
    /// Per term, the terms that may follow it at once, and whether the content may end after it;
    /// empty where the order is free.
    follow: Vec<(BTreeSet<usize>, bool)>,
}

/// Where one element's content stands.
#[derive(Clone, Debug)]
pub(crate) struct Position(ContentValidatorState);

impl Model {
    /// The content model of a type; `None` where it has no child elements.
    pub(crate) fn new(schemas: &SchemaSet, key: ComplexTypeKey) -> Option<Self> {
        let data = schemas.arenas.complex_types.get(key)?;
        let matcher = compile_content_model_matcher(schemas, data).ok()?;
        let (terms, follow) = match &matcher {
            ContentModelMatcher::Nfa(nfa) | ContentModelMatcher::WithOpenContent { nfa, .. } => {
                graph(nfa)
            }
            ContentModelMatcher::AllGroup(all) => {
                let terms = all.particles.iter().filter_map(|particle| term(&particle.term));
                (terms.collect(), Vec::new())
            }
        };
        let compiled = CompiledContentModel::try_from_matcher(matcher).ok()?;
        (!terms.is_empty()).then_some(Self { compiled, terms, follow })
    }

    pub(crate) fn terms(&self) -> &[Term] {
        &self.terms
    }

    /// The terms that may follow the one numbered `at` directly.
    pub(crate) fn follow_of(&self, at: usize) -> BTreeSet<usize> {
        self.follow.get(at).map(|(terms, _)| terms.clone()).unwrap_or_default()
    }

    pub(crate) fn start(&self) -> Position {
        Position(ContentValidatorState::from_compiled(&self.compiled))
    }

    /// The terms that may come next, in the schema's order.
    pub(crate) fn next(&self, position: &Position) -> Vec<usize> {
        let expected: HashSet<(NameId, Option<NameId>)> = match &position.0 {
            ContentValidatorState::Nfa { nfa, active_states, .. } => {
                let terms = active_states.expected_element_terms(nfa).into_iter();
                terms.map(|(name, namespace, _)| (name, namespace)).collect()
            }
            ContentValidatorState::AllGroup { model, state, .. } => {
                let open = model.particles.iter().enumerate();
                let open = open.filter(|(at, _)| state.can_accept(model, *at));
                let terms = open.filter_map(|(_, particle)| term(&particle.term));
                terms.map(|term| (term.name, term.namespace)).collect()
            }
            _ => HashSet::new(),
        };
        let is_open = |term: &Term| expected.contains(&(term.name, term.namespace));
        let found = self.terms.iter().enumerate().filter(|(_, term)| is_open(term));
        found.map(|(at, _)| at).collect()
    }

    /// Whether an element called `name` can come at `position` or, whatever comes before it, later.
    pub(crate) fn can_still_come(&self, position: &Position, name: NameId) -> bool {
        let next = self.next(position);
        let is_it = |at: usize| self.terms.get(at).is_some_and(|term| term.name == name);
        if self.follow.is_empty() {
            return next.iter().any(|at| is_it(*at));
        }
        self.way(&next, is_it).is_some()
    }

    /// The fewest elements that must come before one called `name` can; `None` where it never can.
    /// Without a name: before the content is complete.
    pub(crate) fn missing(&self, position: &Position, name: Option<NameId>) -> Option<Vec<usize>> {
        let next = self.next(position);
        if self.follow.is_empty() {
            return match (name, &position.0) {
                (None, ContentValidatorState::AllGroup { model, state, .. }) => {
                    let is_missing = |at: &usize| {
                        let particle = model.particles.get(*at);
                        particle.is_some_and(|particle| particle.min_occurs > 0)
                            && state.can_accept(model, *at)
                    };
                    Some((0..self.terms.len()).filter(is_missing).collect())
                }
                _ => None,
            };
        }
        match name {
            Some(name) => {
                let is_it = |at: usize| self.terms.get(at).is_some_and(|term| term.name == name);
                let mut way = self.way(&next, is_it)?;
                way.pop();
                Some(way)
            }
            None => self.way(&next, |at| self.follow.get(at).is_some_and(|(_, may_end)| *may_end)),
        }
    }

    /// The shortest way over terms, beginning with one of `next`, to one that `is_end`.
    fn way(&self, next: &[usize], is_end: impl Fn(usize) -> bool) -> Option<Vec<usize>> {
        let mut before: HashMap<usize, Option<usize>> = next.iter().map(|at| (*at, None)).collect();
        let mut open: VecDeque<usize> = next.iter().copied().collect();
        while let Some(at) = open.pop_front() {
            if is_end(at) {
                let mut way = vec![at];
                let mut step = at;
                while let Some(Some(previous)) = before.get(&step) {
                    way.push(*previous);
                    step = *previous;
                }
                way.reverse();
                return Some(way);
            }
            let follow = self.follow.get(at).into_iter().flat_map(|(terms, _)| terms);
            for term in follow {
                if !before.contains_key(term) {
                    before.insert(*term, Some(at));
                    open.push_back(*term);
                }
            }
        }
        None
    }
}

impl Position {
    /// Moves over one element; `None`, and nothing moves, where it is not allowed here.
    pub(crate) fn advance(
        &mut self,
        (name, namespace): (NameId, Option<NameId>),
        substitutions: &SubstitutionGroupMap,
    ) -> Option<ElementMatchInfo> {
        let groups = (!substitutions.is_empty()).then_some(substitutions);
        self.0.try_advance_element(name, namespace, None, XsdVersion::V1_0, groups).ok().flatten()
    }

    pub(crate) fn is_complete(&self) -> bool {
        self.0.is_complete()
    }
}

fn term(term: &NfaTerm) -> Option<Term> {
    match term {
        NfaTerm::Element { name, namespace, element_key, resolved_type } => Some(Term {
            name: *name,
            namespace: *namespace,
            element: *element_key,
            type_key: *resolved_type,
        }),
        NfaTerm::Wildcard { .. } => None,
    }
}

/// The terms of an automaton and what may follow each. Counters are passed over: the automaton
/// itself counts.
fn graph(nfa: &NfaTable) -> (Vec<Term>, Vec<(BTreeSet<usize>, bool)>) {
    let states: Vec<_> = nfa.states.iter().filter(|s| s.term.is_some()).collect();
    let found: Vec<_> =
        states.iter().filter_map(|s| Some((s.id, term(s.term.as_ref()?)?))).collect();
    let number: HashMap<_, usize> =
        found.iter().enumerate().map(|(at, (id, _))| (*id, at)).collect();
    let follow = found.iter().map(|(id, _)| {
        let (mut terms, mut may_end) = (BTreeSet::new(), false);
        let behind = nfa.transitions_from(*id).iter().filter(|t| !t.kind.is_epsilon_like());
        let mut open: Vec<_> = behind.map(|transition| transition.target).collect();
        let mut seen = HashSet::new();
        while let Some(state) = open.pop() {
            if !seen.insert(state) {
                continue;
            }
            may_end |= nfa.is_accept(state);
            // Where its own loop leads back to it, a term follows itself.
            terms.extend(number.get(&state));
            // A term that may be left out is passed by without being consumed.
            let by = nfa.transitions_from(state).iter().filter(|t| t.kind.is_epsilon_like());
            open.extend(by.map(|transition| transition.target));
        }
        (terms, may_end)
    });
    let follow = follow.collect();
    (found.into_iter().map(|(_, term)| term).collect(), follow)
}
