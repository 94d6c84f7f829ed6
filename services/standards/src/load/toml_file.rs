//! Reads one TOML file so that every fault in it is found, with line and dotted key.

use std::{borrow::Cow, cell::RefCell, collections::HashSet};

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use crate::{load::LoadFault, store};

/// One TOML file and the faults found in it so far.
#[derive(Debug)]
pub(crate) struct TomlFile {
    location: String,
    text: String,
    faults: RefCell<Vec<LoadFault>>,
}

/// A table of it. Keys that nobody takes are faults.
#[derive(Clone, Debug)]
pub(crate) struct Table<'f> {
    file: &'f TomlFile,
    prefix: String,
    line: u32,
    entries: Vec<Entry<'f>>,
}

/// One key with its value.
#[derive(Clone, Debug)]
pub(crate) struct Entry<'f> {
    file: &'f TomlFile,
    /// Dotted, from the root of the file.
    pub(crate) key: String,
    /// The last part of it.
    pub(crate) name: String,
    /// Where it stands.
    pub(crate) line: u32,
    value: DeValue<'f>,
}

impl TomlFile {
    /// Reads the file at `location`; `None` if that cannot be done, which is a fault already told.
    pub(crate) fn read(location: &str, faults: &mut Vec<LoadFault>) -> Option<Self> {
        match store::read_text(location) {
            Ok(text) => {
                let location = location.to_owned();
                Some(Self { location, text, faults: RefCell::default() })
            }
            Err(error) => {
                faults.push(LoadFault {
                    file: location.to_owned(),
                    line: 0,
                    key: String::new(),
                    message: format!("cannot be read: {error}"),
                });
                None
            }
        }
    }

    /// Where it lies.
    pub(crate) fn location(&self) -> &str {
        &self.location
    }

    /// Its outermost table.
    pub(crate) fn root(&self) -> Table<'_> {
        let (root, errors) = DeTable::parse_recoverable(&self.text);
        for error in errors {
            let line = error.span().map_or(0, |span| self.line(span.start));
            self.fault(line, "", error.message());
        }
        Table::new(self, String::new(), 1, root.into_inner())
    }

    /// Notes a fault.
    pub(crate) fn fault(&self, line: u32, key: &str, message: impl Into<String>) {
        self.faults.borrow_mut().push(LoadFault {
            file: self.location.clone(),
            line,
            key: key.to_owned(),
            message: message.into(),
        });
    }

    /// All faults, by line.
    pub(crate) fn into_faults(self) -> Vec<LoadFault> {
        let mut faults = self.faults.into_inner();
        faults.sort_by_key(|fault| fault.line);
        // What is used several times is looked at several times, and told once.
        let mut told = HashSet::new();
        faults.retain(|fault| told.insert((fault.line, fault.key.clone(), fault.message.clone())));
        faults
    }

    fn line(&self, offset: usize) -> u32 {
        let before = self.text.as_bytes().get(..offset).unwrap_or_default();
        u32::try_from(before.iter().filter(|byte| **byte == b'\n').count() + 1).unwrap_or(0)
    }
}

impl<'f> Table<'f> {
    fn new(file: &'f TomlFile, prefix: String, line: u32, table: DeTable<'f>) -> Self {
        let entry = |(key, value): (Spanned<Cow<'f, str>>, Spanned<DeValue<'f>>)| Entry {
            file,
            line: file.line(key.span().start),
            name: key.get_ref().to_string(),
            key: dotted(&prefix, key.get_ref()),
            value: value.into_inner(),
        };
        let mut entries: Vec<Entry<'f>> = table.into_iter().map(entry).collect();
        entries.sort_by_key(|entry| entry.line);
        Self { file, prefix, line, entries }
    }

    /// Where it begins.
    pub(crate) fn line(&self) -> u32 {
        self.line
    }

