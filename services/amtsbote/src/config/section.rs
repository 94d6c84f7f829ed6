//! Reads TOML tables key by key, notes every fault with its place, and goes on.

use std::{
    cell::RefCell, collections::BTreeSet, fmt, ops::Range, ops::RangeInclusive, path::Path,
    path::PathBuf, str::FromStr, time::Duration,
};

use toml::de::{DeTable, DeValue};

use super::{Fault, variables, words};
use crate::codes;

/// What is known of the file while it is read.
pub(super) struct Source<'a> {
    /// As it was named.
    pub(super) file: &'a str,
    /// Its text.
    pub(super) text: &'a str,
    /// Relative paths are relative to this.
    pub(super) folder: &'a Path,
    /// The environment.
    pub(super) variable: &'a dyn Fn(&str) -> Option<String>,
    /// What was wrong so far.
    pub(super) faults: RefCell<Vec<Fault>>,
}

/// A place in the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Place {
    /// Dotted.
    pub(crate) key: String,
    /// From 1; 0 where nothing was written.
    pub(crate) line: usize,
}

/// One table of the file.
pub(super) struct Section<'a> {
    source: &'a Source<'a>,
    place: Place,
    table: Option<&'a DeTable<'a>>,
    /// Keys somebody asked for; all others are unknown.
    asked: RefCell<BTreeSet<&'static str>>,
}

impl Source<'_> {
    /// Notes a fault.
    pub(super) fn fault(&self, place: &Place, code: &'static str, what: impl fmt::Display) {
        self.faults.borrow_mut().push(Fault {
            file: self.file.to_owned(),
            line: place.line,
            key: place.key.clone(),
            code,
            what: what.to_string(),
        });
    }

    /// The line of a byte offset, from 1.
    pub(super) fn line(&self, span: &Range<usize>) -> usize {
        let before = self.text.as_bytes().get(..span.start).unwrap_or_default();
        1 + before.iter().filter(|byte| **byte == b'\n').count()
    }

    /// `text` with variables replaced; a fault where one is not set.
    fn replaced(&self, text: &str, place: &Place) -> Option<String> {
        variables::replace(text, self.variable)
            .map_err(|what| self.fault(place, codes::VARIABLE_MISSING, what))
            .ok()
    }
}

impl<'a> Section<'a> {
    /// The whole file.
    pub(super) fn root(source: &'a Source<'a>, table: &'a DeTable<'a>) -> Self {
        Self::new(source, Place::default(), Some(table))
    }

    fn new(source: &'a Source<'a>, place: Place, table: Option<&'a DeTable<'a>>) -> Self {
        Self { source, place, table, asked: RefCell::default() }
    }

