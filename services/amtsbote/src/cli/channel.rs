//! What is ordered about channels themselves.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::config::PARTITIONS_MAX;

#[derive(Debug, Subcommand)]
pub(crate) enum Channel {
    /// Go on with more partitions, while no dispatcher runs and everything that came is admitted.
    /// Ordered once for each ledger; then the number is changed in every configuration.
    Switch(Switch),
}

#[derive(Debug, Args)]
pub(crate) struct Switch {
    /// Of every topic, from now on. Kafka can add some and take none away.
    #[arg(long, value_name = "NUMBER",
          value_parser = clap::value_parser!(u32).range(1..=i64::from(PARTITIONS_MAX)))]
    pub(crate) partitions: u32,
    /// Only say what would be done, and what is in its way.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Who orders it; recorded, and not checked by anybody. Without: the user of this machine.
    #[arg(long, value_name = "NAME", env = "AMTSBOTE_OPERATOR")]
    pub(crate) operator: Option<String>,
    /// Why; recorded.
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    pub(crate) reason: String,
    /// The dispatcher's configuration, with the former number or the new one.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}
