//! Content models: from automata that count and guess to states that know.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{Compiler, layout::Way};
use crate::{
    model::{Automaton, Edge, ElementId, Model, Name, Term, Wildcard as Any},
    tables::Wildcard,
};

/// States of one content model.
const STATES_MAX: usize = 3_000;

/// Ways to be in the automaton at once.
const PLACES_MAX: usize = 20_000;

/// What one of them takes, about.
const PLACE_BYTES: usize = 256;

/// Elements of an `xs:all`, whose states are the sets of them.
const ALL_MAX: usize = 10;

/// A state of the automaton and its counters.
type Place = (u32, Vec<u32>);

/// What may come in a state, before it is one: names and wildcards, and the states they lead to.
#[derive(Default)]
struct Plan {
    accepts: bool,
    ways: Vec<(Name, Option<ElementId>, usize)>,
    wildcards: Vec<(Any, usize)>,
}

impl Compiler<'_> {
    /// The state that `model` begins with; `None` where it would become too large.
    pub(super) fn model(&mut self, model: &Model) -> Option<u32> {
        let plans = match model {
            Model::Automaton(automaton) => self.determine(automaton)?,
            Model::All { terms, is_optional } => self.all(terms, *is_optional)?,
        };
        self.limits.states_max = self.limits.states_max.checked_sub(plans.len())?;
        let first = self.reserve_states(plans.len());
        let state = |at: usize| first + u32::try_from(at).unwrap_or(0);
        for (number, plan) in plans.iter().enumerate() {
            let mut ways = Vec::new();
            for (name, id, next) in &plan.ways {
                let element = match id {
                    Some(id) => self.element(*id),
                    None => self.unknown,
                };
                ways.push(Way::of(name, state(*next), element));
            }
            let wildcards: Vec<Wildcard> =
                plan.wildcards.iter().map(|(any, next)| self.wildcard(any, state(*next))).collect();
            self.fill_state(state(number), &ways, &wildcards, plan.accepts);
        }
        Some(first)
    }

    fn names<'e>(
        &'e self,
        elements: &'e [ElementId],
    ) -> impl Iterator<Item = (&'e Name, ElementId)> {
        let named = |id: &ElementId| Some((&self.schema.elements.get(id.0 as usize)?.name, *id));
        elements.iter().filter_map(named)
    }

    /// Every subset of the elements is a state.
    fn all(&self, terms: &[(Term, bool)], is_optional: bool) -> Option<Vec<Plan>> {
        if terms.len() > ALL_MAX {
            return None;
        }
        let mut plans = Vec::new();
        for set in 0..1_usize << terms.len() {
            let has = |at: usize| set >> at & 1 == 1;
            let mut plan = Plan {
                accepts: (set == 0 && is_optional)
                    || terms.iter().enumerate().all(|(at, (_, must))| !must || has(at)),
                ..Plan::default()
            };
            for (at, (term, _)) in terms.iter().enumerate().filter(|(at, _)| !has(*at)) {
                let Term::Elements(elements) = term else { return None };
                let next = set | 1 << at;
                let ways = self.names(elements).map(|(name, id)| (name.clone(), Some(id), next));
                plan.ways.extend(ways);
            }
            plans.push(plan);
        }
        Some(plans)
    }

    /// Sets of places at once are a state.
    fn determine(&mut self, automaton: &Automaton) -> Option<Vec<Plan>> {
        let begin = vec![(automaton.begin, vec![0; automaton.counters.len()])];
        let begin = settled(automaton, begin, &mut self.limits.work_bytes_max)?;
        let mut numbers: HashMap<BTreeSet<Place>, usize> = HashMap::from([(begin.clone(), 0)]);
        let (mut sets, mut plans) = (vec![begin], Vec::new());
        while let Some(set) = sets.get(plans.len()).cloned() {
            let reads = self.reads(automaton, &set);
            let mut plan = Plan {
                accepts: set.iter().any(|(state, _)| *state == automaton.end),
                ..Plan::default()
            };
            let work = &mut self.limits.work_bytes_max;
            let mut number = |places: Vec<Place>| {
                let set = settled(automaton, places, work)?;
                let next = numbers.len();
                Some(*numbers.entry(set.clone()).or_insert_with(|| {
                    sets.push(set);
                    next
                }))
            };
            for (name, (id, places)) in reads.names {
                plan.ways.push((name, id, number(places)?));
            }
            for (any, places) in reads.wildcards {
                plan.wildcards.push((any, number(places)?));
            }
            plans.push(plan);
            if numbers.len() > STATES_MAX {
                return None;
            }
        }
        Some(plans)
    }

    /// What can be read at the places of `set`, and where that leads.
    fn reads(&mut self, automaton: &Automaton, set: &BTreeSet<Place>) -> Reads {
        let mut reads = Reads::default();
        for (state, counters) in set {
            let Some(state) = automaton.states.get(*state as usize) else { continue };
            let behind = || {
                let edges = state.edges.iter().filter(|(edge, _)| *edge == Edge::Read);
                edges.map(|(_, to)| (*to, counters.clone())).collect::<Vec<Place>>()
            };
            match &state.term {
                None => {}
                Some(Term::Any(any)) => {
                    match reads.wildcards.iter_mut().find(|(other, _)| other == any) {
                        Some((_, places)) => places.extend(behind()),
                        None => reads.wildcards.push((any.clone(), behind())),
                    }
                }
                Some(Term::Elements(elements)) => {
                    let named: Vec<(Name, ElementId)> =
                        self.names(elements).map(|(name, id)| (name.clone(), id)).collect();
                    for (name, id) in named {
                        let found = reads.names.entry(name).or_insert((Some(id), Vec::new()));
                        // Two declarations of one name are one only if everything of them is.
                        if found.0.is_some_and(|other| {
                            other != id && self.element(other) != self.element(id)
                        }) {
                            found.0 = None;
                        }
                        found.1.extend(behind());
                    }
                }
            }
        }
        self.tell_apart(&mut reads);
        reads
    }

    /// What could be an element or a wildcard's, or one of two wildcards', is not known.
    fn tell_apart(&mut self, reads: &mut Reads) {
        let compiled: Vec<Wildcard> =
            reads.wildcards.iter().map(|(any, _)| self.wildcard(any, 0)).collect();
        for (name, (id, _)) in &mut reads.names {
            let namespace = self.namespace(&name.namespace);
            if compiled.iter().any(|wildcard| wildcard.takes(namespace)) {
                *id = None;
            }
        }
        let overlap = |one: &Wildcard, other: &Wildcard| {
            (one.is_other && other.is_other)
                || one.namespaces.iter().any(|n| one.takes(*n) && other.takes(*n))
                || other.namespaces.iter().any(|n| one.takes(*n) && other.takes(*n))
        };
        let clash = |(at, one): (usize, &Wildcard)| {
            compiled
                .iter()
                .enumerate()
                .any(|(other, wildcard)| at != other && overlap(one, wildcard))
        };
        let clashes: Vec<bool> = compiled.iter().enumerate().map(clash).collect();
        let mut clashes = clashes.into_iter();
        reads.wildcards.retain(|_| !clashes.next().unwrap_or(true));
    }
}

