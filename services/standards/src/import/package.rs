//! A package as a set of files in memory: what matters of it, told by its bytes, within bounds.

use std::{collections::BTreeMap, fmt};

use quick_xml::{Reader, events::Event};

use super::{ImportError, archive};
use crate::codes;

/// Bounds on what one package may bring, so that none costs more than a little memory and time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Bytes of all files, unpacked, also of those that are left out. Default 512 MiB.
    pub total_bytes_max: u64,
    /// Bytes of one file, unpacked; no standard reads a longer one. Default 64 MiB.
    pub file_bytes_max: u64,
    /// Files and folders, those within archives too. Default 20,000.
    pub entries_max: usize,
    /// How many times its packed size a file may have from 1 MiB on. Default 200.
    pub ratio_max: u64,
    /// Archives within archives. Default 3.
    pub nesting_max: usize,
    /// Bytes of one path. Default 400.
    pub path_bytes_max: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            total_bytes_max: 512 << 20,
            file_bytes_max: 64 << 20,
            entries_max: 20_000,
            ratio_max: 200,
            nesting_max: 3,
            path_bytes_max: 400,
        }
    }
}

/// What a file is, by its first element.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Schema,
    CodeList,
    Catalogue,
}

/// What the first bytes of a file say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sniffed {
    Kind(Kind),
    Archive,
    /// XML of no use here: models, web services, documents.
    OtherXml,
    /// Anything else.
    Other,
    /// Not told yet: the first element comes later.
    Open,
}

/// Bytes that are looked at before a whole file is read.
pub(crate) const SNIFFED_BYTES: usize = 64 << 10;

/// The files of one package that matter, by path: relative, joined by `/`.
#[derive(Debug)]
pub struct Package {
    /// As the operator called it.
    pub(crate) name: String,
    pub(crate) files: BTreeMap<String, File>,
    pub(crate) left_out: usize,
    pub(crate) bounds: Bounds,
    pub(crate) entries: usize,
    pub(crate) bytes: u64,
}

/// One of them.
#[derive(Debug)]
pub(crate) struct File {
    pub(crate) kind: Kind,
    /// As it was.
    pub(crate) bytes: Vec<u8>,
}

impl Package {
    /// An empty package called `name` in errors.
    #[must_use]
    pub fn new(name: impl Into<String>, bounds: Bounds) -> Self {
        let (name, files) = (name.into(), BTreeMap::new());
        Self { name, files, left_out: 0, bounds, entries: 0, bytes: 0 }
    }

    /// Adds the file at `path`, relative to the package. A ZIP archive is unpacked, whatever it is called.
    ///
    /// # Errors
    /// When a bound is exceeded, a name is unsafe or there twice, or an archive is broken.
    pub fn add(&mut self, path: &str, bytes: Vec<u8>) -> Result<(), ImportError> {
        self.count()?;
        self.weigh(path, bytes.len() as u64)?;
        self.keep(path.to_owned(), bytes, 0)
    }

    /// A package of one file called `file`: an archive, a schema or a code list.
    ///
    /// # Errors
    /// As [`Package::add`].
    pub fn of_file(
        name: impl Into<String>,
        file: &str,
        bytes: Vec<u8>,
        bounds: Bounds,
    ) -> Result<Self, ImportError> {
        let mut package = Self::new(name, bounds);
        // What is in an archive has its paths from there.
        let path = if sniff(&bytes, true) == Sniffed::Archive { "" } else { file };
        package.add(path, bytes)?;
        Ok(package)
    }

    /// Whether a file that begins so has to be read: an archive, or XML whose first element is of use.
    #[must_use]
    pub fn may_be_of_use(beginning: &[u8]) -> bool {
        !matches!(
            sniff(beginning, beginning.len() < SNIFFED_BYTES),
            Sniffed::Other | Sniffed::OtherXml
        )
    }

    /// Counts a file that was not read.
    ///
    /// # Errors
    /// When there are too many.
    pub fn leave_out(&mut self) -> Result<(), ImportError> {
        self.left_out += 1;
        self.count()
    }

