//! What changed between two versions of a code list.

use super::CodeList;

/// What the newer of two lists has that the older has not, and the other way round.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// Codes only the newer one has, with their names; ordered by code.
    pub added: Vec<(String, String)>,
    /// Codes only the older one has, with their names; ordered by code.
    pub removed: Vec<(String, String)>,
    /// Codes of both whose names differ; ordered by code.
    pub renamed: Vec<Renamed>,
}

/// A code that is called otherwise now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Renamed {
    /// The code.
    pub code: String,
    /// What it was called.
    pub from: String,
    /// What it is called.
    pub to: String,
}

impl Difference {
    /// Whether both have the same codes under the same names.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty() && self.renamed.is_empty()
    }
}

/// Compares two versions.
#[must_use]
pub fn difference(older: &CodeList, newer: &CodeList) -> Difference {
    let only = |list: &CodeList, other: &CodeList| {
        let alone = list.iter().filter(|(code, _)| !other.contains(code));
        alone.map(|(code, name)| (code.to_owned(), name.to_owned())).collect()
    };
    let renamed = older.iter().filter_map(|(code, from)| {
        let to = newer.name(code).filter(|to| *to != from)?;
        Some(Renamed { code: code.to_owned(), from: from.to_owned(), to: to.to_owned() })
    });
    Difference {
        added: only(newer, older),
        removed: only(older, newer),
        renamed: renamed.collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codelist::Head;

    #[test]
    fn what_came_what_went_and_what_is_called_otherwise_is_told() {
        let list = |rows: &[(&str, &str)]| {
            let rows: Vec<_> =
                rows.iter().map(|(c, n)| ((*c).to_owned(), (*n).to_owned())).collect();
            CodeList::new(Head::default(), &rows)
        };
        let older = list(&[("1", "eins"), ("2", "zwei"), ("3", "drei")]);
        let newer = list(&[("3", "drei"), ("2", "zwo"), ("4", "vier")]);
        let found = difference(&older, &newer);
        assert_eq!(found.added, [("4".to_owned(), "vier".to_owned())]);
        assert_eq!(found.removed, [("1".to_owned(), "eins".to_owned())]);
        let renamed = Renamed { code: "2".into(), from: "zwei".into(), to: "zwo".into() };
        assert_eq!(found.renamed, [renamed]);
        assert!(difference(&older, &older).is_empty());
    }
}
