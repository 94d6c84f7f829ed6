//! Shows what is wrong with a document, one place a line.

use serde_json::{Value, json};
use wire::intake::{Violation, violation::Severity};

use crate::cli::Language;

/// Of the standards' verdict, as the gateway would send it.
pub(crate) fn of(violation: &standards::Violation) -> Violation {
    let severity = match violation.severity {
        standards::Severity::Error => Severity::Error,
        standards::Severity::Warning => Severity::Warning,
    };
    Violation {
        code: violation.code.to_owned(),
        xoev_code: violation.xoev_code.unwrap_or_default().to_owned(),
        severity: severity.into(),
        path: violation.path.clone(),
        line: violation.line,
        column: violation.column,
        german: violation.german.clone(),
        english: violation.english.clone(),
        rule: violation.rule.clone().unwrap_or_default(),
    }
}

/// For people: `Fehler AB-4102 (X001), Zeile 3, Spalte 7, /antrag/fin: …`.
pub(crate) fn text(violation: &Violation, language: Language) -> String {
    let severity = match violation.severity() {
        Severity::Warning => language.of("Warnung", "warning"),
        Severity::Error | Severity::Unspecified => language.of("Fehler", "error"),
    };
    let mut text = format!("  {severity} {}", violation.code);
    if !violation.xoev_code.is_empty() {
        text.push_str(&format!(" ({})", violation.xoev_code));
    }
    if violation.line != 0 {
        let (line, column) = (language.of("Zeile", "line"), language.of("Spalte", "column"));
        text.push_str(&format!(", {line} {}, {column} {}", violation.line, violation.column));
    }
    if !violation.path.is_empty() {
        text.push_str(&format!(", {}", violation.path));
    }
    text.push_str(": ");
    text.push_str(language.of(&violation.german, &violation.english));
    text
}

/// For programs.
pub(crate) fn json(violation: &Violation) -> Value {
    json!({
        "code": violation.code,
        "xoev_code": violation.xoev_code,
        "severity": match violation.severity() {
            Severity::Warning => "warning",
            Severity::Error | Severity::Unspecified => "error",
        },
        "path": violation.path,
        "line": violation.line,
        "column": violation.column,
        "german": violation.german,
        "english": violation.english,
        "rule": violation.rule,
    })
}
