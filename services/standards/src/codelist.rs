//! Code lists: genericode files, several versions of one list side by side, found by URI and
//! version. At the start only their heads are read; rows are read when a document first names the
//! list, and stay.

mod diff;
pub mod genericode;
mod list;

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Arc, OnceLock},
};

pub use diff::{Difference, Renamed, difference};
pub use genericode::{CodeListFault, Head};
pub use list::CodeList;

use crate::{LoadError, codes, load::LoadFault, store};

/// One installed version of one list, for lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodeListInfo {
    /// Its URI, as documents name it in `listURI`.
    pub uri: String,
    /// As documents name it in `listVersionID`.
    pub version: String,
    /// Its short name.
    pub title: String,
    /// The file; inside the binary it begins with `builtin:/`.
    pub source: String,
}

/// What is known of a list that a document names.
#[derive(Debug)]
pub(crate) enum Named {
    /// This version is installed.
    Known(Arc<CodeList>),
    /// The list is installed, in these versions only.
    OtherVersions(Vec<String>),
    /// Nobody installed it.
    Unknown,
}

/// Every installed list. Memory: some 200 bytes a list, and of those that are used the rows.
#[derive(Debug, Default)]
pub(crate) struct CodeLists(BTreeMap<(Box<str>, Box<str>), Installed>);

#[derive(Debug)]
struct Installed {
    title: Box<str>,
    location: Box<str>,
    /// `None` once reading failed: said in the log, and then as if it were not installed.
    rows: OnceLock<Option<Arc<CodeList>>>,
}

impl CodeLists {
    /// Adds the list in the file at `location`; what is wrong with it is told. One that is there
    /// already is passed over if it says the same again, and else a fault.
    pub(crate) fn add(&mut self, location: &str, faults: &mut Vec<LoadFault>) {
        let mut fault = |message: String| {
            let (file, key) = (location.to_owned(), String::new());
            faults.push(LoadFault { file, line: 0, key, message });
        };
        let text = match store::read_text(location) {
            Ok(text) => text,
            Err(error) => return fault(format!("cannot be read: {error}")),
        };
        let head = match genericode::head(&text) {
            Ok(head) => head,
            Err(found) => return fault(found.to_string()),
        };
        let key = (head.uri.into_boxed_str(), head.version.into_boxed_str());
        if let Some(other) = self.0.get(&key) {
            let before = store::read_text(&other.location).unwrap_or_default();
            if before != text && !says_the_same(&before, &text) {
                let (uri, version) = key;
                let other = &other.location;
                fault(format!(
                    "code list `{uri}` version {version} is in `{other}` too, and differs"
                ));
            }
            return;
        }
        let (title, location) = (head.title.into(), location.into());
        self.0.insert(key, Installed { title, location, rows: OnceLock::new() });
    }

    /// The list called `uri` in `version`.
    pub(crate) fn find(&self, uri: &str, version: &str) -> Named {
        // Borrowed keys of two parts cannot be looked up; the versions of one list are few.
        let mut versions = self.versions(uri);
        match versions.find(|(of, _)| *of == version) {
            Some((_, installed)) => installed.rows().map_or(Named::Unknown, Named::Known),
            None => {
                let others: Vec<String> = self.versions(uri).map(|(of, _)| of.to_owned()).collect();
                if others.is_empty() { Named::Unknown } else { Named::OtherVersions(others) }
            }
        }
    }

    /// The newest version of the list called `uri`, by the order of their names.
    pub(crate) fn newest(&self, uri: &str) -> Option<Arc<CodeList>> {
        self.versions(uri).last().and_then(|(_, installed)| installed.rows())
    }

    /// What is installed, ordered by URI and version.
    pub(crate) fn list(&self) -> Vec<CodeListInfo> {
        let info =
            |((uri, version), installed): (&(Box<str>, Box<str>), &Installed)| CodeListInfo {
                uri: uri.to_string(),
                version: version.to_string(),
                title: installed.title.to_string(),
                source: installed.location.to_string(),
            };
        self.0.iter().map(info).collect()
    }

    fn versions<'l>(&'l self, uri: &'l str) -> impl Iterator<Item = (&'l str, &'l Installed)> {
        let from = (Box::<str>::from(uri), Box::<str>::default());
        let all = self.0.range(from..).take_while(move |((of, _), _)| **of == *uri);
        all.map(|((_, version), installed)| (&**version, installed))
    }
}

/// Every code list built in or below `paths`, in the folders of standards too, ordered by URI and
/// version; without loading any standard.
///
/// # Errors
/// Every file that is no code list, and lists that are there twice and differ.
pub fn installed(paths: &[PathBuf]) -> Result<Vec<CodeListInfo>, LoadError> {
    let mut faults = Vec::new();
    let mut lists = CodeLists::default();
    let paths = paths.iter().map(|path| path.to_string_lossy().into_owned());
    for root in std::iter::once(store::BUILT_IN.to_owned()).chain(paths) {
        let standards = store::standards(&root).unwrap_or_default();
        for folder in std::iter::once(root).chain(standards) {
            for location in store::files(&folder, "codelists", "xml").unwrap_or_default() {
                lists.add(&location, &mut faults);
            }
        }
    }
    if faults.is_empty() { Ok(lists.list()) } else { Err(LoadError { faults }) }
}

