//! Reads the project's own files, for the tests about the source itself.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// Folders at the top that hold nothing of the project.
const FOREIGN: &[&str] = &[".git", "target", "data", "amtsbote-data"];

/// A file that could be read as UTF-8.
#[derive(Clone, Debug)]
pub struct Text {
    /// From the repository's root, with `/`.
    pub path: String,
    /// All of it.
    pub text: String,
}

impl Text {
    /// The part before the file's own tests.
    #[must_use]
    pub fn without_tests(&self) -> &str {
        self.text.split("#[cfg(test)]").next().unwrap_or_default()
    }
}

/// Where the repository lies.
///
/// # Panics
/// Never: this crate lies in a folder of it.
#[must_use]
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a folder of the repository").to_owned()
}

/// A file of the repository.
///
/// # Panics
/// When it is missing.
#[must_use]
pub fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("read {path}: {error}"))
}

/// The folders of `services/`.
///
/// # Panics
/// When it cannot be listed.
#[must_use]
pub fn crates() -> BTreeSet<String> {
    entries(&root().join("services"))
        .iter()
        .filter(|path| path.join("Cargo.toml").exists())
        .map(|path| name(path).to_owned())
        .collect()
}

/// The manifest of a crate.
///
/// # Panics
/// When it is not TOML.
#[must_use]
pub fn manifest(name: &str) -> toml::Table {
    let path = format!("services/{name}/Cargo.toml");
    read(&path).parse().unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Which crates of ours `name` depends on, in the section `kind` of its manifest.
#[must_use]
pub fn sees(name: &str, kind: &str) -> BTreeSet<String> {
    let ours = crates();
    let manifest = manifest(name);
    let section = manifest.get(kind).and_then(toml::Value::as_table);
    section
        .into_iter()
        .flat_map(toml::Table::keys)
        .filter(|key| ours.contains(*key))
        .cloned()
        .collect()
}

/// Every Rust file of the project.
#[must_use]
pub fn rust_files() -> Vec<Text> {
    all_files().into_iter().filter(|file| file.path.ends_with(".rs")).collect()
}

/// What is compiled or read at run time, without tests.
#[must_use]
pub fn product_files() -> Vec<Text> {
    let is_product = |path: &str| {
        let is_test = path.contains("/tests/") || path.ends_with("tests.rs");
        let kind = path.rsplit('.').next().unwrap_or_default();
        !is_test
            && (path.starts_with("services/") || path.starts_with("schemas/"))
            && ["rs", "toml", "html"].contains(&kind)
    };
    all_files().into_iter().filter(|file| is_product(&file.path)).collect()
}

/// Every text file of the project.
#[must_use]
pub fn all_files() -> Vec<Text> {
    files_below("")
}

/// Every text file below a folder of the project.
#[must_use]
pub fn files_below(folder: &str) -> Vec<Text> {
    let mut files = Vec::new();
    collect(&root().join(folder), &mut files);
    files.sort_by(|a, b| a.path.cmp(&b.path));
    files
}

/// The pages of `docs/errors`, by code.
#[must_use]
pub fn error_pages() -> BTreeMap<String, String> {
    files_below("docs/errors")
        .into_iter()
        .filter(|page| page.path.contains("/AB-"))
        .map(|page| {
            let file = page.path.rsplit('/').next().unwrap_or_default();
            (file.trim_end_matches(".md").to_owned(), page.text)
        })
        .collect()
}

/// Every `AB-` followed by four digits.
#[must_use]
pub fn codes(text: &str) -> BTreeSet<String> {
    text.match_indices("AB-")
        .filter_map(|(at, _)| text.get(at..at + 7))
        .filter(|code| code.bytes().skip(3).all(|byte| byte.is_ascii_digit()))
        .map(str::to_owned)
        .collect()
}

/// Paths of the repository that a page names between backticks.
#[must_use]
pub fn paths_named(page: &str) -> BTreeSet<String> {
    let tops = ["services/", "proto/", "schemas/", "tests/", "docs/", "deploy/", ".ci/"];
    // Blocks of code show commands and drawings, not paths to keep.
    let prose: String = page.split("```").step_by(2).collect();
    prose
        .split('`')
        .skip(1)
        .step_by(2)
        .filter(|word| tops.iter().any(|top| word.starts_with(top)))
        .filter(|word| !word.contains(['*', '<', '{', ' ', '…']))
        .map(|word| word.trim_end_matches('/').to_owned())
        .collect()
}

/// Files that a page links to.
#[must_use]
pub fn links(page: &str) -> BTreeSet<String> {
    page.split("](")
        .skip(1)
        .filter_map(|rest| rest.split(')').next())
        .map(|link| link.split('#').next().unwrap_or_default())
        .filter(|link| !link.is_empty() && !link.contains("://"))
        .map(str::to_owned)
        .collect()
}

fn collect(folder: &Path, files: &mut Vec<Text>) {
    for path in entries(folder) {
        let is_foreign = folder == root() && FOREIGN.contains(&name(&path));
        if path.is_symlink() || is_foreign {
            continue;
        }
        if path.is_dir() {
            collect(&path, files);
        } else if let Ok(text) = fs::read_to_string(&path) {
            let path = path.strip_prefix(root()).expect("below the root").to_string_lossy();
            files.push(Text { path: path.replace('\\', "/"), text });
        }
    }
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let listed =
        fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    listed.map(|entry| entry.expect("an entry of a folder").path()).collect()
}

fn name(path: &Path) -> &str {
    path.file_name().and_then(|name| name.to_str()).unwrap_or_default()
}
