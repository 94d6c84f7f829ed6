//! SQLite as every store here uses it: one file, one schema, one thread that holds the connection.

use std::{
    fmt,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    thread::JoinHandle,
};

use messaging::{Failure, FailureKind, Result};
use rusqlite::{Connection, ErrorCode};
use tokio::sync::{mpsc, oneshot};

/// Bytes of the write-ahead log after which its pages go into the file.
const WAL_BYTES: u32 = 16 << 20;
/// Jobs waiting for a thread; callers beyond wait for a place.
const QUEUE_MAX: usize = 256;

/// What a file must be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Schema {
    /// For people, e.g. `ledger`.
    pub(crate) what: &'static str,
    /// `PRAGMA application_id`.
    pub(crate) application_id: i32,
    /// `PRAGMA user_version`.
    pub(crate) version: i32,
    /// Bytes of a page of a new file. Large ones suit rows of some KiB that come one behind the
    /// other; small ones suit small rows and indexes, where each change writes a page.
    pub(crate) page_bytes: u32,
    /// Make the tables; what a migration only adds stands in both.
    pub(crate) sql: &'static [&'static str],
    /// What makes version n + 2 of version n + 1, by n; the last one makes `version`.
    pub(crate) migrations: &'static [&'static str],
    /// `FULL` where a commit is a promise.
    pub(crate) synchronous: &'static str,
    /// What its faults are called.
    pub(crate) codes: Codes,
}

/// What the faults of a file are called.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Codes {
    /// Cannot be opened.
    pub(crate) unavailable: &'static str,
    /// Is something else.
    pub(crate) foreign: &'static str,
    /// Was written by a newer version.
    pub(crate) newer: &'static str,
    /// Is damaged.
    pub(crate) corrupt: &'static str,
    /// Cannot be written or read now.
    pub(crate) write: &'static str,
    /// Its thread is gone.
    pub(crate) gone: &'static str,
}

impl Schema {
    /// Maps what SQLite says to what happens next; the one place for a store's file.
    pub(crate) fn failure(self) -> impl Fn(rusqlite::Error) -> Failure {
        move |error| {
            let (kind, code) = match error.sqlite_error_code() {
                Some(ErrorCode::NotADatabase) => (FailureKind::Defect, self.codes.foreign),
                Some(
                    ErrorCode::DiskFull
                    | ErrorCode::SystemIoFailure
                    | ErrorCode::ReadOnly
                    | ErrorCode::DatabaseBusy
                    | ErrorCode::DatabaseLocked
                    | ErrorCode::OutOfMemory,
                ) => (FailureKind::Unavailable, self.codes.write),
                Some(ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
                    (FailureKind::Unavailable, self.codes.unavailable)
                }
                _ => (FailureKind::Defect, self.codes.corrupt),
            };
            kind.because(code, error)
        }
    }
}

/// Opens `path` as `schema` says, or makes it where nothing is. An empty file is not nothing: it was
/// a store once, and a new one in its place would forget what was delivered.
pub(crate) fn open(path: &Path, schema: &Schema) -> Result<Connection> {
    let failure = schema.failure();
    match fs::metadata(path) {
        Ok(file) if file.len() == 0 => return Err(damaged(schema, "its file is empty")),
        Ok(_) => {}
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(FailureKind::Unavailable.because(schema.codes.unavailable, error));
        }
        Err(_) if beside(path, "-wal").exists() => {
            return Err(damaged(schema, "its file is missing, but the write-ahead log is there"));
        }
        Err(_) => make(path, schema)?,
    }
    let mut connection = Connection::open(path).map_err(&failure)?;
    let found = check(&connection, schema)?;
    if found < schema.version {
        connection.pragma_update(None, "synchronous", "FULL").map_err(&failure)?;
        migrate(&mut connection, schema, found).map_err(&failure)?;
    }
    settle_in(&connection, schema).map_err(&failure)?;
    Ok(connection)
}

/// Makes the file under another name first: a start that is cut short leaves none that looks done.
fn make(path: &Path, schema: &Schema) -> Result<()> {
    let unavailable = |error| FailureKind::Unavailable.because(schema.codes.unavailable, error);
    let hidden = beside(path, ".new");
    match fs::remove_file(&hidden) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(unavailable(error)),
        _ => {}
    }
    let mut connection = Connection::open(&hidden).map_err(schema.failure())?;
    fill(&mut connection, schema).map_err(schema.failure())?;
    connection.close().map_err(|(_, error)| schema.failure()(error))?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    fs::rename(&hidden, path)
        .and_then(|()| File::open(folder.unwrap_or(Path::new(".")))?.sync_all())
        .map_err(unavailable)
}

