//! Fills a record while a document is judged.

use std::sync::Arc;

use super::{Names, Node, Record, cut};
use crate::names::NONE;

/// Who is told what the walk meets. Where nobody listens, nothing is done for it.
pub(crate) trait Listening {
    /// Whether anybody does.
    const IS_AWAKE: bool;

    /// The number of the name that is written as `spelling`, if it was told.
    fn spelled(&self, spelling: u32) -> Option<u32>;

    /// The number of a name, which `spelling` stands for from now on.
    fn name(&mut self, spelling: u32, name: (&str, &str, &str)) -> u32;

    /// An element begins.
    fn open(&mut self, name: u32, offset: usize);

    /// It has an attribute, whose value stands there as it is, or means `other`. Of the name, where it
    /// begins, where it does without prefix, and where it ends.
    fn attribute(
        &mut self,
        name: (usize, usize, usize),
        value: (usize, usize),
        other: Option<&str>,
    );

    /// Whether text of the innermost open element is wanted.
    fn wants_text(&self) -> bool;

    /// Text of it, which stands there as it is, or means `other`.
    fn text(&mut self, text: (usize, usize), other: Option<&str>);

    /// It ends.
    fn close(&mut self);
}

/// Nobody listens.
#[derive(Debug)]
pub(crate) struct Nobody;

impl Listening for Nobody {
    const IS_AWAKE: bool = false;

    fn spelled(&self, _: u32) -> Option<u32> {
        None
    }

    fn name(&mut self, _: u32, _: (&str, &str, &str)) -> u32 {
        NONE
    }

    fn open(&mut self, _: u32, _: usize) {}

    fn attribute(&mut self, _: (usize, usize, usize), _: (usize, usize), _: Option<&str>) {}

    fn wants_text(&self) -> bool {
        false
    }

    fn text(&mut self, _: (usize, usize), _: Option<&str>) {}

    fn close(&mut self) {}
}

/// Fills a record.
#[derive(Debug)]
pub(crate) struct Recorder<'d> {
    pub(super) record: Record<'d>,
    innermost: Option<Node>,
}

impl<'d> Recorder<'d> {
    /// Of `document`, with the names of documents before it.
    pub(crate) fn of(document: &'d str, names: Arc<Names>) -> Self {
        Self { record: Record::of(document, names), innermost: None }
    }

    /// The names of all documents so far, for the next one.
    pub(crate) fn names(&self) -> Arc<Names> {
        if self.record.names.is_full() { Arc::default() } else { Arc::clone(&self.record.names) }
    }

    /// Gives it away: the document is proven.
    pub(crate) fn release(self) -> Record<'d> {
        self.record
    }
}

impl Listening for Recorder<'_> {
    const IS_AWAKE: bool = true;

    #[inline(always)]
    fn spelled(&self, spelling: u32) -> Option<u32> {
        self.record.names.spelled(spelling)
    }

    fn name(&mut self, spelling: u32, (prefix, local, namespace): (&str, &str, &str)) -> u32 {
        let names = Arc::make_mut(&mut self.record.names);
        let number = names.number(prefix, local, namespace);
        names.spell(spelling, number);
        number
    }

    #[inline(always)]
    fn open(&mut self, name: u32, offset: usize) {
        self.innermost = Some(self.record.push(self.innermost, name, offset));
    }

    fn attribute(
        &mut self,
        (begin, local, end): (usize, usize, usize),
        (from, to): (usize, usize),
        other: Option<&str>,
    ) {
        let Some(node) = self.innermost else { return };
        let document = self.record.document;
        let prefix = document.get(begin..local.saturating_sub(1)).unwrap_or_default();
        let local = document.get(local..end).unwrap_or_default();
        let value = match other {
            Some(other) => self.record.keep(other),
            None => cut(from)..cut(to),
        };
        self.record.push_attribute(node, prefix, local, value);
    }

    #[inline(always)]
    fn wants_text(&self) -> bool {
        self.innermost.is_some_and(|node| self.record.first(node).is_none())
    }

    #[inline(always)]
    fn text(&mut self, (from, to): (usize, usize), other: Option<&str>) {
        let Some(node) = self.innermost else { return };
        if other.is_none() && self.record.element(node).text.is_empty() {
            self.record.set_text(node, cut(from)..cut(to));
            return;
        }
        let document = self.record.document;
        self.record.text(node, other.unwrap_or_else(|| document.get(from..to).unwrap_or_default()));
    }

    #[inline(always)]
    fn close(&mut self) {
        self.innermost = self.innermost.and_then(|node| self.record.parent(node));
    }
}
