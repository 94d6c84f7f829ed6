//! A deterministic automaton over bytes, as small as it can be.

use std::collections::HashMap;

use super::minimise;
use crate::codec::coded;

/// States of an automaton before it is made small.
const STATES_MAX: usize = 40_000;

/// Places of one chain: one bit each.
const CHAIN_MAX: u32 = 64;

/// Where no word that is accepted goes through.
pub(super) const DEAD: u32 = 0;

/// Where each byte leads from each state; state 0 is dead.
#[derive(Clone, Debug)]
pub(super) struct Rows {
    pub(super) next: Vec<[u32; 256]>,
    pub(super) accepts: Vec<bool>,
    is_too_large: bool,
}

impl Default for Rows {
    fn default() -> Self {
        Self { next: vec![[DEAD; 256]], accepts: vec![false], is_too_large: false }
    }
}

impl Rows {
    /// A new state; the first one is where reading begins.
    pub(super) fn add(&mut self) -> u32 {
        let number = u32::try_from(self.next.len()).unwrap_or(DEAD);
        if self.next.len() > STATES_MAX {
            self.is_too_large = true;
            return DEAD;
        }
        self.next.push([DEAD; 256]);
        self.accepts.push(false);
        number
    }

    pub(super) fn accept(&mut self, state: u32, accepts: bool) {
        if let Some(place) = self.accepts.get_mut(state as usize) {
            *place = accepts;
        }
    }

    pub(super) fn lead(&mut self, from: u32, byte: u8, to: u32) {
        if let Some(place) = self.row_mut(from).and_then(|row| row.get_mut(usize::from(byte))) {
            *place = to;
        }
    }

    fn row_mut(&mut self, state: u32) -> Option<&mut [u32; 256]> {
        self.next.get_mut(state as usize).filter(|_| state != DEAD)
    }
}

/// An automaton that says of a whole text whether it matches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Dfa {
    /// Bytes that lead to the same everywhere share a column.
    columns: Box<[u8; 256]>,
    width: u16,
    /// Of each state, for each column, where the row of the next one begins.
    rows: Vec<u16>,
    accepts: Vec<bool>,
    begin: u16,
    chain: Option<Chain>,
    takes_printable: bool,
}

coded!(Dfa { columns, width, rows, accepts, begin, chain, takes_printable });

/// An automaton without branches: of each byte, the places where it may stand.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Chain {
    length: u32,
    places: Box<[u64; 256]>,
}

coded!(Chain { length, places });

impl Dfa {
    /// The smallest automaton that accepts what `rows` do, if it is small enough.
    pub(super) fn smallest(rows: &Rows) -> Option<Self> {
        if rows.is_too_large {
            return None;
        }
        Self::of(&minimise::smallest(rows), true)
    }

    /// As it is; only `smallest` and its tests want that.
    pub(super) fn of(rows: &Rows, is_chained: bool) -> Option<Self> {
        let mut columns = Box::new([0_u8; 256]);
        let mut known: HashMap<Vec<u32>, u8> = HashMap::new();
        let mut first_of = Vec::new();
        for (byte, place) in columns.iter_mut().enumerate() {
            let column: Vec<u32> =
                rows.next.iter().filter_map(|row| row.get(byte)).copied().collect();
            let number = u8::try_from(known.len()).ok();
            *place = match known.get(&column) {
                Some(number) => *number,
                None => {
                    first_of.push(byte);
                    known.insert(column, number?);
                    number?
                }
            };
        }
        let width = u16::try_from(first_of.len()).ok()?;
        let place = |state: u32| u16::try_from(state.checked_mul(u32::from(width))?).ok();
        let cells = rows.next.iter().flat_map(|row| first_of.iter().map(|byte| row.get(*byte)));
        let cells: Option<Vec<u16>> = cells.map(|next| place(*next?)).collect();
        let mut dfa = Self {
            columns,
            width,
            rows: cells?,
            accepts: rows.accepts.clone(),
            begin: place(1)?,
            chain: None,
            takes_printable: false,
        };
        dfa.takes_printable = is_closed_under_printable(rows);
        if is_chained {
            dfa.chain = chain(rows);
        }
        Some(dfa)
    }

    /// Whether it accepts `text`, which is UTF-8.
    #[inline]
    pub(crate) fn matches(&self, text: &[u8]) -> bool {
        if let Some(chain) = &self.chain {
            return chain.matches(text);
        }
        let mut place = usize::from(self.begin);
        for byte in text {
            let column = self.columns.get(usize::from(*byte)).copied().unwrap_or(0);
            let next = self.rows.get(place + usize::from(column)).copied().unwrap_or(0);
            place = usize::from(next);
        }
        let state = place / usize::from(self.width.max(1));
        place != 0 && self.accepts.get(state).copied().unwrap_or(false)
    }

    /// Whether every text of printable ASCII matches.
    pub(crate) fn takes_printable(&self) -> bool {
        self.takes_printable
    }

