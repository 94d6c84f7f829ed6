//! The header dialects there are, as far as it takes to tell which one a standard speaks.

use std::path::PathBuf;

use super::{model::Model, xsd::Content};
use crate::store;

/// Fields whose elements must be there for a header, at least, if the dialect has so many; one alone is
/// chance.
const FIELDS_MIN: usize = 3;

/// One dialect: where its fields stand, each at one of several places.
#[derive(Clone, Debug)]
pub(crate) struct Candidate {
    pub(crate) id: String,
    /// Paths through elements, by field.
    fields: Vec<Vec<String>>,
}

/// All of them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Candidates(pub(crate) Vec<Candidate>);

impl Candidates {
    /// The built-in ones and those below `paths`. One that cannot be read is left out; loading tells why.
    pub(crate) fn read(paths: &[PathBuf]) -> Self {
        let paths = paths.iter().map(|path| path.to_string_lossy().into_owned());
        let roots = std::iter::once(store::BUILT_IN.to_owned()).chain(paths);
        let files =
            roots.flat_map(|root| store::files(&root, "dialects", "toml").unwrap_or_default());
        let texts = files.filter_map(|file| store::read_text(&file).ok());
        Self(texts.filter_map(|text| Candidate::read(&text)).collect())
    }

    /// The one called `id`.
    pub(crate) fn get(&self, id: &str) -> Option<&Candidate> {
        self.0.iter().find(|candidate| candidate.id == id)
    }

    /// Every id, for errors.
    pub(crate) fn ids(&self) -> String {
        let ids: Vec<&str> = self.0.iter().map(|candidate| candidate.id.as_str()).collect();
        ids.join(", ")
    }
}

impl Candidate {
    fn read(text: &str) -> Option<Self> {
        let table: toml::Table = text.parse().ok()?;
        let id = table.get("id")?.as_str()?.to_owned();
        let paths = |value: &toml::Value| {
            let mut found = Vec::new();
            collect(value, &mut found);
            // Attributes of the root are much the same everywhere and tell nothing.
            found.retain(|path| !path.starts_with('@'));
            found
        };
        let fields = table.get("paths")?.as_table()?.values().map(paths);
        let fields = fields.filter(|paths| !paths.is_empty()).collect();
        Some(Self { id, fields })
    }

    /// How much of this header the elements below `content` are, 0 to 1,000; 0 where it is none.
    pub(crate) fn score<'f>(&self, model: &Model<'f>, content: &'f Content) -> usize {
        let is_there = |paths: &&Vec<String>| paths.iter().any(|path| model.leads(content, path));
        let there = self.fields.iter().filter(is_there).count();
        let all = self.fields.len().max(1);
        if there < FIELDS_MIN.min(all) || there * 2 < all { 0 } else { there * 1000 / all }
    }
}

/// Every path in `value`: one, several to choose from, or parts that are joined.
fn collect(value: &toml::Value, found: &mut Vec<String>) {
    match value {
        toml::Value::String(path) => found.push(without_conditions(path)),
        toml::Value::Array(values) => values.iter().for_each(|value| collect(value, found)),
        toml::Value::Table(table) => {
            if let Some(parts) = table.get("join") {
                collect(parts, found);
            }
        }
        _ => {}
    }
}

/// `path` without what is in brackets: whether an element can be there, its conditions do not change.
fn without_conditions(path: &str) -> String {
    let mut depth = 0_usize;
    let kept = path.chars().filter(|character| {
        depth += usize::from(*character == '[');
        let is_kept = depth == 0;
        depth = depth.saturating_sub(usize::from(*character == ']'));
        is_kept
    });
    kept.collect()
}
