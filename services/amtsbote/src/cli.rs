//! The command line: what can be asked of the program. `docs/cli.md` says the same at length.

mod answers;
mod bench;
mod bulk;
mod channel;
mod ledger;
mod operator;
mod standards;

use std::{path::PathBuf, str::FromStr, time::Duration};

use clap::{Args, Parser, Subcommand, ValueEnum};

pub(crate) use self::{
    answers::{AsAnswer, Form, WithAnswer},
    bench::Bench,
    bulk::{Bulk, Each, Filter, Replay},
    channel::{Channel, Switch},
    ledger::Ledger,
    operator::{Console, Dead, Endpoint, Orderer, ToDecide},
    standards::{
        Codes, CodesImport, Destination, Standard, StandardCheck, StandardImport, StandardPaths,
    },
};

/// Shown below `--help`.
const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  refused, or not delivered: the same again gives the same answer
  2  wrong usage or configuration
  3  something is not there now, or the outcome is unknown: the same again later may help
  4  a defect of this program

`amtsbote errors AB-nnnn` says what a code means and what to do.";

/// Where `submit`, `status` and `bench` look unless told otherwise.
const GATEWAY_URL: &str = "http://127.0.0.1:7001";

/// Where `health` looks unless told otherwise.
const CONSOLE_URL: &str = "http://127.0.0.1:7080";

/// Carries applications from a portal into departmental systems.
#[derive(Debug, Parser)]
#[command(name = "amtsbote", version, after_help = EXIT_CODES, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
    /// Print JSON, one value a line, for programs.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// The language of reasons and timelines.
    #[arg(long, global = true, value_enum, default_value = "de")]
    pub(crate) lang: Language,
}

/// Which of two texts is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Language {
    /// German.
    #[default]
    De,
    /// English.
    En,
}

impl Language {
    /// The text in this language.
    pub(crate) fn of<'t>(self, german: &'t str, english: &'t str) -> &'t str {
        match self {
            Self::De if !german.is_empty() => german,
            Self::En if english.is_empty() => german,
            Self::De | Self::En => english,
        }
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run gateway, dispatcher and console, or some of them.
    Run(Run),
    /// Show it all on this machine: sample applications, simulated departmental systems.
    Demo(Demo),
    /// Push documents and print receipts, or every reason why not.
    Submit(Submit),
    /// Print what became of an application.
    Status(Status),
    /// Look at departmental systems as they are served, pause and resume them.
    #[command(subcommand)]
    Endpoint(Endpoint),
    /// Look at deliveries that are dead or uncertain, and decide about them.
    #[command(subcommand)]
    Dead(Dead),
    /// Order the same about many deliveries: with a preview, a canary, a rate and a stop rule.
    Replay(Replay),
    /// Look at what was ordered about many deliveries, and stop it.
    #[command(subcommand)]
    Bulk(Bulk),
    /// Back up the truth about deliveries, and go on with a backup of it.
    #[command(subcommand)]
    Ledger(Ledger),
    /// Go on with more partitions on Kafka.
    #[command(subcommand)]
    Channel(Channel),
    /// Install standards, look at them and at documents; needs no server.
    #[command(subcommand)]
    Standard(Standard),
    /// Install code lists, look at them and compare versions; needs no server.
    #[command(subcommand)]
    Codes(Codes),
    /// Put a load on a running instance as a portal would, and measure it.
    Bench(Bench),
    /// Print the effective configuration, or every fault in it.
    Check(Check),
    /// Ask a process whether it works.
    Health(Health),
    /// Print the page of a code, or all codes.
    Errors(Errors),
}

#[derive(Debug, Args)]
pub(crate) struct Run {
    /// Which roles; all of them if none is named. An embedded channel needs all in one process.
    #[arg(value_enum)]
    pub(crate) roles: Vec<Role>,
    /// The configuration. Without: embedded in `./data`, no endpoints.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

/// What a process does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Role {
    /// Takes applications.
    Gateway,
    /// Hands them over.
    Dispatcher,
    /// Shows them.
    Console,
}

#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// End when all is delivered, with 0 only if everything ended as it should.
    #[arg(long)]
    pub(crate) exit_when_done: bool,
    /// Keep everything in this folder. Without: a temporary one.
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// Do not remove the temporary folder at the end.
    #[arg(long)]
    pub(crate) keep: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Submit {
    /// Documents, or folders whose `.xml` and `.json` files are taken, subfolders too.
    #[arg(required = true, value_name = "FILE|DIR")]
    pub(crate) files: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) server: Server,
    /// Wait until departmental systems have them.
    #[arg(long)]
    pub(crate) wait: bool,
    /// How long to wait at most, in seconds.
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = seconds)]
    pub(crate) wait_max: Duration,
    /// A file the document refers to by this name; only with a single document.
    #[arg(long = "attach", value_name = "NAME=FILE")]
    pub(crate) attachments: Vec<Attachment>,
}

/// Where the server is, and who asks.
#[derive(Clone, Debug, Args)]
pub(crate) struct Server {
    /// The gateway.
    #[arg(long, value_name = "URL", env = "AMTSBOTE_URL", default_value = GATEWAY_URL)]
    pub(crate) to: String,
    /// Holds the bearer token.
    #[arg(long, value_name = "FILE", env = "AMTSBOTE_TOKEN_FILE")]
    pub(crate) token_file: Option<PathBuf>,
}

