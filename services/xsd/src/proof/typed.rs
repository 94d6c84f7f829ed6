//! Value by value: for each simple type of each schema, what is proven is valid for `xsd-schema` too.

use super::{
    chance::Chance,
    data::cases,
    values::{any, at, is_valid, reachable},
};
use crate::{compile, front, names::NONE, simple::Kind};
use xsd_schema::{TypeKey, validation::validate_simple_type};

/// Values of each type.
const VALUES: usize = 150;

/// Pieces of values.
const PIECES: &[&str] = &[
    "0", "1", "9", "-", "+", ".", ":", "T", "Z", " ", "e", "E", "/", "a", "B", "ä", "ß", "_", "\t",
    "\n", "#", "%", "=", "\u{301}", "\u{1e9e}", "\u{400}", "00", "2024-", "-05", "12:30", "true",
    "INF", "QUJD", "P1Y",
];

#[test]
fn values_that_are_proven_are_values_of_their_types() {
    let (mut both, mut neither, mut unsure, mut types) = (0, 0, 0, 0);
    let mut wrong = String::new();
    for case in cases() {
        let schemas = case.schemas();
        let (tables, numbers) = compile::with_simple_types(&front::schema(&schemas));
        let keys = schemas.arenas.simple_types.keys();
        for (key, simple) in keys.zip(numbers) {
            let Some(simple) = simple.filter(|simple| *simple != NONE) else { continue };
            if tables.simple.types[simple as usize].kind == Kind::Unknown {
                continue;
            }
            types += 1;
            let mut chance = Chance::new(u64::from(simple));
            let edges: Vec<Vec<u8>> = reachable(&tables, simple)
                .into_iter()
                .filter_map(|facet| at(&tables, simple, facet, &mut chance))
                .collect();
            for round in 0..VALUES {
                let value = match edges.get(round) {
                    Some(edge) => edge.clone(),
                    None => changed(any(&tables, simple, &mut chance), &mut chance),
                };
                let Ok(text) = String::from_utf8(value) else { continue };
                let found = is_valid(&tables, simple, text.as_bytes());
                let judged = validate_simple_type(&text, TypeKey::Simple(key), &schemas);
                match (found, judged) {
                    (true, Ok(_)) => both += 1,
                    (false, Err(_)) => neither += 1,
                    (false, Ok(_)) => unsure += 1,
                    (true, Err(error)) => {
                        let problem = [error.to_string()];
                        let row = &tables.simple.types[simple as usize];
                        let is_known = super::differential::is_known(&problem)
                            || row.kind == Kind::Base64 && text.contains([' ', '\n', '\t']);
                        if !is_known {
                            wrong
                                .push_str(&format!("{} {row:?} {text:?} {problem:?}\n", case.name));
                        }
                    }
                }
            }
        }
    }
    eprintln!("{types} types: valid for both {both}, for neither {neither}, not proven {unsure}");
    assert!(wrong.is_empty(), "{}", &wrong[..wrong.floor_char_boundary(10_000)]);
}

/// `value` with a few pieces put in, taken out or changed.
fn changed(value: Vec<u8>, chance: &mut Chance) -> Vec<u8> {
    let mut pieces: Vec<String> =
        String::from_utf8(value).unwrap().chars().map(String::from).collect();
    for _ in 0..chance.below(4) {
        let at = chance.below(pieces.len() + 1);
        let new = (*chance.one_of(PIECES)).to_owned();
        match chance.below(3) {
            0 if at < pieces.len() => {
                pieces.remove(at);
            }
            1 if at < pieces.len() => pieces[at] = new,
            _ => pieces.insert(at, new),
        }
    }
    pieces.concat().into_bytes()
}
