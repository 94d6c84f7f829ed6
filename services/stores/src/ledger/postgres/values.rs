//! Columns of many rows as arrays, and back.

use std::{collections::HashMap, hash::Hash};

use messaging::Sha256;
use sqlx::error::BoxDynError;

/// `items` in rounds, in order, none of which has one key twice.
pub(super) fn rounds<T, K: Eq + Hash>(items: &[T], key: impl Fn(&T) -> K) -> Vec<Vec<&T>> {
    let mut rounds: Vec<Vec<&T>> = Vec::new();
    let mut seen: HashMap<K, usize> = HashMap::new();
    for item in items {
        let turn = seen.entry(key(item)).or_default();
        match rounds.get_mut(*turn) {
            Some(round) => round.push(item),
            None => rounds.push(vec![item]),
        }
        *turn += 1;
    }
    rounds
}

/// A hash as it was stored.
pub(super) fn sha256(bytes: Vec<u8>) -> sqlx::Result<Sha256> {
    <[u8; 32]>::try_from(bytes).map(Sha256).map_err(|_| damaged("a hash has 32 bytes"))
}

/// A value that should not be there.
pub(super) fn damaged(what: impl Into<BoxDynError>) -> sqlx::Error {
    sqlx::Error::Decode(what.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_twice_comes_in_two_rounds() {
        let rounds = rounds(&[(1, 'a'), (2, 'b'), (1, 'c'), (1, 'd'), (3, 'e')], |item| item.0);
        let letters: Vec<String> =
            rounds.iter().map(|round| round.iter().map(|item| item.1).collect()).collect();
        assert_eq!(letters, ["abe", "c", "d"]);
    }
}
