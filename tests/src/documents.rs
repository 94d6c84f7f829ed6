//! Documents like a portal makes them, from the examples of the standards.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use axum::body::Bytes;
use uuid::Uuid;

use crate::source;

/// Where the examples of the standard for vehicle registration lie.
const KFZ_EXAMPLES: &str = "schemas/amtsbote-kfz";
/// Our description of a standard that we do not ship.
const XWASSER_DESCRIPTION: &str = "schemas/known/xwasser/1.0.0";
/// More than a record holds of a document.
const TOO_LARGE_BYTES: usize = 300 << 10;

/// A valid application for the registration of a vehicle, to be varied.
#[derive(Clone, Debug)]
pub struct Kfz {
    text: String,
}

impl Kfz {
    /// A valid XML example of the newest version that comes alone and is no test.
    #[must_use]
    pub fn read() -> Self {
        let is_plain = |text: &str| !text.contains("anlage>") && !text.contains(" test=");
        let examples = source::files_below(KFZ_EXAMPLES);
        let example = examples
            .iter()
            .filter(|file| file.path.contains("/examples/valid/") && file.path.ends_with(".xml"))
            .rfind(|file| is_plain(&file.text))
            .unwrap_or_else(|| panic!("no plain example below {KFZ_EXAMPLES}"));
        Self { text: example.text.clone() }
    }

    /// Number `sequence` (from 0) of case number `case`.
    #[must_use]
    pub fn document(&self, case: u32, sequence: u32) -> Bytes {
        self.varied(&[
            ("nachrichtenUUID", &own_id_of(case, sequence).to_string()),
            ("vorgangsID", &case_of(case).to_string()),
        ])
    }

    /// The same for another authority, `prefix:key`.
    #[must_use]
    pub fn document_for(&self, authority: &str, case: u32, sequence: u32) -> Bytes {
        let text = String::from_utf8(self.document(case, sequence).to_vec()).expect("UTF-8");
        Bytes::from(with_reader(&text, authority))
    }

    /// With other contents of some elements, wherever they stand.
    #[must_use]
    pub fn varied(&self, contents: &[(&str, &str)]) -> Bytes {
        let mut text = self.text.clone();
        for (element, content) in contents {
            text = with_content(&text, element, content);
        }
        Bytes::from(text)
    }

    /// As it is published.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }
}

/// A valid example of the standard for vehicle registration, as it is.
#[must_use]
pub fn example(name: &str) -> Bytes {
    let examples = source::files_below(KFZ_EXAMPLES);
    let example = examples.iter().find(|file| file.path.ends_with(&format!("/valid/{name}")));
    let example = example.unwrap_or_else(|| panic!("no example {name} below {KFZ_EXAMPLES}"));
    Bytes::from(example.text.clone())
}

/// The same document, too large to travel in its record.
#[must_use]
pub fn too_large(document: &[u8]) -> Bytes {
    let mut text = document.to_vec();
    text.extend_from_slice(b"<!-- ");
    text.resize(text.len() + TOO_LARGE_BYTES, b'x');
    text.extend_from_slice(b" -->\n");
    Bytes::from(text)
}

/// The own id of a message, in which its case and its place in it can be read.
#[must_use]
pub fn own_id_of(case: u32, sequence: u32) -> Uuid {
    let mut bytes = [0x5a; 16];
    bytes[..4].copy_from_slice(&case.to_be_bytes());
    bytes[12..].copy_from_slice(&sequence.to_be_bytes());
    uuid::Builder::from_random_bytes(bytes).into_uuid()
}

/// Which case and place an own id tells.
#[must_use]
pub fn place_of(own_id: Uuid) -> (u32, u32) {
    let bytes = own_id.as_bytes();
    let number =
        |at: usize| u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
    (number(0), number(12))
}

/// The own id that a document of ours carries.
#[must_use]
pub fn own_id(document: &[u8]) -> Option<Uuid> {
    let text = std::str::from_utf8(document).ok()?;
    let (_, rest) = text.split_once("nachrichtenUUID>")?;
    Uuid::parse_str(rest.split('<').next()?.trim()).ok()
}

/// The published samples of XWasser, by name.
#[must_use]
pub fn xwasser(data: &Path) -> BTreeMap<String, Bytes> {
    let folder = data.join("xwasser-1.0.0/samples");
    let entries =
        fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    entries
        .map(|entry| {
            let path = entry.expect("an entry of a folder").path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            (name.to_owned(), Bytes::from(fs::read(&path).expect("a sample can be read")))
        })
        .collect()
}

/// Installs XWasser below `folder` as an operator would: our description, and `data` with its schemas.
#[must_use]
pub fn install_xwasser(data: &Path, folder: &Path) -> PathBuf {
    let standards = folder.join("standards");
    let target = standards.join("xwasser/1.0.0");
    copy(&source::root().join(XWASSER_DESCRIPTION), &target);
    let standard = target.join("standard.toml");
    let mut text = fs::read_to_string(&standard).expect("the description is there");
    // Where an operator's installation has the schemas, this one has a link.
    for (of, at) in [
        ("xsd/xwasser.xsd", "data/xwasser-1.0.0/xsd/xwasser.xsd"),
        ("catalog.xml", "data/catalog.xml"),
    ] {
        text = text.replace(&format!("\"{of}\""), &format!("\"{at}\""));
    }
    fs::write(standard, text).expect("a folder of ours");
    let data = data.canonicalize().expect("the folder of published samples");
    std::os::unix::fs::symlink(data, target.join("data")).expect("a link in a folder of ours");
    standards
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder of ours");
    for entry in fs::read_dir(from).unwrap_or_else(|error| panic!("{}: {error}", from.display())) {
        let path = entry.expect("an entry of a folder").path();
        let target = to.join(path.file_name().expect("an entry has a name"));
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(&path, &target).expect("a file can be copied");
        }
    }
}

fn case_of(case: u32) -> Uuid {
    own_id_of(case, u32::MAX)
}

/// `text` with `content` in every element called `element`, whatever its prefix.
fn with_content(text: &str, element: &str, content: &str) -> String {
    let end = format!("{element}>");
    let mut varied = String::new();
    let mut rest = text;
    let mut times = 0;
    while let Some(at) = rest.find(&end) {
        let (before, after) = rest.split_at(at + end.len());
        let is_opening = before.rsplit('<').next().is_some_and(|tag| !tag.starts_with('/'));
        varied.push_str(before);
        rest = after;
        if is_opening {
            varied.push_str(content);
            rest = rest.find('<').and_then(|next| rest.get(next..)).unwrap_or_default();
            times += 1;
        }
    }
    assert!(times != 0, "the example has no element `{element}`");
    varied.push_str(rest);
    varied
}

/// `text` addressed to `authority`.
fn with_reader(text: &str, authority: &str) -> String {
    let begin = text.find("<leser").or_else(|| text.find(":leser")).expect("a reader");
    let (before, rest) = text.split_at(begin);
    let (end, tag) = rest.match_indices("leser>").nth(1).expect("the reader ends");
    let end = end + tag.len();
    let (reader, after) = rest.split_at(end);
    format!("{before}{}{after}", with_content(reader, "kennung", authority))
}
