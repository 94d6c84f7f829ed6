//! The names of documents, each once: documents say the same few over and over.

use std::{collections::HashMap, fmt, hash::BuildHasher as _, hash::RandomState, ops::Range};

use super::local_name::{self, LocalName};

/// Names found again without the table; a power of two.
const RECENT: usize = 256;

/// Spellings whose names are found again without reading them; a power of two.
const SPELLED: usize = 4_096;

/// Names, and bytes of them, that are kept for the next document.
const KEPT_MAX: (usize, usize) = (4_096, 1 << 18);

/// All names met so far; each has a number.
#[derive(Clone, Default)]
pub(crate) struct Names {
    /// Prefixes, local names and namespaces, one behind the other.
    text: String,
    names: Vec<Name>,
    /// Where a name is most often. What is in the way of another is only slower.
    recent: Vec<u32>,
    /// The name that was added last for a hash. Senders choose names, so the hash has a secret.
    known: HashMap<u64, u32>,
    state: RandomState,
    /// Spellings told last, and the numbers of their names. Zero is none.
    spelled: Vec<(u32, u32)>,
}

#[derive(Clone, Debug)]
struct Name {
    /// With prefix.
    qualified: Range<u32>,
    /// Where it begins behind its prefix.
    local: u32,
    /// Of its local name.
    hash: u64,
    namespace: Range<u32>,
    /// The one added before with the same hash.
    before: Option<u32>,
}

/// Names can be invented by senders.
impl fmt::Debug for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Names").field("count", &self.names.len()).finish_non_exhaustive()
    }
}

impl Names {
    /// Whether there are too many for another document: senders can invent names without end.
    pub(super) fn is_full(&self) -> bool {
        let (names, bytes) = KEPT_MAX;
        self.names.len() > names || self.text.len() > bytes
    }

    /// The number of the name that `spelling` stands for, if it was told and not forgotten.
    #[inline(always)]
    pub(super) fn spelled(&self, spelling: u32) -> Option<u32> {
        let (told, number) = self.spelled.get(spelling as usize % SPELLED).copied()?;
        (told == spelling && spelling != 0).then_some(number)
    }

    /// From now on, `spelling` stands for the name that is number `number`.
    pub(super) fn spell(&mut self, spelling: u32, number: u32) {
        if self.spelled.is_empty() {
            self.spelled.resize(SPELLED, (0, 0));
        }
        if let Some(place) = self.spelled.get_mut(spelling as usize % SPELLED) {
            *place = (spelling, number);
        }
    }

    /// The number of a name.
    pub(super) fn number(&mut self, prefix: &str, local: &str, namespace: &str) -> u32 {
        let slot = slot(prefix, local);
        let recent = self.recent.get(slot).copied();
        if let Some(number) = recent.filter(|number| self.is(*number, prefix, local, namespace)) {
            return number;
        }
        if self.recent.is_empty() {
            // Enough for nearly every document, so that nothing grows in small steps.
            self.recent.resize(RECENT, u32::MAX);
            self.known.reserve(RECENT / 2);
            self.names.reserve(RECENT / 2);
            self.text.reserve(RECENT * 16);
        }
        let hash = self.state.hash_one((prefix, local, namespace));
        let first = self.known.get(&hash).copied();
        let before = |number: &u32| self.names.get(*number as usize)?.before;
        let found = std::iter::successors(first, before)
            .find(|number| self.is(*number, prefix, local, namespace));
        let number = found.unwrap_or_else(|| {
            let number = self.add(prefix, local, namespace, first);
            self.known.insert(hash, number);
            number
        });
        if let Some(place) = self.recent.get_mut(slot) {
            *place = number;
        }
        number
    }

