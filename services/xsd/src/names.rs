//! Names of the schema: interned, and compared as two words.

use std::collections::HashMap;

use crate::codec::coded;

/// Index of nothing.
pub(crate) const NONE: u32 = u32::MAX;

/// A name as its first and last eight bytes: all there is of a name up to 16 bytes; of a longer one,
/// the middle is still to be compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Key {
    first: u64,
    last: u64,
    length: u32,
}

coded!(Key { first, last, length });

impl Key {
    /// Of the empty name.
    pub(crate) const EMPTY: Self = Self { first: 0, last: 0, length: 0 };

    #[inline(always)]
    pub(crate) fn of(name: &[u8]) -> Self {
        let length = u32::try_from(name.len()).unwrap_or(u32::MAX);
        let (first, last) =
            if let (Some(first), Some(last)) = (name.first_chunk(), name.last_chunk()) {
                (u64::from_le_bytes(*first), u64::from_le_bytes(*last))
            } else if let (Some(first), Some(last)) = (name.first_chunk(), name.last_chunk()) {
                (u64::from(u32::from_le_bytes(*first)), u64::from(u32::from_le_bytes(*last)))
            } else {
                // At most three: the middle one is the first or the last of fewer.
                let byte = |at: usize| u64::from(name.get(at).copied().unwrap_or(0));
                (byte(0) | byte(name.len() / 2) << 8, byte(name.len().saturating_sub(1)))
            };
        Self { first, last, length }
    }

    /// Spread over all bits; the higher ones are the better ones. No secret is needed: only names of
    /// the schema lie in tables by it.
    #[inline(always)]
    pub(crate) fn hash(self) -> u64 {
        let mixed = self.first ^ self.last.rotate_left(29) ^ (u64::from(self.length) << 56);
        mixed.wrapping_mul(0x9E37_79B9_7F4A_7C15)
    }

    #[cfg(test)]
    pub(crate) fn length(self) -> u32 {
        self.length
    }
}

/// All names, one behind the other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Names {
    bytes: Vec<u8>,
}

coded!(Names { bytes });

impl Names {
    /// Whether `name`, whose key is that of the name at `offset`, is that name.
    #[inline(always)]
    pub(crate) fn is(&self, offset: u32, name: &[u8]) -> bool {
        name.len() <= 16 || self.get(offset, name.len()) == Some(name)
    }

    pub(crate) fn get(&self, offset: u32, length: usize) -> Option<&[u8]> {
        self.bytes.get(offset as usize..)?.get(..length)
    }

    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }
}

/// Collects names, each once.
#[derive(Debug, Default)]
pub(crate) struct Interner {
    names: Names,
    offsets: HashMap<Vec<u8>, u32>,
}

impl Interner {
    /// Where `name` lies.
    pub(crate) fn intern(&mut self, name: &[u8]) -> u32 {
        if let Some(offset) = self.offsets.get(name) {
            return *offset;
        }
        let offset = u32::try_from(self.names.bytes.len()).unwrap_or(NONE);
        self.names.bytes.extend_from_slice(name);
        self.offsets.insert(name.to_vec(), offset);
        offset
    }

    /// What there is so far.
    pub(crate) fn names(&self) -> &Names {
        &self.names
    }

    pub(crate) fn finish(self) -> Names {
        self.names
    }
}

/// A set of texts, found by their keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TextSet {
    /// A power of two, at least half of them empty.
    slots: Vec<Slot>,
}

coded!(TextSet { slots });

/// A text of a set and where it lies; `NONE` where there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Slot {
    key: Key,
    offset: u32,
}

coded!(Slot { key, offset });

impl TextSet {
    pub(crate) fn new(texts: &[String], interner: &mut Interner) -> Self {
        let empty = Slot { key: Key::default(), offset: NONE };
        let size = (texts.len() * 2).next_power_of_two().max(2);
        let mut slots = vec![empty; size];
        for text in texts {
            let (key, offset) = (Key::of(text.as_bytes()), interner.intern(text.as_bytes()));
            let mut at = first_slot(key, size);
            while let Some(slot) = slots.get_mut(at) {
                if slot.offset == NONE {
                    *slot = Slot { key, offset };
                    break;
                }
                at = (at + 1) % size;
            }
        }
        Self { slots }
    }

    pub(crate) fn has(&self, text: &[u8], names: &Names) -> bool {
        let (key, size) = (Key::of(text), self.slots.len());
        let mut at = first_slot(key, size);
        for _ in 0..size {
            match self.slots.get(at) {
                Some(slot) if slot.offset == NONE => return false,
                Some(slot) if slot.key == key && names.is(slot.offset, text) => return true,
                Some(_) => at = (at + 1) % size,
                None => return false,
            }
        }
        false
    }

    #[cfg(test)]
    pub(crate) fn texts<'n>(&'n self, names: &'n Names) -> impl Iterator<Item = &'n [u8]> {
        let taken = self.slots.iter().filter(|slot| slot.offset != NONE);
        taken.filter_map(|slot| names.get(slot.offset, slot.key.length() as usize))
    }

    pub(crate) fn bytes(&self) -> usize {
        self.slots.len() * size_of::<Slot>()
    }
}

fn first_slot(key: Key, size: usize) -> usize {
    usize::try_from(key.hash() >> 40).unwrap_or(0) % size.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_every_length_differ_where_one_byte_does() {
        let mut interner = Interner::default();
        for length in 0..40_usize {
            let name: Vec<u8> = (b'a'..).cycle().take(length).collect();
            let offset = interner.intern(&name);
            let names = interner.names.clone();
            for at in 0..length {
                let mut other = name.clone();
                other[at] ^= 1;
                let is_same = Key::of(&other) == Key::of(&name) && names.is(offset, &other);
                assert!(!is_same, "{length} {at}");
            }
            assert!(names.is(offset, &name) && Key::of(&name).length() as usize == length);
        }
    }

    #[test]
    fn a_set_has_what_was_put_in_and_nothing_else() {
        let mut interner = Interner::default();
        let texts: Vec<String> =
            (0..500).map(|number| format!("a long enough value {number}")).collect();
        let set = TextSet::new(&texts, &mut interner);
        let names = interner.finish();
        assert!(texts.iter().all(|text| set.has(text.as_bytes(), &names)));
        assert!(!set.has(b"a long enough value 500", &names) && !set.has(b"", &names));
        assert_eq!(set.texts(&names).count(), 500);
    }
}