    /// Takes the entry called `name`.
    pub(crate) fn take(&mut self, name: &str) -> Option<Entry<'f>> {
        let at = self.entries.iter().position(|entry| entry.name == name)?;
        Some(self.entries.remove(at))
    }

    /// Takes everything that is left, in the file's order.
    pub(crate) fn take_all(&mut self) -> Vec<Entry<'f>> {
        std::mem::take(&mut self.entries)
    }

    /// Takes the text called `name`, if it is there.
    pub(crate) fn text(&mut self, name: &str) -> Option<(String, u32)> {
        let entry = self.take(name)?;
        let line = entry.line;
        Some((entry.text()?, line))
    }

    /// Takes the text called `name`, which must be there.
    pub(crate) fn required_text(&mut self, name: &str) -> Option<(String, u32)> {
        if !self.entries.iter().any(|entry| entry.name == name) {
            self.file.fault(self.line, &dotted(&self.prefix, name), "is missing");
            return None;
        }
        self.text(name)
    }

    /// Takes the table called `name`, if it is there.
    pub(crate) fn table(&mut self, name: &str) -> Option<Table<'f>> {
        self.take(name)?.table()
    }

    /// Notes a fault with its key `name`.
    pub(crate) fn fault(&self, name: &str, message: impl Into<String>) {
        self.file.fault(self.line, &dotted(&self.prefix, name), message);
    }

    /// Ends the table: what nobody took is unknown.
    pub(crate) fn finish(self) {
        for entry in self.entries {
            self.file.fault(entry.line, &entry.key, "unknown key");
        }
    }
}

impl<'f> Entry<'f> {
    /// Notes a fault with this entry.
    pub(crate) fn fault(&self, message: impl Into<String>) {
        self.file.fault(self.line, &self.key, message);
    }

    /// Notes faults with this entry after it was taken apart.
    pub(crate) fn reporter(&self) -> impl Fn(&str) + use<'f> {
        let (file, key, line) = (self.file, self.key.clone(), self.line);
        move |message| file.fault(line, &key, message)
    }

    /// Whether it is a text.
    pub(crate) fn is_text(&self) -> bool {
        matches!(self.value, DeValue::String(_))
    }

    /// Whether it is an array.
    pub(crate) fn is_array(&self) -> bool {
        matches!(self.value, DeValue::Array(_))
    }

    /// Its text.
    pub(crate) fn text(self) -> Option<String> {
        match self.value {
            DeValue::String(text) => Some(text.into_owned()),
            _ => {
                self.fault("a text is expected");
                None
            }
        }
    }

    /// Its whole number.
    pub(crate) fn integer(self) -> Option<i64> {
        match &self.value {
            DeValue::Integer(number) if number.radix() == 10 => number.as_str().parse().ok(),
            _ => {
                self.fault("a whole number is expected");
                None
            }
        }
    }

    /// Its texts: one, or an array of them.
    pub(crate) fn texts(self) -> Option<Vec<String>> {
        if self.is_text() {
            return self.text().map(|text| vec![text]);
        }
        let Entry { file, key, line, value: DeValue::Array(array), .. } = self else {
            self.fault("a text or an array of texts is expected");
            return None;
        };
        let mut texts = Vec::new();
        for value in array {
            match value.into_inner() {
                DeValue::String(text) => texts.push(text.into_owned()),
                _ => file.fault(line, &key, "an array of texts is expected"),
            }
        }
        Some(texts)
    }

    /// Its items, from an array, as entries under its own key.
    pub(crate) fn items(self) -> Vec<Entry<'f>> {
        let Entry { file, key, name, line, value: DeValue::Array(array) } = self else {
            self.fault("an array is expected");
            return Vec::new();
        };
        let item = |value: Spanned<DeValue<'f>>| {
            let (key, name) = (key.clone(), name.clone());
            Entry { file, key, name, line, value: value.into_inner() }
        };
        array.into_iter().map(item).collect()
    }

    /// Its truth.
    pub(crate) fn truth(self) -> Option<bool> {
        match self.value {
            DeValue::Boolean(truth) => Some(truth),
            _ => {
                self.fault("`true` or `false` is expected");
                None
            }
        }
    }

    /// Its table.
    pub(crate) fn table(self) -> Option<Table<'f>> {
        let Entry { file, key, line, value: DeValue::Table(table), .. } = self else {
            self.fault("a table is expected");
            return None;
        };
        Some(Table::new(file, key, line, table))
    }

    /// Its tables, from an array of tables.
    pub(crate) fn tables(self) -> Vec<Table<'f>> {
        let Entry { file, key, value: DeValue::Array(array), .. } = self else {
            self.fault("an array of tables is expected");
            return Vec::new();
        };
        let mut tables = Vec::new();
        for value in array {
            let line = file.line(value.span().start);
            match value.into_inner() {
                DeValue::Table(table) => tables.push(Table::new(file, key.clone(), line, table)),
                _ => file.fault(line, &key, "an array of tables is expected"),
            }
        }
        tables
    }
}

fn dotted(prefix: &str, name: &str) -> String {
    if prefix.is_empty() { name.to_owned() } else { format!("{prefix}.{name}") }
}
