//! Renders the folder of a standard: schemas in their places, an entry, a catalogue, code lists,
//! `standard.toml` and `mapping.toml`.

use std::{collections::BTreeMap, fmt::Write as _};

use super::{
    ImportError, Package,
    guess::{Guess, Message},
    not_xml,
    package::Kind,
    resolve::{FileId, Forest, Origin, Reach, Sources},
};
use crate::{
    MessageKind,
    codelist::{self, CodeListFault},
    codes,
};

/// The schema that brings all others, where the package has none.
const ENTRY: &str = "amtsbote-entry.xsd";

/// The folder of a standard, ready to be written and loaded.
#[derive(Debug)]
pub struct Plan {
    /// The folder's name.
    pub id: String,
    /// The name of the folder within.
    pub version: String,
    /// For people.
    pub title: String,
    /// Namespace of the messages; `None`: building blocks without messages.
    pub namespace: Option<String>,
    /// Id of the header's dialect; empty for building blocks.
    pub dialect: String,
    /// Name, title and domain of each message type.
    pub messages: Vec<[String; 3]>,
    /// Code lists of the package.
    pub code_lists: Vec<ListInfo>,
    /// Files by path below the folder.
    pub files: BTreeMap<String, Vec<u8>>,
    /// Keys of `standard.toml` that nobody said and an operator should look at.
    pub guessed: Vec<&'static str>,
    /// Locations that lead to a copy brought along or installed, and where the copy is from.
    pub resolved: Vec<(String, String)>,
    /// Whether `standard.toml` and `mapping.toml` are the program's own for this standard.
    pub is_known: bool,
    /// Namespaces of the package that have messages too and are not installed.
    pub others: Vec<String>,
    /// How many files of the package are not needed.
    pub left_out: usize,
    /// The schema that brings all others, below the folder.
    pub entry: String,
}

/// One code list.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ListInfo {
    /// `CanonicalUri`.
    pub uri: String,
    /// `Version`.
    pub version: String,
    /// How many codes.
    pub codes: usize,
}

/// Renders what `guess` says with the schemas of `reach`.
pub(crate) fn render(
    sources: &Sources,
    forest: &Forest,
    reach: &Reach,
    guess: Guess,
) -> Result<Plan, ImportError> {
    let mut files = BTreeMap::new();
    let places = places(reach);
    for (id, place) in &places {
        files.insert(place.clone(), sources.bytes(id).unwrap_or_default());
    }
    let entry = entry(forest, reach, &places, guess.namespace.as_deref(), &mut files);
    let catalogue = catalogue(reach, &places);
    if let Some(text) = &catalogue {
        files.insert("catalog.xml".to_owned(), text.clone().into_bytes());
    }
    let code_lists = code_lists(sources, &mut files)?;
    let mut xml = format!("[xml]\nentry = {entry:?}\n");
    if catalogue.is_some() {
        xml.push_str("catalog = \"catalog.xml\"\n");
    }
    xml.push('\n');
    if guess.namespace.is_some() {
        let (standard, mapping) = match &guess.known {
            Some(known) => {
                (known.standard_with(&guess.id, &guess.version, &xml), known.mapping.clone())
            }
            None => (standard(&guess, &xml), MAPPING.to_owned()),
        };
        files.insert("standard.toml".to_owned(), standard.into_bytes());
        files.insert("mapping.toml".to_owned(), mapping.into_bytes());
    }
    let own = |m: &Message| [m.name.clone(), m.title.clone(), guess.id.clone()];
    let messages = match &guess.known {
        Some(known) => known.messages(),
        None => guess.messages.iter().map(own).collect(),
    };
    let resolved = resolved(sources, reach);
    let used = places.keys().filter(|id| id.origin == Origin::Package(0)).count();
    let left_out = sources
        .package()
        .map_or(0, |package| package.left_out + package.files.len())
        .saturating_sub(used + code_lists.len());
    Ok(Plan {
        messages,
        is_known: guess.known.is_some(),
        id: guess.id,
        version: guess.version,
        title: guess.title,
        namespace: guess.namespace,
        dialect: guess.dialect,
        guessed: guess.guessed,
        others: guess.others,
        code_lists,
        files,
        resolved,
        left_out,
        entry,
    })
}

/// Where each schema lies in the folder: the package's below `xsd`, those of others each below `lib`.
fn places(reach: &Reach) -> BTreeMap<FileId, String> {
    let mut origins: Vec<Origin> = reach.files.iter().map(|id| id.origin).collect();
    origins.dedup();
    let mut places = BTreeMap::new();
    for (number, origin) in origins.iter().enumerate() {
        let of: Vec<&FileId> = reach.files.iter().filter(|id| id.origin == *origin).collect();
        let common = common_folder(of.iter().map(|id| id.path.as_str()));
        let base =
            if *origin == Origin::Package(0) { "xsd".to_owned() } else { format!("lib/{number}") };
        for id in of {
            let below = id.path.get(common..).unwrap_or(&id.path).trim_start_matches('/');
            places.insert(id.clone(), format!("{base}/{below}"));
        }
    }
    places
}