    /// How many files were left out, as they are neither schema nor code list.
    #[must_use]
    pub fn left_out(&self) -> usize {
        self.left_out
    }

    /// Whether nothing in it is of use.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// How a package called `name` is told from anything that is none.
    ///
    /// # Errors
    /// When nothing of use was found.
    pub fn expect_some(&self) -> Result<(), ImportError> {
        if !self.is_empty() {
            return Ok(());
        }
        let what = format!("`{}` holds neither an XML schema nor a code list", self.name);
        let details = [
            format!("looked at {} file(s), in archives too; what a file is says its first element", self.entries),
            "give the ZIP of XRepository as it was downloaded, the folder it was unpacked to, or a .xsd file"
                .to_owned(),
        ];
        Err(ImportError::new(codes::IMPORT_UNREADABLE, what).with(details))
    }

    /// Keeps a file whose bytes are counted already.
    pub(crate) fn keep(
        &mut self,
        path: String,
        bytes: Vec<u8>,
        nesting: usize,
    ) -> Result<(), ImportError> {
        match sniff(&bytes, true) {
            Sniffed::Archive => archive::unpack(self, &path, &bytes, nesting + 1),
            Sniffed::Kind(kind) => {
                if self.files.contains_key(&path) {
                    return Err(self.unsafe_name(&path, "is there twice"));
                }
                self.files.insert(path, File { kind, bytes });
                Ok(())
            }
            Sniffed::OtherXml | Sniffed::Other | Sniffed::Open => {
                self.left_out += 1;
                Ok(())
            }
        }
    }

    /// One more file or folder.
    pub(crate) fn count(&mut self) -> Result<(), ImportError> {
        self.entries += 1;
        match self.entries <= self.bounds.entries_max {
            true => Ok(()),
            false => Err(self.too_large(format!("more than {} files", self.bounds.entries_max))),
        }
    }

    /// `bytes` more of the file at `path`.
    pub(crate) fn weigh(&mut self, path: &str, bytes: u64) -> Result<(), ImportError> {
        self.bytes = self.bytes.saturating_add(bytes);
        if self.bounds.total_bytes_max < self.bytes {
            let mib = self.bounds.total_bytes_max >> 20;
            return Err(
                self.too_large(format!("more than {mib} MiB unpacked, reached at `{path}`"))
            );
        }
        Ok(())
    }

    /// The error of a package that is beyond a bound.
    #[must_use]
    pub fn too_large(&self, what: impl fmt::Display) -> ImportError {
        let way_out =
            "unpack it by hand, take out what is no schema and no code list, and give the folder"
                .to_owned();
        ImportError::new(codes::IMPORT_TOO_LARGE, format!("`{}`: {what}", self.name))
            .with([way_out])
    }

    /// The error of a package with a name that leads elsewhere, or to two files.
    #[must_use]
    pub fn unsafe_name(&self, path: &str, why: &str) -> ImportError {
        let way_out =
            "ask whoever made the package; unpacked by hand, its folder can be given instead"
                .to_owned();
        ImportError::new(codes::IMPORT_UNSAFE, format!("`{}`: `{path}` {why}", self.name))
            .with([way_out])
    }

    /// The text of the file at `path`; `None` if there is none.
    pub(crate) fn text(&self, path: &str) -> Option<Result<String, ImportError>> {
        let file = self.files.get(path)?;
        let decoded = text::decode(&file.bytes).map(|decoded| decoded.text.into_owned());
        Some(decoded.map_err(|error| super::not_xml(path, 1, &error.to_string())))
    }
}

