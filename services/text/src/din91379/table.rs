//! The list as a table: every entry by its first character, the longest first.

use std::{cmp::Reverse, sync::LazyLock};

use super::list;

/// The first code point that begins no entry; the last one that does is `≥`.
const CODE_POINTS_MAX: usize = 0x2266;

static TABLE: LazyLock<Table> = LazyLock::new(Table::build);

/// The groups of characters, as the norm cuts them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Group {
    /// Latin letters and sequences: normative, 500 and 149.
    Letter,
    /// N1, 18 non-letters for all names: blank, hyphen, full stop, comma, apostrophes.
    N1,
    /// N2, 60 non-letters for other names: digits, brackets, signs.
    N2,
    /// N3, six non-letters from the predecessor of the norm, such as `¼`.
    N3,
    /// N4, four non-letters unfit for names: tab, line feed, carriage return, no-break space.
    N4,
    /// 20 combining marks: valid within sequences of the list, never on their own.
    Mark,
    /// 69 Greek letters: extended.
    Greek,
    /// 62 Cyrillic letters: extended.
    Cyrillic,
    /// E1, 42 extended non-letters, such as `„`, `…` and `™`.
    Extended,
}

/// One letter, sequence or other character of the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// One to three characters, in NFC.
    pub text: &'static str,
    /// Where the norm lists it.
    pub group: Group,
    /// The basic letters A to Z it is searched by: one or two, for letters only.
    pub search_form: Option<&'static str>,
    /// Valid, but not to be used for new texts, and never replaced here: the norm names another
    /// entry for it.
    pub is_deprecated: bool,
}

/// All 930 entries, by their first code point, the longest first.
pub fn entries() -> impl ExactSizeIterator<Item = &'static Entry> {
    TABLE.entries.iter()
}

pub(super) struct Table {
    entries: Vec<Entry>,
    /// By code point: where the entries that begin with it lie, and how many they are.
    cells: Vec<(u16, u16)>,
}

impl Table {
    pub(super) fn get() -> &'static Self {
        &TABLE
    }

    /// The entries that begin with `first`, the longest first.
    pub(super) fn beginning_with(&self, first: char) -> &[Entry] {
        let Some(&(start, count)) = self.cells.get(first as usize) else { return &[] };
        let (start, count) = (usize::from(start), usize::from(count));
        self.entries.get(start..start + count).unwrap_or_default()
    }

    /// The entry that is `character` alone.
    pub(super) fn single(&self, character: char) -> Option<&Entry> {
        let last = self.beginning_with(character).last()?;
        (last.text.len() == character.len_utf8()).then_some(last)
    }

    fn build() -> Self {
        let mut entries: Vec<Entry> = letters().chain(others()).collect();
        let first = |entry: &Entry| entry.text.chars().next();
        entries.sort_by_key(|entry| (first(entry), Reverse(entry.text.chars().count())));
        let mut cells = vec![(0, 0); CODE_POINTS_MAX];
        for (index, character) in (0_u16..).zip(entries.iter().filter_map(first)) {
            if let Some((start, count)) = cells.get_mut(character as usize) {
                *start = if *count == 0 { index } else { *start };
                *count += 1;
            }
        }
        Self { entries, cells }
    }
}

/// The letters: each line of the list begins with the search form of those after it.
fn letters() -> impl Iterator<Item = Entry> {
    list::LETTERS.lines().flat_map(|line| {
        let mut words = line.split(' ');
        let search_form = words.next();
        words.map(move |text| entry(text, Group::Letter, search_form))
    })
}

fn others() -> impl Iterator<Item = Entry> {
    let groups = [
        (Group::N1, list::N1),
        (Group::N2, list::N2),
        (Group::N3, list::N3),
        (Group::N4, list::N4),
        (Group::Mark, list::MARKS),
        (Group::Greek, list::GREEK),
        (Group::Cyrillic, list::CYRILLIC),
        (Group::Extended, list::EXTENDED),
    ];
    groups.into_iter().flat_map(|(group, characters)| {
        characters.split_inclusive(|_: char| true).map(move |text| entry(text, group, None))
    })
}

fn entry(text: &'static str, group: Group, search_form: Option<&'static str>) -> Entry {
    let is_deprecated = list::DEPRECATED.split(' ').any(|deprecated| deprecated == text);
    Entry { text, group, search_form, is_deprecated }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{charset::Charset, normal::is_normal};

    fn count(is_counted: impl Fn(&Entry) -> bool) -> usize {
        entries().filter(|entry| is_counted(entry)).count()
    }

    #[test]
    fn the_groups_are_as_large_as_the_norm_says() {
        assert_eq!(entries().len(), 930);
        for (group, size) in [
            (Group::Letter, 500 + 149),
            (Group::N1, 18),
            (Group::N2, 60),
            (Group::N3, 6),
            (Group::N4, 4),
            (Group::Mark, 20),
            (Group::Greek, 69),
            (Group::Cyrillic, 62),
            (Group::Extended, 42),
        ] {
            assert_eq!(count(|entry| entry.group == group), size, "{group:?}");
        }
        assert_eq!(count(|entry| 1 < entry.text.chars().count()), 149);
        assert_eq!(count(|entry| entry.is_deprecated), 7);
    }

    #[test]
    fn every_entry_is_in_nfc_and_stays_three_characters_or_five_bytes() {
        assert!(entries().all(|entry| is_normal(entry.text)));
        assert_eq!(entries().map(|entry| entry.text.chars().count()).max(), Some(3));
        assert_eq!(entries().map(|entry| entry.text.len()).max(), Some(5));
    }

    #[test]
    fn legacy_character_sets_hold_few_entries() {
        for (charset, letters, all) in [
            (Charset::Ascii, 52, 98),
            (Charset::Iso8859_1, 114, 193),
            (Charset::Iso8859_15, 121, 193),
            (Charset::Windows1252, 121, 217),
            (Charset::Utf8, 649, 930),
        ] {
            let is_letter = |entry: &Entry| entry.group == Group::Letter;
            assert_eq!(count(|entry| charset.carries(entry.text)), all, "{charset}");
            let found = count(|entry| is_letter(entry) && charset.carries(entry.text));
            assert_eq!(found, letters, "{charset}");
        }
    }

    #[test]
    fn every_entry_is_found_by_its_first_character_and_once() {
        for entry in entries() {
            let first = entry.text.chars().next().unwrap();
            let found = Table::get().beginning_with(first).iter();
            assert_eq!(found.filter(|other| other.text == entry.text).count(), 1);
        }
        assert!(Table::get().beginning_with('\u{2266}').is_empty());
        assert!(Table::get().beginning_with(char::MAX).is_empty());
    }

    #[test]
    fn letters_and_only_letters_have_a_search_form_of_basic_letters() {
        for entry in entries() {
            let form = entry.search_form.unwrap_or_default();
            assert_eq!(entry.group == Group::Letter, matches!(form.len(), 1..=2), "{entry:?}");
            assert!(form.bytes().all(|byte| byte.is_ascii_uppercase()), "{entry:?}");
        }
    }
}