/// `NAME=FILE`.
#[derive(Clone, Debug)]
pub(crate) struct Attachment {
    pub(crate) name: String,
    pub(crate) file: PathBuf,
}

impl FromStr for Attachment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((name, file)) if !name.is_empty() && !file.is_empty() => {
                Ok(Self { name: name.to_owned(), file: file.into() })
            }
            _ => Err("write NAME=FILE, e.g. vollmacht.pdf=./vollmacht.pdf".to_owned()),
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct Status {
    /// Message id, the sender's own id, or case id.
    pub(crate) id: String,
    #[command(flatten)]
    pub(crate) server: Server,
    #[command(flatten)]
    pub(crate) answer: AsAnswer,
}

#[derive(Debug, Args)]
pub(crate) struct Check {
    /// The configuration. Without: the defaults.
    pub(crate) config: Option<PathBuf>,
    /// For a process with this role, or these; without: with all.
    #[arg(long = "role", value_enum, value_name = "ROLE")]
    pub(crate) roles: Vec<Role>,
}

#[derive(Debug, Args)]
pub(crate) struct Health {
    /// Where the process tells it: the console, or `[operations] listen`.
    #[arg(value_name = "URL", default_value = CONSOLE_URL)]
    pub(crate) url: String,
}

#[derive(Debug, Args)]
pub(crate) struct Errors {
    /// E.g. `AB-5003`.
    pub(crate) code: Option<String>,
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse::<f64>().map_err(|_| "not a number of seconds".to_owned())?;
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{CommandFactory as _, error::ErrorKind};

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn wrong_usage_is_refused_before_anything_happens() {
        for (line, expected) in [
            ("amtsbote", ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand),
            ("amtsbote fly", ErrorKind::InvalidSubcommand),
            ("amtsbote run porter", ErrorKind::InvalidValue),
            ("amtsbote run --port 1", ErrorKind::UnknownArgument),
            ("amtsbote submit", ErrorKind::MissingRequiredArgument),
            ("amtsbote submit a.xml --attach b.pdf", ErrorKind::ValueValidation),
            ("amtsbote submit a.xml --attach =b.pdf", ErrorKind::ValueValidation),
            ("amtsbote submit a.xml --wait-max -1", ErrorKind::UnknownArgument),
            ("amtsbote submit a.xml --wait-max=-1", ErrorKind::ValueValidation),
            ("amtsbote status", ErrorKind::MissingRequiredArgument),
            ("amtsbote endpoint", ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand),
            ("amtsbote endpoint pause", ErrorKind::MissingRequiredArgument),
            ("amtsbote endpoint list kfz", ErrorKind::UnknownArgument),
            ("amtsbote dead replay", ErrorKind::MissingRequiredArgument),
            ("amtsbote dead bury a", ErrorKind::InvalidSubcommand),
            ("amtsbote replay", ErrorKind::MissingRequiredArgument),
            ("amtsbote replay --filter state=dead", ErrorKind::ValueValidation),
            ("amtsbote replay --filter endpoint=a --rate fast", ErrorKind::ValueValidation),
            (
                "amtsbote replay --filter endpoint=a --same-key --new-effect",
                ErrorKind::ArgumentConflict,
            ),
            ("amtsbote bulk stop", ErrorKind::MissingRequiredArgument),
            ("amtsbote ledger backup", ErrorKind::MissingRequiredArgument),
            ("amtsbote ledger restore a b", ErrorKind::UnknownArgument),
            ("amtsbote status a --lang fr", ErrorKind::InvalidValue),
            ("amtsbote bench --rate 0", ErrorKind::ValueValidation),
            ("amtsbote bench --in-flight 0", ErrorKind::ValueValidation),
            ("amtsbote bench --receiver 7080", ErrorKind::ValueValidation),
            ("amtsbote bench --document a.xml --test", ErrorKind::ArgumentConflict),
            ("amtsbote bench --document a.xml --endpoints 2", ErrorKind::ArgumentConflict),
            ("amtsbote bench --endpoints 0", ErrorKind::ValueValidation),
            ("amtsbote bench --poison 1", ErrorKind::MissingRequiredArgument),
            ("amtsbote bench --receiver [::1]:1 --poison 0%", ErrorKind::ValueValidation),
            ("amtsbote bench --dead 1", ErrorKind::MissingRequiredArgument),
            ("amtsbote bench --backlog 9", ErrorKind::MissingRequiredArgument),
            ("amtsbote bench --receiver [::1]:1 --backlog 9 --rate 5", ErrorKind::ArgumentConflict),
            ("amtsbote bench --receiver [::1]:1 --receipts-only", ErrorKind::ArgumentConflict),
            ("amtsbote standard", ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand),
        ] {
            let error = Cli::try_parse_from(line.split(' ')).unwrap_err();
            assert_eq!(error.kind(), expected, "{line}");
            assert_eq!(error.exit_code(), 2, "{line}");
        }
    }

    #[test]
    fn a_missing_translation_shows_the_other() {
        assert_eq!(Language::De.of("ja", "yes"), "ja");
        assert_eq!(Language::En.of("ja", "yes"), "yes");
        assert_eq!(Language::De.of("", "yes"), "yes");
        assert_eq!(Language::En.of("ja", ""), "ja");
    }
}
