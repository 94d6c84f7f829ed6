//! Where the transitions of a state lie, so that one look finds each.

use std::collections::HashSet;

use super::Compiler;
use crate::{
    model::Name,
    names::{Key, NONE},
    tables::{State, Transition, Wildcard, spread},
};

/// Doublings beyond what is needed, in search of places without clashes.
const DOUBLINGS: u32 = 2;

/// Shifts tried for each size.
const SHIFTS: u32 = 24;

/// Where an element leads.
#[derive(Clone, Debug)]
pub(super) struct Way {
    pub(super) name: Name,
    pub(super) next: u32,
    pub(super) element: u32,
}

impl Compiler<'_> {
    pub(super) fn add_state(&mut self, ways: &[Way], wildcards: &[Wildcard], accepts: bool) -> u32 {
        let number = self.reserve_states(1);
        self.fill_state(number, ways, wildcards, accepts);
        number
    }

    /// Numbers for `count` states in a row.
    pub(super) fn reserve_states(&mut self, count: usize) -> u32 {
        let number = u32::try_from(self.tables.states.len()).unwrap_or(NONE);
        let empty =
            State { first: 0, mask: 0, shift: 0, accepts: false, wildcards: 0, wildcards_count: 0 };
        self.tables.states.resize(self.tables.states.len() + count, empty);
        number
    }

    pub(super) fn fill_state(
        &mut self,
        number: u32,
        ways: &[Way],
        wildcards: &[Wildcard],
        accepts: bool,
    ) {
        let keys: Vec<Key> = ways.iter().map(|way| Key::of(way.name.local.as_bytes())).collect();
        let (bits, shift) = layout(&keys);
        let size = 1_usize << bits;
        let first = self.tables.transitions.len();
        self.tables.transitions.resize(first + size, Transition::EMPTY);
        let mask = u32::try_from(size - 1).unwrap_or(0);
        for (way, key) in ways.iter().zip(keys) {
            let namespace = self.namespace(&way.name.namespace);
            let name = self.interner.intern(way.name.local.as_bytes());
            let transition =
                Transition { key, namespace, name, next: way.next, element: way.element };
            let mut slot = spread(key, shift) & mask;
            while let Some(place) = self.tables.transitions.get_mut(first + slot as usize) {
                if place.element == NONE {
                    *place = transition;
                    break;
                }
                slot = (slot + 1) & mask;
            }
        }
        let state = State {
            first: u32::try_from(first).unwrap_or(NONE),
            mask,
            shift,
            accepts,
            wildcards: u32::try_from(self.tables.wildcards.len()).unwrap_or(NONE),
            wildcards_count: u32::try_from(wildcards.len()).unwrap_or(0),
        };
        self.tables.wildcards.extend_from_slice(wildcards);
        if let Some(place) = self.tables.states.get_mut(number as usize) {
            *place = state;
        }
    }
}

/// Bits of the size and the shift: at least half of the places stay empty, and if possible no two keys
/// want the same.
fn layout(keys: &[Key]) -> (u32, u8) {
    let bits = (keys.len() * 2).next_power_of_two().trailing_zeros().max(1);
    for bits in bits..=bits + DOUBLINGS {
        for shift in (0..=63 - bits).rev().take(SHIFTS as usize) {
            let shift = u8::try_from(shift).unwrap_or(0);
            let mut taken = HashSet::new();
            if keys.iter().all(|key| taken.insert(spread(*key, shift) & ((1 << bits) - 1))) {
                return (bits, shift);
            }
        }
    }
    (bits, 40)
}
