//! The program `amtsbote`: configuration, wiring and command line around the roles.

mod answer;
mod bench;
mod bulk;
mod channel;
mod check;
mod cli;
mod client;
mod clock;
mod codelists;
mod codes;
mod config;
mod dead;
mod defects;
mod demo;
mod embedded;
mod endpoint;
mod exit;
mod files;
mod health;
mod ledger;
mod operate;
mod output;
mod pages;
mod push;
mod reload;
mod roles;
mod run;
mod standard;
mod status;
mod submit;
mod system;
mod violations;

use std::{process::ExitCode, time::Duration};

use clap::Parser as _;

use crate::{
    cli::{Cli, Command},
    exit::{Exit, Stop},
    output::Output,
};

/// A message is very many small allocations on several threads, a fifth of its whole cost with the
/// system's allocator (`docs/performance.md`).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A Kafka client's end waits for its brokers, also for those that are gone; what matters is done
/// and written down before.
const CLIENTS_END_WITHIN: Duration = Duration::from_secs(5);

fn main() -> ExitCode {
    let cli = Cli::parse();
    let output = Output::new(cli.json);
    let exit = obey(&cli, &output).unwrap_or_else(|stop| {
        output.stop(&stop);
        stop.exit
    });
    output.settle(exit).into()
}

fn obey(cli: &Cli, output: &Output) -> Result<Exit, Stop> {
    match &cli.command {
        Command::Run(args) => {
            let runtime = runtime()?;
            let exit = runtime.block_on(run::run(args, clock::wall(), output));
            runtime.shutdown_timeout(CLIENTS_END_WITHIN);
            exit
        }
        Command::Demo(args) => {
            runtime()?.block_on(demo::run(args, clock::wall(), cli.lang, output))
        }
        Command::Submit(args) => runtime()?.block_on(submit::run(args, cli.lang, output)),
        Command::Status(args) => runtime()?.block_on(status::run(args, cli.lang, output)),
        Command::Bench(args) => bench::run(args, cli.lang, output),
        Command::Endpoint(args) => runtime()?.block_on(endpoint::run(args, cli.lang, output)),
        Command::Dead(args) => runtime()?.block_on(dead::run(args, cli.lang, output)),
        Command::Replay(args) => runtime()?.block_on(bulk::replay(args, cli.lang, output)),
        Command::Bulk(args) => runtime()?.block_on(bulk::run(args, cli.lang, output)),
        Command::Ledger(args) => ledger::run(args, &clock::wall(), cli.lang, output),
        Command::Channel(args) => channel::run(args, &clock::wall(), cli.lang, output),
        Command::Codes(args) => codelists::run(args, cli.lang, output),
        Command::Standard(args) => standard::run(args, &clock::wall(), cli.lang, output),
        Command::Check(args) => check::run(args, output),
        Command::Health(args) => runtime()?.block_on(health::run(args, output)),
        Command::Errors(args) => pages::run(args, output),
    }
}

pub(crate) fn runtime() -> Result<tokio::runtime::Runtime, Stop> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(|error| {
        let what = format!("start the runtime: {error}");
        Stop::new(Exit::Defect, codes::ROLE_ENDED, what)
    })
}
