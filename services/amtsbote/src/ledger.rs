//! `amtsbote ledger`: backups of the truth about deliveries, and going on with one.

use std::path::{Path, PathBuf};

use channels::embedded::DirectoryLock;
use messaging::{Clock, Failure, Position};
use serde_json::{Value, json};
use stores::{
    PostgresSettings,
    ledger::{Backup, PgLedger, Restored, SqliteLedger},
};

use crate::{
    check,
    cli::{Language, Ledger},
    codes,
    config::{ChannelBackend, Config, StoreBackend},
    exit::{Exit, Stop},
    output::Output,
    runtime,
    system::open::LEDGER_FILE,
};

/// Runs the command.
pub(crate) fn run(
    command: &Ledger,
    clock: &Clock,
    language: Language,
    output: &Output,
) -> Result<Exit, Stop> {
    match command {
        Ledger::Backup { file, config } => {
            let backup = back_up(&check::read(config.as_deref())?, file)?;
            show_backup(&backup, file, language, output);
        }
        Ledger::Restore { file, config } => {
            let config = check::read(config.as_deref())?;
            let restored = restore(&config, file.as_deref(), clock)?;
            show_restored(&restored, language, output);
        }
    }
    Ok(Exit::Done)
}

fn back_up(config: &Config, file: &Path) -> Result<Backup, Stop> {
    match &config.store {
        StoreBackend::Embedded(_) => stop(SqliteLedger::back_up(&ledger_of(config), file)),
        StoreBackend::Postgres(_) => {
            let what = "the ledger lies on PostgreSQL: back it up there, with `pg_dump`";
            Err(Stop::usage(codes::LEDGER_ELSEWHERE, what))
        }
    }
}

fn restore(config: &Config, file: Option<&Path>, clock: &Clock) -> Result<Restored, Stop> {
    match (&config.store, file) {
        (StoreBackend::Embedded(_), file) => {
            let path = ledger_of(config);
            let _locks = locks(config)?;
            stop(SqliteLedger::restore(file.unwrap_or(&path), &path, clock.now()))
        }
        (StoreBackend::Postgres(database), None) => begin_epoch(&database.settings, clock),
        (StoreBackend::Postgres(_), Some(_)) => {
            let what = "the ledger lies on PostgreSQL: restore the database there, and then order \
                        this without a file";
            Err(Stop::usage(codes::LEDGER_ELSEWHERE, what))
        }
    }
}

fn begin_epoch(settings: &PostgresSettings, clock: &Clock) -> Result<Restored, Stop> {
    stop(runtime()?.block_on(PgLedger::restore(settings, clock.now())))
}

pub(crate) fn ledger_of(config: &Config) -> PathBuf {
    let folder = config.store.own_folder().unwrap_or(Path::new(""));
    folder.join(LEDGER_FILE)
}

/// Those that a dispatcher holds while it runs, whatever channel it has.
pub(crate) fn locks(config: &Config) -> Result<Vec<DirectoryLock>, Stop> {
    let mut folders: Vec<&Path> = config.store.own_folder().into_iter().collect();
    if let ChannelBackend::Embedded(backend) = &config.channel {
        folders.push(backend.folder());
    }
    folders.dedup();
    let locks = folders.into_iter().map(DirectoryLock::take);
    stop(locks.map(|lock| lock.map(DirectoryLock::leaving_mark)).collect())
}

fn stop<T>(done: Result<T, Failure>) -> Result<T, Stop> {
    done.map_err(|failure| Stop::at_start(&failure))
}

pub(crate) fn positions(positions: &[Position]) -> Vec<Value> {
    let told = positions.iter().map(|Position { partition, offset }| {
        json!({ "channel": partition.channel.as_str(), "partition": partition.number, "next": offset })
    });
    told.collect()
}

pub(crate) fn show_positions(positions: &[Position], output: &Output) {
    for Position { partition, offset } in positions {
        output.line(format_args!("  {partition} {offset}"));
    }
}

fn show_backup(backup: &Backup, file: &Path, language: Language, output: &Output) {
    let Backup { ledger, epoch, bytes, positions: at } = backup;
    if output.is_json {
        output.json(&json!({ "backup": {
            "file": file, "ledger": ledger.as_str(), "epoch": epoch, "bytes": bytes,
            "positions": positions(at),
        }}));
        return;
    }
    let file = file.display();
    let word = language.of("gesichert nach", "backed up to");
    output.line(format_args!("{ledger} (epoch {epoch}) {word} {file}, {bytes} bytes"));
    show_positions(at, output);
}

fn show_restored(restored: &Restored, language: Language, output: &Output) {
    let Restored { ledger, epoch, uncertain, paused, positions: at, kept } = restored;
    if output.is_json {
        output.json(&json!({ "restored": {
            "ledger": ledger.as_str(), "epoch": epoch, "uncertain": uncertain, "paused": paused,
            "positions": positions(at), "kept": kept,
        }}));
        return;
    }
    let word = language.of("wiederhergestellt", "restored");
    output.line(format_args!("{ledger} {word} (epoch {epoch})"));
    let word = language.of("Zustellungen sind jetzt ungewiss", "deliveries are uncertain now");
    output.line(format_args!("  {uncertain} {word}"));
    if !paused.is_empty() {
        let word = language.of("angehalten wie in der Sicherung", "paused as in the backup");
        output.line(format_args!("  {word}: {}", paused.join(", ")));
    }
    if let Some(kept) = kept {
        let word = language.of("der bisherige Stand liegt in", "what was there before lies in");
        output.line(format_args!("  {word} {}", kept.display()));
    }
    let word = language.of(
        "Was dahinter liegt, wird beim nächsten Start noch einmal gelesen und ist ungewiss:",
        "What lies beyond is read again at the next start, and is uncertain:",
    );
    output.line(word);
    show_positions(at, output);
}
