//! `amtsbote standard`: packages of standards installed, what is installed, and what a portal would be
//! told about a document; without any server.

mod check;
pub(crate) mod import;
pub(crate) mod install;
mod list;
mod show;
pub(crate) mod sources;

use std::path::PathBuf;

use messaging::Clock;
use standards::{LoadError, Options, Standards};

use crate::{
    check as configuration,
    cli::{Language, Standard, StandardPaths},
    exit::{Exit, Stop},
    output::Output,
};

/// Runs the command.
pub(crate) fn run(
    command: &Standard,
    clock: &Clock,
    language: Language,
    output: &Output,
) -> Result<Exit, Stop> {
    match command {
        Standard::Import(args) => import::import(args, language, output),
        Standard::Check(args) => check::check(args, clock, language, output),
        Standard::List(paths) => list::list(paths, language, output),
        Standard::Show { name, standards } => show::show(name, standards, language, output),
    }
}

/// Loads what is installed. Every fault is a line of the error.
pub(crate) fn load(options: Options) -> Result<Standards, Stop> {
    Standards::load(options).map_err(|error| faulty(&error))
}

/// Faults in what is installed, each a line.
pub(crate) fn faulty(error: &LoadError) -> Stop {
    let what = match error.faults.len() {
        1 => "1 fault in the standards".to_owned(),
        n => format!("{n} faults in the standards"),
    };
    let details = error.faults.iter().map(ToString::to_string).collect();
    Stop::usage(error.code(), what).with_details(details)
}

/// The folders of standards that are meant: those named, then those of the configuration.
pub(crate) fn folders(paths: &StandardPaths) -> Result<Vec<PathBuf>, Stop> {
    let mut folders = paths.paths.clone();
    if let Some(file) = &paths.config {
        let configured = configuration::read(Some(file))?.standards.paths;
        folders.extend(configured.into_iter().filter(|path| !paths.paths.contains(path)));
    }
    Ok(folders)
}
