//! The datatypes A to E: which characters a value may have, and where one has another.

use std::fmt;

use thiserror::Error;
use unicode_normalization::UnicodeNormalization as _;

use super::{
    table::Group,
    units::{Length, Unit, units},
};
use crate::code_points::CodePoints;

/// What a value is for. The empty text is of every datatype.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Datatype {
    /// Names of natural persons: letters and N1, no digits.
    A,
    /// Other names, such as places, streets with house number: A and N2.
    B,
    /// All that is normative, with line ends and tabs: B, N3 and N4.
    C,
    /// Names of legal persons and products, extended: B, N3, Greek and E1.
    D,
    /// All that is normative or extended, for exchange across borders: C, D and Cyrillic.
    E,
}

impl Datatype {
    /// From narrow to wide: A is within B, B within C and within D, and all are within E.
    pub const ALL: [Self; 5] = [Self::A, Self::B, Self::C, Self::D, Self::E];

    /// Whether the characters of `group` are of this datatype.
    #[must_use]
    pub fn has(self, group: Group) -> bool {
        match group {
            Group::Letter | Group::N1 => true,
            Group::N2 => self != Self::A,
            Group::N3 => matches!(self, Self::C | Self::D | Self::E),
            Group::N4 => matches!(self, Self::C | Self::E),
            Group::Greek | Group::Extended => matches!(self, Self::D | Self::E),
            Group::Cyrillic => self == Self::E,
            Group::Mark => false,
        }
    }

    /// Whether `text` is of this datatype.
    #[must_use]
    pub fn allows(self, text: &str) -> bool {
        units(text).all(|unit| self.allows_unit(&unit))
    }

    /// Finds the first unit of `text` that is not of this datatype. Linear, driven by the table.
    ///
    /// # Errors
    /// When there is one: where it is, and which characters it has.
    pub fn check(self, text: &str) -> Result<(), NotAllowed> {
        match units(text).find(|unit| !self.allows_unit(unit)) {
            None => Ok(()),
            Some(unit) => Err(NotAllowed {
                datatype: self,
                at: unit.at,
                sequence: CodePoints::of(unit.text),
                reason: self.reason(&unit),
            }),
        }
    }

    fn allows_unit(self, unit: &Unit<'_>) -> bool {
        unit.group().is_some_and(|group| self.has(group))
    }

    fn reason(self, unit: &Unit<'_>) -> Reason {
        // The characters that are shown are also all that is looked at: a unit can be very long.
        let is_short = CodePoints::of(unit.text).is_whole();
        let normal: String = unit.text.nfc().take(if is_short { usize::MAX } else { 0 }).collect();
        if normal != unit.text && !normal.is_empty() && self.allows(&normal) {
            Reason::NotNormal
        } else if unit.group().is_some_and(|group| group != Group::Mark) {
            Reason::OtherDatatype
        } else {
            Reason::Unlisted
        }
    }
}

impl fmt::Display for Datatype {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// Why a unit is not allowed, which says what helps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// It would be, in NFC: normalise the text first.
    NotNormal,
    /// The norm has it, this datatype has not.
    OtherDatatype,
    /// The norm does not have it, or not this mark on this letter.
    Unlisted,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotNormal => "not in NFC",
            Self::OtherDatatype => "only in another datatype",
            Self::Unlisted => "not in DIN 91379",
        })
    }
}

/// The first unit that is not of a datatype. Says no text, only code points and places.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error(
    "{sequence} at character {} (byte {}) is not of datatype {datatype}: {reason}",
    .at.characters,
    .at.bytes
)]
pub struct NotAllowed {
    /// The datatype that was asked for.
    pub datatype: Datatype,
    /// What is before the unit: its index in units, characters and bytes, from 0.
    pub at: Length,
    /// The unit: a character, a sequence, or a letter with the marks that do not belong on it.
    pub sequence: CodePoints,
    /// What is wrong with it.
    pub reason: Reason,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_datatype_allows_what_it_is_for() {
        for (text, allowed) in [
            ("", "ABCDE"),
            ("Jan-Peter Müller-Lüdenscheidt", "ABCDE"),
            ("Mužakow", "ABCDE"),
            ("C\u{328}\u{306}K\u{35F}Hl\u{325}\u{304}", "ABCDE"),
            ("Straße des 17. Juni 135 / 2", "BCDE"),
            ("Schmidt & Söhne", "BCDE"),
            ("¼ Zoll", "CDE"),
            ("Zeile\r\n\tZeile", "CE"),
            ("a\u{A0}b", "CE"),
            ("„Käse“ ™", "DE"),
            ("Ωμέγα", "DE"),
            ("Москва", "E"),
            ("東京", ""),
            ("x\u{302}", ""),
            ("\u{301}", ""),
            ("Lo\u{308}bau", ""),
            ("K\u{35F}", ""),
            ("a\u{AD}b", ""),
            ("a\0", ""),
        ] {
            let found: String = Datatype::ALL
                .into_iter()
                .filter(|datatype| datatype.allows(text))
                .map(|datatype| datatype.to_string())
                .collect();
            assert_eq!(found, allowed, "{text:?}");
        }
    }

    #[test]
    fn what_is_not_allowed_is_named_with_its_place() {
        for (text, datatype, error) in [
            (
                "Löbau 2",
                Datatype::A,
                "U+0032 at character 6 (byte 7) is not of datatype A: only in another datatype",
            ),
            (
                "žx\u{302}\u{301}",
                Datatype::E,
                "U+0078 U+0302 U+0301 at character 1 (byte 2) is not of datatype E: \
                 not in DIN 91379",
            ),
            (
                "Lo\u{308}bau",
                Datatype::B,
                "U+006F U+0308 at character 1 (byte 1) is not of datatype B: not in NFC",
            ),
            (
                "\u{212B}",
                Datatype::C,
                "U+212B at character 0 (byte 0) is not of datatype C: not in NFC",
            ),
            (
                "2\u{308}",
                Datatype::B,
                "U+0032 U+0308 at character 0 (byte 0) is not of datatype B: not in DIN 91379",
            ),
            (
                "\u{308}",
                Datatype::E,
                "U+0308 at character 0 (byte 0) is not of datatype E: not in DIN 91379",
            ),
        ] {
            assert_eq!(datatype.check(text).unwrap_err().to_string(), error);
        }
    }

    #[test]
    fn a_letter_under_a_thousand_marks_is_one_fault() {
        let text = format!("a{}", "\u{301}".repeat(1000));
        let fault = Datatype::E.check(&text).unwrap_err();
        assert_eq!(fault.sequence.to_string(), "U+0061 U+0301 U+0301 U+0301 …");
        assert_eq!(fault.reason, Reason::Unlisted);
    }
}