/// How many bytes of all paths are one folder they share.
fn common_folder<'p>(paths: impl Iterator<Item = &'p str>) -> usize {
    let mut common: Option<Vec<&str>> = None;
    for path in paths {
        let folders: Vec<&str> =
            path.split('/').rev().skip(1).collect::<Vec<_>>().into_iter().rev().collect();
        common = Some(match common {
            None => folders,
            Some(common) => common
                .into_iter()
                .zip(folders)
                .take_while(|(a, b)| a == b)
                .map(|(a, _)| a)
                .collect(),
        });
    }
    common.unwrap_or_default().iter().map(|folder| folder.len() + 1).sum()
}

/// The schema everything begins with: the only one that nobody includes, or a new one that brings all of these.
fn entry(
    forest: &Forest,
    reach: &Reach,
    places: &BTreeMap<FileId, String>,
    namespace: Option<&str>,
    files: &mut BTreeMap<String, Vec<u8>>,
) -> String {
    if let ([top], Some(_)) = (reach.tops.as_slice(), namespace)
        && let Some(place) = places.get(top)
    {
        return place.clone();
    }
    let mut text = String::from(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!-- Brings all schemas of the package. -->\n",
    );
    text.push_str("<xs:schema xmlns:xs=\"http://www.w3.org/2001/XMLSchema\"");
    if let Some(namespace) = namespace {
        text.push_str(&format!(" targetNamespace=\"{}\"", escaped(namespace)));
    }
    text.push_str(" elementFormDefault=\"qualified\">\n");
    let mut brought: Vec<&[u8]> = Vec::new();
    for top in &reach.tops {
        let (Some(place), Some((schema, _))) = (places.get(top), forest.schemas.get(top)) else {
            continue;
        };
        let content = files.get(place).map(Vec::as_slice).unwrap_or_default();
        // The same schema in two folders is one.
        if brought.contains(&content) {
            continue;
        }
        brought.push(content);
        let place = escaped(place.strip_prefix("xsd/").unwrap_or(place));
        let line = match namespace {
            None if !schema.namespace.is_empty() => {
                format!(
                    "  <xs:import namespace=\"{}\" schemaLocation=\"{place}\"/>\n",
                    escaped(&schema.namespace)
                )
            }
            _ => format!("  <xs:include schemaLocation=\"{place}\"/>\n"),
        };
        text.push_str(&line);
    }
    text.push_str("</xs:schema>\n");
    let mut place = format!("xsd/{ENTRY}");
    while files.contains_key(&place) {
        place = place.replace(".xsd", "-.xsd");
    }
    files.insert(place.clone(), text.into_bytes());
    place
}

fn catalogue(reach: &Reach, places: &BTreeMap<FileId, String>) -> Option<String> {
    if reach.catalogue.is_empty() {
        return None;
    }
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    text.push_str("<catalog xmlns=\"urn:oasis:names:tc:entity:xmlns:xml:catalog\">\n");
    for (location, target) in &reach.catalogue {
        let Some(place) = places.get(target) else { continue };
        // The scheme is cut off before comparing, so either would do.
        let scheme = if location.starts_with("//") { "https:" } else { "" };
        let (from, to) = (escaped(location), escaped(place));
        text.push_str(&format!("  <system systemId=\"{scheme}{from}\" uri=\"{to}\"/>\n"));
    }
    text.push_str("</catalog>\n");
    Some(text)
}

impl Package {
    /// Every code list in it, with its bytes, by path.
    ///
    /// # Errors
    /// When one is broken, does not say which it is, or has too many codes.
    pub fn code_lists(&self) -> Result<Vec<(ListInfo, Vec<u8>)>, ImportError> {
        let lists = self.files.iter().filter(|(_, file)| file.kind == Kind::CodeList);
        lists.map(|(path, file)| Ok((identify(path, &file.bytes)?, file.bytes.clone()))).collect()
    }
}

fn code_lists(
    sources: &Sources,
    files: &mut BTreeMap<String, Vec<u8>>,
) -> Result<Vec<ListInfo>, ImportError> {
    let mut found = Vec::new();
    let package = sources.package().into_iter().flat_map(|package| &package.files);
    for (path, file) in package.filter(|(_, file)| file.kind == Kind::CodeList) {
        let list = identify(path, &file.bytes)?;
        let place = format!("codelists/{}", codelist::file_name(&list.uri, &list.version));
        let before = files.insert(place, file.bytes.clone());
        if before.is_some_and(|before| before != file.bytes) {
            let what = format!(
                "`{path}`: the code list `{}` version `{}` is there twice and differs",
                list.uri, list.version
            );
            let way_out = "take the wrong one out of the package".to_owned();
            return Err(ImportError::new(codes::IMPORT_UNCLEAR, what).with([way_out]));
        }
        found.push(list);
    }
    found.sort();
    found.dedup();
    Ok(found)
}

