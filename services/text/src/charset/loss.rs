//! What comes of writing a text in a character set: its bytes and every loss, or why not.

use std::fmt;

use thiserror::Error;

use super::{Charset, Policy};
use crate::{code_points::CodePoints, din91379::Length};

/// Places that an error names; it counts the others.
const UNCARRIED_MAX: usize = 16;

/// A text in the bytes of a character set.
#[derive(Clone, PartialEq, Eq)]
pub struct Encoded {
    /// Without byte order mark.
    pub bytes: Vec<u8>,
    /// Every unit that was replaced, in order; empty where the text is carried as it is.
    pub losses: Vec<Loss>,
}

impl Encoded {
    /// Whether reading the bytes gives the text again, in NFC.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        self.losses.is_empty()
    }
}

/// Only sizes: a text can hold personal data.
impl fmt::Debug for Encoded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Encoded")
            .field("bytes", &self.bytes.len())
            .field("losses", &self.losses)
            .finish()
    }
}

/// One unit that was replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Loss {
    /// Where it was: what is before it in the text, in NFC and UTF-8.
    pub at: Length,
    /// What it was: always whole.
    pub original: CodePoints,
    /// What was written for it: one to four ASCII characters.
    pub replacement: CodePoints,
}

/// One unit that the character set does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Uncarried {
    /// Where it is: what is before it in the text, in NFC and UTF-8.
    pub at: Length,
    /// What it is.
    pub sequence: CodePoints,
}

/// A text that a character set cannot carry by its policy. Says no text, only code points and
/// places.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub struct NotCarried {
    /// What it was to be written in.
    pub charset: Charset,
    /// By which rule; see [`Policy::is_refusal`] for what follows.
    pub policy: Policy,
    /// How many units cannot be carried: at least one.
    pub count: usize,
    /// The first of them, at most 16.
    pub first: Vec<Uncarried>,
}

impl NotCarried {
    pub(super) fn nothing_yet(charset: Charset, policy: Policy) -> Self {
        Self { charset, policy, count: 0, first: Vec::new() }
    }

    pub(super) fn extend(&mut self, uncarried: impl IntoIterator<Item = Uncarried>) {
        for uncarried in uncarried {
            self.count += 1;
            if self.first.len() < UNCARRIED_MAX {
                self.first.push(uncarried);
            }
        }
    }

    /// `value`, if everything could be carried.
    pub(super) fn or<T>(self, value: T) -> Result<T, Self> {
        if self.count == 0 { Ok(value) } else { Err(self) }
    }
}

impl fmt::Display for NotCarried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} cannot carry ", self.charset)?;
        for (index, Uncarried { at, sequence }) in self.first.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            write!(f, "{comma}{sequence} at character {}", at.characters)?;
        }
        match self.count - self.first.len() {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}