/// Reads the list that `info` names.
///
/// # Errors
/// When its file cannot be read any more.
pub fn open(info: &CodeListInfo) -> Result<CodeList, LoadError> {
    let read = store::read_text(&info.source).map_err(|error| error.to_string());
    read.and_then(|text| genericode::read(&text).map_err(|fault| fault.to_string())).map_err(
        |message| {
            let (file, key) = (info.source.clone(), String::new());
            LoadError { faults: vec![LoadFault { file, line: 0, key, message }] }
        },
    )
}

/// Whether two files have the same codes under the same names: publishers write one list in several
/// layouts, and every standard that uses it brings its own copy.
fn says_the_same(one: &str, other: &str) -> bool {
    let lists = (genericode::read(one), genericode::read(other));
    matches!(lists, (Ok(one), Ok(other)) if difference(&one, &other).is_empty())
}

/// The name of the file a list is kept in: its URI with hyphens, and its version.
#[must_use]
pub fn file_name(uri: &str, version: &str) -> String {
    let plain = |text: &str| -> String {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        text.chars().map(|c| if is_plain(c) { c } else { '-' }).take(200).collect()
    };
    let uri = plain(uri);
    format!("{}_{}.xml", uri.trim_start_matches(['.', '-']), plain(version))
}

impl Installed {
    fn rows(&self) -> Option<Arc<CodeList>> {
        let read = || {
            let text = store::read_text(&self.location).map_err(|error| error.to_string());
            let list = text.and_then(|text| genericode::read(&text).map_err(|e| e.to_string()));
            match list {
                Ok(list) => Some(Arc::new(list)),
                Err(cause) => {
                    let code = codes::LOAD;
                    tracing::error!(code, file = %self.location, cause, "a code list cannot be read any more");
                    None
                }
            }
        };
        self.rows.get_or_init(read).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lists(files: &[(&str, &str, &[&str])]) -> (std::path::PathBuf, CodeLists, Vec<LoadFault>) {
        let folder = std::env::temp_dir().join(format!("codelists-{}", uuid()));
        std::fs::create_dir_all(&folder).expect("a temporary folder");
        let (mut lists, mut faults) = (CodeLists::default(), Vec::new());
        for (number, (uri, version, codes)) in files.iter().enumerate() {
            let path = folder.join(format!("{number}.xml"));
            std::fs::write(&path, genericode::tests::file(uri, version, codes)).expect("a file");
            lists.add(path.to_str().expect("UTF-8"), &mut faults);
        }
        (folder, lists, faults)
    }

    fn uuid() -> String {
        format!("{}-{:?}", std::process::id(), std::thread::current().id())
    }

    #[test]
    fn versions_of_a_list_lie_side_by_side_and_a_missing_one_is_told_with_those_there_are() {
        let files: &[(&str, &str, &[&str])] =
            &[("urn:a", "1", &["01"]), ("urn:a", "2", &["01", "02"]), ("urn:ab", "1", &["x"])];
        let (folder, lists, faults) = lists(files);
        assert_eq!(faults, []);
        let has = |version: &str, code: &str| match lists.find("urn:a", version) {
            Named::Known(list) => Some(list.contains(code)),
            _ => None,
        };
        assert_eq!(
            (has("1", "02"), has("2", "02"), has("3", "02")),
            (Some(false), Some(true), None)
        );
        let others = lists.find("urn:a", "3");
        assert!(matches!(others, Named::OtherVersions(versions) if versions == ["1", "2"]));
        assert!(matches!(lists.find("urn:", "1"), Named::Unknown));
        assert_eq!(lists.newest("urn:a").map(|list| list.len()), Some(2));
        std::fs::remove_dir_all(folder).expect("it was made above");
    }

    #[test]
    fn a_file_name_is_made_of_uri_and_version_and_leads_nowhere_else() {
        let rows = [
            (
                "urn:de:xoev:codeliste:erreichbarkeit",
                "4.1",
                "urn-de-xoev-codeliste-erreichbarkeit_4.1.xml",
            ),
            ("../../x", "../y", "x_..-y.xml"),
        ];
        for (uri, version, expected) in rows {
            assert_eq!(file_name(uri, version), expected);
        }
    }

    #[test]
    fn two_files_that_tell_one_version_differently_are_a_fault() {
        let files: &[(&str, &str, &[&str])] =
            &[("urn:a", "1", &["01"]), ("urn:a", "1", &["01"]), ("urn:a", "1", &["02"])];
        let (folder, _, faults) = lists(files);
        assert_eq!(faults.len(), 1, "{faults:?}");
        std::fs::remove_dir_all(folder).expect("it was made above");
    }
}
