//! Backups of a ledger in a file, and ledgers from backups.
//!
//! A copy is made by SQLite itself, so that a dispatcher may work on meanwhile. A restored one is made
//! ready beside its place; while it is moved there, a file says that the ledger is not whole, so that
//! nobody takes what lies there for it.

use std::{
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use messaging::{
    ChannelName, Failure, FailureKind, GroupId, Partition, Position, Result, Timestamp, fault,
};
use rusqlite::{Connection, OpenFlags, params};

use super::{load::damaged, schema::SCHEMA};
use crate::{
    codes,
    ledger::restore::{Backup, NUMBERS_SKIPPED, Restored, epoch_at},
    sqlite::{self, beside},
};

/// What is written and not complete.
const PART: &str = ".part";
/// Ready to be moved into its place: as long as it is there, what lies in that place is not whole.
const READY: &str = ".restoring";
/// What was there before, and when.
const KEPT: &str = ".before-restore-";
/// A store's files.
const FILES: [&str; 3] = ["", "-wal", "-shm"];
/// At one second.
const KEPT_MAX: u32 = 1_000;

/// Refuses a ledger of which only a part was moved.
pub(super) fn refuse_half_done(path: &Path) -> Result<()> {
    let ready = beside(path, READY);
    if !ready.exists() {
        return Ok(());
    }
    let text = format!("a restore was cut short while `{}` was moved", ready.display());
    Err(FailureKind::Defect.because(codes::RESTORE_HALF_DONE, text))
}

pub(super) fn back_up(path: &Path, to: &Path) -> Result<Backup> {
    refuse_half_done(path)?;
    if to.exists() {
        let error = io::Error::from(io::ErrorKind::AlreadyExists);
        return Err(unwritable(to)(error));
    }
    let part = beside(to, PART);
    copy(path, &part)?;
    let backup = described(&part)?;
    fs::rename(&part, to).and_then(|()| sync_folder(to)).map_err(unwritable(to))?;
    Ok(backup)
}

pub(super) fn restore(from: &Path, path: &Path, at: Timestamp) -> Result<Restored> {
    if from == path {
        refuse_half_done(path)?;
    }
    let part = beside(path, PART);
    copy(from, &part)?;
    let mut restored = begin_epoch(&part, present(path), at)?;
    let ready = beside(path, READY);
    fs::rename(&part, &ready).and_then(|()| sync_folder(path)).map_err(unwritable(&ready))?;
    restored.kept = set_aside(path, at)?;
    fs::rename(&ready, path).and_then(|()| sync_folder(path)).map_err(unwritable(path))?;
    Ok(restored)
}

/// Copies a ledger that is sound to the new file `to`, durably. Who else has it open is not disturbed.
fn copy(from: &Path, to: &Path) -> Result<()> {
    // Only what nobody may call a ledger yet is written over.
    for file in FILES {
        match fs::remove_file(beside(to, file)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(unwritable(to)(error));
            }
            _ => {}
        }
    }
    let failure = SCHEMA.failure();
    if !from.is_file() {
        let text = format!("`{}` is no file", from.display());
        return Err(FailureKind::Unavailable.because(codes::LEDGER.unavailable, text));
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE;
    let source = Connection::open_with_flags(from, flags).map_err(&failure)?;
    source.busy_timeout(std::time::Duration::from_secs(5)).map_err(&failure)?;
    sqlite::check(&source, &SCHEMA)?;
    examine(&source)?;
    // It holds personal data, and is nobody else's.
    let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(to);
    made.map_err(unwritable(to))?;
    let Some(name) = to.to_str() else {
        return Err(unwritable(to)(io::Error::from(io::ErrorKind::InvalidFilename)));
    };
    source
        .execute("VACUUM INTO ?1", [name])
        .map_err(|error| FailureKind::Unavailable.because(codes::BACKUP_UNWRITABLE, error))?;
    File::open(to).and_then(|file| file.sync_all()).map_err(unwritable(to))
}

/// Every page, every index.
fn examine(connection: &Connection) -> Result<()> {
    let told: String = connection
        .query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))
        .map_err(SCHEMA.failure())?;
    if told == "ok" {
        return Ok(());
    }
    Err(FailureKind::Defect.because(codes::LEDGER.corrupt, told))
}

fn described(path: &Path) -> Result<Backup> {
    let describe = || -> rusqlite::Result<Backup> {
        let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        let (ledger, epoch) = named(&connection)?;
        Ok(Backup { ledger, epoch, bytes: 0, positions: positions(&connection)? })
    };
    let backup = describe().map_err(SCHEMA.failure())?;
    let bytes = fs::metadata(path).map_err(unwritable(path))?.len();
    Ok(Backup { bytes, ..backup })
}

/// The ledger that is in the place now, as far as it can be read at all.
fn present(path: &Path) -> Option<(GroupId, u32)> {
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE).ok()?;
    named(&connection).ok()
}

pub(super) fn named(connection: &Connection) -> rusqlite::Result<(GroupId, u32)> {
    connection.query_row("SELECT ledger_id, epoch FROM meta", [], |row| {
        let id: String = row.get(0)?;
        let id = GroupId::new(id).map_err(|error| damaged(0, error))?;
        Ok((id, row.get(1)?))
    })
}

