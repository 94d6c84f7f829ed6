//! The rows of one code list, compact: 11,000 rows of some 40 bytes are half a megabyte.

use std::fmt;

/// One version of one code list: its codes, each with the name it has.
#[derive(Clone, PartialEq, Eq)]
pub struct CodeList {
    /// Its URI, as documents name it in `listURI`.
    pub uri: String,
    /// As documents name it in `listVersionID`.
    pub version: String,
    /// Its short name.
    pub title: String,
    /// Codes and names, one behind the other.
    text: Box<str>,
    /// Where each row's code begins, its name begins, and it ends; ordered by code.
    rows: Box<[Row]>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Row {
    code: u32,
    name: u32,
    end: u32,
}

impl fmt::Debug for CodeList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CodeList")
            .field("uri", &self.uri)
            .field("version", &self.version)
            .field("rows", &self.rows.len())
            .finish_non_exhaustive()
    }
}

impl CodeList {
    /// A list of `rows`, code and name each; of a code that comes twice the first counts.
    pub(super) fn new(head: super::Head, rows: &[(String, String)]) -> Self {
        let mut text = String::with_capacity(rows.iter().map(|(c, n)| c.len() + n.len()).sum());
        let mut marks: Vec<Row> = Vec::with_capacity(rows.len());
        // Texts of more than 4 GiB were refused when the file was read.
        let here = |text: &String| u32::try_from(text.len()).unwrap_or(u32::MAX);
        for (code, name) in rows {
            let begin = here(&text);
            text.push_str(code);
            let middle = here(&text);
            text.push_str(name);
            marks.push(Row { code: begin, name: middle, end: here(&text) });
        }
        let code = |row: &Row| text.get(row.code as usize..row.name as usize).unwrap_or_default();
        marks.sort_by(|a, b| code(a).cmp(code(b)));
        marks.dedup_by(|b, a| code(a) == code(b));
        let rows = marks.into_boxed_slice();
        let super::Head { uri, version, title } = head;
        Self { uri, version, title, text: text.into_boxed_str(), rows }
    }

    /// How many codes it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Bytes that its rows take in memory.
    #[must_use]
    pub fn size(&self) -> usize {
        self.text.len() + self.rows.len() * size_of::<Row>()
    }

    /// Whether it has none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Whether `code` is one of its codes.
    #[must_use]
    pub fn contains(&self, code: &str) -> bool {
        self.row(code).is_some()
    }

    /// What `code` is called; empty where the list gives it no name.
    #[must_use]
    pub fn name(&self, code: &str) -> Option<&str> {
        self.row(code).map(|row| self.slice(row.name, row.end))
    }

    /// Codes and names, ordered by code.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.rows.iter().map(|row| (self.slice(row.code, row.name), self.slice(row.name, row.end)))
    }

    /// The codes that begin with `prefix`, in order.
    pub fn beginning_with<'l>(&'l self, prefix: &'l str) -> impl Iterator<Item = &'l str> {
        let code = move |row: &Row| self.slice(row.code, row.name);
        let first = self.rows.partition_point(|row| code(row) < prefix);
        let rows = self.rows.get(first..).unwrap_or_default().iter().map(code);
        rows.take_while(move |code| code.starts_with(prefix))
    }

    fn row(&self, code: &str) -> Option<&Row> {
        let at = self.rows.binary_search_by(|row| self.slice(row.code, row.name).cmp(code)).ok()?;
        self.rows.get(at)
    }

    fn slice(&self, from: u32, to: u32) -> &str {
        self.text.get(from as usize..to as usize).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codelist::Head;

    #[test]
    fn twenty_versions_of_the_longest_list_take_less_than_100_mib() {
        // As the list of municipalities: 11,227 keys of 12 digits, names of up to 60 bytes.
        let row = |n: u32| (format!("{n:012}"), "Musterstadt / Přikład, Kreisstadt ".repeat(2));
        let rows: Vec<_> = (0..11_227).map(row).collect();
        let list = CodeList::new(Head::default(), &rows);
        assert_eq!(list.len(), 11_227);
        assert!(20 * list.size() < 100 << 20, "{} bytes each", list.size());
    }

    #[test]
    fn codes_are_found_by_what_they_begin_with() {
        let rows = ["1", "12", "123", "13", "2"].map(|code| (code.to_owned(), String::new()));
        let list = CodeList::new(Head::default(), &rows);
        let found = |prefix| list.beginning_with(prefix).collect::<Vec<_>>();
        assert_eq!(found("12"), ["12", "123"]);
        assert_eq!(found("3"), Vec::<&str>::new());
        assert_eq!(found("").len(), 5);
    }
}
