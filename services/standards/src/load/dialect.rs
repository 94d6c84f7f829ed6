//! Header dialects: where a family of standards says who wrote what to whom, and when.

use std::collections::HashMap;

use crate::{
    load::{
        LoadFault,
        path::Path,
        toml_file::{Table, TomlFile},
    },
    tree::{Node, Tree},
};

/// What a header can say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum HeaderField {
    OwnId,
    CaseReference,
    RefersTo,
    TypeCode,
    Created,
    Author,
    AuthorName,
    Reader,
    ReaderName,
    Service,
    Product,
    ProductVersion,
    Test,
}

impl HeaderField {
    const ALL: [(Self, &'static str); 13] = [
        (Self::OwnId, "own_id"),
        (Self::CaseReference, "case_reference"),
        (Self::RefersTo, "refers_to"),
        (Self::TypeCode, "type_code"),
        (Self::Created, "created"),
        (Self::Author, "author"),
        (Self::AuthorName, "author_name"),
        (Self::Reader, "reader"),
        (Self::ReaderName, "reader_name"),
        (Self::Service, "service"),
        (Self::Product, "product"),
        (Self::ProductVersion, "product_version"),
        (Self::Test, "test"),
    ];
}

/// Where each field stands: the first path that leads to a value counts.
#[derive(Clone, Debug, Default)]
pub(crate) struct HeaderPaths(HashMap<HeaderField, Vec<Path>>);

impl HeaderPaths {
    /// What the header says, trimmed.
    pub(crate) fn value<'t>(&self, field: HeaderField, tree: &'t Tree) -> Option<&'t str> {
        let root = tree.root()?;
        self.paths(field).iter().find_map(|path| path.value(tree, root))
    }

    /// The node that says it.
    pub(crate) fn node(&self, field: HeaderField, tree: &Tree) -> Option<Node> {
        let root = tree.root()?;
        let leads = |path: &&Path| path.value(tree, root).is_some();
        self.paths(field).iter().find(leads)?.node(tree, root)
    }

    /// Whether it is there at all, whatever its value.
    pub(crate) fn is_present(&self, field: HeaderField, tree: &Tree) -> bool {
        let Some(root) = tree.root() else { return false };
        self.paths(field).iter().any(|path| {
            let node = path.node(tree, root);
            node.is_some_and(|n| path.attribute().is_none_or(|a| tree.attribute(n, a).is_some()))
        })
    }

    fn paths(&self, field: HeaderField) -> &[Path] {
        self.0.get(&field).map_or(&[], Vec::as_slice)
    }

    /// Takes over what `table` says, key by key.
    pub(crate) fn read(&mut self, mut table: Table<'_>) {
        for (field, name) in HeaderField::ALL {
            let Some(entry) = table.take(name) else { continue };
            if let Some(paths) = paths(entry) {
                self.0.insert(field, paths);
            }
        }
        table.finish();
    }
}

/// The paths of `entry`; faults are told.
pub(crate) fn paths(entry: crate::load::toml_file::Entry<'_>) -> Option<Vec<Path>> {
    let report = entry.reporter();
    let parse = |text: String| Path::parse(&text).map_err(|message| report(&message)).ok();
    Some(entry.texts()?.into_iter().filter_map(parse).collect())
}

/// All dialects by id.
#[derive(Debug, Default)]
pub(crate) struct Dialects(HashMap<String, HeaderPaths>);

impl Dialects {
    /// The dialect called `id`.
    pub(crate) fn get(&self, id: &str) -> Option<&HeaderPaths> {
        self.0.get(id)
    }

    /// Every id, for messages.
    pub(crate) fn ids(&self) -> Vec<&str> {
        let mut ids: Vec<&str> = self.0.keys().map(String::as_str).collect();
        ids.sort_unstable();
        ids
    }

    /// Reads the dialect at `location`; one that is there already is a fault.
    pub(crate) fn read(&mut self, location: &str, faults: &mut Vec<LoadFault>) {
        let Some(file) = TomlFile::read(location, faults) else { return };
        let mut root = file.root();
        let id = root.required_text("id");
        root.required_text("title");
        let mut paths = HeaderPaths::default();
        match root.table("paths") {
            Some(table) => paths.read(table),
            None => file.fault(1, "paths", "is missing"),
        }
        root.finish();
        if let Some((id, line)) = id
            && self.0.insert(id.clone(), paths).is_some()
        {
            file.fault(line, "id", format!("dialect `{id}` is there twice"));
        }
        faults.extend(file.into_faults());
    }
}
