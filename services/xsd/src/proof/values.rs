//! Values of simple types: at the edge of each facet, and any.

use super::chance::Chance;
use crate::{
    lanes::Vector,
    names::NONE,
    simple::{self, Context, Kind, Simple, text::WhiteSpace},
    tables::{Role, Tables},
};

/// Attempts before a facet is given up.
const ATTEMPTS: usize = 60;

/// Characters of the longest value.
const CHARS_MAX: u32 = 600;

/// A facet, or a choice that a type leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Facet {
    /// Any value.
    Any,
    /// One of those that are allowed.
    Value(usize),
    Shortest,
    Longest,
    /// At or just within a bound.
    Bound(usize),
    Digits,
    FractionDigits,
    /// A member of a union.
    Member(usize),
}

/// What there is to reach of a type.
pub(super) fn facets(tables: &Tables, simple: u32) -> Vec<Facet> {
    let Some(row) = tables.simple.types.get(simple as usize) else { return Vec::new() };
    if row.kind == Kind::Unknown {
        return Vec::new();
    }
    let mut facets = vec![Facet::Any];
    if tables.role(simple) != Role::None {
        return facets;
    }
    if row.enumeration != NONE {
        facets.extend((0..literals(tables, row).len()).map(Facet::Value));
        return facets;
    }
    if row.length_min > 0 || row.chars_min > 0 {
        facets.push(Facet::Shortest);
    }
    if row.length_max < CHARS_MAX || row.chars_max < CHARS_MAX {
        facets.push(Facet::Longest);
    }
    facets.extend((0..row.bounds.len()).map(Facet::Bound));
    if row.digits_max < 60 {
        facets.push(Facet::Digits);
    }
    if row.fraction_digits_max < 60 && row.kind == Kind::Decimal {
        facets.push(Facet::FractionDigits);
    }
    if row.kind == Kind::Union {
        facets.extend((0..row.parts.len()).map(Facet::Member));
    }
    facets
}

/// The same without those that others make meaningless, such as bounds wider than others.
pub(super) fn reachable(tables: &Tables, simple: u32) -> Vec<Facet> {
    let mut chance = Chance::new(0);
    let has_role = tables.role(simple) != Role::None;
    let mut facets = facets(tables, simple);
    facets.retain(|facet| has_role || at(tables, simple, *facet, &mut chance).is_some());
    facets
}

fn literals(tables: &Tables, row: &Simple) -> Vec<Vec<u8>> {
    let Some(set) = tables.simple.enumerations.get(row.enumeration as usize) else {
        return Vec::new();
    };
    let mut literals: Vec<Vec<u8>> = set.texts(&tables.names).map(<[u8]>::to_vec).collect();
    literals.sort();
    literals
}

/// Whether white space around a value of this type is none of it.
pub(super) fn may_be_padded(tables: &Tables, simple: u32) -> bool {
    let row = tables.simple.types.get(simple as usize);
    row.is_some_and(|row| row.white_space == WhiteSpace::Collapse && row.kind != Kind::Union)
}

pub(super) fn is_valid(tables: &Tables, simple: u32, value: &[u8]) -> bool {
    let is_bound = |_: &[u8]| false;
    let context = Context { types: &tables.simple, names: &tables.names, is_bound: &is_bound };
    crate::simple::text::is_xml::<Vector>(value)
        && simple::check::<Vector>(context, simple, value, &mut Vec::new()).is_ok()
}

/// A value at `facet`; nothing where none is found.
pub(super) fn at(
    tables: &Tables,
    simple: u32,
    facet: Facet,
    chance: &mut Chance,
) -> Option<Vec<u8>> {
    let row = &tables.simple.types[simple as usize];
    for _ in 0..ATTEMPTS {
        let value = match facet {
            Facet::Any => any(tables, simple, chance),
            Facet::Value(number) => literals(tables, row).get(number)?.clone(),
            Facet::Shortest => sized(tables, row, row.length_min.max(row.chars_min), chance)?,
            Facet::Longest => sized(tables, row, row.length_max.min(row.chars_max), chance)?,
            Facet::Bound(number) => near(&row.bounds.get(number)?.value, row.kind, chance),
            Facet::Digits => digits(row, chance),
            Facet::FractionDigits => {
                let fraction = "1".repeat(row.fraction_digits_max as usize);
                format!("{}.{fraction}", chance.below(9)).trim_end_matches('.').into()
            }
            Facet::Member(number) => any(tables, *row.parts.get(number)?, chance),
        };
        if is_valid(tables, simple, &value) {
            return Some(value);
        }
    }
    None
}

