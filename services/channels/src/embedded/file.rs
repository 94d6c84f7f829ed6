//! The file of an embedded channel: made whole or not at all, checked before it is trusted.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
    time::Duration,
};

use messaging::{ChannelName, Failure, FailureKind, GroupId, Result};
use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::{
    Durability,
    state::{Extent, Extents, Progress, State},
    wal,
};
use crate::codes;

/// The file's name in the data directory.
pub(super) const NAME: &str = "channel.sqlite";
const LOCK_NAME: &str = "lock";

/// `amch`.
const APPLICATION_ID: i32 = 0x616d_6368;
const VERSION: i32 = 1;
/// After an unclean end, files up to this size are read whole before they are trusted. Larger ones
/// are checked record by record as they are read, as all are.
const CHECK_BYTES_MAX: u64 = 64 << 20;
/// How long one connection waits for another, e.g. for a checkpoint.
const BUSY_MAX: Duration = Duration::from_secs(5);
/// Statements kept per connection: two per busy channel.
const STATEMENTS_MAX: usize = 256;

const SCHEMA: &str = "
    CREATE TABLE channel(
        id INTEGER PRIMARY KEY,
        name TEXT NOT NULL UNIQUE,
        start INTEGER NOT NULL,
        next INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE progress(
        reader TEXT NOT NULL,
        channel INTEGER NOT NULL,
        next INTEGER NOT NULL,
        PRIMARY KEY(reader, channel)
    ) STRICT, WITHOUT ROWID;
";

/// Keeps other processes off a data directory. Its file holds the process id while it works, so
/// that an unclean end can be told from a clean one.
#[derive(Debug)]
pub struct DirectoryLock {
    file: File,
    was_unclean: bool,
    leaves_mark: bool,
}

impl DirectoryLock {
    /// Takes the lock of `dir`, which is made if it is not there.
    ///
    /// # Errors
    /// `Defect`: another process has it. `Unavailable`: the folder cannot be used.
    pub fn take(dir: &Path) -> Result<Self> {
        let unusable = |error: io::Error| {
            let cause = format!("data directory `{}`: {error}", dir.display());
            FailureKind::Unavailable.because(codes::DIRECTORY_UNUSABLE, cause)
        };
        make_directory(dir).map_err(unusable)?;
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let mut file = options.open(dir.join(LOCK_NAME)).map_err(unusable)?;
        // A process id has 10 digits at most; whatever else is in there is of no interest.
        let mut holder = String::new();
        let read = (&file).take(20).read_to_string(&mut holder);
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let (dir, holder) = (dir.display(), holder.trim());
                let cause = format!("data directory `{dir}` is in use by process {holder}");
                return Err(FailureKind::Defect.because(codes::DIRECTORY_IN_USE, cause));
            }
            Err(TryLockError::Error(error)) => return Err(unusable(error)),
        }
        let was_unclean = read.is_err() || !holder.is_empty();
        file.set_len(0).map_err(unusable)?;
        io::Seek::rewind(&mut file).map_err(unusable)?;
        writeln!(file, "{}", std::process::id()).map_err(unusable)?;
        Ok(Self { file, was_unclean, leaves_mark: false })
    }

    /// For one who works on something else in the folder: that the last holder ended without letting go
    /// stays to be seen by the next.
    #[must_use]
    pub fn leaving_mark(mut self) -> Self {
        self.leaves_mark = self.was_unclean;
        self
    }

    /// Whether the last holder ended without letting go.
    pub(super) fn was_unclean(&self) -> bool {
        self.was_unclean
    }
}

impl Drop for DirectoryLock {
    fn drop(&mut self) {
        if !self.leaves_mark {
            // At worst the next start checks more than it needs to.
            self.file.set_len(0).ok();
        }
    }
}

/// Applications are nobody else's business, so the directory is made for its owner alone.
fn make_directory(dir: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(dir)
}

