//! Shapes: what one node of a repetition becomes, under a name. A mapping uses one more than once,
//! and within itself where its standard nests the same thing in itself.

use std::{cell::Cell, collections::HashMap};

use crate::load::toml_file::{Entry, Table};

/// The shapes of one mapping.
#[derive(Debug, Default)]
pub(crate) struct Shapes<'f>(HashMap<String, Shape<'f>>);

#[derive(Debug)]
struct Shape<'f> {
    entry: Entry<'f>,
    is_used: Cell<bool>,
}

impl<'f> Shapes<'f> {
    /// The tables below `[shape]`.
    pub(crate) fn read(table: Option<Table<'f>>) -> Self {
        let entries = table.map(|mut table| table.take_all()).unwrap_or_default();
        let shape =
            |entry: Entry<'f>| (entry.name.clone(), Shape { entry, is_used: Cell::new(false) });
        Self(entries.into_iter().map(shape).collect())
    }

    /// The shape called `name`.
    pub(crate) fn get(&self, name: &str) -> Option<Table<'f>> {
        let shape = self.0.get(name)?;
        shape.is_used.set(true);
        shape.entry.clone().table()
    }

    /// Tells of shapes that nothing uses.
    pub(crate) fn finish(self) {
        for shape in self.0.values().filter(|shape| !shape.is_used.get()) {
            shape.entry.fault("no repetition has this shape");
        }
    }
}