/// Any value.
pub(super) fn any(tables: &Tables, simple: u32, chance: &mut Chance) -> Vec<u8> {
    let Some(row) = tables.simple.types.get(simple as usize) else { return b"x".to_vec() };
    for _ in 0..ATTEMPTS {
        let value = candidate(tables, row, chance);
        if is_valid(tables, simple, &value) {
            return value;
        }
    }
    Vec::new()
}

fn candidate(tables: &Tables, row: &Simple, chance: &mut Chance) -> Vec<u8> {
    if row.enumeration != NONE {
        let literals = literals(tables, row);
        return chance.one_of(&literals).clone();
    }
    if row.chars_min > 1
        && let Some(value) = sized(tables, row, row.chars_min, chance)
    {
        return value;
    }
    if let Some(pattern) = tables.simple.patterns.get(row.pattern as usize)
        && !chance.is_one_in(3)
        && let Some(value) = pattern.sample(|count| chance.below(count))
    {
        return cut(value, row.length_max.min(row.chars_max));
    }
    match row.kind {
        Kind::List => {
            let least = row.length_min.max(1) as usize;
            let words: Vec<Vec<u8>> =
                (0..least + chance.below(2)).map(|_| any(tables, row.parts[0], chance)).collect();
            words.join(&b' ')
        }
        Kind::Union => any(tables, *chance.one_of(&row.parts), chance),
        kind => atomic(row, kind, chance).into_bytes(),
    }
}

fn atomic(row: &Simple, kind: Kind, chance: &mut Chance) -> String {
    let one = |list: &[&str], chance: &mut Chance| (*chance.one_of(list)).to_owned();
    match kind {
        Kind::String => {
            let texts = [
                "a",
                "Müller",
                "Straße 5",
                "x y z",
                "1",
                "Zoë  Ł",
                "2024",
                "Wasserwerk Görlitz-Ost (Süd)",
                "AB",
                "abcdef",
                "a-b_c.d",
                "00000000-0000-4000-8000-000000000001",
                "c\u{301}",
                "",
            ];
            let text = one(&texts, chance);
            let least = row.length_min.max(row.chars_min);
            let long =
                if least > 0 && chance.is_one_in(2) { text.repeat(least as usize) } else { text };
            String::from_utf8(cut(long.into_bytes(), row.length_max.min(row.chars_max))).unwrap()
        }
        Kind::AnyUri => one(
            &["urn:de:x", "http://example.org/a?b=c", "a/b#c", "", "https://www.xoev.de/"],
            chance,
        ),
        Kind::Language => one(&["de", "de-DE", "hsb", "en-GB-1996"], chance),
        Kind::NmToken => one(&["a", "1a", "a:b", "-", "Größe"], chance),
        Kind::Name => one(&["a", "a:b", "_x", "Straße"], chance),
        Kind::NcName | Kind::Id | Kind::IdRef => one(&["a", "_b-1.2", "Straße"], chance),
        Kind::QName => one(&["a", "Straße"], chance),
        Kind::Boolean => one(&["true", "false", "1", "0"], chance),
        Kind::Decimal => one(
            &[
                "0",
                "1.5",
                "-3.25",
                "+7.",
                ".5",
                "100",
                "00012.500",
                "123456789012345678901.5",
                "12.80",
            ],
            chance,
        ),
        Kind::Integer => match row.bounds.first() {
            Some(bound) if chance.is_one_in(2) => {
                String::from_utf8(near(&bound.value, kind, chance)).unwrap()
            }
            _ => one(
                &["0", "1", "-1", "42", "+7", "007", "123456789012345678901234567890", "100"],
                chance,
            ),
        },
        Kind::Float | Kind::Double => {
            one(&["1", "0.5", "1.5E3", "-2e-5", "INF", "NaN", "1."], chance)
        }
        Kind::Duration => one(&["P1Y", "-P1M2DT3H", "PT0.5S", "P1Y2M3DT4H5M6S"], chance),
        // White space in base 64 is refused by one of the judges.
        Kind::Base64 => {
            one(&["", "QQ==", "QUI=", "QUJD", "QUJDREVG", "QUJDREVGR0hJSktMTU5PUA=="], chance)
        }
        Kind::Hex => one(&["", "00", "fF", "00112233", "DEADBEEF0011"], chance),
        Kind::List | Kind::Union | Kind::Unknown => String::new(),
        kind => moment(kind, chance),
    }
}

