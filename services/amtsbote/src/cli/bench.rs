//! `bench`: what load is wanted.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use clap::Args;

use super::{Server, seconds};

/// Every message is an application like any other: what subscribes to it gets it.
#[derive(Debug, Args)]
pub(crate) struct Bench {
    #[command(flatten)]
    pub(crate) server: Server,
    /// Messages due a second, whether or not answers come. Without: as fast as answers come.
    #[arg(long, value_name = "PER_SECOND", value_parser = rate)]
    pub(crate) rate: Option<f64>,
    /// How long is measured, in seconds; with the warm-up at most an hour.
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = seconds)]
    pub(crate) duration: Duration,
    /// How long messages are sent before that.
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = seconds)]
    pub(crate) warmup: Duration,
    /// How long to wait at the end for what is not delivered yet, 60 without, and 600 at most; of a
    /// backlog an hour.
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub(crate) drain: Option<Duration>,
    /// Connections to the gateway.
    #[arg(long, value_name = "N", default_value = "2", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) connections: u16,
    /// Messages of one connection without an answer at most.
    #[arg(long, value_name = "N", default_value = "64", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) in_flight: u16,
    /// Different cases; the messages of one are delivered in order, one after the other.
    #[arg(long, value_name = "N", default_value = "1000", value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    pub(crate) cases: u32,
    /// Send this document instead of generated ones: `@@ID@@` in it becomes the message's own id
    /// (a UUID), `@@KEY@@` the case's key (8 hexadecimal digits).
    #[arg(long, value_name = "FILE")]
    pub(crate) document: Option<PathBuf>,
    /// Whom generated documents are for; several share the cases.
    #[arg(
        long = "authority",
        value_name = "PREFIX:KEY",
        default_value = "svb:14730000",
        conflicts_with = "document"
    )]
    pub(crate) authorities: Vec<String>,
    /// So many authorities of its own instead, for as many endpoints: see `--print-config`.
    #[arg(
        long,
        value_name = "N",
        conflicts_with_all = ["document", "authorities"],
        value_parser = clap::value_parser!(u16).range(1..=1_000)
    )]
    pub(crate) endpoints: Option<u16>,
    /// Generate test messages: only endpoints for tests get them.
    #[arg(long, conflicts_with = "document")]
    pub(crate) test: bool,
    /// Gives the same documents and the same mix of cases again; ids are always new.
    #[arg(long, value_name = "N", default_value = "1")]
    pub(crate) seed: u64,
    /// Be the departmental system too: listen here, as the only endpoint of these messages.
    /// Without: deliveries are what `WatchStatus` tells.
    #[arg(long, value_name = "HOST:PORT")]
    pub(crate) receiver: Option<SocketAddr>,
    /// The receiver is away until so many messages have receipts; then it is measured how fast
    /// they are handed over.
    #[arg(
        long,
        value_name = "N",
        requires = "receiver",
        conflicts_with_all = ["rate", "duration", "warmup"],
        value_parser = clap::value_parser!(u32).range(1..=1_900_000)
    )]
    pub(crate) backlog: Option<u32>,
    /// That share of the cases fails at the receiver, again and again.
    #[arg(long, value_name = "PERCENT", requires = "receiver", value_parser = percent)]
    pub(crate) poison: Option<f64>,
    /// The endpoints of so many authorities, the first ones, are away all the time.
    #[arg(long, value_name = "N", requires = "receiver")]
    pub(crate) dead: Option<u16>,
    /// Print the configuration of an instance for this run, and do nothing else.
    #[arg(long, requires = "receiver", conflicts_with = "document")]
    pub(crate) print_config: bool,
    /// Follow no deliveries.
    #[arg(long, conflicts_with = "receiver")]
    pub(crate) receipts_only: bool,
    /// Processes of this machine whose CPU seconds and memory are told.
    #[arg(long = "pid", value_name = "PID", num_args = 1..)]
    pub(crate) processes: Vec<u32>,
    /// Put the load on a system beyond this machine.
    #[arg(long)]
    pub(crate) i_may_load_this_system: bool,
}

fn rate(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if (0.1..=1_000_000.0).contains(&rate) => Ok(rate),
        _ => Err("not a number from 0.1 to 1000000".to_owned()),
    }
}

/// `1%`, or `1`; of a hundred cases so many.
fn percent(text: &str) -> Result<f64, String> {
    match text.strip_suffix('%').unwrap_or(text).parse::<f64>() {
        Ok(percent) if (0.001..=50.0).contains(&percent) => Ok(percent),
        _ => Err("not a share from 0.001% to 50%".to_owned()),
    }
}