/// Makes the copy what a restored ledger is, in one transaction; closed and durable on return.
fn begin_epoch(path: &Path, present: Option<(GroupId, u32)>, at: Timestamp) -> Result<Restored> {
    let failure = SCHEMA.failure();
    let mut connection = sqlite::open(path, &SCHEMA)?;
    let (ledger, epoch) = named(&connection).map_err(&failure)?;
    if let Some((present, _)) = present.as_ref().filter(|(present, _)| *present != ledger) {
        let text = format!("the backup is of {ledger}, and {present} is in its place");
        return Err(FailureKind::Defect.because(codes::BACKUP_FOREIGN, text));
    }
    let last = present.map_or(0, |(_, epoch)| epoch).max(epoch);
    let epoch = last.saturating_add(1).max(epoch_at(at));
    let restored = unsettle(&mut connection, ledger, epoch, at).map_err(&failure)?;
    // Into the file itself: what is moved is one file.
    connection
        .pragma_update(None, "journal_mode", "DELETE")
        .and_then(|()| connection.close().map_err(|(_, error)| error))
        .map_err(&failure)?;
    File::open(path).and_then(|file| file.sync_all()).map_err(unwritable(path))?;
    Ok(restored)
}

fn unsettle(
    connection: &mut Connection,
    ledger: GroupId,
    epoch: u32,
    at: Timestamp,
) -> rusqlite::Result<Restored> {
    let sql = connection.transaction()?;
    sql.execute(
        "UPDATE meta SET epoch = ?1, delivery_last = ?2 +
            max(delivery_last, coalesce((SELECT max(id) FROM delivery), 0))",
        params![epoch, NUMBERS_SKIPPED],
    )?;
    // Where channels end is looked up before anything is admitted in the new epoch.
    sql.execute("DELETE FROM floor", [])?;
    // What was handed out is among what is not final.
    sql.execute("DELETE FROM intent", [])?;
    let open = "state NOT IN ('delivered', 'rejected', 'discarded')";
    let mut uncertain = 0;
    if !fault::is_on("restored-pending") {
        let noted = format!(
            "INSERT INTO attempt
             SELECT id, version + 1, attempts + 1, ?1, ?1, 'restored', NULL, NULL, NULL
             FROM delivery INDEXED BY delivery_open WHERE {open}"
        );
        uncertain = sql.execute(&noted, [at.0])?;
        let left = format!(
            "UPDATE delivery INDEXED BY delivery_open
             SET state = 'uncertain', version = version + 1, next_at = NULL, first_attempt_at = NULL
             WHERE {open}"
        );
        sql.execute(&left, [])?;
    }
    let paused = {
        let mut paused = sql.prepare(
            "SELECT e.name FROM endpoint_state s JOIN endpoint e ON e.id = s.endpoint ORDER BY 1",
        )?;
        paused.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<Vec<String>>>()?
    };
    let positions = positions(&sql)?;
    sql.commit()?;
    let uncertain = u64::try_from(uncertain).unwrap_or(u64::MAX);
    Ok(Restored { ledger, epoch, uncertain, paused, positions, kept: None })
}

pub(super) fn positions(connection: &Connection) -> rusqlite::Result<Vec<Position>> {
    let mut statement = connection
        .prepare("SELECT channel, number, next FROM partition ORDER BY channel, number")?;
    let rows = statement.query_map([], |row| {
        let channel: String = row.get(0)?;
        let channel = ChannelName::new(channel).map_err(|error| damaged(0, error))?;
        let offset = row.get::<_, i64>(2)?.unsigned_abs();
        Ok(Position { partition: Partition { channel, number: row.get(1)? }, offset })
    })?;
    rows.collect()
}

/// Keeps what was there, with its log, under a name that says when.
fn set_aside(path: &Path, at: Timestamp) -> Result<Option<PathBuf>> {
    let named = |n: u32| {
        let seconds = at.0.div_euclid(1_000_000);
        let again = if n == 0 { String::new() } else { format!("-{n}") };
        beside(path, &format!("{KEPT}{seconds}{again}"))
    };
    let kept = (0..KEPT_MAX).map(named).find(|kept| !kept.exists());
    let kept = kept.ok_or_else(|| unwritable(path)(io::ErrorKind::AlreadyExists.into()))?;
    let mut is_there = false;
    for file in FILES {
        match fs::rename(beside(path, file), beside(&kept, file)) {
            Ok(()) => is_there = true,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(unwritable(&kept)(error)),
        }
    }
    sync_folder(path).map_err(unwritable(path))?;
    Ok(is_there.then_some(kept))
}

fn sync_folder(of: &Path) -> io::Result<()> {
    let folder = of.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

fn unwritable(path: &Path) -> impl Fn(io::Error) -> Failure {
    let path = path.display().to_string();
    move |error| {
        FailureKind::Unavailable.because(codes::BACKUP_UNWRITABLE, format!("`{path}`: {error}"))
    }
}

#[cfg(test)]
mod tests;
