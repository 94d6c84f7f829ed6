//! Canonical messages at random: examples, with parts taken from other examples, left out, or
//! replaced by values of their form.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use prost::Message as _;
use prost_reflect::{DescriptorPool, DynamicMessage, Kind, ReflectMessage, Value};

/// Letters of DIN 91379, sequences without a letter of their own among them.
const LETTERS: [&str; 56] = [
    "a",
    "b",
    "e",
    "k",
    "m",
    "n",
    "o",
    "r",
    "s",
    "t",
    "A",
    "G",
    "M",
    "S",
    "ä",
    "ö",
    "ü",
    "ß",
    "Ä",
    "Ö",
    "Ü",
    "ẞ",
    "é",
    "è",
    "ç",
    "Ç",
    "ñ",
    "å",
    "ø",
    "Æ",
    "ł",
    "Ł",
    "ę",
    "ż",
    "Ź",
    "ć",
    "š",
    "Ž",
    "č",
    "ř",
    "ů",
    "ő",
    "ű",
    "ğ",
    "ı",
    "İ",
    "ș",
    "ț",
    "đ",
    "þ",
    "Ð",
    "ŵ",
    "C\u{306}",
    "M\u{302}",
    "k\u{302}",
    "L\u{325}\u{304}",
];

/// What stands between words, and what XML and JSON must escape.
const SIGNS: [&str; 8] = ["&", "<", ">", "\"", "'", "\\", "/", "]]>"];

/// Numbers that look arbitrary and are the same every time (splitmix64).
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) fn of(name: &str) -> Self {
        Self(name.bytes().fold(91_379, |seed, byte| seed * 31 % 1_000_003 + u64::from(byte)))
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((z ^ (z >> 31)) % bound as u64).unwrap()
    }

    fn one<'t, T>(&mut self, of: &'t [T]) -> &'t T {
        &of[self.below(of.len())]
    }
}

/// How a value of a field is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Form {
    Letters,
    Signs,
    Digits,
    Date,
    Number,
}

const FORMS: [Form; 5] = [Form::Signs, Form::Letters, Form::Date, Form::Digits, Form::Number];

impl Form {
    fn make(self, chance: &mut Chance) -> Value {
        match self {
            Self::Letters => Value::String(text(chance, false)),
            Self::Signs => Value::String(text(chance, true)),
            Self::Digits => Value::String(format!("{:05}", chance.below(100_000))),
            Self::Date => {
                let (y, m, d) =
                    (1930 + chance.below(95), 1 + chance.below(12), 1 + chance.below(28));
                Value::String(format!("{y:04}-{m:02}-{d:02}"))
            }
            Self::Number => Value::U64(1 + chance.below(99_999) as u64),
        }
    }
}

fn text(chance: &mut Chance, has_signs: bool) -> String {
    let mut text = String::new();
    for word in 0..1 + chance.below(3) {
        if word > 0 {
            text.push_str(chance.one::<&str>(&[" ", "-"]));
        }
        for _ in 0..1 + chance.below(8) {
            text.push_str(chance.one::<&str>(&LETTERS));
        }
        if has_signs {
            text.push_str(chance.one::<&str>(&SIGNS));
        }
    }
    text
}

/// What messages of one type are made of.
pub(crate) struct Kit {
    bases: Vec<DynamicMessage>,
    /// Per path, values that examples have.
    pool: BTreeMap<String, Vec<Value>>,
    /// Paths that may get a value of the pool.
    open: BTreeSet<String>,
    /// Paths that may be cleared.
    optional: BTreeSet<String>,
    /// Paths that take values of a form.
    free: BTreeMap<String, Form>,
}

impl Kit {
    /// Finds out by trying what may be left out, added and replaced, one path at a time.
    pub(crate) fn new(
        bases: &[&Bytes],
        donors: &[&Bytes],
        excluded: &[String],
        chance: &mut Chance,
        is_written: impl Fn(&Bytes) -> bool,
    ) -> Self {
        let bases: Vec<DynamicMessage> = bases.iter().map(|bytes| decode(bytes)).collect();
        let mut pool = BTreeMap::new();
        for donor in donors {
            collect(&decode(donor), "", &mut pool);
        }
        pool.retain(|path, _| !path.starts_with("header.standard") && !is_fixed(path));
        let mut kit = Self {
            bases,
            open: BTreeSet::new(),
            optional: BTreeSet::new(),
            free: BTreeMap::new(),
            pool,
        };
        let base = kit.bases[0].clone();
        let is_written = |message: &DynamicMessage| is_written(&encode(message));
        for (path, values) in &kit.pool {
            let mut with = base.clone();
            set(&mut with, path, values[0].clone());
            if get(&base, path).is_none() && !is_written(&with) {
                continue;
            }
            kit.open.insert(path.clone());
            let mut without = with.clone();
            clear(&mut without, path);
            if is_written(&without) {
                kit.optional.insert(path.clone());
            }
            let is_text = |v: &Value| matches!(v, Value::String(_) | Value::U32(_) | Value::U64(_));
            if !is_text(&values[0]) || excluded.contains(path) {
                continue;
            }
            for form in FORMS {
                let made = fitted(form.make(chance), &values[0]);
                let Some(made) = made else { continue };
                let mut with = with.clone();
                set(&mut with, path, made);
                if is_written(&with) {
                    kit.free.insert(path.clone(), form);
                    break;
                }
            }
        }
        kit
    }