/// Which list a genericode file is.
fn identify(path: &str, bytes: &[u8]) -> Result<ListInfo, ImportError> {
    let text = text::decode(bytes).map_err(|error| not_xml(path, 1, &error.to_string()))?.text;
    let list = codelist::genericode::read(&text).map_err(|fault| {
        let (code, way_out) = match fault {
            CodeListFault::TooLarge => (
                codes::IMPORT_TOO_LARGE,
                "a list of that size belongs into a register that is asked",
            ),
            CodeListFault::NotXml(_) => (codes::IMPORT_NOT_XML, "download the package again"),
            _ => (codes::IMPORT_UNCLEAR, "take it out of the package: nobody can refer to it"),
        };
        ImportError::new(code, format!("`{path}`: {fault}")).with([way_out.to_owned()])
    })?;
    Ok(ListInfo { codes: list.len(), uri: list.uri, version: list.version })
}

fn resolved(sources: &Sources, reach: &Reach) -> Vec<(String, String)> {
    let line = |(location, target): (&String, &FileId)| {
        let from = match (sources.told(target), sources.is_installed(target)) {
            (name, _) if name.is_empty() => target.path.clone(),
            (name, true) => format!("{name} (installed)"),
            (name, false) => format!("{name}: {}", target.path),
        };
        let scheme = if location.starts_with("//") { "https:" } else { "" };
        (format!("{scheme}{location}"), from)
    };
    reach.catalogue.iter().map(line).collect()
}

/// What a guess cannot know is left to the operator; the header is filled by the dialect.
const MAPPING: &str = r#"# Every leaf of a document is carried as a field under its own path. The header is filled by the dialect.
# Lines of your own give fields their place in the canonical message, for instance:
#
#   [fields]
#   "applicant.natural_person.family_name" = "antragsteller/familienname"
generic = "."
"#;

fn standard(guess: &Guess, xml: &str) -> String {
    let mut text = String::from(
        "# Written by `amtsbote standard import` from what the schemas say; correct what it could not know.\n",
    );
    let mut line = |key: &str, value: &str| {
        text.push_str(&format!("{key} = {}\n", quoted(value)));
    };
    line("id", &guess.id);
    line("version", &guess.version);
    line("title", &guess.title);
    line("dialect", &guess.dialect);
    text.push_str("\n[recognise]\n");
    let mut line = |key: &str, value: &str| {
        text.push_str(&format!("{key} = {}\n", quoted(value)));
    };
    line("namespace", guess.namespace.as_deref().unwrap_or_default());
    if let Some(family) = &guess.family {
        line("family", family);
    }
    if let Some(path) = &guess.version_path {
        line("version", path);
    }
    if let Some(version) = &guess.accepts {
        text.push_str(&format!("accepts = [{}]\n", quoted(version)));
    }
    text.push('\n');
    text.push_str(xml);
    for message in &guess.messages {
        text.push_str("[[message]]\n");
        for (key, value) in
            [("name", &message.name), ("title", &message.title), ("domain", &guess.id)]
        {
            text.push_str(&format!("{key} = {}\n", quoted(value)));
        }
        if let Some(kind) = kind(&message.name) {
            text.push_str(&format!("kind = {:?}\n", kind.as_str()));
        }
        text.push('\n');
    }
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}

/// What a message is that must never be answered with its like; all others are applications unless
/// an operator says otherwise.
fn kind(name: &str) -> Option<MessageKind> {
    let name = name.to_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| name.contains(word));
    if has(&["rueckweisung", "rückweisung"]) {
        Some(MessageKind::Rejection)
    } else if has(&["quittung", "empfangbestaetigen", "empfangsbestaetigung"]) {
        Some(MessageKind::Receipt)
    } else {
        None
    }
}

/// A basic string of TOML.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            c if c.is_control() => drop(write!(quoted, "\\u{:04X}", u32::from(c))),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_that_all_share_are_cut_off() {
        let rows: [(&[&str], usize); 4] = [
            (&["a/b/c.xsd", "a/b/d.xsd"], 4),
            (&["a/b/c.xsd", "a/x/d.xsd"], 2),
            (&["c.xsd", "a/d.xsd"], 0),
            (&["/srv/c/e.xsd"], 7),
        ];
        for (paths, expected) in rows {
            assert_eq!(common_folder(paths.iter().copied()), expected, "{paths:?}");
        }
    }

    #[test]
    fn texts_are_quoted_for_toml() {
        let text = "a \"b\" \\ \u{7} ä";
        let table: toml::Table = format!("t = {}", quoted(text)).parse().unwrap_or_default();
        assert_eq!(table.get("t").and_then(toml::Value::as_str), Some(text));
    }
}
