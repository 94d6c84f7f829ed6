//! Roots that were recognised: what a document is depends on its first tag alone, and senders write the same
//! few over and over.

use std::cell::{Cell, RefCell};

use super::Desk;
use crate::{
    load::{path::Path, registry::Found, standard::MessageType},
    xml::{
        Fatal,
        root::{self, Root},
    },
};

/// Roots that are remembered at a desk.
const REMEMBERED_MAX: usize = 16;

/// Bytes of a document up to the end of its root's tag, if they are to be remembered.
const BYTES_MAX: usize = 4_096;

/// What was recognised at a desk.
#[derive(Default)]
pub(crate) struct Roots<'d> {
    known: RefCell<Vec<Known<'d>>>,
    /// Which one the next takes the place of.
    next: Cell<usize>,
}

#[derive(Clone)]
struct Known<'d> {
    /// The document up to the end of its root's tag. Others that begin like that have the same root.
    head: Box<str>,
    root: Root,
    standard: usize,
    message: &'d MessageType,
}

impl<'d> Desk<'d> {
    /// The root of `text`, and whom it belongs to.
    pub(super) fn find(&self, text: &str) -> Result<(Root, Found<'d>), Fatal> {
        let roots = self.roots;
        let is_it = |known: &&Known<'d>| text.as_bytes().starts_with(known.head.as_bytes());
        if let Some(known) = roots.known.borrow().iter().find(is_it) {
            return Ok((known.root.clone(), Found::Message(known.standard, known.message)));
        }
        let root = root::find(text)?;
        // A version that stands further inside is another one in the next document.
        let is_further_inside = Cell::new(false);
        let version = |path: &Path| {
            is_further_inside.set(is_further_inside.get() || !path.steps().is_empty());
            root::value(text, path)
        };
        let found = self.registry.find(&root.namespace, &root.local, version);
        if let (Found::Message(standard, message), false) = (&found, is_further_inside.get())
            && let Some(head) = text.get(..root.end).filter(|head| head.len() <= BYTES_MAX)
        {
            let (standard, root) = (*standard, root.clone());
            roots.remember(Known { head: head.into(), root, standard, message });
        }
        Ok((root, found))
    }
}

impl<'d> Roots<'d> {
    fn remember(&self, new: Known<'d>) {
        let mut known = self.known.borrow_mut();
        let next = self.next.get();
        match known.get_mut(next) {
            Some(place) => *place = new,
            None => known.push(new),
        }
        self.next.set((next + 1) % REMEMBERED_MAX);
    }
}
