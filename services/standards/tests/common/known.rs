//! Imports published standards that `schemas/known` describes, as an operator does.

use std::path::{Path, PathBuf};

use standards::{
    Options, Standards,
    import::{Bounds, Package, Request, plan},
};

use super::{Folder, installed, schemas};

/// A file of the description of a standard whose schemas we do not ship.
pub(crate) fn described(id: &str, version: &str, file: &str) -> String {
    let path = schemas().join("known").join(id).join(version).join(file);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The package in `folder`, with schemas from those of `with`, and `rules` behind its description.
pub(crate) fn imported(
    folder: &Path,
    with: &[PathBuf],
    (id, version): (&str, &str),
    rules: &str,
) -> (Folder, Standards) {
    let request = Request {
        package: package(folder),
        catalogue: None,
        with: with.iter().map(|folder| package(folder)).collect(),
        installed: Vec::new(),
        name: None,
        namespace: None,
        dialect: None,
        paths: Vec::new(),
    };
    let mut plan = plan(request).unwrap_or_else(|error| panic!("{error}"));
    assert!(plan.is_known, "its description is ours");
    assert_eq!((plan.id.as_str(), plan.version.as_str()), (id, version));
    plan.files.get_mut("standard.toml").unwrap().extend(rules.as_bytes());
    let home = installed(folder, id, version, &[]);
    for (name, bytes) in &plan.files {
        let path = home.0.join(id).join(version).join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
    let options = Options { paths: vec![home.0.clone()], workers: 1, ..Options::default() };
    let standards = Standards::load(options).unwrap_or_else(|error| panic!("{error}"));
    (home, standards)
}

/// Every file below `folder`.
fn package(folder: &Path) -> Package {
    let mut package = Package::new(folder.display().to_string(), Bounds::default());
    let mut open = vec![folder.to_owned()];
    while let Some(path) = open.pop() {
        if path.is_dir() {
            open.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
            continue;
        }
        let name = path.strip_prefix(folder).unwrap().to_str().unwrap().replace('\\', "/");
        package.add(&name, std::fs::read(&path).unwrap()).unwrap();
    }
    package
}

/// XWasser 1.0.0, with further `rules`.
pub(crate) fn xwasser(data: &Path, rules: &str) -> (Folder, Standards) {
    let with = [data.join("xoev-basisnachricht")];
    imported(&data.join("xwasser-1.0.0"), &with, ("xwasser", "1.0.0"), rules)
}

/// One version of xdomea.
pub(crate) fn xdomea(data: &Path, version: &str) -> (Folder, Standards) {
    imported(&data.join("xdomea").join(version), &[], ("xdomea", version), "")
}
