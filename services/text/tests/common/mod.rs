//! What the tests share: the published lists, chance that repeats itself, and texts made by it.

#![allow(dead_code, reason = "each test file uses a part")]

use std::path::PathBuf;

use text::{
    Datatype,
    din91379::{Entry, entries},
};
use unicode_normalization::UnicodeNormalization as _;
use xsd_schema::{SchemaSet, SchemaSetBuilder, TypeKey, validation::validate_simple_type};

/// Published lists and schemas beside the repository; `None`, loudly, where they are missing.
pub(crate) fn published() -> Option<PathBuf> {
    let beside = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let data = std::env::var_os("AMTSBOTE_TEST_DATA").map_or_else(beside, PathBuf::from);
    if data.join("SOURCES.md").is_file() {
        return Some(data.canonicalize().unwrap());
    }
    let missing = format!("NOT TESTED: no published lists in {}", data.display());
    assert!(std::env::var("CI").as_deref() != Ok("true"), "{missing}");
    eprintln!("{missing}");
    None
}

/// SplitMix64: the same numbers from the same seed.
pub(crate) struct Chance(pub(crate) u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// Less than `bound`.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(bound).unwrap()).unwrap()
    }

    pub(crate) fn one_of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }
}

/// Characters near those of the list, and far from them.
const STRANGE: [char; 24] = [
    '\u{7F}', '\u{80}', '\u{85}', '\u{9F}', '\u{AD}', '\u{17F}', '\u{186}', '\u{2BB}', '\u{303}',
    '\u{338}', '\u{345}', '\u{35C}', '\u{3A2}', '\u{401}', '\u{1EFA}', '\u{2013}', '\u{200D}',
    '\u{2028}', '\u{212B}', '\u{2266}', '東', '\u{FB01}', '\u{FEFF}', '😀',
];

/// Makes texts of a datatype, and others that nearly are.
pub(crate) struct Texts {
    of_datatype: Vec<&'static Entry>,
    all: Vec<&'static Entry>,
    chance: Chance,
}

impl Texts {
    pub(crate) fn of(datatype: Datatype, seed: u64) -> Self {
        let of_datatype = entries().filter(|entry| datatype.has(entry.group)).collect();
        Self { of_datatype, all: entries().collect(), chance: Chance(seed) }
    }

    /// Up to twelve units of the datatype.
    pub(crate) fn valid(&mut self) -> String {
        let units = self.chance.below(13);
        (0..units).map(|_| self.chance.one_of(&self.of_datatype).text).collect()
    }

    /// One of the above with one to three changes, valid or not.
    pub(crate) fn mutated(&mut self) -> String {
        let mut characters: Vec<char> = self.valid().chars().collect();
        for _ in 0..=self.chance.below(3) {
            self.mutate(&mut characters);
        }
        characters.into_iter().collect()
    }

    fn mutate(&mut self, characters: &mut Vec<char>) {
        let at = self.chance.below(characters.len() + 1);
        let marks = [0x300, 0x301, 0x304, 0x306, 0x308, 0x30D, 0x323, 0x325, 0x328, 0x331, 0x35F];
        match self.chance.below(8) {
            0 => characters.insert(at, *self.chance.one_of(&STRANGE)),
            1 => characters.insert(at, char::from_u32(*self.chance.one_of(&marks)).unwrap()),
            2 => {
                let entry = self.chance.one_of(&self.all);
                characters.splice(at..at, entry.text.chars());
            }
            3 => {
                let any = u32::try_from(self.chance.below(0x2500)).unwrap();
                characters.insert(at, char::from_u32(any).filter(|c| *c != '\0').unwrap_or('x'));
            }
            4 => *characters = characters.iter().copied().nfd().collect(),
            5 if at < characters.len() => drop(characters.remove(at)),
            6 if at < characters.len() => characters.insert(at, characters[at]),
            7 if 0 < at && at < characters.len() => characters.swap(at - 1, at),
            _ => {}
        }
    }
}

/// The simple types of one schema document.
pub(crate) struct Types {
    schemas: SchemaSet,
    /// Where there is none, the document takes that of whoever includes it.
    namespace: Option<String>,
}

impl Types {
    pub(crate) fn read(schema: &std::path::Path) -> Self {
        let document = std::fs::read_to_string(schema).unwrap();
        let after = document.split_once("targetNamespace=\"").map(|(_, after)| after);
        let namespace = after.and_then(|after| Some(after.split_once('"')?.0.to_owned()));
        let builder = SchemaSetBuilder::new().add("", schema.to_str().unwrap()).unwrap();
        let schemas = builder.compile().unwrap().into_schema_set();
        Self { schemas, namespace }
    }

    pub(crate) fn named(&self, name: &str) -> Option<TypeKey> {
        let names = &self.schemas.name_table;
        let namespace = self.namespace.as_deref().and_then(|namespace| names.get(namespace));
        self.schemas.lookup_type(namespace, names.get(name)?)
    }

    pub(crate) fn allows(&self, key: TypeKey, value: &str) -> bool {
        validate_simple_type(value, key, &self.schemas).is_ok()
    }
}
