//! What is wrong with a configuration: every place at once.

use std::fmt;

use serde::Serialize;

/// One fault at one place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Fault {
    /// The file.
    pub(crate) file: String,
    /// From 1; 0 for the file as a whole.
    pub(crate) line: usize,
    /// Dotted, e.g. `gateway.limits.message_bytes_max`; empty for the file as a whole.
    pub(crate) key: String,
    /// Names a page in `docs/errors/`.
    pub(crate) code: &'static str,
    /// Lower case, no full stop, with the value that was wrong.
    pub(crate) what: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if self.line != 0 {
            write!(f, ":{}", self.line)?;
        }
        if !self.key.is_empty() {
            write!(f, ": {}", self.key)?;
        }
        write!(f, ": {} {}", self.code, self.what)
    }
}

/// All of them, in the order of the file; at least one.
#[derive(Clone, Debug)]
pub(crate) struct Faults(pub(crate) Vec<Fault>);

impl From<Faults> for crate::exit::Stop {
    fn from(Faults(faults): Faults) -> Self {
        let code = faults.first().map_or(crate::codes::FILE_UNREADABLE, |fault| fault.code);
        let what = match faults.len() {
            1 => "1 fault in the configuration".to_owned(),
            n => format!("{n} faults in the configuration"),
        };
        Self::usage(code, what).with_details(faults.iter().map(Fault::to_string).collect())
    }
}