/// Opens the channel's file in `dir` for writing, or makes it.
pub(super) fn open(dir: &Path, durability: Durability, was_unclean: bool) -> Result<Connection> {
    let path = dir.join(NAME);
    let log = dir.join(format!("{NAME}-wal"));
    match fs::metadata(&path) {
        Ok(file) if file.len() == 0 => return Err(damaged("the file is empty")),
        Ok(_) => {}
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(unreadable(&error)),
        Err(_) if log.exists() => {
            return Err(damaged("the file is missing, but its write-ahead log is there"));
        }
        Err(_) => make(dir, &path)?,
    }
    wal::check(&log)?;
    let connection = Connection::open_with_flags(
        &path,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )
    .map_err(failure)?;
    check_kind(&connection)?;
    settle_in(&connection, durability).map_err(failure)?;
    let size = fs::metadata(&path).map_err(|error| unreadable(&error))?.len();
    if was_unclean && size <= CHECK_BYTES_MAX {
        let verdict: String =
            connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)).map_err(failure)?;
        if verdict != "ok" {
            return Err(damaged(&verdict));
        }
    }
    Ok(connection)
}

/// A connection that cannot write.
pub(super) fn open_reader(path: &Path) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(failure)?;
    connection.busy_timeout(BUSY_MAX).map_err(failure)?;
    Ok(connection)
}

/// What is in the file, checked against itself: the first and last record of each channel must be
/// where its row says.
pub(super) fn load(connection: &Connection) -> Result<State> {
    let mut extents = Extents::new();
    let mut statement =
        connection.prepare("SELECT id, name, start, next FROM channel").map_err(failure)?;
    let mut rows = statement.query([]).map_err(failure)?;
    while let Some(row) = rows.next().map_err(failure)? {
        let name: String = row.get(1).map_err(failure)?;
        let name = ChannelName::new(name).map_err(|error| damaged(&error.to_string()))?;
        let number = |column| row.get::<_, i64>(column).map(i64::cast_unsigned).map_err(failure);
        let extent =
            Extent { id: row.get(0).map_err(failure)?, start: number(2)?, end: number(3)? };
        check_extent(connection, &name, &extent)?;
        extents.insert(name, extent);
    }
    let progress = load_progress(connection, &extents)?;
    Ok(State { extents, progress, ..State::default() })
}

fn check_extent(connection: &Connection, name: &ChannelName, extent: &Extent) -> Result<()> {
    // One statement each: asked for together, they would make SQLite read the whole table.
    let bound = |what: &str| {
        let sql = format!("SELECT {what} FROM record_{}", extent.id);
        let offset = connection.query_row(&sql, [], |row| row.get::<_, Option<i64>>(0));
        offset.map(|o| o.map_or(extent.end, i64::cast_unsigned)).map_err(failure)
    };
    let (first, end) = (bound("min(offset)")?, bound("max(offset) + 1")?);
    if (first, end) == (extent.start, extent.end) {
        return Ok(());
    }
    let Extent { start, end: next, .. } = extent;
    Err(damaged(&format!("`{name}` should hold offsets {start}..{next} and holds {first}..{end}")))
}

fn load_progress(connection: &Connection, extents: &Extents) -> Result<Progress> {
    let mut progress = Progress::new();
    let mut statement =
        connection.prepare("SELECT reader, channel, next FROM progress").map_err(failure)?;
    let mut rows = statement.query([]).map_err(failure)?;
    while let Some(row) = rows.next().map_err(failure)? {
        let reader: String = row.get(0).map_err(failure)?;
        let reader = GroupId::new(reader).map_err(|error| damaged(&error.to_string()))?;
        let id: i64 = row.get(1).map_err(failure)?;
        let next = row.get::<_, i64>(2).map_err(failure)?.cast_unsigned();
        let channel = extents.iter().find(|(_, extent)| extent.id == id);
        if let Some((channel, _)) = channel {
            progress.insert((reader, channel.clone()), next);
        }
    }
    Ok(progress)
}