#[derive(Default)]
struct Reads {
    names: BTreeMap<Name, (Option<ElementId>, Vec<Place>)>,
    wildcards: Vec<(Any, Vec<Place>)>,
}

/// Every place that can be reached from `places` without reading, as far as it reads or is the end.
/// They are taken from `work`, in bytes.
fn settled(automaton: &Automaton, places: Vec<Place>, work: &mut usize) -> Option<BTreeSet<Place>> {
    let (mut seen, mut open) = (BTreeSet::new(), places);
    while let Some(place) = open.pop() {
        if !seen.insert(place.clone()) {
            continue;
        }
        if seen.len() > PLACES_MAX {
            return None;
        }
        *work = work.checked_sub(PLACE_BYTES)?;
        let state = automaton.states.get(place.0 as usize)?;
        for (edge, to) in &state.edges {
            if let Some(counters) = passed(automaton, *edge, &place.1) {
                open.push((*to, counters));
            }
        }
    }
    let counts = |(state, _): &Place| {
        let is_term = |state: &crate::model::AutomatonState| state.term.is_some();
        *state == automaton.end || automaton.states.get(*state as usize).is_some_and(is_term)
    };
    seen.retain(counts);
    Some(seen)
}

/// The counters behind `edge`; `None` where it cannot be passed without reading.
fn passed(automaton: &Automaton, edge: Edge, counters: &[u32]) -> Option<Vec<u32>> {
    let mut counters = counters.to_vec();
    let bounds = |counter: u16| automaton.counters.get(usize::from(counter)).copied();
    match edge {
        Edge::Read => return None,
        Edge::Free => {}
        Edge::Reset(counter) => *counters.get_mut(usize::from(counter))? = 0,
        Edge::Increment(counter) => {
            let (min, max) = bounds(counter)?;
            let count = counters.get_mut(usize::from(counter))?;
            *count += 1;
            // Without an upper bound, all counts from the lower one on are alike.
            if max.is_none() {
                *count = (*count).min(min);
            }
        }
        Edge::BelowMax(counter) => {
            let max = bounds(counter)?.1;
            let count = *counters.get(usize::from(counter))?;
            if max.is_some_and(|max| count >= max) {
                return None;
            }
        }
        Edge::AtLeastMin(counter) => {
            let min = bounds(counter)?.0;
            let count = counters.get_mut(usize::from(counter))?;
            if *count < min {
                return None;
            }
            // Behind the loop it counts for nothing.
            *count = 0;
        }
    }
    Some(counters)
}
