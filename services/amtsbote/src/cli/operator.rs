//! What operators ask of the console.

use std::{path::PathBuf, time::Duration};

use clap::{Args, Subcommand};

use super::{Server, seconds};

/// Where the console is unless told otherwise.
const CONSOLE_URL: &str = "http://127.0.0.1:7080";

/// Where the console is.
#[derive(Clone, Debug, Args)]
pub(crate) struct Console {
    /// The console.
    #[arg(long, value_name = "URL", env = "AMTSBOTE_CONSOLE_URL", default_value = CONSOLE_URL)]
    pub(crate) to: String,
    /// Holds the console's token, where it has one.
    #[arg(long, value_name = "FILE", env = "AMTSBOTE_CONSOLE_TOKEN_FILE")]
    pub(crate) token_file: Option<PathBuf>,
}

impl Console {
    /// As what a client connects to.
    pub(crate) fn server(&self) -> Server {
        Server { to: self.to.clone(), token_file: self.token_file.clone() }
    }
}

/// Who orders, why, and how long an answer is waited for.
#[derive(Clone, Debug, Args)]
pub(crate) struct Orderer {
    #[command(flatten)]
    pub(crate) console: Console,
    /// Who orders it; recorded, and not checked by anybody. Without: the user of this machine.
    #[arg(long, value_name = "NAME", env = "AMTSBOTE_OPERATOR")]
    pub(crate) operator: Option<String>,
    /// Why; recorded, and shown to other operators.
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    pub(crate) reason: String,
    /// How long to wait for the dispatcher's answer, in seconds.
    #[arg(long, value_name = "SECONDS", default_value = "15", value_parser = seconds)]
    pub(crate) wait_max: Duration,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Endpoint {
    /// Print every endpoint: whether it is served, and its deliveries by state.
    List(Console),
    /// Print one endpoint and what was ordered about it lately.
    Show {
        /// The endpoint.
        name: String,
        #[command(flatten)]
        console: Console,
    },
    /// Hand nothing more to it until it is resumed, whatever restarts; what is under way may end.
    Pause {
        /// The endpoint.
        name: String,
        #[command(flatten)]
        by: Orderer,
    },
    /// Serve it again.
    Resume {
        /// The endpoint.
        name: String,
        #[command(flatten)]
        by: Orderer,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Dead {
    /// Print deliveries that are dead or uncertain, of the newest application first.
    List {
        /// Only those for this endpoint.
        #[arg(long, value_name = "NAME", default_value = "", hide_default_value = true)]
        endpoint: String,
        #[command(flatten)]
        console: Console,
    },
    /// Print an application and what of it waits for a decision.
    Show {
        /// Message id or the sender's own id; the first 8 characters suffice.
        id: String,
        #[command(flatten)]
        console: Console,
    },
    /// Revive a dead or uncertain delivery in its place, with the same key.
    Replay(ToDecide),
    /// Give a dead or uncertain delivery up for good; its case goes on.
    Discard(ToDecide),
    /// An uncertain delivery did take effect: somebody has looked.
    Delivered(ToDecide),
    /// An uncertain delivery took no effect: hand it over once more.
    SendAgain(ToDecide),
    /// Revive a dead delivery in its place with a corrected document, under a key of its own. The
    /// document is judged as any submission is; the one that came is kept. Needs --reason.
    Edit {
        #[command(flatten)]
        what: ToDecide,
        /// The corrected document, at most 256 KiB.
        #[arg(long, value_name = "FILE")]
        document: PathBuf,
    },
}

/// Which delivery, and who decides.
#[derive(Debug, Args)]
pub(crate) struct ToDecide {
    /// Message id or the sender's own id; the first 8 characters suffice.
    pub(crate) id: String,
    /// Where several endpoints have a delivery of it that is dead or uncertain: which one.
    #[arg(long, value_name = "NAME", default_value = "", hide_default_value = true)]
    pub(crate) endpoint: String,
    #[command(flatten)]
    pub(crate) by: Orderer,
}
