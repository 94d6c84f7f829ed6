//! A field of a departmental system: the character set it is written in, and what to do with what
//! that does not have.

use std::{borrow::Cow, str::FromStr};

use unicode_normalization::UnicodeNormalization as _;

use super::{
    Charset,
    loss::{Encoded, Loss, NotCarried, Uncarried},
};
use crate::{
    code_points::CodePoints,
    din91379::{Length, Limit, Unit, units},
    normal::is_normal,
    signs::ascii_of,
};

/// What to do with a unit that the character set does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Policy {
    /// Nothing is altered, and such a text is an error for the operator: the field can be given a
    /// wider character set or another policy, and the message sent again.
    Exact,
    /// The unit, and it alone, is written in ASCII, and the loss recorded. A letter or sequence of
    /// DIN 91379 becomes its search form in its own case (`ž` → `z`, `Œ` → `OE`), a sign its usual
    /// form (`€` → `EUR`, `…` → `...`). What has neither is an error as under `Exact`: Greek,
    /// Cyrillic, `‡`, whatever the norm does not have.
    Transliterate,
    /// Nothing is altered, and such a text is an error for the sender: the field must be exact, and
    /// the message is refused.
    Reject,
}

impl Policy {
    /// Whether a text that cannot be carried is the sender's matter, not the operator's.
    #[must_use]
    pub fn is_refusal(self) -> bool {
        self == Self::Reject
    }
}

impl FromStr for Policy {
    type Err = UnknownPolicy;

    fn from_str(name: &str) -> Result<Self, UnknownPolicy> {
        match name {
            "exact" => Ok(Self::Exact),
            "transliterate" => Ok(Self::Transliterate),
            "reject" => Ok(Self::Reject),
            _ => Err(UnknownPolicy),
        }
    }
}

/// A name that is none of a policy.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
#[error("no policy; there are `exact`, `transliterate` and `reject`")]
pub struct UnknownPolicy;

/// What a field is written in. All that is said of a text is of the text in NFC, as it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Target {
    /// The character set of the field.
    pub charset: Charset,
    /// What becomes of a unit it does not have.
    pub policy: Policy,
}

/// How one unit is written.
enum Written {
    AsIs,
    As(CodePoints),
    Not,
}

impl Target {
    /// Writes `text`.
    ///
    /// # Errors
    /// When a unit cannot be carried by the policy: all are counted, the first are named.
    pub fn encode(self, text: &str) -> Result<Encoded, NotCarried> {
        let text = normal(text);
        if self.charset == Charset::Utf8 {
            return Ok(Encoded { bytes: text.into_owned().into_bytes(), losses: Vec::new() });
        }
        let mut encoded = Encoded { bytes: Vec::with_capacity(text.len()), losses: Vec::new() };
        let mut faults = NotCarried::nothing_yet(self.charset, self.policy);
        let push = |bytes: &mut Vec<u8>, character| bytes.extend(self.charset.byte(character));
        for unit in units(&text) {
            match self.written(&unit) {
                Written::AsIs => unit.text.chars().for_each(|c| push(&mut encoded.bytes, c)),
                Written::As(replacement) => {
                    replacement.characters().for_each(|c| push(&mut encoded.bytes, c));
                    let original = CodePoints::of(unit.text);
                    encoded.losses.push(Loss { at: unit.at, original, replacement });
                }
                Written::Not => faults.extend([uncarried(&unit)]),
            }
        }
        faults.or(encoded)
    }

    /// How long `text` is as it is written: replacements count as they are, units as in the text.
    ///
    /// # Errors
    /// When a unit cannot be carried by the policy.
    pub fn length(self, text: &str) -> Result<Length, NotCarried> {
        let mut faults = NotCarried::nothing_yet(self.charset, self.policy);
        let mut length = Length::default();
        for unit in units(&normal(text)) {
            let (added, fault) = self.measured(&unit);
            length = length + added;
            faults.extend(fault);
        }
        faults.or(length)
    }

    /// Whether `text` is within `limit` as it is written.
    ///
    /// # Errors
    /// When a unit cannot be carried by the policy.
    pub fn fits(self, text: &str, limit: Limit) -> Result<bool, NotCarried> {
        self.length(text).map(|length| limit.holds(length))
    }

    /// The longest beginning of `text`, in NFC, that is within `limit` as it is written. It never
    /// ends inside a unit, nor inside what a unit is replaced by.
    ///
    /// # Errors
    /// When a unit within it cannot be carried by the policy.
    pub fn prefix(self, text: &str, limit: Limit) -> Result<Cow<'_, str>, NotCarried> {
        let mut faults = NotCarried::nothing_yet(self.charset, self.policy);
        let text = normal(text);
        let mut length = Length::default();
        let mut end = text.len();
        for unit in units(&text) {
            let (added, fault) = self.measured(&unit);
            length = length + added;
            if !limit.holds(length) {
                end = unit.at.bytes;
                break;
            }
            faults.extend(fault);
        }
        faults.or(match text {
            Cow::Borrowed(text) => Cow::Borrowed(text.get(..end).unwrap_or(text)),
            Cow::Owned(mut text) => {
                text.truncate(end);
                Cow::Owned(text)
            }
        })
    }

    fn written(self, unit: &Unit<'_>) -> Written {
        if self.charset.carries(unit.text) {
            return Written::AsIs;
        }
        let replacement = match self.policy {
            Policy::Transliterate => transliterated(unit),
            Policy::Exact | Policy::Reject => None,
        };
        replacement.map_or(Written::Not, Written::As)
    }

    /// How long `unit` is as it is written; with itself where it cannot be.
    fn measured(self, unit: &Unit<'_>) -> (Length, Option<Uncarried>) {
        let of = |characters| Length { units: 1, characters, bytes: characters };
        match self.written(unit) {
            Written::AsIs if self.charset == Charset::Utf8 => (unit.length(), None),
            Written::AsIs => (of(unit.length().characters), None),
            Written::As(replacement) => (of(replacement.characters().count()), None),
            Written::Not => (of(unit.length().characters), Some(uncarried(unit))),
        }
    }
}

fn normal(text: &str) -> Cow<'_, str> {
    if is_normal(text) { Cow::Borrowed(text) } else { Cow::Owned(text.nfc().collect()) }
}

fn uncarried(unit: &Unit<'_>) -> Uncarried {
    Uncarried { at: unit.at, sequence: CodePoints::of(unit.text) }
}

/// A unit of the list in ASCII.
fn transliterated(unit: &Unit<'_>) -> Option<CodePoints> {
    let entry = unit.entry?;
    match entry.search_form {
        Some(form) => Some(CodePoints::of(&in_case_of(unit.text, form))),
        None => ascii_of(unit.text.chars().next()?).map(CodePoints::of),
    }
}

/// The search form in the case of the letters it stands for, one by one: `K͟h` has two.
fn in_case_of(letters: &str, form: &str) -> String {
    let mut cases = letters.chars().filter(|c| c.is_alphabetic()).map(char::is_lowercase);
    let mut is_lowercase = false;
    let in_case = |letter: char| {
        is_lowercase = cases.next().unwrap_or(is_lowercase);
        if is_lowercase { letter.to_ascii_lowercase() } else { letter }
    };
    form.chars().map(in_case).collect()
}
