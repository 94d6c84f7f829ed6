//! Reads genericode 1.0 files (OASIS), as XRepository publishes them. Names count, not prefixes, so
//! drafts with other namespaces are read too.

use std::fmt;

use quick_xml::{Reader, escape::resolve_xml_entity, events::Event};

use super::CodeList;

/// Rows of one list that are read at most: the largest published list has some 11,000.
pub const ROWS_MAX: usize = 1_000_000;

/// Bytes of one code, or of one name.
const VALUE_BYTES_MAX: usize = 16 << 10;

/// What a list calls itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// `CanonicalUri`.
    pub uri: String,
    /// `Version`, else what `CanonicalVersionUri` has behind the URI and `_`.
    pub version: String,
    /// `ShortName`.
    pub title: String,
}

/// Why a file is no code list that can be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CodeListFault {
    /// Not well-formed; the byte.
    NotXml(u64),
    /// Another document, or a document type declaration.
    NotGenericode,
    /// No `CanonicalUri` or no version.
    Unnamed,
    /// No column that could be the key.
    NoKey,
    /// More than [`ROWS_MAX`] rows, or a value of more than 16 KiB.
    TooLarge,
}

impl fmt::Display for CodeListFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotXml(at) => write!(f, "not well-formed XML at byte {at}"),
            Self::NotGenericode => f.write_str("no genericode file: its root is not `CodeList`"),
            Self::Unnamed => {
                f.write_str("`Identification` names no `CanonicalUri` or no `Version`")
            }
            Self::NoKey => f.write_str("`ColumnSet` has no column that could be the key"),
            Self::TooLarge => {
                write!(
                    f,
                    "more than {ROWS_MAX} rows, or a value of more than {VALUE_BYTES_MAX} bytes"
                )
            }
        }
    }
}

impl std::error::Error for CodeListFault {}

/// Reads what the file calls itself, and no further.
///
/// # Errors
/// When it is no genericode file, or does not name itself.
pub fn head(text: &str) -> Result<Head, CodeListFault> {
    let mut file = File::default();
    file.read(text, true)?;
    file.head()
}

/// Reads the whole file.
///
/// # Errors
/// When it is no genericode file, does not name itself, or is too large.
pub fn read(text: &str) -> Result<CodeList, CodeListFault> {
    let mut file = File::default();
    file.read(text, false)?;
    let head = file.head()?;
    if file.columns.is_empty() {
        return Err(CodeListFault::NoKey);
    }
    Ok(CodeList::new(head, &file.rows))
}

#[derive(Default)]
struct File {
    uri: String,
    version: String,
    version_uri: String,
    title: String,
    /// Ids of the columns.
    columns: Vec<String>,
    /// Column of the first `Key`.
    key: Option<String>,
    rows: Vec<(String, String)>,
    /// Values of the row being read, by column.
    row: Vec<(String, String)>,
}

impl File {
    fn head(&self) -> Result<Head, CodeListFault> {
        let (uri, title) = (self.uri.clone(), self.title.clone());
        let behind = || self.version_uri.strip_prefix(&*uri)?.strip_prefix('_');
        let version = match &*self.version {
            "" => behind().unwrap_or_default(),
            version => version,
        };
        if uri.is_empty() || version.is_empty() {
            return Err(CodeListFault::Unnamed);
        }
        Ok(Head { version: version.to_owned(), uri, title })
    }

    fn read(&mut self, text: &str, is_head_enough: bool) -> Result<(), CodeListFault> {
        let mut reader = Reader::from_str(text);
        let (mut open, mut value) = (Vec::<String>::new(), String::new());
        loop {
            let at = reader.buffer_position();
            match reader.read_event().map_err(|_| CodeListFault::NotXml(at))? {
                Event::Start(element) => {
                    let name = element.local_name().as_ref().to_owned();
                    self.begin(&name, open.is_empty(), &attributes(&element, at)?)?;
                    open.push(name);
                    value.clear();
                }
                Event::Empty(element) => {
                    let name = element.local_name().as_ref().to_owned();
                    self.begin(&name, open.is_empty(), &attributes(&element, at)?)?;
                }
                Event::Text(text) if value.len() < VALUE_BYTES_MAX => value.push_str(&text),
                Event::CData(text) if value.len() < VALUE_BYTES_MAX => value.push_str(&text),
                Event::GeneralRef(reference) => {
                    value.push(character(&reference).ok_or(CodeListFault::NotXml(at))?);
                }
                Event::Text(_) | Event::CData(_) => return Err(CodeListFault::TooLarge),
                Event::End(_) => {
                    let Some(name) = open.pop() else { return Err(CodeListFault::NotXml(at)) };
                    self.end(&name, open.last().map_or("", String::as_str), value.trim())?;
                    value.clear();
                    if is_head_enough && name == "Identification" {
                        return Ok(());
                    }
                }
                Event::DocType(_) => return Err(CodeListFault::NotGenericode),
                Event::Eof if open.is_empty() => return Ok(()),
                Event::Eof => return Err(CodeListFault::NotXml(at)),
                Event::Decl(_) | Event::PI(_) | Event::Comment(_) => {}
            }
        }
    }

    fn begin(
        &mut self,
        name: &str,
        is_root: bool,
        attributes: &[(String, String)],
    ) -> Result<(), CodeListFault> {
        let attribute = |wanted: &str| {
            let found = attributes.iter().find(|(name, _)| name == wanted);
            found.map(|(_, value)| value.clone())
        };
        match name {
            _ if is_root && name != "CodeList" => return Err(CodeListFault::NotGenericode),
            "Column" => self.columns.extend(attribute("Id")),
            "ColumnRef" if self.key.is_none() => self.key = attribute("Ref"),
            "Row" => self.row.clear(),
            // A value without a reference is of the column behind the one before it.
            "Value" => {
                let next = || self.columns.get(self.row.len()).cloned();
                let column = attribute("ColumnRef").or_else(next).unwrap_or_default();
                self.row.push((column, String::new()));
            }
            _ => {}
        }
        Ok(())
    }

