//! Header dialects: where a family of standards says who wrote what to whom, and when.

use std::{borrow::Cow, collections::HashMap};

use crate::{
    load::{
        LoadFault,
        path::Path,
        toml_file::{Entry, Table, TomlFile},
    },
    tree::{Node, Tree},
};

/// What a header can say. What a dialect lacks is derived by the rule that `docs/standards.md` names
/// for the field.
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
    FurtherReaders,
    FurtherReaderNames,
    Service,
    Product,
    ProductVersion,
    Test,
}

impl HeaderField {
    pub(crate) const ALL: [(Self, &'static str); 15] = [
        (Self::OwnId, "own_id"),
        (Self::CaseReference, "case_reference"),
        (Self::RefersTo, "refers_to"),
        (Self::TypeCode, "type_code"),
        (Self::Created, "created"),
        (Self::Author, "author"),
        (Self::AuthorName, "author_name"),
        (Self::Reader, "reader"),
        (Self::ReaderName, "reader_name"),
        (Self::FurtherReaders, "further_readers"),
        (Self::FurtherReaderNames, "further_reader_names"),
        (Self::Service, "service"),
        (Self::Product, "product"),
        (Self::ProductVersion, "product_version"),
        (Self::Test, "test"),
    ];
}

/// Where one field stands.
#[derive(Clone, Debug)]
pub(crate) enum HeaderSource {
    /// The first path that leads to a value.
    First(Vec<Path>),
    /// Several values in one text; nothing where one of them is missing.
    Join {
        /// Of each part, the first path that leads to a value.
        parts: Vec<Vec<Path>>,
        /// Before the first part.
        prefix: String,
        /// Between the parts.
        with: String,
    },
}

impl HeaderSource {
    fn value<'t>(&self, tree: &'t Tree<'_>, root: Node) -> Option<Cow<'t, str>> {
        let first = |paths: &[Path]| paths.iter().find_map(|path| path.value(tree, root));
        match self {
            Self::First(paths) => first(paths).map(Cow::Borrowed),
            Self::Join { parts, prefix, with } => {
                let parts: Option<Vec<&str>> = parts.iter().map(|paths| first(paths)).collect();
                Some(Cow::Owned(format!("{prefix}{}", parts?.join(with))))
            }
        }
    }

    /// Every path of it, in its order.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &Path> {
        let (one, many) = match self {
            Self::First(paths) => (&paths[..], &[][..]),
            Self::Join { parts, .. } => (&[][..], &parts[..]),
        };
        one.iter().chain(many.iter().flatten())
    }
}

/// Where each field stands.
#[derive(Clone, Debug, Default)]
pub(crate) struct HeaderPaths([Option<HeaderSource>; HeaderField::ALL.len()]);

/// What the header of a document says, field by field.
#[derive(Debug)]
pub(crate) struct Said<'t>([Option<Cow<'t, str>>; HeaderField::ALL.len()]);

impl Said<'_> {
    /// What it says of `field`, trimmed and not empty.
    pub(crate) fn value(&self, field: HeaderField) -> Option<&str> {
        self.0.get(field as usize)?.as_deref()
    }
}

impl HeaderPaths {
    /// What the header of `tree` says; of a field that may come several times, the first.
    pub(crate) fn said<'t>(&self, tree: &'t Tree<'_>) -> Said<'t> {
        let root = tree.root();
        let value = |source: &Option<HeaderSource>| source.as_ref()?.value(tree, root?);
        Said(self.0.each_ref().map(value))
    }

    /// Everything the header says of a field that may come several times, in its order.
    pub(crate) fn values<'t>(
        &'t self,
        field: HeaderField,
        tree: &'t Tree<'_>,
    ) -> impl Iterator<Item = &'t str> {
        let paths = self.source(field).into_iter().flat_map(HeaderSource::paths);
        let root = tree.root();
        let nodes = paths.flat_map(move |path| root.map_or_else(Vec::new, |r| path.nodes(tree, r)));
        nodes.map(|node| tree.text(node).trim()).filter(|value| !value.is_empty())
    }

    /// The node that says it, or the first part of it.
    pub(crate) fn node(&self, field: HeaderField, tree: &Tree<'_>) -> Option<Node> {
        let root = tree.root()?;
        let mut paths = self.source(field)?.paths();
        paths.find(|path| path.value(tree, root).is_some())?.node(tree, root)
    }

    /// Whether it is there at all, whatever its value.
    pub(crate) fn is_present(&self, field: HeaderField, tree: &Tree<'_>) -> bool {
        let (Some(root), Some(source)) = (tree.root(), self.source(field)) else { return false };
        source.paths().any(|path| path.is_present(tree, root))
    }

    /// Where `field` stands, if the dialect has it.
    pub(crate) fn source(&self, field: HeaderField) -> Option<&HeaderSource> {
        self.0.get(field as usize)?.as_ref()
    }

    /// Takes over what `table` says, key by key.
    pub(crate) fn read(&mut self, mut table: Table<'_>) {
        for (field, name) in HeaderField::ALL {
            let Some(entry) = table.take(name) else { continue };
            if let (Some(source), Some(place)) = (source(entry), self.0.get_mut(field as usize)) {
                *place = Some(source);
            }
        }
        table.finish();
    }
}

fn source(entry: Entry<'_>) -> Option<HeaderSource> {
    if entry.is_text() || entry.is_array() {
        return paths(entry).map(HeaderSource::First);
    }
    let report = entry.reporter();
    let mut table = entry.table()?;
    let parts = table.take("join").map(Entry::items).unwrap_or_default();
    if parts.is_empty() {
        report("a text, an array of texts, or { join = [paths] } is expected");
    }
    let parts = parts.into_iter().filter_map(paths).collect();
    let mut text = |name| table.text(name).map(|(text, _)| text).unwrap_or_default();
    let (prefix, with) = (text("prefix"), text("with"));
    table.finish();
    Some(HeaderSource::Join { parts, prefix, with })
}

/// The paths of `entry`; faults are told.
pub(crate) fn paths(entry: Entry<'_>) -> Option<Vec<Path>> {
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
        let lacks = root.take("lacks");
        let mut paths = HeaderPaths::default();
        match root.table("paths") {
            Some(table) => paths.read(table),
            None => file.fault(1, "paths", "is missing"),
        }
        check_lacks(&file, lacks, &paths);
        root.finish();
        if let Some((id, line)) = id
            && self.0.insert(id.clone(), paths).is_some()
        {
            file.fault(line, "id", format!("dialect `{id}` is there twice"));
        }
        faults.extend(file.into_faults());
    }
}

/// Every field has a path, or is said to be lacking: so none is forgotten.
fn check_lacks(file: &TomlFile, lacks: Option<Entry<'_>>, paths: &HeaderPaths) {
    let line = lacks.as_ref().map_or(1, |entry| entry.line);
    let lacks = lacks.and_then(Entry::texts).unwrap_or_default();
    for name in &lacks {
        if !HeaderField::ALL.iter().any(|(_, field)| field == name) {
            file.fault(line, "lacks", format!("`{name}` is no field of a header"));
        }
    }
    for (field, name) in HeaderField::ALL {
        let is_lacking = lacks.iter().any(|lack| lack == name);
        match (is_lacking, paths.source(field).is_some()) {
            (true, true) => file.fault(line, "lacks", format!("`{name}` has a path")),
            (false, false) => {
                file.fault(line, "lacks", format!("`{name}` has no path and is not named here"));
            }
            _ => {}
        }
    }
}
