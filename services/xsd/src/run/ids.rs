//! `xs:ID` and `xs:IDREF`.

use std::hash::{BuildHasher as _, RandomState};

use crate::{
    faults::{Fault, is_planted},
    verdict::{Doubted, Reason},
};

/// Places of the table at first; a power of two.
const PLACES: usize = 64;

/// All ids of a document, and what refers to them. Senders choose ids, so their hash has a secret.
#[derive(Debug, Default)]
pub(super) struct Ids {
    state: RandomState,
    /// Ids and references, one behind the other.
    text: Vec<u8>,
    /// By hash; at least half of them empty.
    table: Vec<Option<Id>>,
    count: usize,
    references: Vec<(u32, u32)>,
}

#[derive(Clone, Copy, Debug)]
struct Id {
    hash: u64,
    from: u32,
    length: u32,
}

impl Ids {
    pub(super) fn forget(&mut self) {
        // A table grown by a large document is given back.
        if self.count > 0 {
            self.table.clear();
            self.table.shrink_to(1 << 14);
        }
        self.text.clear();
        self.text.shrink_to(1 << 20);
        self.references.clear();
        self.references.shrink_to(1 << 16);
        self.count = 0;
    }

    /// Adds an id that is not there yet.
    pub(super) fn insert(&mut self, id: &[u8], ids_max: usize) -> Doubted<()> {
        if self.count >= ids_max {
            return Err(Reason::Size);
        }
        if self.count * 2 >= self.table.len() {
            self.grow();
        }
        let hash = self.state.hash_one(id);
        let (place, found) = self.find(hash, id);
        if found && !is_planted(Fault::IdTwice) {
            return Err(Reason::IdTwice);
        }
        let (from, length) = self.keep(id)?;
        if let Some(place) = self.table.get_mut(place) {
            *place = Some(Id { hash, from, length });
            self.count += 1;
        }
        Ok(())
    }

    /// Notes that something refers to `id`.
    pub(super) fn refer(&mut self, id: &[u8], ids_max: usize) -> Doubted<()> {
        if self.references.len() >= ids_max {
            return Err(Reason::Size);
        }
        let kept = self.keep(id)?;
        self.references.push(kept);
        Ok(())
    }

    /// Whether every reference leads to an id.
    pub(super) fn check_references(&self) -> Doubted<()> {
        let leads = |(from, length): &(u32, u32)| {
            let id = self.piece(*from, *length);
            !self.table.is_empty() && self.find(self.state.hash_one(id), id).1
        };
        let all = self.references.iter().all(leads) || is_planted(Fault::ReferenceUnchecked);
        if all { Ok(()) } else { Err(Reason::ReferenceDangling) }
    }

    fn keep(&mut self, id: &[u8]) -> Doubted<(u32, u32)> {
        let from = u32::try_from(self.text.len()).map_err(|_| Reason::Size)?;
        let length = u32::try_from(id.len()).map_err(|_| Reason::Size)?;
        self.text.extend_from_slice(id);
        Ok((from, length))
    }

    fn piece(&self, from: u32, length: u32) -> &[u8] {
        let rest = self.text.get(from as usize..).unwrap_or_default();
        rest.get(..length as usize).unwrap_or_default()
    }

    /// Where `id` is, or would be; and whether it is there.
    fn find(&self, hash: u64, id: &[u8]) -> (usize, bool) {
        let mut place = first_place(hash, self.table.len());
        while let Some(Some(other)) = self.table.get(place) {
            if other.hash == hash && self.piece(other.from, other.length) == id {
                return (place, true);
            }
            place = (place + 1) & (self.table.len() - 1);
        }
        (place, false)
    }

    fn grow(&mut self) {
        let size = (self.table.len() * 2).max(PLACES);
        let old = std::mem::replace(&mut self.table, vec![None; size]);
        for id in old.into_iter().flatten() {
            let mut place = first_place(id.hash, size);
            while self.table.get(place).is_some_and(Option::is_some) {
                place = (place + 1) & (size - 1);
            }
            if let Some(place) = self.table.get_mut(place) {
                *place = Some(id);
            }
        }
    }
}

fn first_place(hash: u64, size: usize) -> usize {
    usize::try_from(hash).unwrap_or(0) & size.saturating_sub(1)
}
