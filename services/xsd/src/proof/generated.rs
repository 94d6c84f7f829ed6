//! Documents generated from schemas: everything is reached, and both judges take what we take.

use std::sync::Arc;

use super::{
    chance::Chance,
    coverage::Item,
    data::{Case, cases},
    differential::is_known,
    generator::Generator,
    judges::Full,
    writer::Style,
};
use crate::{Acceptor, Limits, Reason, Verdict};

/// Documents for one schema, at most.
const DOCUMENTS_MAX: usize = 3_000;

/// Documents behind the one that reached the last thing there is.
const MORE: usize = 120;

/// Generates until everything is reached; gives the documents.
pub(super) fn documents(case: &Case, seed: u64) -> (Vec<Vec<u8>>, Generator<'_>) {
    let mut generator = Generator::new(&case.tables);
    let mut chance = Chance::new(seed);
    let (mut documents, mut idle, mut reached) = (Vec::new(), 0, 0);
    while documents.len() < DOCUMENTS_MAX && idle < MORE {
        let style = Style::ALL[documents.len() % Style::ALL.len()];
        documents.push(generator.document(&mut chance, style));
        idle = if generator.coverage.reached.len() > reached { 0 } else { idle + 1 };
        reached = generator.coverage.reached.len();
    }
    (documents, generator)
}

/// Whether an item is of a kind.
type IsKind = fn(&Item) -> bool;

/// How much of each kind of thing was reached.
fn told(generator: &Generator<'_>) -> String {
    let kinds: [(&str, IsKind); 5] = [
        ("elements", |item| matches!(item, Item::Child(..))),
        ("attributes", |item| matches!(item, Item::Attribute(_))),
        ("facets", |item| matches!(item, Item::Facet(..))),
        ("nil", |item| matches!(item, Item::Nil(_))),
        ("xsi:type", |item| matches!(item, Item::Override(..))),
    ];
    let coverage = &generator.coverage;
    let count = |(name, is_kind): (&str, IsKind)| {
        let all = coverage.all.iter().filter(|item| is_kind(item)).count();
        let reached = coverage.all.intersection(&coverage.reached).filter(|i| is_kind(i)).count();
        format!("{name} {reached}/{all}")
    };
    kinds.map(count).join(", ")
}

#[test]
fn documents_that_reach_everything_are_proven_and_valid() {
    let mut wrong = String::new();
    for case in cases() {
        let schemas = case.schemas();
        let full = Full::new(&schemas);
        let mut acceptor = Acceptor::new(Arc::clone(&case.tables), Limits::default());
        let (documents, generator) = documents(case, 1);
        let (mut proven, mut missed) = (0, 0);
        for document in &documents {
            let (found, problems) = (acceptor.judge(document), full.problems(document));
            proven += usize::from(found == Verdict::Valid);
            if found == Verdict::Valid && !problems.is_empty() && !is_known(&problems) {
                wrong.push_str(&format!("{}: {problems:?}\n{}\n", case.name, shown(document)));
            }
            // The generator knows nothing of keys, and has no ids to refer to now and then.
            let is_expected = matches!(
                found,
                Verdict::Valid
                    | Verdict::DontKnow(
                        Reason::Key
                            | Reason::KeyReference
                            | Reason::ReferenceDangling
                            | Reason::KeyUnsure
                    )
            );
            if problems.is_empty() && found != Verdict::Valid {
                missed += 1;
            }
            if !is_expected {
                wrong.push_str(&format!(
                    "{}: {found:?} {problems:?}\n{}\n",
                    case.name,
                    shown(document)
                ));
            }
        }
        eprintln!(
            "{}: {} documents, {proven} proven, {missed} valid and not proven; {}",
            case.name,
            documents.len(),
            told(&generator)
        );
        let coverage = &generator.coverage;
        let left: Vec<_> = coverage.all.difference(&coverage.reached).take(8).collect();
        if !left.is_empty() {
            let told = |item: &&Item| match item {
                Item::Facet(simple, _) => {
                    format!("{item:?} {:?}", case.tables.simple.types[*simple as usize])
                }
                item => format!("{item:?}"),
            };
            let left: Vec<String> = left.iter().map(told).collect();
            wrong.push_str(&format!("{}: not reached: {left:?}\n", case.name));
        }
        if missed * 1_000 > documents.len() {
            wrong.push_str(&format!("{}: {missed} of {} missed\n", case.name, documents.len()));
        }
    }
    assert!(wrong.is_empty(), "{}", &wrong[..wrong.floor_char_boundary(20_000)]);
}

/// The begin of a document.
pub(super) fn shown(document: &[u8]) -> String {
    String::from_utf8_lossy(document).chars().take(3_000).collect()
}