    /// Relative paths are relative to this.
    pub(super) fn folder(&self) -> &'a Path {
        self.source.folder
    }

    /// A variable of the environment.
    pub(super) fn variable(&self, name: &str) -> Option<String> {
        (self.source.variable)(name)
    }

    /// Where the table begins.
    pub(super) fn place(&self) -> &Place {
        &self.place
    }

    /// Where `key` stands, or the table if that is not there.
    pub(super) fn place_of(&self, key: &str) -> Place {
        let found = self.table.and_then(|table| table.get_key_value(key));
        let line = found.map_or(self.place.line, |(key, _)| self.source.line(&key.span()));
        Place { key: self.dotted(key), line }
    }

    /// Notes a fault at `key`, or at the table if that is not there.
    pub(super) fn fault(&self, key: &str, code: &'static str, what: impl fmt::Display) {
        self.source.fault(&self.place_of(key), code, what);
    }

    /// A text as written, variables replaced.
    pub(super) fn text(&self, key: &'static str) -> Option<String> {
        self.parsed(key, |text| Ok(text.to_owned()))
    }

    /// A text that means something.
    pub(super) fn parsed<T>(
        &self,
        key: &'static str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        let value = self.find(key)?;
        let DeValue::String(text) = value else { return self.wrong_type(key, "a text", value) };
        let text = self.source.replaced(text, &self.place_of(key))?;
        parse(&text).map_err(|what| self.fault(key, codes::VALUE_WRONG, what)).ok()
    }

    /// A name with rules of its own.
    pub(super) fn name<T: FromStr<Err: fmt::Display>>(&self, key: &'static str) -> Option<T> {
        self.parsed(key, |text| text.parse().map_err(|error| format!("`{text}` is {error}")))
    }

    /// A path, relative to the file's folder.
    pub(super) fn path(&self, key: &'static str) -> Option<PathBuf> {
        self.parsed(key, |text| match text {
            "" => Err("a path is empty".to_owned()),
            text => Ok(self.source.folder.join(text)),
        })
    }

    /// A time within bounds.
    pub(super) fn duration(
        &self,
        key: &'static str,
        bounds: RangeInclusive<Duration>,
    ) -> Option<Duration> {
        self.parsed(key, |text| {
            let time = words::duration(text)?;
            let (min, max) =
                (words::duration_text(*bounds.start()), words::duration_text(*bounds.end()));
            let rule = || format!("`{text}` is not between `{min}` and `{max}`");
            bounds.contains(&time).then_some(time).ok_or_else(rule)
        })
    }

    /// A size within bounds.
    pub(super) fn bytes(&self, key: &'static str, bounds: RangeInclusive<usize>) -> Option<usize> {
        self.parsed(key, |text| {
            let size = words::bytes(text)?;
            let (min, max) = (words::bytes_text(*bounds.start()), words::bytes_text(*bounds.end()));
            let rule = || format!("`{text}` is not between `{min}` and `{max}`");
            bounds.contains(&size).then_some(size).ok_or_else(rule)
        })
    }

    /// A whole number within bounds.
    pub(super) fn number(&self, key: &'static str, bounds: RangeInclusive<u32>) -> Option<u32> {
        let value = self.find(key)?;
        let DeValue::Integer(number) = value else {
            return self.wrong_type(key, "a whole number", value);
        };
        let read = u32::from_str_radix(number.as_str(), number.radix()).ok();
        let read = read.filter(|number| bounds.contains(number));
        if read.is_none() {
            let (min, max) = (bounds.start(), bounds.end());
            let what = format!("`{number}` is not between `{min}` and `{max}`");
            self.fault(key, codes::VALUE_WRONG, what);
        }
        read
    }

    /// A number with or without fraction, within bounds.
    pub(super) fn fraction(&self, key: &'static str, bounds: RangeInclusive<f64>) -> Option<f64> {
        let value = self.find(key)?;
        let text = match value {
            DeValue::Float(number) => number.as_str(),
            DeValue::Integer(number) if number.radix() == 10 => number.as_str(),
            _ => return self.wrong_type(key, "a number", value),
        };
        let read = text.parse::<f64>().ok().filter(|number| bounds.contains(number));
        if read.is_none() {
            let (min, max) = (bounds.start(), bounds.end());
            self.fault(key, codes::VALUE_WRONG, format!("`{text}` is not between {min} and {max}"));
        }
        read
    }

    /// `true` or `false`.
    pub(super) fn flag(&self, key: &'static str) -> Option<bool> {
        match self.find(key)? {
            DeValue::Boolean(flag) => Some(*flag),
            other => self.wrong_type(key, "`true` or `false`", other),
        }
    }

    /// A list of texts.
    pub(super) fn texts(&self, key: &'static str) -> Option<Vec<String>> {
        let value = self.find(key)?;
        let DeValue::Array(items) = value else {
            return self.wrong_type(key, "a list of texts", value);
        };
        let mut texts = Vec::new();
        for item in items.iter() {
            let DeValue::String(text) = item.get_ref() else {
                return self.wrong_type(key, "a list of texts", item.get_ref());
            };
            texts.extend(self.source.replaced(text, &self.place_of(key)));
        }
        Some(texts)
    }

    /// A table below this one; empty if nothing was written.
    pub(super) fn section(&self, key: &'static str) -> Section<'a> {
        let place = self.place_of(key);
        let table = match self.find(key) {
            Some(DeValue::Table(table)) => Some(table),
            Some(other) => self.wrong_type(key, "a table", other),
            None => None,
        };
        Section::new(self.source, place, table)
    }

    /// The tables of this one, whatever they are called: instead of asking for keys.
    pub(super) fn tables(&self) -> Vec<(String, Section<'a>)> {
        let mut tables = Vec::new();
        for (name, value) in self.table.into_iter().flatten() {
            let name = name.get_ref().as_ref();
            match value.get_ref() {
                DeValue::Table(table) => {
                    let place = self.place_of(name);
                    tables.push((name.to_owned(), Section::new(self.source, place, Some(table))));
                }
                other => {
                    self.wrong_type::<()>(name, "a table", other);
                }
            }
        }
        tables
    }

    /// Tables below this one.
    pub(super) fn sections(&self, key: &'static str) -> Vec<Section<'a>> {
        let Some(value) = self.find(key) else { return Vec::new() };
        let DeValue::Array(items) = value else {
            self.wrong_type::<()>(key, "a list of tables", value);
            return Vec::new();
        };
        let mut sections = Vec::new();
        for (number, item) in items.iter().enumerate() {
            let key = format!("{}[{number}]", self.dotted(key));
            let place = Place { key, line: self.source.line(&item.span()) };
            match item.get_ref() {
                DeValue::Table(table) => {
                    sections.push(Section::new(self.source, place, Some(table)));
                }
                other => {
                    let what = format!("is {}, not a table", type_name(other));
                    self.source.fault(&place, codes::VALUE_WRONG, what);
                }
            }
        }
        sections
    }

    /// A table whose keys somebody else knows, as it is but for variables. `None` where a fault was
    /// noted.
    pub(super) fn foreign(&self, key: &'static str) -> Option<toml::Table> {
        let faults = || self.source.faults.borrow().len();
        let before = faults();
        let table = self.section(key).table.map(|table| self.own_table(table, key));
        (faults() == before).then(|| table.unwrap_or_default())
    }

    /// Where `key` stands below the table `above`, for faults in [`Section::foreign`] tables.
    pub(super) fn place_in(&self, above: &'static str, key: &str) -> Option<Place> {
        let DeValue::Table(table) = self.find(above)? else { return None };
        let span = find_key(table, key)?;
        Some(Place { key: format!("{}.{key}", self.dotted(above)), line: self.source.line(&span) })
    }

    /// Notes a fault at a place.
    pub(super) fn fault_at(&self, place: &Place, code: &'static str, what: impl fmt::Display) {
        self.source.fault(place, code, what);
    }

    /// `value`, or a fault saying that `key` is missing. A key that is there had its fault already.
    pub(super) fn required<T>(&self, key: &'static str, value: Option<T>) -> Option<T> {
        if value.is_none() && self.find(key).is_none() {
            self.fault(key, codes::KEY_MISSING, "is missing");
        }
        value
    }

    /// Whether somebody wrote `key`.
    pub(super) fn has(&self, key: &'static str) -> bool {
        self.find(key).is_some()
    }

    /// Notes every key nobody asked for. Call it when all were.
    pub(super) fn close(self) {
        let asked = self.asked.borrow();
        for (key, _) in self.table.into_iter().flatten() {
            let name = key.get_ref().as_ref();
            if asked.contains(name) {
                continue;
            }
            let place = Place { key: self.dotted(name), line: self.source.line(&key.span()) };
            let known = asked.iter().copied().collect::<Vec<_>>().join("`, `");
            let what = format!("is no key here; known are `{known}`");
            self.source.fault(&place, codes::KEY_UNKNOWN, what);
        }
    }

    fn find(&self, key: &'static str) -> Option<&'a DeValue<'a>> {
        self.asked.borrow_mut().insert(key);
        self.table?.get(key).map(|value| value.get_ref())
    }

    fn dotted(&self, key: &str) -> String {
        if self.place.key.is_empty() { key.to_owned() } else { format!("{}.{key}", self.place.key) }
    }

    fn wrong_type<T>(&self, key: &str, expected: &str, value: &DeValue<'_>) -> Option<T> {
        let what = format!("is {}, not {expected}", type_name(value));
        self.fault(key, codes::VALUE_WRONG, what);
        None
    }

    fn own_table(&self, table: &DeTable<'_>, above: &str) -> toml::Table {
        let own = |(key, value): (&toml::Spanned<_>, &toml::Spanned<DeValue<'_>>)| {
            let key: &std::borrow::Cow<'_, str> = key.get_ref();
            let place = Place {
                key: format!("{}.{key}", self.dotted(above)),
                line: self.source.line(&value.span()),
            };
            (key.clone().into_owned(), self.own_value(value.get_ref(), &place))
        };
        table.iter().map(own).collect()
    }

    fn own_value(&self, value: &DeValue<'_>, place: &Place) -> toml::Value {
        let wrong = |what: &str| self.source.fault(place, codes::VALUE_WRONG, what);
        match value {
            DeValue::String(text) => {
                toml::Value::String(self.source.replaced(text, place).unwrap_or_default())
            }
            DeValue::Integer(number) => {
                let read = i64::from_str_radix(number.as_str(), number.radix());
                read.inspect_err(|_| wrong("is a number out of range")).unwrap_or_default().into()
            }
            DeValue::Float(number) => {
                let read = number.as_str().parse::<f64>();
                read.inspect_err(|_| wrong("is no number")).unwrap_or_default().into()
            }
            DeValue::Boolean(flag) => (*flag).into(),
            DeValue::Datetime(time) => (*time).into(),
            DeValue::Array(items) => {
                let own = items.iter().map(|item| self.own_value(item.get_ref(), place));
                toml::Value::Array(own.collect())
            }
            DeValue::Table(table) => {
                let own = |(key, value): (&toml::Spanned<std::borrow::Cow<'_, str>>, _)| {
                    let value: &toml::Spanned<DeValue<'_>> = value;
                    (key.get_ref().clone().into_owned(), self.own_value(value.get_ref(), place))
                };
                toml::Value::Table(table.iter().map(own).collect())
            }
        }
    }
}

/// The place of the first key called `key`, in tables within tables too.
fn find_key(table: &DeTable<'_>, key: &str) -> Option<Range<usize>> {
    if let Some((found, _)) = table.get_key_value(key) {
        return Some(found.span());
    }
    table.iter().find_map(|(_, value)| match value.get_ref() {
        DeValue::Table(table) => find_key(table, key),
        _ => None,
    })
}

fn type_name(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "`true` or `false`",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}
