//! Collects violations, and says at the end where each one is.

use crate::{Severity, Violation, load::standard::Standard};

/// The violations of one document so far.
#[derive(Debug)]
pub(crate) struct Report<'s> {
    standard: Option<&'s Standard>,
    /// Offset in bytes, if it has a place.
    violations: Vec<(Option<usize>, Violation)>,
    total: usize,
    /// Of all, also of those that are not kept.
    has_error: bool,
    most: usize,
}

/// One violation before its severity and line are known.
#[derive(Debug)]
pub(crate) struct Entry<'e> {
    pub(crate) code: &'static str,
    pub(crate) xoev_code: Option<&'static str>,
    pub(crate) rule: Option<&'e str>,
    /// Unless the standard says otherwise.
    pub(crate) severity: Severity,
    pub(crate) path: String,
    /// In bytes.
    pub(crate) at: Option<usize>,
    pub(crate) german: String,
    pub(crate) english: String,
}

impl<'e> Entry<'e> {
    /// An error without place.
    pub(crate) fn error(
        code: &'static str,
        german: impl Into<String>,
        english: impl Into<String>,
    ) -> Self {
        Self {
            code,
            xoev_code: None,
            rule: None,
            severity: Severity::Error,
            path: String::new(),
            at: None,
            german: german.into(),
            english: english.into(),
        }
    }

    /// A warning without place.
    pub(crate) fn warning(
        code: &'static str,
        german: impl Into<String>,
        english: impl Into<String>,
    ) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, german, english) }
    }

    /// With the XInneres error code.
    pub(crate) fn xoev(self, code: &'static str) -> Self {
        Self { xoev_code: Some(code), ..self }
    }

    /// With the validator's rule.
    pub(crate) fn rule(self, rule: &'e str) -> Self {
        Self { rule: Some(rule), ..self }
    }

    /// At a place.
    pub(crate) fn at(self, path: String, at: usize) -> Self {
        Self { path, at: Some(at), ..self }
    }
}

impl<'s> Report<'s> {
    /// An empty report that keeps `most` violations.
    pub(crate) fn new(most: usize) -> Self {
        Self { standard: None, violations: Vec::new(), total: 0, has_error: false, most }
    }

    /// From here on the severities of `standard` hold.
    pub(crate) fn of(&mut self, standard: &'s Standard) {
        self.standard = Some(standard);
    }

    /// Adds one.
    pub(crate) fn push(&mut self, entry: Entry<'_>) {
        let severity = self
            .standard
            .map_or(entry.severity, |s| s.severity(entry.code, entry.rule, entry.severity));
        self.count(1, severity);
        if self.is_full() {
            return;
        }
        let violation = Violation {
            code: entry.code,
            xoev_code: entry.xoev_code,
            severity,
            path: entry.path,
            line: 0,
            column: 0,
            german: entry.german,
            english: entry.english,
            rule: entry.rule.map(str::to_owned),
        };
        self.violations.push((entry.at, violation));
    }

    /// Whether what is added now is only counted.
    pub(crate) fn is_full(&self) -> bool {
        self.violations.len() >= self.most
    }

    /// Counts `more` that are not kept.
    pub(crate) fn count(&mut self, more: usize, severity: Severity) {
        self.total += more;
        self.has_error |= more > 0 && severity == Severity::Error;
    }

    /// Whether something is told of the place at byte `at` already.
    pub(crate) fn is_told_at(&self, at: usize) -> bool {
        self.violations.iter().any(|(of, _)| *of == Some(at))
    }

    /// Whether anything in it refuses the document.
    pub(crate) fn is_refusal(&self) -> bool {
        self.has_error
    }

    /// The violations in the order of `text`, with lines and columns, and how many there are.
    pub(crate) fn finish(mut self, text: &str) -> (Vec<Violation>, usize) {
        self.violations.sort_by_key(|(at, _)| *at);
        let (mut from, mut line, mut column) = (0, 1_u32, 1_u32);
        for (at, violation) in &mut self.violations {
            let Some(at) = at.map(|at| floor(text, at)) else { continue };
            let passed = text.get(from..at).unwrap_or_default();
            let lines = passed.bytes().filter(|byte| *byte == b'\n').count();
            let behind = passed.rfind('\n').map_or(0, |end| end + 1);
            let characters = passed.get(behind..).unwrap_or_default().chars().count();
            if lines > 0 {
                (line, column) = (line.saturating_add(counted(lines)), 1);
            }
            column = column.saturating_add(counted(characters));
            from = at;
            (violation.line, violation.column) = (line, column);
        }
        (self.violations.into_iter().map(|(_, violation)| violation).collect(), self.total)
    }
}

fn counted(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// The character boundary at or before `at`.
fn floor(text: &str, at: usize) -> usize {
    let at = at.min(text.len());
    (0..=at).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_told_in_characters_and_in_order() {
        let mut report = Report::new(2);
        for at in [7, 4] {
            report.push(Entry::error("AB-4104", "", "").at(String::new(), at));
        }
        report.push(Entry::error("AB-4104", "", ""));
        assert!(report.is_refusal());
        let (violations, total) = report.finish("öö\nä<a/>");
        let places: Vec<_> = violations.iter().map(|v| (v.line, v.column)).collect();
        assert_eq!((places, total), (vec![(1, 3), (2, 2)], 3));
    }
}