fn fill(connection: &mut Connection, schema: &Schema) -> rusqlite::Result<()> {
    // Can only be chosen before the first table.
    connection.pragma_update(None, "page_size", schema.page_bytes)?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    let transaction = connection.transaction()?;
    for tables in schema.sql {
        transaction.execute_batch(tables)?;
    }
    transaction.pragma_update(None, "application_id", schema.application_id)?;
    transaction.pragma_update(None, "user_version", schema.version)?;
    transaction.commit()
}

/// `path` with more at the end of its name.
pub(crate) fn beside(path: &Path, more: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(more);
    name.into()
}

fn damaged(schema: &Schema, why: &str) -> Failure {
    let what = schema.what;
    FailureKind::Defect.because(schema.codes.corrupt, format!("the {what} is damaged: {why}"))
}

/// Takes over a file of a former version, all steps or none.
fn migrate(connection: &mut Connection, schema: &Schema, found: i32) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    for (step, version) in schema.migrations.iter().zip(1..) {
        if found <= version {
            transaction.execute_batch(step)?;
        }
    }
    transaction.pragma_update(None, "user_version", schema.version)?;
    transaction.commit()
}

/// The version found, which is at most the one this program knows.
pub(crate) fn check(connection: &Connection, schema: &Schema) -> Result<i32> {
    let pragma = |name: &str| -> Result<i32> {
        connection
            .query_row(&format!("PRAGMA {name}"), [], |row| row.get(0))
            .map_err(schema.failure())
    };
    let (id, version) = (pragma("application_id")?, pragma("user_version")?);
    let what = schema.what;
    if id != schema.application_id {
        let text = format!("the file is no {what}: application id {id:#x}");
        return Err(FailureKind::Defect.because(schema.codes.foreign, text));
    }
    if !(1..=schema.version).contains(&version) {
        let known = schema.version;
        let text = format!("the {what} has version {version}, this program knows {known}");
        return Err(FailureKind::Defect.because(schema.codes.newer, text));
    }
    Ok(version)
}

fn settle_in(connection: &Connection, schema: &Schema) -> rusqlite::Result<()> {
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", schema.synchronous)?;
    // Those of a file made by another version may be of another size.
    let page_bytes: u32 = connection.pragma_query_value(None, "page_size", |row| row.get(0))?;
    connection.pragma_update(None, "wal_autocheckpoint", WAL_BYTES / page_bytes.max(512))?;
    connection.pragma_update(None, "cache_size", -16_384)?;
    connection.busy_timeout(std::time::Duration::from_secs(5))?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(())
}

type Job = Box<dyn FnOnce(&mut Connection) + Send>;

/// A connection that async code can use; cheap to clone.
#[derive(Clone)]
pub(crate) struct Database {
    holder: Arc<Holder>,
    schema: Schema,
}

enum Holder {
    Thread(Worker),
    Inline(Mutex<Connection>),
}

struct Worker {
    /// `None` only while dropping.
    jobs: Option<mpsc::Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Database {
    /// Gives the connection to a thread of its own, joined when the last handle goes.
    pub(crate) fn threaded(name: &str, connection: Connection, schema: &Schema) -> Result<Self> {
        let (jobs, mut queue) = mpsc::channel::<Job>(QUEUE_MAX);
        let mut connection = connection;
        let thread = std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || {
                while let Some(job) = queue.blocking_recv() {
                    job(&mut connection);
                }
            })
            .map_err(|error| FailureKind::Unavailable.because(schema.codes.gone, error))?;
        let worker = Worker { jobs: Some(jobs), thread: Some(thread) };
        Ok(Self { holder: Arc::new(Holder::Thread(worker)), schema: *schema })
    }

    /// Uses the connection on the caller's thread.
    pub(crate) fn inline(connection: Connection, schema: &Schema) -> Self {
        Self { holder: Arc::new(Holder::Inline(Mutex::new(connection))), schema: *schema }
    }

    /// Runs `work` on the connection. A dropped call is still carried out.
    pub(crate) async fn call<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T> {
        let outcome = match self.holder.as_ref() {
            Holder::Inline(connection) => {
                let mut connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
                work(&mut connection)
            }
            Holder::Thread(worker) => worker.call(work).await.ok_or_else(|| self.gone())?,
        };
        outcome.map_err(self.schema.failure())
    }

    fn gone(&self) -> Failure {
        let text = format!("the {}'s thread has ended", self.schema.what);
        FailureKind::Defect.because(self.schema.codes.gone, text)
    }
}

impl Worker {
    async fn call<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Option<rusqlite::Result<T>> {
        let (answer, answered) = oneshot::channel();
        let job: Job = Box::new(move |connection| {
            // The caller may have gone; the work is done all the same.
            answer.send(work(connection)).ok();
        });
        self.jobs.as_ref()?.send(job).await.ok()?;
        answered.await.ok()
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take()
            && thread.thread().id() != std::thread::current().id()
        {
            thread.join().ok();
        }
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Database").field("what", &self.schema.what).finish_non_exhaustive()
    }
}
