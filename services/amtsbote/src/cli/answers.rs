//! What is asked about answers: messages of a standard that say what became of another.

use clap::{Args, ValueEnum};

/// How an answer is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Form {
    /// XML.
    #[default]
    Xml,
    /// JSON.
    Json,
}

#[derive(Debug, Args)]
pub(crate) struct AsAnswer {
    /// Print the answer as a message of a standard: receipt, status or rejection.
    #[arg(long, requires = "reader")]
    pub(crate) as_answer: bool,
    /// Whom the answer names as its reader: the portal as an authority.
    #[arg(long, value_name = "PREFIX:KEY")]
    pub(crate) reader: Option<String>,
    /// The reader's name.
    #[arg(long, value_name = "NAME", requires = "reader")]
    pub(crate) reader_name: Option<String>,
    /// The standard, perhaps with a version. Without: amtsbote-antwort.
    #[arg(long, value_name = "ID[/VERSION]", requires = "as_answer")]
    pub(crate) standard: Option<String>,
    /// XML or JSON.
    #[arg(long, value_enum, default_value = "xml", requires = "as_answer")]
    pub(crate) form: Form,
}

#[derive(Debug, Args)]
pub(crate) struct WithAnswer {
    /// Print the rejection a portal would get, with every reason at once, instead of the violations.
    #[arg(long, conflicts_with = "canonical")]
    pub(crate) answer: bool,
    /// Send the document back in it, as it is.
    #[arg(long, requires = "answer")]
    pub(crate) with_original: bool,
    /// Whom it names as its reader. Without: the document's author.
    #[arg(long, value_name = "PREFIX:KEY", requires = "answer")]
    pub(crate) reader: Option<String>,
    /// Whom it names as its author. Without: the authority the document is for.
    #[arg(long, value_name = "PREFIX:KEY", requires = "answer")]
    pub(crate) author: Option<String>,
    /// XML or JSON.
    #[arg(long, value_enum, default_value = "xml", requires = "answer")]
    pub(crate) form: Form,
}
