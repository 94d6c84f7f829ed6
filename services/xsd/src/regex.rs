//! Patterns of XSD as automata over bytes.
//!
//! A pattern is anchored at both ends, its alternatives as a whole; `^` and `$` are characters like any
//! other. What the automaton accepts certainly matches. What it refuses either does not match or has a
//! character about which versions of Unicode disagree.

mod dfa;
mod minimise;
mod parse;

use regex_automata::{
    Anchored,
    dfa::{Automaton, StartKind, dense},
    nfa::thompson,
    util::start,
};
use regex_syntax::hir::{Class, Hir, HirKind};

pub(crate) use dfa::Dfa;
use dfa::Rows;

/// Bytes of an automaton before it is made small, and of what is needed to make it.
const AUTOMATON_BYTES_MAX: usize = 32 << 20;

/// The same for what it is made of.
const PARTS_BYTES_MAX: usize = 8 << 20;

/// Bytes of one pattern in a schema.
const PATTERN_BYTES_MAX: usize = 64 << 10;

/// What all patterns of a type together demand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pattern {
    /// At least so many characters.
    pub(crate) chars_min: u32,
    /// At most so many.
    pub(crate) chars_max: u32,
    /// And this; `None` where every text of such a length will do.
    pub(crate) dfa: Option<Dfa>,
}

/// Why there is no automaton.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It has something that is not XSD's or not known here.
    Syntax,
    /// It would become too large.
    Size,
}

/// Compiles the patterns of a type: one of each step must match. What is looked at on the way is taken from
/// `work`, in bytes.
pub(crate) fn compile(steps: &[Vec<String>], work: &mut usize) -> Result<Pattern, Fault> {
    let mut whole = Pattern { chars_min: 0, chars_max: u32::MAX, dfa: None };
    for step in steps {
        let alternatives: Result<Vec<Hir>, Fault> =
            step.iter().map(|pattern| hir(pattern)).collect();
        let mut pattern = Hir::alternation(alternatives?);
        if let Some((class, min, max)) = counted_class(&pattern) {
            // Counting is cheaper than a chain of states for each character.
            whole.chars_min = whole.chars_min.max(min);
            whole.chars_max = whole.chars_max.min(max);
            pattern = class;
        }
        let dfa = automaton(&pattern, work)?;
        whole.dfa = Some(match whole.dfa {
            None => dfa,
            Some(before) => before.both(&dfa, work).ok_or(Fault::Size)?,
        });
    }
    Ok(whole)
}

fn hir(pattern: &str) -> Result<Hir, Fault> {
    if pattern.len() > PATTERN_BYTES_MAX {
        return Err(Fault::Size);
    }
    parse::parse(pattern)
}

/// Takes `[…]{m,n}` apart: `[…]*` and how many characters.
fn counted_class(hir: &Hir) -> Option<(Hir, u32, u32)> {
    let HirKind::Repetition(repetition) = hir.kind() else { return None };
    if !matches!(repetition.sub.kind(), HirKind::Class(Class::Unicode(_))) {
        return None;
    }
    let max = repetition.max.unwrap_or(u32::MAX);
    // A chain of bytes is faster still.
    let is_chain = repetition.min == max
        && max <= 64
        && repetition.sub.properties().is_utf8()
        && repetition.sub.properties().maximum_len() == Some(1);
    if max <= 1 || is_chain {
        return None;
    }
    let mut any = repetition.clone();
    (any.min, any.max) = (0, None);
    Some((Hir::repetition(any), repetition.min, max))
}

fn automaton(hir: &Hir, work: &mut usize) -> Result<Dfa, Fault> {
    Dfa::smallest(&uncut(hir, work)?).ok_or(Fault::Size)
}

/// The automaton before it is made small.
fn uncut(hir: &Hir, work: &mut usize) -> Result<Rows, Fault> {
    let bytes_max = AUTOMATON_BYTES_MAX.min(*work);
    let parts = thompson::Config::new()
        .nfa_size_limit(Some(PARTS_BYTES_MAX.min(*work)))
        .which_captures(thompson::WhichCaptures::None);
    let nfa = thompson::Compiler::new().configure(parts).build_from_hir(hir);
    *work = work.saturating_sub(nfa.as_ref().map_or(PARTS_BYTES_MAX, thompson::NFA::memory_usage));
    let nfa = nfa.map_err(|_| Fault::Size)?;
    let limits = dense::Config::new()
        .dfa_size_limit(Some(bytes_max))
        .determinize_size_limit(Some(bytes_max))
        .start_kind(StartKind::Anchored)
        // Every way through, not the first that matches: the end decides.
        .match_kind(regex_automata::MatchKind::All);
    let dense = dense::Builder::new().configure(limits).build_from_nfa(&nfa);
    *work = work.saturating_sub(dense.as_ref().map_or(bytes_max, dense::DFA::memory_usage));
    rows(&dense.map_err(|_| Fault::Size)?)
}

/// The automaton as plain rows: of each state, whether it accepts and where each byte leads.
fn rows(dense: &dense::DFA<Vec<u32>>) -> Result<Rows, Fault> {
    let begin = dense
        .start_state(&start::Config::new().anchored(Anchored::Yes))
        .map_err(|_| Fault::Syntax)?;
    let mut rows = Rows::default();
    let mut numbers = std::collections::HashMap::from([(begin, rows.add())]);
    let mut open = vec![begin];
    while let Some(state) = open.pop() {
        if dense.is_quit_state(state) {
            return Err(Fault::Syntax);
        }
        let number = numbers.get(&state).copied().ok_or(Fault::Size)?;
        rows.accept(number, dense.is_match_state(dense.next_eoi_state(state)));
        for byte in 0..=u8::MAX {
            let next = dense.next_state(state, byte);
            if dense.is_dead_state(next) {
                continue;
            }
            let target = match numbers.get(&next) {
                Some(target) => *target,
                None => {
                    let target = rows.add();
                    numbers.insert(next, target);
                    open.push(next);
                    target
                }
            };
            rows.lead(number, byte, target);
        }
    }
    Ok(rows)
}

#[cfg(test)]
mod tests;
