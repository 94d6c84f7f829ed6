//! Published samples and our own examples.

use std::sync::Arc;

use super::{data::cases, differential::is_known, judges::Full};
use crate::{Acceptor, CompileLimits, Limits, Scalar, Verdict, compile};

#[test]
fn published_schemas_take_a_quarter_of_the_work_they_may_at_most() {
    let limits = CompileLimits::default();
    let limits = CompileLimits { work_bytes_max: limits.work_bytes_max / 4, ..limits };
    for case in cases() {
        let tables = compile(&case.schemas(), limits);
        assert_eq!(tables.unknown(), case.tables.unknown(), "{}", case.name);
    }
}

#[test]
fn every_sample_that_is_valid_is_proven_and_no_other() {
    let mut wrong = String::new();
    for case in cases() {
        let schemas = case.schemas();
        let full = Full::new(&schemas);
        let mut acceptor = Acceptor::new(Arc::clone(&case.tables), Limits::default());
        let mut scalar: Acceptor<Scalar> =
            Acceptor::with_lanes(Arc::clone(&case.tables), Limits::default());
        eprintln!(
            "{}: {} documents, {} KB of tables, not compiled: {:?}",
            case.name,
            case.documents.len(),
            case.tables.bytes() / 1024,
            case.tables.unknown()
        );
        for (path, document) in &case.documents {
            let found = acceptor.judge(document);
            assert_eq!(found, scalar.judge(document), "{}", path.display());
            let problems = full.problems(document);
            if (found == Verdict::Valid) != problems.is_empty() && !is_known(&problems) {
                wrong.push_str(&format!("{} {found:?} {problems:?}\n", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}
