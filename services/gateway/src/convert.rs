//! Our words as the protocol says them.

use messaging::Timestamp;
use standards::{Severity, Violation};
use wire::intake;

/// Told of one message.
const VIOLATIONS_MAX: usize = 1_000;

pub(crate) fn violations(found: &[Violation]) -> Vec<intake::Violation> {
    found.iter().take(VIOLATIONS_MAX).map(violation).collect()
}

fn violation(found: &Violation) -> intake::Violation {
    use intake::violation::Severity as Wire;
    intake::Violation {
        code: found.code.to_owned(),
        xoev_code: found.xoev_code.unwrap_or_default().to_owned(),
        severity: match found.severity {
            Severity::Warning => Wire::Warning,
            Severity::Error => Wire::Error,
        } as i32,
        path: found.path.clone(),
        line: found.line,
        column: found.column,
        german: found.german.clone(),
        english: found.english.clone(),
        rule: found.rule.clone().unwrap_or_default(),
    }
}

pub(crate) fn timestamp(at: Timestamp) -> prost_types::Timestamp {
    let micros = at.0.rem_euclid(1_000_000);
    prost_types::Timestamp {
        seconds: at.0.div_euclid(1_000_000),
        nanos: i32::try_from(micros * 1_000).expect("a fraction of a second fits"),
    }
}