fn moment(kind: Kind, chance: &mut Chance) -> String {
    let one = |list: &[&str], chance: &mut Chance| (*chance.one_of(list)).to_owned();
    let zone = one(&["", "", "Z", "+02:00", "-14:00"], chance);
    let date = format!(
        "20{:02}-{:02}-{:02}",
        chance.below(40),
        1 + chance.below(12),
        1 + chance.below(28)
    );
    let time = format!("{:02}:{:02}:{:02}", chance.below(24), chance.below(60), chance.below(60));
    match kind {
        Kind::DateTime => one(
            &[
                &format!("{date}T{time}{zone}"),
                &format!("{date}T{time}.25{zone}"),
                &format!("{date}T24:00:00"),
            ],
            chance,
        ),
        Kind::Date => format!("{date}{zone}"),
        Kind::Time => one(&[&format!("{time}{zone}"), &format!("{time}.123"), "24:00:00"], chance),
        Kind::YearMonth => format!("{}{zone}", &date[..7]),
        Kind::Year => format!("{}{zone}", &date[..4]),
        Kind::MonthDay => format!("-{}{zone}", &date[4..]),
        Kind::Month => format!("-{}{zone}", &date[4..7]),
        Kind::Day => format!("--{}{zone}", &date[7..]),
        _ => String::new(),
    }
}

fn cut(value: Vec<u8>, chars_max: u32) -> Vec<u8> {
    let text = String::from_utf8(value).unwrap();
    text.chars().take(chars_max as usize).collect::<String>().into_bytes()
}

/// A value of `length` characters, octets or items.
fn sized(tables: &Tables, row: &Simple, length: u32, chance: &mut Chance) -> Option<Vec<u8>> {
    if length > CHARS_MAX {
        return None;
    }
    let length = length as usize;
    match row.kind {
        Kind::List => {
            let words: Vec<_> = (0..length).map(|_| any(tables, row.parts[0], chance)).collect();
            Some(words.join(&b' '))
        }
        Kind::Hex => Some("0f".repeat(length).into_bytes()),
        Kind::Base64 => {
            let rest = ["", "QQ==", "QUI="][length % 3];
            Some(format!("{}{rest}", "QUJD".repeat(length / 3)).into_bytes())
        }
        _ => {
            if let Some(pattern) = tables.simple.patterns.get(row.pattern as usize) {
                let mut text = Vec::new();
                while crate::simple::text::count_chars(&text) < length {
                    let more = pattern.sample(|count| chance.below(count))?;
                    if more.is_empty() && chance.is_one_in(50) {
                        break;
                    }
                    text.extend(more);
                }
                return Some(cut(text, u32::try_from(length).unwrap()));
            }
            let characters = ["a", "ä", "1", "Z", "-"];
            let unit = *chance.one_of(&characters);
            Some(unit.repeat(length).into_bytes())
        }
    }
}

/// The bound itself, or the next value on either side.
fn near(bound: &str, kind: Kind, chance: &mut Chance) -> Vec<u8> {
    if !matches!(kind, Kind::Integer | Kind::Decimal) || chance.is_one_in(2) {
        return bound.as_bytes().to_vec();
    }
    let step = [-1_i128, 0, 1][chance.below(3)];
    match bound.parse::<i128>() {
        Ok(number) => (number + step).to_string().into_bytes(),
        Err(_) => bound.as_bytes().to_vec(),
    }
}

fn digits(row: &Simple, chance: &mut Chance) -> Vec<u8> {
    let count = row.digits_max as usize;
    let fraction = (row.fraction_digits_max as usize).min(chance.below(count + 1));
    let whole = "1".repeat(count - fraction);
    if fraction == 0 { whole.into() } else { format!("{whole}.{}", "2".repeat(fraction)).into() }
}
