//! Cuts a text into the units of DIN 91379: letters and sequences, the longest first, so that it
//! can be counted and shortened without tearing a mark from its letter.

use std::{iter::FusedIterator, ops::Add};

use unicode_normalization::char::is_combining_mark;

use super::table::{Entry, Group, Table};

/// The first byte of U+0300 in UTF-8: no mark begins with a smaller one.
const MARK_BYTE_MIN: u8 = 0xCC;

/// How long a text is, or where something lies in it: what is before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Length {
    /// Letters, sequences and other characters as a reader counts them.
    pub units: usize,
    /// Unicode code points.
    pub characters: usize,
    /// Of UTF-8, or of the character set that was asked for.
    pub bytes: usize,
}

impl Add for Length {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            units: self.units + other.units,
            characters: self.characters + other.characters,
            bytes: self.bytes + other.bytes,
        }
    }
}

/// How much a field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// At most so many letters, sequences and other characters as a reader counts them.
    Units(usize),
    /// At most so many code points, as `xs:maxLength` and most databases count.
    Characters(usize),
    /// At most so many bytes in the character set that is written.
    Bytes(usize),
}

impl Limit {
    /// Whether a text of this length is within it.
    #[must_use]
    pub fn holds(self, length: Length) -> bool {
        match self {
            Self::Units(max) => length.units <= max,
            Self::Characters(max) => length.characters <= max,
            Self::Bytes(max) => length.bytes <= max,
        }
    }
}

/// A letter, a sequence or another character, with all marks that stand on it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Unit<'t> {
    /// The characters it is: of the list up to three, else a character and the marks after it.
    pub text: &'t str,
    /// What is before it, in UTF-8: its position.
    pub at: Length,
    /// Its entry in the list; `None` where the list has no such character or sequence.
    pub entry: Option<&'static Entry>,
}

impl Unit<'_> {
    /// Its own length in UTF-8: one unit.
    #[must_use]
    pub fn length(&self) -> Length {
        Length { units: 1, characters: self.text.chars().count(), bytes: self.text.len() }
    }

    /// Where the norm lists it, if it does.
    #[must_use]
    pub fn group(&self) -> Option<Group> {
        Some(self.entry?.group)
    }
}

/// Only its place and group: a letter can be part of a name.
impl std::fmt::Debug for Unit<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = f.debug_struct("Unit");
        shown.field("at", &self.at).field("group", &self.group()).finish_non_exhaustive()
    }
}

/// The units of a text, in their order; together they are the text.
#[derive(Clone)]
pub struct Units<'t> {
    rest: &'t str,
    at: Length,
    table: &'static Table,
}

impl std::fmt::Debug for Units<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Units").field("at", &self.at).finish_non_exhaustive()
    }
}

/// Cuts `text` into units. Linear in its length, without allocation.
#[must_use]
pub fn units(text: &str) -> Units<'_> {
    Units { rest: text, at: Length::default(), table: Table::get() }
}

impl<'t> Iterator for Units<'t> {
    type Item = Unit<'t>;

    fn next(&mut self) -> Option<Unit<'t>> {
        let first = self.rest.chars().next()?;
        let (one, after) = self.rest.split_at(first.len_utf8());
        let (text, entry) = if begins_with_mark(after) {
            self.with_marks(first)
        } else {
            (one, self.table.single(first))
        };
        let unit = Unit { text, at: self.at, entry };
        self.rest = self.rest.get(text.len()..).unwrap_or_default();
        self.at = self.at + unit.length();
        Some(unit)
    }
}

impl FusedIterator for Units<'_> {}

impl<'t> Units<'t> {
    /// What begins with `first` and a mark: the longest sequence of the list if it takes all marks,
    /// else a unit the list does not have. A shorter sequence would leave a mark without a letter.
    fn with_marks(&self, first: char) -> (&'t str, Option<&'static Entry>) {
        let candidates = self.table.beginning_with(first).iter();
        let longest = candidates.clone().find(|entry| self.rest.starts_with(entry.text));
        let taken = longest.map_or(first.len_utf8(), |entry| entry.text.len());
        let (text, after) = self.rest.split_at(taken);
        if !begins_with_mark(after) {
            return (text, longest);
        }
        let marks: usize =
            after.chars().take_while(|c| is_combining_mark(*c)).map(char::len_utf8).sum();
        (self.rest.get(..taken + marks).unwrap_or(self.rest), None)
    }
}

