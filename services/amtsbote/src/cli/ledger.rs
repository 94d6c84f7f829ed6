//! What is asked about the ledger itself.

use std::path::PathBuf;

use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub(crate) enum Ledger {
    /// Write what the ledger holds at this moment to a new file, whether a dispatcher works on it or not.
    Backup {
        /// Where to; must not be there.
        file: PathBuf,
        /// The dispatcher's configuration. Without: the ledger in `./data`.
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
    /// Put a backup in the ledger's place, while no dispatcher works on it. Whatever is not final in it,
    /// and whatever came since, is uncertain then, and what was ordered since is not carried out.
    Restore {
        /// The backup. Without: what lies there was put there by other means, as on PostgreSQL always.
        file: Option<PathBuf>,
        /// The dispatcher's configuration. Without: the ledger in `./data`.
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
}
