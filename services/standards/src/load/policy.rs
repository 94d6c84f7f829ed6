//! What a standard makes of code lists that are not installed in the version a document names.

use std::collections::HashMap;

use crate::{Severity, load::toml_file::Table};

/// What becomes of a code whose list is installed, in other versions only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum UnknownVersion {
    /// Nothing is said.
    Accept,
    /// A warning.
    #[default]
    Warn,
    /// An error.
    Reject,
}

impl UnknownVersion {
    /// How severe it is; `None` where nothing is said.
    pub(crate) fn severity(self) -> Option<Severity> {
        match self {
            Self::Accept => None,
            Self::Warn => Some(Severity::Warning),
            Self::Reject => Some(Severity::Error),
        }
    }

    fn parse(text: &str) -> Option<Self> {
        match text {
            "accept" => Some(Self::Accept),
            "warn" => Some(Self::Warn),
            "reject" => Some(Self::Reject),
            _ => None,
        }
    }
}

/// The table `[codelists]`: `unknown_version` for all lists, and a list's URI for that list.
#[derive(Clone, Debug, Default)]
pub(crate) struct CodePolicy {
    otherwise: UnknownVersion,
    of_list: HashMap<String, UnknownVersion>,
}

impl CodePolicy {
    /// Reads the table.
    pub(crate) fn read(mut table: Table<'_>) -> Self {
        let mut policy = Self::default();
        for entry in table.take_all() {
            let (name, report) = (entry.name.clone(), entry.reporter());
            let Some(text) = entry.text() else { continue };
            match UnknownVersion::parse(&text) {
                Some(said) if name == "unknown_version" => policy.otherwise = said,
                Some(said) if name.contains(':') => {
                    policy.of_list.insert(name, said);
                }
                Some(_) => report("is neither `unknown_version` nor the URI of a list"),
                None => report("`accept`, `warn` or `reject` is expected"),
            }
        }
        policy
    }

    /// What holds for the list called `uri`.
    pub(crate) fn of(&self, uri: &str) -> UnknownVersion {
        self.of_list.get(uri).copied().unwrap_or(self.otherwise)
    }
}