/// Makes the file under another name first: a start that is cut short leaves none that looks done.
fn make(dir: &Path, path: &Path) -> Result<()> {
    let hidden: PathBuf = dir.join(format!("{NAME}.new"));
    match fs::remove_file(&hidden) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(unwritable(&error)),
        _ => {}
    }
    let connection = Connection::open(&hidden).map_err(failure)?;
    let fill = || -> rusqlite::Result<()> {
        // 16 KiB pages halve the cost of a 2 KiB record; chosen before the first table or never.
        connection.pragma_update(None, "page_size", 16_384)?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.execute_batch(SCHEMA)?;
        connection.pragma_update(None, "application_id", APPLICATION_ID)?;
        connection.pragma_update(None, "user_version", VERSION)
    };
    fill().map_err(failure)?;
    connection.close().map_err(|(_, error)| failure(error))?;
    fs::rename(&hidden, path)
        .and_then(|()| File::open(dir)?.sync_all())
        .map_err(|error| unwritable(&error))
}

fn check_kind(connection: &Connection) -> Result<()> {
    let pragma = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i32>(0));
    let id = pragma("application_id").map_err(failure)?;
    if id != APPLICATION_ID {
        let cause = format!("`{NAME}` is an SQLite file of something else, application id {id:#x}");
        return Err(FailureKind::Defect.because(codes::FILE_FOREIGN, cause));
    }
    let version = pragma("user_version").map_err(failure)?;
    if version != VERSION {
        let cause = format!("`{NAME}` has version {version}, this program knows {VERSION}");
        return Err(FailureKind::Defect.because(codes::FILE_NEWER, cause));
    }
    Ok(())
}

/// Makes a transaction write the file's first page, though nothing in it changes.
pub(super) fn touch(transaction: &rusqlite::Transaction<'_>) -> rusqlite::Result<()> {
    transaction.pragma_update(None, "user_version", VERSION)
}

fn settle_in(connection: &Connection, durability: Durability) -> rusqlite::Result<()> {
    let synchronous = match durability {
        Durability::Full => "FULL",
        Durability::OffForTests => "OFF",
    };
    connection.busy_timeout(BUSY_MAX)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", synchronous)?;
    // KiB. Appends touch the last pages only; a cache beyond that would keep what nobody reads.
    connection.pragma_update(None, "cache_size", -8_192)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    Ok(())
}

/// Maps what SQLite says to what happens next; the one place for this file.
pub(super) fn failure(error: rusqlite::Error) -> Failure {
    let (kind, code) = match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => (FailureKind::Unavailable, codes::DISK_FULL),
        Some(ErrorCode::NotADatabase) => (FailureKind::Defect, codes::FILE_FOREIGN),
        Some(
            ErrorCode::SystemIoFailure
            | ErrorCode::ReadOnly
            | ErrorCode::CannotOpen
            | ErrorCode::PermissionDenied
            | ErrorCode::AuthorizationForStatementDenied
            | ErrorCode::DatabaseBusy
            | ErrorCode::DatabaseLocked
            | ErrorCode::OperationInterrupted
            | ErrorCode::OutOfMemory,
        ) => (FailureKind::Unavailable, codes::FILE_UNAVAILABLE),
        _ => (FailureKind::Defect, codes::FILE_DAMAGED),
    };
    kind.because(code, error)
}

pub(super) fn damaged(why: &str) -> Failure {
    FailureKind::Defect.because(codes::FILE_DAMAGED, format!("`{NAME}`: {why}"))
}

pub(super) fn unreadable(error: &io::Error) -> Failure {
    FailureKind::Unavailable.because(codes::FILE_UNAVAILABLE, format!("`{NAME}`: {error}"))
}

fn unwritable(error: &io::Error) -> Failure {
    let is_full = matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge
    );
    let code = if is_full { codes::DISK_FULL } else { codes::FILE_UNAVAILABLE };
    FailureKind::Unavailable.because(code, format!("`{NAME}`: {error}"))
}
