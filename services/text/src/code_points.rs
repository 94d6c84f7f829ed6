//! A few characters by their numbers: how errors and reports name characters, never as text.

use std::fmt;

/// Characters that are kept; the longest sequence of DIN 91379 has three.
const CHARACTERS_MAX: usize = 4;

/// The first characters of a unit. `Display` and `Debug` write `U+0043 U+0306`, and `…` where more
/// follow: a character can be part of a name, its number is not read as one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct CodePoints {
    characters: [char; CHARACTERS_MAX],
    count: u8,
    is_whole: bool,
}

impl CodePoints {
    /// The characters of `text`, up to four.
    #[must_use]
    pub fn of(text: &str) -> Self {
        let mut found = Self { characters: ['\0'; CHARACTERS_MAX], count: 0, is_whole: true };
        let mut rest = text.chars();
        for (place, character) in found.characters.iter_mut().zip(rest.by_ref()) {
            *place = character;
            found.count += 1;
        }
        found.is_whole = rest.next().is_none();
        found
    }

    /// The characters that are kept, in their order.
    pub fn characters(&self) -> impl Iterator<Item = char> + '_ {
        self.characters.iter().copied().take(usize::from(self.count))
    }

    /// Whether these are all of them: always so for an entry of DIN 91379.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.is_whole
    }
}

impl fmt::Display for CodePoints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, character) in self.characters().enumerate() {
            let blank = if index == 0 { "" } else { " " };
            write!(f, "{blank}U+{:04X}", u32::from(character))?;
        }
        if self.is_whole { Ok(()) } else { f.write_str(" …") }
    }
}

impl fmt::Debug for CodePoints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_are_named_by_number_and_bounded() {
        for (text, shown) in [
            ("", ""),
            ("ž", "U+017E"),
            ("C\u{328}\u{306}", "U+0043 U+0328 U+0306"),
            ("😀", "U+1F600"),
            ("abcde", "U+0061 U+0062 U+0063 U+0064 …"),
        ] {
            let points = CodePoints::of(text);
            assert_eq!(format!("{points}"), shown);
            assert_eq!(format!("{points:?}"), shown);
            assert_eq!(points.is_whole(), text.chars().eq(points.characters()));
        }
    }
}