/// What a file is, by `bytes`: all of it, or its beginning.
pub(crate) fn sniff(bytes: &[u8], is_whole: bool) -> Sniffed {
    if bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"PK\x05\x06") {
        return Sniffed::Archive;
    }
    let text = glimpse(bytes);
    let text = text.trim_start_matches('\u{FEFF}').trim_start();
    if !text.starts_with('<') {
        return Sniffed::Other;
    }
    match first_element(text) {
        Some((namespace, local)) => match (&*namespace, &*local) {
            ("http://www.w3.org/2001/XMLSchema", "schema") => Sniffed::Kind(Kind::Schema),
            ("urn:oasis:names:tc:entity:xmlns:xml:catalog", "catalog") => {
                Sniffed::Kind(Kind::Catalogue)
            }
            (namespace, "CodeList") if namespace.contains("genericode") => {
                Sniffed::Kind(Kind::CodeList)
            }
            _ => Sniffed::OtherXml,
        },
        None if is_whole => Sniffed::Other,
        None => Sniffed::Open,
    }
}

/// The beginning as text, whatever its encoding; good enough for markup.
fn glimpse(bytes: &[u8]) -> String {
    let bytes = bytes.get(..SNIFFED_BYTES).unwrap_or(bytes);
    let wide = |unit: fn([u8; 2]) -> u16| {
        let pairs = bytes.chunks_exact(2).filter_map(|pair| pair.try_into().ok().map(unit));
        char::decode_utf16(pairs).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
    };
    match bytes {
        [0xFF, 0xFE, ..] | [b'<', 0, ..] => wide(u16::from_le_bytes),
        [0xFE, 0xFF, ..] | [0, b'<', ..] => wide(u16::from_be_bytes),
        _ => String::from_utf8_lossy(bytes).into_owned(),
    }
}

/// Namespace and local name of the first element.
fn first_element(text: &str) -> Option<(String, String)> {
    let mut reader = Reader::from_str(text);
    loop {
        match reader.read_event().ok()? {
            Event::Start(element) | Event::Empty(element) => {
                let name = element.name().into_inner().to_owned();
                let (prefix, local) = name.split_once(':').unwrap_or(("", &name));
                let declares = |key: &str| match prefix {
                    "" => key == "xmlns",
                    prefix => key.strip_prefix("xmlns:") == Some(prefix),
                };
                let attributes = element.attributes().filter_map(Result::ok);
                let namespace = attributes
                    .filter(|a| declares(a.key.as_ref()))
                    .map(|a| a.value.into_owned())
                    .next();
                return Some((namespace.unwrap_or_default(), local.to_owned()));
            }
            Event::Eof => return None,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_file_is_says_its_first_element_and_not_its_name() {
        let schema = "<?xml version='1.0'?><!-- c --><xs:schema xmlns:xs='http://www.w3.org/2001/XMLSchema'/>";
        let wide: Vec<u8> = [0xFF, 0xFE]
            .into_iter()
            .chain(schema.encode_utf16().flat_map(u16::to_le_bytes))
            .collect();
        let list = "<CodeList xmlns='http://docs.oasis-open.org/codelist/ns/genericode/1.0/'/>";
        let draft = "<g:CodeList xmlns:g='http://genericode.org/2006/ns/CodeList/0.4/'/>";
        let catalogue = "<catalog xmlns='urn:oasis:names:tc:entity:xmlns:xml:catalog'/>";
        let rows: [(&[u8], Sniffed); 9] = [
            (schema.as_bytes(), Sniffed::Kind(Kind::Schema)),
            (&wide, Sniffed::Kind(Kind::Schema)),
            (list.as_bytes(), Sniffed::Kind(Kind::CodeList)),
            (draft.as_bytes(), Sniffed::Kind(Kind::CodeList)),
            (catalogue.as_bytes(), Sniffed::Kind(Kind::Catalogue)),
            (b"<xmi:XMI xmlns:xmi='http://schema.omg.org/spec/XMI/2.1'/>", Sniffed::OtherXml),
            (b"<schema/>", Sniffed::OtherXml),
            (b"PK\x03\x04...", Sniffed::Archive),
            (b"%PDF-1.7", Sniffed::Other),
        ];
        for (bytes, expected) in rows {
            assert_eq!(sniff(bytes, true), expected, "{}", String::from_utf8_lossy(bytes));
        }
        assert_eq!(sniff(b"<!-- a long ", false), Sniffed::Open);
    }
}