    /// The automaton that accepts what both do, if it is small enough. What is looked at is taken from
    /// `work`, in bytes.
    pub(super) fn both(&self, other: &Self, work: &mut usize) -> Option<Self> {
        /// Of a state that is a pair.
        const PAIR_BYTES: usize = 1_024;
        let mut rows = Rows::default();
        let begin = (self.begin, other.begin);
        let mut numbers = HashMap::from([(begin, rows.add())]);
        let mut open = vec![begin];
        while let Some(pair) = open.pop() {
            *work = work.checked_sub(PAIR_BYTES)?;
            let number = numbers.get(&pair).copied()?;
            rows.accept(number, self.is_end(pair.0) && other.is_end(pair.1));
            for byte in 0..=u8::MAX {
                let next = (self.next(pair.0, byte), other.next(pair.1, byte));
                if next.0 == 0 || next.1 == 0 {
                    continue;
                }
                let target = *numbers.entry(next).or_insert_with(|| {
                    open.push(next);
                    rows.add()
                });
                rows.lead(number, byte, target);
            }
        }
        Self::smallest(&rows)
    }

    fn next(&self, place: u16, byte: u8) -> u16 {
        let column = self.columns.get(usize::from(byte)).copied().unwrap_or(0);
        self.rows.get(usize::from(place) + usize::from(column)).copied().unwrap_or(0)
    }

    fn is_end(&self, place: u16) -> bool {
        self.accepts.get(usize::from(place / self.width.max(1))).copied().unwrap_or(false)
    }

    /// Bytes it takes up.
    pub(crate) fn bytes(&self) -> usize {
        256 + self.rows.len() * 2 + self.accepts.len() + self.chain.as_ref().map_or(0, |_| 2_048)
    }
}

impl Chain {
    #[inline]
    fn matches(&self, text: &[u8]) -> bool {
        if text.len() != self.length as usize {
            return false;
        }
        let mut all = 1_u64;
        for (place, byte) in text.iter().enumerate() {
            let places = self.places.get(usize::from(*byte)).copied().unwrap_or(0);
            all &= places >> (place & 63);
        }
        all & 1 == 1
    }
}

/// `rows` as a chain, if they are one: each state leads to one other, and only the last accepts.
fn chain(rows: &Rows) -> Option<Chain> {
    let mut places = Box::new([0_u64; 256]);
    let (mut state, mut length) = (1, 0);
    loop {
        let row = rows.next.get(state as usize)?;
        let mut targets = row.iter().copied().filter(|next| *next != DEAD);
        let Some(next) = targets.next() else {
            let is_end = rows.accepts.get(state as usize).copied().unwrap_or(false);
            return (is_end && length > 0).then_some(Chain { length, places });
        };
        let is_branch = targets.any(|other| other != next);
        let is_end = rows.accepts.get(state as usize).copied().unwrap_or(true);
        if is_branch || is_end || length == CHAIN_MAX {
            return None;
        }
        for (bits, target) in places.iter_mut().zip(row) {
            if *target != DEAD {
                *bits |= 1 << length;
            }
        }
        (state, length) = (next, length + 1);
    }
}

/// Whether every text of printable ASCII is accepted.
fn is_closed_under_printable(rows: &Rows) -> bool {
    let mut seen = vec![false; rows.next.len()];
    let mut open = vec![1];
    while let Some(state) = open.pop() {
        let index = state as usize;
        if state == DEAD || !rows.accepts.get(index).copied().unwrap_or(false) {
            return false;
        }
        let Some(place) = seen.get_mut(index) else { return false };
        if !std::mem::replace(place, true) {
            let row = rows.next.get(index).into_iter().flatten();
            open.extend(row.skip(0x20).take(0x7F - 0x20));
        }
    }
    true
}

#[cfg(test)]
impl Dfa {
    /// Some text it accepts; `choice` picks among as many ways as it is told, and is asked often.
    pub(crate) fn sample(&self, mut choice: impl FnMut(usize) -> usize) -> Option<Vec<u8>> {
        let far = self.distances();
        let width = self.width;
        let distance = |place: u16| far.get(usize::from(place / width)).copied().flatten();
        let (mut place, mut text) = (self.begin, Vec::new());
        let length = choice(20);
        loop {
            let is_long = text.len() >= length;
            let mut ways: Vec<u8> =
                (0..=u8::MAX).filter(|byte| distance(self.next(place, *byte)).is_some()).collect();
            if self.is_end(place) && (is_long || ways.is_empty() || choice(16) == 0) {
                return Some(text);
            }
            if is_long {
                let least = ways.iter().filter_map(|byte| distance(self.next(place, *byte))).min();
                ways.retain(|byte| distance(self.next(place, *byte)) == least);
            }
            if ways.iter().any(u8::is_ascii_graphic) && choice(8) > 0 {
                ways.retain(u8::is_ascii_graphic);
            }
            let byte = *ways.get(choice(ways.len()))?;
            text.push(byte);
            place = self.next(place, byte);
        }
    }

    /// How many bytes it is from each state to where it accepts.
    fn distances(&self) -> Vec<Option<usize>> {
        let width = usize::from(self.width);
        let mut far: Vec<Option<usize>> =
            self.accepts.iter().map(|accepts| accepts.then_some(0)).collect();
        loop {
            let mut is_changed = false;
            for state in (1..far.len()).rev() {
                let row = self.rows.iter().skip(state * width).take(width);
                let next = row.filter_map(|next| *far.get(usize::from(*next) / width)?);
                let Some(least) = next.min() else { continue };
                if let Some(place) = far.get_mut(state)
                    && place.is_none_or(|known| known > least + 1)
                {
                    *place = Some(least + 1);
                    is_changed = true;
                }
            }
            if !is_changed {
                return far;
            }
        }
    }
}