    fn end(&mut self, name: &str, parent: &str, value: &str) -> Result<(), CodeListFault> {
        match (parent, name) {
            ("Identification", "ShortName") => value.clone_into(&mut self.title),
            ("Identification", "Version") => value.clone_into(&mut self.version),
            ("Identification", "CanonicalUri") => value.clone_into(&mut self.uri),
            ("Identification", "CanonicalVersionUri") => value.clone_into(&mut self.version_uri),
            ("Value", "SimpleValue") => {
                if let Some((_, last)) = self.row.last_mut() {
                    value.clone_into(last);
                }
            }
            (_, "Row") => self.push_row()?,
            _ => {}
        }
        Ok(())
    }

    fn push_row(&mut self) -> Result<(), CodeListFault> {
        if self.rows.len() >= ROWS_MAX {
            return Err(CodeListFault::TooLarge);
        }
        let key = self.key.as_ref().or(self.columns.first()).ok_or(CodeListFault::NoKey)?;
        let value = |column: &str| self.row.iter().find(|(of, _)| of == column).map(|(_, v)| v);
        // A row without its key names nothing.
        let Some(code) = value(key).filter(|code| !code.is_empty()) else { return Ok(()) };
        let name = self.name_column(key).and_then(value).cloned().unwrap_or_default();
        self.rows.push((code.clone(), name));
        Ok(())
    }

    /// The column that says what a code means: the one called so, else the first beside the key.
    fn name_column(&self, key: &str) -> Option<&str> {
        const NAMES: [&str; 5] = ["name", "beschreibung", "bezeichnung", "wert", "value"];
        let beside = || self.columns.iter().map(String::as_str).filter(|column| *column != key);
        let called = NAMES.iter().find_map(|name| beside().find(|c| c.eq_ignore_ascii_case(name)));
        called.or_else(|| beside().next())
    }
}

fn attributes(
    element: &quick_xml::events::BytesStart<'_>,
    at: u64,
) -> Result<Vec<(String, String)>, CodeListFault> {
    let read = |attribute: Result<quick_xml::events::attributes::Attribute<'_>, _>| {
        let attribute = attribute.map_err(|_| CodeListFault::NotXml(at))?;
        let name = attribute.key.local_name().as_ref().to_owned();
        Ok((name, attribute.value.into_owned()))
    };
    element.attributes().map(read).collect()
}

/// What `&…;` stands for.
fn character(reference: &quick_xml::events::BytesRef<'_>) -> Option<char> {
    let predefined = resolve_xml_entity(reference).and_then(|text| text.chars().next());
    predefined.or_else(|| reference.resolve_char_ref().ok().flatten())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A small list.
    pub(crate) fn file(uri: &str, version: &str, codes: &[&str]) -> String {
        let row = |code: &&str| {
            format!(
                "<Row><Value ColumnRef=\"code\"><SimpleValue>{code}</SimpleValue></Value>\
                 <Value ColumnRef=\"name\"><SimpleValue>Name &amp; {code}</SimpleValue></Value></Row>"
            )
        };
        let rows: String = codes.iter().map(row).collect();
        format!(
            "<?xml version=\"1.0\"?><gc:CodeList xmlns:gc=\"urn:gc\"><Identification>\
             <ShortName>Kurz</ShortName><Version>{version}</Version><CanonicalUri>{uri}</CanonicalUri>\
             <CanonicalVersionUri>{uri}_{version}</CanonicalVersionUri></Identification><ColumnSet>\
             <Column Id=\"art\"/><Column Id=\"code\"/><Column Id=\"name\"/><Key Id=\"k\">\
             <ColumnRef Ref=\"code\"/></Key></ColumnSet><SimpleCodeList>{rows}</SimpleCodeList>\
             </gc:CodeList>"
        )
    }

    #[test]
    fn codes_and_names_are_read_by_the_key_column() {
        let list = read(&file("urn:l", "3", &["02", "01", "02"])).unwrap();
        assert_eq!((&*list.uri, &*list.version, &*list.title), ("urn:l", "3", "Kurz"));
        let rows: Vec<_> = list.iter().collect();
        assert_eq!(rows, [("01", "Name & 01"), ("02", "Name & 02")]);
        assert_eq!((list.name("02"), list.name("2")), (Some("Name & 02"), None));
    }

    #[test]
    fn a_version_may_stand_in_the_version_uri_only() {
        let text = file("urn:l", "3", &[]).replace("<Version>3</Version>", "");
        assert_eq!(head(&text).unwrap().version, "3");
    }

    #[test]
    fn what_is_no_code_list_is_refused() {
        let whole = file("urn:l", "3", &["1"]);
        let rows = [
            (whole.replace("gc:CodeList", "gc:Column"), CodeListFault::NotGenericode),
            (whole.replace("<CanonicalUri>urn:l</CanonicalUri>", ""), CodeListFault::Unnamed),
            (whole.replace("</Identification>", ""), CodeListFault::NotXml(0)),
            (whole.replace("&amp;", "&unknown;"), CodeListFault::NotXml(0)),
            ("<!DOCTYPE x><x/>".to_owned(), CodeListFault::NotGenericode),
            (String::new(), CodeListFault::Unnamed),
        ];
        for (text, expected) in rows {
            let found = read(&text).unwrap_err();
            let kind = std::mem::discriminant;
            assert_eq!(kind(&found), kind(&expected), "{found}: {text}");
        }
    }
}
