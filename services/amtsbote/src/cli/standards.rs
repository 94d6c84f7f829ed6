//! What is asked about standards and code lists.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::answers::WithAnswer;

#[derive(Debug, Subcommand)]
pub(crate) enum Standard {
    /// Install a package as XRepository publishes it, without any network.
    Import(StandardImport),
    /// Check one document and print what a portal would see.
    Check(StandardCheck),
    /// Print the installed standards.
    List(StandardPaths),
    /// Print all there is to one standard, or to one version of it.
    Show {
        /// The standard, perhaps with a version.
        #[arg(value_name = "ID[/VERSION]")]
        name: String,
        #[command(flatten)]
        standards: StandardPaths,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Codes {
    /// Install code lists (genericode).
    Import(CodesImport),
    /// Print the installed code lists.
    List(StandardPaths),
    /// Print the codes of one list, or what one of them means.
    Show {
        /// As documents say in `listURI`.
        uri: String,
        /// As documents say in `listVersionID`.
        version: String,
        /// Only this code.
        code: Option<String>,
        #[command(flatten)]
        standards: StandardPaths,
    },
    /// Print which codes came, went and are called otherwise between two versions.
    Diff {
        /// A list's URI and two of its versions, or two files.
        #[arg(value_name = "URI V1 V2|FILE FILE", num_args = 2..=3, required = true)]
        of: Vec<String>,
        #[command(flatten)]
        standards: StandardPaths,
    },
}

#[derive(Debug, Args)]
pub(crate) struct CodesImport {
    /// Code lists, or archives and folders that hold some.
    #[arg(required = true, value_name = "FILE|ZIP|DIR")]
    pub(crate) files: Vec<PathBuf>,
    /// Put a list in the place of one of the same version that says something else.
    #[arg(long)]
    pub(crate) replace: bool,
    #[command(flatten)]
    pub(crate) into: Destination,
}

#[derive(Debug, Args)]
pub(crate) struct StandardImport {
    /// The package: a ZIP archive, the folder it was unpacked to, or one schema.
    #[arg(value_name = "ZIP|DIR|FILE")]
    pub(crate) package: PathBuf,
    /// Install it under this name. Without: as the schemas say.
    #[arg(long = "as", value_name = "ID/VERSION", value_parser = name)]
    pub(crate) name: Option<(String, String)>,
    /// An OASIS catalogue that says where copies of remote schemas lie.
    #[arg(long, value_name = "FILE")]
    pub(crate) catalog: Option<PathBuf>,
    /// Schemas the package refers to and does not bring: found by namespace and file name.
    #[arg(long, value_name = "ZIP|DIR|FILE")]
    pub(crate) with: Vec<PathBuf>,
    /// The namespace of the messages, where the package has several.
    #[arg(long, value_name = "URI")]
    pub(crate) namespace: Option<String>,
    /// The header's dialect. Without: told from the schemas.
    #[arg(long, value_name = "ID")]
    pub(crate) dialect: Option<String>,
    /// Put it in the place of the version installed; the old one stays until the new one is sound.
    #[arg(long)]
    pub(crate) replace: bool,
    #[command(flatten)]
    pub(crate) into: Destination,
}

/// Where something is installed.
#[derive(Clone, Debug, Args)]
pub(crate) struct Destination {
    /// The folder of standards. Without: the first of `[standards] paths` of the configuration.
    #[arg(long, value_name = "DIR")]
    pub(crate) into: Option<PathBuf>,
    /// The configuration.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct StandardCheck {
    /// The document.
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) standards: StandardPaths,
    /// Print the canonical message too.
    #[arg(long)]
    pub(crate) canonical: bool,
    #[command(flatten)]
    pub(crate) answer: WithAnswer,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct StandardPaths {
    /// Folders with standards beside the built-in ones.
    #[arg(long = "path", value_name = "DIR")]
    pub(crate) paths: Vec<PathBuf>,
    /// The configuration, whose `[standards] paths` are taken too.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

fn name(text: &str) -> Result<(String, String), String> {
    let is_plain = |text: &str, also: &[char]| {
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || also.contains(&c);
        !text.is_empty()
            && text.len() <= 60
            && text.chars().all(allowed)
            && !text.starts_with(['.', '-'])
    };
    match text.split_once('/') {
        Some((id, version))
            if is_plain(id, &['-', '_']) && is_plain(&version.to_lowercase(), &['-', '_', '.']) =>
        {
            Ok((id.to_owned(), version.to_owned()))
        }
        _ => Err("write ID/VERSION, e.g. xwasser/1.0.0: an id of a-z, 0-9, `-`, `_`".to_owned()),
    }
}