    fn is(&self, number: u32, prefix: &str, local: &str, namespace: &str) -> bool {
        let Some(name) = self.names.get(number as usize) else { return false };
        let before = name.local - name.qualified.start;
        let prefix_len = if before == 0 { 0 } else { before - 1 };
        prefix_len as usize == prefix.len()
            && self.local(number) == local
            && self.namespace(number) == namespace
            && self.qualified(number).starts_with(prefix)
    }

    fn add(&mut self, prefix: &str, local: &str, namespace: &str, before: Option<u32>) -> u32 {
        let number = super::cut(self.names.len());
        let begin = super::cut(self.text.len());
        if !prefix.is_empty() {
            self.text.push_str(prefix);
            self.text.push(':');
        }
        let at = super::cut(self.text.len());
        self.text.push_str(local);
        let qualified = begin..super::cut(self.text.len());
        // Names that follow each other are nearly always of one namespace.
        let last = number.checked_sub(1).filter(|last| self.namespace(*last) == namespace);
        let shared = last.and_then(|last| self.names.get(last as usize));
        let namespace = shared.map(|name| name.namespace.clone()).unwrap_or_else(|| {
            let begin = super::cut(self.text.len());
            self.text.push_str(namespace);
            begin..super::cut(self.text.len())
        });
        let hash = local_name::hash(local);
        self.names.push(Name { qualified, local: at, hash, namespace, before });
        number
    }

    /// With prefix, as written.
    pub(super) fn qualified(&self, number: u32) -> &str {
        self.names.get(number as usize).map_or("", |name| self.piece(&name.qualified))
    }

    /// Without prefix.
    pub(super) fn local(&self, number: u32) -> &str {
        let name = self.names.get(number as usize);
        name.map_or("", |name| self.piece(&(name.local..name.qualified.end)))
    }

    /// Whether its local name is `name`.
    #[inline]
    pub(super) fn is_called(&self, number: u32, name: &LocalName) -> bool {
        let found = self.names.get(number as usize);
        found.is_some_and(|found| found.hash == name.hash()) && self.local(number) == &**name
    }

    /// Its namespace.
    pub(super) fn namespace(&self, number: u32) -> &str {
        self.names.get(number as usize).map_or("", |name| self.piece(&name.namespace))
    }

    fn piece(&self, range: &Range<u32>) -> &str {
        self.text.get(range.start as usize..range.end as usize).unwrap_or("")
    }
}

/// No secret is needed where a clash costs one look at the table.
fn slot(prefix: &str, local: &str) -> usize {
    let hash = local_name::hash(local) >> 40;
    (usize::try_from(hash).unwrap_or(0) ^ prefix.len()) % RECENT
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_names_have_one_number_and_others_another() {
        let mut names = Names::default();
        let rows = [
            ("", "a", ""),
            ("p", "a", "u"),
            ("q", "a", "u"),
            ("p", "a", "v"),
            ("pa", "", "u"),
            ("", "pa", "u"),
            ("", "p:a", "u"),
        ];
        let mut numbers = Vec::new();
        for _ in 0..3 {
            let first = rows.iter().map(|(prefix, local, uri)| names.number(prefix, local, uri));
            numbers.push(first.collect::<Vec<_>>());
        }
        assert_eq!(numbers[0], [0, 1, 2, 3, 4, 5, 6]);
        assert!(numbers.iter().all(|again| *again == numbers[0]));
        for (number, (prefix, local, uri)) in (0..).zip(rows) {
            let colon = if prefix.is_empty() { "" } else { ":" };
            assert_eq!(names.qualified(number), format!("{prefix}{colon}{local}"));
            assert_eq!((names.local(number), names.namespace(number)), (local, uri));
        }
        // More names than are found again without the table.
        let many: Vec<String> = (0..10 * RECENT).map(|number| format!("n{number}")).collect();
        let first: Vec<u32> = many.iter().map(|local| names.number("", local, "u")).collect();
        let again: Vec<u32> = many.iter().map(|local| names.number("", local, "u")).collect();
        assert_eq!(first, again);
    }
}
