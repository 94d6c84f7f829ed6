//! A name that is looked for.

use std::{fmt, ops::Deref};

use crate::names::Key;

/// A local name to look for in records: made once, it is told from others by one comparison.
#[derive(Clone, PartialEq, Eq)]
pub struct LocalName {
    text: Box<str>,
    hash: u64,
}

impl LocalName {
    /// Looks for `text`.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self { text: text.into(), hash: hash(text) }
    }

    /// What its text is hashed to: other texts may be hashed to the same.
    pub(super) fn hash(&self) -> u64 {
        self.hash
    }
}

impl Deref for LocalName {
    type Target = str;

    fn deref(&self) -> &str {
        &self.text
    }
}

impl fmt::Debug for LocalName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.text.fmt(f)
    }
}

/// No secret is needed: a clash costs one comparison of texts.
pub(super) fn hash(text: &str) -> u64 {
    Key::of(text.as_bytes()).hash()
}