fn begins_with_mark(text: &str) -> bool {
    // Nearly always the byte decides.
    text.as_bytes().first().is_some_and(|byte| MARK_BYTE_MIN <= *byte)
        && text.chars().next().is_some_and(is_combining_mark)
}

/// How long `text` is, in UTF-8.
#[must_use]
pub fn length(text: &str) -> Length {
    units(text).last().map(|unit| unit.at + unit.length()).unwrap_or_default()
}

/// The longest beginning of `text` within `limit`, in UTF-8. It never ends inside a unit.
#[must_use]
pub fn prefix(text: &str, limit: Limit) -> &str {
    let over = units(text).find(|unit| !limit.holds(unit.at + unit.length()));
    over.and_then(|unit| text.get(..unit.at.bytes)).unwrap_or(text)
}

/// The deprecated letters and sequences of `text`: valid, reported, never replaced.
pub fn deprecated(text: &str) -> impl Iterator<Item = Unit<'_>> {
    units(text).filter(|unit| unit.entry.is_some_and(|entry| entry.is_deprecated))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[&str]) {
        let found: Vec<&str> = units(text).map(|unit| unit.text).collect();
        assert_eq!(found, expected);
        assert_eq!(found.concat(), text);
    }

    #[test]
    fn a_text_is_cut_into_the_longest_sequences() {
        check("", &[]);
        check("Löb", &["L", "ö", "b"]);
        check("C\u{328}\u{306}C\u{306}", &["C\u{328}\u{306}", "C\u{306}"]);
        check("K\u{35F}Hk\u{35F}hkh", &["K\u{35F}H", "k\u{35F}h", "k", "h"]);
        check("l\u{325}l\u{325}\u{304}", &["l\u{325}", "l\u{325}\u{304}"]);
    }

    #[test]
    fn a_mark_never_leaves_what_it_stands_on() {
        check("x\u{302}y", &["x\u{302}", "y"]);
        check("\u{301}a", &["\u{301}", "a"]);
        check("K\u{35F}x", &["K\u{35F}", "x"]);
        check("K\u{35F}H\u{304}", &["K\u{35F}H\u{304}"]);
        check("C\u{306}\u{302}\u{302}e", &["C\u{306}\u{302}\u{302}", "e"]);
        assert!(units("x\u{302}C\u{306}\u{302}").all(|unit| unit.entry.is_none()));
    }

    #[test]
    fn positions_count_units_characters_and_bytes() {
        let text = "Mužako\u{30D}w, C\u{328}\u{306}K\u{35F}H";
        let last = units(text).last().unwrap();
        assert_eq!(last.at, Length { units: 10, characters: 13, bytes: 17 });
        assert_eq!(length(text), Length { units: 11, characters: 16, bytes: text.len() });
        assert_eq!(length(""), Length::default());
    }

    #[test]
    fn a_beginning_never_ends_inside_a_sequence() {
        let text = "aC\u{328}\u{306}öz";
        for (limit, expected) in [
            (Limit::Units(0), ""),
            (Limit::Units(2), "aC\u{328}\u{306}"),
            (Limit::Units(9), text),
            (Limit::Characters(3), "a"),
            (Limit::Characters(4), "aC\u{328}\u{306}"),
            (Limit::Bytes(5), "a"),
            (Limit::Bytes(6), "aC\u{328}\u{306}"),
            (Limit::Bytes(7), "aC\u{328}\u{306}"),
            (Limit::Bytes(8), "aC\u{328}\u{306}ö"),
            (Limit::Bytes(9), text),
        ] {
            assert_eq!(prefix(text, limit), expected, "{limit:?}");
        }
    }

    #[test]
    fn deprecated_letters_are_reported_and_stay() {
        let text = "ŉ Ŀŀ ḗ e\u{304}\u{30D} ē\u{30D}ō\u{30D} n";
        let found: Vec<&str> = deprecated(text).map(|unit| unit.text).collect();
        assert_eq!(found, ["ŉ", "Ŀ", "ŀ", "ḗ", "ē\u{30D}", "ō\u{30D}"]);
    }

    #[test]
    fn nothing_of_a_text_is_shown() {
        let shown = format!("{:?} {:?}", units("ž"), units("ž").next());
        assert!(!shown.contains('ž'), "{shown}");
    }
}
