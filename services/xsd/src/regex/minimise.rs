//! The smallest automaton that accepts the same (Moore's algorithm).

use std::collections::HashMap;

use super::dfa::{DEAD, Rows};

/// The same as `rows`, with as few states as possible. State 1 is where reading begins.
pub(super) fn smallest(rows: &Rows) -> Rows {
    let live = live(rows);
    let mut class: Vec<u32> = (rows.accepts.iter().zip(&live))
        .map(|(accepts, is_live)| if *is_live { 1 + u32::from(*accepts) } else { DEAD })
        .collect();
    let columns = columns(rows);
    let mut count = 0;
    loop {
        let (finer, found) = refined(rows, &class, &columns);
        class = finer;
        if found == count {
            break;
        }
        count = found;
    }
    joined(rows, &class, count)
}

/// States from which something is accepted.
fn live(rows: &Rows) -> Vec<bool> {
    let mut from: Vec<Vec<u32>> = vec![Vec::new(); rows.next.len()];
    for (state, row) in (0_u32..).zip(&rows.next) {
        let mut last = DEAD;
        for next in row {
            if *next != last && *next != DEAD {
                last = *next;
                if let Some(list) = from.get_mut(*next as usize) {
                    list.push(state);
                }
            }
        }
    }
    let mut live = rows.accepts.clone();
    let mut open: Vec<u32> = (0..).zip(&live).filter(|(_, l)| **l).map(|(s, _)| s).collect();
    while let Some(state) = open.pop() {
        for before in from.get(state as usize).into_iter().flatten() {
            if let Some(place) = live.get_mut(*before as usize)
                && !std::mem::replace(place, true)
            {
                open.push(*before);
            }
        }
    }
    live
}

/// One byte of each group that leads to the same from every state.
fn columns(rows: &Rows) -> Vec<usize> {
    let mut known: HashMap<Vec<u32>, usize> = HashMap::new();
    for byte in 0..256 {
        let column = rows.next.iter().filter_map(|row| row.get(byte)).copied().collect();
        known.entry(column).or_insert(byte);
    }
    let mut first: Vec<usize> = known.into_values().collect();
    first.sort_unstable();
    first
}

/// Tells states apart that lead to different classes; and how many classes there are then.
fn refined(rows: &Rows, class: &[u32], columns: &[usize]) -> (Vec<u32>, u32) {
    let of = |state: u32| class.get(state as usize).copied().unwrap_or(DEAD);
    let mut known: HashMap<Vec<u32>, u32> = HashMap::new();
    let mut finer = Vec::with_capacity(class.len());
    for (row, own) in rows.next.iter().zip(class) {
        if *own == DEAD {
            finer.push(DEAD);
            continue;
        }
        let leads = columns.iter().filter_map(|byte| row.get(*byte)).map(|next| of(*next));
        let signature: Vec<u32> = std::iter::once(*own).chain(leads).collect();
        let number = u32::try_from(known.len()).unwrap_or(u32::MAX - 1) + 1;
        finer.push(*known.entry(signature).or_insert(number));
    }
    (finer, u32::try_from(known.len()).unwrap_or(u32::MAX))
}

/// One state for each class. Classes are numbered as they come, so reading begins in the first.
fn joined(rows: &Rows, class: &[u32], count: u32) -> Rows {
    let mut small = Rows::default();
    for _ in 0..count.max(1) {
        small.add();
    }
    for ((row, accepts), state) in rows.next.iter().zip(&rows.accepts).zip(class) {
        if *state == DEAD {
            continue;
        }
        small.accept(*state, *accepts);
        for (byte, next) in (0..=u8::MAX).zip(row) {
            small.lead(*state, byte, class.get(*next as usize).copied().unwrap_or(DEAD));
        }
    }
    small
}
