//! Installs what `schemas/known` describes, as an operator would.

use std::path::Path;

use standards::{Options, Standards};

use super::{Folder, installed, schemas};

/// A file of the description of a standard whose schemas we do not ship.
pub(crate) fn described(id: &str, version: &str, file: &str) -> String {
    let path = schemas().join("known").join(id).join(version).join(file);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Such a standard, with `xml` as its `[xml]` and further files, which may refer to the published
/// schemas below `data/`.
pub(crate) fn with_known(
    data: &Path,
    id: &str,
    version: &str,
    xml: &str,
    further: &[(&str, &str)],
) -> (Folder, Standards) {
    let standard = described(id, version, "standard.toml");
    let (before, after) = standard.split_once("[xml]\n").unwrap();
    let (_, after) = after.split_once("\n\n").unwrap();
    let standard = format!("{before}[xml]\n{xml}\n\n{after}");
    let mapping = described(id, version, "mapping.toml");
    let mut files = vec![("standard.toml", &*standard), ("mapping.toml", &*mapping)];
    files.extend(further);
    let folder = installed(data, id, version, &files);
    let options = Options { paths: vec![folder.0.clone()], workers: 1, ..Options::default() };
    let standards = Standards::load(options).unwrap_or_else(|error| panic!("{error}"));
    (folder, standards)
}

/// XWasser 1.0.0, with further `rules`.
pub(crate) fn xwasser(data: &Path, rules: &str) -> (Folder, Standards) {
    let xml = "entry = \"data/xwasser-1.0.0/xsd/xwasser.xsd\"\ncatalog = \"data/catalog.xml\"\n";
    with_known(data, "xwasser", "1.0.0", &format!("{xml}{rules}"), &[])
}