    /// One message, which need not be a valid one.
    pub(crate) fn message(&self, chance: &mut Chance) -> Bytes {
        let mut message = chance.one(&self.bases).clone();
        for path in &self.open {
            let is_set = get(&message, path).is_some();
            let parent_is_set =
                path.rsplit_once('.').is_none_or(|(parent, _)| get(&message, parent).is_some());
            match chance.below(8) {
                0 if self.optional.contains(path) => clear(&mut message, path),
                1 | 2 => {
                    let value = chance.one(&self.pool[path]).clone();
                    let is_leaf = !matches!(value, Value::Message(_) | Value::List(_));
                    if is_set || parent_is_set || !is_leaf {
                        set(&mut message, path, value);
                    }
                }
                3..=5 if is_set && self.free.contains_key(path) => {
                    let like = get(&message, path).unwrap();
                    if let Some(made) = fitted(self.free[path].make(chance), &like) {
                        set(&mut message, path, made);
                    }
                }
                _ => {}
            }
        }
        encode(&message)
    }

    pub(crate) fn describe(&self) -> String {
        let (open, optional, free) = (self.open.len(), self.optional.len(), self.free.len());
        format!("{open} paths vary, {optional} may be left out, {free} take any text of their form")
    }
}

/// What the message type fixes.
fn is_fixed(path: &str) -> bool {
    ["header.version", "header.message_type", "header.domain", "header.service", "header"]
        .contains(&path)
        || path.ends_with(".procedure")
        || path == "fields"
}

fn fitted(made: Value, like: &Value) -> Option<Value> {
    match (made, like) {
        (Value::U64(n), Value::U32(_)) => Some(Value::U32(u32::try_from(n).unwrap())),
        (made @ Value::U64(_), Value::U64(_)) | (made @ Value::String(_), Value::String(_)) => {
            Some(made)
        }
        _ => None,
    }
}

/// Every value of `message` by its path; lists as wholes, codes as wholes.
fn collect(message: &DynamicMessage, prefix: &str, pool: &mut BTreeMap<String, Vec<Value>>) {
    for (field, value) in message.fields() {
        let path = format!("{prefix}{}", field.name());
        let is_code = matches!(field.kind(), Kind::Message(m) if m.name() == "Code");
        if let (Value::Message(inner), false) = (value, is_code) {
            collect(inner, &format!("{path}."), pool);
        }
        pool.entry(path).or_default().push(value.clone());
    }
}

pub(crate) fn decode(canonical: &Bytes) -> DynamicMessage {
    let pool = DescriptorPool::decode(wire::DESCRIPTORS).unwrap();
    let descriptor = pool.get_message_by_name("amtsbote.canonical.v1.Application").unwrap();
    DynamicMessage::decode(descriptor, canonical.clone()).unwrap()
}

pub(crate) fn encode(message: &DynamicMessage) -> Bytes {
    message.encode_to_vec().into()
}

fn get(message: &DynamicMessage, path: &str) -> Option<Value> {
    let (first, rest) = path.split_once('.').unwrap_or((path, ""));
    let field = message.descriptor().get_field_by_name(first)?;
    if !message.has_field(&field) {
        return None;
    }
    let value = message.get_field(&field).into_owned();
    if rest.is_empty() { Some(value) } else { get(value.as_message()?, rest) }
}

fn set(message: &mut DynamicMessage, path: &str, value: Value) {
    let (first, rest) = path.split_once('.').unwrap_or((path, ""));
    let field = message.descriptor().get_field_by_name(first).unwrap();
    if rest.is_empty() {
        message.set_field(&field, value);
    } else {
        set(message.get_field_mut(&field).as_message_mut().unwrap(), rest, value);
    }
}

/// Sets a text.
pub(crate) fn set_text(message: &mut DynamicMessage, path: &str, text: &str) {
    set(message, path, Value::String(text.to_owned()));
}

/// Clears a field; a part that holds nothing more goes with it.
pub(crate) fn clear(message: &mut DynamicMessage, path: &str) {
    let (first, rest) = path.split_once('.').unwrap_or((path, ""));
    let field = message.descriptor().get_field_by_name(first).unwrap();
    if !message.has_field(&field) {
        return;
    }
    if !rest.is_empty() {
        let inner = message.get_field_mut(&field).as_message_mut().unwrap();
        clear(inner, rest);
        if inner.fields().next().is_some() {
            return;
        }
    }
    message.clear_field(&field);
}
